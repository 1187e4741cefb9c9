//! A gateway with a project, a provider and a key: where most tests begin.

use serde_json::{Value, json};
use wardbell_testkit::gateway::{Builder, Gateway};
use wardbell_testkit::provider::FakeProvider;
use wardbell_testkit::reply::Reply;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_wardbell");

pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) provider: FakeProvider,
    pub(crate) project: String,
    pub(crate) key: String,
}

impl Rig {
    pub(crate) fn new(policy: &Value) -> Self {
        Self::with(policy, |builder| builder)
    }

    pub(crate) fn with(policy: &Value, change: impl FnOnce(Builder) -> Builder) -> Self {
        let provider = FakeProvider::start();
        let gateway = change(Gateway::builder(BINARY)).start();
        // These tests are quicker than a key may be by default.
        let mut policy = policy.clone();
        if let Some(fields) = policy.as_object_mut() {
            fields.entry("rate").or_insert(Value::Null);
            // And they say the same again and again.
            fields.entry("loop").or_insert(json!({"enabled": false}));
        }
        let project = gateway.project(&json!({"name": "shop", "policy": policy}));
        gateway.provider(&project, "openai", &provider.url());
        let key = gateway.key(&project);
        Self { gateway, provider, project, key }
    }

    /// Sends a POST of JSON with the project's key and these headers.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.send("POST", path, headers, body.to_string().as_bytes())
    }

    /// Sends anything with the project's key.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let bearer = format!("Bearer {}", self.key);
        let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        all.extend(headers);
        self.gateway.send(method, path, &all, body)
    }

    /// Sets a provider of this kind, at the fake one unless `more` says otherwise.
    #[track_caller]
    pub(crate) fn provider_of(&self, name: &str, kind: &str, more: &Value) {
        let mut body = json!({"kind": kind, "base_url": self.provider.origin(), "api_key": "sk-test-provider-key"});
        if let (Some(fields), Some(more)) = (body.as_object_mut(), more.as_object()) {
            fields.extend(more.clone());
        }
        let _ = self.gateway.api("PUT", &self.path(&format!("providers/{name}")), Some(&body)).expect(200);
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/projects/{}/{rest}", self.project)
    }
}

/// How much memory the gateway has now, in bytes.
pub(crate) fn resident_bytes(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// A chat request of one user message.
pub(crate) fn says(text: &str) -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]})
}

pub(crate) fn redact() -> Value {
    json!({})
}

pub(crate) fn block() -> Value {
    json!({"dlp": {"action": "block"}})
}
