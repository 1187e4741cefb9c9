//! Providers.

use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn a_provider_is_set_shown_without_its_key_and_removed() {
    let rig = Rig::new().await;
    let path = format!("{}/providers", rig.project().await);
    let openai = format!("{path}/openai");
    let set = rig.expect("PUT", &openai, json!({"api_key": "sk-first"}), 200).await;
    assert_eq!(set["base_url"], "https://api.openai.com/v1");
    assert_eq!(
        (&set["kind"], &set["api_key_set"], &set["api_key_env"]),
        (&json!("openai"), &json!(true), &Value::Null)
    );
    assert_eq!(rig.get(&openai).await, set);
    assert_eq!(rig.get(&path).await, json!({"data": [set], "next_cursor": null}));
    rig.expect("DELETE", &openai, Value::Null, 204).await;
    rig.refused("GET", &openai, Value::Null, 404, "not_found", "").await;
    rig.refused("DELETE", &openai, Value::Null, 404, "not_found", "").await;
}

#[tokio::test]
async fn a_stored_key_stays_with_its_place_and_goes_to_no_other() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let path = format!("{project}/providers/mine");
    let id = project.trim_start_matches("/projects/").parse().unwrap();
    let stored = async || {
        let provider = rig.store.providers(id).await.unwrap().remove(0);
        provider.api_key.map(|key| key.reveal().clone())
    };
    rig.expect("PUT", &path, json!({"base_url": "https://llm.example.com", "api_key": "sk-1"}), 200).await;
    rig.expect("PUT", &path, json!({"base_url": "https://llm.example.com/v1/"}), 200).await;
    assert_eq!(stored().await.as_deref(), Some("sk-1"), "the same place keeps its key");
    let elsewhere = json!({"base_url": "https://evil.example.com"});
    rig.refused("PUT", &path, elsewhere, 422, "invalid_field", "api_key").await;
    assert_eq!(stored().await.as_deref(), Some("sk-1"));
    rig.expect("PUT", &path, json!({"base_url": "https://evil.example.com", "api_key": null}), 200).await;
    assert_eq!(stored().await, None);
    rig.expect("PUT", &path, json!({"base_url": "https://evil.example.com", "api_key": "sk-2"}), 200).await;
    let by_variable = json!({"base_url": "https://evil.example.com", "api_key_env": "OPENAI_API_KEY"});
    let set = rig.expect("PUT", &path, by_variable, 200).await;
    assert_eq!((&set["api_key_set"], &set["api_key_env"]), (&json!(false), &json!("OPENAI_API_KEY")));
    assert_eq!(stored().await, None, "a variable takes the place of the stored key");
}

#[tokio::test]
async fn a_base_url_without_a_path_gets_the_usual_one() {
    let rig = Rig::new().await;
    let path = format!("{}/providers/p", rig.project().await);
    for (given, kept) in [
        ("https://llm.example.com", "https://llm.example.com/v1"),
        ("https://llm.example.com/", "https://llm.example.com/v1"),
        ("https://llm.example.com/v1/", "https://llm.example.com/v1"),
        ("https://llm.example.com/openai/v2//", "https://llm.example.com/openai/v2"),
        ("https://LLM.example.com:443/a%20b", "https://llm.example.com/a%20b"),
    ] {
        let set = rig.expect("PUT", &path, json!({"base_url": given, "api_key": "k"}), 200).await;
        assert_eq!(set["base_url"], kept, "{given}");
    }
}

#[tokio::test]
async fn every_kind_can_be_set_by_its_name_or_under_another() {
    let rig = Rig::new().await;
    let path = format!("{}/providers", rig.project().await);
    let here = "https://llm.example.com";
    for (name, body, kind, base_url) in [
        ("anthropic", json!({}), "anthropic", "https://api.anthropic.com/v1"),
        ("gemini", json!({}), "gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
        ("cohere", json!({}), "cohere", "https://api.cohere.com/compatibility/v1"),
        ("openrouter", json!({}), "openrouter", "https://openrouter.ai/api/v1"),
        ("perplexity", json!({}), "perplexity", "https://api.perplexity.ai"),
        ("mistral", json!({}), "mistral", "https://api.mistral.ai/v1"),
        ("groq", json!({}), "groq", "https://api.groq.com/openai/v1"),
        ("deepseek", json!({}), "deepseek", "https://api.deepseek.com/v1"),
        ("together", json!({}), "together", "https://api.together.xyz/v1"),
        ("xai", json!({}), "xai", "https://api.x.ai/v1"),
        ("fireworks", json!({}), "fireworks", "https://api.fireworks.ai/inference/v1"),
        ("anyscale", json!({}), "anyscale", "https://api.endpoints.anyscale.com/v1"),
        ("huggingface", json!({}), "huggingface", "https://router.huggingface.co/v1"),
        ("deepinfra", json!({}), "deepinfra", "https://api.deepinfra.com/v1/openai"),
        ("azure", json!({"base_url": here}), "azure", "https://llm.example.com/openai/v1"),
        ("bedrock", json!({"base_url": here}), "bedrock", "https://llm.example.com/openai/v1"),
        ("vertex", json!({"base_url": here}), "vertex-ai", here),
        ("vertex-ai", json!({"base_url": here}), "vertex-ai", here),
        ("custom", json!({"base_url": here}), "custom", "https://llm.example.com/v1"),
        ("mine", json!({"kind": "custom", "base_url": here}), "custom", "https://llm.example.com/v1"),
        ("claude", json!({"kind": "anthropic"}), "anthropic", "https://api.anthropic.com/v1"),
        ("other", json!({}), "openai", "https://api.openai.com/v1"),
    ] {
        let set = rig.expect("PUT", &format!("{path}/{name}"), body, 200).await;
        assert_eq!((&set["kind"], &set["base_url"]), (&json!(kind), &json!(base_url)), "{name}");
    }
    let told = rig.refused("PUT", &format!("{path}/azure"), json!({}), 422, "invalid_field", "base_url").await;
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("must be given for `azure`") && message.contains("https://"), "{message}");
}

#[tokio::test]
async fn one_provider_is_the_default_and_a_fallback_is_another_one() {
    let rig = Rig::new().await;
    let path = format!("{}/providers", rig.project().await);
    let (one, two) = (format!("{path}/one"), format!("{path}/two"));
    let set = rig.expect("PUT", &one, json!({"default": true}), 200).await;
    assert_eq!((&set["fallback"], &set["default"]), (&Value::Null, &json!(true)));
    let set = rig.expect("PUT", &two, json!({"default": true, "fallback": "one"}), 200).await;
    assert_eq!((&set["fallback"], &set["default"]), (&json!("one"), &json!(true)));
    assert_eq!(rig.get(&one).await["default"], false, "there is one default");
    let unknown = json!({"fallback": "three"});
    let told = rig.refused("PUT", &two, unknown, 422, "invalid_field", "fallback").await;
    assert_eq!(told["error"]["message"], "`fallback` must be a provider of this project: one");
    assert_eq!(rig.get(&two).await, set, "a refused body changes nothing");
    rig.refused("PUT", &two, json!({"fallback": "two"}), 422, "invalid_field", "fallback").await;
    rig.expect("DELETE", &one, Value::Null, 204).await;
    assert_eq!(rig.get(&two).await["fallback"], Value::Null, "what is gone is no fallback");
    let reset = rig.expect("PUT", &two, json!({}), 200).await;
    assert_eq!((&reset["fallback"], &reset["default"]), (&Value::Null, &json!(false)), "a set replaces");
}

#[tokio::test]
async fn a_wrong_provider_names_its_field() {
    let rig = Rig::new().await;
    let providers = format!("{}/providers", rig.project().await);
    let long = "x".repeat(65);
    for name in ["echo", "OpenAI", "-x", "_x", "a.b", "a%20b", "%E2%93%9B", &long] {
        rig.refused("PUT", &format!("{providers}/{name}"), json!({}), 422, "invalid_field", "name").await;
    }
    let cases = [
        (json!({"kind": "OpenAI"}), "invalid_field", "kind"),
        (json!({"kind": "azure"}), "invalid_field", "base_url"),
        (json!({"kind": "bedrock"}), "invalid_field", "base_url"),
        (json!({"kind": "vertex"}), "invalid_field", "base_url"),
        (json!({"kind": "custom", "base_url": null}), "invalid_field", "base_url"),
        (json!({"fallback": "p"}), "invalid_field", "fallback"),
        (json!({"fallback": "missing"}), "invalid_field", "fallback"),
        (json!({"fallback": 7}), "invalid_field", "fallback"),
        (json!({"default": "yes"}), "invalid_field", "default"),
        (json!({"kind": "clippy"}), "invalid_field", "kind"),
        (json!({"api_key": ""}), "invalid_field", "api_key"),
        (json!({"api_key": "a\r\nx-evil: 1"}), "invalid_field", "api_key"),
        (json!({"api_key": 7}), "invalid_field", "api_key"),
        (json!({"api_key": "k".repeat(4097)}), "invalid_field", "api_key"),
        (json!({"api_key": "k", "api_key_env": "K"}), "invalid_field", "api_key"),
        (json!({"api_key_env": "9K"}), "invalid_field", "api_key_env"),
        (json!({"api_key_env": "A-B"}), "invalid_field", "api_key_env"),
        (json!({"api_key_env": ""}), "invalid_field", "api_key_env"),
        (json!({"api_key_env": "WARDBELL_MASTER_KEY"}), "invalid_field", "api_key_env"),
        (json!({"api_key_env": "wardbell_admin_token"}), "invalid_field", "api_key_env"),
        (json!({"base_url": "https://llm.example.com/v1?key=1"}), "invalid_field", "base_url"),
        (json!({"base_url": "https://llm.example.com/v1#x"}), "invalid_field", "base_url"),
        (json!({"base_url": "http://llm.example.com"}), "invalid_field", "base_url"),
        (json!({"base_url": "https://user:pw@llm.example.com"}), "invalid_field", "base_url"),
        (json!({"base_url": "https://10.0.0.7/v1"}), "destination_not_allowed", "base_url"),
        (json!({"api_kye": "k"}), "unknown_field", "api_kye"),
    ];
    for (body, code, field) in cases {
        rig.refused("PUT", &format!("{providers}/p"), body, 422, code, field).await;
    }
    assert_eq!(rig.get(&providers).await["data"], json!([]));
}
