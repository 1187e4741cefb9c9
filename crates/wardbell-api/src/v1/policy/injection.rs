//! Prompt injection.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::origin::Origin;
use wardbell_core::policy::{ALLOWED_MAX, InjectionMode, InjectionPolicy, OriginLevel, Sensitivity, is_fingerprint};

use super::fail;
use crate::error::FieldError;
use crate::fields::{Fields, Given};

/// Prompt injection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InjectionAnswer {
    /// `block` stops the request, `warn` records and alerts, `off` does not look.
    #[schema(pattern = "^(block|warn|off)$")]
    action: &'static str,
    /// How low a score counts.
    #[schema(pattern = "^(low|medium|high)$")]
    sensitivity: &'static str,
    /// How low a score counts in texts of an origin (`system`, `user`, `assistant`, `tool_result`, `tool_definition`,
    /// `document`, `other`): `off`, `inherit` as `sensitivity` says, `low`, `medium` or `high`. An origin that is not here
    /// has its default: `off` for `system`, `inherit` for the others. Tool results and documents are always read in full.
    origins: BTreeMap<&'static str, &'static str>,
    /// What happens when a text is too long to be read in full and nothing was found in what was read: `open` goes on,
    /// `closed` stops the request.
    #[schema(pattern = "^(open|closed)$")]
    partial: &'static str,
    /// Fingerprints of texts that are no injection, whatever a detector says.
    allow: Vec<String>,
}

/// Prompt injection.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct InjectionBody {
    /// What is done.
    #[schema(pattern = "^(block|warn|off)$")]
    action: Option<String>,
    /// How low a score counts.
    #[schema(pattern = "^(low|medium|high)$")]
    sensitivity: Option<String>,
    /// How low a score counts in texts of an origin. What is left out stays; null gives an origin its default back.
    origins: Option<OriginsBody>,
    /// What happens when a text is too long to be read in full and nothing was found in what was read.
    #[schema(pattern = "^(open|closed)$")]
    partial: Option<String>,
    /// Fingerprints of texts that are no injection: the whole list, in place of the present one.
    #[schema(max_items = 1000)]
    allow: Option<Vec<String>>,
}

/// How low an injection score counts in texts of each origin: `off`, `inherit`, `low`, `medium` or `high`; null is the
/// default.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
struct OriginsBody {
    /// The application: system and developer messages. The default is `off`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    system: Option<String>,
    /// The user. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    user: Option<String>,
    /// The model's earlier turns. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    assistant: Option<String>,
    /// What a tool returned. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    tool_result: Option<String>,
    /// The definition of a tool. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    tool_definition: Option<String>,
    /// A document that was retrieved or attached. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    document: Option<String>,
    /// Anything else. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    other: Option<String>,
}

const MODES: &[InjectionMode] = &[InjectionMode::Block, InjectionMode::Warn, InjectionMode::Off];
const SENSITIVITIES: &[Sensitivity] = &[Sensitivity::Low, Sensitivity::Medium, Sensitivity::High];
const LEVELS: &[OriginLevel] =
    &[OriginLevel::Off, OriginLevel::Inherit, OriginLevel::Low, OriginLevel::Medium, OriginLevel::High];

const fn mode_word(mode: InjectionMode) -> &'static str {
    match mode {
        InjectionMode::Block => "block",
        InjectionMode::Warn => "warn",
        InjectionMode::Off => "off",
    }
}

const fn sensitivity_word(sensitivity: Sensitivity) -> &'static str {
    match sensitivity {
        Sensitivity::Low => "low",
        Sensitivity::Medium => "medium",
        Sensitivity::High => "high",
    }
}

const fn level_word(level: OriginLevel) -> &'static str {
    match level {
        OriginLevel::Off => "off",
        OriginLevel::Inherit => "inherit",
        OriginLevel::Low => "low",
        OriginLevel::Medium => "medium",
        OriginLevel::High => "high",
    }
}

impl From<InjectionPolicy> for InjectionAnswer {
    fn from(policy: InjectionPolicy) -> Self {
        let InjectionPolicy { action, sensitivity, origins, partial, allow } = policy;
        Self {
            action: mode_word(action),
            sensitivity: sensitivity_word(sensitivity),
            origins: origins.into_iter().map(|(origin, level)| (origin.as_str(), level_word(level))).collect(),
            partial: fail::word(partial),
            allow,
        }
    }
}

pub(super) fn merge(mut body: Fields, base: InjectionPolicy) -> Result<InjectionPolicy, FieldError> {
    let InjectionPolicy { action, sensitivity, origins, partial, allow } = base;
    let action = body.word("action", MODES, mode_word)?.unwrap_or(action);
    let sensitivity = body.word("sensitivity", SENSITIVITIES, sensitivity_word)?.unwrap_or(sensitivity);
    let origins = match body.object("origins")? {
        Some(fields) => merge_origins(fields, origins)?,
        None => origins,
    };
    let partial = body.word("partial", fail::MODES, fail::word)?.unwrap_or(partial);
    let allow = match body.texts("allow", ALLOWED_MAX)? {
        Some(allow) => read_allow(&body, allow)?,
        None => allow,
    };
    body.finish()?;
    Ok(InjectionPolicy { action, sensitivity, origins, partial, allow })
}

fn read_allow(body: &Fields, allow: Vec<String>) -> Result<Vec<String>, FieldError> {
    match allow.iter().position(|fingerprint| !is_fingerprint(fingerprint)) {
        Some(at) => {
            Err(body
                .invalid(&format!("allow[{at}]"), "must be a fingerprint: 64 hexadecimal digits, as alerts tell it"))
        }
        None => Ok(allow),
    }
}

fn merge_origins(
    mut body: Fields,
    mut origins: BTreeMap<Origin, OriginLevel>,
) -> Result<BTreeMap<Origin, OriginLevel>, FieldError> {
    for origin in Origin::ALL {
        let name = origin.as_str();
        match body.nullable(name) {
            Given::Absent => {}
            Given::Null => {
                origins.remove(origin);
            }
            Given::Value(value) => {
                let level = LEVELS.iter().copied().find(|level| value.as_str() == Some(level_word(*level)));
                let Some(level) = level else {
                    let words: Vec<_> = LEVELS.iter().copied().map(level_word).collect();
                    return Err(body.invalid(name, format!("must be one of: {}, or null", words.join(", "))));
                };
                origins.insert(*origin, level);
            }
        }
    }
    body.finish()?;
    Ok(origins)
}
