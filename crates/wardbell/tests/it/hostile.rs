//! Bad input: a clear answer that names the field, and no provider is called.

use std::time::Duration;

use serde_json::json;

use crate::rig::{Rig, redact, says};

#[test]
fn what_is_not_a_chat_request_is_told_with_its_field() {
    let rig = Rig::with(&redact(), |builder| builder.env("WARDBELL_LIMITS_DEPTH_MAX", "32"));
    let deep = format!("{{\"model\":\"m\",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: &[(&[u8], &str)] = &[
        (b"", "json_invalid"),
        (b"hello", "json_invalid"),
        (b"{\"model\":", "json_invalid"),
        (b"[]", "object_expected"),
        (b"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "missing"),
        (b"{\"model\":\"m\"}", "missing"),
        (b"{\"model\":\"m\",\"messages\":[]}", "too_short"),
        (b"{\"model\":7,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "type_error"),
        (b"{\"model\":\"m\",\"model\":\"n\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "duplicate"),
        (b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", "not_utf8"),
        (deep.as_bytes(), "too_deep"),
    ];
    for (body, kind) in cases {
        let told = rig.gateway.chat_bytes(&rig.key, body).expect(422).json();
        assert_eq!(told["error"], "validation_error");
        assert_eq!(told["details"][0]["type"], *kind, "{told}");
        assert_eq!(told["details"][0]["loc"][0], "body");
        assert!(!told["message"].as_str().unwrap().is_empty());
    }
    let empty = json!({"model": "m", "messages": [{"role": "user", "content": "  "}]});
    assert_eq!(rig.gateway.chat(&rig.key, &empty).expect(400).json()["detail"]["error"], "invalid_request");
    assert_eq!(rig.provider.calls(), 0);
}

#[test]
fn lone_surrogates_pass_as_they_are_and_hide_nothing() {
    let rig = Rig::new(&redact());
    let body = r#"{"model":"m","messages":[{"role":"user","content":"\ud800 4111 1111 1111 1111 \udc00"}]}"#;
    let _ = rig.gateway.chat_bytes(&rig.key, body.as_bytes()).expect(200);
    assert_eq!(rig.provider.last().text(), body.replace("4111 1111 1111 1111", "[REDACTED]"));
}

#[test]
fn a_body_over_the_limit_is_refused_however_it_is_sent() {
    let rig = Rig::with(&redact(), |builder| builder.env("WARDBELL_LIMITS_BODY_BYTES_MAX", "1000"));
    let body = says(&"x".repeat(2000)).to_string();
    let told = rig.gateway.chat_bytes(&rig.key, body.as_bytes()).expect(413).json();
    assert_eq!(told["error"], "payload_too_large");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        rig.key
    );
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let _ = rig.gateway.raw(format!("{head}{chunk}").as_bytes()).expect(413);
    let claim = head.replace("Transfer-Encoding: chunked", "Content-Length: 99999999999");
    let _ = rig.gateway.raw(claim.as_bytes()).expect(413);
    let _ = rig.gateway.chat(&rig.key, &says("small")).expect(200);
    assert_eq!(rig.provider.calls(), 1);
}

#[test]
fn a_compressed_body_is_refused_since_it_cannot_be_scanned() {
    let rig = Rig::new(&redact());
    let bearer = format!("Bearer {}", rig.key);
    let headers = [("Authorization", bearer.as_str()), ("Content-Encoding", "gzip")];
    let told = rig.gateway.send("POST", "/v1/chat/completions", &headers, b"\x1f\x8b").expect(422).json();
    assert_eq!(told["details"][0]["loc"], json!(["header", "content-encoding"]));
}

#[test]
fn shapes_of_request_smuggling_are_refused() {
    let rig = Rig::new(&redact());
    let body = says("hello").to_string();
    for framing in [
        format!("Content-Length: {}\r\nContent-Length: 5", body.len()),
        "Transfer-Encoding: chunked, identity".to_owned(),
        format!("Content-Length: +{}", body.len()),
        "Content-Length: 1x".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
    ] {
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{framing}\r\n\r\n{body}",
            rig.key
        );
        let reply = rig.gateway.raw(request.as_bytes());
        assert!(matches!(reply.status, 400 | 501), "{framing}: {}", reply.status);
    }
    assert_eq!(rig.provider.calls(), 0);
}

#[test]
fn a_flood_of_headers_is_refused() {
    let rig = Rig::new(&redact());
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let _ =
        rig.gateway.raw(format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes()).expect(431);
    let long = "x".repeat(100_000);
    let reply = rig.gateway.raw(format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n").as_bytes());
    assert!(matches!(reply.status, 400 | 431), "{}", reply.status);
    let _ = rig.gateway.chat(&rig.key, &says("still here")).expect(200);
}

#[test]
fn a_caller_that_never_ends_its_headers_or_its_body_is_let_go() {
    let rig = Rig::with(&redact(), |builder| {
        builder.env("WARDBELL_LIMITS_HEADER_SECONDS_MAX", "1").env("WARDBELL_LIMITS_BODY_SECONDS_MAX", "1")
    });
    let mut slow_head = rig.gateway.connect();
    slow_head.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n");
    let mut slow_body = rig.gateway.connect();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{",
        rig.key
    );
    slow_body.send(head.as_bytes());
    assert_eq!(slow_body.reply().status, 408);
    // The server says nothing or 408, and hangs up.
    let rest = slow_head.rest(Duration::from_secs(5));
    assert!(rest.is_ok(), "{rest:?}");
}

#[test]
fn one_of_our_own_deliveries_is_sent_back() {
    let rig = Rig::new(&redact());
    let bearer = format!("Bearer {}", rig.key);
    let headers = [("Authorization", bearer.as_str()), ("X-Wardbell-Delivery", "1")];
    let told = rig.gateway.send("POST", "/v1/chat/completions", &headers, says("x").to_string().as_bytes()).expect(400);
    assert!(told.json()["detail"]["message"].as_str().unwrap().contains("webhook"));
}

#[test]
fn unknown_paths_and_methods_are_told() {
    let rig = Rig::new(&redact());
    assert!(rig.gateway.send("GET", "/v1/unknown", &[], b"").expect(404).json()["detail"].is_string());
    let reply = rig.gateway.send("GET", "/v1/chat/completions", &[], b"").expect(405);
    assert_eq!(reply.headers.get("allow"), Some("POST"));
    assert!(rig.gateway.api("GET", "/unknown", None).expect(404).json()["error"]["code"].is_string());
}

#[test]
fn a_flood_of_findings_costs_no_more_than_its_length() {
    let rig = Rig::new(&redact());
    let text = "a.b@example.com ".repeat(100_000);
    let started = std::time::Instant::now();
    let _ = rig.gateway.chat(&rig.key, &says(&text)).expect(200);
    let took = started.elapsed();
    // Anything quadratic in the number of findings takes minutes here, in a debug build too.
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(!rig.provider.last().text().contains("example.com"));
}

#[test]
fn a_refusal_that_needs_no_body_leaves_the_connection_usable_or_says_that_it_ends() {
    let rig = Rig::new(&redact());
    let mut connection = rig.gateway.connect();
    let body = b"{\"input\":\"hello\"}";
    let head = |path: &str, more: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {length}\r\n{more}\r\n").into_bytes()
    };
    let wish = format!("authorization: Bearer {}\r\nx-lockllm-chunk: maybe\r\n", rig.key);
    for (path, more, status) in [
        ("/v1/chat/completions", "authorization: Bearer wb_unknown\r\n", 401),
        ("/v1/scan", "", 401),
        ("/v1/scan", wish.as_str(), 400),
        ("/v1/proxy/openai/chat/completions", wish.as_str(), 400),
        ("/v1/dlp/scan", "", 401),
        ("/v1/proxy/openai//models", "", 401),
        ("/nowhere", "", 404),
        ("/health", "", 200),
    ] {
        // The head comes alone, so that all that could be answered already can be.
        connection.send(&head(path, more, body.len()));
        connection.send(body);
        let reply = connection.reply();
        assert_eq!((reply.status, reply.headers.get("connection")), (status, None), "{path}");
    }
    let large = vec![b' '; 100_000];
    connection.send(&head("/v1/scan", "", 2 * large.len()));
    connection.send(&large);
    let reply = connection.reply();
    assert_eq!((reply.status, reply.headers.get("connection")), (401, Some("close")));
}
