//! What must never be shown: a canary in every secret, looked for in every answer.

use serde_json::{Value, json};

use crate::rig::{ADMIN, Rig};

#[tokio::test]
async fn no_answer_shows_a_secret_but_the_one_that_makes_it() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let key = rig.expect("POST", &format!("{project}/keys"), json!({"name": "k"}), 201).await;
    let webhooks = format!("{project}/webhooks");
    let own = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk=";
    let url = "https://hooks.example.com/canary-path?token=canary-query";
    let hook = rig.expect("POST", &webhooks, json!({"url": url, "secret": own}), 201).await;
    let hook_path = format!("{webhooks}/{}", hook["id"].as_str().unwrap());
    let rotated = rig.expect("POST", &format!("{hook_path}/rotate-secret"), Value::Null, 200).await;
    // What was heard so far made the secrets; from here on nothing may show one.
    rig.heard.lock().unwrap().clear();

    let provider = format!("{project}/providers/openai");
    rig.expect("PUT", &provider, json!({"api_key": "sk-canary-key"}), 200).await;
    rig.expect("PUT", &provider, json!({}), 200).await;
    rig.call("PUT", &provider, Some(json!({"api_key": ["sk-canary-key"]}))).await;
    rig.call("PUT", &provider, Some(json!({"kind": "sk-canary-key"}))).await;
    rig.call("PUT", &provider, Some(json!({"base_url": "sk-canary-key"}))).await;
    rig.expect("PATCH", &hook_path, json!({"enabled": false}), 200).await;
    rig.expect("PATCH", &hook_path, json!({"url": url}), 200).await;
    rig.call("PATCH", &hook_path, Some(json!({"url": "https://canary-path:canary-query@x.example.com"}))).await;
    rig.call("PATCH", &hook_path, Some(json!({"secret": own}))).await;
    rig.call("POST", &webhooks, Some(json!({"url": url, "secret": format!("{own}x")}))).await;
    rig.call("POST", &format!("{hook_path}/test"), None).await;
    let hook_one = hook_path.as_str();
    for path in [
        "/openapi.json",
        "/projects",
        &project,
        &format!("{project}/keys"),
        &format!("{project}/providers"),
        &provider,
        &webhooks,
        hook_one,
        &format!("{project}/alerts"),
        &format!("{project}/deliveries"),
        &format!("{project}/activity"),
    ] {
        rig.get(path).await;
    }
    let secrets = [
        ADMIN,
        key["key"].as_str().unwrap(),
        rotated["secret"].as_str().unwrap(),
        own,
        "canary-path",
        "canary-query",
        "sk-canary-key",
    ];
    for answer in rig.heard.lock().unwrap().iter() {
        for secret in secrets {
            assert!(!answer.contains(secret), "{secret} is in {answer}");
        }
    }
}
