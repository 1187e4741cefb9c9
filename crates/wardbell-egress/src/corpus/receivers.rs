//! `spec/egress.md` 5.3, cases 3 to 5: redirects, proxies and TLS, with hostile receivers on loopback, which the tests'
//! policy allows.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::{BRIEF, LONG, call, ok, send};
use crate::phases::Phase;
use crate::policy::Policy;
use crate::refused::{Refused, UNIFORM_REFUSAL};
use crate::send::{Outgoing, SendErrorKind};
use crate::url::parse;
use crate::zoo::{Act, Authority, Receiver, Script, egress, loopback, self_signed};

// Case 3.

#[tokio::test]
async fn case_3_a_redirect_is_an_answer_and_is_never_followed() {
    let other = Receiver::plain(Act::Answer(ok()));
    let elsewhere = format!("http://127.0.0.1:{}/", other.address.port());
    let same_host = format!("http://receiver.example:{}/", other.address.port());
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        for location in [
            &elsewhere,
            &same_host,
            "http://169.254.169.254/latest/meta-data/",
            "https://receiver.example/",
            "//receiver.example/",
            "/again",
            "",
            "ftp://receiver.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            // Every place where a client might look for where to go next.
            let page = format!("<meta http-equiv=\"refresh\" content=\"0; url={location}\">");
            let answer = format!(
                "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\nrefresh: 0; url={location}\r\n\
                 content-location: {location}\r\nlink: <{location}>; rel=\"canonical\"\r\n\
                 content-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
            let receiver = Receiver::plain(Act::AnswerOnce(answer.into_bytes()));
            let answer = call(&loopback(), "http", &receiver, LONG).await.unwrap();
            assert_eq!(
                (answer.status.as_u16(), answer.headers["location"].to_str().unwrap()),
                (status, location),
                "{status} {location}"
            );
            // One request, once: neither body nor signature went out again.
            assert_eq!((receiver.accepted(), receiver.requests().len()), (1, 1), "{status} {location}");
        }
    }
    assert_eq!(other.accepted(), 0);
}

#[tokio::test]
async fn case_3_a_refresh_in_a_success_is_not_followed_either() {
    let other = Receiver::plain(Act::Answer(ok()));
    let answer = format!(
        "HTTP/1.1 200 OK\r\nrefresh: 0; url=http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
        other.address.port()
    );
    let receiver = Receiver::plain(Act::Answer(answer.into_bytes()));
    assert_eq!(call(&loopback(), "http", &receiver, LONG).await.unwrap().status, StatusCode::OK);
    assert_eq!((receiver.requests().len(), other.accepted()), (1, 0));
}

// Case 4.

/// Runs the test below once more in processes of their own whose environment names a proxy.
#[tokio::test]
async fn case_4_a_proxy_in_the_environment_is_not_used() {
    let proxy = Receiver::plain(Act::Answer(ok()));
    for no_proxy in [None, Some(""), Some("*"), Some("example.com"), Some("receiver.example,127.0.0.1")] {
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "corpus::receivers::case_4_a_request_goes_to_the_receiver_itself"]).kill_on_drop(true);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, format!("http://user:password@{}", proxy.address));
        }
        for name in ["NO_PROXY", "no_proxy"] {
            match no_proxy {
                Some(hosts) => child.env(name, hosts),
                None => child.env_remove(name),
            };
        }
        let ended = tokio::time::timeout(LONG.deadline, child.output()).await.unwrap().unwrap();
        let printed = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && printed.contains("1 passed"), "{no_proxy:?} {printed}");
    }
    assert_eq!(proxy.accepted(), 0);
}

#[tokio::test]
async fn case_4_a_request_goes_to_the_receiver_itself() {
    let authority = Authority::new();
    let plain = Receiver::plain(Act::Answer(ok()));
    let tls = Receiver::tls(Act::Answer(ok()), authority.server("receiver.example"));
    let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem));
    for (scheme, receiver) in [("http", &plain), ("https", &tls)] {
        let answer = call(&egress, scheme, receiver, LONG).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        // The form that is for a proxy would have the whole URL in its first line.
        let request = receiver.requests().concat().to_ascii_lowercase();
        assert!(request.starts_with("post /hook?key=1 http/1.1\r\n"), "{request}");
        assert!(!request.contains("proxy") && !request.contains("connect "), "{request}");
    }
}

#[tokio::test]
async fn case_4_a_proxy_as_destination_is_a_receiver_like_any_other() {
    // By default, none of the ports of proxies is open, inside or outside.
    for text in
        ["https://proxy.example:3128/", "https://10.0.0.1:3128/", "https://proxy:1080/", "https://8.8.8.8:8080/"]
    {
        assert_eq!(parse(text, &Policy::default()).unwrap_err().tenant_text(), UNIFORM_REFUSAL, "{text}");
    }
    // One that is allowed is sent a request for itself: never `CONNECT`, never a URL to fetch.
    let proxy = Receiver::plain(Act::Answer(ok()));
    let egress = loopback();
    let base = format!("http://127.0.0.1:{}", proxy.address.port());
    for path in ["/http://169.254.169.254/", "//169.254.169.254/", "/?url=http://169.254.169.254/", "/%0aCONNECT%20x:1"]
    {
        send(&egress, &format!("{base}{path}"), LONG).await.unwrap();
        let request = proxy.requests().pop().unwrap();
        assert!(request.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{request}");
    }
    let destination = parse(&base, egress.policy()).unwrap();
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let tunnel = Outgoing { destination, method: Method::CONNECT, headers, body };
    let error = egress.send(tunnel, LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Refused(Refused::Scheme)), "{error:?}");
    assert_eq!(proxy.requests().len(), 4);
}

// Case 5.

#[tokio::test]
async fn case_5_a_certificate_that_stands_up_is_taken_and_its_server_told_its_name() {
    let authority = Authority::new();
    let receiver = Receiver::tls(Act::Answer(ok()), authority.server("receiver.example"));
    let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem));
    let answer = call(&egress, "https", &receiver, LONG).await.unwrap();
    assert!(answer.phases.tls.is_some());
    assert_eq!(receiver.server_names(), [Some("receiver.example".to_owned())]);
}

#[tokio::test]
async fn case_5_a_certificate_that_does_not_stand_up_ends_the_call_before_the_request() {
    let authority = Authority::new();
    for (what, config) in [
        ("self-signed", self_signed("receiver.example")),
        ("unknown authority", Authority::new().server("receiver.example")),
        ("expired", authority.server_between("receiver.example", 2001, 2002)),
        ("not valid yet", authority.server_between("receiver.example", 2901, 2902)),
        ("wrong name", authority.server("other.example")),
        ("name above", authority.server("example")),
        ("name below", authority.server("a.receiver.example")),
        ("wildcard below", authority.server("*.receiver.example")),
        ("name in the subject only", authority.server_with_subject("receiver.example")),
        ("address in place of the name", authority.server("127.0.0.1")),
    ] {
        let receiver = Receiver::tls(Act::Answer(ok()), config);
        let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem.clone()));
        let error = call(&egress, "https", &receiver, LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::TlsCertificate(_)), "{what}: {error:?}");
        assert!(receiver.requests().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn case_5_an_address_is_checked_against_the_certificate_and_not_sent_as_a_name() {
    let authority = Authority::new();
    let receiver = Receiver::tls(Act::Answer(ok()), authority.server("127.0.0.1"));
    let egress = egress(Script::new(&[]), Some(authority.pem.clone()));
    let text = |receiver: &Receiver| format!("https://127.0.0.1:{}/", receiver.address.port());
    assert!(send(&egress, &text(&receiver), LONG).await.is_ok());
    assert_eq!(receiver.server_names(), [None]);

    for name in ["127.0.0.2", "receiver.example"] {
        let receiver = Receiver::tls(Act::Answer(ok()), authority.server(name));
        let error = send(&egress, &text(&receiver), LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::TlsCertificate(_)), "{name}: {error:?}");
        assert!(receiver.requests().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn case_5_a_receiver_that_wants_our_certificate_gets_none_and_no_request() {
    let authority = Authority::new();
    for version in rustls::ALL_VERSIONS {
        let config = authority.server_that_asks_for_a_certificate("receiver.example", version);
        let receiver = Receiver::tls(Act::Answer(ok()), config);
        let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem.clone()));
        let error = call(&egress, "https", &receiver, LONG).await.unwrap_err();
        // TLS 1.3: the client has finished by then, so the refusal comes in place of an answer.
        assert!(matches!(error.kind, SendErrorKind::Tls(_) | SendErrorKind::Closed(_)), "{version:?} {error:?}");
        assert!(receiver.requests().is_empty());
    }
}

/// A server's first message (RFC 5246, section 7.4.1.3), which sets version and cipher.
fn server_hello(version: [u8; 2], random_end: [u8; 8], cipher: [u8; 2]) -> Vec<u8> {
    let mut hello = [&version[..], &[0x5a; 24], &random_end, &[0], &cipher, &[0]].concat();
    let length = u8::try_from(hello.len()).unwrap();
    hello.splice(0..0, [0x16, version[0], version[1], 0, length + 4, 2, 0, 0, length]);
    hello
}

#[tokio::test]
async fn case_5_an_older_protocol_is_not_taken() {
    const ECDHE_AES128_GCM: [u8; 2] = [0xc0, 0x2f];
    let plain = [0x5a; 8];
    for (what, hello) in [
        ("SSL 3", server_hello([3, 0], plain, ECDHE_AES128_GCM)),
        ("TLS 1.0", server_hello([3, 1], plain, ECDHE_AES128_GCM)),
        ("TLS 1.1", server_hello([3, 2], plain, ECDHE_AES128_GCM)),
        ("TLS 1.2 with a cipher that was not offered", server_hello([3, 3], plain, [0, 5])),
        ("TLS 1.2 without encryption", server_hello([3, 3], plain, [0, 1])),
        // What a server of TLS 1.3 writes there if someone on the way talked it down (RFC 8446, section 4.1.3).
        ("talked down from TLS 1.3", server_hello([3, 3], *b"DOWNGRD\x01", ECDHE_AES128_GCM)),
        ("talked down to TLS 1.1", server_hello([3, 2], *b"DOWNGRD\x00", ECDHE_AES128_GCM)),
        ("the alert `protocol_version`", b"\x15\x03\x01\x00\x02\x02\x46".to_vec()),
    ] {
        let receiver = Receiver::plain(Act::Shout(hello));
        let error = call(&loopback(), "https", &receiver, LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Tls(_)), "{what} {error:?}");
    }
    // The same message with nothing wrong in it is waited upon, so the errors above are about what is wrong in them.
    let receiver = Receiver::plain(Act::Shout(server_hello([3, 3], plain, ECDHE_AES128_GCM)));
    let error = call(&loopback(), "https", &receiver, BRIEF).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Tls }), "{error:?}");
}

#[tokio::test]
async fn case_5_what_is_not_tls_is_an_error_of_tls_and_plain_http_no_fallback() {
    for bytes in [ok(), b"\0".repeat(64), b"\xff".repeat(64), b"\x16\x03\x03\xff\xff".repeat(64)] {
        let receiver = Receiver::plain(Act::Shout(bytes));
        let error = call(&loopback(), "https", &receiver, LONG).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Tls(_)), "{error:?}");
        assert_eq!(receiver.accepted(), 1);
    }
}

#[tokio::test]
async fn case_5_a_receiver_that_will_not_speak_http_1_is_an_error_of_tls() {
    let authority = Authority::new();
    let mut config = authority.server("receiver.example");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let receiver = Receiver::tls(Act::Answer(ok()), config);
    let egress = egress(Script::new(&[&["127.0.0.1"]]), Some(authority.pem));
    let error = call(&egress, "https", &receiver, LONG).await.unwrap_err();
    assert!(matches!(error.kind, SendErrorKind::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn case_5_a_handshake_that_never_ends_ends_at_the_deadline() {
    let hello = server_hello([3, 3], [0x5a; 8], [0xc0, 0x2f]);
    // Nothing at all, a start and no more, and a start that comes byte by byte.
    for act in [Act::Shout(Vec::new()), Act::Shout(hello[..20].to_vec()), Act::DripUnasked(hello)] {
        let receiver = Receiver::plain(act);
        let error = call(&loopback(), "https", &receiver, BRIEF).await.unwrap_err();
        assert!(matches!(error.kind, SendErrorKind::Timeout { phase: Phase::Tls }), "{error:?}");
        assert!(error.phases.connect.is_some());
    }
}
