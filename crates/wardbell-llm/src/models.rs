//! The models that a project can call: `GET /v1/models` in AISG's form (`spec/wire-aisg.md` 1.11), and the nearest name to
//! one that is not known.
//!
//! **Source.** [`price`] for names, prices and context windows; `models/traits.rs` for families
//! and abilities, which no data set that we may ship has.
//!
//! **What it does not know.** Whether an account may use a model; the most tokens of an answer, which is always null; the
//! models of `custom`, Anyscale and `DeepInfra`. Families and abilities are told by names: a model with an unusual name has
//! family null and no ability, though it may have some.

mod nearest;
mod traits;

use std::collections::BTreeMap;

use serde::Serialize;
use wardbell_core::named;
use wardbell_core::provider::ProviderKind;

use crate::price::{self, ModelPrice};

pub use nearest::suggest;

/// Whom AISG names as the owner of every model.
const OWNER: &str = "ai-security-gateway";

/// The built-in provider and its one model, for a project without a provider.
const ECHO: &str = "echo";

/// A model as `GET /v1/models` lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has four of them")]
pub struct ModelInfo {
    /// Its name.
    pub id: &'static str,
    /// `model`.
    pub object: &'static str,
    /// `ai-security-gateway`, as AISG's list has it.
    pub owned_by: &'static str,
    /// Such as `gpt`, `claude` or `llama`, where the name tells.
    pub family: Option<&'static str>,
    /// Whether it takes images.
    pub supports_vision: bool,
    /// Whether it calls tools.
    pub supports_tools: bool,
    /// Whether it can be held to JSON.
    pub supports_json_mode: bool,
    /// Whether it thinks before it answers.
    pub supports_reasoning: bool,
    /// The most tokens of a request, where that is known.
    pub context_window: Option<u64>,
    /// The most tokens of an answer: not known.
    pub max_output_tokens: Option<u64>,
    /// The names of the project's providers that serve it, in order.
    pub providers: Vec<String>,
    /// What it costs.
    pub pricing: Pricing,
}

/// What a model costs. AISG's client takes these two fields and no other (`spec/wire-aisg.md` 1.13).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pricing {
    /// Dollars for a million input tokens.
    pub input_per_1m_tokens: f64,
    /// Dollars for a million output tokens.
    pub output_per_1m_tokens: f64,
}

named! {
    /// What a caller can ask a model to be able to.
    Capability {
        /// Images.
        Vision = "vision",
        /// Tools.
        Tools = "tools",
        /// JSON mode.
        JsonMode = "json_mode",
        /// Reasoning.
        Reasoning = "reasoning",
    }
}

impl ModelInfo {
    fn new(row: &ModelPrice) -> Self {
        let traits = traits::trait_of(row.id);
        Self {
            id: row.id,
            object: "model",
            owned_by: OWNER,
            family: traits.family,
            supports_vision: traits.vision,
            supports_tools: traits.tools,
            supports_json_mode: traits.json_mode,
            supports_reasoning: traits.reasoning,
            context_window: row.context_tokens_max,
            max_output_tokens: None,
            providers: Vec::new(),
            pricing: Pricing {
                input_per_1m_tokens: row.price.rates.input.as_dollars(),
                output_per_1m_tokens: row.price.rates.output.as_dollars(),
            },
        }
    }

    /// The built-in provider's model, which costs nothing.
    fn echo() -> Self {
        Self {
            id: ECHO,
            object: "model",
            owned_by: OWNER,
            family: Some(ECHO),
            supports_vision: false,
            supports_tools: false,
            supports_json_mode: false,
            supports_reasoning: false,
            context_window: None,
            max_output_tokens: None,
            providers: vec![ECHO.to_owned()],
            pricing: Pricing { input_per_1m_tokens: 0.0, output_per_1m_tokens: 0.0 },
        }
    }

    /// Whether the model has an ability.
    pub const fn supports(&self, capability: Capability) -> bool {
        match capability {
            Capability::Vision => self.supports_vision,
            Capability::Tools => self.supports_tools,
            Capability::JsonMode => self.supports_json_mode,
            Capability::Reasoning => self.supports_reasoning,
        }
    }
}

/// The models of a project's providers, by name; without a provider, the built-in `echo`. A model that several serve is
/// listed once, with the price of the first.
pub fn list(providers: &[(&str, ProviderKind)]) -> Vec<ModelInfo> {
    if providers.is_empty() {
        return vec![ModelInfo::echo()];
    }
    let mut models: BTreeMap<&'static str, ModelInfo> = BTreeMap::new();
    for (name, kind) in providers {
        for row in price::catalogues(*kind).iter().flat_map(|own| price::of_provider(own)) {
            let model = models.entry(row.id).or_insert_with(|| ModelInfo::new(row));
            if model.providers.last().is_none_or(|last| last != name) {
                model.providers.push((*name).to_owned());
            }
        }
    }
    models.into_values().collect()
}

/// The models that fit what a caller asks for; what is not asked for fits.
pub fn filter(
    models: Vec<ModelInfo>,
    family: Option<&str>,
    capability: Option<Capability>,
    provider: Option<&str>,
) -> Vec<ModelInfo> {
    let fits = |model: &ModelInfo| {
        family.is_none_or(|family| model.family.is_some_and(|own| own.eq_ignore_ascii_case(family)))
            && capability.is_none_or(|capability| model.supports(capability))
            && provider.is_none_or(|provider| model.providers.iter().any(|own| own == provider))
    };
    models.into_iter().filter(fits).collect()
}

#[cfg(test)]
mod tests;
