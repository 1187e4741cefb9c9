//! Silences, replays, what would have matched, and expunging.

use serde_json::{Value, json};
use wardbell_core::alert::AlertKind;

use crate::records::raise;
use crate::rig::Rig;

const URL: &str = "https://hooks.example.com/in";

async fn webhook(rig: &Rig, project: &str, body: Value) -> String {
    let mut body = body;
    body["url"] = json!(URL);
    let made = rig.expect("POST", &format!("{project}/webhooks"), body, 201).await;
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_silence_is_made_listed_and_removed() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let silences = format!("{project}/silences");
    let id = webhook(&rig, &project, json!({})).await;
    let body = json!({
        "author": "ann", "reason": "load test", "webhook": id, "events": ["dlp.*"], "severity_max": "medium",
        "models": ["gpt-*"], "duration_seconds": 600,
    });
    let made = rig.expect("POST", &silences, body, 201).await;
    assert_eq!((&made["active"], &made["over"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&made["events"], &made["models"], &made["webhook"]),
        (&json!(["dlp.*"]), &json!(["gpt-*"]), &json!(id))
    );
    let nights = json!({
        "author": "ann", "reason": "nights", "weekly": {
            "days": ["mon", "tue"], "from": "22:00", "to": "06:00", "time_zone": "Europe/Berlin",
            "expires_at": far_off(),
        },
    });
    let window = rig.expect("POST", &silences, nights, 201).await;
    assert_eq!((&window["events"], &window["weekly"]["time_zone"]), (&json!(["*"]), &json!("Europe/Berlin")));
    let listed = rig.get(&silences).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let path = format!("{silences}/{}", made["id"].as_str().unwrap());
    rig.expect("DELETE", &path, Value::Null, 204).await;
    rig.refused("DELETE", &path, Value::Null, 404, "not_found", "").await;
}

/// A time within the year that a silence may last.
fn far_off() -> String {
    wardbell_telemetry::ambient::now().after(std::time::Duration::from_hours(24 * 30)).to_string()
}

#[tokio::test]
async fn a_wrong_silence_names_its_field() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let silences = format!("{project}/silences");
    let with = |change: Value| {
        let mut body = json!({"author": "ann", "reason": "r"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let weekly = |name: &str, value: Value| {
        let mut weekly =
            json!({"days": ["mon"], "from": "22:00", "to": "06:00", "time_zone": "UTC", "expires_at": far_off()});
        weekly[name] = value;
        with(json!({"weekly": weekly}))
    };
    for (body, code, field) in [
        (json!({"reason": "r", "duration_seconds": 60}), "missing_field", "author"),
        (json!({"author": "ann", "duration_seconds": 60}), "missing_field", "reason"),
        (with(json!({"author": "a\nb", "duration_seconds": 60})), "invalid_field", "author"),
        (with(json!({})), "invalid_field", "ends_at"),
        (with(json!({"ends_at": "tomorrow"})), "invalid_field", "ends_at"),
        (with(json!({"ends_at": "2020-01-01T00:00:00Z"})), "invalid_field", "ends_at"),
        (with(json!({"ends_at": "2999-01-01T00:00:00Z"})), "invalid_field", "ends_at"),
        (with(json!({"ends_at": far_off(), "duration_seconds": 60})), "invalid_field", "duration_seconds"),
        (with(json!({"duration_seconds": 60, "events": ["nothing"]})), "invalid_field", "events"),
        (with(json!({"duration_seconds": 60, "webhook": "x"})), "invalid_field", "webhook"),
        (weekly("days", json!(["Friday"])), "invalid_field", "weekly"),
        (weekly("from", json!("25:00")), "invalid_field", "weekly"),
        (weekly("time_zone", json!("Mars/Olympus")), "invalid_field", "weekly"),
        (weekly("expires_at", json!("2020-01-01T00:00:00Z")), "invalid_field", "weekly.expires_at"),
        (weekly("hours", json!(1)), "unknown_field", "weekly.hours"),
    ] {
        rig.refused("POST", &silences, body, 422, code, field).await;
    }
    let stranger = webhook(&rig, &rig.project().await, json!({})).await;
    let body = with(json!({"duration_seconds": 60, "webhook": stranger}));
    rig.refused("POST", &silences, body, 404, "not_found", "").await;
}

#[tokio::test]
async fn what_a_webhook_did_not_get_is_counted_and_sent() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    raise(&rig, &project, &[AlertKind::PiiBlocked, AlertKind::InjectionBlocked, AlertKind::PiiRedacted]).await;
    let id = webhook(&rig, &project, json!({"events": ["dlp.pii_blocked", "dlp.injection_blocked"]})).await;
    let recover = format!("{project}/webhooks/{id}/recover");
    let since = "2025-11-24T00:00:00Z";
    let counted = rig.expect("POST", &recover, json!({"since": since, "dry_run": true}), 202).await;
    assert_eq!(counted, json!({"count": 2, "has_more": false, "dry_run": true}));
    let sent = rig.expect("POST", &recover, json!({"since": since}), 202).await;
    assert_eq!(sent["count"], 2);
    let deliveries = rig.get(&format!("{project}/deliveries?state=pending")).await;
    assert_eq!(deliveries["data"].as_array().unwrap().len(), 2);
    assert!(deliveries["data"].as_array().unwrap().iter().all(|delivery| delivery["replays"] == 1));
    assert_eq!(rig.expect("POST", &recover, json!({"since": since}), 202).await["count"], 0);
    rig.refused("POST", &recover, json!({}), 422, "missing_field", "since").await;

    let replay = format!("{project}/deliveries/replay");
    for (body, code, field) in [
        (json!({}), "invalid_field", "state"),
        (json!({"state": "pending"}), "invalid_field", "state"),
        (json!({"never_attempted": true}), "invalid_field", "endpoint"),
        (json!({"state": "dead", "per_second": 0}), "invalid_field", "per_second"),
        (json!({"state": "dead", "to": "x"}), "invalid_field", "to"),
        (json!({"since": "yesterday"}), "invalid_field", "since"),
        (json!({"state": "dead", "wat": 1}), "unknown_field", "wat"),
    ] {
        rig.refused("POST", &replay, body, 422, code, field).await;
    }
    let counted = rig.expect("POST", &replay, json!({"state": "dead", "dry_run": true}), 202).await;
    assert_eq!(counted["count"], 0);
}

#[tokio::test]
async fn filters_are_tried_on_the_alerts_of_the_past() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    raise(&rig, &project, &[AlertKind::PiiBlocked, AlertKind::InjectionBlocked, AlertKind::PiiRedacted]).await;
    let id = webhook(&rig, &project, json!({"events": ["dlp.pii_*".replace('*', "blocked")], "enabled": false})).await;
    let found = rig.get(&format!("{project}/webhooks/{id}/matches?limit=2")).await;
    assert_eq!((&found["alert_count"], &found["match_count"]), (&json!(2), &json!(0)));
    let found = rig.get(&format!("{project}/webhooks/{id}/matches")).await;
    let matched: Vec<_> = found["data"].as_array().unwrap().iter().map(|one| one["would_match"].clone()).collect();
    assert_eq!(matched, [json!(false), json!(false), json!(true)], "also of a webhook that is off");
    let path = format!("{project}/alerts/match");
    for (body, count) in [
        (json!({}), 3),
        (json!({"events": ["dlp.*"]}), 3),
        (json!({"severity_min": "high"}), 2),
        (json!({"filter": {"models": ["nothing"]}}), 0),
        (json!({"limit": 1}), 1),
    ] {
        assert_eq!(rig.expect("POST", &path, body.clone(), 200).await["match_count"], count, "{body}");
    }
    for (body, field) in [(json!({"limit": 0}), "limit"), (json!({"events": ["x"]}), "events")] {
        rig.refused("POST", &path, body, 422, "invalid_field", field).await;
    }
}

#[tokio::test]
async fn an_alert_is_expunged_and_stays_on_record() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    raise(&rig, &project, &[AlertKind::PiiBlocked, AlertKind::PiiRedacted]).await;
    let alerts = rig.get(&format!("{project}/alerts")).await;
    let id = alerts["data"][0]["id"].clone();
    let expunge = format!("{project}/expunge");
    assert_eq!(rig.expect("POST", &expunge, json!({"alert": id}), 200).await, json!({"expunged": 1}));
    let left = rig.get(&format!("{project}/alerts/{}", id.as_str().unwrap())).await;
    assert_eq!((&left["data"]["model"], &left["data"]["entity_types"]), (&json!(""), &json!([])));
    assert_eq!(rig.expect("POST", &expunge, json!({"before": "2999-01-01T00:00:00Z"}), 200).await["expunged"], 1);
    for (body, code, field) in [
        (json!({}), "missing_field", "alert"),
        (json!({"alert": "x"}), "invalid_field", "alert"),
        (json!({"alert": id, "before": "2999-01-01T00:00:00Z"}), "invalid_field", "before"),
    ] {
        rig.refused("POST", &expunge, body, 422, code, field).await;
    }
    rig.refused("POST", &format!("{}/expunge", rig.project().await), json!({"alert": id}), 404, "not_found", "").await;
}
