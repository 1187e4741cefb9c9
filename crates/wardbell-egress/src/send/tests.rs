use super::*;
use crate::address::AddressClass;
use crate::url;
use crate::zoo::{Act, Receiver, SHORT, Script, egress, loopback};

/// Time that no test should need, so that a call that hangs fails its test.
const LONG: SendLimits = SendLimits { deadline: Duration::from_secs(20), response_bytes_max: 16 * 1024 };
const BRIEF: SendLimits = SendLimits { deadline: SHORT, ..LONG };

fn outgoing(egress: &Egress, text: &str) -> Outgoing {
    let destination = url::parse(text, egress.policy()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-signature", HeaderValue::from_static("v1,signature"));
    Outgoing { destination, method: Method::POST, headers, body: Bytes::from_static(b"{\"canary\":1}") }
}

async fn call(egress: &Egress, scheme: &str, receiver: &Receiver, limits: SendLimits) -> Result<Answer, SendError> {
    let text = format!("{scheme}://receiver.example:{}/hook?key=1", receiver.address.port());
    egress.send(outgoing(egress, &text), limits).await
}

async fn over_http(act: Act, limits: SendLimits) -> Result<Answer, SendError> {
    let receiver = Receiver::plain(act);
    call(&loopback(), "http", &receiver, limits).await
}

fn ok() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()
}

fn closing() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_vec()
}

// The request.

#[tokio::test]
async fn a_request_goes_out_as_given_with_our_framing() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let egress = loopback();
    let text = format!("http://receiver.example:{}/a%0d%0aHost:x?b=%00", receiver.address.port());
    let mut request = outgoing(&egress, &text);
    for (name, value) in
        [("host", "evil"), ("transfer-encoding", "chunked"), ("content-length", "999"), ("expect", "100-continue")]
    {
        request.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let answer = egress.send(request, LONG).await.unwrap();
    assert_eq!((answer.status, &answer.excerpt[..], answer.truncated), (StatusCode::OK, &b"ok"[..], false));
    let Phases { dns, connect, tls, first_byte, total } = answer.phases;
    assert!(
        dns.is_some() && connect.is_some() && tls.is_none() && first_byte.is_some() && total >= first_byte.unwrap()
    );

    let port = receiver.address.port();
    let request = receiver.requests().concat();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /a%0d%0aHost:x?b=%00 HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["content-length: 12", &format!("host: receiver.example:{port}"), "webhook-signature: v1,signature"]
    );
    assert_eq!(body, "{\"canary\":1}");
}

#[tokio::test]
async fn connect_is_no_method_to_call_with() {
    let egress = loopback();
    let request = Outgoing { method: Method::CONNECT, ..outgoing(&egress, "http://127.0.0.1:9/") };
    let error = egress.send(request, LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Refused(Refused::Scheme)), "{error:?}");
}

// Addresses.

#[tokio::test]
async fn one_bad_address_refuses_the_whole_name() {
    for (answers, bad, class) in [
        (&["8.8.8.8", "10.0.0.1"][..], "10.0.0.1", AddressClass::Private),
        (&["10.0.0.1", "8.8.8.8"], "10.0.0.1", AddressClass::Private),
        (&["8.8.8.8", "::1"], "::1", AddressClass::Loopback),
        (&["2606:4700::1", "::ffff:127.0.0.1"], "127.0.0.1", AddressClass::Loopback),
        (&["127.0.0.1"], "127.0.0.1", AddressClass::Loopback),
        (&["169.254.169.254"], "169.254.169.254", AddressClass::Metadata),
    ] {
        let script = Script::new(&[answers]);
        // Port 443 is open to public addresses, and no exception covers the others.
        let egress = Egress::with_resolver(crate::EgressConfig::default(), script.clone()).unwrap();
        let error = egress.send(outgoing(&egress, "https://localtest.me/"), LONG).await.unwrap_err();
        let expected = Refused::Address { ip: bad.parse().unwrap(), class };
        assert!(matches!(&error.kind, SendErrorKind::Refused(refused) if *refused == expected), "{error:?}");
        assert!(error.phases.connect.is_none());
        assert_eq!(script.asked(), ["localtest.me"]);
    }
}

#[tokio::test]
async fn every_connection_judges_the_name_anew() {
    let receiver = Receiver::plain(Act::AnswerOnce(closing()));
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.1", "127.0.0.2"], &["127.0.0.2"], &["127.0.0.1"]]);
    let egress = egress(script.clone(), None);
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        let ended = call(&egress, "http", &receiver, LONG).await;
        outcomes.push(match ended {
            Ok(answer) => answer.status.to_string(),
            Err(SendError { kind: SendErrorKind::Refused(refused), .. }) => refused.as_str().to_owned(),
            Err(error) => panic!("{error:?}"),
        });
    }
    assert_eq!(outcomes, ["200 OK", "address", "address", "200 OK"]);
    assert_eq!((receiver.accepted(), script.asked().len()), (2, 4));
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_and_never_looked_up() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let script = Script::new(&[&["8.8.8.8"]]);
    let egress = egress(script.clone(), None);
    let text = format!("http://127.0.0.1:{}/", receiver.address.port());
    assert!(egress.send(outgoing(&egress, &text), LONG).await.is_ok());
    assert!(script.asked().is_empty());

    // A destination that another policy took is judged by the policy of this egress.
    let strict = Egress::with_resolver(crate::EgressConfig::default(), script).unwrap();
    let error = strict.send(outgoing(&egress, &text), LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Refused(Refused::Address { .. })), "{error:?}");
    assert_eq!(receiver.accepted(), 1);
}

#[tokio::test]
async fn an_inside_name_may_lead_to_excepted_addresses_only() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let text = format!("http://localhost:{}/", receiver.address.port());
    let inside = egress(Script::new(&[&["127.0.0.1"]]), None);
    assert!(inside.send(outgoing(&inside, &text), LONG).await.is_ok());

    let policy = crate::policy::Policy::new(vec!["127.0.0.1/32:443".parse().unwrap()]);
    let config = crate::EgressConfig { policy, ..crate::EgressConfig::default() };
    let outside = Egress::with_resolver(config, Script::new(&[&["8.8.8.8"]])).unwrap();
    let error = outside.send(outgoing(&outside, "https://vault.internal/"), LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Refused(Refused::Name)), "{error:?}");
}

#[tokio::test]
async fn a_name_without_addresses_or_with_too_many_is_an_error_of_dns() {
    let many = vec!["127.0.0.1"; crate::resolve::ADDRESSES_MAX + 1];
    for answers in [&[][..], &many] {
        let egress = egress(Script::new(&[answers]), None);
        let error = egress.send(outgoing(&egress, "http://receiver.example:9/"), LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Dns(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_lookup_that_never_ends_ends_at_the_deadline() {
    let egress = egress(Script::new(&[]), None);
    let error = egress.send(outgoing(&egress, "http://receiver.example:9/"), BRIEF).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Dns }), "{error:?}");
    assert!(error.phases.total >= SHORT);
}

#[tokio::test]
async fn a_closed_port_is_an_error_of_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let egress = loopback();
    let error = egress.send(outgoing(&egress, &format!("http://127.0.0.1:{port}/")), LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Connect(_)), "{error:?}");
    assert!(error.status.is_none());
}

// Bounds.

#[tokio::test]
async fn a_bound_is_met_to_the_byte() {
    for (max, excerpt, truncated) in [(0, &b""[..], true), (1, b"o", true), (2, b"ok", false), (3, b"ok", false)] {
        let answer = over_http(Act::Answer(ok()), SendLimits { response_bytes_max: max, ..LONG }).await.unwrap();
        assert_eq!((&answer.excerpt[..], answer.truncated), (excerpt, truncated), "{max}");
    }
}

// Connections.

#[tokio::test]
async fn calls_in_a_row_share_a_connection() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let egress = loopback();
    for call_number in 0..3 {
        let answer = call(&egress, "http", &receiver, LONG).await.unwrap();
        assert_eq!(answer.phases.connect.is_none(), call_number > 0);
        // Lets the line's task see that the line is idle.
        tokio::task::yield_now().await;
    }
    assert_eq!((receiver.accepted(), receiver.requests().len()), (1, 3));
}

#[tokio::test]
async fn a_connection_is_not_shared_with_another_host() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let egress = loopback();
    for host in ["receiver.example", "other.example", "127.0.0.1"] {
        let text = format!("http://{host}:{}/", receiver.address.port());
        egress.send(outgoing(&egress, &text), LONG).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.accepted(), 3);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_call() {
    // Closes after each answer without having said so.
    let receiver = Receiver::plain(Act::AnswerOnce(ok()));
    let egress = loopback();
    for _ in 0..5 {
        call(&egress, "http", &receiver, LONG).await.unwrap();
        // Until the close has come through; the line's task then ends.
        while egress.idle.count() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(receiver.requests().len(), 5);
}

#[tokio::test]
async fn dropping_a_call_closes_its_connection() {
    let receiver = Receiver::plain(Act::Hold);
    let egress = loopback();
    {
        let mut calling = std::pin::pin!(call(&egress, "http", &receiver, LONG));
        while receiver.requests().is_empty() {
            tokio::select! {
                biased;
                ended = &mut calling => panic!("{ended:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    tokio::time::timeout(LONG.deadline, receiver.closed()).await.unwrap();
}

#[tokio::test]
async fn idle_connections_are_bounded() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let egress = loopback();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 * IDLE_PER_HOST_MAX {
        let egress = egress.clone();
        let text = format!("http://receiver.example:{}/", receiver.address.port());
        calls.spawn(async move { egress.send(outgoing(&egress, &text), LONG).await.unwrap().status });
    }
    assert!(calls.join_all().await.iter().all(StatusCode::is_success));
    assert!(egress.idle.count() <= IDLE_PER_HOST_MAX);
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_its_time_is_over() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let egress = loopback();
    call(&egress, "http", &receiver, LONG).await.unwrap();
    assert_eq!(egress.idle.count(), 1);
    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::advance(IDLE_TIME + Duration::from_millis(1)).await;
    while egress.idle.count() > 0 {
        tokio::task::yield_now().await;
    }
}
