//! Whether a licence expression can be met with a list of licences.
//!
//! **Source.** SPDX specification 2.3, annex D: `AND` binds tighter than `OR`, `WITH` belongs to the licence before it.
//! The old `A/B` of crates.io means `A OR B`.

use anyhow::{Result, bail, ensure};

/// The longest expression that is read. The longest on crates.io are far shorter; recursion is bounded by it.
const EXPRESSION_BYTES_MAX: usize = 500;

/// Whether `expression` can be met with `allowed`, of which each is a licence or `licence WITH exception`.
///
/// # Errors
/// The expression is not one.
pub(super) fn allowed(expression: &str, allowed: &[&str]) -> Result<bool> {
    ensure!(expression.len() <= EXPRESSION_BYTES_MAX, "too long");
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let met = reader.any()?;
    ensure!(reader.words.is_empty(), "{:?} is left over", reader.words);
    Ok(met)
}

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> Result<bool> {
        let mut met = self.all()?;
        while self.takes("OR") {
            met |= self.all()?;
        }
        Ok(met)
    }

    fn all(&mut self) -> Result<bool> {
        let mut met = self.one()?;
        while self.takes("AND") {
            met &= self.one()?;
        }
        Ok(met)
    }

    fn one(&mut self) -> Result<bool> {
        if self.takes("(") {
            let met = self.any()?;
            ensure!(self.takes(")"), "a bracket is not closed");
            return Ok(met);
        }
        let licence = self.word()?;
        if !self.takes("WITH") {
            return Ok(self.allowed.contains(&licence));
        }
        let with = format!("{licence} WITH {}", self.word()?);
        Ok(self.allowed.contains(&with.as_str()))
    }

    fn takes(&mut self, word: &str) -> bool {
        let Some((first, rest)) = self.words.split_first() else { return false };
        let same = first.eq_ignore_ascii_case(word);
        if same {
            self.words = rest;
        }
        same
    }

    fn word(&mut self) -> Result<&'a str> {
        match self.words.split_first() {
            Some((&word, rest)) if !matches!(word, "(" | ")" | "AND" | "OR" | "WITH") => {
                self.words = rest;
                Ok(word)
            }
            Some((word, _)) => bail!("{word} stands where a licence should"),
            None => bail!("it breaks off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_or_not() {
        let cases = [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("MIT AND Apache-2.0 OR GPL-3.0-only", true),
            ("GPL-3.0-only OR MIT AND ISC", false),
            ("(MIT OR GPL-3.0-only) AND Apache-2.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
        ];
        for (expression, met) in cases {
            let list = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
            assert_eq!(allowed(expression, &list).unwrap(), met, "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "AND", &"(".repeat(501)] {
            assert!(allowed(expression, &["MIT", "ISC"]).is_err(), "{expression}");
        }
    }
}
