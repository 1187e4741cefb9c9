//! What models cost: a table of prices by provider and model, and the rules that find a model by the name that a caller
//! sends.
//!
//! **Source.** `table.json`, made by `cargo xtask prices` from the data sets `genai-prices` and `litellm` (PyPI, MIT); its
//! first line names the versions and the day. `xtask/src/prices/compile.py` says what is taken over and what is not.
//! [`book`] lays an operator's own prices over it.
//!
//! **Guarantees.** Prices are exact: whole nano-dollars for a million tokens, rounded up past nine decimals. A search is
//! linear in the provider's rows and the name. The table is read once, when it is first asked for.
//!
//! **What it does not know.** Prices by tokens only, as of the table's day: no discounts, no prices by image, second of
//! sound, search or request, and no rates of their own for tokens of sound and images; where the hour decides, the highest.
//! Not every service tier of every model is listed. Servers of one's own (`custom`), Anyscale and `DeepInfra` are not
//! in it. A model that is not found has no price, which is not the same as none.

pub mod book;

mod clause;

use std::sync::OnceLock;

use serde::Deserialize;
use wardbell_core::money::Usd;
use wardbell_core::provider::ProviderKind;
use wardbell_core::usage::ServiceTier;

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
    /// What it costs, and the longest answer.
    pub price: Price,
    alternatives: Vec<Alternative>,
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price {
    /// The most tokens that an answer may have, where that is known.
    pub output_tokens_max: Option<u64>,
    /// What a request costs, whatever its length unless a tier says otherwise.
    pub rates: Rates,
    /// What longer requests cost, shortest first.
    pub tiers: Vec<Tier>,
    /// What quicker service costs, where that is known.
    pub priority: Option<ServiceRates>,
    /// What slower service costs, where that is known.
    pub flex: Option<ServiceRates>,
    /// What service in batches costs, where that is known.
    pub batch: Option<ServiceRates>,
}

/// What a million tokens cost in another service tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ServiceRates {
    /// What is sent.
    pub input: Usd,
    /// What is answered.
    pub output: Usd,
    /// What is sent and was in the provider's cache; `None` is in proportion to [`input`](Self::input).
    pub cached: Option<Usd>,
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

/// What priority service is taken to cost where it is not listed, in hundredths of the standard price. Source: the dearest
/// in the table is 2 times the standard one; we take more.
const PRIORITY_UNLISTED: i64 = 250;

impl Price {
    /// What a request of so many input tokens costs in a service tier. A cheaper tier that is not listed costs as much as
    /// the standard one, and priority service two and a half times as much: never too little.
    pub fn rates_at(&self, input_tokens: u64, service: ServiceTier) -> Rates {
        let tier = self.tiers.iter().rev().find(|tier| input_tokens > tier.above_input_tokens);
        let rates = tier.map_or(&self.rates, |tier| &tier.rates);
        let (listed, unlisted) = match service {
            ServiceTier::Standard => return *rates,
            ServiceTier::Flex => (self.flex, 100),
            ServiceTier::Batch => (self.batch, 100),
            ServiceTier::Priority => (self.priority, PRIORITY_UNLISTED),
        };
        let Some(ServiceRates { input, output, cached }) = listed else {
            let all = |rate: Usd| scale(rate, unlisted, 100);
            return rates.each(all, all, all);
        };
        // What is listed is for short requests; other rates keep their proportion to it.
        let base = &self.rates;
        let part = |of: Usd, to: Usd| move |rate: Usd| scale(rate, to.as_nanos(), of.as_nanos());
        let of_input = part(base.input, input);
        let of_cached = |rate: Usd| match (base.cached, cached) {
            (Some(before), Some(now)) => scale(rate, now.as_nanos(), before.as_nanos()),
            (None, _) | (_, None) => of_input(rate),
        };
        rates.each(of_input, part(base.output, output), of_cached)
    }
}

/// A rate in the proportion of two others, rounded up; a proportion to nothing changes nothing.
fn scale(rate: Usd, to: i64, of: i64) -> Usd {
    if of <= 0 {
        return rate;
    }
    let scaled = i128::from(rate.as_nanos()) * i128::from(to);
    let of = i128::from(of);
    let up = scaled.div_euclid(of) + i128::from(scaled.rem_euclid(of) != 0);
    Usd::from_nanos(i64::try_from(up).unwrap_or(i64::MAX))
}

impl Rates {
    fn each(
        &self,
        of_input: impl Fn(Usd) -> Usd,
        of_output: impl Fn(Usd) -> Usd,
        of_cached: impl Fn(Usd) -> Usd,
    ) -> Self {
        let Self { input, output, cached, write, write_1h, reasoning } = *self;
        Self {
            input: of_input(input),
            output: of_output(output),
            // One that has no price of its own costs what the input does.
            cached: cached.map(of_cached),
            write: write.map(&of_input),
            write_1h: write_1h.map(&of_input),
            reasoning: reasoning.map(&of_output),
        }
    }
}

impl ModelPrice {
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
    #[serde(rename = "output_max")]
    output_tokens_max: Option<u64>,
    priority: Option<ServiceRates>,
    flex: Option<ServiceRates>,
    batch: Option<ServiceRates>,
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
        let Row {
            provider,
            id,
            rules,
            context_tokens_max,
            input,
            output,
            cached,
            write,
            write_1h,
            reasoning,
            tiers,
            output_tokens_max,
            priority,
            flex,
            batch,
        } = row;
        let rates = Rates { input, output, cached, write, write_1h, reasoning };
        let price = Price { output_tokens_max, rates, tiers, priority, flex, batch };
        let alternatives = match rules.as_slice() {
            [] => vec![Alternative::name(id)],
            rules => rules.iter().map(|rule| Alternative::parse(rule)).collect(),
        };
        ModelPrice { provider, id, context_tokens_max, price, alternatives }
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
