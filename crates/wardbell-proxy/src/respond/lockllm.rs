//! LockLLM's envelope (`spec/wire-lockllm.md` 2.5): the words of the scan and proxy surface.

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use wardbell_core::alert::LoopData;
use wardbell_core::verdict::Refusal;

use super::{Told, X_LOCKLLM_BLOCKED, X_SHOULD_RETRY};
use crate::body::BodyError;
use crate::body_budget;
use crate::flight;
use crate::provider::NoProvider;
use crate::refused::{Refused, UpstreamRefusal};
use crate::report::{Report, abuse_details, friendly, violated};
use crate::upstream::ForwardError;

/// A refusal in LockLLM's words. `report` is what was seen, where it got that far.
pub(super) fn told(refused: &Refused, report: Option<&Report>, id: &str) -> Told {
    let invalid = |status, message: &str| envelope(status, "invalid_request_error", "invalid_request", message, id);
    match refused {
        Refused::NoKey => {
            let message = "No API key: send it as `Authorization: Bearer <key>`";
            envelope(StatusCode::UNAUTHORIZED, "authentication_error", "unauthorized", message, id)
                .with(WWW_AUTHENTICATE, "Bearer")
        }
        Refused::WrongKey => {
            let message = "This API key is not known here, or was revoked";
            envelope(StatusCode::UNAUTHORIZED, "authentication_error", "unauthorized", message, id)
                .with(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
        }
        Refused::Stopping => {
            let message = "Wardbell is stopping; try again in a moment";
            envelope(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "shutting_down", message, id)
                .with(RETRY_AFTER, "1")
        }
        Refused::Overloaded => overloaded(id),
        Refused::TooFast { retry_after } => {
            let message = "This key sends too many requests; slow down";
            envelope(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limited", message, id).after(*retry_after)
        }
        Refused::OwnDelivery => invalid(
            StatusCode::BAD_REQUEST,
            "This is one of Wardbell's own alert deliveries; a webhook must not point at the gateway",
        ),
        Refused::Path(error) => invalid(StatusCode::BAD_REQUEST, &error.to_string()),
        Refused::Wish(error) => invalid(StatusCode::BAD_REQUEST, &error.to_string()),
        Refused::Request(error) => invalid(StatusCode::BAD_REQUEST, &error.to_string()),
        Refused::Field { field, must } => invalid(StatusCode::BAD_REQUEST, &format!("`{field}` must be {must}")),
        Refused::Body(error) => of_body(error, id),
        Refused::Provider(error) => of_provider(error, id),
        Refused::Loop(circle) => {
            let LoopData { fingerprint, hit_count, cooldown_seconds, detector, .. } = &circle.data;
            let message = "The agent goes in circles; change what it does before it goes on";
            let told =
                envelope(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "recursive_loop_detected", message, id);
            let told = with_fields(
                told,
                [
                    ("fingerprint", json!(fingerprint)),
                    ("hit_count", json!(hit_count)),
                    ("cooldown_seconds", json!(cooldown_seconds)),
                    ("detector", json!(detector.as_str())),
                ],
            )
            .with(X_SHOULD_RETRY, "false");
            match circle.retry_after {
                Some(wait) => told.after(wait),
                None => told,
            }
        }
        Refused::Budget(shortfall) => {
            let message = shortfall.to_string();
            let told =
                envelope(StatusCode::PAYMENT_REQUIRED, "lockllm_balance_error", "insufficient_credits", &message, id);
            let more = [
                ("current_balance", json!(shortfall.balance().as_dollars())),
                ("estimated_cost", json!(shortfall.needed.as_dollars())),
            ];
            with_fields(told, more).with(X_SHOULD_RETRY, "false")
        }
        Refused::BudgetUnknown => {
            let message = "Whether the budget covers this request cannot be told now; try again in a moment";
            envelope(StatusCode::SERVICE_UNAVAILABLE, "lockllm_balance_error", "balance_check_failed", message, id)
                .with(RETRY_AFTER, "1")
        }
        Refused::NoModel { model } => {
            let message = format!("No provider of this project has the model `{model}`");
            envelope(StatusCode::NOT_FOUND, "lockllm_config_error", "model_not_found", &message, id)
        }
        Refused::NoPrice { model } => {
            let message =
                format!("No price is known for `{model}`, and this project has a budget; see budgets.unknown_model");
            envelope(StatusCode::PAYMENT_REQUIRED, "lockllm_balance_error", "balance_check_failed", &message, id)
        }
        Refused::Guard(refusal) => of_guard(refusal, report, id, "request"),
        Refused::Answer(refusal) => of_guard(refusal, report, id, "answer"),
        Refused::Forward(error) => of_forward(error, id),
        Refused::Upstream(refusal) => of_upstream(refusal, id),
    }
}

fn envelope(status: StatusCode, kind: &str, code: &str, message: &str, id: &str) -> Told {
    Told::new(status, json!({"error": {"message": message, "type": kind, "code": code, "request_id": id}}))
}

fn with_fields(mut told: Told, more: impl IntoIterator<Item = (&'static str, Value)>) -> Told {
    if let Some(Value::Object(error)) = told.body.get_mut("error") {
        error.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    told
}

fn overloaded(id: &str) -> Told {
    let message = "Other requests take up the memory for bodies; try again in a moment";
    envelope(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "overloaded", message, id)
        .after(body_budget::RETRY_AFTER)
}

fn of_body(error: &BodyError, id: &str) -> Told {
    let invalid = |status, message: &str| envelope(status, "invalid_request_error", "invalid_request", message, id);
    match error {
        BodyError::TooLarge { max } => {
            let message = format!("The request body is larger than {max} bytes; send less");
            envelope(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", "payload_too_large", &message, id)
        }
        BodyError::Length => invalid(StatusCode::BAD_REQUEST, "Content-Length is not a number"),
        BodyError::Encoded(encoding) => {
            let message = format!("`{encoding}` bodies cannot be scanned; send the body uncompressed");
            invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message)
        }
        BodyError::TooSlow(limit) => {
            let message = format!("The request body did not arrive within {} s", limit.as_secs());
            envelope(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", "request_timeout", &message, id)
        }
        BodyError::Broken => invalid(StatusCode::BAD_REQUEST, "The request body broke off"),
        BodyError::Overloaded => overloaded(id),
    }
}

fn of_provider(error: &NoProvider, id: &str) -> Told {
    let message = match error {
        NoProvider::Unknown { asked, known } => format!(
            "Provider `{asked}` is not configured for this project, so there is no key to call it with; it has: {}",
            known.join(", ")
        ),
        NoProvider::NoKey { provider } => {
            format!("Provider `{provider}` has no API key; set api_key or api_key_env on it")
        }
        NoProvider::Mute { dialect } => {
            format!("No provider of this project takes `{dialect}` calls; add one with the management API")
        }
    };
    envelope(StatusCode::BAD_REQUEST, "configuration_error", "no_upstream_key", &message, id)
}

fn of_guard(refusal: &Refusal, report: Option<&Report>, id: &str, what: &str) -> Told {
    let told = match refusal {
        Refusal::Injection(_) => {
            let message = format!("The {what} was blocked: it looks like a prompt injection or a jailbreak attempt");
            let told =
                envelope(StatusCode::BAD_REQUEST, "lockllm_security_error", "prompt_injection_detected", &message, id);
            with_fields(told, report.map(|report| ("scan_result", report.scan_result())))
        }
        Refusal::Content(broken) => {
            let message = format!("The {what} was blocked: it breaks a content policy");
            let told = envelope(StatusCode::FORBIDDEN, "lockllm_policy_error", "policy_violation", &message, id);
            with_fields(told, [("violated_policies", violated(broken))])
        }
        Refusal::Abuse(abuse) => {
            let message = format!("The {what} was blocked: it looks like abuse");
            let told = envelope(StatusCode::BAD_REQUEST, "lockllm_abuse_error", "abuse_detected", &message, id);
            with_fields(told, [("abuse_details", Value::Object(abuse_details(abuse)))])
        }
        Refusal::Pii(found) => {
            let message = format!("The {what} was blocked: it holds personal data or a secret");
            let told = envelope(StatusCode::FORBIDDEN, "lockllm_pii_error", "pii_detected", &message, id);
            let details = json!({"entity_types": friendly(&flight::entity_types(found)), "entity_count": found.len()});
            with_fields(told, [("pii_details", details)])
        }
        Refusal::FailedClosed(failure) => {
            let message = format!("The {what} could not be checked: {failure}");
            let told = envelope(StatusCode::INTERNAL_SERVER_ERROR, "lockllm_scan_error", "scan_failed", &message, id);
            return told.with(X_SHOULD_RETRY, "false");
        }
    };
    told.with(X_LOCKLLM_BLOCKED, "true").with(X_SHOULD_RETRY, "false")
}

fn of_forward(error: &ForwardError, id: &str) -> Told {
    let (status, message) = match error {
        ForwardError::Settings => {
            let message = "The provider's base URL and key make no valid request; check its settings".to_owned();
            (StatusCode::BAD_GATEWAY, message)
        }
        ForwardError::Unreachable(_) => (StatusCode::BAD_GATEWAY, "The provider could not be reached".to_owned()),
        ForwardError::TooSlow(limit) => {
            let message = format!("The provider did not answer within {} s", limit.as_secs_f64());
            (StatusCode::GATEWAY_TIMEOUT, message)
        }
        ForwardError::BrokenOff(error) => (StatusCode::BAD_GATEWAY, ForwardError::broken_off(error)),
    };
    envelope(status, "upstream_error", "provider_error", &message, id)
}

/// Only what cannot be passed on as it came: a rejected key.
fn of_upstream(refusal: &UpstreamRefusal, id: &str) -> Told {
    let UpstreamRefusal { status, headers: _, error: _, model: _ } = refusal;
    let message = match status.as_u16() {
        401 | 403 => "The provider rejected the API key that is configured for it".to_owned(),
        other => format!("The provider answered {other}"),
    };
    envelope(StatusCode::BAD_GATEWAY, "upstream_error", "provider_error", &message, id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;
    use wardbell_core::abuse::Abuse;
    use wardbell_core::verdict::DetectionFailure;

    #[track_caller]
    fn check(refused: &Refused, status: u16, kind: &str, code: &str, more: &[&str]) {
        let told = told(refused, None, "req_1");
        let error: &Map<String, Value> = told.body["error"].as_object().unwrap();
        assert_eq!((told.status.as_u16(), &error["type"], &error["code"]), (status, &json!(kind), &json!(code)));
        assert_eq!(error["request_id"], "req_1");
        assert!(more.iter().all(|name| error.contains_key(*name)), "{error:?}");
        assert_eq!(error.len(), 4 + more.len());
    }

    #[test]
    fn every_refusal_has_its_code_and_its_particulars() {
        check(&Refused::WrongKey, 401, "authentication_error", "unauthorized", &[]);
        check(
            &Refused::TooFast { retry_after: std::time::Duration::ZERO },
            429,
            "rate_limit_error",
            "rate_limited",
            &[],
        );
        let no_key = Refused::Provider(NoProvider::NoKey { provider: "openai".to_owned() });
        check(&no_key, 400, "configuration_error", "no_upstream_key", &[]);
        let guard = |refusal| Refused::Guard(refusal);
        check(
            &guard(Refusal::Content(Vec::new())),
            403,
            "lockllm_policy_error",
            "policy_violation",
            &["violated_policies"],
        );
        check(&guard(Refusal::Pii(Vec::new())), 403, "lockllm_pii_error", "pii_detected", &["pii_details"]);
        check(
            &guard(Refusal::Abuse(Abuse::default())),
            400,
            "lockllm_abuse_error",
            "abuse_detected",
            &["abuse_details"],
        );
        let failed = guard(Refusal::FailedClosed(DetectionFailure::TimedOut));
        check(&failed, 500, "lockllm_scan_error", "scan_failed", &[]);
    }
}
