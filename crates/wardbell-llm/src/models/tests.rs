use serde_json::{Value, json};

use super::*;

const OPENAI: (&str, ProviderKind) = ("openai", ProviderKind::OpenAi);

fn names(models: &[ModelInfo]) -> Vec<&str> {
    models.iter().map(|model| model.id).collect()
}

#[test]
fn a_model_has_every_field_of_the_wire_and_no_other() {
    let models = list(&[OPENAI]);
    let model = models.iter().find(|model| model.id == "gpt-4o").unwrap();
    let expect = json!({
        "id": "gpt-4o", "object": "model", "owned_by": "ai-security-gateway", "family": "gpt",
        "supports_vision": true, "supports_tools": true, "supports_json_mode": true, "supports_reasoning": false,
        "context_window": 128_000, "max_output_tokens": null, "providers": ["openai"],
        "pricing": {"input_per_1m_tokens": 2.5, "output_per_1m_tokens": 10.0},
    });
    assert_eq!(serde_json::to_value(model).unwrap(), expect);
}

#[test]
fn a_project_without_a_provider_has_the_built_in_model() {
    assert_eq!(names(&list(&[])), ["echo"]);
    let echo = serde_json::to_value(list(&[])).unwrap();
    assert_eq!(echo[0]["pricing"], json!({"input_per_1m_tokens": 0.0, "output_per_1m_tokens": 0.0}));
    assert_eq!((&echo[0]["providers"], &echo[0]["context_window"]), (&json!(["echo"]), &Value::Null));
}

#[test]
fn a_model_of_several_providers_is_listed_once_with_all_of_them() {
    let models = list(&[
        OPENAI,
        ("second", ProviderKind::OpenAi),
        ("cloud", ProviderKind::Azure),
        ("own", ProviderKind::Custom),
    ]);
    let found: Vec<_> = models.iter().filter(|model| model.id == "gpt-4o").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].providers, ["openai", "second", "cloud"]);
    assert!(models.is_sorted_by_key(|model| model.id));
    assert!(list(&[("own", ProviderKind::Custom)]).is_empty());
}

#[test]
fn a_filter_keeps_what_fits() {
    let all = list(&[OPENAI, ("claude", ProviderKind::Anthropic)]);
    let kept = |family, capability, provider| filter(all.clone(), family, capability, provider);
    assert_eq!(kept(None, None, None), all);
    let claudes = kept(Some("Claude"), None, None);
    assert!(!claudes.is_empty() && claudes.iter().all(|model| model.id.starts_with("claude")));
    assert_eq!(kept(None, None, Some("claude")), claudes);
    assert!(kept(Some("claude"), None, Some("openai")).is_empty());
    assert!(kept(Some("nobody"), None, None).is_empty());
    for capability in Capability::ALL {
        let able = kept(None, Some(*capability), None);
        assert!(!able.is_empty() && able.len() < all.len(), "{capability:?}");
        assert!(able.iter().all(|model| model.supports(*capability)));
    }
    assert!(names(&kept(None, Some(Capability::Reasoning), Some("openai"))).contains(&"o3"));
}

#[test]
fn a_name_tells_the_family_and_what_it_can_do() {
    for (name, family, can) in [
        ("gpt-4o-mini", "gpt", "vtj"),
        ("openai/gpt-4o", "gpt", "vtj"),
        ("gpt-4o-mini-transcribe", "gpt", ""),
        ("gpt-4", "gpt", "t"),
        ("gpt-oss-120b", "gpt-oss", "tjr"),
        ("o1", "o", "vtjr"),
        ("claude-sonnet-4-5", "claude", "vtr"),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude", "vtr"),
        ("gemini-2.5-pro", "gemini", "vtjr"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama", "t"),
        ("meta.llama3-1-8b-instruct-v1:0", "llama", "t"),
        ("accounts/fireworks/models/deepseek-v3p2", "deepseek", "tj"),
        ("text-embedding-3-small", "", ""),
        ("foo1-preview", "", ""),
    ] {
        let traits = traits::trait_of(name);
        let shown: String =
            [(traits.vision, 'v'), (traits.tools, 't'), (traits.json_mode, 'j'), (traits.reasoning, 'r')]
                .into_iter()
                .filter_map(|(can, letter)| can.then_some(letter))
                .collect();
        assert_eq!((traits.family.unwrap_or_default(), shown.as_str()), (family, can), "{name}");
    }
}
