//! How logits become scores.
//!
//! The logit of a window is the encoder's over the temperature, and a share of the linear tier's, less something for the length of the
//! text: each window is a chance to look hostile by accident. The score of a text is a scale of false positives: three points are
//! measured, the rest lies on straight lines between them, in log-odds.

use wardbell_core::policy::Sensitivity;
use wardbell_encoder::model::{Model, Speaker};

/// From so many windows on, a longer text has nothing more taken off: one hostile line must not drown however long the page.
/// Source: ours; on the development set more of them find fewer attacks in long pages, and gain little elsewhere.
const LENGTH_WINDOWS_MAX: usize = 6;

/// What turns logits into scores: settings of the model file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// For what a user says.
    pub anyone: Scale,
    /// For what a third party says: settings that begin with `third_party.`. Where the file has no layers for third parties it is `anyone`.
    pub third_party: Scale,
    /// Windows that the linear tier scores below this, in a language that it knows, are benign without the encoder.
    pub clear: f32,
    /// How many tokens of text a window has.
    pub content: usize,
    /// By how many tokens windows overlap.
    pub overlap: usize,
}

/// What turns logits into scores for one speaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// What the encoder's logit is divided by.
    pub temperature: f32,
    /// How much of the linear tier's logit is added.
    pub share: f32,
    /// What is taken off for the natural logarithm of the number of windows, of which six count at most; a file without it takes
    /// off nothing. The highest of many benign logits rises like this where their tail falls exponentially, and the factor is how fast it
    /// falls (extreme value theory; Coles 2001, chapter 3).
    pub length: f32,
    /// The logits that about one benign text in twenty, in a hundred and in a thousand reaches.
    pub high: f32,
    /// See above.
    pub medium: f32,
    /// See above.
    pub low: f32,
}

/// What the names of a third party's settings begin with.
const THIRD_PARTY: &str = "third_party.";

/// A setting of the calibration is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// It is not there, or no finite number.
    #[error("setting {0} is missing, or is no finite number")]
    Number(String),
    /// The thresholds do not rise from high sensitivity to low.
    #[error("thresholds must rise from high sensitivity to medium to low")]
    Order,
    /// The temperature is not above zero.
    #[error("the temperature must be above 0")]
    Temperature,
    /// A long text would be taken for more hostile than a short one.
    #[error("what is taken off for length must be 0 or more")]
    Length,
    /// The windows are too long for the model, or hardly longer than their overlap.
    #[error("windows must be longer than twice their overlap, and no longer than the model's")]
    Windows,
}

/// A number among the settings of a model file.
pub(super) fn number(model: &Model, key: &str) -> Result<f32, CalibrationError> {
    let value = model.file().setting(key).and_then(|value| value.parse::<f32>().ok());
    value.filter(|value| value.is_finite()).ok_or_else(|| CalibrationError::Number(key.to_owned()))
}

impl Calibration {
    /// The settings of a model file.
    pub(super) fn read(model: &Model) -> Result<Self, CalibrationError> {
        let count = |key: &str| -> Result<usize, CalibrationError> {
            let value = model.file().setting(key).and_then(|value| value.parse().ok());
            value.ok_or_else(|| CalibrationError::Number(key.to_owned()))
        };
        let anyone = Scale::read(model, "")?;
        Ok(Self {
            anyone,
            third_party: if model.tells_speakers_apart() { Scale::read(model, THIRD_PARTY)? } else { anyone },
            clear: number(model, "linear.clear")?,
            content: count("windows.content")?,
            overlap: count("windows.overlap")?,
        })
    }

    /// The settings as a model file holds them.
    pub fn settings(&self) -> Vec<(String, String)> {
        let Self { anyone, third_party, clear, content, overlap } = self;
        let others = [
            ("linear.clear", clear.to_string()),
            ("windows.content", content.to_string()),
            ("windows.overlap", overlap.to_string()),
        ];
        let others = others.map(|(key, value)| (key.to_owned(), value));
        others.into_iter().chain(anyone.settings("")).chain(third_party.settings(THIRD_PARTY)).collect()
    }

    pub(super) fn check(&self, content_tokens_max: usize) -> Result<(), CalibrationError> {
        self.anyone.check()?;
        self.third_party.check()?;
        if self.content > content_tokens_max || self.overlap * 2 >= self.content {
            return Err(CalibrationError::Windows);
        }
        Ok(())
    }

    /// What holds for a speaker.
    pub const fn of(&self, speaker: Speaker) -> &Scale {
        match speaker {
            Speaker::Anyone => &self.anyone,
            Speaker::ThirdParty => &self.third_party,
        }
    }

    /// The score of a text that the linear tier cleared: below everything that the encoder is asked about.
    pub(super) fn cleared(&self, linear: f32) -> f32 {
        /// A cleared text is told as at most this hostile.
        const SCORE_MAX: f32 = 0.02;
        SCORE_MAX * sigmoid(linear - self.clear)
    }
}

impl Scale {
    fn read(model: &Model, prefix: &str) -> Result<Self, CalibrationError> {
        let number = |key: &str| number(model, &format!("{prefix}{key}"));
        let length = model.file().setting(&format!("{prefix}length"));
        Ok(Self {
            temperature: number("temperature")?,
            share: number("linear.share")?,
            length: length.map_or(Ok(0.0), |_| number("length"))?,
            high: number("threshold.high")?,
            medium: number("threshold.medium")?,
            low: number("threshold.low")?,
        })
    }

    fn settings(&self, prefix: &str) -> [(String, String); 6] {
        let Self { temperature, share, length, high, medium, low } = self;
        [
            ("temperature", temperature),
            ("linear.share", share),
            ("length", length),
            ("threshold.high", high),
            ("threshold.medium", medium),
            ("threshold.low", low),
        ]
        .map(|(key, value)| (format!("{prefix}{key}"), value.to_string()))
    }

    fn check(&self) -> Result<(), CalibrationError> {
        if self.temperature <= 0.0 {
            return Err(CalibrationError::Temperature);
        }
        if self.length < 0.0 {
            return Err(CalibrationError::Length);
        }
        if self.high >= self.medium || self.medium >= self.low {
            return Err(CalibrationError::Order);
        }
        Ok(())
    }

    /// The logit of a window that is one of `windows`.
    pub fn logit(&self, encoder: f32, linear: f32, windows: usize) -> f32 {
        encoder / self.temperature + self.share * linear
            - self.length * (windows.clamp(1, LENGTH_WINDOWS_MAX) as f32).ln()
    }

    /// The score of a text whose worst window has this logit: rising, and exactly the threshold of each sensitivity at
    /// its logit.
    pub(super) fn score(&self, logit: f32) -> f32 {
        let points = [
            (self.high, Sensitivity::High.threshold()),
            (self.medium, Sensitivity::Medium.threshold()),
            (self.low, Sensitivity::Low.threshold()),
        ];
        let odds = |score: f32| (score / (1.0 - score)).ln();
        let [(low_at, low), (middle_at, middle), (high_at, high)] = points;
        if logit < low_at {
            return sigmoid(odds(low) + logit - low_at).min(low.next_down());
        }
        let between = |(from, from_score): (f32, f32), (to, to_score): (f32, f32)| {
            let part = (logit - from) / (to - from);
            sigmoid(odds(from_score) + part * (odds(to_score) - odds(from_score)))
                .clamp(from_score, to_score.next_down())
        };
        if logit < middle_at {
            between((low_at, low), (middle_at, middle))
        } else if logit < high_at {
            between((middle_at, middle), (high_at, high))
        } else {
            sigmoid(odds(high) + logit - high_at).clamp(high, 1.0)
        }
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Scale = Scale { temperature: 1.0, share: 0.0, length: 0.25, high: -1.0, medium: 1.5, low: 4.0 };
    const CALIBRATION: Calibration =
        Calibration { anyone: SCALE, third_party: SCALE, clear: -2.0, content: 110, overlap: 28 };

    #[test]
    fn the_score_meets_the_threshold_of_each_sensitivity_and_rises() {
        for (logit, sensitivity) in [(-1.0, Sensitivity::High), (1.5, Sensitivity::Medium), (4.0, Sensitivity::Low)] {
            let threshold = sensitivity.threshold();
            assert!(SCALE.score(logit) >= threshold, "{sensitivity:?}");
            assert!(SCALE.score(logit - 1e-3) < threshold, "{sensitivity:?}");
        }
        let scores: Vec<f32> = (-300_i16..300).map(|at| SCALE.score(f32::from(at) / 20.0)).collect();
        assert!(scores.is_sorted());
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
        assert!(CALIBRATION.cleared(-2.0) < SCALE.score(-4.0));
    }

    #[test]
    fn a_window_among_many_counts_less_and_one_alone_in_full() {
        let logits = [1, 2, LENGTH_WINDOWS_MAX, 64].map(|windows| SCALE.logit(3.0, 0.0, windows));
        assert!((logits[0] - 3.0).abs() < 1e-6 && logits[1] < 3.0 && (2.5..2.6).contains(&logits[2]), "{logits:?}");
        assert_eq!(logits[2].to_bits(), logits[3].to_bits(), "a longer text loses no more");
    }

    #[test]
    fn a_calibration_that_makes_no_sense_is_refused() {
        assert_eq!(CALIBRATION.check(126), Ok(()));
        assert_eq!(CALIBRATION.check(100), Err(CalibrationError::Windows));
        for (scale, error) in [
            (Scale { high: 2.0, ..SCALE }, CalibrationError::Order),
            (Scale { length: -0.1, ..SCALE }, CalibrationError::Length),
            (Scale { temperature: 0.0, ..SCALE }, CalibrationError::Temperature),
        ] {
            assert_eq!(Calibration { anyone: scale, ..CALIBRATION }.check(126), Err(error.clone()));
            assert_eq!(Calibration { third_party: scale, ..CALIBRATION }.check(126), Err(error));
        }
    }
}
