//! What models cost: a table of prices by provider and model, and the rules that find a model by the name that a caller
//! sends.
//!
//! **Source.** `table.json`, made by `cargo xtask prices` from the data set `genai-prices` (PyPI, MIT); its first line names
//! the version and the day. `xtask/src/prices/compile.py` says what is taken over and what is not.
//!
//! **Guarantees.** Prices are exact: whole nano-dollars for a million tokens, rounded up past nine decimals. A search is
//! linear in the provider's rows and the name. The table is read once, when it is first asked for.
//!
//! **What it does not know.** Prices of the standard service by tokens only, as of the table's day: no batch or priority
//! tiers, no discounts, no prices by image, second of sound, search or request, and no rates of their own for tokens of
//! sound and images; where the hour decides, the highest. Servers of one's own (`custom`), Anyscale and `DeepInfra` are not
//! in it. A model that is not found has no price, which is not the same as none.

mod clause;

use std::sync::OnceLock;

use serde::Deserialize;
use wardbell_core::money::Usd;
use wardbell_core::provider::ProviderKind;

use clause::Alternative;

/// The table as `cargo xtask prices` wrote it.
const TABLE: &str = include_str!("price/table.json");

/// The longest name of a model that is looked for, in bytes; the longest in the table has 61.
const NAME_BYTES_MAX: usize = 256;

/// A model of a provider, with its prices.
#[derive(Debug)]
pub struct ModelPrice {
    /// Whose it is: the name of a [`ProviderKind`].
    pub provider: &'static str,
    /// A name that the provider takes, as it writes it.
    pub id: &'static str,
    /// The most tokens that a request may have, where that is known.
    pub context_tokens_max: Option<u64>,
    /// What a request costs, whatever its length unless a tier says otherwise.
    pub rates: Rates,
    /// What longer requests cost, shortest first.
    pub tiers: Vec<Tier>,
    alternatives: Vec<Alternative>,
}

/// What a million tokens of each sort cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Rates {
    /// What is sent. 0 where the provider asks nothing for it.
    #[serde(default)]
    pub input: Usd,
    /// What is answered. 0 where the provider asks nothing for it, as for embeddings.
    #[serde(default)]
    pub output: Usd,
    /// What is sent and was in the provider's cache; `None` is [`input`](Self::input).
    pub cached: Option<Usd>,
    /// What is sent and put into the provider's cache; `None` is [`input`](Self::input).
    pub write: Option<Usd>,
    /// The same, kept for an hour; `None` is [`write`](Self::write).
    pub write_1h: Option<Usd>,
    /// What the model thinks before it answers; `None` is [`output`](Self::output).
    pub reasoning: Option<Usd>,
}

/// What a request past a length costs: all its tokens, not only those past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Tier {
    /// It holds for requests with more input tokens than this.
    #[serde(rename = "above")]
    pub above_input_tokens: u64,
    /// Every rate.
    #[serde(flatten)]
    pub rates: Rates,
}

impl ModelPrice {
    /// What a request of so many input tokens costs.
    pub fn rates_at(&self, input_tokens: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|tier| input_tokens > tier.above_input_tokens);
        tier.map_or(&self.rates, |tier| &tier.rates)
    }

    fn is_match(&self, name: &str) -> bool {
        self.alternatives.iter().any(|alternative| alternative.holds(name))
    }
}

/// The row of a model as it stands in the file.
#[derive(Deserialize)]
struct Row<'t> {
    provider: &'t str,
    id: &'t str,
    #[serde(rename = "match", default, borrow)]
    rules: Vec<&'t str>,
    #[serde(rename = "context")]
    context_tokens_max: Option<u64>,
    #[serde(default)]
    input: Usd,
    #[serde(default)]
    output: Usd,
    cached: Option<Usd>,
    write: Option<Usd>,
    write_1h: Option<Usd>,
    reasoning: Option<Usd>,
    #[serde(default)]
    tiers: Vec<Tier>,
}

#[derive(Deserialize)]
struct Table<'t> {
    #[serde(borrow)]
    models: Vec<Row<'t>>,
}

/// Every model of the table: by provider, and within one in the order in which rules are tried.
pub fn all() -> &'static [ModelPrice] {
    static MODELS: OnceLock<Vec<ModelPrice>> = OnceLock::new();
    // The table is part of the program: a test reads it, so that it is never empty here.
    MODELS.get_or_init(|| read(TABLE).unwrap_or_default())
}

/// The price of a model at a kind of provider, by the name that a caller sends; `None` where nothing is known of it.
///
/// Letter case does not matter. A date without dashes at the end of a name is tried with them, as OpenAI's names have
/// them. Google's names may have a path before them.
pub fn find(kind: ProviderKind, model: &str) -> Option<&'static ModelPrice> {
    if model.len() > NAME_BYTES_MAX {
        return None;
    }
    let name = model.to_ascii_lowercase();
    let name = match kind {
        ProviderKind::Gemini | ProviderKind::VertexAi => name.rsplit('/').next().unwrap_or(&name),
        ProviderKind::OpenAi
        | ProviderKind::Anthropic
        | ProviderKind::Cohere
        | ProviderKind::OpenRouter
        | ProviderKind::Perplexity
        | ProviderKind::Mistral
        | ProviderKind::Groq
        | ProviderKind::DeepSeek
        | ProviderKind::Together
        | ProviderKind::XAi
        | ProviderKind::Fireworks
        | ProviderKind::Anyscale
        | ProviderKind::HuggingFace
        | ProviderKind::Azure
        | ProviderKind::Bedrock
        | ProviderKind::DeepInfra
        | ProviderKind::Custom => &name,
    };
    let search = |name: &str| catalogues(kind).iter().flat_map(|own| of_provider(own)).find(|row| row.is_match(name));
    search(name).or_else(|| search(&with_dashes(name)?))
}

/// Whose rows a kind of provider sells, its own first. Vertex AI sells Google's and Anthropic's models; Azure those of
/// others beside its own (the data set's own list of who stands in for whom).
pub(crate) const fn catalogues(kind: ProviderKind) -> &'static [&'static str] {
    match kind {
        ProviderKind::OpenAi => &["openai"],
        ProviderKind::Anthropic => &["anthropic"],
        ProviderKind::Gemini => &["gemini"],
        ProviderKind::Cohere => &["cohere"],
        ProviderKind::OpenRouter => &["openrouter"],
        ProviderKind::Perplexity => &["perplexity"],
        ProviderKind::Mistral => &["mistral"],
        ProviderKind::Groq => &["groq"],
        ProviderKind::DeepSeek => &["deepseek"],
        ProviderKind::Together => &["together"],
        ProviderKind::XAi => &["xai"],
        ProviderKind::Fireworks => &["fireworks"],
        ProviderKind::HuggingFace => &["huggingface"],
        ProviderKind::Azure => &["azure", "openai", "anthropic", "deepseek", "xai"],
        ProviderKind::Bedrock => &["bedrock"],
        ProviderKind::VertexAi => &["gemini", "anthropic"],
        ProviderKind::Anyscale | ProviderKind::DeepInfra | ProviderKind::Custom => &[],
    }
}

/// The rows of one provider: the table is sorted by provider.
pub(crate) fn of_provider(provider: &str) -> &'static [ModelPrice] {
    let models = all();
    let from = models.partition_point(|row| row.provider < provider);
    let to = models.partition_point(|row| row.provider <= provider);
    models.get(from..to).unwrap_or_default()
}

fn read(table: &'static str) -> Result<Vec<ModelPrice>, serde_json::Error> {
    let Table { models } = serde_json::from_str(table)?;
    let price = |row| {
        let Row { provider, id, rules, context_tokens_max, input, output, cached, write, write_1h, reasoning, tiers } =
            row;
        let rates = Rates { input, output, cached, write, write_1h, reasoning };
        let alternatives = match rules.as_slice() {
            [] => vec![Alternative::name(id)],
            rules => rules.iter().map(|rule| Alternative::parse(rule)).collect(),
        };
        ModelPrice { provider, id, context_tokens_max, rates, tiers, alternatives }
    };
    Ok(models.into_iter().map(price).collect())
}

/// `gpt-4o-20240513` as `gpt-4o-2024-05-13`.
fn with_dashes(name: &str) -> Option<String> {
    let (rest, date) = name.rsplit_once('-')?;
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, day) = date.split_at_checked(4)?;
    let (month, day) = day.split_at_checked(2)?;
    Some(format!("{rest}-{year}-{month}-{day}"))
}

#[cfg(test)]
mod tests;
