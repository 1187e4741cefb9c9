//! A policy on the wire: what core's policy says, and the parts of `spec/api.md` that this version does not act on,
//! shown as off so that a reader sees the truth.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wardbell_core::entity::EntityType;
use wardbell_core::policy::{
    DlpMode, DlpPolicy, FailMode, FailPolicy, InjectionMode, InjectionPolicy, Policy, Sensitivity,
};

use crate::error::{Fault, FieldError};
use crate::fields::{Fields, Given};

/// A project's policy, in full.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyAnswer {
    /// Personal data and secrets.
    dlp: DlpAnswer,
    /// Prompt injection.
    injection: InjectionAnswer,
    /// Scanning of answers.
    response: ResponseAnswer,
    /// What happens when a detector fails.
    fail: FailAnswer,
    /// Detection of agents that loop.
    r#loop: LoopAnswer,
}

/// Personal data and secrets.
#[derive(Debug, Serialize, ToSchema)]
struct DlpAnswer {
    /// `redact` cuts them out, `block` stops the request, `detect` records, `off` does not look.
    #[schema(pattern = "^(redact|block|detect|off)$")]
    action: &'static str,
    /// The entity types that count; null is every type.
    entities: Option<Vec<&'static str>>,
    /// The lowest score that counts.
    #[schema(minimum = 0, maximum = 1)]
    threshold: f32,
}

/// Prompt injection.
#[derive(Debug, Serialize, ToSchema)]
struct InjectionAnswer {
    /// `block` stops the request, `warn` records and alerts, `off` does not look.
    #[schema(pattern = "^(block|warn|off)$")]
    action: &'static str,
    /// How low a score counts.
    #[schema(pattern = "^(low|medium|high)$")]
    sensitivity: &'static str,
}

/// Scanning of answers.
#[derive(Debug, Serialize, ToSchema)]
struct ResponseAnswer {
    /// `off` in this version.
    #[schema(pattern = "^off$")]
    scan: &'static str,
}

/// What happens when a detector fails.
#[derive(Debug, Serialize, ToSchema)]
struct FailAnswer {
    /// On the gateway surface: `closed` stops the request, `open` lets it go on.
    #[schema(pattern = "^(open|closed)$")]
    gateway: &'static str,
    /// On the scan and proxy surface.
    #[schema(pattern = "^(open|closed)$")]
    proxy: &'static str,
}

/// Detection of agents that loop.
#[derive(Debug, Serialize, ToSchema)]
struct LoopAnswer {
    /// `false` in this version.
    enabled: bool,
}

/// The policy of a request body. What is left out keeps its value: the default for a new project, the present value
/// for an existing one.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(crate) struct PolicyBody {
    /// Personal data and secrets.
    dlp: Option<DlpBody>,
    /// Prompt injection.
    injection: Option<InjectionBody>,
    /// Scanning of answers: `{"scan":"off"}` in this version.
    response: Option<ResponseBody>,
    /// What happens when a detector fails.
    fail: Option<FailBody>,
    /// Detection of agents that loop: `{"enabled":false}` in this version.
    r#loop: Option<LoopBody>,
}

/// Personal data and secrets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
struct DlpBody {
    /// What is done.
    #[schema(pattern = "^(redact|block|detect|off)$")]
    action: Option<String>,
    /// The entity types that count; null is every type.
    entities: Option<Vec<String>>,
    /// The lowest score that counts.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
}

/// Prompt injection.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
struct InjectionBody {
    /// What is done.
    #[schema(pattern = "^(block|warn|off)$")]
    action: Option<String>,
    /// How low a score counts.
    #[schema(pattern = "^(low|medium|high)$")]
    sensitivity: Option<String>,
}

/// Scanning of answers.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
struct ResponseBody {
    /// `off` in this version.
    #[schema(pattern = "^off$")]
    scan: Option<String>,
}

/// What happens when a detector fails.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
struct FailBody {
    /// On the gateway surface.
    #[schema(pattern = "^(open|closed)$")]
    gateway: Option<String>,
    /// On the scan and proxy surface.
    #[schema(pattern = "^(open|closed)$")]
    proxy: Option<String>,
}

/// Detection of agents that loop.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
struct LoopBody {
    /// `false` in this version.
    enabled: Option<bool>,
}

const DLP_MODES: &[DlpMode] = &[DlpMode::Redact, DlpMode::Block, DlpMode::Detect, DlpMode::Off];
const INJECTION_MODES: &[InjectionMode] = &[InjectionMode::Block, InjectionMode::Warn, InjectionMode::Off];
const SENSITIVITIES: &[Sensitivity] = &[Sensitivity::Low, Sensitivity::Medium, Sensitivity::High];
const FAIL_MODES: &[FailMode] = &[FailMode::Open, FailMode::Closed];

const fn dlp_mode(mode: DlpMode) -> &'static str {
    match mode {
        DlpMode::Redact => "redact",
        DlpMode::Block => "block",
        DlpMode::Detect => "detect",
        DlpMode::Off => "off",
    }
}

const fn injection_mode(mode: InjectionMode) -> &'static str {
    match mode {
        InjectionMode::Block => "block",
        InjectionMode::Warn => "warn",
        InjectionMode::Off => "off",
    }
}

const fn sensitivity(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Low => "low",
        Sensitivity::Medium => "medium",
        Sensitivity::High => "high",
    }
}

const fn fail_mode(mode: FailMode) -> &'static str {
    match mode {
        FailMode::Open => "open",
        FailMode::Closed => "closed",
    }
}

impl From<Policy> for PolicyAnswer {
    fn from(policy: Policy) -> Self {
        let Policy { dlp, injection, response: _, fail, rate: _, content: _ } = policy;
        let DlpPolicy { action, entities, threshold } = dlp;
        let dlp = DlpAnswer {
            action: dlp_mode(action),
            entities: entities.map(|entities| entities.into_iter().map(EntityType::as_str).collect()),
            threshold,
        };
        let InjectionPolicy { action, sensitivity: level, origins: _ } = injection;
        let injection = InjectionAnswer { action: injection_mode(action), sensitivity: sensitivity(level) };
        let FailPolicy { gateway, proxy } = fail;
        let fail = FailAnswer { gateway: fail_mode(gateway), proxy: fail_mode(proxy) };
        let (response, r#loop) = (ResponseAnswer { scan: "off" }, LoopAnswer { enabled: false });
        Self { dlp, injection, response, fail, r#loop }
    }
}

/// Reads a policy over `base`: what the body leaves out stays as it is there.
pub(super) fn merge(mut body: Fields, base: Policy) -> Result<Policy, FieldError> {
    let Policy { dlp, injection, response, fail, rate, content } = base;
    let policy = Policy {
        dlp: match body.object("dlp")? {
            Some(fields) => merge_dlp(fields, dlp)?,
            None => dlp,
        },
        injection: match body.object("injection")? {
            Some(fields) => merge_injection(fields, &injection)?,
            None => injection,
        },
        fail: match body.object("fail")? {
            Some(fields) => merge_fail(fields, fail)?,
            None => fail,
        },
        response,
        rate,
        content,
    };
    if let Some(fields) = body.object("response")? {
        read_response(fields)?;
    }
    if let Some(fields) = body.object("loop")? {
        read_loop(fields)?;
    }
    body.not_available("rate")?;
    body.finish()?;
    Ok(policy)
}

fn merge_dlp(mut body: Fields, base: DlpPolicy) -> Result<DlpPolicy, FieldError> {
    let DlpPolicy { action, entities, threshold } = base;
    let action = body.word("action", DLP_MODES, dlp_mode)?.unwrap_or(action);
    let entities = match body.nullable("entities") {
        Given::Absent => entities,
        Given::Null => None,
        Given::Value(value) => Some(read_entities(&body, value)?),
    };
    let threshold = body.score("threshold")?.unwrap_or(threshold);
    body.not_available("custom")?;
    body.finish()?;
    Ok(DlpPolicy { action, entities, threshold })
}

fn read_entities(body: &Fields, value: Value) -> Result<Vec<EntityType>, FieldError> {
    // An injection is no entity of DLP: `injection.action` governs it.
    let known = || EntityType::ALL.iter().copied().filter(|entity| !entity.is_injection());
    let mut entities = Vec::new();
    for name in body.read_texts("entities", value, EntityType::ALL.len())? {
        let Some(entity) = known().find(|entity| entity.as_str() == name) else {
            let known: Vec<_> = known().map(EntityType::as_str).collect();
            return Err(body.invalid("entities", format!("must hold some of: {}", known.join(", "))));
        };
        if !entities.contains(&entity) {
            entities.push(entity);
        }
    }
    if entities.is_empty() {
        return Err(body.invalid("entities", "must not be empty; null is every type, and `action` can be `off`"));
    }
    Ok(entities)
}

fn merge_injection(mut body: Fields, base: &InjectionPolicy) -> Result<InjectionPolicy, FieldError> {
    let InjectionPolicy { action, sensitivity: level, origins } = base.clone();
    let action = body.word("action", INJECTION_MODES, injection_mode)?.unwrap_or(action);
    let level = body.word("sensitivity", SENSITIVITIES, sensitivity)?.unwrap_or(level);
    body.finish()?;
    Ok(InjectionPolicy { action, sensitivity: level, origins })
}

fn merge_fail(mut body: Fields, base: FailPolicy) -> Result<FailPolicy, FieldError> {
    let FailPolicy { gateway, proxy } = base;
    let gateway = body.word("gateway", FAIL_MODES, fail_mode)?.unwrap_or(gateway);
    let proxy = body.word("proxy", FAIL_MODES, fail_mode)?.unwrap_or(proxy);
    body.finish()?;
    Ok(FailPolicy { gateway, proxy })
}

fn read_response(mut body: Fields) -> Result<(), FieldError> {
    body.word_of_version("scan", &["off"], |word| word, &["detect", "redact", "block"])?;
    body.finish()
}

fn read_loop(mut body: Fields) -> Result<(), FieldError> {
    if body.boolean("enabled")? == Some(true) {
        return Err(body.fault("enabled", Fault::NotAvailable(Some("false".to_owned()))));
    }
    for setting in ["window_seconds", "threshold", "cooldown_seconds"] {
        body.not_available(setting)?;
    }
    body.finish()
}
