//! The provider down, slow, broken or refusing: each has its own answer, and each is recorded.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::gateway::Gateway;
use wardbell_testkit::provider::behaviour::Behaviour;

use crate::rig::{BINARY, Rig, redact, says};

const SOON: Duration = Duration::from_secs(5);

#[track_caller]
fn check(rig: &Rig, behaviour: Behaviour, status: u16, detail: &Value) {
    let before = rig.provider.calls();
    rig.provider.next(behaviour);
    let reply = rig.gateway.chat(&rig.key, &says("hello")).expect(status);
    assert_eq!(rig.provider.calls(), before + 1, "a failed call is not repeated");
    let told = reply.json();
    if let Some(code) = detail.as_str() {
        assert_eq!(told["detail"]["error"], code, "{told}");
    } else {
        assert!(told["detail"].is_string(), "{told}");
    }
}

#[test]
fn what_the_provider_refuses_is_told_in_aisgs_words() {
    let rig = Rig::new(&redact());
    let error = r#"{"error":{"message":"no such model","type":"invalid_request_error","code":"model_not_found"}}"#;
    check(&rig, Behaviour::status(400, error), 400, &json!("upstream_bad_request"));
    check(&rig, Behaviour::status(404, error), 400, &json!("model_not_found"));
    check(&rig, Behaviour::status(404, "{}"), 400, &json!("upstream_bad_request"));
    check(&rig, Behaviour::status(429, "{}"), 429, &json!("rate_limit"));
    check(&rig, Behaviour::status(500, "boom"), 502, &json!("upstream_error"));
    check(&rig, Behaviour::status(503, ""), 502, &json!("upstream_error"));
    check(&rig, Behaviour::status(401, error), 502, &Value::Null);
    check(&rig, Behaviour::status(302, ""), 502, &json!("upstream_error"));
    check(&rig, Behaviour::Raw(b"not http at all\r\n\r\n".to_vec()), 502, &json!("upstream_error"));
    check(&rig, Behaviour::CloseMidBody, 502, &json!("upstream_error"));
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 10);
    assert!(rows.iter().all(|row| row["outcome"] == "upstream_failed"), "{rows:?}");
}

#[test]
fn the_providers_own_error_and_retry_after_reach_the_caller() {
    let rig = Rig::new(&redact());
    rig.provider.next(Behaviour::Status {
        code: 429,
        headers: vec![("Retry-After".to_owned(), "7".to_owned())],
        body: br#"{"error":{"message":"slow down","code":"rate_limit_exceeded"}}"#.to_vec(),
    });
    let reply = rig.gateway.chat(&rig.key, &says("hello")).expect(429);
    assert_eq!(reply.headers.get("retry-after"), Some("7"));
    assert_eq!(reply.json()["detail"]["message"], "slow down");
    assert_eq!(reply.json()["error"]["code"], "rate_limit_exceeded");
}

#[test]
fn a_rejected_provider_key_is_not_quoted() {
    let rig = Rig::new(&redact());
    let error = r#"{"error":{"message":"Incorrect API key provided: sk-test-provider-key"}}"#;
    rig.provider.next(Behaviour::status(401, error));
    let reply = rig.gateway.chat(&rig.key, &says("hello")).expect(502);
    assert!(!reply.text().contains("sk-test"), "{}", reply.text());
}

#[test]
fn a_provider_that_is_slow_or_hangs_is_given_up() {
    let rig = Rig::with(&redact(), |builder| builder.env("WARDBELL_UPSTREAM_FIRST_BYTE_SECONDS_MAX", "1"));
    rig.provider.next(Behaviour::Hang);
    assert!(rig.gateway.chat(&rig.key, &says("hello")).expect(504).json()["detail"].is_string());
    rig.provider.wait_for_abandoned(1, SOON);
    rig.provider.next(Behaviour::answer("late").after(Duration::from_millis(300)));
    let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
}

#[test]
fn a_provider_that_is_down_is_a_bad_gateway() {
    let rig = Rig::new(&redact());
    // A port that was free a moment ago: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    rig.gateway.provider(&rig.project, "openai", &format!("http://127.0.0.1:{port}/v1"));
    let told = rig.gateway.chat(&rig.key, &says("hello")).expect(502).json();
    assert_eq!(told["detail"]["error"], "upstream_error");
}

#[test]
fn a_provider_without_a_key_is_told_as_no_credentials() {
    let rig = Rig::new(&redact());
    let home = json!({"kind": "openai", "base_url": "https://api.openai.com/v1", "api_key": null});
    let _ = rig.gateway.api("PUT", &rig.path("providers/openai"), Some(&home)).expect(200);
    let told = rig.gateway.chat(&rig.key, &says("hello")).expect(402).json();
    assert_eq!(told["detail"]["error"], "no_credentials");
}

#[test]
fn a_provider_inside_the_network_needs_to_be_allowed() {
    let gateway = Gateway::builder(BINARY).env("WARDBELL_EGRESS_ALLOW", "").start();
    let project = gateway.project(&json!({"name": "p"}));
    for url in ["https://127.0.0.1/v1", "https://169.254.169.254/v1", "https://localhost/v1"] {
        let body = json!({"kind": "openai", "base_url": url, "api_key": "k"});
        let told = gateway.api("PUT", &format!("/projects/{project}/providers/openai"), Some(&body)).expect(422).json();
        assert_eq!(told["error"]["code"], "destination_not_allowed", "{told}");
    }
}
