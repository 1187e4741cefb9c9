//! What a caller is told: AISG's bodies and headers (`spec/wire-aisg.md` 1.10 and 1.11). One place, nowhere else.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use wardbell_core::finding::Located;
use wardbell_core::outcome::Outcome;
use wardbell_core::verdict::{Allowed, Redaction, Refusal, Verdict};
use wardbell_llm::request::RequestError;

use crate::answer::AnswerBody;
use crate::body::BodyError;
use crate::flight::{self, Arrival, Flight};
use crate::provider::NoProvider;
use crate::upstream::ForwardError;

/// Why Wardbell answers in place of the provider.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No key was presented.
    NoKey,
    /// The key opens nothing.
    WrongKey,
    /// Wardbell is stopping.
    Stopping,
    /// The request is one of our own deliveries coming back.
    OwnDelivery,
    /// The body could not be read.
    Body(BodyError),
    /// The body is not a chat request.
    Request(RequestError),
    /// A field of a small request is missing or wrong.
    Field {
        /// The field.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// There is no provider for it.
    Provider(NoProvider),
    /// A guard stopped it.
    Guard(Refusal),
    /// The provider gave no usable first word.
    Forward(ForwardError),
    /// The provider refused or failed.
    Upstream(UpstreamRefusal),
}

/// A provider's answer outside 200 to 299.
#[derive(Debug)]
pub(crate) struct UpstreamRefusal {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<HeaderValue>,
    /// The provider's own `error` object, passed on beside ours, if it sent one.
    pub(crate) error: Option<Value>,
}

/// The text that stands where a finding was (AISG's, `spec/wire-aisg.md` 1.5).
pub(crate) const PLACEHOLDER: &str = "[REDACTED]";

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_AISG_LATENCY: HeaderName = HeaderName::from_static("x-aisg-latency");
const X_DLP_LATENCY: HeaderName = HeaderName::from_static("x-dlp-latency");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Answers a request that presented no good key, so that there is nobody to record it for.
pub(crate) fn stranger(arrival: &Arrival, refused: &Refused) -> Response<AnswerBody> {
    let told = Told::of(refused, &arrival.shown_id());
    let mut response = Response::new(AnswerBody::unrecorded(told.bytes()));
    told.dress(&mut response, &arrival.shown_id());
    response
}

/// Answers a request that Wardbell refuses.
pub(crate) fn refuse(mut flight: Flight, refused: &Refused) -> Response<AnswerBody> {
    let id = flight.arrival.shown_id();
    let told = Told::of(refused, &id);
    flight.answered(told.status.as_u16());
    let (own, detect) = (flight.own_latency(), flight.detect_latency());
    let outcome = match refused {
        Refused::Forward(_) | Refused::Upstream(_) => Outcome::UpstreamFailed,
        Refused::NoKey
        | Refused::WrongKey
        | Refused::Stopping
        | Refused::OwnDelivery
        | Refused::Body(_)
        | Refused::Request(_)
        | Refused::Field { .. }
        | Refused::Provider(_)
        | Refused::Guard(_) => Outcome::Refused,
    };
    let mut response = Response::new(AnswerBody::whole(told.bytes(), flight, outcome));
    told.dress(&mut response, &id);
    latencies(response.headers_mut(), own, detect);
    response
}

/// Passes on a provider's answer. `headers` are the provider's.
pub(crate) fn serve(
    mut flight: Flight,
    status: StatusCode,
    headers: HeaderMap,
    body: impl FnOnce(Flight) -> AnswerBody,
) -> Response<AnswerBody> {
    flight.answered(status.as_u16());
    let id = flight.arrival.shown_id();
    let (own, detect) = (flight.own_latency(), flight.detect_latency());
    let mut response = Response::new(body(flight));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    identify(response.headers_mut(), &id);
    latencies(response.headers_mut(), own, detect);
    response
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
    fields.insert("pii_detected".to_owned(), json!(!findings.is_empty()));
    let action = match verdict {
        Verdict::Redact(Redaction { .. }) => Some("redact"),
        Verdict::Allow(Allowed::Observed(_)) => Some("detect"),
        Verdict::Allow(Allowed::Clean | Allowed::FailedOpen(_)) | Verdict::Block(_) => None,
    };
    if let Some(action) = action {
        fields.insert("dlp_action".to_owned(), json!(action));
        fields.insert("violations_count".to_owned(), json!(findings.len()));
        fields.insert("entity_types_detected".to_owned(), json!(flight::entity_types(findings)));
    }
    Value::Object(fields).to_string()
}

/// A refusal in AISG's words.
struct Told {
    status: StatusCode,
    body: Value,
    extra: Vec<(HeaderName, HeaderValue)>,
}

impl Told {
    fn of(refused: &Refused, id: &str) -> Self {
        match refused {
            Refused::NoKey => Self::new(
                StatusCode::UNAUTHORIZED,
                json!({"detail": "No API key: send it as `Authorization: Bearer <key>`"}),
            )
            .with(WWW_AUTHENTICATE, "Bearer"),
            Refused::WrongKey => {
                Self::new(StatusCode::UNAUTHORIZED, json!({"detail": "This API key is not known here, or was revoked"}))
                    .with(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
            }
            Refused::Stopping => {
                let message = "Wardbell is stopping; try again in a moment";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, json!({"error": "shutting_down", "message": message}))
                    .with(RETRY_AFTER, "1")
            }
            Refused::OwnDelivery => Self::detail(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "This is one of Wardbell's own alert deliveries; a webhook must not point at the gateway",
            ),
            Refused::Body(error) => Self::of_body(error),
            Refused::Request(error) => Self::of_request(error),
            Refused::Field { field, must } => {
                Self::invalid(&["body", field], &format!("`{field}` must be {must}"), "value_error")
            }
            Refused::Provider(error) => Self::of_provider(error),
            Refused::Guard(refusal) => Self::of_guard(refusal, id),
            Refused::Forward(error) => Self::of_forward(error),
            Refused::Upstream(refusal) => Self::of_upstream(refusal),
        }
    }

    fn of_body(error: &BodyError) -> Self {
        match error {
            BodyError::TooLarge { max } => {
                let message = format!("The request body is larger than {max} bytes; send less");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, json!({"error": "payload_too_large", "message": message}))
            }
            BodyError::Length => Self::new(StatusCode::BAD_REQUEST, json!({"error": "invalid_content_length"})),
            BodyError::Encoded(encoding) => Self::invalid(
                &["header", "content-encoding"],
                &format!("`{encoding}` bodies cannot be scanned; send the body uncompressed"),
                "unsupported_encoding",
            ),
            BodyError::TooSlow(limit) => {
                let message = format!("The request body did not arrive within {} s", limit.as_secs());
                Self::detail(StatusCode::REQUEST_TIMEOUT, "request_timeout", &message)
            }
            BodyError::Broken => Self::detail(StatusCode::BAD_REQUEST, "invalid_request", "The request body broke off"),
        }
    }

    fn of_request(error: &RequestError) -> Self {
        if error.is_empty_last_message() {
            return Self::detail(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string());
        }
        let body = json!({
            "error": "validation_error",
            "message": error.to_string(),
            "details": [{"loc": error.loc(), "msg": error.to_string(), "type": error.kind()}],
        });
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, body)
    }

    fn of_provider(error: &NoProvider) -> Self {
        match error {
            NoProvider::Unknown { asked, known } => {
                let message =
                    format!("Unknown provider `{asked}` in x-provider; this project has: {}", known.join(", "));
                Self::new(StatusCode::BAD_REQUEST, json!({"detail": message}))
            }
            NoProvider::NoKey { provider } => Self::detail(
                StatusCode::PAYMENT_REQUIRED,
                "no_credentials",
                &format!("Provider `{provider}` has no API key; set api_key or api_key_env on it"),
            ),
        }
    }

    fn of_guard(refusal: &Refusal, id: &str) -> Self {
        let (found, message) = match refusal {
            Refusal::Pii(found) => {
                let types: Vec<_> = flight::entity_types(found).iter().map(|entity| entity.as_str()).collect();
                (found, format!("Request blocked: PII or a secret was found ({})", types.join(", ")))
            }
            Refusal::Injection(found) => {
                (found, "Request blocked: a prompt injection or jailbreak attempt was found".to_owned())
            }
            Refusal::FailedClosed(failure) => {
                let message = format!("The request could not be checked, so it was not forwarded: {failure}");
                let told = Self::detail(StatusCode::INTERNAL_SERVER_ERROR, "security_processing_error", &message);
                return told.with(X_SHOULD_RETRY, "false");
            }
        };
        let body = json!({
            "error": "pii_policy_violation",
            "message": message,
            "request_id": id,
            "violations": found.iter().map(violation).collect::<Vec<_>>(),
        });
        Self::new(StatusCode::BAD_REQUEST, body).with(X_SHOULD_RETRY, "false")
    }

    fn of_forward(error: &ForwardError) -> Self {
        match error {
            ForwardError::Settings => Self::detail(
                StatusCode::BAD_GATEWAY,
                "upstream_error",
                "The provider's base URL and key make no valid request; check its settings",
            ),
            ForwardError::Unreachable(_) => {
                Self::detail(StatusCode::BAD_GATEWAY, "upstream_error", "The provider could not be reached")
            }
            ForwardError::TooSlow(limit) => {
                let message = format!("The provider did not answer within {} s", limit.as_secs_f64());
                Self::new(StatusCode::GATEWAY_TIMEOUT, json!({"detail": message}))
            }
        }
    }

    fn of_upstream(refusal: &UpstreamRefusal) -> Self {
        let UpstreamRefusal { status, retry_after, error } = refusal;
        let message = error
            .as_ref()
            .and_then(|error| error.get("message"))
            .and_then(Value::as_str)
            .map_or_else(|| format!("The provider answered {}", status.as_u16()), str::to_owned);
        let mut told = match status.as_u16() {
            401 | 403 => Self::new(
                StatusCode::BAD_GATEWAY,
                json!({"detail": "The provider rejected the API key that is configured for it"}),
            ),
            408 | 504 => Self::new(StatusCode::GATEWAY_TIMEOUT, json!({"detail": message})),
            429 => Self::detail(StatusCode::TOO_MANY_REQUESTS, "rate_limit", &message),
            400..=499 => Self::detail(StatusCode::BAD_REQUEST, "upstream_bad_request", &message),
            _ => Self::detail(StatusCode::BAD_GATEWAY, "upstream_error", &message),
        };
        // A rejected key's error text may quote the key; all others help the caller.
        if let (Some(error), Value::Object(body), false) = (error, &mut told.body, matches!(status.as_u16(), 401 | 403))
        {
            body.insert("error".to_owned(), error.clone());
        }
        if let Some(after) = retry_after {
            told.extra.push((RETRY_AFTER, after.clone()));
        }
        told
    }

    fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, extra: Vec::new() }
    }

    fn detail(status: StatusCode, code: &str, message: &str) -> Self {
        Self::new(status, json!({"detail": {"error": code, "message": message}}))
    }

    fn invalid(loc: &[&str], message: &str, kind: &str) -> Self {
        let details = json!([{"loc": loc, "msg": message, "type": kind}]);
        let body = json!({"error": "validation_error", "message": message, "details": details});
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, body)
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.extra.push((name, HeaderValue::from_static(value)));
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

/// One entry of `violations`: offsets count Unicode scalar values within one message.
fn violation(located: &Located) -> Value {
    let score = (f64::from(located.finding.score) * 100.0).round() / 100.0;
    json!({
        "entity_type": located.finding.entity,
        "start": located.characters.start,
        "end": located.characters.end,
        "score": score,
    })
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
