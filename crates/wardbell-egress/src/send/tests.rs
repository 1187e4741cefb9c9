use super::*;
use crate::address::AddressClass;
use crate::url;
use crate::zoo::{Act, Authority, Receiver, SHORT, Script, egress, loopback, self_signed};

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
    let receiver = Receiver::plain(act).await;
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
    let receiver = Receiver::plain(Act::Answer(ok())).await;
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

/// Runs the test above once more in a process of its own whose environment names a proxy.
#[tokio::test]
async fn a_proxy_in_the_environment_is_not_used() {
    let proxy = Receiver::plain(Act::Answer(ok())).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "send::tests::a_request_goes_out_as_given_with_our_framing"]).kill_on_drop(true);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, format!("http://{}", proxy.address));
    }
    let ended = tokio::time::timeout(LONG.deadline, child.env("NO_PROXY", "").output()).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && printed.contains("1 passed"), "{printed}");
    assert_eq!(proxy.accepted(), 0);
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
    let receiver = Receiver::plain(Act::AnswerOnce(closing())).await;
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
    let receiver = Receiver::plain(Act::Answer(ok())).await;
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
    let receiver = Receiver::plain(Act::Answer(ok())).await;
    let text = format!("http://localhost:{}/", receiver.address.port());
    let inside = egress(Script::new(&[&["127.0.0.1"]]), None);
    assert!(inside.send(outgoing(&inside, &text), LONG).await.is_ok());

    let policy = crate::policy::Policy::new(vec!["127.0.0.1/32:443".parse().unwrap()]);
    let config = crate::EgressConfig { policy, extra_roots_pem: None };
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

// Redirects.

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let target = Receiver::plain(Act::Answer(ok())).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://127.0.0.1:{}/", target.address.port());
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\nrefresh: 0; url={location}\r\ncontent-length: 0\r\n\r\n"
        );
        let receiver = Receiver::plain(Act::Answer(answer.into_bytes())).await;
        let answer = call(&loopback(), "http", &receiver, LONG).await.unwrap();
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["location"], location);
        assert_eq!(receiver.requests().len(), 1);
    }
    assert_eq!(target.accepted(), 0);
}

// TLS.

#[tokio::test]
async fn a_certificate_of_an_added_authority_is_trusted() {
    let authority = Authority::new();
    let receiver = Receiver::tls(Act::Answer(ok()), authority.server("receiver.example", false)).await;
    let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem));
    let answer = call(&egress, "https", &receiver, LONG).await.unwrap();
    assert!(answer.phases.tls.is_some());
    assert_eq!(receiver.server_names(), [Some("receiver.example".to_owned())]);
}

#[tokio::test]
async fn a_certificate_that_does_not_stand_up_ends_the_call_before_the_request() {
    let authority = Authority::new();
    for (what, config) in [
        ("unknown authority", Authority::new().server("receiver.example", false)),
        ("self-signed", self_signed("receiver.example")),
        ("expired", authority.server("receiver.example", true)),
        ("wrong name", authority.server("other.example", false)),
        ("name above", authority.server("example", false)),
    ] {
        let receiver = Receiver::tls(Act::Answer(ok()), config).await;
        let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem.clone()));
        let error = call(&egress, "https", &receiver, LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::TlsCertificate(_)), "{what}: {error:?}");
        assert!(receiver.requests().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_address_is_checked_against_the_certificate_and_not_sent_as_a_name() {
    let authority = Authority::new();
    let receiver = Receiver::tls(Act::Answer(ok()), authority.server("127.0.0.1", false)).await;
    let egress = egress(Script::new(&[]), Some(authority.pem));
    let text = format!("https://127.0.0.1:{}/", receiver.address.port());
    assert!(egress.send(outgoing(&egress, &text), LONG).await.is_ok());
    assert_eq!(receiver.server_names(), [None]);
}

#[tokio::test]
async fn a_receiver_that_wants_our_certificate_gets_none_and_no_request() {
    let authority = Authority::new();
    let config = authority.server_that_asks_for_a_certificate("receiver.example");
    let receiver = Receiver::tls(Act::Answer(ok()), config).await;
    let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem));
    let error = call(&egress, "https", &receiver, LONG).await.unwrap_err();
    // TLS 1.3: the client has finished by then, so the refusal comes in place of an answer.
    assert!(matches!(error.kind, SendErrorKind::Tls(_) | SendErrorKind::Closed(_)), "{error:?}");
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn what_is_not_tls_is_an_error_of_tls() {
    for bytes in [
        ok(),
        b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), // The alert `protocol_version`, as an old server sends it.
        vec![0; 64],
    ] {
        let receiver = Receiver::plain(Act::Shout(bytes)).await;
        let error = call(&loopback(), "https", &receiver, LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Tls(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_ends_at_the_deadline() {
    let receiver = Receiver::plain(Act::Shout(Vec::new())).await;
    let error = call(&loopback(), "https", &receiver, BRIEF).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Tls }), "{error:?}");
    assert!(error.phases.connect.is_some());
}

// Answers.

#[tokio::test]
async fn answers_with_odd_but_valid_forms_are_taken() {
    for (answer, status, excerpt) in [
        (&b"HTTP/1.1 204 No Content\r\n\r\nbody all the same"[..], 204, &b""[..]),
        (b"HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n", 600, b""),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\0\xff\x1b[31m\r\n\0", 200, b"\0\xff\x1b[31m\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 500, b""),
    ] {
        let ended = over_http(Act::AnswerOnce(answer.to_vec()), LONG).await.unwrap();
        assert_eq!((ended.status.as_u16(), &ended.excerpt[..]), (status, excerpt));
    }
}

#[tokio::test]
async fn what_is_not_http_is_an_error_of_protocol() {
    for answer in [
        &b"<html>hello from 1991</html>\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n\r\n",
        b"HTTP/1.1 099 Low\r\n\r\n",
        b"HTTP/1.1 20 Short\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let error = over_http(Act::AnswerOnce(answer.to_vec()), LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Protocol(_)), "{} {error:?}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn a_head_has_bounds() {
    let mut many = b"HTTP/1.1 200 OK\r\n".to_vec();
    for index in 0..10_000 {
        many.extend_from_slice(format!("h{index}: 1\r\n").as_bytes());
    }
    let mut few = b"HTTP/1.1 200 OK\r\n".to_vec();
    for index in 0..=HEADERS_MAX {
        few.extend_from_slice(format!("h{index}: 1\r\n").as_bytes());
    }
    few.extend_from_slice(b"\r\n");
    let mut wide = b"HTTP/1.1 200 OK\r\nwide: ".to_vec();
    wide.resize(1024 * 1024, b'a');
    for head in [many, few, wide] {
        let error = over_http(Act::AnswerOnce(head), LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Protocol(_)), "{error:?}");
    }
    let endless = Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(100));
    let error = over_http(endless, LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_head_that_never_ends_ends_at_the_deadline() {
    for act in [
        Act::Hold,
        Act::Drip(Vec::new(), b"HTTP/1.1 200 OK\r\nx: ".to_vec()),
        Act::Flood(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Act::Flood(Vec::new(), b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(50)),
    ] {
        let error = over_http(act, BRIEF).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Head }), "{error:?}");
        assert!(error.status.is_none() && error.phases.first_byte.is_none());
    }
}

#[tokio::test]
async fn a_body_is_kept_up_to_its_bound_and_the_rest_not_read() {
    let chunk = format!("1000\r\n{}\r\n", "c".repeat(0x1000)).into_bytes();
    for (head, again) in [
        (&b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..], chunk),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", vec![b'c'; 4096]),
        (b"HTTP/1.0 200 OK\r\n\r\n", vec![b'c'; 4096]),
    ] {
        let answer = over_http(Act::Flood(head.to_vec(), again), LONG).await.unwrap();
        assert!(answer.truncated);
        assert_eq!(answer.excerpt.len(), LONG.response_bytes_max);
        assert!(answer.excerpt.iter().all(|byte| *byte == b'c'));
    }
}

#[tokio::test]
async fn a_bound_is_met_to_the_byte() {
    for (max, excerpt, truncated) in [(0, &b""[..], true), (1, b"o", true), (2, b"ok", false), (3, b"ok", false)] {
        let answer = over_http(Act::Answer(ok()), SendLimits { response_bytes_max: max, ..LONG }).await.unwrap();
        assert_eq!((&answer.excerpt[..], answer.truncated), (excerpt, truncated), "{max}");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_ends_at_the_deadline_and_leaves_its_status() {
    for act in [
        Act::Drip(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10000000000\r\n\r\n".to_vec(), b"d".to_vec()),
        Act::Drip(b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), b"1\r\nd\r\n".to_vec()),
        Act::Answer(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\nshort".to_vec()),
    ] {
        let error = over_http(act, BRIEF).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Body }), "{error:?}");
        assert_eq!(error.status, Some(StatusCode::ACCEPTED));
        assert!(error.phases.first_byte.is_some());
    }
}

#[tokio::test]
async fn a_connection_closed_early_is_told_apart_from_noise() {
    for (answer, status) in [
        (&b""[..], None),
        (b"HTTP/1.1 200 OK\r\nx: ", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", Some(StatusCode::OK)),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nshort", Some(StatusCode::OK)),
    ] {
        let error = over_http(Act::AnswerOnce(answer.to_vec()), LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Closed(_)), "{} {error:?}", answer.escape_ascii());
        assert_eq!(error.status, status);
    }
}

#[tokio::test]
async fn a_reset_is_an_end_and_not_a_hang() {
    let act = Act::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_vec());
    let error = over_http(act, LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Closed(_)), "{error:?}");
}

#[tokio::test]
async fn a_compressed_body_stays_as_it_was_sent() {
    // The start of a gzip stream; what it would grow to does not matter, for nobody unpacks it.
    let bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03".repeat(100);
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000\r\n\r\n".to_vec();
    answer.extend_from_slice(&bomb);
    let answer = over_http(Act::Answer(answer), LONG).await.unwrap();
    assert_eq!(answer.excerpt, bomb);
}

// Connections.

#[tokio::test]
async fn calls_in_a_row_share_a_connection() {
    let receiver = Receiver::plain(Act::Answer(ok())).await;
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
    let receiver = Receiver::plain(Act::Answer(ok())).await;
    let egress = loopback();
    for host in ["receiver.example", "other.example", "127.0.0.1"] {
        let text = format!("http://{host}:{}/", receiver.address.port());
        egress.send(outgoing(&egress, &text), LONG).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.accepted(), 3);
}

#[tokio::test]
async fn a_connection_with_more_on_it_than_was_asked_for_is_not_used_again() {
    let twice = [ok(), b"HTTP/1.1 500 Poison\r\ncontent-length: 6\r\n\r\npoison".to_vec()].concat();
    let receiver = Receiver::plain(Act::Answer(twice)).await;
    let egress = loopback();
    for _ in 0..3 {
        let answer = call(&egress, "http", &receiver, LONG).await.unwrap();
        assert_eq!((answer.status, &answer.excerpt[..]), (StatusCode::OK, &b"ok"[..]));
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.accepted(), 3);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_call() {
    // Closes after each answer without having said so.
    let receiver = Receiver::plain(Act::AnswerOnce(ok())).await;
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
    let receiver = Receiver::plain(Act::Hold).await;
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
    let receiver = Receiver::plain(Act::Answer(ok())).await;
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
    let receiver = Receiver::plain(Act::Answer(ok())).await;
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
