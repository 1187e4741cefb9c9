//! The prices that hold here: the operator's own, and the table for the rest.
//!
//! **How one is written.** `provider/model name=dollars …`, dollars for a million tokens, such as
//! `custom/llama-3.3-* input=0.20 output=0.60 cached=0.05 output_tokens_max=8192`. The provider is the name of a
//! [`ProviderKind`] or `*`; the model may end with `*`. `input` and `output` must be there; `cached`, `write`, `write_1h` and
//! `reasoning` may. It takes the place of the table's row as a whole: no length of a request and no service tier has another
//! price then. Of several that fit the first one counts.
//!
//! **Bounds.** What was found is remembered for [`KNOWN_MAX`] names, so that a search is a look-up for a model that is in use.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use wardbell_core::money::{Usd, UsdError};
use wardbell_core::provider::ProviderKind;

use super::{NAME_BYTES_MAX, Price, Rates, find};

/// How many names are remembered. Source: our choice; some 300 bytes each. Past it everything is forgotten once.
pub const KNOWN_MAX: usize = 1024;

/// A price of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPrice {
    kind: Option<ProviderKind>,
    /// The name in lower case, without its `*`.
    model: String,
    is_prefix: bool,
    price: Price,
}

/// Why a text is no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnPriceError {
    /// It does not begin with a provider and a model.
    #[error("must begin with provider/model, such as custom/llama-3.3-*")]
    NoModel,
    /// There is no such provider.
    #[error("names the provider `{0}`; it must be one of a provider's kinds, such as openai or custom, or *")]
    Provider(String),
    /// A part is no `name=value` that is known here, or comes twice.
    #[error(
        "has `{0}`; each part must be one of input, output, cached, write, write_1h, reasoning, output_tokens_max, once, \
         with = and a value"
    )]
    Part(String),
    /// An amount is none.
    #[error("has `{0}`, which {1}")]
    Amount(String, UsdError),
    /// An amount is below nothing.
    #[error("has `{0}`, which must not be negative")]
    Negative(String),
    /// A number of tokens is none.
    #[error("has `{0}`, which must be a whole number of tokens from 1")]
    Tokens(String),
    /// One of the two that must be there is not.
    #[error("must say {0}=, in dollars for a million tokens")]
    Missing(&'static str),
}

impl FromStr for OwnPrice {
    type Err = OwnPriceError;

    fn from_str(text: &str) -> Result<Self, OwnPriceError> {
        let mut parts = text.split_whitespace();
        let (provider, model) = parts
            .next()
            .and_then(|name| name.split_once('/'))
            .filter(|(_, model)| !model.is_empty() && model.len() <= NAME_BYTES_MAX)
            .ok_or(OwnPriceError::NoModel)?;
        let kind = match provider {
            "*" => None,
            name => Some(ProviderKind::from_name(name).ok_or_else(|| OwnPriceError::Provider(name.to_owned()))?),
        };
        let mut amounts: HashMap<&str, Usd> = HashMap::new();
        let mut output_tokens_max = None;
        for part in parts {
            let wrong = || OwnPriceError::Part(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            match name {
                "input" | "output" | "cached" | "write" | "write_1h" | "reasoning" => {
                    let amount: Usd = value.parse().map_err(|error| OwnPriceError::Amount(part.to_owned(), error))?;
                    if amount < Usd::ZERO {
                        return Err(OwnPriceError::Negative(part.to_owned()));
                    }
                    if amounts.insert(name, amount).is_some() {
                        return Err(wrong());
                    }
                }
                "output_tokens_max" if output_tokens_max.is_none() => {
                    let tokens = value.parse().ok().filter(|tokens| *tokens > 0);
                    output_tokens_max = Some(tokens.ok_or_else(|| OwnPriceError::Tokens(part.to_owned()))?);
                }
                _ => return Err(wrong()),
            }
        }
        let must = |name: &'static str| amounts.get(name).copied().ok_or(OwnPriceError::Missing(name));
        let may = |name: &str| amounts.get(name).copied();
        let rates = Rates {
            input: must("input")?,
            output: must("output")?,
            cached: may("cached"),
            write: may("write"),
            write_1h: may("write_1h"),
            reasoning: may("reasoning"),
        };
        let is_prefix = model.ends_with('*');
        let model = model.strip_suffix('*').unwrap_or(model).to_ascii_lowercase();
        Ok(Self { kind, model, is_prefix, price: Price { output_tokens_max, rates, ..Price::default() } })
    }
}

impl OwnPrice {
    fn fits(&self, kind: ProviderKind, name: &str) -> bool {
        let Self { kind: own, model, is_prefix, price: _ } = self;
        own.is_none_or(|own| own == kind) && if *is_prefix { name.starts_with(model) } else { name == model }
    }
}

/// The prices that hold here. Cheap to share behind an [`Arc`].
#[derive(Debug, Default)]
pub struct PriceBook {
    own: Vec<OwnPrice>,
    known: RwLock<Known>,
}

/// What was found at a kind of provider.
type Answer = (ProviderKind, Option<Arc<Price>>);

/// What was found for a name at each kind of provider, also where that was nothing. By the name first: that can be looked up
/// without a copy of it.
#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<String, Vec<Answer>>,
    count: usize,
}

impl Known {
    fn get(&self, kind: ProviderKind, model: &str) -> Option<&Option<Arc<Price>>> {
        self.by_name.get(model)?.iter().find(|(known, _)| *known == kind).map(|(_, price)| price)
    }

    /// Remembers what was found, unless another did meanwhile.
    fn put(&mut self, kind: ProviderKind, model: &str, price: Option<Arc<Price>>) {
        if self.get(kind, model).is_some() {
            return;
        }
        if self.count >= KNOWN_MAX {
            *self = Self::default();
        }
        self.by_name.entry(model.to_owned()).or_default().push((kind, price));
        self.count += 1;
    }
}

impl PriceBook {
    /// A book with the operator's own prices before the table's.
    pub fn new(own: Vec<OwnPrice>) -> Self {
        Self { own, known: RwLock::default() }
    }

    /// What a model costs at a kind of provider, by the name that a caller sends; `None` where nothing is known of it.
    pub fn find(&self, kind: ProviderKind, model: &str) -> Option<Arc<Price>> {
        if model.len() > NAME_BYTES_MAX {
            return None;
        }
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(kind, model) {
            return known.clone();
        }
        let name = model.to_ascii_lowercase();
        let own = self.own.iter().find(|own| own.fits(kind, &name)).map(|own| &own.price);
        let price = own.or_else(|| find(kind, model).map(|row| &row.price)).cloned().map(Arc::new);
        self.known.write().unwrap_or_else(PoisonError::into_inner).put(kind, model, price.clone());
        price
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> OwnPrice {
        text.parse().unwrap()
    }

    fn input(book: &PriceBook, kind: ProviderKind, model: &str) -> Option<String> {
        book.find(kind, model).map(|price| price.rates.input.to_string())
    }

    #[test]
    fn own_prices_come_before_the_table_and_the_first_that_fits_counts() {
        let book = PriceBook::new(vec![
            own("custom/Llama-3.3-* input=0.2 output=0.6 cached=0.05 output_tokens_max=8192"),
            own("openai/gpt-4o input=2 output=8"),
            own("*/llama-3.3-70b input=9 output=9"),
        ]);
        // Twice: the second time it is remembered.
        for _ in 0..2 {
            assert_eq!(input(&book, ProviderKind::Custom, "llama-3.3-70B").as_deref(), Some("0.20"));
            assert_eq!(input(&book, ProviderKind::Groq, "llama-3.3-70b").as_deref(), Some("9.00"));
            assert_eq!(input(&book, ProviderKind::OpenAi, "gpt-4o").as_deref(), Some("2.00"));
            assert_eq!(input(&book, ProviderKind::OpenAi, "gpt-4o-mini").as_deref(), Some("0.15"));
            assert_eq!(input(&book, ProviderKind::Custom, "gpt-4o"), None);
        }
        let price = book.find(ProviderKind::Custom, "llama-3.3-70b").unwrap();
        assert_eq!((price.output_tokens_max, price.rates.reasoning), (Some(8192), None));
    }

    #[test]
    fn a_flood_of_names_is_forgotten() {
        let book = PriceBook::default();
        for number in 0..3 * KNOWN_MAX {
            assert_eq!(book.find(ProviderKind::Custom, &format!("model-{number}")), None);
        }
        assert!(book.known.read().unwrap().count <= KNOWN_MAX);
        assert!(book.known.read().unwrap().by_name.len() <= KNOWN_MAX);
        assert_eq!(book.find(ProviderKind::OpenAi, &"x".repeat(NAME_BYTES_MAX + 1)), None);
    }

    #[test]
    fn what_is_no_price_is_told() {
        for (text, told) in [
            ("", "must begin with provider/model, such as custom/llama-3.3-*"),
            ("gpt-4o input=1 output=1", "must begin with provider/model, such as custom/llama-3.3-*"),
            ("acme/m input=1 output=1", "names the provider `acme`"),
            ("custom/m input=1", "must say output=, in dollars for a million tokens"),
            ("custom/m output=1", "must say input=, in dollars for a million tokens"),
            ("custom/m input=1 output=one", "has `output=one`, which must be a number of dollars"),
            ("custom/m input=1 output=-1", "has `output=-1`, which must not be negative"),
            ("custom/m input=1 input=2 output=1", "has `input=2`; each part must be"),
            ("custom/m input=1 output=1 price", "has `price`; each part must be"),
            ("custom/m input=1 output=1 images=3", "has `images=3`; each part must be"),
            (
                "custom/m input=1 output=1 output_tokens_max=0",
                "has `output_tokens_max=0`, which must be a whole number",
            ),
        ] {
            let error = text.parse::<OwnPrice>().unwrap_err().to_string();
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
