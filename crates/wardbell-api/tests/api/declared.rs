//! What the configuration file declares, as this API shows and keeps it; and the call that reads it anew.

use serde_json::{Value, json};
use wardbell_api::declared::{Context, read};
use wardbell_egress::policy::Policy as EgressPolicy;
use wardbell_store::declared::Declarations;
use wardbell_telemetry::ambient;

use crate::rig::Rig;

/// Declares these projects and gives the path of the first.
async fn declare(rig: &Rig, projects: Value) -> String {
    let egress = EgressPolicy::default();
    let context = Context { egress: &egress, mail_enabled: true, webhooks_per_project_max: 5 };
    let declared = Declarations { file: "wardbell.toml".to_owned(), projects: read(projects, context).unwrap() };
    rig.store.reconcile(declared, ambient::now()).await.unwrap();
    rig.directory.refresh().await.unwrap();
    let projects = rig.get("/projects").await;
    format!("/projects/{}", projects["data"][0]["id"].as_str().unwrap())
}

fn support() -> Value {
    json!([{
        "slug": "support",
        "policy": {"dlp": {"action": "block"}},
        "webhooks": [{
            "slug": "oncall",
            "url": "https://hooks.example.com/canary-path",
            "secret": "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk=",
            "headers": {"x-token": "canary-header"},
        }],
    }])
}

#[tokio::test]
async fn what_is_declared_says_where_and_shows_no_secret() {
    let rig = Rig::new().await;
    let path = declare(&rig, support()).await;
    let project = rig.get(&path).await;
    assert_eq!((&project["declared"], &project["policy_declared"]), (&json!("wardbell.toml"), &json!("wardbell.toml")));
    assert_eq!((&project["enabled"], &project["policy"]["dlp"]["action"]), (&json!(true), &json!("block")));
    let webhook = &rig.get(&format!("{path}/webhooks")).await["data"][0];
    assert_eq!((&webhook["declared"], &webhook["secret_declared"]), (&json!("wardbell.toml"), &json!("wardbell.toml")));
    let other = rig.project().await;
    assert!(rig.get(&other).await.get("declared").is_none(), "others do not have the field");
    let heard = rig.heard.lock().unwrap().join("\n");
    assert!(!heard.contains("canary"), "{heard}");
}

#[tokio::test]
async fn a_change_of_what_is_declared_is_refused_with_the_file_and_the_remedy() {
    let rig = Rig::new().await;
    let path = declare(&rig, support()).await;
    let id = rig.get(&format!("{path}/webhooks")).await["data"][0]["id"].as_str().unwrap().to_owned();
    let webhook = format!("{path}/webhooks/{id}");
    for (method, path, body) in [
        ("PATCH", path.clone(), json!({"name": "other"})),
        ("PATCH", path.clone(), json!({"policy": {"dlp": {"action": "off"}}})),
        ("PATCH", path.clone(), json!({"enabled": false})),
        ("DELETE", path.clone(), Value::Null),
        ("PATCH", webhook.clone(), json!({"retry": "aisg"})),
        ("PATCH", webhook.clone(), json!({"enabled": false})),
        ("PATCH", webhook.clone(), json!({"url": "https://hooks.example.com/other"})),
        ("DELETE", webhook.clone(), Value::Null),
        ("POST", format!("{webhook}/rotate-secret"), json!({})),
    ] {
        let refused = rig.refused(method, &path, body, 409, "declared", "").await;
        let error = &refused["error"];
        assert!(error["message"].as_str().unwrap().contains("is declared in wardbell.toml"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("SIGHUP"), "{error}");
    }
    // A wrong body is told as that, and the same again is no change.
    rig.refused("PATCH", &webhook, json!({"retry": "never"}), 422, "invalid_field", "retry").await;
    rig.expect("PATCH", &path, json!({"name": "support"}), 200).await;
    assert_eq!(rig.get(&path).await["policy_version"], 1);
}

#[tokio::test]
async fn what_is_not_declared_goes_on_as_before() {
    let rig = Rig::new().await;
    let path = declare(&rig, support()).await;
    let made = rig.expect("POST", &format!("{path}/keys"), json!({"name": "k"}), 201).await;
    assert!(made["key"].is_string());
    let id = rig.get(&format!("{path}/webhooks")).await["data"][0]["id"].as_str().unwrap().to_owned();
    let tested = rig.expect("POST", &format!("{path}/webhooks/{id}/test"), json!({}), 200).await;
    assert_eq!(tested["delivered"], true);
    let own = json!({"url": "https://hooks.example.com/own"});
    let own = rig.expect("POST", &format!("{path}/webhooks"), own, 201).await;
    let own = format!("{path}/webhooks/{}", own["id"].as_str().unwrap());
    rig.expect("PATCH", &own, json!({"retry": "aisg"}), 200).await;
    rig.expect("DELETE", &own, Value::Null, 204).await;
    rig.expect("GET", &format!("{path}/deliveries"), Value::Null, 200).await;

    // What the file declares no more is this API's, and off.
    declare(&rig, json!([])).await;
    let project = rig.get(&path).await;
    assert_eq!((&project["enabled"], project.get("declared")), (&json!(false), None));
    rig.expect("PATCH", &path, json!({"enabled": true, "name": "ours"}), 200).await;
    rig.expect("PATCH", &format!("{path}/webhooks/{id}"), json!({"enabled": true}), 200).await;
    rig.expect("DELETE", &path, Value::Null, 204).await;
}

#[tokio::test]
async fn an_earlier_policy_is_not_restored_over_a_declared_one() {
    let rig = Rig::new().await;
    let path = declare(&rig, support()).await;
    declare(&rig, json!([{"slug": "support", "policy": {"dlp": {"action": "redact"}}}])).await;
    rig.refused("POST", &format!("{path}/policy/restore"), json!({"version": 1}), 409, "declared", "").await;
    declare(&rig, json!([{"slug": "support"}])).await;
    let restored = rig.expect("POST", &format!("{path}/policy/restore"), json!({"version": 1}), 200).await;
    assert_eq!(restored["policy"]["dlp"]["action"], "block");
}

#[tokio::test]
async fn a_reload_says_what_is_in_force_and_what_waits() {
    let rig = Rig::new().await;
    let told = rig.expect("POST", "/reload", Value::Null, 200).await;
    assert_eq!((&told["applied"], &told["needs_restart"]), (&json!(["limits.depth_max"]), &json!(["listen"])));
    assert_eq!(told["declared"], json!({"created": [], "updated": [], "disabled": []}));
    rig.refused("POST", "/reload", json!({"force": true}), 422, "unknown_field", "force").await;
}
