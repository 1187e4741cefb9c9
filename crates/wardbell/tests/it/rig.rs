//! A gateway with a project, a provider and a key: where most tests begin.

use serde_json::{Value, json};
use wardbell_testkit::gateway::{Builder, Gateway};
use wardbell_testkit::provider::FakeProvider;

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
        let project = gateway.project(&json!({"name": "shop", "policy": policy}));
        gateway.provider(&project, "openai", &provider.url());
        let key = gateway.key(&project);
        Self { gateway, provider, project, key }
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/projects/{}/{rest}", self.project)
    }
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
