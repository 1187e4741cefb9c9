//! Findings and a policy in, one verdict out.
//!
//! Order: a failed detector first; then a prompt injection under `block`, which stops a request even where personal data
//! would only be cut out (AISG's rule, `spec/wire-aisg.md` 1.6); then a text that the model did not read in full, where the
//! policy is closed; then content policies and abuse; then personal data and
//! secrets (LockLLM's order, `spec/wire-lockllm.md` 2.5).

use wardbell_core::abuse::Abuse;
use wardbell_core::content::BrokenPolicy;
use wardbell_core::finding::{Finding, Located};
use wardbell_core::policy::{DlpMode, FailMode, InjectionMode, WarnOrBlock};
use wardbell_core::verdict::{Allowed, DetectionFailure, Redaction, Refusal, Verdict};

use crate::policy::rules::Rules;

/// What was seen beside findings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beside {
    /// Content policies that a text broke.
    pub broken: Vec<BrokenPolicy>,
    /// Abuse, where it was looked for.
    pub abuse: Option<Abuse>,
    /// Why the injection model did not read everything, if it did not. What was found stands.
    pub unread: Option<DetectionFailure>,
}

/// Decides about a request. `observed` is what the detectors saw, or why they did not finish. Findings that the rules do
/// not count appear nowhere in the verdict.
pub fn decide(observed: Result<Vec<Located>, DetectionFailure>, beside: &Beside, rules: &Rules<'_>) -> Verdict {
    let findings = match (observed, rules.fail) {
        (Ok(findings), _) => findings,
        (Err(failure), FailMode::Open) => return Verdict::Allow(Allowed::FailedOpen(failure)),
        (Err(failure), FailMode::Closed) => return Verdict::Block(Refusal::FailedClosed(failure)),
    };
    let counted: Vec<_> = findings.into_iter().filter(|located| counts(located, rules)).collect();
    let has_injection = counted.iter().any(is_injection);
    let has_data = counted.iter().any(|located| !is_injection(located));
    if has_injection && rules.injection == InjectionMode::Block {
        return Verdict::Block(Refusal::Injection(counted));
    }
    if let Some(failure) = unread(beside, rules)
        && !has_injection
        && rules.fail_of(failure) == FailMode::Closed
    {
        return Verdict::Block(Refusal::FailedClosed(failure));
    }
    if !beside.broken.is_empty() && rules.content == Some(WarnOrBlock::Block) {
        return Verdict::Block(Refusal::Content(beside.broken.clone()));
    }
    if let (Some(abuse), Some(WarnOrBlock::Block)) = (beside.abuse, rules.abuse)
        && abuse.is_detected()
    {
        return Verdict::Block(Refusal::Abuse(abuse));
    }
    match (has_injection, has_data) {
        (false, false) => Verdict::Allow(unread(beside, rules).map_or(Allowed::Clean, Allowed::Partial)),
        (true, false) => Verdict::Allow(Allowed::Observed(counted)),
        (_, true) => match rules.dlp {
            DlpMode::Block => Verdict::Block(Refusal::Pii(counted)),
            DlpMode::Redact => {
                let (observed, cut) = counted.into_iter().partition(is_injection);
                Verdict::Redact(Redaction { cut, observed })
            }
            DlpMode::Detect | DlpMode::Off => Verdict::Allow(Allowed::Observed(counted)),
        },
    }
}

/// Why the injection model did not read everything, where anybody wants it to read.
fn unread(beside: &Beside, rules: &Rules<'_>) -> Option<DetectionFailure> {
    beside.unread.filter(|_| rules.injection != InjectionMode::Off)
}

fn is_injection(located: &Located) -> bool {
    located.finding.entity.is_injection()
}

/// Whether the rules count a finding: its type is wanted, its score is high enough for where it stands, and its kind is
/// looked for at all.
pub fn counts(located: &Located, rules: &Rules<'_>) -> bool {
    let finding = &located.finding;
    if finding.entity.is_injection() {
        let level = rules.level(located.origin);
        rules.injection != InjectionMode::Off && level.is_some_and(|level| finding.score >= level.threshold())
    } else {
        rules.dlp != DlpMode::Off && is_wanted(finding, rules)
    }
}

/// Whether a finding of data has a type and a score that count, whatever is done about it.
pub fn is_wanted(finding: &Finding, rules: &Rules<'_>) -> bool {
    let wanted = rules.entities.is_none_or(|wanted| wanted.contains(&finding.entity));
    !finding.entity.is_injection() && wanted && finding.score >= rules.threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::content::BrokenBy;
    use wardbell_core::entity::EntityType::{self, CreditCard, EmailAddress, PromptInjection};
    use wardbell_core::origin::Origin;
    use wardbell_core::policy::{OriginLevel, Policy, Sensitivity};

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
        let verdict = decide(Ok(findings), &Beside::default(), &Rules::gateway(&policy(dlp, injection)));
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
        let verdict =
            decide(Ok(findings), &Beside::default(), &Rules::gateway(&policy(DlpMode::Redact, InjectionMode::Warn)));
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
        let verdict = decide(Ok(vec![found(CreditCard, 1.0)]), &Beside::default(), &Rules::gateway(&only_mail));
        assert_eq!(verdict, Verdict::Allow(Allowed::Clean));
    }

    #[test]
    fn more_sensitivity_never_finds_less() {
        for score in [0.5, 0.85, 0.9] {
            let blocked = [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High].map(|sensitivity| {
                let mut policy = Policy::default();
                policy.injection.sensitivity = sensitivity;
                let verdict =
                    decide(Ok(vec![found(PromptInjection, score)]), &Beside::default(), &Rules::gateway(&policy));
                matches!(verdict, Verdict::Block(_))
            });
            assert!(blocked.is_sorted(), "{score}: {blocked:?}");
        }
    }

    #[test]
    fn a_broken_guard_has_not_said_yes() {
        let failure = DetectionFailure::Panicked;
        let mut policy = Policy::default();
        let decided = |policy: &Policy| decide(Err(failure), &Beside::default(), &Rules::gateway(policy));
        assert_eq!(decided(&policy), Verdict::Block(Refusal::FailedClosed(failure)));
        policy.fail.gateway = FailMode::Open;
        assert_eq!(decided(&policy), Verdict::Allow(Allowed::FailedOpen(failure)));
    }

    #[test]
    fn what_the_model_did_not_read_is_the_policys_matter_and_what_was_found_stands() {
        let beside = |failure| Beside { unread: Some(failure), ..Beside::default() };
        let (long, busy) = (DetectionFailure::TooLong, DetectionFailure::Overloaded);
        let word = |found: &[Located], failure, policy: &Policy| {
            decide(Ok(found.to_vec()), &beside(failure), &Rules::gateway(policy)).word()
        };
        let mut policy = policy(DlpMode::Redact, InjectionMode::Block);
        assert_eq!(word(&[], long, &policy), "partial_scan", "a long text goes on unless the policy says otherwise");
        assert_eq!(word(&[], busy, &policy), "failed_closed", "an overload is a failure like any other");
        assert_eq!(word(&[found(CreditCard, 1.0)], long, &policy), "redact");
        assert_eq!(word(&[found(PromptInjection, 0.9)], long, &policy), "block_injection");
        policy.injection.partial = FailMode::Closed;
        policy.fail.gateway = FailMode::Open;
        assert_eq!(word(&[], long, &policy), "failed_closed");
        assert_eq!(word(&[], busy, &policy), "partial_scan");
        policy.injection.action = InjectionMode::Off;
        assert_eq!(word(&[], long, &policy), "allow", "nobody wanted it read");
    }

    #[test]
    fn where_a_text_comes_from_decides_whether_its_injection_counts() {
        let at = |origin, score| {
            let located = Located { origin, ..found(PromptInjection, score) };
            counts(&located, &Rules::gateway(&Policy::default()))
        };
        assert!(!at(Origin::System, 1.0), "the application may give orders");
        assert!(at(Origin::User, 0.85) && !at(Origin::User, 0.6));
        assert!(at(Origin::ToolResult, 0.85) && at(Origin::Document, 0.85), "third parties may not");
        assert!(!at(Origin::ToolResult, 0.6), "what one harmless page in twenty reaches stops no agent by default");
        let mut policy = Policy::default();
        policy.injection.origins.insert(Origin::System, OriginLevel::Low);
        policy.injection.origins.insert(Origin::ToolResult, OriginLevel::Off);
        let rules = Rules::gateway(&policy);
        let located = |origin, score| Located { origin, ..found(PromptInjection, score) };
        assert!(counts(&located(Origin::System, 0.9), &rules) && !counts(&located(Origin::System, 0.85), &rules));
        assert!(!counts(&located(Origin::ToolResult, 1.0), &rules));
    }

    #[test]
    fn what_stops_first_is_injection_then_content_then_abuse_then_data() {
        let broken = BrokenPolicy {
            name: "no mergers".to_owned(),
            description: String::new(),
            by: BrokenBy::Word,
            confidence: 1.0,
        };
        let abuse = Some(Abuse { bot: 1.0, ..Abuse::default() });
        let all = Beside { broken: vec![broken], abuse, unread: None };
        let mut policy = policy(DlpMode::Block, InjectionMode::Block);
        policy.content_action = WarnOrBlock::Block;
        policy.abuse = Some(WarnOrBlock::Block);
        let word = |findings: &[Located], beside: &Beside, policy: &Policy| {
            decide(Ok(findings.to_vec()), beside, &Rules::gateway(policy)).word()
        };
        let both = [found(CreditCard, 1.0), found(PromptInjection, 0.9)];
        assert_eq!(word(&both, &all, &policy), "block_injection");
        assert_eq!(word(&both[..1], &all, &policy), "block_content");
        assert_eq!(word(&both[..1], &Beside { broken: Vec::new(), ..all.clone() }, &policy), "block_abuse");
        assert_eq!(word(&both[..1], &Beside::default(), &policy), "block_pii");
        policy.content_action = WarnOrBlock::Warn;
        policy.abuse = Some(WarnOrBlock::Warn);
        assert_eq!(word(&[], &all, &policy), "allow", "a warning stops nothing");
    }
}
