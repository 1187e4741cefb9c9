//! The rules of one request: what the project's policy says, with the caller's wishes over it where the surface takes
//! them (`spec/decisions.md`, One product, two surfaces).

use wardbell_core::entity::EntityType;
use wardbell_core::origin::Origin;
use wardbell_core::policy::{DlpMode, FailMode, InjectionMode, InjectionPolicy, Policy, Sensitivity, WarnOrBlock};
use wardbell_core::verdict::DetectionFailure;

use crate::wishes::{PiiWish, ScanMode, Wishes};

/// What is to be done about what is seen in one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules<'p> {
    /// About personal data and secrets.
    pub dlp: DlpMode,
    /// The types that count; `None` is every type.
    pub entities: Option<&'p [EntityType]>,
    /// The lowest score of data that counts.
    pub threshold: f32,
    /// About prompt injection.
    pub injection: InjectionMode,
    /// How low an injection score counts where an origin says nothing else.
    pub sensitivity: Sensitivity,
    origins: &'p InjectionPolicy,
    /// About content policies; `None` does not look.
    pub content: Option<WarnOrBlock>,
    /// About abuse; `None` does not look.
    pub abuse: Option<WarnOrBlock>,
    /// What happens when a detector fails.
    pub fail: FailMode,
}

impl<'p> Rules<'p> {
    /// The rules of the gateway surface: the project's policy, and nothing else.
    pub fn gateway(policy: &'p Policy) -> Self {
        Self {
            dlp: policy.dlp.action,
            entities: policy.dlp.entities.as_deref(),
            threshold: policy.dlp.threshold,
            injection: policy.injection.action,
            sensitivity: policy.injection.sensitivity,
            origins: &policy.injection,
            content: Some(policy.content_action),
            abuse: policy.abuse,
            fail: policy.fail.gateway,
        }
    }

    /// The rules of the scan and proxy surface: the caller's wishes, and where there are none, what the project says for
    /// this surface.
    pub fn proxy(policy: &'p Policy, wishes: &Wishes) -> Self {
        let (core, content) = match wishes.mode {
            ScanMode::Normal => (true, false),
            ScanMode::PolicyOnly => (false, true),
            ScanMode::Combined => (true, true),
        };
        let injection = match (core, wishes.scan.unwrap_or(policy.proxy.injection)) {
            (false, _) => InjectionMode::Off,
            (true, WarnOrBlock::Warn) => InjectionMode::Warn,
            (true, WarnOrBlock::Block) => InjectionMode::Block,
        };
        let dlp = match wishes.pii {
            Some(PiiWish::Strip) => DlpMode::Redact,
            Some(PiiWish::Block) => DlpMode::Block,
            Some(PiiWish::Warn) => DlpMode::Detect,
            None => policy.proxy.dlp,
        };
        Self {
            dlp,
            injection,
            sensitivity: wishes.sensitivity.unwrap_or(policy.injection.sensitivity),
            content: content.then(|| wishes.policy.unwrap_or(policy.content_action)),
            abuse: wishes.abuse.or(policy.abuse),
            fail: policy.fail.proxy,
            ..Self::gateway(policy)
        }
    }

    /// Whether a request goes on that the model did not read in full, for this reason.
    pub fn fail_of(&self, failure: DetectionFailure) -> FailMode {
        match failure {
            DetectionFailure::TooLong => self.origins.partial,
            DetectionFailure::Panicked
            | DetectionFailure::TimedOut
            | DetectionFailure::Unreadable
            | DetectionFailure::Overloaded => self.fail,
        }
    }

    /// How low an injection score counts in a text of this origin; `None` where injections do not count.
    pub fn level(&self, origin: Origin) -> Option<Sensitivity> {
        self.origins.level_at(origin, self.sensitivity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(headers: &[(&str, &str)]) -> Wishes {
        Wishes::read(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes()))
            .unwrap()
    }

    #[test]
    fn nothing_stops_on_the_proxy_surface_unless_somebody_asks() {
        let strict = Policy::default();
        let rules = Rules::proxy(&strict, &wishes(&[]));
        assert_eq!((rules.injection, rules.dlp, rules.fail), (InjectionMode::Warn, DlpMode::Off, FailMode::Open));
        assert_eq!((rules.content, rules.abuse), (Some(WarnOrBlock::Warn), None));
        let gateway = Rules::gateway(&strict);
        assert_eq!((gateway.injection, gateway.dlp), (InjectionMode::Block, DlpMode::Redact));
    }

    #[test]
    fn a_header_beats_what_the_project_says() {
        let mut policy = Policy::default();
        policy.proxy.injection = WarnOrBlock::Block;
        policy.proxy.dlp = DlpMode::Block;
        let rules = Rules::proxy(&policy, &wishes(&[]));
        assert_eq!((rules.injection, rules.dlp), (InjectionMode::Block, DlpMode::Block));
        let asked = [
            ("x-lockllm-scan-action", "allow_with_warning"),
            ("x-lockllm-pii-action", "strip"),
            ("x-lockllm-abuse-action", "block"),
            ("x-lockllm-sensitivity", "high"),
        ];
        let rules = Rules::proxy(&policy, &wishes(&asked));
        assert_eq!((rules.injection, rules.dlp), (InjectionMode::Warn, DlpMode::Redact));
        assert_eq!((rules.abuse, rules.sensitivity), (Some(WarnOrBlock::Block), Sensitivity::High));
    }

    #[test]
    fn a_mode_says_what_is_looked_for() {
        let policy = Policy::default();
        let of = |mode| {
            let rules = Rules::proxy(&policy, &wishes(&[("x-lockllm-scan-mode", mode)]));
            (rules.injection != InjectionMode::Off, rules.content.is_some())
        };
        assert_eq!([of("normal"), of("policy_only"), of("combined")], [(true, false), (false, true), (true, true)]);
    }
}
