//! Prompt injection.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::origin::Origin;
use wardbell_core::policy::{InjectionMode, InjectionPolicy, OriginLevel, Sensitivity};

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
    /// has its default: `off` for `system`, `high` for `tool_result` and `document`, `inherit` for the others.
    origins: BTreeMap<&'static str, &'static str>,
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
    /// What a tool returned. The default is `high`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    tool_result: Option<String>,
    /// The definition of a tool. The default is `inherit`.
    #[schema(pattern = "^(off|inherit|low|medium|high)$")]
    tool_definition: Option<String>,
    /// A document that was retrieved or attached. The default is `high`.
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
        let InjectionPolicy { action, sensitivity, origins } = policy;
        Self {
            action: mode_word(action),
            sensitivity: sensitivity_word(sensitivity),
            origins: origins.into_iter().map(|(origin, level)| (origin.as_str(), level_word(level))).collect(),
        }
    }
}

pub(super) fn merge(mut body: Fields, base: InjectionPolicy) -> Result<InjectionPolicy, FieldError> {
    let InjectionPolicy { action, sensitivity, origins } = base;
    let action = body.word("action", MODES, mode_word)?.unwrap_or(action);
    let sensitivity = body.word("sensitivity", SENSITIVITIES, sensitivity_word)?.unwrap_or(sensitivity);
    let origins = match body.object("origins")? {
        Some(fields) => merge_origins(fields, origins)?,
        None => origins,
    };
    body.finish()?;
    Ok(InjectionPolicy { action, sensitivity, origins })
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
