use super::*;

#[track_caller]
fn check(kind: &str, base: &str, path: &str, expect: &str) {
    let kind = ProviderKind::from_name(kind).unwrap();
    assert_eq!(kind.url(base, path), expect, "{} at {base}: {path}", kind.as_str());
}

/// (kind, where `chat/completions` goes by default).
const HOMES: &[(&str, &str)] = &[
    ("openai", "https://api.openai.com/v1"),
    ("anthropic", "https://api.anthropic.com/v1"),
    ("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    ("cohere", "https://api.cohere.com/compatibility/v1"),
    ("openrouter", "https://openrouter.ai/api/v1"),
    ("perplexity", "https://api.perplexity.ai"),
    ("mistral", "https://api.mistral.ai/v1"),
    ("groq", "https://api.groq.com/openai/v1"),
    ("deepseek", "https://api.deepseek.com/v1"),
    ("together", "https://api.together.xyz/v1"),
    ("xai", "https://api.x.ai/v1"),
    ("fireworks", "https://api.fireworks.ai/inference/v1"),
    ("anyscale", "https://api.endpoints.anyscale.com/v1"),
    ("huggingface", "https://router.huggingface.co/v1"),
    ("deepinfra", "https://api.deepinfra.com/v1/openai"),
];

/// (kind, an address as an operator configures it, where `chat/completions` goes).
const CONFIGURED: &[(&str, &str, &str)] = &[
    ("azure", "https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1"),
    ("azure", "https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1"),
    ("azure", "https://r.openai.azure.com/openai/deployments/d", "https://r.openai.azure.com/openai/deployments/d"),
    (
        "bedrock",
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        "https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1",
    ),
    (
        "vertex-ai",
        "https://l-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi",
        "https://l-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi",
    ),
    ("custom", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
    ("custom", "http://127.0.0.1:9", "http://127.0.0.1:9/v1"),
    ("custom", "http://127.0.0.1:9/", "http://127.0.0.1:9/v1"),
    ("custom", "http://127.0.0.1:9/llm/api", "http://127.0.0.1:9/llm/api"),
];

#[test]
fn what_openais_clients_send_goes_below_the_base_url() {
    let homes = HOMES.iter().map(|(kind, home)| (*kind, *home, *home));
    for (kind, base, home) in homes.chain(CONFIGURED.iter().copied()) {
        for path in ["chat/completions", "responses", "responses/resp_1", "embeddings", "completions", "models"] {
            check(kind, base, path, &format!("{home}/{path}"));
            check(kind, base, &format!("/{path}?a=b/c"), &format!("{home}/{path}?a=b/c"));
        }
        // A client whose base URL ends in `/v1` already.
        for path in ["chat/completions", "responses", "embeddings", "completions"] {
            check(kind, base, &format!("v1/{path}"), &format!("{home}/{path}"));
        }
    }
}

#[test]
fn every_default_is_tested() {
    for kind in ProviderKind::ALL {
        let home = HOMES.iter().find(|(name, _)| *name == kind.as_str()).map(|(_, home)| *home);
        assert_eq!(home, kind.default_base_url(), "{}", kind.as_str());
        assert!(home.is_some() || CONFIGURED.iter().any(|(name, ..)| *name == kind.as_str()), "{}", kind.as_str());
    }
}

/// (kind, base URL, the path of a call, where it goes).
const AT_THE_ROOT: &[(&str, &str, &str, &str)] = &[
    ("anthropic", "https://api.anthropic.com/v1", "v1/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", "https://api.anthropic.com/v1", "messages", "https://api.anthropic.com/v1/messages"),
    (
        "anthropic",
        "https://api.anthropic.com/v1",
        "v1/messages/count_tokens?beta=true",
        "https://api.anthropic.com/v1/messages/count_tokens?beta=true",
    ),
    ("anthropic", "http://127.0.0.1:9", "v1/messages", "http://127.0.0.1:9/v1/messages"),
    ("anthropic", "http://127.0.0.1:9/v1", "v1/messages", "http://127.0.0.1:9/v1/messages"),
    (
        "anthropic",
        "https://gate.example/v1/me/anthropic",
        "v1/messages",
        "https://gate.example/v1/me/anthropic/v1/messages",
    ),
    (
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "v1beta/models/m:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    ),
    (
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "v1beta/models/m:streamGenerateContent?alt=sse",
        "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
    ),
    (
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "v1beta/openai/chat/completions",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ),
    (
        "gemini",
        "http://127.0.0.1:9",
        "v1beta/models/m:generateContent",
        "http://127.0.0.1:9/v1beta/models/m:generateContent",
    ),
    (
        "gemini",
        "http://127.0.0.1:9/v1beta",
        "v1beta/models/m:generateContent",
        "http://127.0.0.1:9/v1beta/models/m:generateContent",
    ),
    (
        "gemini",
        "http://127.0.0.1:9/v1",
        "v1beta/models/m:generateContent",
        "http://127.0.0.1:9/v1beta/models/m:generateContent",
    ),
    ("cohere", "https://api.cohere.com/compatibility/v1", "v1/chat", "https://api.cohere.com/v1/chat"),
    ("cohere", "https://api.cohere.com/compatibility/v1", "v2/chat", "https://api.cohere.com/v2/chat"),
    ("cohere", "https://api.cohere.com/compatibility/v1", "v1/models", "https://api.cohere.com/v1/models"),
    ("cohere", "http://127.0.0.1:9", "v2/chat", "http://127.0.0.1:9/v2/chat"),
    ("cohere", "http://127.0.0.1:9/v1", "v1/chat", "http://127.0.0.1:9/v1/chat"),
    (
        "cohere",
        "https://api.cohere.com/compatibility/v1",
        "compatibility/v1/chat/completions",
        "https://api.cohere.com/compatibility/v1/chat/completions",
    ),
    ("openrouter", "https://openrouter.ai/api/v1", "v1/messages", "https://openrouter.ai/api/v1/messages"),
    ("openrouter", "https://openrouter.ai/api/v1", "api/v1/models", "https://openrouter.ai/api/v1/models"),
    ("groq", "https://api.groq.com/openai/v1", "v1/models", "https://api.groq.com/openai/v1/models"),
    ("groq", "http://127.0.0.1:9/v1", "v1/models", "http://127.0.0.1:9/v1/models"),
    (
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        "v1/messages",
        "https://api.fireworks.ai/inference/v1/messages",
    ),
    ("openai", "https://api.openai.com/v1", "v1/models", "https://api.openai.com/v1/models"),
    ("deepinfra", "https://api.deepinfra.com/v1/openai", "v1/inference/m", "https://api.deepinfra.com/v1/inference/m"),
    (
        "azure",
        "https://r.openai.azure.com/openai/v1",
        "openai/deployments/d/chat/completions?api-version=2024-10-21",
        "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
    ),
    (
        "azure",
        "https://r.openai.azure.com/openai/deployments/d",
        "openai/deployments/e/chat/completions",
        "https://r.openai.azure.com/openai/deployments/e/chat/completions",
    ),
    (
        "azure",
        "http://127.0.0.1:9/v1",
        "openai/deployments/d/chat/completions",
        "http://127.0.0.1:9/openai/deployments/d/chat/completions",
    ),
    ("azure", "http://127.0.0.1:9", "openai/v1/responses", "http://127.0.0.1:9/openai/v1/responses"),
    (
        "azure",
        "https://r.services.ai.azure.com",
        "anthropic/v1/messages",
        "https://r.services.ai.azure.com/anthropic/v1/messages",
    ),
    (
        "bedrock",
        "https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1",
        "model/anthropic.m/converse",
        "https://bedrock-runtime.eu-central-1.amazonaws.com/model/anthropic.m/converse",
    ),
    (
        "vertex-ai",
        "https://l-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi",
        "v1/projects/p/locations/l/publishers/google/models/m:generateContent",
        "https://l-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
    ),
    (
        "vertex-ai",
        "https://l-aiplatform.googleapis.com",
        "v1/projects/p",
        "https://l-aiplatform.googleapis.com/v1/projects/p",
    ),
    ("custom", "http://127.0.0.1:9/v1", "v1/messages", "http://127.0.0.1:9/v1/messages"),
    ("custom", "http://127.0.0.1:9", "v2/chat", "http://127.0.0.1:9/v2/chat"),
    ("custom", "http://127.0.0.1:9/llm", "v1/messages", "http://127.0.0.1:9/llm/v1/messages"),
    ("custom", "http://127.0.0.1:9/llm/v1", "v2/chat", "http://127.0.0.1:9/llm/v2/chat"),
    // No version: the word only begins like one.
    ("custom", "http://127.0.0.1:9/v1", "vectors/v1", "http://127.0.0.1:9/v1/vectors/v1"),
];

#[test]
fn a_path_with_a_version_or_a_folder_of_its_own_stands_at_the_root() {
    for (kind, base, path, expect) in AT_THE_ROOT {
        check(kind, base, path, expect);
    }
}
