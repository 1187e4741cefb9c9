//! What a caller is told: the answers and headers of both edges. One place, nowhere else; the words of refusals are in a
//! file for each edge.

mod aisg;
mod lockllm;

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use wardbell_core::outcome::Outcome;
use wardbell_core::verdict::{Allowed, Redaction, Verdict};

use crate::answer::AnswerBody;
use crate::edge::Edge;
use crate::flight::{self, Arrival, Flight};
use crate::refused::Refused;
use crate::report::Report;

/// The text that stands where a finding was (AISG's, `spec/wire-aisg.md` 1.5).
pub(crate) const PLACEHOLDER: &str = "[REDACTED]";

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_AISG_LATENCY: HeaderName = HeaderName::from_static("x-aisg-latency");
const X_DLP_LATENCY: HeaderName = HeaderName::from_static("x-dlp-latency");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const X_LOCKLLM_BLOCKED: HeaderName = HeaderName::from_static("x-lockllm-blocked");

/// Answers a request that presented no good key, so that there is nobody to record it for.
pub(crate) fn stranger(arrival: &Arrival, edge: Edge, refused: &Refused) -> Response<AnswerBody> {
    let told = Told::of(edge, refused, None, &arrival.shown_id());
    let mut response = Response::new(AnswerBody::unrecorded(told.bytes()));
    told.dress(&mut response, &arrival.shown_id());
    response
}

/// Answers a request that Wardbell refuses.
pub(crate) fn refuse(mut flight: Flight, refused: &Refused) -> Response<AnswerBody> {
    let id = flight.arrival.shown_id();
    let told = Told::of(flight.edge(), refused, flight.report.as_ref(), &id);
    flight.answered(told.status.as_u16());
    let mut headers = HeaderMap::new();
    dress(&mut headers, &flight);
    let outcome = if refused.is_upstream() { Outcome::UpstreamFailed } else { Outcome::Refused };
    let mut response = Response::new(AnswerBody::whole(told.bytes(), flight, outcome));
    *response.headers_mut() = headers;
    told.dress(&mut response, &id);
    response
}

/// Passes on a provider's answer. `headers` are the provider's.
pub(crate) fn serve(
    mut flight: Flight,
    status: StatusCode,
    mut headers: HeaderMap,
    body: impl FnOnce(Flight) -> AnswerBody,
) -> Response<AnswerBody> {
    flight.answered(status.as_u16());
    dress(&mut headers, &flight);
    let mut response = Response::new(body(flight));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What every answer of a recorded request carries.
fn dress(headers: &mut HeaderMap, flight: &Flight) {
    identify(headers, &flight.arrival.shown_id());
    latencies(headers, flight.own_latency(), flight.detect_latency());
    if let (Edge::Proxy, Some(report)) = (flight.edge(), &flight.report) {
        report.headers(flight.provider(), flight.model(), headers);
    }
}

/// The headers of a stream, so that nothing between us and the caller holds it back.
pub(crate) fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

/// The `aisg_metadata` object of an answer, as raw JSON.
pub(crate) fn metadata(flight: &Flight, verdict: &Verdict, model: &str, provider: &str) -> String {
    let millis = |duration: Duration| json!((duration.as_secs_f64() * 100_000.0).round() / 100.0);
    let findings = verdict.findings();
    let mut fields = Map::new();
    fields.insert("requested_model".to_owned(), json!(model));
    fields.insert("provider_selected".to_owned(), json!(provider));
    fields.insert("latency_ms".to_owned(), millis(flight.own_latency()));
    fields.insert("dlp_latency_ms".to_owned(), millis(flight.detect_latency()));
    fields.insert("upstream_latency_ms".to_owned(), millis(flight.upstream_latency()));
    if let Some(cost) = flight.cost_so_far() {
        fields.insert("cost_usd".to_owned(), json!(cost.as_dollars()));
    }
    fields.insert("pii_detected".to_owned(), json!(!findings.is_empty()));
    let action = match verdict {
        Verdict::Redact(Redaction { .. }) => Some("redact"),
        Verdict::Allow(Allowed::Observed(_)) => Some("detect"),
        Verdict::Allow(Allowed::Clean | Allowed::FailedOpen(_) | Allowed::Partial(_)) | Verdict::Block(_) => None,
    };
    if let Some(action) = action {
        fields.insert("dlp_action".to_owned(), json!(action));
        fields.insert("violations_count".to_owned(), json!(findings.len()));
        fields.insert("entity_types_detected".to_owned(), json!(flight::entity_types(findings)));
    }
    Value::Object(fields).to_string()
}

/// A refusal in the words of an edge.
struct Told {
    status: StatusCode,
    body: Value,
    extra: HeaderMap,
}

impl Told {
    fn of(edge: Edge, refused: &Refused, report: Option<&Report>, id: &str) -> Self {
        match edge {
            Edge::Gateway => aisg::told(refused, id),
            Edge::Proxy => lockllm::told(refused, report, id),
        }
    }

    fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, extra: HeaderMap::new() }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.extra.insert(name, HeaderValue::from_static(value));
        self
    }

    /// With `Retry-After`: whole seconds, and at least one, since the published clients take 0 for none.
    fn after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).clamp(1, u128::from(u32::MAX));
        if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
            self.extra.insert(RETRY_AFTER, value);
        }
        self
    }

    fn bytes(&self) -> Bytes {
        Bytes::from(self.body.to_string())
    }

    fn dress(self, response: &mut Response<AnswerBody>, id: &str) {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        identify(headers, id);
        headers.extend(self.extra);
    }
}

fn identify(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::try_from(id) {
        headers.insert(X_REQUEST_ID, value);
    }
}

fn latencies(headers: &mut HeaderMap, own: Duration, detect: Duration) {
    for (name, duration) in [(X_AISG_LATENCY, own), (X_DLP_LATENCY, detect)] {
        if let Ok(value) = HeaderValue::try_from(format!("{:.2}", duration.as_secs_f64() * 1000.0)) {
            headers.insert(name, value);
        }
    }
}
