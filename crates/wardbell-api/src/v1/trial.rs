//! Trying out a text or a chat body: what is found in it, what the project's policy would do, and which alerts it would
//! raise, in every form.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use wardbell_core::alert::Alert;
use wardbell_core::content::BrokenBy;
use wardbell_core::finding::Located;
use wardbell_core::format::Format;
use wardbell_core::id::DeliveryId;
use wardbell_detect::registry;
use wardbell_render::{Notice, Wish};
use wardbell_telemetry::ambient;

use super::Answer;
use super::list;
use super::openapi::{BodyRefusals, Refusals};
use crate::error::{Fault, FieldError};
use crate::extract::{Body, InProject};
use crate::{Shared, TrialAsk, TrialSeen, TrialText};

/// Where a body goes unless the caller says.
const PATH_DEFAULT: &str = "chat/completions";

/// The model that a text alone is for.
const MODEL_SHOWN: &str = "example-model";

/// What stands for PagerDuty's integration key, which each webhook has for itself.
const ROUTING_KEY_SHOWN: &str = "INTEGRATION-KEY-OF-YOUR-PAGERDUTY";

/// What to try out: a text, or a whole body.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `try_out` reads it")]
pub(crate) struct TrialBody {
    /// A text alone.
    text: Option<String>,
    /// Who says `text`: the user, or a tool that gives it as its result.
    #[schema(pattern = "^(user|tool_result)$", default = "user")]
    origin: Option<String>,
    /// The body of a call, in place of `text`.
    body: Option<Value>,
    /// The path that the body would be sent to, which says how it is read: `chat/completions` (the default), `messages`,
    /// `responses`, `embeddings` and others.
    path: Option<String>,
    /// The surface that it would come on.
    #[schema(pattern = "^(gateway|proxy)$", default = "gateway")]
    surface: Option<String>,
}

/// What would come of it. Nothing is forwarded, recorded or told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialAnswer {
    /// The verdict, as activity rows tell it.
    #[schema(example = "redact")]
    verdict: &'static str,
    /// Why the detectors did not finish, if they did not.
    failure: Option<String>,
    /// The texts of the body, in order.
    texts: Vec<TextAnswer>,
    /// What was found.
    findings: Vec<FindingAnswer>,
    /// How likely the text is an injection.
    injection: InjectionTold,
    /// The content policies that it breaks.
    policies: Vec<PolicyTold>,
    /// How abusive it is, from 0 to 1; null where that is not looked at.
    abuse: Option<f64>,
    /// The alerts that it would raise.
    alerts: Vec<AlertTold>,
    /// Time in detectors, in milliseconds.
    detect_ms: f64,
}

/// A text of the body.
#[derive(Debug, Serialize, ToSchema)]
struct TextAnswer {
    /// Whose it is.
    #[schema(example = "user")]
    origin: &'static str,
    /// The text.
    text: String,
    /// The text as it would go on, if something would be cut out of it.
    redacted: Option<String>,
}

/// Something that was found.
#[derive(Debug, Serialize, ToSchema)]
struct FindingAnswer {
    /// In which of the texts, from 0.
    text: usize,
    /// The entity type.
    #[schema(example = "CREDIT_CARD")]
    r#type: &'static str,
    /// Where it starts, in Unicode scalar values.
    start: usize,
    /// Where it ends.
    end: usize,
    /// How sure the rule is, from 0 to 1.
    score: f64,
    /// The rule that found it.
    #[schema(example = "pii.credit-card")]
    rule: &'static str,
    /// What the rule finds.
    explanation: &'static str,
    /// Whether the policy counts it.
    counts: bool,
}

/// How likely the text is an injection, and what explains it.
#[derive(Debug, Serialize, ToSchema)]
struct InjectionTold {
    /// From 0 to 1: the highest score of a finding.
    score: f64,
    /// From which score a text of the user counts; null where it is not looked at.
    threshold: Option<f64>,
}

/// A content policy that was broken.
#[derive(Debug, Serialize, ToSchema)]
struct PolicyTold {
    /// Its name.
    name: String,
    /// By what: `pattern`, `word` or `example`.
    by: &'static str,
    /// How sure that is, from 0 to 1.
    confidence: f64,
}

/// An alert that would be raised.
#[derive(Debug, Serialize, ToSchema)]
struct AlertTold {
    /// What happened.
    kind: &'static str,
    /// How urgent it is.
    severity: &'static str,
    /// The body in every form that a webhook can have.
    forms: Vec<FormTold>,
}

/// The body of a delivery in one form.
#[derive(Debug, Serialize, ToSchema)]
struct FormTold {
    /// The form.
    #[schema(example = "slack")]
    format: &'static str,
    /// Its `Content-Type`.
    content_type: String,
    /// The bytes that would be sent, as text.
    body: String,
}

/// Tries out a text or a body: by the code that decides about real requests, without forwarding, recording or telling.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/try", tag = "projects", operation_id = "try_out",
    params(("project" = String, Path, description = "The project's id")), request_body = TrialBody,
    responses((status = 200, description = "What would come of it", body = TrialAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn try_out(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut fields): Body,
) -> Answer<TrialAnswer> {
    let text = fields.text("text")?;
    let body = fields.value("body");
    let origin = fields.word("origin", &["user", "tool_result"], |word| word)?;
    let path = fields.text("path")?.unwrap_or_else(|| PATH_DEFAULT.to_owned());
    let surface = fields.word("surface", &["gateway", "proxy"], |word| word)?.unwrap_or("gateway");
    let body = match (text, body) {
        (Some(text), None) => {
            let role = if origin == Some("tool_result") { "tool" } else { "user" };
            json!({"model": MODEL_SHOWN, "messages": [{"role": role, "content": text}]})
        }
        (None, Some(_)) if origin.is_some() => {
            return Err(fields.invalid("origin", "cannot be given with `body`, which says who speaks").into());
        }
        (None, Some(body)) => body,
        (Some(_), Some(_)) => return Err(fields.invalid("body", "cannot be given with `text`").into()),
        (None, None) => return Err(fields.fault("text", Fault::Missing).into()),
    };
    fields.finish()?;
    let view = api.state.directory.current().projects.get(&project).cloned();
    let view = view.ok_or(crate::error::ApiError::NotFound("project"))?;
    let ask = TrialAsk { body: body.to_string(), path, is_proxied: surface == "proxy" };
    let seen = api.state.probes.try_out(&view, ask).await;
    let seen = seen.map_err(|wrong| FieldError::invalid("body", format!("cannot be read: {wrong}")))?;
    Ok(Json(told(seen)))
}

fn told(seen: TrialSeen) -> TrialAnswer {
    let TrialSeen {
        verdict,
        failure,
        texts,
        findings,
        injection_score,
        injection_threshold,
        broken,
        abuse,
        alerts,
        detect_latency,
    } = seen;
    TrialAnswer {
        verdict,
        failure,
        texts: texts
            .into_iter()
            .map(|TrialText { origin, text, redacted }| TextAnswer { origin: origin.as_str(), text, redacted })
            .collect(),
        findings: findings.into_iter().map(finding).collect(),
        injection: InjectionTold { score: rounded(injection_score), threshold: injection_threshold.map(rounded) },
        policies: broken
            .into_iter()
            .map(|policy| PolicyTold {
                name: policy.name,
                by: match policy.by {
                    BrokenBy::Pattern => "pattern",
                    BrokenBy::Word => "word",
                    BrokenBy::Example => "example",
                },
                confidence: rounded(policy.confidence),
            })
            .collect(),
        abuse: abuse.map(|abuse| rounded(abuse.confidence())),
        alerts: alerts.iter().map(alert).collect(),
        detect_ms: list::millis(detect_latency),
    }
}

fn finding((located, counts): (Located, bool)) -> FindingAnswer {
    let rule = located.finding.rule;
    FindingAnswer {
        text: located.segment,
        r#type: located.finding.entity.as_str(),
        start: located.characters.start,
        end: located.characters.end,
        score: rounded(located.finding.score),
        rule,
        explanation: registry::doc(rule).unwrap_or_default(),
        counts,
    }
}

fn alert(alert: &Alert) -> AlertTold {
    let id = DeliveryId::mint(alert.at, ambient::entropy()).webhook_id();
    let to = ["you@example.com".to_owned()];
    let forms = Format::ALL.iter().filter_map(|format| {
        let wish = Wish {
            custom_message: None,
            include_preview: true,
            routing_key: Some(ROUTING_KEY_SHOWN),
            mail_from: Some("wardbell@example.com"),
            mail_to: &to,
            is_plain: false,
        };
        let rendered = wardbell_render::render(*format, &Notice { id, alert, fold: None, wish }).ok()?;
        Some(FormTold {
            format: format.as_str(),
            content_type: rendered.content_type.to_owned(),
            body: String::from_utf8_lossy(&rendered.body).into_owned(),
        })
    });
    AlertTold { kind: alert.kind.as_str(), severity: alert.kind.severity().as_str(), forms: forms.collect() }
}

/// A score with two decimals, as all answers tell them.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 100.0).round() / 100.0
}
