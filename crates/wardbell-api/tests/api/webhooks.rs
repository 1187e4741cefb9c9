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
        "signature": "standard", "retry": "durable", "enabled": true, "state": "healthy",
        "created_at": made["created_at"], "include_preview": false, "headers": [], "per_second": null,
        "disable_after_seconds": null, "filter": {"models": [], "keys": [], "entity_types": []},
        "group": {"enabled": false, "window_seconds": 30, "per_minute": 0},
        "health": {"since": made["created_at"], "failures": 0, "reason": null},
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
        (with("format", json!("xml")), "invalid_field", "format"),
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
        (with("events", json!(["webhook.*"])), "invalid_field", "events"),
        (with("events", json!(["pii.*"])), "invalid_field", "events"),
        (with("custom_message", json!("x")), "invalid_field", "custom_message"),
        (with("custom_message", json!("two\nlines")), "invalid_field", "custom_message"),
        (with("custom_message", json!("x".repeat(501))), "invalid_field", "custom_message"),
        (with("include_preview", json!("yes")), "invalid_field", "include_preview"),
        (with("headers", json!(["x"])), "invalid_field", "headers"),
        (with("headers", json!({"webhook-id": "x"})), "invalid_field", "headers"),
        (with("headers", json!({"Host": "x"})), "invalid_field", "headers"),
        (with("headers", json!({"Content-Length": "1"})), "invalid_field", "headers"),
        (with("headers", json!({"X-Wardbell-Delivery": "0"})), "invalid_field", "headers"),
        (with("headers", json!({"x-token": "a\r\nx: y"})), "invalid_field", "headers"),
        (with("headers", json!({"bad name": "x"})), "invalid_field", "headers"),
        (with("headers", json!({"x-token": 7})), "invalid_field", "headers"),
        (with("routing_key", json!("x")), "invalid_field", "routing_key"),
        (with("routing_key", json!("0123456789abcdef0123456789abcdef")), "invalid_field", "routing_key"),
        (with("format", json!("pagerduty")), "invalid_field", "routing_key"),
        (with("to", json!("a@b.c")), "invalid_field", "to"),
        (with("to", json!(["a@example.com"])), "invalid_field", "to"),
        (with("format", json!("email")), "invalid_field", "url"),
        (json!({"format": "email"}), "invalid_field", "to"),
        (json!({"format": "email", "to": ["a@example.com\r\nBcc: b@example.com"]}), "invalid_field", "to"),
        (with("group", json!([])), "invalid_field", "group"),
        (with("group", json!({"window_seconds": 4})), "invalid_field", "group.window_seconds"),
        (with("group", json!({"per_minute": 1})), "invalid_field", "group.per_minute"),
        (with("group", json!({"wat": 1})), "unknown_field", "group.wat"),
        (with("filter", json!({"keys": ["x"]})), "invalid_field", "filter.keys"),
        (with("filter", json!({"models": [""]})), "invalid_field", "filter.models"),
        (with("filter", json!({"model": []})), "unknown_field", "filter.model"),
        (with("per_second", json!(0)), "invalid_field", "per_second"),
        (with("disable_after_seconds", json!(5)), "invalid_field", "disable_after_seconds"),
        (with("evnets", json!([])), "unknown_field", "evnets"),
    ];
    for (body, code, field) in cases {
        rig.refused("POST", &webhooks, body, 422, code, field).await;
    }
    let answer = rig.refused("POST", &webhooks, with("events", json!(["x"])), 422, "invalid_field", "events").await;
    for kind in ["dlp.pii_blocked", "dlp.pii_redacted", "dlp.injection_blocked", "dlp.injection_detected", "*"] {
        assert!(answer["error"]["message"].as_str().unwrap().contains(kind), "{answer}");
    }
    let made = rig.expect("POST", &webhooks, with("secret", json!("whsec_AAECAwQFBgcICQoLDA0ODw==")), 201).await;
    assert_eq!(made["secret"], "whsec_AAECAwQFBgcICQoLDA0ODw==", "an own secret of 16 bytes is taken");
    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    for (body, code, field) in [
        (json!({"secret": "whsec_AAECAwQFBgcICQoLDA0ODw=="}), "invalid_field", "secret"),
        (json!({"url": "https://10.0.0.7/"}), "destination_not_allowed", "url"),
        (json!({"format": "email"}), "invalid_field", "format"),
        (json!({"format": "pagerduty"}), "invalid_field", "routing_key"),
        (json!({"signature": "ed25519"}), "invalid_field", "signature"),
        (json!({"custom_message": "x"}), "invalid_field", "custom_message"),
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
async fn an_address_chooses_its_form_and_refuses_another() {
    let rig = Rig::new().await;
    for (url, format, name) in [
        ("https://hooks.slack.com/services/T0/B0/x", "slack", "Slack"),
        ("https://HOOKS.slack.com/services/T0/B0/x", "slack", "Slack"),
        ("https://discord.com/api/webhooks/1/x", "discord", "Discord"),
        ("https://discord.com/api/webhooks/1/x/slack", "slack", "Discord"),
        ("https://canary.discordapp.com/api/webhooks/1/x", "discord", "Discord"),
        ("https://events.eu.pagerduty.com/v2/enqueue", "pagerduty", "PagerDuty"),
        ("https://team.webhook.office.com/webhookb2/x", "teams", "Teams"),
    ] {
        let webhooks = format!("{}/webhooks", rig.project().await);
        let mut body = json!({"url": url});
        if format == "pagerduty" {
            body["routing_key"] = json!("0123456789abcdef0123456789abcdef");
        }
        assert_eq!(rig.expect("POST", &webhooks, body.clone(), 201).await["format"], format);
        body["format"] = json!("json");
        let answer = rig.refused("POST", &webhooks, body, 422, "invalid_field", "format").await;
        assert!(answer["error"]["message"].as_str().unwrap().contains(name), "{answer}");
    }
    let webhooks = format!("{}/webhooks", rig.project().await);
    let power = "https://prod-1.westeurope.logic.azure.com/workflows/x";
    for (body, format) in [
        (json!({"url": power}), "teams"),
        (json!({"url": power, "format": "json"}), "json"),
        (json!({"url": "https://nothooks.slack.com.example.com/"}), "json"),
        (json!({"url": "https://discord.com.example.com/api/webhooks/1/x"}), "json"),
    ] {
        let made = rig.expect("POST", &webhooks, body, 201).await;
        assert_eq!(made["format"], format);
    }
    let made = rig.expect("POST", &webhooks, json!({"url": URL}), 201).await;
    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    let moved = json!({"url": "https://hooks.slack.com/services/T0/B0/x"});
    assert_eq!(rig.expect("PATCH", &path, moved, 200).await["format"], "slack");
    rig.refused("PATCH", &path, json!({"format": "json"}), 422, "invalid_field", "format").await;
}

#[tokio::test]
async fn every_option_is_kept_changed_and_shown_without_its_secrets() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let webhooks = format!("{project}/webhooks");
    let key = rig.expect("POST", &format!("{project}/keys"), json!({"name": "k"}), 201).await;
    let body = json!({
        "url": "https://events.pagerduty.com/v2/enqueue?canary-query", "format": "pagerduty",
        "routing_key": "canary00000000000000000000000000", "headers": {"X-Token": "canary-header"},
        "events": ["dlp.*", "loop.detected"], "include_preview": false,
        "filter": {"models": ["gpt-*"], "keys": [key["id"]], "entity_types": ["US_*"]},
        "group": {"window_seconds": 60, "per_minute": 10}, "per_second": 0.5, "disable_after_seconds": 3600,
    });
    let mut made = rig.expect("POST", &webhooks, body, 201).await;
    made.as_object_mut().unwrap().remove("secret");
    assert!(!made.to_string().contains("canary"), "{made}");
    assert_eq!(made["headers"], json!(["x-token"]));
    assert_eq!(made["events"], json!(["dlp.*", "loop.detected"]));
    assert_eq!(made["group"], json!({"enabled": true, "window_seconds": 60, "per_minute": 10}));
    assert_eq!(made["filter"]["keys"], json!([key["id"]]));
    assert_eq!((&made["per_second"], &made["disable_after_seconds"]), (&json!(0.5), &json!(3600.0)));
    let kept = stored(&rig, &project, &made["id"]).await;
    assert_eq!(kept.options.headers[0].1.reveal(), "canary-header");
    assert_eq!(kept.options.routing_key.unwrap().reveal(), "canary00000000000000000000000000");

    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    let patch = json!({"filter": {}, "group": null, "per_second": null, "disable_after_seconds": null, "headers": {}});
    let changed = rig.expect("PATCH", &path, patch, 200).await;
    assert_eq!(changed["group"], json!({"enabled": true, "window_seconds": 30, "per_minute": 5}));
    assert_eq!((&changed["per_second"], &changed["headers"]), (&Value::Null, &json!([])));
    assert_eq!(changed["events"], made["events"], "what is left out stays");
    let listed = rig.get(&webhooks).await.to_string() + &rig.get(&path).await.to_string();
    assert!(!listed.contains("canary"), "{listed}");
}

#[tokio::test]
async fn mail_and_the_second_products_form_have_their_own_rules() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let webhooks = format!("{project}/webhooks");
    let body = json!({"format": "email", "to": ["ops@example.com", "sec@example.com"], "custom_message": "Look!"});
    let made = rig.expect("POST", &webhooks, body, 201).await;
    assert_eq!((&made["url"], &made["to"]), (&json!("mailto:…"), &json!(["ops@example.com", "sec@example.com"])));
    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    rig.refused("PATCH", &path, json!({"url": URL}), 422, "invalid_field", "format").await;
    let moved = rig.expect("PATCH", &path, json!({"to": ["new@example.com"]}), 200).await;
    assert_eq!(moved["to"], json!(["new@example.com"]));
    assert_eq!(stored(&rig, &project, &made["id"]).await.url.reveal(), "mailto:new@example.com");

    let raw = rig.expect("POST", &webhooks, json!({"url": URL, "format": "raw"}), 201).await;
    assert_eq!(raw["events"], json!(["dlp.injection_blocked", "dlp.injection_detected"]));
    assert_eq!((&raw["signature"], &raw["include_preview"]), (&json!("standard"), &json!(true)));
    let own = json!({"url": URL, "format": "raw", "secret": "a plain sécret of mine"});
    rig.refused("POST", &webhooks, own, 422, "invalid_field", "secret").await;
    let own = json!({"url": URL, "format": "raw", "secret": "a-plain-secret-of-mine"});
    let own = rig.expect("POST", &webhooks, own, 201).await;
    assert_eq!((&own["signature"], &own["secret"]), (&json!("lockllm"), &json!("a-plain-secret-of-mine")));
}

#[tokio::test]
async fn a_published_key_is_made_shown_and_rotated() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let webhooks = format!("{project}/webhooks");
    let made = rig.expect("POST", &webhooks, json!({"url": URL, "signature": "ed25519"}), 201).await;
    assert!(made["public_key"].as_str().unwrap().starts_with("whpk_"));
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let own =
        json!({"url": URL, "signature": "ed25519", "secret": "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="});
    let own = rig.expect("POST", &webhooks, own, 201).await;
    // RFC 8032 gives the public half of no such seed; Python's cryptography gives this one.
    assert_eq!(own["public_key"], "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
    assert!(own["secret"].as_str().unwrap().starts_with("whsec_"));
    let short = json!({"url": URL, "signature": "ed25519", "secret": "whsk_AAEC"});
    rig.refused("POST", &webhooks, short, 422, "invalid_field", "secret").await;
    let path = format!("{webhooks}/{}", made["id"].as_str().unwrap());
    let rotated = rig.expect("POST", &format!("{path}/rotate-secret"), Value::Null, 200).await;
    assert_ne!(rotated["public_key"], made["public_key"]);
    let shown = rig.get(&path).await;
    assert_eq!(shown["public_key"], rotated["public_key"]);
    assert!(!shown.to_string().contains("whsk_") && !shown.to_string().contains("whsec_"));
    let kept = stored(&rig, &project, &made["id"]).await;
    assert_eq!(kept.secrets.len(), 4, "two of each, for the overlap");
}

#[tokio::test]
async fn any_kind_can_be_tried_in_any_form_that_the_webhook_can_take() {
    let rig = Rig::new().await;
    let webhooks = format!("{}/webhooks", rig.project().await);
    let made = rig.expect("POST", &webhooks, json!({"url": URL}), 201).await;
    let test = format!("{webhooks}/{}/test", made["id"].as_str().unwrap());
    for body in [
        json!({"kind": "budget.exhausted"}),
        json!({"format": "slack"}),
        json!({"kind": "loop.detected", "format": "ocsf"}),
    ] {
        assert_eq!(rig.expect("POST", &test, body, 200).await["delivered"], true);
    }
    for (body, field) in [
        (json!({"kind": "nothing"}), "kind"),
        (json!({"format": "xml"}), "format"),
        (json!({"format": "pagerduty"}), "format"),
        (json!({"format": "email"}), "format"),
    ] {
        rig.refused("POST", &test, body, 422, "invalid_field", field).await;
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
