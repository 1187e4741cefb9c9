//! Webhooks.

use serde_json::{Value, json};
use wardbell_core::id::{EndpointId, ProjectId};
use wardbell_store::endpoint::Endpoint;

use crate::rig::{Rig, WEBHOOKS_MAX};

const URL: &str = "https://hooks.example.com/in/canary-path?token=canary-query";

async fn stored(rig: &Rig, project: &str, id: &Value) -> Endpoint {
    let project: ProjectId = project.trim_start_matches("/projects/").parse().unwrap();
    let id: EndpointId = id.as_str().unwrap().parse().unwrap();
    rig.store.endpoint(project, id).await.unwrap()
}

#[tokio::test]
async fn a_webhook_is_made_listed_changed_and_removed() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let webhooks = format!("{project}/webhooks");
    let mut made = rig.expect("POST", &webhooks, json!({"url": URL}), 201).await;
    let secret = made.as_object_mut().unwrap().remove("secret").unwrap();
    assert!(secret.as_str().unwrap().starts_with("whsec_") && secret.as_str().unwrap().len() == 50, "{secret}");
    let id = made["id"].clone();
    assert!(id.as_str().unwrap().starts_with("whe_"));
    let expected = json!({
        "id": id, "url": "https://hooks.example.com/…", "format": "json", "events": ["*"], "severity_min": "low",
        "signature": "standard", "retry": "aisg", "enabled": true, "state": "enabled", "created_at": made["created_at"],
    });
    assert_eq!(made, expected);
    let path = format!("{webhooks}/{}", id.as_str().unwrap());
    assert_eq!(rig.get(&path).await, expected);
    assert_eq!(rig.get(&webhooks).await, json!({"data": [expected], "next_cursor": null}));
    let kept = stored(&rig, &project, &id).await;
    assert_eq!((kept.url.reveal().as_str(), kept.secrets.len()), (URL, 1));
    assert_eq!(kept.secrets[0].secret.reveal(), secret.as_str().unwrap());

    let patch = json!({
        "events": ["dlp.pii_blocked", "dlp.pii_blocked"], "severity_min": "high", "retry": "durable", "enabled": false,
        "format": "json", "signature": "standard",
    });
    let changed = rig.expect("PATCH", &path, patch, 200).await;
    assert_eq!(changed["events"], json!(["dlp.pii_blocked"]));
    assert_eq!((&changed["state"], &changed["enabled"]), (&json!("disabled"), &json!(false)));
    assert_eq!((&changed["severity_min"], &changed["retry"]), (&json!("high"), &json!("durable")));
    let moved = rig.expect("PATCH", &path, json!({"url": "https://other.example.com:443/x"}), 200).await;
    assert_eq!(moved["url"], "https://other.example.com/…");
    assert_eq!(moved["events"], changed["events"]);

    rig.expect("DELETE", &path, Value::Null, 204).await;
    for (method, body) in [("GET", Value::Null), ("PATCH", json!({})), ("DELETE", Value::Null)] {
        rig.refused(method, &path, body, 404, "not_found", "").await;
    }
}

#[tokio::test]
async fn a_wrong_webhook_names_its_field() {
    let rig = Rig::new().await;
    let webhooks = format!("{}/webhooks", rig.project().await);
    let with = |name: &str, value: Value| {
        let mut body = json!({"url": URL});
        body[name] = value;
        body
    };
    let cases = [
        (json!({}), "missing_field", "url"),
        (json!({"url": 7}), "invalid_field", "url"),
        (with("format", json!("slack")), "not_available", "format"),
        (with("format", json!("xml")), "invalid_field", "format"),
        (with("signature", json!("lockllm")), "not_available", "signature"),
        (with("signature", json!("none")), "invalid_field", "signature"),
        (with("retry", json!("forever")), "invalid_field", "retry"),
        (with("severity_min", json!("urgent")), "invalid_field", "severity_min"),
        (with("events", json!([])), "invalid_field", "events"),
        (with("events", json!(["dlp.pii"])), "invalid_field", "events"),
        (with("events", json!(["webhook.test"])), "invalid_field", "events"),
        (with("events", json!("*")), "invalid_field", "events"),
        (with("events", json!(["*", "nothing"])), "invalid_field", "events"),
        (with("enabled", json!("yes")), "invalid_field", "enabled"),
        (with("secret", json!("hunter2")), "invalid_field", "secret"),
        (with("secret", json!("whsec_c2hvcnQ=")), "invalid_field", "secret"),
        (with("secret", json!("whsec_not base64 at all!")), "invalid_field", "secret"),
        (with("custom_message", json!("x")), "not_available", "custom_message"),
        (with("include_preview", json!(true)), "not_available", "include_preview"),
        (with("headers", json!({})), "not_available", "headers"),
        (with("routing_key", json!("x")), "not_available", "routing_key"),
        (with("to", json!("a@b.c")), "not_available", "to"),
        (with("group", json!({})), "not_available", "group"),
        (with("evnets", json!([])), "unknown_field", "evnets"),
    ];
    for (body, code, field) in cases {
        rig.refused("POST", &webhooks, body, 422, code, field).await;
    }
    let answer = rig.refused("POST", &webhooks, with("events", json!(["x"])), 422, "invalid_field", "events").await;
    for kind in ["dlp.pii_blocked", "dlp.pii_redacted", "dlp.injection_blocked", "dlp.injection_detected", "*"] {
        assert!(answer["error"]["message"].as_str().unwrap().contains(kind), "{answer}");
    }
    let answer = rig.refused("POST", &webhooks, with("format", json!("raw")), 422, "not_available", "format").await;
    assert_eq!(answer["error"]["hint"], "available: json");
    let made = rig.expect("POST", &webhooks, with("secret", json!("whsec_AAECAwQFBgcICQoLDA0ODw==")), 201).await;
    assert_eq!(made["secret"], "whsec_AAECAwQFBgcICQoLDA0ODw==", "an own secret of 16 bytes is taken");
    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    for (body, code, field) in [
        (json!({"secret": "whsec_AAECAwQFBgcICQoLDA0ODw=="}), "invalid_field", "secret"),
        (json!({"url": "https://10.0.0.7/"}), "destination_not_allowed", "url"),
        (json!({"format": "teams"}), "not_available", "format"),
        (json!({"name": "x"}), "unknown_field", "name"),
    ] {
        rig.refused("PATCH", &path, body, 422, code, field).await;
    }
}

#[tokio::test]
async fn a_refused_address_gets_one_answer_and_a_wrong_text_its_own() {
    let rig = Rig::new().await;
    let webhooks = format!("{}/webhooks", rig.project().await);
    let mut answers = Vec::new();
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://10.0.0.7/hook",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://localhost/",
        "https://metadata.google.internal/",
        "https://db.internal/",
        "https://intranet/",
        "https://hooks.example.com:22/",
    ] {
        let body = json!({"url": url});
        answers.push(rig.refused("POST", &webhooks, body, 422, "destination_not_allowed", "url").await);
    }
    // Whether a disguised address is a fault of the text or of the address is for egress to say; it is refused.
    for url in ["https://2130706433/", "https://0x7f.1/", "https://127%2e0.0.1/", "https://[::ffff:10.0.0.1]/"] {
        rig.expect("POST", &webhooks, json!({"url": url}), 422).await;
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers[0]["error"]["message"], "destination not allowed");
    for url in [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "javascript:alert(1)",
        "https://user:canary-4711@hooks.example.com/",
        "https://hooks.example.com@evil.example.com/",
        " https://hooks.example.com/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com\\@evil.example.com/",
        "https://hooks.exa\tmple.com/",
        "https://",
        &format!("https://hooks.example.com/{}", "x".repeat(2048)),
        "https://hooks.example.com/#fragment",
    ] {
        let answer = rig.refused("POST", &webhooks, json!({"url": url}), 422, "invalid_field", "url").await;
        assert!(!answer.to_string().contains("canary-4711"), "{answer}");
    }
}

#[tokio::test]
async fn an_address_with_a_form_of_its_own_is_refused_with_a_reason() {
    let rig = Rig::new().await;
    let webhooks = format!("{}/webhooks", rig.project().await);
    for (url, name) in [
        ("https://hooks.slack.com/services/T0/B0/x", "Slack"),
        ("https://HOOKS.slack.com/services/T0/B0/x", "Slack"),
        ("https://discord.com/api/webhooks/1/x", "Discord"),
        ("https://canary.discordapp.com/api/webhooks/1/x", "Discord"),
        ("https://events.pagerduty.com/v2/enqueue", "PagerDuty"),
        ("https://team.webhook.office.com/webhookb2/x", "Teams"),
    ] {
        for body in [json!({"url": url}), json!({"url": url, "format": "json"})] {
            let answer = rig.refused("POST", &webhooks, body, 422, "invalid_field", "format").await;
            assert!(answer["error"]["message"].as_str().unwrap().contains(name), "{answer}");
        }
    }
    let power = "https://prod-1.westeurope.logic.azure.com/workflows/x";
    rig.refused("POST", &webhooks, json!({"url": power}), 422, "invalid_field", "format").await;
    for body in [
        json!({"url": power, "format": "json"}),
        json!({"url": "https://nothooks.slack.com.example.com/"}),
        json!({"url": "https://discord.com.example.com/api/webhooks/1/x"}),
    ] {
        rig.expect("POST", &webhooks, body, 201).await;
    }
}

#[tokio::test]
async fn the_webhook_past_the_limit_is_refused() {
    let rig = Rig::new().await;
    let webhooks = format!("{}/webhooks", rig.project().await);
    let mut last = Value::Null;
    for _ in 0..WEBHOOKS_MAX {
        last = rig.expect("POST", &webhooks, json!({"url": URL}), 201).await;
    }
    let answer = rig.refused("POST", &webhooks, json!({"url": URL}), 422, "limit_reached", "").await;
    assert!(answer["error"]["hint"].as_str().unwrap().contains("WARDBELL_WEBHOOKS_PER_PROJECT_MAX"), "{answer}");
    let other = format!("{}/webhooks", rig.project().await);
    rig.expect("POST", &other, json!({"url": URL}), 201).await;
    rig.expect("DELETE", &format!("{webhooks}/{}", last["id"].as_str().unwrap()), Value::Null, 204).await;
    rig.expect("POST", &webhooks, json!({"url": URL}), 201).await;
}

#[tokio::test]
async fn a_test_tells_what_came_of_it_ten_times_a_minute() {
    let rig = Rig::new().await;
    let webhooks = format!("{}/webhooks", rig.project().await);
    let up = rig.expect("POST", &webhooks, json!({"url": URL, "enabled": false}), 201).await;
    let up = format!("{webhooks}/{}/test", up["id"].as_str().unwrap());
    let down = rig.expect("POST", &webhooks, json!({"url": "https://down.example.com/"}), 201).await;
    let down = format!("{webhooks}/{}/test", down["id"].as_str().unwrap());
    let expected = json!({"delivered": true, "status": 204, "duration_ms": 12.345, "error": null});
    assert_eq!(rig.expect("POST", &up, Value::Null, 200).await, expected);
    assert_eq!(rig.expect("POST", &up, json!({}), 200).await, expected);
    rig.refused("POST", &up, json!({"url": "https://x.example.com"}), 422, "unknown_field", "url").await;
    let failed = rig.expect("POST", &down, Value::Null, 200).await;
    assert_eq!((&failed["delivered"], &failed["status"]), (&json!(false), &Value::Null));
    assert!(failed["error"].is_string());
    for _ in 2..10 {
        rig.expect("POST", &up, Value::Null, 200).await;
    }
    let refused = rig.call("POST", &up, None).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]["code"]), (429, &json!("rate_limited")));
    assert!(refused.headers.contains_key("retry-after"));
    rig.expect("POST", &down, Value::Null, 200).await;
}

#[tokio::test]
async fn a_rotated_secret_overlaps_for_as_long_as_was_asked() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let webhooks = format!("{project}/webhooks");
    let made = rig.expect("POST", &webhooks, json!({"url": URL}), 201).await;
    let rotate = format!("{webhooks}/{}/rotate-secret", made["id"].as_str().unwrap());
    let second = rig.expect("POST", &rotate, Value::Null, 200).await;
    let kept = stored(&rig, &project, &made["id"]).await;
    let signing: Vec<_> = kept.secrets.iter().map(|secret| secret.secret.reveal().as_str()).collect();
    assert_eq!(signing, [second["secret"].as_str().unwrap(), made["secret"].as_str().unwrap()]);
    assert_eq!(kept.secrets[1].expires_at.unwrap().to_string(), second["previous_until"].as_str().unwrap());
    for _ in 0..2 {
        rig.expect("POST", &rotate, json!({"overlap_seconds": 60}), 200).await;
    }
    rig.refused("POST", &rotate, json!({"overlap_seconds": 60}), 422, "limit_reached", "").await;
    let emergency = rig.expect("POST", &rotate, json!({"overlap_seconds": 0}), 200).await;
    let kept = stored(&rig, &project, &made["id"]).await;
    assert_eq!(kept.secrets.len(), 1, "0 stops every secret before it at once");
    assert_eq!(kept.secrets[0].secret.reveal(), emergency["secret"].as_str().unwrap());
    for body in [json!({"overlap_seconds": -1}), json!({"overlap_seconds": 604_801}), json!({"overlap_seconds": 1.5})] {
        rig.refused("POST", &rotate, body, 422, "invalid_field", "overlap_seconds").await;
    }
}
