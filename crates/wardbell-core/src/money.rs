//! Money, in whole nano-dollars: sums are exact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many nano-dollars a dollar has.
const NANOS: u64 = 1_000_000_000;

/// How many decimals an amount may be written with.
const DECIMALS_MAX: i32 = 9;

/// How many significant digits an amount may be written with: so many survive a reader that keeps numbers as doubles
/// (IEEE 754 binary64, 15 decimal digits).
const DIGITS_MAX: usize = 15;

/// The text is no amount of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// It is no decimal number.
    #[error("must be a number of dollars")]
    NotNumber,
    /// It is finer than a nano-dollar.
    #[error("must have at most 9 decimals")]
    TooFine,
    /// It has more digits than can be kept exactly, or is larger than nine billion dollars.
    #[error("must have at most 15 digits and be at most 9 billion dollars")]
    TooLarge,
}

/// An amount of US dollars, in nano-dollars. May be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(i64);

impl Usd {
    /// An amount of nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// The sum; stays at the largest or smallest amount instead of overflowing.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, which may be negative; stays at the largest or smallest amount instead of overflowing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What so many tokens cost at a price for a million, in millionths of a nano-dollar: nothing is rounded.
    pub const fn of_tokens(tokens: u64, per_million: Self) -> i128 {
        (tokens as i128) * (per_million.0 as i128)
    }

    /// Millionths of a nano-dollar as an amount, rounded up once; stays at the largest amount instead of overflowing.
    pub fn round_up(millionths: i128) -> Self {
        let whole = millionths.div_euclid(1_000_000) + i128::from(millionths.rem_euclid(1_000_000) != 0);
        Self(i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The amount as a JSON number of dollars; exact up to nine million dollars, to the precision of a double beyond.
    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl fmt::Display for Usd {
    /// Dollars with two to nine decimals: `0.00`, `-1.50`, `0.000012`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let mut fraction = format!("{:09}", nanos % NANOS);
        while fraction.len() > 2 && fraction.ends_with('0') {
            fraction.pop();
        }
        write!(f, "{sign}{}.{fraction}", nanos / NANOS)
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    /// Reads a JSON number, such as `12.5`, `0.000000001` or `1e-9`, without going through a float.
    fn from_str(text: &str) -> Result<Self, UsdError> {
        let (is_negative, number) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().map_err(|_| UsdError::NotNumber)?),
            None => (number, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(UsdError::NotNumber);
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = [whole, fraction].concat();
        let shift = i32::from(exponent) - i32::try_from(fraction.len()).map_err(|_| UsdError::TooFine)?;
        let kept = digits.trim_start_matches('0');
        let zeros = i32::try_from(kept.len() - kept.trim_end_matches('0').len()).map_err(|_| UsdError::TooLarge)?;
        let kept = kept.trim_end_matches('0');
        if kept.is_empty() {
            return Ok(Self(0));
        }
        let shift = shift + zeros;
        if shift < -DECIMALS_MAX {
            return Err(UsdError::TooFine);
        }
        if kept.len() > DIGITS_MAX {
            return Err(UsdError::TooLarge);
        }
        let power = u32::try_from(shift + DECIMALS_MAX).map_err(|_| UsdError::TooFine)?;
        let digits: i64 = kept.parse().map_err(|_| UsdError::TooLarge)?;
        let scale = 10_i64.checked_pow(power).ok_or(UsdError::TooLarge)?;
        let nanos = digits.checked_mul(scale).ok_or(UsdError::TooLarge)?;
        Ok(Self(if is_negative { -nanos } else { nanos }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_number_reads_exactly() {
        for (text, nanos) in [
            ("0", 0),
            ("-0.0", 0),
            ("0e99", 0),
            ("10", 10_000_000_000),
            ("0.1", 100_000_000),
            ("-1.50", -1_500_000_000),
            ("1e-9", 1),
            ("2.5E-8", 25),
            ("1e3", 1_000_000_000_000),
            ("123456.789012345", 123_456_789_012_345),
            ("9000000000", 9_000_000_000_000_000_000),
            ("0.3000", 300_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Usd::from_nanos(nanos)), "{text}");
        }
        for (text, error) in [
            ("", UsdError::NotNumber),
            ("-", UsdError::NotNumber),
            (".5", UsdError::NotNumber),
            ("1.", UsdError::NotNumber),
            ("+1", UsdError::NotNumber),
            ("1e", UsdError::NotNumber),
            ("NaN", UsdError::NotNumber),
            ("1e99999", UsdError::NotNumber),
            ("0.0000000001", UsdError::TooFine),
            ("1e-10", UsdError::TooFine),
            ("1e10", UsdError::TooLarge),
            ("1234567.123456789", UsdError::TooLarge),
        ] {
            assert_eq!(text.parse::<Usd>(), Err(error), "{text}");
        }
    }

    #[test]
    fn tokens_cost_exactly_and_are_rounded_up_once() {
        // $0.0375 for a million tokens is 37.5 nano-dollars a token.
        let price = Usd::from_nanos(37_500_000);
        assert_eq!(Usd::round_up(Usd::of_tokens(2, price)), Usd::from_nanos(75));
        assert_eq!(Usd::round_up(Usd::of_tokens(3, price)), Usd::from_nanos(113));
        assert_eq!(Usd::round_up(Usd::of_tokens(u64::MAX, Usd::MAX)), Usd::MAX);
    }

    #[test]
    fn an_amount_reads_as_dollars() {
        for (nanos, text) in [
            (0, "0.00"),
            (12_500_000_000, "12.50"),
            (-1_500_000_000, "-1.50"),
            (12_000, "0.000012"),
            (1, "0.000000001"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(Usd::from_nanos(nanos).to_string(), text);
        }
    }
}
