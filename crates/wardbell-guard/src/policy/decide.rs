//! Findings and a policy in, one verdict out.
//!
//! Order: a failed detector first; then a prompt injection under `block`, which stops a request even where personal data
//! would only be cut out (AISG's rule, `spec/wire-aisg.md` 1.6); then personal data and secrets.

use wardbell_core::finding::Located;
use wardbell_core::policy::{DlpMode, DlpPolicy, FailMode, InjectionMode, Policy};
use wardbell_core::verdict::{Allowed, DetectionFailure, Redaction, Refusal, Verdict};

/// Decides about a request. `observed` is what the detectors saw, or why they did not finish; `fail` is the fail mode of
/// the surface that took the request. Findings that the policy does not count appear nowhere in the verdict.
pub fn decide(observed: Result<Vec<Located>, DetectionFailure>, policy: &Policy, fail: FailMode) -> Verdict {
    let findings = match (observed, fail) {
        (Ok(findings), _) => findings,
        (Err(failure), FailMode::Open) => return Verdict::Allow(Allowed::FailedOpen(failure)),
        (Err(failure), FailMode::Closed) => return Verdict::Block(Refusal::FailedClosed(failure)),
    };
    let counted: Vec<_> = findings.into_iter().filter(|located| counts(located, policy)).collect();
    let has_injection = counted.iter().any(is_injection);
    let has_data = counted.iter().any(|located| !is_injection(located));
    match (has_injection, has_data) {
        (false, false) => Verdict::Allow(Allowed::Clean),
        (true, _) if policy.injection.action == InjectionMode::Block => Verdict::Block(Refusal::Injection(counted)),
        (true, false) => Verdict::Allow(Allowed::Observed(counted)),
        (_, true) => match policy.dlp.action {
            DlpMode::Block => Verdict::Block(Refusal::Pii(counted)),
            DlpMode::Redact => {
                let (observed, cut) = counted.into_iter().partition(is_injection);
                Verdict::Redact(Redaction { cut, observed })
            }
            DlpMode::Detect | DlpMode::Off => Verdict::Allow(Allowed::Observed(counted)),
        },
    }
}

fn is_injection(located: &Located) -> bool {
    located.finding.entity.is_injection()
}

/// Whether the policy counts a finding: its type is wanted, its score is high enough, and its kind is looked for at all.
pub fn counts(located: &Located, policy: &Policy) -> bool {
    let finding = &located.finding;
    if finding.entity.is_injection() {
        let level = policy.injection.level(located.origin);
        policy.injection.action != InjectionMode::Off && level.is_some_and(|level| finding.score >= level.threshold())
    } else {
        let DlpPolicy { action, entities, threshold } = &policy.dlp;
        let wanted = entities.as_ref().is_none_or(|wanted| wanted.contains(&finding.entity));
        *action != DlpMode::Off && wanted && finding.score >= *threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::entity::EntityType::{self, CreditCard, EmailAddress, PromptInjection};
    use wardbell_core::finding::Finding;
    use wardbell_core::origin::Origin;
    use wardbell_core::policy::Sensitivity;

    fn found(entity: EntityType, score: f32) -> Located {
        let finding = Finding { entity, rule: "test", span: 0..4, score };
        Located { segment: 0, origin: Origin::User, finding, characters: 0..4 }
    }

    fn policy(dlp: DlpMode, injection: InjectionMode) -> Policy {
        let mut policy = Policy::default();
        policy.dlp.action = dlp;
        policy.injection.action = injection;
        policy
    }

    #[track_caller]
    fn check(dlp: DlpMode, injection: InjectionMode, findings: &[(EntityType, f32)], word: &str, count: usize) {
        let findings = findings.iter().map(|&(entity, score)| found(entity, score)).collect();
        let verdict = decide(Ok(findings), &policy(dlp, injection), FailMode::Closed);
        assert_eq!((verdict.word(), verdict.findings().len()), (word, count));
    }

    #[test]
    fn the_policy_chooses_what_is_done_about_data() {
        let card = &[(CreditCard, 1.0)];
        check(DlpMode::Redact, InjectionMode::Block, card, "redact", 1);
        check(DlpMode::Block, InjectionMode::Block, card, "block_pii", 1);
        check(DlpMode::Detect, InjectionMode::Block, card, "observe", 1);
        check(DlpMode::Off, InjectionMode::Block, card, "allow", 0);
        check(DlpMode::Block, InjectionMode::Block, &[], "allow", 0);
    }

    #[test]
    fn an_injection_blocks_whatever_happens_about_data_unless_the_policy_says_otherwise() {
        let both = &[(CreditCard, 1.0), (PromptInjection, 0.9)];
        for dlp in [DlpMode::Redact, DlpMode::Block, DlpMode::Detect] {
            check(dlp, InjectionMode::Block, both, "block_injection", 2);
        }
        check(DlpMode::Off, InjectionMode::Block, both, "block_injection", 1);
        check(DlpMode::Redact, InjectionMode::Warn, both, "redact", 2);
        check(DlpMode::Block, InjectionMode::Warn, both, "block_pii", 2);
        check(DlpMode::Off, InjectionMode::Warn, both, "observe", 1);
        check(DlpMode::Off, InjectionMode::Off, both, "allow", 0);
    }

    #[test]
    fn a_redaction_cuts_data_and_leaves_a_tolerated_injection_in_place() {
        let findings = vec![found(CreditCard, 1.0), found(PromptInjection, 0.9)];
        let verdict = decide(Ok(findings), &policy(DlpMode::Redact, InjectionMode::Warn), FailMode::Closed);
        let Verdict::Redact(Redaction { cut, observed }) = verdict else { panic!("{verdict:?}") };
        assert_eq!(cut, [found(CreditCard, 1.0)]);
        assert_eq!(observed, [found(PromptInjection, 0.9)]);
    }

    #[test]
    fn scores_and_types_below_the_policy_do_not_count() {
        check(DlpMode::Block, InjectionMode::Block, &[(CreditCard, 0.39)], "allow", 0);
        check(DlpMode::Block, InjectionMode::Block, &[(CreditCard, 0.4)], "block_pii", 1);
        let mut only_mail = policy(DlpMode::Block, InjectionMode::Block);
        only_mail.dlp.entities = Some(vec![EmailAddress]);
        let verdict = decide(Ok(vec![found(CreditCard, 1.0)]), &only_mail, FailMode::Closed);
        assert_eq!(verdict, Verdict::Allow(Allowed::Clean));
    }

    #[test]
    fn more_sensitivity_never_finds_less() {
        for score in [0.5, 0.85, 0.9] {
            let blocked = [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High].map(|sensitivity| {
                let mut policy = Policy::default();
                policy.injection.sensitivity = sensitivity;
                let verdict = decide(Ok(vec![found(PromptInjection, score)]), &policy, FailMode::Closed);
                matches!(verdict, Verdict::Block(_))
            });
            assert!(blocked.is_sorted(), "{score}: {blocked:?}");
        }
    }

    #[test]
    fn a_broken_guard_has_not_said_yes() {
        let failure = DetectionFailure::Panicked;
        let closed = decide(Err(failure), &Policy::default(), FailMode::Closed);
        assert_eq!(closed, Verdict::Block(Refusal::FailedClosed(failure)));
        let open = decide(Err(failure), &Policy::default(), FailMode::Open);
        assert_eq!(open, Verdict::Allow(Allowed::FailedOpen(failure)));
    }
}
