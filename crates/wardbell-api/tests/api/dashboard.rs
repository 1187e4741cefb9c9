//! The calls that the dashboard needed first: counts, filters, policy versions, trials, provider tests, events.

use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wardbell_core::alert::AlertKind;

use crate::records::raise;
use crate::rig::{ADMIN, Rig};

const NOBODY: &str = "proj_00000000000000000000000000000000";

#[tokio::test]
async fn counts_have_a_point_for_each_step_of_a_range() {
    let rig = Rig::new().await;
    let project = rig.project().await.replace("/projects/", "");
    for (range, points) in [("15m", 15), ("1h", 60), ("6h", 72), ("24h", 96), ("7d", 84), ("30d", 90)] {
        let counts = rig.get(&format!("/counts?range={range}&project={project}")).await;
        assert_eq!(counts["points"].as_array().unwrap().len(), points, "{range}");
        assert_eq!(counts["total"]["requests"], 0);
    }
    rig.refused("GET", "/counts?range=2h", Value::Null, 422, "invalid_field", "range").await;
    rig.expect("GET", &format!("/counts?project={NOBODY}"), Value::Null, 404).await;
}

#[tokio::test]
async fn a_policy_goes_back_to_an_earlier_version_as_a_new_one() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    rig.expect("PATCH", &path, json!({"policy": {"dlp": {"action": "block"}}}), 200).await;
    let versions = rig.get(&format!("{path}/policy/versions")).await;
    let told: Vec<_> = versions["data"].as_array().unwrap().iter().map(|version| version["version"].clone()).collect();
    assert_eq!(told, [json!(2), json!(1)]);
    assert_eq!(rig.get(&format!("{path}/policy/versions?limit=1")).await["next_cursor"], "2");
    let next = rig.get(&format!("{path}/policy/versions?limit=1&cursor=2")).await;
    assert_eq!((next["data"][0]["version"].clone(), next["next_cursor"].is_null()), (json!(1), true));
    let restored = rig.expect("POST", &format!("{path}/policy/restore"), json!({"version": 1}), 200).await;
    assert_eq!((&restored["policy_version"], &restored["policy"]["dlp"]["action"]), (&json!(3), &json!("redact")));
    rig.expect("POST", &format!("{path}/policy/restore"), json!({"version": 9}), 404).await;
}

#[tokio::test]
async fn a_text_or_a_body_is_tried_out() {
    let rig = Rig::new().await;
    let path = format!("{}/try", rig.project().await);
    let seen = rig.expect("POST", &path, json!({"text": "hello"}), 200).await;
    assert_eq!(seen["verdict"], "allow");
    assert!(seen["texts"][0]["text"].as_str().unwrap().contains("hello"));
    for (origin, role) in [("user", r#""role":"user""#), ("tool_result", r#""role":"tool""#)] {
        let seen = rig.expect("POST", &path, json!({"text": "hello", "origin": origin}), 200).await;
        assert!(seen["texts"][0]["text"].as_str().unwrap().contains(role), "{seen}");
    }
    for (wrong, code, field) in [
        (json!({}), "missing_field", "text"),
        (json!({"text": "a", "body": {}}), "invalid_field", "body"),
        (json!({"text": "a", "surface": "x"}), "invalid_field", "surface"),
        (json!({"text": "a", "origin": "system"}), "invalid_field", "origin"),
        (json!({"body": {}, "origin": "user"}), "invalid_field", "origin"),
        (json!({"text": "a", "more": 1}), "unknown_field", "more"),
        (json!({"body": {}, "path": "broken"}), "invalid_field", "body"),
    ] {
        rig.refused("POST", &path, wrong, 422, code, field).await;
    }
}

#[tokio::test]
async fn a_provider_is_tested_and_a_format_is_guessed() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let provider = format!("{project}/providers/openai");
    rig.expect("POST", &format!("{provider}/test"), Value::Null, 404).await;
    rig.expect("PUT", &provider, json!({"api_key": "sk-x"}), 200).await;
    let tested = rig.expect("POST", &format!("{provider}/test"), Value::Null, 200).await;
    assert_eq!((&tested["ok"], &tested["models"]), (&json!(true), &json!(2)));
    let guess = format!("{project}/webhooks/guess-format");
    let slack = json!({"url": "https://hooks.slack.com/services/T/B/x"});
    assert_eq!(rig.expect("POST", &guess, slack, 200).await["format"], "slack");
    let inside = json!({"url": "https://10.0.0.1/"});
    rig.refused("POST", &guess, inside, 422, "destination_not_allowed", "url").await;
    assert!(rig.get(&format!("{project}/webhooks")).await["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn events_come_as_they_happen_and_only_of_the_project_that_is_named() {
    let rig = Rig::new().await;
    let watch = async |project: &str| {
        let request = http::Request::builder()
            .uri(format!("/api/v1/events?project={}", project.replace("/projects/", "")))
            .header("authorization", format!("Bearer {ADMIN}"))
            .body(axum::body::Body::empty());
        let answer = rig.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        answer.into_body()
    };
    let (project, other) = (rig.project().await, rig.project().await);
    let (mut ours, mut theirs) = (watch(&project).await, watch(&other).await);
    raise(&rig, &project, &[AlertKind::PiiRedacted]).await;
    let first = ours.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    assert!(text.starts_with("event: alert\n") && text.contains("dlp.pii_redacted"), "{text}");
    assert!(theirs.frame().now_or_never().is_none(), "another project's alert");
    rig.expect("GET", &format!("/events?project={NOBODY}"), Value::Null, 404).await;
}

#[tokio::test]
async fn activity_filters_are_checked() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    raise(&rig, &project, &[AlertKind::PiiBlocked]).await;
    let count =
        async |query: &str| rig.get(&format!("{project}/activity?{query}")).await["data"].as_array().unwrap().len();
    assert_eq!(count("verdict=blocked&entity=CREDIT_CARD&outcome=refused&request=caller-0").await, 1);
    assert_eq!(count("verdict=clean").await, 0);
    for field in ["verdict", "outcome", "key", "entity", "since"] {
        let path = format!("{project}/activity?{field}=x");
        rig.refused("GET", &path, Value::Null, 422, "invalid_field", field).await;
    }
}
