//! Personal data and secrets.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wardbell_core::entity::EntityType;
use wardbell_core::policy::{DlpMode, DlpPolicy};

use crate::error::FieldError;
use crate::fields::{Fields, Given};

/// Personal data and secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DlpAnswer {
    /// `redact` cuts them out, `block` stops the request, `detect` records, `off` does not look.
    #[schema(pattern = "^(redact|block|detect|off)$")]
    action: &'static str,
    /// The entity types that count; null is every type.
    entities: Option<Vec<&'static str>>,
    /// The lowest score that counts.
    #[schema(minimum = 0, maximum = 1)]
    threshold: f32,
}

/// Personal data and secrets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct DlpBody {
    /// What is done.
    #[schema(pattern = "^(redact|block|detect|off)$")]
    action: Option<String>,
    /// The entity types that count; null is every type.
    entities: Option<Vec<String>>,
    /// The lowest score that counts.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
}

pub(super) const DLP_MODES: &[DlpMode] = &[DlpMode::Redact, DlpMode::Block, DlpMode::Detect, DlpMode::Off];

pub(super) const fn word(mode: DlpMode) -> &'static str {
    match mode {
        DlpMode::Redact => "redact",
        DlpMode::Block => "block",
        DlpMode::Detect => "detect",
        DlpMode::Off => "off",
    }
}

impl From<DlpPolicy> for DlpAnswer {
    fn from(policy: DlpPolicy) -> Self {
        let DlpPolicy { action, entities, threshold } = policy;
        let entities = entities.map(|entities| entities.into_iter().map(EntityType::as_str).collect());
        Self { action: word(action), entities, threshold }
    }
}

pub(super) fn merge(mut body: Fields, base: DlpPolicy) -> Result<DlpPolicy, FieldError> {
    let DlpPolicy { action, entities, threshold } = base;
    let action = body.word("action", DLP_MODES, word)?.unwrap_or(action);
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
