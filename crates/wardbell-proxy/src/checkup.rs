//! Whether a provider can be reached and takes its key: its list of models is asked for, which costs nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use wardbell_core::secret::Secret;
use wardbell_egress::upstream::Upstream;
use wardbell_store::provider::Provider;

use crate::body;
use crate::body_budget::BodyBudget;
use crate::provider::{Key, Remote};
use crate::upstream::{Outgoing, forward};

/// How long a provider may take. Source: our choice; somebody waits for it.
const TIME_MAX: Duration = Duration::from_secs(10);

/// The longest list that is read, in bytes.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckupOutcome {
    /// The status that the provider answered, if it did.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
    /// What is wrong, in our own words: a provider's may quote its key.
    pub error: Option<String>,
    /// How many models it listed, where it did.
    pub models: Option<u64>,
}

/// Asks a provider for its models.
pub async fn checkup(
    upstream: &Upstream,
    provider: &Provider,
    read_key: fn(&str) -> Option<Secret<String>>,
) -> CheckupOutcome {
    let Provider { name, kind, base_url, api_key, api_key_env, .. } = provider;
    let stored = api_key.clone().or_else(|| api_key_env.as_deref().and_then(read_key));
    let failed = |duration, error: String| CheckupOutcome { status: None, duration, error: Some(error), models: None };
    if let (None, Some(variable)) = (&stored, api_key_env) {
        return failed(Duration::ZERO, format!("the variable {variable} is not set in Wardbell's environment"));
    }
    let key = stored.map_or(Key::None, Key::Stored);
    let remote = Remote { name: name.clone(), kind: *kind, base_url: base_url.clone(), key };
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let outgoing = Outgoing { method: &Method::GET, path: "models", query: None, headers: &headers, body: &body };
    let started = Instant::now();
    let word = match forward(upstream, &[remote], &outgoing, TIME_MAX).await {
        Ok(word) => word,
        Err(error) => return failed(started.elapsed(), error.to_string()),
    };
    let status = word.answer.status();
    let room = BodyBudget::new(LIST_BYTES_MAX);
    let read = body::collect(word.answer.into_body(), LIST_BYTES_MAX, TIME_MAX, room.room()).await;
    let duration = started.elapsed();
    let list = read.ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let models =
        list.as_ref().and_then(|list| list.get("data").or_else(|| list.get("models")).and_then(Value::as_array));
    let error = match status.as_u16() {
        200..=299 => None,
        401 | 403 => Some("the provider does not take this key".to_owned()),
        404 | 405 => {
            Some("the provider answers, and has no list of models at this address; check the base URL".to_owned())
        }
        429 => Some("the provider answers that it is asked too often".to_owned()),
        other => Some(format!("the provider answers with status {other}")),
    };
    let models = models.filter(|_| error.is_none()).and_then(|models| u64::try_from(models.len()).ok());
    CheckupOutcome { status: Some(status.as_u16()), duration, error, models }
}
