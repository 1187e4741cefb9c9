//! `spec/egress.md` 5.3, cases 1 and 2: names whose addresses are mixed, change, or lead inward by a chain; and name
//! servers that fail. A name server on loopback gives the answers over the wire.
//!
//! **Decision for case 1.** One bad address refuses the whole name. The good half is not used.
//!
//! **How a dial would show.** Wherever an answer leads inward, a receiver listens there, on the port that is called; and
//! public addresses are never alone in an answer that is meant to be dialled.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::phases::Phase;
use crate::policy::Policy;
use crate::refused::{Refused, UNIFORM_REFUSAL};
use crate::resolve::ResolveError;
use crate::send::{Answer, Outgoing, SendError, SendErrorKind, SendLimits};
use crate::upstream::UpstreamError;
use crate::url::{Destination, parse};
use crate::zoo::name_server::NameServer;
use crate::zoo::{Act, Receiver, SHORT};
use crate::{Egress, EgressConfig};

/// Time that no test should need, so that a call that hangs fails its test.
const LONG: SendLimits = SendLimits { deadline: Duration::from_secs(20), response_bytes_max: 1024 };

/// Answers once and closes, so that the next call must look the name up again.
fn once() -> Act {
    Act::AnswerOnce(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_vec())
}

/// An egress that asks this name server, through the settings that an operator has.
fn egress(server: &NameServer, exceptions: &[String]) -> Egress {
    let policy = Policy::new(exceptions.iter().map(|text| text.parse().unwrap()).collect());
    let config = EgressConfig { policy, name_servers: vec![server.address], ..EgressConfig::default() };
    Egress::new(config).unwrap()
}

async fn call(egress: &Egress, destination: &Destination, limits: SendLimits) -> Result<Answer, SendError> {
    let destination = destination.clone();
    let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
    egress.send(Outgoing { destination, method: Method::POST, headers, body }, limits).await
}

/// A receiver on a second address of loopback, on the same port.
fn beside(first: &Receiver) -> Receiver {
    Receiver::plain_at(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), first.address.port())), once())
}

/// Opens the receiver's port to public addresses, and to 127.0.0.1; 127.0.0.2 stays shut.
fn exceptions(port: u16) -> [String; 3] {
    [format!("127.0.0.1/32:{port}+http"), format!("0.0.0.0/0:{port}+http"), format!("::/0:{port}+http")]
}

#[tokio::test]
async fn case_1_and_2_one_bad_address_in_any_answer_refuses_the_whole_name() {
    let inside = Receiver::plain(once());
    let port = inside.address.port();
    let server = NameServer::start(&[
        ("both.example", &[&["A 8.8.8.8", "A 127.0.0.1"]]),
        ("other-way.example", &[&["A 127.0.0.1", "A 8.8.8.8"]]),
        ("only.example", &[&["A 127.0.0.1"]]),
        ("metadata.example", &[&["A 169.254.169.254"]]),
        ("wire-server.example", &[&["A 8.8.8.8", "A 168.63.129.16"]]),
        ("zero.example", &[&["A 0.0.0.0"]]),
        // IPv6 inside while IPv4 is outside, and the other way about.
        ("six.example", &[&["A 8.8.8.8", "AAAA ::1"]]),
        ("six-unique-local.example", &[&["A 8.8.8.8", "AAAA fd00:ec2::254"]]),
        ("four.example", &[&["A 10.0.0.1", "AAAA 2606:4700::1"]]),
        ("mapped.example", &[&["AAAA ::ffff:127.0.0.1"]]),
        ("compatible.example", &[&["AAAA ::127.0.0.1"]]),
        ("translated.example", &[&["AAAA ::ffff:0:7f00:1"]]),
        ("nat64.example", &[&["A 8.8.8.8", "AAAA 64:ff9b::7f00:1"]]),
        ("six-to-four.example", &[&["AAAA 2002:7f00:1::"]]),
        ("teredo.example", &[&["AAAA 2001:0:4136:e378:8000:63bf:80ff:fffe"]]),
        // Chains, whole and in pieces.
        ("chain.example", &[&["CNAME only.example"]]),
        ("long-chain.example", &[&["CNAME chain.example"]]),
        ("piecewise.example", &[&["HALF-CNAME only.example"]]),
        ("to-both.example", &[&["HALF-CNAME both.example"]]),
        ("to-six.example", &[&["CNAME six.example"]]),
        // A chain to a name of the inside: what counts is the address.
        ("to-local.example", &[&["CNAME vault.internal"]]),
        ("vault.internal", &[&["A 127.0.0.1"]]),
        // Public services that spell the address.
        ("localtest.me", &[&["A 127.0.0.1", "AAAA ::1"]]),
        ("lvh.me", &[&["A 127.0.0.1"]]),
        ("vcap.me", &[&["A 127.0.0.1"]]),
        ("169.254.169.254.nip.io", &[&["A 169.254.169.254"]]),
        ("10-0-0-1.sslip.io", &[&["A 10.0.0.1"]]),
        ("forged.example", &[&["FORGED 8.8.8.8", "A 127.0.0.1"]]),
    ])
    .await;
    let open = [format!("0.0.0.0/0:{port}+http"), format!("::/0:{port}+http")];
    let (usual, opened) = (egress(&server, &[]), egress(&server, &open));
    let names: Vec<String> = server.names().filter(|name| *name != "vault.internal").map(ToOwned::to_owned).collect();
    assert!(names.len() > 25);
    for name in names {
        for (egress, text) in [(&usual, format!("https://{name}/")), (&opened, format!("http://{name}:{port}/"))] {
            let destination = parse(&text, egress.policy()).unwrap();
            let error = call(egress, &destination, LONG).await.unwrap_err();
            match &error.kind {
                SendErrorKind::Refused(refused @ Refused::Address { .. }) => {
                    assert_eq!(refused.tenant_text(), UNIFORM_REFUSAL);
                }
                other => panic!("{name} {other:?}"),
            }
            assert!(error.phases.connect.is_none(), "{name}");
        }
        // Mail goes through the same judgement.
        let ended = usual.connect(&name, 25, LONG.deadline).await;
        assert!(matches!(ended, Err(SendErrorKind::Refused(Refused::Address { .. }))), "{name} {ended:?}");
    }
    assert_eq!(inside.accepted(), 0);
}

#[tokio::test]
async fn case_2_each_call_is_judged_by_what_the_name_server_says_then() {
    let good = Receiver::plain(once());
    let bad = beside(&good);
    let port = good.address.port();
    let server = NameServer::start(&[
        ("rebind.example", &[&["A 127.0.0.1"], &["A 127.0.0.2"], &["A 127.0.0.1", "A 127.0.0.2"], &["A 127.0.0.1"]]),
        ("by-chain.example", &[&["A 127.0.0.1"], &["CNAME bad.example"]]),
        ("by-pieces.example", &[&["A 127.0.0.1"], &["HALF-CNAME bad.example"]]),
        ("by-six.example", &[&["A 127.0.0.1"], &["A 127.0.0.1", "AAAA ::1"]]),
        ("bad.example", &[&["A 127.0.0.2"]]),
        ("gone.example", &[&["A 127.0.0.1"], &["NXDOMAIN"]]),
    ])
    .await;
    let egress = egress(&server, &exceptions(port));
    for (name, outcomes) in [
        ("rebind.example", &["ok", "address", "address", "ok"][..]),
        ("by-chain.example", &["ok", "address"]),
        ("by-pieces.example", &["ok", "address"]),
        ("by-six.example", &["ok", "address"]),
        ("gone.example", &["ok", "dns"]),
    ] {
        // Judged once, when it is stored, and called many times.
        let destination = parse(&format!("http://{name}:{port}/hook"), egress.policy()).unwrap();
        for (index, outcome) in outcomes.iter().enumerate() {
            let ended = match call(&egress, &destination, LONG).await {
                Ok(_) => "ok",
                Err(SendError { kind: SendErrorKind::Refused(refused), .. }) => refused.as_str(),
                Err(error) => error.kind.as_str(),
            };
            assert_eq!(ended, *outcome, "{name}, call {index}");
        }
    }
    assert_eq!((good.accepted(), bad.accepted()), (6, 0));
}

#[tokio::test]
async fn case_2_what_was_judged_when_it_was_stored_is_judged_again_at_the_test_and_at_each_delivery() {
    let good = Receiver::plain(once());
    let bad = beside(&good);
    let port = good.address.port();
    let server = NameServer::start(&[
        // Stored, tested, delivered.
        ("hooks.internal", &[&["A 127.0.0.1"], &["A 127.0.0.1"], &["A 127.0.0.2"]]),
        ("never.internal", &[&["A 127.0.0.2"]]),
        ("later.internal", &[&["NXDOMAIN"], &["A 127.0.0.1"]]),
    ])
    .await;
    let egress = egress(&server, &exceptions(port));
    let url = |name: &str| format!("http://{name}:{port}/");
    let stored = egress.judge(&url("hooks.internal")).await.unwrap();
    assert!(call(&egress, &stored, LONG).await.is_ok());
    let error = call(&egress, &stored, LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Refused(Refused::Address { .. })), "{error:?}");
    // Whether a name inside is not there, or leads where nothing is allowed, is told in the same words.
    for name in ["never.internal", "later.internal", "unheard-of.internal"] {
        let refused = egress.judge(&url(name)).await.unwrap_err();
        assert_eq!((&refused, refused.tenant_text()), (&Refused::Name, UNIFORM_REFUSAL.to_owned()), "{name}");
    }
    assert_eq!((good.accepted(), bad.accepted()), (1, 0));
}

#[tokio::test]
async fn case_1_and_2_providers_are_judged_by_the_same_answers() {
    let good = Receiver::plain(once());
    let bad = beside(&good);
    let port = good.address.port();
    let server = NameServer::start(&[
        ("provider.example", &[&["A 127.0.0.1"], &["A 127.0.0.2"], &["A 127.0.0.1", "AAAA ::1"]]),
        ("chain.example", &[&["CNAME inside.example"]]),
        ("inside.example", &[&["A 127.0.0.2"]]),
    ])
    .await;
    let upstream = egress(&server, &exceptions(port)).upstream();
    for (name, is_taken) in
        [("provider.example", true), ("provider.example", false), ("provider.example", false), ("chain.example", false)]
    {
        let uri = format!("http://{name}:{port}/v1");
        let request = http::Request::post(uri).body(http_body_util::Full::new(Bytes::new())).unwrap();
        match upstream.request(request).await {
            Ok(_) => assert!(is_taken, "{name}"),
            Err(UpstreamError::Refused(Refused::Address { .. })) => assert!(!is_taken, "{name}"),
            Err(error) => panic!("{name} {error:?}"),
        }
    }
    assert_eq!((good.accepted(), bad.accepted()), (1, 0));
}

#[tokio::test]
async fn case_2_an_answer_of_a_far_future_is_asked_for_again_all_the_same() {
    // Nothing is kept between calls, so a time to live has no say: neither zero nor a long one.
    let good = Receiver::plain(once());
    let server = NameServer::start(&[("hooks.example", &[&["TTL 86400", "A 127.0.0.1"]])]).await;
    let egress = egress(&server, &exceptions(good.address.port()));
    let text = format!("http://hooks.example:{}/", good.address.port());
    let destination = parse(&text, egress.policy()).unwrap();
    for _ in 0..3 {
        assert!(call(&egress, &destination, LONG).await.is_ok());
    }
    let name = "hooks.example".to_owned();
    let asked = ["A", "A", "A", "AAAA", "AAAA", "AAAA"].map(|kind| (name.clone(), kind));
    assert_eq!(server.asked(), asked);
}

#[tokio::test]
async fn a_name_server_that_fails_is_told_from_a_name_that_is_not_there() {
    let many: Vec<String> = (0..1000).map(|index| format!("A 8.8.{}.{}", index / 250, index % 250)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let server = NameServer::start(&[
        ("gone.example", &[&["NXDOMAIN"]]),
        ("bare.example", &[&[]]),
        ("to-gone.example", &[&["CNAME gone.example"]]),
        ("fails.example", &[&["SERVFAIL"]]),
        ("refuses.example", &[&["REFUSED"]]),
        ("half.example", &[&["A 8.8.8.8", "AAAA-FAILS"]]),
        ("garbage.example", &[&["GARBAGE"]]),
        ("cut.example", &[&["CUT"]]),
        ("truncated.example", &[&["TRUNCATED", "A 8.8.8.8"]]),
        ("many.example", &[&many]),
        ("silent.example", &[&["SILENCE"]]),
    ])
    .await;
    let egress = egress(&server, &[]);
    for (name, outcome) in [
        ("gone.example", "empty"),
        ("bare.example", "empty"),
        ("to-gone.example", "empty"),
        ("fails.example", "failed"),
        ("refuses.example", "failed"),
        ("half.example", "failed"),
        ("garbage.example", "failed"),
        ("cut.example", "failed"),
        ("truncated.example", "failed"),
        ("many.example", "too many"),
    ] {
        let destination = parse(&format!("https://{name}/"), egress.policy()).unwrap();
        let error = call(&egress, &destination, LONG).await.unwrap_err();
        let ended = match &error.kind {
            SendErrorKind::Dns(ResolveError::Empty) => "empty",
            SendErrorKind::Dns(ResolveError::Failed(_)) => "failed",
            SendErrorKind::Dns(ResolveError::TooMany) => "too many",
            other => panic!("{name} {other:?}"),
        };
        assert_eq!(ended, outcome, "{name}");
    }
    let destination = parse("https://silent.example/", egress.policy()).unwrap();
    let error = call(&egress, &destination, SendLimits { deadline: SHORT, ..LONG }).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Dns }), "{error:?}");
}
