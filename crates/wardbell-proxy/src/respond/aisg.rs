//! AISG's bodies (`spec/wire-aisg.md` 1.10): the words of the gateway surface.

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};
use wardbell_core::abuse::AbuseKind;
use wardbell_core::alert::LoopData;
use wardbell_core::budget::Shortfall;
use wardbell_core::finding::Located;
use wardbell_core::loops::Detector;
use wardbell_core::verdict::Refusal;
use wardbell_llm::models;
use wardbell_llm::request::RequestError;

use super::{Told, X_SHOULD_RETRY};
use crate::body::BodyError;
use crate::body_budget;
use crate::flight;
use crate::loops::Circle;
use crate::provider::NoProvider;
use crate::refused::{Refused, UpstreamRefusal};
use crate::report::violated;
use crate::upstream::ForwardError;

/// A refusal in AISG's words.
pub(super) fn told(refused: &Refused, id: &str) -> Told {
    match refused {
        Refused::NoKey => {
            let body = json!({"detail": "No API key: send it as `Authorization: Bearer <key>`"});
            Told::new(StatusCode::UNAUTHORIZED, body).with(WWW_AUTHENTICATE, "Bearer")
        }
        Refused::WrongKey => {
            let body = json!({"detail": "This API key is not known here, or was revoked"});
            Told::new(StatusCode::UNAUTHORIZED, body).with(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
        }
        Refused::Stopping => {
            let message = "Wardbell is stopping; try again in a moment";
            let body = json!({"error": "shutting_down", "message": message});
            Told::new(StatusCode::SERVICE_UNAVAILABLE, body).with(RETRY_AFTER, "1")
        }
        Refused::Overloaded => overloaded(),
        Refused::TooFast { retry_after } => {
            let message = "This key sends too many requests; slow down";
            let body = json!({"error": "rate_limit_exceeded", "message": message});
            Told::new(StatusCode::TOO_MANY_REQUESTS, body).after(*retry_after)
        }
        Refused::OwnDelivery => detail(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "This is one of Wardbell's own alert deliveries; a webhook must not point at the gateway",
        ),
        Refused::Path(error) => detail(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string()),
        Refused::Wish(error) => invalid(&["header", error.header], &error.to_string(), "value_error"),
        Refused::Body(error) => of_body(error),
        Refused::Request(error) => of_request(error),
        Refused::Field { field, must } => {
            invalid(&["body", field], &format!("`{field}` must be {must}"), "value_error")
        }
        Refused::Provider(error) => of_provider(error),
        Refused::Loop(circle) => of_loop(circle),
        Refused::Budget(shortfall) => {
            let mut fields = json!({"error": "budget_exhausted", "message": shortfall.to_string()});
            if let Value::Object(fields) = &mut fields {
                fields.extend(of_shortfall(shortfall));
            }
            Told::new(StatusCode::PAYMENT_REQUIRED, json!({"detail": fields})).with(X_SHOULD_RETRY, "false")
        }
        Refused::BudgetUnknown => {
            let message = "Whether the budget covers this request cannot be told now; try again in a moment";
            detail(StatusCode::SERVICE_UNAVAILABLE, "budget_unavailable", message).with(RETRY_AFTER, "1")
        }
        Refused::NoModel { model } => {
            let message = format!("No provider of this project has the model `{model}`");
            Told::new(StatusCode::NOT_FOUND, json!({"detail": model_not_found(&message, model)}))
        }
        Refused::NoPrice { model } => detail(
            StatusCode::PAYMENT_REQUIRED,
            "price_unknown",
            &format!("No price is known for `{model}`, and this project has a budget; see budgets.unknown_model"),
        ),
        Refused::Guard(refusal) => of_guard(refusal, id, "Request"),
        Refused::Answer(refusal) => of_guard(refusal, id, "Answer"),
        Refused::Forward(error) => of_forward(error),
        Refused::Upstream(refusal) => of_upstream(refusal),
    }
}

fn overloaded() -> Told {
    let message = "Other requests take up the memory for bodies; try again in a moment";
    let body = json!({"error": "overloaded", "message": message});
    Told::new(StatusCode::SERVICE_UNAVAILABLE, body).after(body_budget::RETRY_AFTER)
}

fn of_body(error: &BodyError) -> Told {
    match error {
        BodyError::TooLarge { max } => {
            let message = format!("The request body is larger than {max} bytes; send less");
            Told::new(StatusCode::PAYLOAD_TOO_LARGE, json!({"error": "payload_too_large", "message": message}))
        }
        BodyError::Length => Told::new(StatusCode::BAD_REQUEST, json!({"error": "invalid_content_length"})),
        BodyError::Encoded(encoding) => invalid(
            &["header", "content-encoding"],
            &format!("`{encoding}` bodies cannot be scanned; send the body uncompressed"),
            "unsupported_encoding",
        ),
        BodyError::TooSlow(limit) => {
            let message = format!("The request body did not arrive within {} s", limit.as_secs());
            detail(StatusCode::REQUEST_TIMEOUT, "request_timeout", &message)
        }
        BodyError::Broken => detail(StatusCode::BAD_REQUEST, "invalid_request", "The request body broke off"),
        BodyError::Overloaded => overloaded(),
    }
}

fn of_request(error: &RequestError) -> Told {
    if error.is_empty_last_message() {
        return detail(StatusCode::BAD_REQUEST, "invalid_request", &error.to_string());
    }
    let body = json!({
        "error": "validation_error",
        "message": error.to_string(),
        "details": [{"loc": error.loc(), "msg": error.to_string(), "type": error.kind()}],
    });
    Told::new(StatusCode::UNPROCESSABLE_ENTITY, body)
}

fn of_provider(error: &NoProvider) -> Told {
    match error {
        NoProvider::Unknown { asked, known } => {
            let message = format!("Unknown provider `{asked}` in x-provider; this project has: {}", known.join(", "));
            Told::new(StatusCode::BAD_REQUEST, json!({"detail": message}))
        }
        NoProvider::Mute { dialect } => detail(
            StatusCode::PAYMENT_REQUIRED,
            "no_credentials",
            &format!("No provider of this project takes `{dialect}` calls; add one with the management API"),
        ),
        NoProvider::NoKey { provider } => detail(
            StatusCode::PAYMENT_REQUIRED,
            "no_credentials",
            &format!("Provider `{provider}` has no API key; set api_key or api_key_env on it"),
        ),
    }
}

fn of_guard(refusal: &Refusal, id: &str, what: &str) -> Told {
    let (error, message, violations, extra) = match refusal {
        Refusal::Pii(found) => {
            let types: Vec<_> = flight::entity_types(found).iter().map(|entity| entity.as_str()).collect();
            let message = format!("{what} blocked: PII or a secret was found ({})", types.join(", "));
            ("pii_policy_violation", message, found.iter().map(violation).collect(), None)
        }
        Refusal::Injection(found) => {
            let message = format!("{what} blocked: a prompt injection or jailbreak attempt was found");
            ("pii_policy_violation", message, found.iter().map(violation).collect(), None)
        }
        Refusal::Content(broken) => {
            let names: Vec<_> = broken.iter().map(|policy| policy.name.as_str()).collect();
            let message = format!("{what} blocked: it breaks a content policy of the project ({})", names.join(", "));
            ("content_policy_violation", message, Vec::new(), Some(("violated_policies", violated(broken))))
        }
        Refusal::Abuse(abuse) => {
            let kinds: Vec<_> = abuse.kinds().into_iter().map(AbuseKind::as_str).collect();
            let message = format!("{what} blocked: it looks like abuse ({})", kinds.join(", "));
            ("abuse_detected", message, Vec::new(), Some(("abuse_types", json!(kinds))))
        }
        Refusal::FailedClosed(failure) => {
            let message = format!("{what} could not be checked, so it was not passed on: {failure}");
            let told = detail(StatusCode::INTERNAL_SERVER_ERROR, "security_processing_error", &message);
            return told.with(X_SHOULD_RETRY, "false");
        }
    };
    let mut body =
        json!({"error": error, "message": message, "request_id": id, "violations": Value::Array(violations)});
    if let (Some((name, value)), Value::Object(fields)) = (extra, &mut body) {
        fields.insert(name.to_owned(), value);
    }
    Told::new(StatusCode::BAD_REQUEST, body).with(X_SHOULD_RETRY, "false")
}

fn of_loop(circle: &Circle) -> Told {
    let LoopData { fingerprint, hit_count, model: _, cooldown_seconds, detector, tool, cost: _, cost_avoided: _ } =
        &circle.data;
    let message = match (detector, tool) {
        (Detector::RepeatedRequest, _) => format!(
            "The same request came {hit_count} times within {} s; an agent seems to retry in a loop. It is refused for \
             {cooldown_seconds} s",
            circle.window.as_secs()
        ),
        (Detector::SessionCap, _) => {
            format!("The session has reached its cap after {hit_count} requests; begin a new one")
        }
        (_, Some(tool)) => {
            format!("The agent goes in circles with the tool `{tool}` ({}, {hit_count} times)", detector.as_str())
        }
        (_, None) => format!("The agent goes in circles ({}, {hit_count} times)", detector.as_str()),
    };
    let mut fields = json!({
        "error": "recursive_loop_detected",
        "message": message,
        "cooldown_seconds": cooldown_seconds,
        "fingerprint": fingerprint,
        "hit_count": hit_count,
        "detector": detector.as_str(),
    });
    if let (Some(tool), Value::Object(fields)) = (tool, &mut fields) {
        fields.insert("tool".to_owned(), json!(tool));
    }
    let told = Told::new(StatusCode::TOO_MANY_REQUESTS, json!({"detail": fields})).with(X_SHOULD_RETRY, "false");
    match circle.retry_after {
        Some(wait) => told.after(wait),
        None => told,
    }
}

/// The particulars of a budget that does not reach.
pub(super) fn of_shortfall(shortfall: &Shortfall) -> Map<String, Value> {
    let Shortfall { scope, limit, spent, reserved, minimum, needed, resets_at } = shortfall;
    let mut fields = Map::new();
    fields.insert("scope".to_owned(), json!(scope.to_string()));
    fields.insert("balance_usd".to_owned(), json!(shortfall.balance().as_dollars()));
    for (name, sum) in [
        ("limit_usd", limit),
        ("spent_usd", spent),
        ("reserved_usd", reserved),
        ("minimum_usd", minimum),
        ("needed_usd", needed),
    ] {
        fields.insert(name.to_owned(), json!(sum.as_dollars()));
    }
    if let Some(at) = resets_at {
        fields.insert("resets_at".to_owned(), json!(at.to_string()));
    }
    fields
}

fn of_forward(error: &ForwardError) -> Told {
    match error {
        ForwardError::Settings => detail(
            StatusCode::BAD_GATEWAY,
            "upstream_error",
            "The provider's base URL and key make no valid request; check its settings",
        ),
        ForwardError::Unreachable(_) => {
            detail(StatusCode::BAD_GATEWAY, "upstream_error", "The provider could not be reached")
        }
        ForwardError::TooSlow(limit) => {
            let message = format!("The provider did not answer within {} s", limit.as_secs_f64());
            Told::new(StatusCode::GATEWAY_TIMEOUT, json!({"detail": message}))
        }
        ForwardError::BrokenOff(error) => {
            detail(StatusCode::BAD_GATEWAY, "upstream_error", &ForwardError::broken_off(error))
        }
    }
}

fn of_upstream(refusal: &UpstreamRefusal) -> Told {
    let UpstreamRefusal { status, headers, error, model } = refusal;
    let message = error
        .as_ref()
        .and_then(|error| error.get("message"))
        .and_then(Value::as_str)
        .map_or_else(|| format!("The provider answered {}", status.as_u16()), str::to_owned);
    let code = error.as_ref().and_then(|error| error.get("code").or_else(|| error.get("type"))).and_then(Value::as_str);
    let mut told = match status.as_u16() {
        401 | 403 => Told::new(
            StatusCode::BAD_GATEWAY,
            json!({"detail": "The provider rejected the API key that is configured for it"}),
        ),
        404 if matches!(code, Some("model_not_found" | "not_found_error" | "model_not_available")) => {
            Told::new(StatusCode::BAD_REQUEST, json!({"detail": model_not_found(&message, model)}))
        }
        408 | 504 => Told::new(StatusCode::GATEWAY_TIMEOUT, json!({"detail": message})),
        429 => detail(StatusCode::TOO_MANY_REQUESTS, "rate_limit", &message),
        400..=499 => detail(StatusCode::BAD_REQUEST, "upstream_bad_request", &message),
        _ => detail(StatusCode::BAD_GATEWAY, "upstream_error", &message),
    };
    // A rejected key's error text may quote the key; all others help the caller.
    if let (Some(error), Value::Object(body), false) = (error, &mut told.body, matches!(status.as_u16(), 401 | 403)) {
        body.insert("error".to_owned(), error.clone());
    }
    if let Some(after) = headers.get(RETRY_AFTER) {
        told.extra.insert(RETRY_AFTER, after.clone());
    }
    told
}

fn model_not_found(message: &str, model: &str) -> Value {
    let mut inner = json!({"error": "model_not_found", "message": message});
    if let (Some(suggested), Value::Object(fields)) = (models::suggest(model), &mut inner) {
        fields.insert("suggested_model".to_owned(), json!(suggested));
    }
    inner
}

fn detail(status: StatusCode, code: &str, message: &str) -> Told {
    Told::new(status, json!({"detail": {"error": code, "message": message}}))
}

fn invalid(loc: &[&str], message: &str, kind: &str) -> Told {
    let details = json!([{"loc": loc, "msg": message, "type": kind}]);
    let body = json!({"error": "validation_error", "message": message, "details": details});
    Told::new(StatusCode::UNPROCESSABLE_ENTITY, body)
}

/// One entry of `violations`: offsets count Unicode scalar values within one message.
fn violation(located: &Located) -> Value {
    let score = (f64::from(located.finding.score) * 100.0).round() / 100.0;
    let mut violation = json!({
        "entity_type": located.finding.entity,
        "start": located.characters.start,
        "end": located.characters.end,
        "score": score,
    });
    if let (true, Value::Object(fields)) = (located.finding.entity.is_injection(), &mut violation) {
        fields.insert("reason".to_owned(), json!(located.finding.rule));
    }
    violation
}
