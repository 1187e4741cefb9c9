//! Alerts, deliveries and activity.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_core::activity::Activity;
use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, DlpData, Source};
use wardbell_core::entity::EntityType;
use wardbell_core::id::{AlertId, KeyId, ProjectId, RequestId};
use wardbell_core::outcome::Outcome;
use wardbell_core::time::Timestamp;
use wardbell_core::usage::Usage;
use wardbell_store::outbox::{Attempt, AttemptPhases, Next};

use crate::rig::Rig;

const START: i64 = 1_764_000_000_000;

/// Raises one alert a second, each with its activity row.
pub(crate) async fn raise(rig: &Rig, project: &str, kinds: &[AlertKind]) {
    let project: ProjectId = project.trim_start_matches("/projects/").parse().unwrap();
    for (number, kind) in (0_u8..).zip(kinds) {
        let at = Timestamp::from_millis(START + i64::from(number) * 1000);
        let request = RequestId::mint(at, [number; 10]);
        let row = Activity {
            request,
            caller_request: Some(format!("caller-{number}")),
            at,
            project,
            key: KeyId::mint(at, [9; 10]),
            surface: "chat.completions",
            model: "gpt-4o".to_owned(),
            provider: "openai".to_owned(),
            verdict: "block_pii",
            outcome: Outcome::Refused,
            status: 400,
            entity_types: vec![EntityType::CreditCard],
            violation_count: 1,
            injection_score: 0.0,
            streamed: false,
            latency: Duration::from_micros(1500),
            detect_latency: Duration::from_micros(250),
            upstream_latency: Duration::ZERO,
            usage: Some(Usage { input_tokens: 3, output_tokens: 0, ..Usage::default() }),
            cost: None,
            policy_version: 1,
        };
        let alert = Alert {
            id: AlertId::mint(at, [number; 10]),
            project,
            request_id: request.to_string(),
            at,
            kind: *kind,
            data: AlertData::Dlp(DlpData {
                entity_types: vec![EntityType::CreditCard],
                violation_count: 1,
                has_injection: false,
                model: "gpt-4o".to_owned(),
                action: DlpAction::Block,
                policies: Vec::new(),
            }),
            source: Source::default(),
            preview: None,
            is_test: false,
        };
        rig.store.record_alert(row, alert).await.unwrap();
    }
}

#[tokio::test]
async fn alerts_and_activity_are_listed_newest_first_and_filtered() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let kinds = [AlertKind::PiiBlocked, AlertKind::InjectionBlocked, AlertKind::PiiBlocked];
    raise(&rig, &project, &kinds).await;
    let alerts = rig.get(&format!("{project}/alerts")).await;
    let data = alerts["data"].as_array().unwrap();
    let times: Vec<_> = data.iter().map(|alert| alert["time"].as_str().unwrap()).collect();
    assert_eq!(times, ["2025-11-24T16:00:02.000Z", "2025-11-24T16:00:01.000Z", "2025-11-24T16:00:00.000Z"]);
    assert_eq!((&data[0]["kind"], &data[0]["severity"]), (&json!("dlp.pii_blocked"), &json!("high")));
    assert_eq!(
        data[0]["data"],
        json!({
            "entity_types": ["CREDIT_CARD"], "violation_count": 1, "has_injection": false, "model": "gpt-4o",
            "action": "block",
        })
    );
    let one = rig.get(&format!("{project}/alerts/{}", data[1]["id"].as_str().unwrap())).await;
    let mut expected = data[1].clone();
    expected["deliveries"] = json!([]);
    assert_eq!(one, expected);
    for (query, count) in [
        ("kind=dlp.pii_blocked", 2),
        ("kind=dlp.pii_redacted", 0),
        ("severity_min=high", 3),
        ("severity_min=critical", 0),
        ("since=2025-11-24T16:00:01Z", 2),
        ("since=2025-11-24T17:00:01%2B01:00&kind=dlp.injection_blocked", 1),
        ("limit=2", 2),
        (&format!("cursor={}", data[1]["id"].as_str().unwrap()), 1),
    ] {
        let found = rig.get(&format!("{project}/alerts?{query}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    for (query, field) in [
        ("kind=pii", "kind"),
        ("since=yesterday", "since"),
        ("limit=0", "limit"),
        ("cursor=1", "cursor"),
        ("cursor=dlv_0199a0d4c1c37d1f8b7c2f5f0c9d3e21", "cursor"),
    ] {
        let path = format!("{project}/alerts?{query}");
        rig.refused("GET", &path, Value::Null, 422, "invalid_field", field).await;
    }
    rig.refused("GET", &format!("{project}/alerts?state=dead"), Value::Null, 422, "unknown_field", "state").await;

    let activity = rig.get(&format!("{project}/activity?limit=2")).await;
    let rows = activity["data"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["time"], "2025-11-24T16:00:02.000Z");
    assert_eq!(rows[0]["id"], data[0]["request_id"]);
    for (name, value) in [
        ("surface", json!("chat.completions")),
        ("model", json!("gpt-4o")),
        ("verdict", json!("block_pii")),
        ("outcome", json!("refused")),
        ("status", json!(400)),
        ("entity_types", json!(["CREDIT_CARD"])),
        ("latency_ms", json!(1.5)),
        ("detect_ms", json!(0.25)),
        ("input_tokens", json!(3)),
        ("caller_request_id", json!("caller-2")),
    ] {
        assert_eq!(rows[0][name], value, "{name}");
    }
    let cursor = activity["next_cursor"].as_str().unwrap();
    let rest = rig.get(&format!("{project}/activity?limit=2&cursor={cursor}")).await;
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn a_delivery_shows_its_attempts_and_is_replayed() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let hook = json!({"url": "https://hooks.example.com/x"});
    let hook = rig.expect("POST", &format!("{project}/webhooks"), hook, 201).await;
    raise(&rig, &project, &[AlertKind::PiiBlocked]).await;
    let deliveries = format!("{project}/deliveries");
    let pending = rig.get(&format!("{deliveries}?state=pending&endpoint={}", hook["id"].as_str().unwrap())).await;
    let delivery = &pending["data"][0];
    let id = delivery["id"].as_str().unwrap();
    assert_eq!((&delivery["state"], &delivery["attempt_count"]), (&json!("pending"), &json!(0)));
    assert_eq!(delivery["webhook_id"].as_str().unwrap().trim_start_matches("wh_"), id.trim_start_matches("dlv_"));
    assert_eq!(delivery["endpoint_id"], hook["id"]);
    let path = format!("{deliveries}/{id}");
    rig.refused("POST", &format!("{path}/replay"), Value::Null, 409, "conflict", "").await;

    let now = wardbell_telemetry::ambient::now();
    let claim = rig.store.claim(now, now.after(Duration::from_mins(1)), ten()).await.unwrap().remove(0);
    let attempt = Attempt {
        number: 1,
        at: Timestamp::from_millis(START),
        status: Some(500),
        error: Some("receiver answered 500".to_owned()),
        phases: AttemptPhases {
            dns: Duration::from_micros(100),
            connect: Duration::from_micros(200),
            tls: Duration::from_millis(3),
            first_byte: Duration::from_micros(4500),
            total: Duration::from_millis(8),
        },
        excerpt: Some("sorry".to_owned()),
    };
    rig.store.finish_attempt(claim.delivery.id, attempt, Next::Dead("attempts exhausted".to_owned())).await.unwrap();
    let dead = rig.get(&path).await;
    assert_eq!((&dead["state"], &dead["reason"]), (&json!("dead"), &json!("attempts exhausted")));
    assert_eq!(
        dead["attempts"],
        json!([{
            "number": 1, "started_at": "2025-11-24T16:00:00.000Z", "status": 500, "error": "receiver answered 500",
            "phases": {"dns_ms": 0.1, "connect_ms": 0.2, "tls_ms": 3.0, "first_byte_ms": 4.5, "total_ms": 8.0},
            "response_excerpt": "sorry",
        }])
    );
    for (query, count) in [
        ("state=pending", 0),
        ("state=dead", 1),
        ("state=delivered", 0),
        (&format!("alert={}", dead["alert_id"].as_str().unwrap()), 1),
    ] {
        let found = rig.get(&format!("{deliveries}?{query}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), count, "{query}");
    }
    for (query, field) in [("state=lost", "state"), ("endpoint=x", "endpoint"), ("alert=whe_1", "alert")] {
        let path = format!("{deliveries}?{query}");
        rig.refused("GET", &path, Value::Null, 422, "invalid_field", field).await;
    }
    let replayed = rig.expect("POST", &format!("{path}/replay"), Value::Null, 202).await;
    assert_eq!((&replayed["state"], &replayed["webhook_id"]), (&json!("pending"), &delivery["webhook_id"]));
}

/// What one project has, another cannot see or touch, even by id.
#[tokio::test]
async fn what_belongs_to_another_project_does_not_exist() {
    let rig = Rig::new().await;
    let [ours, theirs] = [rig.project().await, rig.project().await];
    let key = rig.expect("POST", &format!("{ours}/keys"), json!({"name": "k"}), 201).await;
    let hook = json!({"url": "https://hooks.example.com/x"});
    let hook = rig.expect("POST", &format!("{ours}/webhooks"), hook, 201).await;
    rig.expect("PUT", &format!("{ours}/providers/p"), json!({}), 200).await;
    raise(&rig, &ours, &[AlertKind::PiiBlocked]).await;
    let alert = rig.get(&format!("{ours}/alerts")).await["data"][0]["id"].as_str().unwrap().to_owned();
    let delivery = rig.get(&format!("{ours}/deliveries")).await["data"][0]["id"].as_str().unwrap().to_owned();
    let hook = hook["id"].as_str().unwrap();
    for (method, path, body) in [
        ("DELETE", format!("keys/{}", key["id"].as_str().unwrap()), Value::Null),
        ("GET", "providers/p".to_owned(), Value::Null),
        ("DELETE", "providers/p".to_owned(), Value::Null),
        ("GET", format!("webhooks/{hook}"), Value::Null),
        ("PATCH", format!("webhooks/{hook}"), json!({"enabled": false})),
        ("POST", format!("webhooks/{hook}/test"), Value::Null),
        ("POST", format!("webhooks/{hook}/rotate-secret"), Value::Null),
        ("DELETE", format!("webhooks/{hook}"), Value::Null),
        ("GET", format!("alerts/{alert}"), Value::Null),
        ("GET", format!("deliveries/{delivery}"), Value::Null),
        ("POST", format!("deliveries/{delivery}/replay"), Value::Null),
    ] {
        rig.refused(method, &format!("{theirs}/{path}"), body, 404, "not_found", "").await;
    }
    for list in ["keys", "providers", "webhooks", "alerts", "deliveries", "activity"] {
        assert_eq!(rig.get(&format!("{theirs}/{list}")).await["data"], json!([]), "{list}");
        assert_eq!(rig.get(&format!("{ours}/{list}")).await["data"].as_array().unwrap().len(), 1, "{list}");
    }
}

/// Room for ten claims.
fn ten() -> wardbell_store::outbox::ClaimRoom {
    wardbell_store::outbox::ClaimRoom { total: 10, per_endpoint: 10, except: Vec::new() }
}
