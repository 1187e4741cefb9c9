//! Trying out: what a project's policy would do about a body, by the code that decides about real ones. Nothing is
//! forwarded, recorded or told.

use std::sync::Arc;

use bytes::Bytes;
use wardbell_core::abuse::Abuse;
use wardbell_core::alert::Alert;
use wardbell_core::content::BrokenPolicy;
use wardbell_core::finding::Located;
use wardbell_core::origin::Origin;
use wardbell_core::policy::InjectionMode;
use wardbell_core::verdict::{DetectionFailure, Verdict};
use wardbell_guard::policy::decide::{Beside, counts, decide};
use wardbell_guard::policy::rules::Rules;
use wardbell_guard::wishes::Wishes;
use wardbell_llm::dialect;
use wardbell_llm::edit::{Edit, splice};
use wardbell_llm::request::{self, Limits as ReadLimits, RequestError};
use wardbell_store::directory::ProjectView;
use wardbell_telemetry::ambient;

use crate::cause::{Cause, injection_score};
use crate::edge::Edge;
use crate::eyes::Eyes;
use crate::gateway::Gateway;
use crate::injection::{Sent, Watch};
use crate::inspect::{Reading, inspect};
use crate::pipeline::placeholder;

/// What is tried out.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The body of a call.
    pub body: Bytes,
    /// The path that it would be sent to, such as `chat/completions`: it says how the body is read.
    pub path: String,
    /// Whether it would come on the scan and proxy surface.
    pub is_proxied: bool,
}

/// What would come of it.
#[derive(Debug, Clone)]
pub struct TrialOutcome {
    /// The texts of the body, in order.
    pub texts: Vec<TrialText>,
    /// What was found, and whether the policy counts it.
    pub findings: Vec<(Located, bool)>,
    /// The verdict's word.
    pub verdict: &'static str,
    /// Why the detectors did not finish, if they did not.
    pub failure: Option<DetectionFailure>,
    /// The highest injection score, from 0 to 1, counted or not.
    pub injection_score: f32,
    /// From which score a text counts as an injection, of the first speaker who is a user or a third party; `None` where they are not
    /// looked for there.
    pub injection_threshold: Option<f32>,
    /// Content policies that were broken.
    pub broken: Vec<BrokenPolicy>,
    /// Abuse, where it is looked for.
    pub abuse: Option<Abuse>,
    /// The alerts that it would raise.
    pub alerts: Vec<Alert>,
    /// Time in detectors.
    pub detect_latency: std::time::Duration,
}

/// A text of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialText {
    /// Whose it is.
    pub origin: Origin,
    /// The text as it came.
    pub text: String,
    /// The text as it would go on, if it would go on changed.
    pub redacted: Option<String>,
}

/// Tries out what a project's policy would do.
///
/// # Errors
/// When the body is not one of its dialect.
pub async fn try_out(
    gateway: &Gateway,
    project: &Arc<ProjectView>,
    trial: &Trial,
) -> Result<TrialOutcome, RequestError> {
    let policy = &project.project.policy;
    let wishes = Wishes::default();
    let (rules, edge) = if trial.is_proxied {
        (Rules::proxy(policy, &wishes), Edge::Proxy)
    } else {
        (Rules::gateway(policy), Edge::Gateway)
    };
    let limits = ReadLimits { depth_max: gateway.limits.depth_max, messages_max: gateway.limits.messages_max };
    let call = dialect::call(&trial.path);
    let reading = Reading { call: call.clone(), limits: limits.clone(), preview: true };
    let (content, unready) = match rules.content.map(|_| gateway.contents.of(&project.project)) {
        None => (None, None),
        Some(Ok(content)) => (content, None),
        Some(Err(failure)) => (None, Some(failure)),
    };
    let watch = Some(Watch::new(gateway, project, &rules, Sent::InRequest));
    let eyes = Eyes { engine: gateway.engine.clone(), content, abuse: rules.abuse.is_some(), watch };
    let mut seen = inspect(&eyes, &trial.body, &reading, gateway.limits.detect_time_max).await?;
    if let Some(failure) = unready {
        seen.observed = Err(failure);
    }
    let nothing = Beside::default();
    let beside = seen.observed.as_ref().map_or(&nothing, |observed| &observed.beside);
    let failure = seen.observed.as_ref().err().copied();
    let located: Vec<Located> = seen.observed.as_ref().map_or_else(
        |_| Vec::new(),
        |observed| observed.sightings.iter().map(|sighting| sighting.located.clone()).collect(),
    );
    let verdict = decide(failure.map_or_else(|| Ok(located.clone()), Err), beside, &rules);
    let model = seen.model.as_ref().map(|model| model.name.clone()).unwrap_or_default();
    let injection = injection_score(&located.iter().collect::<Vec<_>>());
    let cause = Cause {
        project: project.project.id,
        request_id: "trial".to_owned(),
        at: ambient::now(),
        model: &model,
        key: None,
        user: None,
        injection,
        sensitivity: rules.sensitivity,
        preview: seen.preview.as_deref(),
        fingerprint: seen.observed.as_ref().ok().and_then(|observed| observed.fingerprint.as_deref()),
    };
    let cut = match &verdict {
        Verdict::Redact(redaction) => redaction.cut.as_slice(),
        Verdict::Allow(_) | Verdict::Block(_) => &[],
    };
    let request = request::read_call(&call, &trial.body, &limits)?;
    let mut origins = request.segments.iter().map(|segment| segment.origin);
    let speaker = origins.find(|origin| *origin == Origin::User || origin.is_third_party()).unwrap_or(Origin::User);
    let texts = request.segments.iter().enumerate().map(|(index, segment)| TrialText {
        origin: segment.origin,
        text: segment.text.to_string(),
        redacted: redacted(&segment.text, index, cut, edge),
    });
    Ok(TrialOutcome {
        texts: texts.collect(),
        findings: located.iter().map(|located| (located.clone(), counts(located, &rules))).collect(),
        verdict: verdict.word(),
        failure,
        injection_score: injection,
        injection_threshold: rules
            .level(speaker)
            .filter(|_| rules.injection != InjectionMode::Off)
            .map(wardbell_core::policy::Sensitivity::threshold),
        broken: beside.broken.clone(),
        abuse: beside.abuse,
        alerts: cause.alerts_of(&verdict, beside),
        detect_latency: seen.detect_latency,
    })
}

/// A text without what is cut out of it; `None` where nothing is.
fn redacted(text: &str, segment: usize, cut: &[Located], edge: Edge) -> Option<String> {
    let edits: Vec<_> = cut
        .iter()
        .filter(|located| located.segment == segment)
        .map(|located| Edit { range: located.finding.span.clone(), with: placeholder(located, edge).to_owned() })
        .collect();
    // Spans lie on character boundaries, so the pieces are whole.
    (!edits.is_empty()).then(|| String::from_utf8_lossy(&splice(text.as_bytes(), &edits)).into_owned())
}
