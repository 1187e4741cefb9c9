//! The API's answers, as far as pages show them. Times are RFC 3339 text, as the API gives them.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) policy: Value,
    pub(crate) policy_version: u32,
    pub(crate) created_at: String,
    pub(crate) enabled: bool,
    pub(crate) declared: Option<String>,
    pub(crate) policy_declared: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PolicyVersion {
    pub(crate) version: u32,
    pub(crate) time: String,
    pub(crate) policy: Value,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) format: String,
    pub(crate) events: Vec<String>,
    pub(crate) severity_min: String,
    pub(crate) filter: Filter,
    pub(crate) group: Group,
    pub(crate) signature: String,
    pub(crate) public_key: Option<String>,
    pub(crate) retry: String,
    pub(crate) custom_message: Option<String>,
    pub(crate) include_preview: bool,
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) to: Vec<String>,
    pub(crate) per_second: Option<f64>,
    pub(crate) disable_after_seconds: Option<f64>,
    pub(crate) enabled: bool,
    pub(crate) state: String,
    pub(crate) health: Health,
    pub(crate) created_at: String,
    pub(crate) declared: Option<String>,
    pub(crate) secret_declared: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Filter {
    pub(crate) models: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) entity_types: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Group {
    pub(crate) enabled: bool,
    pub(crate) window_seconds: u64,
    pub(crate) per_minute: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Health {
    pub(crate) since: String,
    pub(crate) failures: u32,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewWebhook {
    pub(crate) secret: String,
    #[serde(flatten)]
    pub(crate) webhook: Webhook,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) secret: String,
    pub(crate) previous_until: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TestOutcome {
    pub(crate) delivered: bool,
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: f64,
    pub(crate) error: Option<String>,
    pub(crate) response_excerpt: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Guess {
    pub(crate) format: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Alert {
    pub(crate) id: String,
    pub(crate) request_id: String,
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) time: String,
    pub(crate) key_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) injection_score: Option<f64>,
    pub(crate) injection_reason: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) data: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AlertDetail {
    #[serde(flatten)]
    pub(crate) alert: Alert,
    pub(crate) deliveries: Vec<Delivery>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Matches {
    pub(crate) alert_count: u64,
    pub(crate) match_count: u64,
    pub(crate) data: Vec<Matched>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Matched {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) time: String,
    pub(crate) would_match: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) webhook_id: String,
    pub(crate) alert_id: String,
    pub(crate) endpoint_id: String,
    pub(crate) state: String,
    pub(crate) attempt_count: u32,
    pub(crate) next_attempt_at: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) fold: Option<Fold>,
    pub(crate) replays: u32,
    pub(crate) plain: bool,
    pub(crate) created_at: String,
    pub(crate) finished_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Fold {
    pub(crate) reason: String,
    pub(crate) count: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    pub(crate) delivery: Delivery,
    pub(crate) attempts: Vec<Attempt>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) started_at: String,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<String>,
    pub(crate) phases: Phases,
    pub(crate) response_excerpt: Option<String>,
}

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "as the API names them")]
pub(crate) struct Phases {
    pub(crate) dns_ms: f64,
    pub(crate) connect_ms: f64,
    pub(crate) tls_ms: f64,
    pub(crate) first_byte_ms: f64,
    pub(crate) total_ms: f64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Replayed {
    pub(crate) count: u64,
    pub(crate) has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) caller_request_id: Option<String>,
    pub(crate) time: String,
    pub(crate) key_id: String,
    pub(crate) surface: String,
    pub(crate) model: String,
    pub(crate) provider: String,
    pub(crate) verdict: String,
    pub(crate) outcome: String,
    pub(crate) status: Option<u16>,
    pub(crate) entity_types: Vec<String>,
    pub(crate) violation_count: u32,
    pub(crate) injection_score: f64,
    pub(crate) streamed: bool,
    pub(crate) latency_ms: f64,
    pub(crate) detect_ms: f64,
    pub(crate) upstream_ms: f64,
    pub(crate) own_ms: f64,
    pub(crate) input_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) policy_version: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) user_id: Option<String>,
    pub(crate) hint: String,
    pub(crate) created_at: String,
    pub(crate) last_used_at: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewKey {
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) kept: Key,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) base_url: String,
    pub(crate) api_key_set: bool,
    pub(crate) api_key_env: Option<String>,
    pub(crate) fallback: Option<String>,
    pub(crate) default: bool,
    pub(crate) updated_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ProviderTest {
    pub(crate) ok: bool,
    pub(crate) status: Option<u16>,
    pub(crate) duration_ms: f64,
    pub(crate) error: Option<String>,
    pub(crate) models: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Silence {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    pub(crate) webhook: Option<String>,
    pub(crate) events: Vec<String>,
    pub(crate) severity_max: Option<String>,
    #[serde(flatten)]
    pub(crate) filter: Filter,
    pub(crate) starts_at: Option<String>,
    pub(crate) ends_at: Option<String>,
    pub(crate) weekly: Option<Weekly>,
    pub(crate) active: bool,
    pub(crate) over: bool,
    pub(crate) created_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Weekly {
    pub(crate) days: Vec<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) time_zone: String,
    pub(crate) expires_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Budget {
    pub(crate) scope: String,
    pub(crate) balance_usd: Option<f64>,
    pub(crate) reserved_usd: f64,
    pub(crate) spent_usd: f64,
    pub(crate) minimum_usd: f64,
    pub(crate) limit_usd: Option<f64>,
    pub(crate) period: String,
    pub(crate) resets_at: Option<String>,
    pub(crate) alert_at_percent: Vec<u8>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) total: Point,
    pub(crate) points: Vec<Point>,
    pub(crate) entity_types: Vec<Top>,
    pub(crate) keys: Vec<Top>,
    pub(crate) models: Vec<Top>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Point {
    pub(crate) time: String,
    pub(crate) requests: u64,
    pub(crate) blocked: u64,
    pub(crate) redacted: u64,
    pub(crate) injections: u64,
    pub(crate) upstream_failed: u64,
    pub(crate) spent_usd: f64,
    pub(crate) own_ms: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Top {
    pub(crate) name: String,
    pub(crate) requests: u64,
    pub(crate) spent_usd: f64,
}
