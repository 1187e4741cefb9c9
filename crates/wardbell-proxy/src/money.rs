//! What a call may cost, and the money that is held for it (`wardbell_store::ledger`).
//!
//! Only calls of projects with a budget are priced before they are sent. What is held is the most that the call may cost at
//! the dearest of the providers that it may be tried at; what it did cost is charged when its flight ends.

use std::sync::Arc;

use bytes::Bytes;
use wardbell_core::budget::reservation::Reservation;
use wardbell_core::money::Usd;
use wardbell_core::provider::ProviderKind;
use wardbell_core::usage::Usage;
use wardbell_guard::budget::{self, Ask, Caps, Count, NoPrice, Prices, Unknown};
use wardbell_llm::price::{self, Rates};
use wardbell_llm::transcript::Transcript;
use wardbell_store::budget::Spender;
use wardbell_store::ledger::ReserveError;
use wardbell_telemetry::ambient;

use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::provider::{Remote, Target};
use crate::refused::Refused;

/// What an image that is not in the body may be billed as, in tokens. Source: OpenAI's largest high-detail image is 1,105
/// tokens by its tile formula, Anthropic's about 1,600, Gemini's tiles of 258 add up to more for large ones
/// (`spec/budgets-and-loops.md`); we take more than each of them.
const IMAGE_TOKENS: u64 = 3_000;

/// Words that stand before an image or a file that the provider fetches itself, in one dialect or another.
const IMAGE_WORDS: [&[u8]; 6] = [b"image_url", b"image\"", b"file_id\"", b"file_url\"", b"ile_uri\"", b"ileUri\""];

/// How JSON writes a letter by its number; a digit of 4 to 7 follows for those of ASCII.
const ESCAPE: &[u8] = br"\u00";

/// How calls are priced where the table does not know the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pricing {
    /// What a model without a price is worth.
    pub unknown: Unknown,
    /// The output that is held where neither the caller nor the table says how much, in tokens.
    pub output_tokens_default: u64,
}

impl Default for Pricing {
    /// 15 and 75 dollars a million tokens: no less than the most used models cost.
    fn default() -> Self {
        let dollars = |dollars: i64| Usd::from_nanos(dollars * 1_000_000_000);
        Self {
            unknown: Unknown::Ceiling(Prices::flat(dollars(15), dollars(75))),
            output_tokens_default: budget::OUTPUT_TOKENS_DEFAULT,
        }
    }
}

/// Money that is held for a call.
pub(crate) struct Held {
    reservation: Reservation,
    unknown: Unknown,
}

impl Held {
    /// Charges what the call did cost. One that answered and said nothing of its usage is charged all that was held.
    pub(crate) fn settle(self, kind: ProviderKind, model: &str, usage: Option<&Usage>) -> Usd {
        let Self { reservation, unknown } = self;
        let bound = reservation.bound().total();
        let cost = usage.and_then(|usage| cost(kind, model, usage, unknown)).unwrap_or(bound);
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

/// What a call did cost, as far as the price is known.
pub(crate) fn cost(kind: ProviderKind, model: &str, usage: &Usage, unknown: Unknown) -> Option<Usd> {
    let prices = match (price::find(kind, model), unknown) {
        (Some(found), _) => prices(found.rates_at(usage.input_tokens)),
        (None, Unknown::Ceiling(ceiling)) => ceiling,
        (None, Unknown::Refuse) => return None,
    };
    Some(budget::cost(usage, &prices))
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
    pub(crate) model: &'c str,
    pub(crate) body: &'c Bytes,
    pub(crate) transcript: Option<&'c Transcript<'c>>,
    /// The session that the caller names in a header.
    pub(crate) session: Option<&'c str>,
}

/// Holds what a call may cost, if the project has a budget.
///
/// # Errors
/// When a budget does not reach, no price is known and the setting refuses, or the store cannot be asked: a budget that
/// cannot be looked at has not said yes.
pub(crate) async fn hold(gateway: &Gateway, flight: &Flight, call: &Call<'_>) -> Result<Option<Held>, Refused> {
    let Target::Remote(remotes) = call.target else { return Ok(None) };
    let project = flight.project();
    if !gateway.directory.current().budgets.contains_key(&project) {
        return Ok(None);
    }
    let Pricing { unknown, output_tokens_default } = gateway.pricing;
    let tiers =
        tiers(remotes, call.model, unknown).map_err(|NoPrice| Refused::NoPrice { model: call.model.to_owned() })?;
    let ask = Ask {
        input_bytes: call.body.len() as u64,
        extra_tokens: images(call.body).saturating_mul(IMAGE_TOKENS),
        output_tokens: call.transcript.and_then(Transcript::output_tokens_max),
        answers: call.transcript.map_or(1, Transcript::samples),
        count: Count::Strict,
    };
    let caps = Caps { output_tokens: None, output_tokens_default };
    let bound = budget::upper_bound(&ask, &caps, &tiers);
    let session = call.session.or_else(|| call.transcript.and_then(|transcript| transcript.session()));
    let spender = Arc::new(Spender {
        project,
        key: flight.key(),
        user: flight.user().map(Arc::from),
        session: session.map(Arc::from),
        model: Arc::from(flight.model()),
        request_id: Arc::from(flight.arrival.shown_id()),
    });
    match gateway.ledger.reserve(&spender, bound, ambient::now()).await {
        Ok(reservation) => Ok(Some(Held { reservation, unknown })),
        Err(ReserveError::Short(shortfall)) => Err(Refused::Budget(shortfall)),
        Err(error @ (ReserveError::TooMany | ReserveError::Store(_))) => {
            tracing::error!(error = &error as &dyn std::error::Error, request = %flight.arrival.request, "budget not known");
            Err(Refused::BudgetUnknown)
        }
    }
}

/// The prices of every tier at every provider that the call may be tried at.
fn tiers(remotes: &[Remote], model: &str, unknown: Unknown) -> Result<Vec<Prices>, NoPrice> {
    let mut all = Vec::new();
    for remote in remotes {
        let found = price::find(remote.kind, model);
        let known = found.map_or_else(Vec::new, |found| {
            std::iter::once(&found.rates).chain(found.tiers.iter().map(|tier| &tier.rates)).map(prices).collect()
        });
        all.extend(budget::prices_or(known, unknown)?);
    }
    Ok(all)
}

/// How many images of a body the provider may fetch itself; those in the body count as its bytes, too. Nobody escapes
/// letters but to hide a word, so that each escaped one counts as an image that is hidden so.
fn images(body: &[u8]) -> u64 {
    let words: usize = IMAGE_WORDS.iter().map(|word| memchr::memmem::find_iter(body, word).count()).sum();
    let is_letter = |at: &usize| body.get(at + ESCAPE.len()).is_some_and(|digit| (b'4'..=b'7').contains(digit));
    let hidden = memchr::memmem::find_iter(body, ESCAPE).filter(is_letter).count();
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
