//! Rates: ten a second and ten at once on the gateway surface, unless the project says otherwise.

use std::time::Duration;

use serde_json::json;

use crate::rig::{Rig, says};

#[test]
fn a_burst_over_the_default_rate_is_refused_in_aisgs_words_and_recorded() {
    let rig = Rig::new(&json!({"rate": {"per_second": 10, "burst": 10, "surfaces": "gateway"}}));
    let replies: Vec<_> = (0..30).map(|_| rig.gateway.chat(&rig.key, &says("hello"))).collect();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 429).collect();
    assert!(replies.iter().take(10).all(|reply| reply.status == 200));
    assert!(!refused.is_empty(), "thirty calls in a row take less than two seconds");
    for reply in &refused {
        assert_eq!(reply.json()["error"], "rate_limit_exceeded");
        assert_eq!(reply.headers.get("retry-after"), Some("1"));
    }
    assert_eq!(rig.provider.calls(), 30 - refused.len());
    // Scans and proxied calls are not counted.
    for _ in 0..30 {
        let _ = rig.post("/v1/scan", &[], &json!({"input": "hello"})).expect(200);
    }
    // Another key has a rate of its own.
    let other = rig.gateway.key(&rig.project);
    let _ = rig.gateway.chat(&other, &says("hello")).expect(200);
}

#[test]
fn a_rate_on_all_surfaces_holds_for_scans_too_and_null_is_none() {
    let rig = Rig::new(&json!({"rate": {"per_second": 0.1, "burst": 2}}));
    let scan = || rig.post("/v1/scan", &[], &json!({"input": "hello"}));
    assert_eq!([scan().status, scan().status, scan().status], [200, 200, 429]);
    let reply = scan();
    assert_eq!(reply.json()["error"]["code"], "rate_limited");
    let wait: u64 = reply.headers.get("retry-after").unwrap().parse().unwrap();
    assert!((1..=10).contains(&wait), "{wait}");
    let free = json!({"policy": {"rate": null}});
    let _ = rig.gateway.api("PATCH", &format!("/projects/{}", rig.project), Some(&free)).expect(200);
    assert!((0..20).all(|_| scan().status == 200));
}

#[test]
fn a_refusal_before_the_body_has_come_leaves_the_connection_usable() {
    let rig = Rig::new(&json!({"rate": {"per_second": 0.001, "burst": 1}}));
    let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
    let body = says("hello").to_string();
    for (path, key, status) in [
        ("/v1/chat/completions", rig.key.as_str(), 429),
        ("/v1/scan", rig.key.as_str(), 429),
        ("/v1/chat/completions", "wb_wrong", 401),
        ("/v1/proxy/openai/../x", rig.key.as_str(), 429),
    ] {
        let mut connection = rig.gateway.connect();
        for _ in 0..3 {
            let length = body.len();
            connection.send(
                format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n\r\n"
                )
                .as_bytes(),
            );
            // As clients do that write head and body apart.
            std::thread::sleep(Duration::from_millis(20));
            connection.send(body.as_bytes());
            let reply = connection.reply();
            assert_eq!((reply.status, reply.headers.get("connection")), (status, None), "{path}");
        }
    }
    // A long body is not waited for, and the answer says what happens.
    let mut connection = rig.gateway.connect();
    connection.send(
        b"POST /v1/scan HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wb_wrong\r\nContent-Length: 10000000\r\n\r\n",
    );
    let reply = connection.reply();
    assert_eq!((reply.status, reply.headers.get("connection")), (401, Some("close")));
}
