//! What raises alerts: who asked for what, and what was seen. It makes the alerts of a verdict, for requests on their way
//! and for those that are only tried out.

use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, DlpData, Source};
use wardbell_core::content::BrokenPolicy;
use wardbell_core::finding::Located;
use wardbell_core::id::{AlertId, KeyId, ProjectId};
use wardbell_core::policy::Sensitivity;
use wardbell_core::time::Timestamp;
use wardbell_core::verdict::{Allowed, Redaction, Refusal, Verdict};
use wardbell_guard::policy::decide::Beside;
use wardbell_telemetry::ambient;

use crate::flight::{count, entity_types};

/// Who asked for what, and what was seen.
pub(crate) struct Cause<'c> {
    pub(crate) project: ProjectId,
    /// The request's id as receivers see it.
    pub(crate) request_id: String,
    pub(crate) at: Timestamp,
    pub(crate) model: &'c str,
    pub(crate) key: Option<KeyId>,
    pub(crate) user: Option<&'c str>,
    /// The highest injection score.
    pub(crate) injection: f32,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) preview: Option<&'c str>,
    /// The fingerprint of the text that holds an injection.
    pub(crate) fingerprint: Option<&'c str>,
}

impl Cause<'_> {
    /// The alerts of a verdict.
    pub(crate) fn alerts_of(&self, verdict: &Verdict, beside: &Beside) -> Vec<Alert> {
        let mut alerts = match verdict {
            Verdict::Allow(Allowed::Clean | Allowed::FailedOpen(_) | Allowed::Partial(_))
            | Verdict::Block(Refusal::FailedClosed(_) | Refusal::Abuse(_)) => Vec::new(),
            Verdict::Allow(Allowed::Observed(found)) => self.tolerated_injection(found),
            Verdict::Redact(Redaction { cut, observed }) => {
                let mut alerts = vec![self.alert(AlertKind::PiiRedacted, cut, DlpAction::Redact)];
                alerts.extend(self.tolerated_injection(observed));
                alerts
            }
            Verdict::Block(Refusal::Pii(found)) => {
                vec![self.alert(AlertKind::PiiBlocked, found, DlpAction::Block)]
            }
            Verdict::Block(Refusal::Injection(found)) => {
                vec![self.alert(AlertKind::InjectionBlocked, found, DlpAction::Block)]
            }
            Verdict::Block(Refusal::Content(broken)) => return vec![self.content_alert(broken, DlpAction::Block)],
        };
        if !beside.broken.is_empty() {
            alerts.push(self.content_alert(&beside.broken, DlpAction::Detect));
        }
        alerts
    }

    fn content_alert(&self, broken: &[BrokenPolicy], action: DlpAction) -> Alert {
        let mut alert = self.alert(AlertKind::ContentViolated, &[], action);
        if let AlertData::Dlp(data) = &mut alert.data {
            data.violation_count = count(broken.len());
            data.policies = broken.iter().map(|policy| policy.name.clone()).collect();
        }
        alert
    }

    fn tolerated_injection(&self, found: &[Located]) -> Vec<Alert> {
        if found.iter().any(|located| located.finding.entity.is_injection()) {
            vec![self.alert(AlertKind::InjectionDetected, found, DlpAction::Detect)]
        } else {
            Vec::new()
        }
    }

    /// One alert about findings.
    pub(crate) fn alert(&self, kind: AlertKind, found: &[Located], action: DlpAction) -> Alert {
        let entity_types = entity_types(found);
        Alert {
            id: AlertId::mint(self.at, ambient::entropy()),
            project: self.project,
            request_id: self.request_id.clone(),
            at: self.at,
            kind,
            data: AlertData::Dlp(DlpData {
                has_injection: entity_types.iter().any(|entity| entity.is_injection()),
                entity_types,
                violation_count: count(found.len()),
                model: self.model.to_owned(),
                action,
                policies: Vec::new(),
            }),
            source: Source {
                key: self.key,
                user: self.user.map(str::to_owned),
                injection: Some(self.injection),
                sensitivity: Some(self.sensitivity),
                rule: surest_injection(found).map(str::to_owned),
                fingerprint: self.fingerprint.filter(|_| kind.is_injection()).map(str::to_owned),
            },
            preview: self.preview.map(str::to_owned),
            is_test: false,
        }
    }
}

/// The highest injection score among findings; 0 if none is one.
pub(crate) fn injection_score(findings: &[&Located]) -> f32 {
    let injections = findings.iter().filter(|located| located.finding.entity.is_injection());
    injections.map(|located| located.finding.score).fold(0.0, f32::max)
}

/// The rule of the injection with the highest score.
fn surest_injection(found: &[Located]) -> Option<&'static str> {
    let injections = found.iter().map(|located| &located.finding).filter(|finding| finding.entity.is_injection());
    // Of equals the first.
    injections.reduce(|best, next| if next.score > best.score { next } else { best }).map(|finding| finding.rule)
}
