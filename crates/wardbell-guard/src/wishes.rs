//! What a caller of the scan and proxy surface asks for in its `x-lockllm-*` headers (`spec/wire-lockllm.md` 2.3).
//!
//! A value that is not one of the allowed is an error that names the header; it never falls back silently.

use wardbell_core::policy::{Sensitivity, WarnOrBlock};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanMode {
    /// The core detectors.
    Normal,
    /// The project's content policies.
    PolicyOnly,
    /// Both.
    #[default]
    Combined,
}

impl ScanMode {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::PolicyOnly => "policy_only",
            Self::Combined => "combined",
        }
    }
}

/// What is to be done about personal data and secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PiiWish {
    /// Cut them out.
    Strip,
    /// Stop the request.
    Block,
    /// Tell of them.
    Warn,
}

impl PiiWish {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strip => "strip",
            Self::Block => "block",
            Self::Warn => "allow_with_warning",
        }
    }
}

/// A way to shorten a prompt. Wardbell does none; it answers that nothing was shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// JSON in another notation.
    Toon,
    /// Words left out.
    Compact,
    /// Both.
    Combined,
}

impl Compression {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Toon => "toon",
            Self::Compact => "compact",
            Self::Combined => "combined",
        }
    }
}

/// What a caller asks for; `None` where it says nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wishes {
    /// What is looked for.
    pub mode: ScanMode,
    /// About prompt injection.
    pub scan: Option<WarnOrBlock>,
    /// About content policies.
    pub policy: Option<WarnOrBlock>,
    /// About abuse.
    pub abuse: Option<WarnOrBlock>,
    /// About personal data and secrets.
    pub pii: Option<PiiWish>,
    /// How low an injection score counts.
    pub sensitivity: Option<Sensitivity>,
    /// Whether the text is to be read in pieces. The detectors read texts of any length as one, so it changes nothing.
    pub chunk: Option<bool>,
    /// A way to shorten the prompt.
    pub compression: Option<Compression>,
    /// Whether the caller asks for a model to be chosen for it (`auto` or `custom`).
    pub routing: bool,
}

/// A header has a value that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{header}` must be {must}")]
pub struct WishError {
    /// The header.
    pub header: &'static str,
    /// What it must be.
    pub must: &'static str,
}

const WARN_OR_BLOCK: &str = "block or allow_with_warning";

/// The longest time that an answer may be kept, in seconds (`spec/wire-lockllm.md` 2.3).
const CACHE_SECONDS_MAX: u32 = 86_400;

/// How much a compression may be asked to leave (the same page).
const COMPRESSION_RATES: std::ops::RangeInclusive<f32> = 0.3..=0.7;

impl Wishes {
    /// Reads them. `header` gives the value of a header by its name in lower case.
    ///
    /// # Errors
    /// When a header has a value that is not allowed.
    pub fn read<'h>(header: impl Fn(&'static str) -> Option<&'h [u8]>) -> Result<Self, WishError> {
        let word = |name, must, read: fn(&str) -> Option<Word>| match header(name) {
            None => Ok(None),
            Some(value) => {
                let value = std::str::from_utf8(value).ok().map(|value| value.trim().to_ascii_lowercase());
                value.as_deref().and_then(read).map(Some).ok_or(WishError { header: name, must })
            }
        };
        let choice = |name| -> Result<Option<WarnOrBlock>, WishError> {
            Ok(match word(name, WARN_OR_BLOCK, warn_or_block)? {
                Some(Word::Action(action)) => Some(action),
                _ => None,
            })
        };
        let truth = |name| -> Result<Option<bool>, WishError> {
            Ok(match word(name, "true or false", truth)? {
                Some(Word::Truth(truth)) => Some(truth),
                _ => None,
            })
        };
        let mut wishes = Self {
            scan: choice("x-lockllm-scan-action")?,
            policy: choice("x-lockllm-policy-action")?,
            abuse: choice("x-lockllm-abuse-action")?,
            chunk: truth("x-lockllm-chunk")?,
            ..Self::default()
        };
        if let Some(Word::Mode(mode)) = word("x-lockllm-scan-mode", MODES, mode)? {
            wishes.mode = mode;
        }
        if let Some(Word::Pii(pii)) = word("x-lockllm-pii-action", "strip, block or allow_with_warning", pii)? {
            wishes.pii = Some(pii);
        }
        if let Some(Word::Sensitivity(level)) = word("x-lockllm-sensitivity", SENSITIVITIES, sensitivity)? {
            wishes.sensitivity = Some(level);
        }
        if let Some(Word::Compression(way)) = word("x-lockllm-compression", "toon, compact or combined", compression)? {
            wishes.compression = Some(way);
        }
        if let Some(Word::Truth(routing)) = word("x-lockllm-route-action", "disabled, auto or custom", routing)? {
            wishes.routing = routing;
        }
        // What Wardbell does not do is still read: a slip is told, not swallowed.
        truth("x-lockllm-cache-response")?;
        word("x-lockllm-compression-rate", "a number from 0.3 to 0.7", rate)?;
        word("x-lockllm-cache-ttl", "a number of seconds from 0 to 86400", seconds)?;
        Ok(wishes)
    }
}

/// The allowed values of `sensitivity`, in a header or a body.
pub const SENSITIVITIES: &str = "low, medium or high";

/// The allowed values of `mode`, in a header or a body.
pub const MODES: &str = "normal, policy_only or combined";

/// What a header's word means.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    Mode(ScanMode),
    Action(WarnOrBlock),
    Pii(PiiWish),
    Sensitivity(Sensitivity),
    Compression(Compression),
    Truth(bool),
    Number,
}

fn mode(word: &str) -> Option<Word> {
    scan_mode(word).map(Word::Mode)
}

/// Finds a mode by its name on the wire.
pub fn scan_mode(word: &str) -> Option<ScanMode> {
    [ScanMode::Normal, ScanMode::PolicyOnly, ScanMode::Combined].into_iter().find(|mode| mode.as_str() == word)
}

fn sensitivity(word: &str) -> Option<Word> {
    sensitivity_named(word).map(Word::Sensitivity)
}

/// Finds a sensitivity by its name on the wire.
pub fn sensitivity_named(word: &str) -> Option<Sensitivity> {
    [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High].into_iter().find(|level| level.as_str() == word)
}

fn warn_or_block(word: &str) -> Option<Word> {
    match word {
        "block" => Some(Word::Action(WarnOrBlock::Block)),
        "allow_with_warning" => Some(Word::Action(WarnOrBlock::Warn)),
        _ => None,
    }
}

fn pii(word: &str) -> Option<Word> {
    [PiiWish::Strip, PiiWish::Block, PiiWish::Warn].into_iter().find(|wish| wish.as_str() == word).map(Word::Pii)
}

fn compression(word: &str) -> Option<Word> {
    [Compression::Toon, Compression::Compact, Compression::Combined]
        .into_iter()
        .find(|way| way.as_str() == word)
        .map(Word::Compression)
}

fn truth(word: &str) -> Option<Word> {
    word.parse().ok().map(Word::Truth)
}

fn routing(word: &str) -> Option<Word> {
    match word {
        "disabled" => Some(Word::Truth(false)),
        "auto" | "custom" => Some(Word::Truth(true)),
        _ => None,
    }
}

fn rate(word: &str) -> Option<Word> {
    let rate: f32 = word.parse().ok()?;
    COMPRESSION_RATES.contains(&rate).then_some(Word::Number)
}

fn seconds(word: &str) -> Option<Word> {
    let seconds: u32 = word.parse().ok()?;
    (seconds <= CACHE_SECONDS_MAX).then_some(Word::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Wishes, WishError> {
        Wishes::read(|asked| (asked == name).then_some(value.as_bytes()))
    }

    #[test]
    fn every_allowed_value_is_read() {
        assert_eq!(Wishes::read(|_| None), Ok(Wishes::default()));
        assert_eq!(read("x-lockllm-scan-mode", "policy_only").unwrap().mode, ScanMode::PolicyOnly);
        assert_eq!(read("x-lockllm-scan-action", "Block").unwrap().scan, Some(WarnOrBlock::Block));
        assert_eq!(read("x-lockllm-policy-action", "allow_with_warning").unwrap().policy, Some(WarnOrBlock::Warn));
        assert_eq!(read("x-lockllm-abuse-action", "block").unwrap().abuse, Some(WarnOrBlock::Block));
        assert_eq!(read("x-lockllm-pii-action", " strip ").unwrap().pii, Some(PiiWish::Strip));
        assert_eq!(read("x-lockllm-sensitivity", "low").unwrap().sensitivity, Some(Sensitivity::Low));
        assert_eq!(read("x-lockllm-compression", "toon").unwrap().compression, Some(Compression::Toon));
        assert_eq!(read("x-lockllm-chunk", "true").unwrap().chunk, Some(true));
        assert!(read("x-lockllm-route-action", "auto").unwrap().routing);
        assert!(!read("x-lockllm-route-action", "disabled").unwrap().routing);
        for (name, value) in [
            ("x-lockllm-compression-rate", "0.5"),
            ("x-lockllm-cache-response", "false"),
            ("x-lockllm-cache-ttl", "3600"),
        ] {
            assert!(read(name, value).is_ok(), "{name}");
        }
    }

    #[test]
    fn any_other_value_is_an_error_that_names_the_header() {
        for (name, value) in [
            ("x-lockllm-scan-mode", "strict"),
            ("x-lockllm-scan-action", ""),
            ("x-lockllm-policy-action", "warn"),
            ("x-lockllm-abuse-action", "off"),
            ("x-lockllm-pii-action", "redact"),
            ("x-lockllm-sensitivity", "0.5"),
            ("x-lockllm-compression", "zip"),
            ("x-lockllm-compression-rate", "0.9"),
            ("x-lockllm-compression-rate", "NaN"),
            ("x-lockllm-chunk", "yes"),
            ("x-lockllm-route-action", "on"),
            ("x-lockllm-cache-response", "1"),
            ("x-lockllm-cache-ttl", "86401"),
            ("x-lockllm-cache-ttl", "-1"),
        ] {
            assert_eq!(read(name, value).unwrap_err().header, name, "{value:?}");
        }
        let error = Wishes::read(|name| (name == "x-lockllm-chunk").then_some(&b"\xff"[..])).unwrap_err();
        assert_eq!(error.to_string(), "`x-lockllm-chunk` must be true or false");
    }
}
