//! What a request may cost at most, before it is sent, and what it did cost.
//!
//! **Theory of operation.** Byte-level byte-pair encodings never make more tokens than there are bytes of UTF-8, so the
//! bytes of a request bound its input. The output is bound by what the caller asked for and by the model's cap. Each token is charged at the highest price that it may have: the dearest tier, and for the output the
//! dearer of saying and thinking. Sums are exact in millionths of a nano-dollar and rounded once, upward.
//!
//! **Limits.** [`tight_tokens`] is an estimate, which text of many scripts or of digits passes. Providers add a few tokens
//! around each message, which [`Ask::extra_tokens`] holds. Images and sound cost what the caller of [`upper_bound`] says
//! they do in tokens.

use wardbell_core::budget::reservation::UpperBound;
use wardbell_core::money::Usd;
use wardbell_core::usage::Usage;

/// Output that is reserved where neither the caller nor the model's cap says how much: 16,384 tokens. Source: LiteLLM's
/// default for the same question (`spec/budgets-and-loops.md`, read 2026-11-25).
pub const OUTPUT_TOKENS_DEFAULT: u64 = 16_384;

/// How many bytes make a token in [`tight_tokens`]: 3. Source: `spec/budgets-and-loops.md`; English has about 4.
const TIGHT_BYTES: u64 = 3;

/// What a million tokens of each sort cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// What is sent.
    pub input: Usd,
    /// What is answered.
    pub output: Usd,
    /// What is sent and was cached.
    pub cached: Usd,
    /// What is sent and put into the cache.
    pub cache_write: Usd,
    /// The same, for an hour.
    pub cache_write_1h: Usd,
    /// What is thought before the answer.
    pub reasoning: Usd,
}

impl Prices {
    /// One price for all that is sent and one for all that comes back.
    pub const fn flat(input: Usd, output: Usd) -> Self {
        Self { input, output, cached: input, cache_write: input, cache_write_1h: input, reasoning: output }
    }

    /// The dearest that a token may be at these prices.
    pub fn dearest(&self) -> Dearest {
        let Self { input, output, cached, cache_write, cache_write_1h, reasoning } = *self;
        Dearest { input: input.max(cached).max(cache_write).max(cache_write_1h), output: output.max(reasoning) }
    }
}

/// What a million tokens cost at most, of what is sent and of what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dearest {
    /// What is sent, in whatever way it is cached.
    pub input: Usd,
    /// What is answered or thought.
    pub output: Usd,
}

impl Dearest {
    /// The dearer of both, for each sort.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { input: self.input.max(other.input), output: self.output.max(other.output) }
    }
}

/// What a request for a model that has no price is worth. Never nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is refused.
    Refuse,
    /// It is taken for as dear as this.
    Ceiling(Prices),
}

/// No price is known for the model, and the setting is to refuse such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no price is known for this model, and the operator wants such requests refused")]
pub struct NoPrice;

/// The dearest that a token may be: at the model's dearest tier, or what the setting says of a model without a price.
///
/// # Errors
/// If there is none and the setting refuses.
pub fn dearest_or(known: Option<Dearest>, unknown: Unknown) -> Result<Dearest, NoPrice> {
    match (known, unknown) {
        (Some(dearest), _) => Ok(dearest),
        (None, Unknown::Refuse) => Err(NoPrice),
        (None, Unknown::Ceiling(prices)) => Ok(prices.dearest()),
    }
}

/// About how many tokens so many bytes of text make, where nobody knows the tokenizer: one for three bytes.
pub const fn tight_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(TIGHT_BYTES)
}

/// What a caller asks for, as far as it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ask {
    /// The most tokens that the text may have that is sent, tools and schemas included.
    pub text_tokens: u64,
    /// Tokens of what is not text, such as images, and of what the provider adds around messages.
    pub extra_tokens: u64,
    /// The most output tokens that the caller allows, thinking included, for one answer.
    pub output_tokens: Option<u64>,
    /// How many answers it wants; 0 counts as 1.
    pub answers: u64,
}

/// What a model can do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// The most tokens of an answer, where that is known.
    pub output_tokens: Option<u64>,
    /// What is reserved where nothing is known.
    pub output_tokens_default: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { output_tokens: None, output_tokens_default: OUTPUT_TOKENS_DEFAULT }
    }
}

impl Ask {
    const fn input_tokens(&self) -> u64 {
        self.text_tokens.saturating_add(self.extra_tokens)
    }

    fn output_tokens(&self, caps: &Caps) -> u64 {
        match (self.output_tokens, caps.output_tokens) {
            (Some(asked), Some(cap)) => asked.min(cap),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => caps.output_tokens_default,
        }
    }
}

/// What a request may cost at most, at the dearest prices of every tier that it may fall into.
pub fn upper_bound(ask: &Ask, caps: &Caps, Dearest { input, output }: Dearest) -> UpperBound {
    let answers = ask.answers.max(1);
    let tokens_out = ask.output_tokens(caps).saturating_mul(answers);
    UpperBound {
        input: Usd::round_up(Usd::of_tokens(ask.input_tokens(), input)),
        output: Usd::round_up(Usd::of_tokens(tokens_out, output)),
    }
}

/// How many output tokens for each answer fit into `room`, and never more than the request may have anyway; `None` if not
/// even one fits.
pub fn output_that_fits(ask: &Ask, caps: &Caps, dearest: Dearest, room: Usd) -> Option<u64> {
    let price = dearest.output;
    let for_output = room.minus(upper_bound(ask, caps, dearest).input);
    let most = ask.output_tokens(caps);
    let each = i128::from(price.as_nanos()).checked_mul(i128::from(ask.answers.max(1)))?;
    let fits = if each == 0 {
        if for_output < Usd::ZERO { 0 } else { most }
    } else {
        u64::try_from(i128::from(for_output.as_nanos()) * 1_000_000 / each).unwrap_or(0).min(most)
    };
    (fits > 0).then_some(fits)
}

/// What a request did cost, rounded up once.
pub fn cost(usage: &Usage, prices: &Prices) -> Usd {
    let Usage {
        input_tokens,
        output_tokens,
        cached_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
        // The prices are those of this tier.
        service: _,
    } = *usage;
    // A report whose parts pass the whole is charged for the parts.
    let plain_in = [cached_tokens, cache_write_tokens, cache_write_1h_tokens]
        .iter()
        .fold(input_tokens, |rest, part| rest.saturating_sub(*part));
    let plain_out = output_tokens.saturating_sub(reasoning_tokens);
    let parts = [
        (plain_in, prices.input),
        (cached_tokens, prices.cached),
        (cache_write_tokens, prices.cache_write),
        (cache_write_1h_tokens, prices.cache_write_1h),
        (plain_out, prices.output),
        (reasoning_tokens, prices.reasoning),
    ];
    let sum = parts.iter().fold(0_i128, |sum, (tokens, price)| sum.saturating_add(Usd::of_tokens(*tokens, *price)));
    Usd::round_up(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usd(nanos: i64) -> Usd {
        Usd::from_nanos(nanos)
    }

    /// $0.15 and $0.60 for a million tokens: 150 and 600 nano-dollars a token.
    const MINI: Prices = Prices::flat(usd(150_000_000), usd(600_000_000));

    fn ask(text_tokens: u64, output_tokens: Option<u64>, answers: u64) -> Ask {
        Ask { text_tokens, output_tokens, answers, ..Ask::default() }
    }

    fn caps(output_tokens: Option<u64>) -> Caps {
        Caps { output_tokens, output_tokens_default: 1000 }
    }

    #[test]
    fn the_bound_is_what_is_sent_and_the_most_that_may_be_answered() {
        for (ask, cap, input, output) in [
            (ask(10, Some(5), 1), None, 1_500, 3_000),
            (ask(10, Some(5), 0), None, 1_500, 3_000),
            (ask(10, Some(5), 3), Some(4), 1_500, 7_200),
            (ask(10, None, 1), Some(4), 1_500, 2_400),
            (ask(10, None, 1), None, 1_500, 600_000),
            (ask(tight_tokens(10), Some(0), 1), None, 600, 0),
            (Ask { extra_tokens: 85, ..ask(0, Some(0), 1) }, None, 12_750, 0),
        ] {
            let bound = upper_bound(&ask, &caps(cap), MINI.dearest());
            assert_eq!(bound, UpperBound { input: usd(input), output: usd(output) }, "{ask:?} {cap:?}");
        }
        let most = upper_bound(&ask(u64::MAX, Some(u64::MAX), u64::MAX), &caps(None), MINI.dearest());
        assert_eq!(most.total(), Usd::MAX, "nothing overflows");
    }

    #[test]
    fn the_dearest_tier_and_thinking_are_what_is_reserved() {
        let thinking = Prices { reasoning: usd(9_000_000_000), cache_write: usd(400_000_000), ..MINI };
        let bound = upper_bound(&ask(1, Some(1), 1), &caps(None), thinking.dearest().or(MINI.dearest()));
        assert_eq!(bound, UpperBound { input: usd(400), output: usd(9_000) });
    }

    #[test]
    fn a_model_without_a_price_is_refused_or_dear_and_never_free() {
        let mini = MINI.dearest();
        assert_eq!(dearest_or(None, Unknown::Refuse), Err(NoPrice));
        assert_eq!(dearest_or(None, Unknown::Ceiling(MINI)), Ok(mini));
        assert_eq!(dearest_or(Some(mini), Unknown::Refuse), Ok(mini));
    }

    #[test]
    fn what_fits_fits_and_one_more_does_not() {
        let ask = ask(10, Some(50), 2);
        for (room, fits) in
            [(0, None), (1_500, None), (2_699, None), (2_700, Some(1)), (5_000, Some(2)), (1 << 40, Some(50))]
        {
            let found = output_that_fits(&ask, &caps(None), MINI.dearest(), usd(room));
            assert_eq!(found, fits, "{room}");
            let cost_of =
                |tokens| upper_bound(&Ask { output_tokens: Some(tokens), ..ask }, &caps(None), MINI.dearest()).total();
            assert!(fits.is_none_or(|tokens| cost_of(tokens) <= usd(room)));
        }
    }

    #[test]
    fn parts_are_charged_at_their_prices_and_rounded_up_once() {
        let prices = Prices { cached: usd(37_500_000), reasoning: usd(1_000_000_000), ..MINI };
        let usage =
            Usage { input_tokens: 10, cached_tokens: 3, output_tokens: 5, reasoning_tokens: 2, ..Usage::default() };
        // 7 × 150 + 3 × 37.5 + 3 × 600 + 2 × 1000 = 4962.5
        assert_eq!(cost(&usage, &prices), usd(4_963));
        assert_eq!(cost(&Usage::default(), &prices), Usd::ZERO);
        let odd = Usage { input_tokens: 1, cached_tokens: 2, ..Usage::default() };
        assert_eq!(cost(&odd, &prices), usd(75), "a report that adds up to less than its parts is charged for them");
    }
}
