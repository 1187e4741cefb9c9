use http::Method;
use http_body_util::BodyExt;

use super::*;
use crate::zoo::{Act, Authority, Receiver, Script, egress, loopback};
use crate::{Egress, EgressConfig};

/// Time that no test should need.
const LONG: Duration = Duration::from_secs(20);

fn request(uri: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header("authorization", "Bearer key")
        .body(Full::new(Bytes::from_static(b"{}")))
        .unwrap()
}

async fn ask(upstream: &Upstream, uri: &str) -> Result<Response<AnswerStream>, UpstreamError> {
    tokio::time::timeout(LONG, upstream.request(request(uri))).await.unwrap()
}

async fn text(answer: Response<AnswerStream>) -> String {
    let body = tokio::time::timeout(LONG, answer.into_body().collect()).await.unwrap().unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

fn ok() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()
}

#[tokio::test]
async fn requests_in_a_row_share_a_connection_and_its_lookup() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let script = Script::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let upstream = egress(script.clone(), None).upstream();
    let uri = format!("http://provider.example:{}/v1/chat/completions", receiver.address.port());
    for _ in 0..3 {
        assert_eq!(text(ask(&upstream, &uri).await.unwrap()).await, "ok");
        // Lets the connection's task hand it back to the pool.
        tokio::task::yield_now().await;
    }
    assert_eq!((receiver.accepted(), script.asked().len()), (1, 1));
    let first = receiver.requests().remove(0);
    assert!(first.starts_with("POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer key\r\n"), "{first}");
    assert!(first.contains(&format!("host: provider.example:{}\r\n", receiver.address.port())), "{first}");
}

#[tokio::test]
async fn every_connection_is_judged_and_a_refusal_says_that_nothing_was_sent() {
    let receiver = Receiver::plain(Act::AnswerOnce(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_vec(),
    ));
    let port = receiver.address.port();
    let upstream = egress(Script::new(&[&["127.0.0.1"], &["8.8.8.8", "127.0.0.2"]]), None).upstream();
    let name = format!("http://provider.example:{port}/");
    assert!(ask(&upstream, &name).await.is_ok());
    for uri in [
        &name,
        &format!("http://127.0.0.2:{port}/"),
        &format!("http://127.1:{port}/"),
        &format!("http://2130706433:{port}/"),
        &format!("http://0x7f.1:{port}/"),
        &format!("http://[::7f00:1]:{port}/"),
        &format!("http://user@127.0.0.1:{port}/"),
        "http://provider.example:22/",
        "ftp://provider.example/",
    ] {
        let error = ask(&upstream, uri).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Refused(_)), "{uri} {error:?}");
        assert!(!error.may_have_reached());
    }
    assert_eq!(receiver.accepted(), 1);
}

#[tokio::test]
async fn certificates_are_checked() {
    let authority = Authority::new();
    let receiver = Receiver::tls(Act::Answer(ok()), authority.server("provider.example"));
    let script = || Script::new(&[&["127.0.0.1"]]);
    let uri = |name: &str| format!("https://{name}:{}/", receiver.address.port());
    let trusting = egress(script(), Some(authority.pem.clone())).upstream();
    assert_eq!(text(ask(&trusting, &uri("provider.example")).await.unwrap()).await, "ok");
    for (upstream, name) in [(&trusting, "other.example"), (&egress(script(), None).upstream(), "provider.example")] {
        let error = ask(upstream, &uri(name)).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Connect(_)), "{error:?}");
    }
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_closed_port_is_an_error_of_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = ask(&loopback().upstream(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Connect(_)), "{error:?}");
    assert!(!error.may_have_reached());
}

#[tokio::test(start_paused = true)]
async fn connecting_has_a_deadline() {
    let upstream = egress(Script::new(&[]), None).upstream();
    let started = Instant::now();
    let error = ask(&upstream, "https://provider.example:8443/").await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut(Phase::Dns)), "{error:?}");
    assert!(!error.may_have_reached());
    assert!(started.elapsed() < UpstreamBounds::default().connect_time_max + Duration::from_secs(1));
}

#[tokio::test]
async fn a_request_that_was_sent_may_have_reached_the_provider() {
    for act in [
        Act::AnswerOnce(Vec::new()),
        Act::AnswerOnce(b"noise\r\n\r\n".to_vec()),
        Act::AnswerOnce([b"HTTP/1.1 200 OK\r\nwide: ".to_vec(), vec![b'a'; 2 * HEAD_BYTES_MAX]].concat()),
    ] {
        let receiver = Receiver::plain(act);
        let uri = format!("http://127.0.0.1:{}/", receiver.address.port());
        let error = ask(&loopback().upstream(), &uri).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Other { .. }), "{error:?}");
        assert!(error.may_have_reached());
        assert_eq!(receiver.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_request() {
    let receiver = Receiver::plain(Act::AnswerOnce(ok()));
    let upstream = loopback().upstream();
    let uri = format!("http://127.0.0.1:{}/", receiver.address.port());
    for _ in 0..5 {
        assert_eq!(text(ask(&upstream, &uri).await.unwrap()).await, "ok");
        // Long enough for the close to come through on loopback, which takes microseconds.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(receiver.requests().len(), 5);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_a_body_comes_as_it_arrives() {
    let act = Act::Drip(b"HTTP/1.1 307 Elsewhere\r\nlocation: http://10.0.0.1/\r\n\r\n".to_vec(), b"data".to_vec());
    let receiver = Receiver::plain(act);
    let uri = format!("http://127.0.0.1:{}/", receiver.address.port());
    let mut answer = ask(&loopback().upstream(), &uri).await.unwrap();
    assert_eq!(answer.status(), 307);
    let first = tokio::time::timeout(LONG, answer.body_mut().frame()).await.unwrap().unwrap().unwrap();
    assert!(first.into_data().unwrap().starts_with(b"d"));
}

#[tokio::test]
async fn without_exceptions_nothing_but_https_to_public_addresses_is_dialled() {
    let upstream = Egress::with_resolver(EgressConfig::default(), Script::new(&[&["127.0.0.1"]])).unwrap().upstream();
    for uri in [
        "http://provider.example/",
        "https://provider.example:8443/",
        "https://localhost/",
        "https://[::1]/",
        "https://lvh.me/",
    ] {
        let error = ask(&upstream, uri).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Refused(_)), "{uri} {error:?}");
    }
}

#[tokio::test]
async fn a_call_beyond_the_bound_of_its_host_waits_until_another_answer_is_over() {
    let receiver = Receiver::plain(Act::Answer(ok()));
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.1"]]);
    let config = EgressConfig {
        policy: crate::policy::Policy::new(vec!["127.0.0.1/32:*+http".parse().unwrap()]),
        upstream: UpstreamBounds { connections_per_host_max: 1, ..UpstreamBounds::default() },
        ..EgressConfig::default()
    };
    let upstream = Egress::with_resolver(config, script).unwrap().upstream();
    let uri = format!("http://provider.example:{}/", receiver.address.port());
    let first = ask(&upstream, &uri).await.unwrap();
    let second = upstream.request(request(&uri));
    let mut second = std::pin::pin!(second);
    assert!(tokio::time::timeout(Duration::from_millis(50), second.as_mut()).await.is_err());
    assert_eq!(text(first).await, "ok");
    let second = tokio::time::timeout(LONG, second).await.unwrap().unwrap();
    assert_eq!(text(second).await, "ok");
}
