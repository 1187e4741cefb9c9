//! What a caller of the scan and proxy surface is told about its request: in the scan's answer, and in the headers of a
//! proxied one (`spec/wire-lockllm.md` 2.4 and 2.6).
//!
//! Scores of the scan's answer go from 0 to 1, those of warnings, abuse and headers from 0 to 100 (`spec/decisions.md`,
//! Scores).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use wardbell_core::abuse::Abuse;
use wardbell_core::content::BrokenPolicy;
use wardbell_core::entity::EntityType;
use wardbell_core::finding::Located;
use wardbell_core::policy::{DlpMode, Sensitivity};
use wardbell_guard::policy::decide::{Beside, counts};
use wardbell_guard::policy::rules::Rules;
use wardbell_guard::wishes::{PiiWish, ScanMode, Wishes};

use crate::flight;

/// What is told about one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    /// Whether the detectors finished.
    pub(crate) scanned: bool,
    pub(crate) wishes: Wishes,
    pub(crate) sensitivity: Sensitivity,
    /// The core detectors' result, where they were asked.
    pub(crate) core: Option<Core>,
    /// The content policies' result, where they were asked.
    pub(crate) content: Option<Vec<BrokenPolicy>>,
    /// Abuse, where it was found.
    pub(crate) abuse: Option<Abuse>,
    /// Personal data and secrets, where they were looked for.
    pub(crate) pii: Option<Pii>,
}

/// What the core detectors say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Core {
    /// Whether it is an injection at this sensitivity.
    pub(crate) is_injection: bool,
    /// How likely it is one, from 0 to 1.
    pub(crate) score: f32,
}

impl Core {
    /// How sure the label is, from 0 to 1.
    pub(crate) fn confidence(self) -> f32 {
        if self.is_injection { self.score } else { 1.0 - self.score }
    }
}

/// Personal data and secrets that were found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pii {
    pub(crate) types: Vec<EntityType>,
    pub(crate) count: usize,
    pub(crate) action: PiiWish,
}

impl Report {
    /// Makes the report of what was seen under these rules.
    pub(crate) fn of(found: &[&Located], beside: &Beside, rules: &Rules<'_>, wishes: &Wishes) -> Self {
        let core = (wishes.mode != ScanMode::PolicyOnly).then(|| {
            let injections = || found.iter().filter(|located| located.finding.entity.is_injection());
            let counted = injections().filter(|located| counts(located, rules));
            let best = |located: &mut dyn Iterator<Item = f32>| located.fold(0.0, f32::max);
            let counted_score = best(&mut counted.map(|located| located.finding.score));
            let seen_score = best(
                &mut injections()
                    .filter(|located| rules.level(located.origin).is_some())
                    .map(|located| located.finding.score),
            );
            let is_injection = counted_score > 0.0;
            Core { is_injection, score: if is_injection { counted_score } else { seen_score } }
        });
        let action = match rules.dlp {
            DlpMode::Redact => Some(PiiWish::Strip),
            DlpMode::Block => Some(PiiWish::Block),
            DlpMode::Detect => Some(PiiWish::Warn),
            DlpMode::Off => None,
        };
        let pii = action.map(|action| {
            let data: Vec<&Located> = found
                .iter()
                .copied()
                .filter(|located| !located.finding.entity.is_injection() && counts(located, rules))
                .collect();
            Pii { count: data.len(), types: flight::entity_types(data), action }
        });
        Self {
            scanned: true,
            wishes: wishes.clone(),
            sensitivity: rules.sensitivity,
            core,
            content: rules.content.map(|_| beside.broken.clone()),
            abuse: beside.abuse.filter(|_| rules.abuse.is_some()).filter(Abuse::is_detected),
            pii,
        }
    }

    /// The report of a request whose detection did not finish, or that has nothing to look at.
    pub(crate) fn unscanned(rules: &Rules<'_>, wishes: &Wishes) -> Self {
        let nothing = Self::of(&[], &Beside::default(), rules, wishes);
        Self { scanned: false, ..nothing }
    }

    /// Whether nothing says that the text is hostile: abuse and personal data do not.
    pub(crate) fn is_safe(&self) -> bool {
        !self.core.is_some_and(|core| core.is_injection) && self.content.as_ref().is_none_or(Vec::is_empty)
    }

    fn label(&self) -> u8 {
        u8::from(!self.is_safe())
    }

    /// How sure the content policies are of their label, from 0 to 1.
    fn content_confidence(broken: &[BrokenPolicy]) -> f32 {
        broken.iter().map(|policy| policy.confidence).reduce(f32::max).unwrap_or(1.0)
    }

    /// The `scan_result` of an error, and of alerts in LockLLM's form.
    pub(crate) fn scan_result(&self) -> Value {
        let core = self.core.unwrap_or(Core { is_injection: false, score: 0.0 });
        json!({
            "safe": self.is_safe(),
            "label": self.label(),
            "confidence": unit(core.confidence()),
            "injection": unit(core.score),
            "sensitivity": self.sensitivity.as_str(),
        })
    }

    /// The fields of a scan's answer. Those that say nothing are left out.
    pub(crate) fn fields(&self, input_chars: usize) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("safe", json!(self.is_safe()));
        put("label", json!(self.label()));
        if let Some(core) = self.core {
            put("confidence", unit(core.confidence()));
            put("injection", unit(core.score));
        }
        if let Some(broken) = &self.content {
            put("policy_confidence", unit(Self::content_confidence(broken)));
        }
        put("sensitivity", json!(self.sensitivity.as_str()));
        let requests = match self.wishes.mode {
            ScanMode::Normal | ScanMode::PolicyOnly => 1,
            ScanMode::Combined => 2,
        };
        put("usage", json!({"requests": requests, "input_chars": input_chars}));
        if let Some(warning) = self.scan_warning() {
            put("scan_warning", warning);
        }
        if let Some(warnings) = self.policy_warnings() {
            put("policy_warnings", warnings);
        }
        if let Some(abuse) = &self.abuse {
            put("abuse_warnings", abuse_warning(abuse));
        }
        fields
    }

    fn scan_warning(&self) -> Option<Value> {
        let core = self.core.filter(|core| core.is_injection)?;
        Some(json!({
            "message": "The text looks like a prompt injection or a jailbreak attempt",
            "injection_score": percent(core.score),
            "confidence": percent(core.confidence()),
            "label": 1,
        }))
    }

    fn policy_warnings(&self) -> Option<Value> {
        let broken = self.content.as_ref().filter(|broken| !broken.is_empty())?;
        Some(violated(broken))
    }

    /// The headers of a proxied answer.
    pub(crate) fn headers(&self, provider: &str, model: &str, headers: &mut HeaderMap) {
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        put("x-lockllm-scanned", self.scanned.to_string());
        put("x-lockllm-safe", self.is_safe().to_string());
        put("x-scan-mode", self.wishes.mode.as_str().to_owned());
        put("x-lockllm-credits-mode", "byok".to_owned());
        put("x-lockllm-provider", provider.to_owned());
        if !model.is_empty() {
            put("x-lockllm-model", model.to_owned());
        }
        put("x-lockllm-sensitivity", self.sensitivity.as_str().to_owned());
        put("x-lockllm-label", self.label().to_string());
        if let (Some(core), Some(detail)) = (self.core, self.scan_warning()) {
            put("x-lockllm-scan-warning", "true".to_owned());
            put("x-lockllm-injection-score", percent(core.score).to_string());
            put("x-lockllm-confidence", percent(core.confidence()).to_string());
            put("x-lockllm-scan-detail", detail_header(&detail));
        }
        if let (Some(broken), Some(detail)) = (&self.content, self.policy_warnings()) {
            put("x-lockllm-policy-warnings", "true".to_owned());
            put("x-lockllm-warning-count", broken.len().to_string());
            put("x-lockllm-policy-confidence", percent(Self::content_confidence(broken)).to_string());
            put("x-lockllm-warning-detail", detail_header(&detail));
        }
        if let Some(abuse) = &self.abuse {
            put("x-lockllm-abuse-detected", "true".to_owned());
            put("x-lockllm-abuse-confidence", percent(abuse.confidence()).to_string());
            put("x-lockllm-abuse-types", abuse_types(abuse).join(","));
            put("x-lockllm-abuse-detail", detail_header(&abuse_warning(abuse)));
        }
        if let Some(Pii { types, count, action }) = &self.pii {
            put("x-lockllm-pii-detected", (*count > 0).to_string());
            put("x-lockllm-pii-types", friendly(types).join(","));
            put("x-lockllm-pii-count", count.to_string());
            put("x-lockllm-pii-action", action.as_str().to_owned());
        }
        if let Some(way) = self.wishes.compression {
            put("x-lockllm-compression-method", way.as_str().to_owned());
            put("x-lockllm-compression-applied", "false".to_owned());
            put("x-lockllm-compression-ratio", "1".to_owned());
        }
        if self.wishes.routing {
            put("x-lockllm-route-enabled", "false".to_owned());
        }
    }
}

impl Pii {
    /// The `pii_result` of a scan's answer; `stripped` is the text without what was found.
    pub(crate) fn result(&self, stripped: Option<&str>) -> Value {
        let mut result = json!({
            "detected": self.count > 0,
            "entity_types": friendly(&self.types),
            "entity_count": self.count,
        });
        if let (Some(text), Value::Object(fields)) = (stripped, &mut result) {
            fields.insert("redacted_input".to_owned(), json!(text));
        }
        result
    }
}

/// The names of entity types as LockLLM's clients know them.
pub(crate) fn friendly(types: &[EntityType]) -> Vec<&'static str> {
    types.iter().map(|entity| entity.friendly()).collect()
}

/// Broken policies, in warnings and errors.
pub(crate) fn violated(broken: &[BrokenPolicy]) -> Value {
    broken
        .iter()
        .map(|policy| {
            let mut category = json!({"name": policy.name});
            if let (false, Value::Object(fields)) = (policy.description.is_empty(), &mut category) {
                fields.insert("description".to_owned(), json!(policy.description));
            }
            let details = format!("The text matches a {} of the policy", policy.by.as_str());
            json!({"policy_name": policy.name, "violated_categories": [category], "violation_details": details})
        })
        .collect()
}

/// The particulars of abuse, in warnings and errors.
pub(crate) fn abuse_details(abuse: &Abuse) -> Map<String, Value> {
    let Abuse { bot, repetition, resource, pattern } = *abuse;
    let mut fields = Map::new();
    fields.insert("confidence".to_owned(), json!(percent(abuse.confidence())));
    fields.insert("abuse_types".to_owned(), json!(abuse_types(abuse)));
    let indicators = json!({
        "bot_score": percent(bot),
        "repetition_score": percent(repetition),
        "resource_score": percent(resource),
        "pattern_score": percent(pattern),
    });
    fields.insert("indicators".to_owned(), indicators);
    fields.insert("recommendation".to_owned(), json!("Look at what this key sends, and slow it down or revoke it"));
    fields
}

fn abuse_warning(abuse: &Abuse) -> Value {
    let mut fields = Map::from_iter([("detected".to_owned(), json!(true))]);
    fields.extend(abuse_details(abuse));
    Value::Object(fields)
}

fn abuse_types(abuse: &Abuse) -> Vec<&'static str> {
    abuse.kinds().into_iter().map(wardbell_core::abuse::AbuseKind::as_str).collect()
}

/// A score from 0 to 1, in two decimals.
fn unit(score: f32) -> Value {
    json!((f64::from(score) * 100.0).round() / 100.0)
}

/// A score from 0 to 100, in one decimal.
fn percent(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 10.0
}

/// JSON as it travels in a header: escaped to ASCII first, since the published JavaScript client decodes it as Latin-1
/// (`spec/wire-lockllm.md` 2.5), then in base64.
fn detail_header(detail: &Value) -> String {
    let mut ascii = String::new();
    for character in detail.to_string().chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                ascii += &format!("\\u{unit:04x}");
            }
        }
    }
    STANDARD.encode(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::content::BrokenBy;
    use wardbell_core::finding::Finding;
    use wardbell_core::origin::Origin;
    use wardbell_core::policy::Policy;

    fn found(entity: EntityType, score: f32) -> Located {
        let finding = Finding { entity, rule: "test", span: 0..4, score };
        Located { segment: 0, origin: Origin::User, finding, characters: 0..4 }
    }

    fn report(found: &[Located], beside: &Beside, headers: &[(&str, &str)]) -> Report {
        let read = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes());
        let wishes = Wishes::read(read).unwrap();
        let policy = Policy::default();
        Report::of(&found.iter().collect::<Vec<_>>(), beside, &Rules::proxy(&policy, &wishes), &wishes)
    }

    fn broken() -> Beside {
        let broken = BrokenPolicy {
            name: "Übernahmen".to_owned(),
            description: "no mergers".to_owned(),
            by: BrokenBy::Word,
            confidence: 1.0,
        };
        Beside { broken: vec![broken], abuse: None, unread: None }
    }

    #[test]
    fn a_clean_text_is_safe_and_says_nothing_more() {
        let fields = Value::Object(report(&[], &Beside::default(), &[]).fields(5));
        assert_eq!(
            fields,
            json!({"safe": true, "label": 0, "confidence": 1.0, "injection": 0.0, "policy_confidence": 1.0,
                   "sensitivity": "medium", "usage": {"requests": 2, "input_chars": 5}})
        );
    }

    #[test]
    fn each_mode_has_its_own_fields() {
        let attack = [found(EntityType::PromptInjection, 0.9)];
        let fields = |mode| report(&attack, &broken(), &[("x-lockllm-scan-mode", mode)]).fields(1);
        let normal = fields("normal");
        assert!(normal.contains_key("injection") && !normal.contains_key("policy_confidence"));
        assert!(!normal.contains_key("policy_warnings"));
        let policy = fields("policy_only");
        assert!(!policy.contains_key("injection") && !policy.contains_key("scan_warning"));
        assert_eq!(
            (&policy["safe"], &policy["policy_warnings"][0]["policy_name"]),
            (&json!(false), &json!("Übernahmen"))
        );
        assert_eq!(fields("combined")["scan_warning"]["injection_score"], 90.0);
    }

    #[test]
    fn a_score_below_the_sensitivity_is_told_and_does_not_count() {
        let weak = [found(EntityType::PromptInjection, 0.85)];
        let low = report(&weak, &Beside::default(), &[("x-lockllm-sensitivity", "low")]);
        assert_eq!((low.is_safe(), low.scan_result()["injection"].clone()), (true, json!(0.85)));
        assert!(!report(&weak, &Beside::default(), &[("x-lockllm-sensitivity", "high")]).is_safe());
    }

    #[test]
    fn abuse_and_personal_data_leave_a_text_safe() {
        let beside = Beside { abuse: Some(Abuse { repetition: 0.9, ..Abuse::default() }), ..Beside::default() };
        let card = [found(EntityType::CreditCard, 1.0)];
        let asked = [("x-lockllm-abuse-action", "allow_with_warning"), ("x-lockllm-pii-action", "strip")];
        let told = report(&card, &beside, &asked);
        assert!(told.is_safe());
        assert_eq!(told.fields(1)["abuse_warnings"]["indicators"]["repetition_score"], 90.0);
        assert_eq!(told.pii.as_ref().unwrap().result(Some("[CREDIT_CARD]"))["redacted_input"], "[CREDIT_CARD]");
        let unasked = report(&card, &beside, &[]);
        assert_eq!((unasked.abuse, unasked.pii), (None, None));
    }

    #[test]
    fn headers_are_ascii_and_their_details_read_back() {
        let mut headers = HeaderMap::new();
        report(&[found(EntityType::PromptInjection, 0.9)], &broken(), &[("x-lockllm-route-action", "auto")]).headers(
            "openai",
            "gpt-4o",
            &mut headers,
        );
        assert_eq!(headers["x-lockllm-safe"], "false");
        assert_eq!(headers["x-lockllm-route-enabled"], "false");
        let detail = STANDARD.decode(&headers["x-lockllm-warning-detail"]).unwrap();
        assert!(detail.is_ascii());
        let detail: Value = serde_json::from_slice(&detail).unwrap();
        assert_eq!(detail[0]["policy_name"], "Übernahmen");
    }
}
