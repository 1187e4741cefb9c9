//! What a call may cost, and the money that is held for it (`wardbell_store::ledger`).
//!
//! Only calls of projects with a budget are priced before they are sent. What is held is the most that the call may cost at
//! the dearest of the providers that it may be tried at; what it did cost is charged when its flight ends. Where the policy
//! says so, a call that does not fit has its answer capped at what does.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use memchr::memmem::Finder;
use wardbell_core::budget::reservation::Reservation;
use wardbell_core::money::Usd;
use wardbell_core::policy::{BudgetPolicy, OnShortfall, TokenCount};
use wardbell_core::provider::ProviderKind;
use wardbell_core::usage::{ServiceTier, Usage};
use wardbell_guard::budget::{self, Ask, Caps, Dearest, NoPrice, Prices, Unknown};
use wardbell_llm::dialect::Dialect;
use wardbell_llm::edit::Edit;
use wardbell_llm::price::book::PriceBook;
use wardbell_llm::price::{Price, Rates};
use wardbell_llm::tokens;
use wardbell_llm::transcript::asked::Asked;
use wardbell_store::budget::Spender;
use wardbell_store::ledger::ReserveError;
use wardbell_telemetry::ambient;
use wardbell_telemetry::metrics::{BudgetLabels, metrics};

use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::provider::{Remote, Target};
use crate::refused::Refused;

/// What an image that is not in the body may be billed as unless the operator says otherwise, in tokens. Source: OpenAI's
/// largest is 1,445 by its tile formula and 3,779 by its patches, Anthropic's about 1,600, Gemini's tiles of 258 add up to
/// less than that for all but posters (`spec/budgets-and-loops.md`; the providers' pages on images, as we know them); we
/// take more than each of them.
pub const IMAGE_TOKENS_DEFAULT: u64 = 4_000;

/// `gpt-4o-mini` bills 2,833 tokens for an image and 5,667 for each of its tiles, of which there are 8 at most: 2,048 by 768
/// pixels in squares of 512. Source: OpenAI's page on images and vision, as we know it.
const IMAGE_TOKENS_GPT_4O_MINI: u64 = 2_833 + 8 * 5_667;

/// Words that stand before an image or a file that the provider fetches itself, in one dialect or another.
const IMAGE_WORDS: [&[u8]; 6] = [b"image_url", b"image\"", b"file_id\"", b"file_url\"", b"ile_uri\"", b"ileUri\""];

/// What providers add to a request that has tools, in tokens. Source: Anthropic's page on tool use tells of 346 to 804
/// tokens by model, as we know it; we take more.
const TOOLS_TOKENS: u64 = 1_000;

/// How JSON writes a letter by its number; a digit of 4 to 7 follows for those of ASCII.
const ESCAPE: &[u8] = br"\u00";

/// The shortest answer that a call is capped at, in tokens; one that leaves room for less is refused. Source: the least that
/// OpenAI's Responses take, as we know the API.
const CAP_TOKENS_MIN: u64 = 16;

/// How often a cap is tried: what fits may be taken by others meanwhile, and other budgets may leave less.
const CAP_TRIES: usize = 4;

/// How calls are priced.
#[derive(Debug)]
pub struct Pricing {
    /// The prices: the operator's own before the table's.
    pub book: PriceBook,
    /// What a model without a price is worth.
    pub unknown: Unknown,
    /// The output that is held where neither the caller nor the table says how much, in tokens.
    pub output_tokens_default: u64,
    /// What an image or a file that is named by address or id is held as, in tokens.
    pub image_tokens: u64,
}

impl Default for Pricing {
    /// The table; 15 and 75 dollars a million tokens for what is not in it: no less than the most used models cost.
    fn default() -> Self {
        let dollars = |dollars: i64| Usd::from_nanos(dollars * 1_000_000_000);
        Self {
            book: PriceBook::default(),
            unknown: Unknown::Ceiling(Prices::flat(dollars(15), dollars(75))),
            output_tokens_default: budget::OUTPUT_TOKENS_DEFAULT,
            image_tokens: IMAGE_TOKENS_DEFAULT,
        }
    }
}

impl Pricing {
    /// What a call did cost, as far as the price is known.
    pub(crate) fn cost(&self, kind: ProviderKind, model: &str, usage: &Usage) -> Option<Usd> {
        let prices = match (self.book.find(kind, model), self.unknown) {
            (Some(price), _) => prices(&price.rates_at(usage.input_tokens, usage.service)),
            (None, Unknown::Ceiling(ceiling)) => ceiling,
            (None, Unknown::Refuse) => return None,
        };
        Some(budget::cost(usage, &prices))
    }

    /// The dearest prices of every tier at every provider that the call may be tried at, and the longest answer of them.
    fn dearest(&self, remotes: &[Remote], model: &str, service: ServiceTier) -> Result<(Dearest, Caps), NoPrice> {
        let mut dearest = Dearest::default();
        let mut longest = Some(0);
        for remote in remotes {
            let price = self.book.find(remote.kind, model);
            let known = price.as_deref().map(|price| dearest_of(price, service));
            dearest = dearest.or(budget::dearest_or(known, self.unknown)?);
            let output_tokens_max = price.and_then(|price| price.output_tokens_max);
            longest = longest.zip(output_tokens_max).map(|(one, other)| one.max(other));
        }
        Ok((dearest, Caps { output_tokens: longest, output_tokens_default: self.output_tokens_default }))
    }
}

/// The dearest prices of a model, whatever the length of the request, at the service that is asked for or the usual one.
fn dearest_of(price: &Price, service: ServiceTier) -> Dearest {
    let lengths = std::iter::once(0).chain(price.tiers.iter().map(|tier| tier.above_input_tokens + 1));
    let services = if service == ServiceTier::Standard { &[service][..] } else { &[ServiceTier::Standard, service] };
    lengths
        .flat_map(|tokens| services.iter().map(move |service| prices(&price.rates_at(tokens, *service)).dearest()))
        .fold(Dearest::default(), Dearest::or)
}

/// Money that is held for a call.
pub(crate) struct Held {
    reservation: Reservation,
    pricing: Arc<Pricing>,
}

impl Held {
    /// Charges what the call did cost. One that answered and said nothing of its usage is charged all that was held.
    pub(crate) fn settle(self, kind: ProviderKind, model: &str, usage: Option<&Usage>) -> Usd {
        let Self { reservation, pricing } = self;
        let bound = reservation.bound().total();
        let cost = usage.and_then(|usage| pricing.cost(kind, model, usage)).unwrap_or(bound);
        let settled = reservation.settle(cost);
        if settled.beyond_bound > Usd::ZERO {
            tracing::warn!(beyond = %settled.beyond_bound, model, "a call cost more than it could");
        }
        settled.charged
    }

    /// Gives the money back: nothing was billed.
    pub(crate) fn release(self) {
        self.reservation.release();
    }
}

fn prices(rates: &Rates) -> Prices {
    let Rates { input, output, cached, write, write_1h, reasoning } = *rates;
    let write = write.unwrap_or(input);
    Prices {
        input,
        output,
        cached: cached.unwrap_or(input),
        cache_write: write,
        cache_write_1h: write_1h.unwrap_or(write),
        reasoning: reasoning.unwrap_or(output),
    }
}

/// The call that money is held for.
pub(crate) struct Call<'c> {
    pub(crate) target: &'c Target,
    pub(crate) dialect: Dialect,
    pub(crate) model: &'c str,
    pub(crate) body: &'c Bytes,
    /// What the body asks for; `None` where it is no JSON object.
    pub(crate) asked: Option<&'c Asked>,
    /// The session that the caller names.
    pub(crate) session: Option<&'c str>,
}

/// A cap on the answer, for a call that would not fit without one.
#[derive(Debug, Default)]
pub(crate) struct Cap {
    /// The most tokens that the answer may have.
    pub(crate) tokens: u64,
    /// What makes the request say so.
    pub(crate) edits: Vec<Edit>,
}

/// Holds what a call may cost, if the project has a budget; with the cap that it needs to fit.
///
/// # Errors
/// When a budget does not reach, no price is known and the setting refuses, or the store cannot be asked: a budget that
/// cannot be looked at has not said yes.
pub(crate) async fn hold(
    gateway: &Gateway,
    flight: &Flight,
    call: &Call<'_>,
    policy: &BudgetPolicy,
) -> Result<Option<(Held, Option<Cap>)>, Refused> {
    let Target::Remote(remotes) = call.target else { return Ok(None) };
    let project = flight.project();
    if !gateway.directory.current().budgets.contains_key(&project) {
        return Ok(None);
    }
    let pricing = &gateway.pricing;
    let service = call.asked.map_or(ServiceTier::Standard, Asked::service);
    let (dearest, caps) = pricing
        .dearest(remotes, call.model, service)
        .map_err(|NoPrice| Refused::NoPrice { model: call.model.to_owned() })?;
    let ask = Ask {
        text_tokens: text_tokens(remotes, call, policy.count),
        extra_tokens: extra_tokens(remotes, call, pricing.image_tokens),
        output_tokens: call.asked.and_then(Asked::output_tokens_max),
        answers: call.asked.map_or(1, Asked::answers),
    };
    let spender = Arc::new(Spender {
        project,
        key: flight.key(),
        user: flight.user().map(Arc::from),
        session: call.session.map(Arc::from),
        model: Arc::from(flight.model()),
        request: flight.arrival.name(),
    });
    let bound = budget::upper_bound(&ask, &caps, dearest);
    let held = |reservation| Held { reservation, pricing: Arc::clone(pricing) };
    if policy.on_shortfall == OnShortfall::Clamp {
        let mut lowered = ask;
        let mut cap = None;
        for _ in 0..CAP_TRIES {
            let bound = budget::upper_bound(&lowered, &caps, dearest);
            let short = match gateway.ledger.try_reserve(&spender, bound, ambient::now()).await {
                Ok(reservation) => return Ok(Some((held(reservation), cap))),
                Err(ReserveError::Short(short)) => short,
                Err(error) => return Err(unknown(&error, flight)),
            };
            let fits = budget::output_that_fits(&lowered, &caps, dearest, short.room());
            let Some(found) = fits.and_then(|tokens| call.cap(remotes, tokens)) else { break };
            lowered.output_tokens = Some(found.tokens);
            cap = Some(found);
        }
    }
    match gateway.ledger.reserve(&spender, bound, ambient::now()).await {
        Ok(reservation) => Ok(Some((held(reservation), None))),
        Err(ReserveError::Short(shortfall)) => {
            metrics().budget_refusals.get_or_create(&BudgetLabels { scope: shortfall.scope.kind() }).inc();
            Err(Refused::Budget(shortfall))
        }
        Err(error @ (ReserveError::TooMany | ReserveError::Store(_))) => Err(unknown(&error, flight)),
    }
}

fn unknown(error: &ReserveError, flight: &Flight) -> Refused {
    tracing::error!(error = error as &dyn std::error::Error, request = %flight.arrival.request, "budget not known");
    Refused::BudgetUnknown
}

impl Call<'_> {
    /// The cap at so many tokens; `None` where that is too short an answer, or the request cannot be capped.
    fn cap(&self, remotes: &[Remote], tokens: u64) -> Option<Cap> {
        let asked = self.asked?;
        let is_enough = tokens >= CAP_TOKENS_MIN && asked.thinking_tokens().is_none_or(|thinking| tokens > thinking);
        // OpenAI's newer models take only the longer name; servers that speak as it does know the older one.
        let is_openai = remotes.iter().all(|remote| matches!(remote.kind, ProviderKind::OpenAi | ProviderKind::Azure));
        let field = match self.dialect {
            Dialect::ChatCompletions if is_openai => "max_completion_tokens",
            Dialect::Responses => "max_output_tokens",
            Dialect::ChatCompletions
            | Dialect::Completions
            | Dialect::Messages
            | Dialect::CohereChat
            | Dialect::Gemini
            | Dialect::Embeddings
            | Dialect::Generic => "max_tokens",
        };
        let edits = asked.cap(self.dialect, self.body, field, tokens).filter(|_| is_enough)?;
        Some(Cap { tokens, edits })
    }
}

/// The tokens of the body's text: its bytes, or near to what the model's tokenizer makes of them.
fn text_tokens(remotes: &[Remote], call: &Call<'_>, count: TokenCount) -> u64 {
    let bytes = call.body.len() as u64;
    match count {
        TokenCount::Strict => bytes,
        // The first call loads the tokenizer, so even a short text may take long.
        TokenCount::Tight => tokio::task::block_in_place(|| {
            let of = |remote: &Remote| tokens::count(remote.kind, call.model, call.body);
            remotes
                .iter()
                .map(|remote| of(remote).unwrap_or_else(|| budget::tight_tokens(bytes)))
                .max()
                .unwrap_or(bytes)
        }),
    }
}

/// The tokens of what is not text, and of what providers add.
fn extra_tokens(remotes: &[Remote], call: &Call<'_>, image_tokens: u64) -> u64 {
    static TOOLS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"tools\""));
    let is_mini = |remote: &Remote| {
        matches!(remote.kind, ProviderKind::OpenAi | ProviderKind::Azure | ProviderKind::OpenRouter)
            && call.model.contains("gpt-4o-mini")
    };
    let each = if remotes.iter().any(is_mini) { IMAGE_TOKENS_GPT_4O_MINI.max(image_tokens) } else { image_tokens };
    let has_tools = TOOLS.find(call.body).is_some();
    images(call.body).saturating_mul(each).saturating_add(if has_tools { TOOLS_TOKENS } else { 0 })
}

/// How many images of a body the provider may fetch itself; those in the body count as its bytes, too. Nobody escapes
/// letters but to hide a word, so that each escaped one counts as an image that is hidden so.
fn images(body: &[u8]) -> u64 {
    /// Each is made ready once.
    static WORDS: LazyLock<[Finder<'static>; IMAGE_WORDS.len()]> = LazyLock::new(|| IMAGE_WORDS.map(Finder::new));
    static HIDDEN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(ESCAPE));
    let words: usize = WORDS.iter().map(|word| word.find_iter(body).count()).sum();
    let is_letter = |at: &usize| body.get(at + ESCAPE.len()).is_some_and(|digit| (b'4'..=b'7').contains(digit));
    let hidden = HIDDEN.find_iter(body).filter(is_letter).count();
    words as u64 + hidden as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_counts_however_its_name_is_written() {
        let count = |body: &str| images(body.as_bytes());
        assert_eq!(count(r#"{"text":"caf\u00e9, a new\u000aline and 5 \u0035"}"#), 0);
        assert_eq!(count(r#"[{"image_url":"https://a"},{"type":"image"},{"file_uri":"gs://b"},{"fileUri":"c"}]"#), 4);
        assert_eq!(count(r#"[{"type":"input_image","file_id":"f"},{"type":"input_file","file_url":"https://a"}]"#), 3);
        assert!(count(r#"[{"im\u0061ge_url":"https://a"},{"image\u005furl":"b"},{"type":"\u0069mage"}]"#) >= 3);
        assert!(count(r#"{"file_ur\u0069":"gs://b"}"#) >= 1);
        assert_eq!(count(r"\u00"), 0);
    }
}
