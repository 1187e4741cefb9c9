//! Money, in whole nano-dollars: sums are exact.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many nano-dollars a dollar has.
const NANOS: u64 = 1_000_000_000;

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

#[cfg(test)]
mod tests {
    use super::*;

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
