//! The model that judges whether a text is a prompt injection.
//!
//! **Cast.** A [`Cascade`] is read once from the model file: the weights of the [linear tier](crate::linear), the encoder
//! (`wardbell-encoder`) and the [`calibration::Calibration`] that turns logits into scores. [`Cascade::look`] reads a text
//! in every way ([`Readings`]) and scores each reading with the linear tier. What that does not settle is an [`Open`] look:
//! windows of tokens that wait for the encoder. Whoever holds threads for it gives each window to [`Cascade::score`] and
//! the answers to [`Cascade::judge`], which says what is made of them: a [`Judged`].
//!
//! **Theory of operation.** Windows have at most [`calibration::Calibration::content`] tokens, overlap, and end with sentences
//! where they can, so that one hostile line in a long page fills a good part of one window. A text is as hostile as its
//! worst window, less something for its length: a page of sixty windows has sixty chances to look so by accident. The score is a
//! scale of false positives: of benign texts about one in a thousand reaches 0.9, one in a hundred 0.8, one in twenty 0.5
//! (`core::policy::Sensitivity`), measured on the quantised model and whole texts.
//!
//! **Effort.** What a user says goes to the encoder only where the linear tier is not sure that it is harmless, or does not
//! know its language. Tool results and documents always go there, all of them, and layers of their own read them: who
//! speaks there may order nothing, so a line that would be a user's good right is an attack. Where nobody says who speaks, both read, and
//! the surer of them counts.
//!
//! **Memory.** Verdicts on texts and on windows are remembered under keyed hashes, so that in a conversation only what is
//! new is scored. The key is drawn once for each process; text is not kept.
//!
//! **Bounds.** A text has at most [`WINDOWS_MAX`] windows scored, the first and the last of the plain reading among them,
//! then those that the linear tier likes least. What is left out makes the verdict [partial](Judged::partial).
//!
//! **What it does not do.** It has no threads and no clock, and it does not know who may say what: the policy does.

use std::borrow::Cow;
use std::ops::Range;

use wardbell_core::entity::EntityType;
use wardbell_core::finding::Finding;
use wardbell_core::policy::Sensitivity;
use wardbell_encoder::error::{ModelError, ScoreError};
use wardbell_encoder::file::NumberKind;
pub use wardbell_encoder::model::Speaker;
use wardbell_encoder::model::{Model, Scores};
use wardbell_encoder::workspace::Workspace;

use crate::cascade::calibration::{Calibration, CalibrationError};
use crate::cascade::memory::{Key, Memory};
use crate::engine::{Engine, EngineError, EngineSettings};
use crate::linear::{Linear, LinearError, Scored, feature};
use crate::reading::{Reading, Readings, Way};

pub mod calibration;
mod memory;
mod windows;

/// How many windows of one text the encoder reads. Source: ours; 64 windows are about 20,000 letters and half a
/// second of one core.
pub const WINDOWS_MAX: usize = 64;

/// How many verdicts on texts are remembered, and how many on windows: about 3 MiB together.
const TEXTS_REMEMBERED: usize = 8_192;
const WINDOWS_REMEMBERED: usize = 32_768;

/// The lowest score that a finding is made of. Below it a text is as good as clean.
pub const FINDING_SCORE_MIN: f32 = 0.05;

/// How hard a text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effort {
    /// The encoder reads what the linear tier cannot clear.
    Lenient,
    /// The encoder reads everything.
    Strict,
    /// The encoder reads everything, as words of a third party: a document, the result of a tool.
    ThirdParty,
    /// Nobody knows who speaks: the encoder reads everything, as a user's words and as a third party's.
    Unknown,
}

impl Effort {
    /// Whose words a text is read as, and whose it is read as again.
    const fn speakers(self) -> (Speaker, Option<Speaker>) {
        match self {
            Self::Lenient | Self::Strict => (Speaker::Anyone, None),
            Self::ThirdParty => (Speaker::ThirdParty, None),
            Self::Unknown => (Speaker::Anyone, Some(Speaker::ThirdParty)),
        }
    }
}

/// What kind of injection a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// It overrides the instructions.
    Direct,
    /// It lifts the model's limits.
    Jailbreak,
    /// It wants the instructions told.
    Extraction,
    /// It gives orders from within data.
    Indirect,
    /// It hides what it says.
    Obfuscated,
}

impl Category {
    /// All of them, in the order of the encoder's outputs.
    pub const ALL: [Self; 5] = [Self::Direct, Self::Jailbreak, Self::Extraction, Self::Indirect, Self::Obfuscated];

    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Jailbreak => "jailbreak",
            Self::Extraction => "extraction",
            Self::Indirect => "indirect",
            Self::Obfuscated => "obfuscated",
        }
    }

    /// The rule that a finding of this kind names.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Direct => "injection.model-direct",
            Self::Jailbreak => "injection.model-jailbreak",
            Self::Extraction => "injection.model-extraction",
            Self::Indirect => "injection.model-indirect",
            Self::Obfuscated => "injection.model-obfuscated",
        }
    }

    /// One sentence on what it finds.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Direct => {
                "The injection model takes the text for an order that replaces the instructions of the application."
            }
            Self::Jailbreak => {
                "The injection model takes the text for an attempt to lift the model's limits, by a role, a mode or a game."
            }
            Self::Extraction => {
                "The injection model takes the text for an attempt to get the instructions or secrets told."
            }
            Self::Indirect => "The injection model takes the text for an order to the model that stands within data.",
            Self::Obfuscated => {
                "What is hidden in the text, by a code, escapes or invisible characters, is taken for a prompt injection."
            }
        }
    }

    fn of(scores: &Scores) -> Self {
        let best = Self::ALL.iter().zip(scores.categories).max_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(Self::Direct, |(category, _)| *category)
    }
}

/// What was decided about a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// From 0 to 1; see the scale above.
    pub score: f32,
    /// What the score was made of: log-odds, comparable only between texts that the same tier judged as the same speaker's.
    pub logit: f32,
    /// The kind, if it were one.
    pub category: Category,
    /// The bytes of the text that decided: the worst window and what is as bad.
    pub spans: Vec<Range<usize>>,
    /// Whether something was left unread because of a bound.
    pub partial: bool,
    /// How many windows the encoder judged for it, remembered ones included.
    pub windows: usize,
}

impl Judged {
    /// With what the rules found where it was hidden, if that is surer.
    fn with(mut self, ruled: Option<Ruled>) -> Self {
        if let Some(Ruled { score, span }) = ruled.filter(|ruled| ruled.score > self.score) {
            (self.score, self.category) = (score, Category::Obfuscated);
            self.spans.push(span);
            windows::join(&mut self.spans);
        }
        self
    }

    /// What is told about the text; nothing where the score is too low to speak of.
    pub fn findings(&self) -> Vec<Finding> {
        if self.score < FINDING_SCORE_MIN {
            return Vec::new();
        }
        let finding = |span: &Range<usize>| Finding {
            entity: EntityType::PromptInjection,
            rule: self.category.rule(),
            span: span.clone(),
            score: self.score,
        };
        self.spans.iter().map(finding).collect()
    }
}

/// A look that the linear tier settled, or that waits for the encoder.
#[derive(Debug)]
pub enum Look {
    /// It is settled.
    Judged(Judged),
    /// The encoder has to read.
    Open(Open),
}

/// Windows that wait for the encoder.
#[derive(Debug)]
pub struct Open {
    key: Key,
    windows: Vec<Window>,
    ruled: Option<Ruled>,
    partial: bool,
}

/// What the rules found in a text that was hidden: they read the plain one elsewhere.
#[derive(Debug, Clone)]
struct Ruled {
    score: f32,
    span: Range<usize>,
}

/// A window of a reading.
#[derive(Debug)]
struct Window {
    ids: Vec<u32>,
    /// Whose words it is read as.
    speaker: Speaker,
    key: Key,
    /// The bytes of the text behind it.
    span: Range<usize>,
    way: Way,
    /// What the linear tier says of it.
    linear: f32,
    /// Whether the linear tier knows its language.
    is_known: bool,
    /// How many windows its reading has, [`WINDOWS_MAX`] at most.
    of: usize,
    /// What the encoder said before.
    known: Option<Scores>,
}

impl Open {
    /// The windows that the encoder has not seen before, in order; one that is to be read as words of two speakers comes once.
    pub fn unknown(&self) -> impl Iterator<Item = Unread<'_>> {
        let mut unknown = self.windows.iter().filter(|window| window.known.is_none()).peekable();
        std::iter::from_fn(move || {
            let Window { ids, speaker, .. } = unknown.next()?;
            let again = unknown.next_if(|next| next.speaker != *speaker && next.ids == *ids);
            Some(Unread { ids: Cow::Borrowed(ids), speaker: *speaker, again: again.map(|next| next.speaker) })
        })
    }
}

/// A window that the encoder has not seen, for [`Cascade::score`].
#[derive(Debug, Clone)]
pub struct Unread<'a> {
    ids: Cow<'a, [u32]>,
    speaker: Speaker,
    /// Whose words it is read as after that.
    again: Option<Speaker>,
}

impl Unread<'_> {
    /// The same with tokens of its own, to be read elsewhere.
    pub fn into_owned(self) -> Unread<'static> {
        Unread { ids: Cow::Owned(self.ids.into_owned()), speaker: self.speaker, again: self.again }
    }
}

/// Memory for [`Cascade::score`]; one thread uses it at a time.
#[derive(Debug, Default)]
pub struct Space(Workspace);

/// What the encoder says of a window: as words of the first speaker, and of the second if there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowScores(Scores, Option<Scores>);

/// What the tiers say of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The encoder's logit.
    pub encoder: f32,
    /// The linear tier's.
    pub linear: f32,
    /// Whether the linear tier knows the language.
    pub is_known: bool,
    /// How many windows its reading has.
    pub of: usize,
}

/// The model file is not one that this version reads.
#[derive(Debug, thiserror::Error)]
pub enum CascadeError {
    /// The encoder refuses it.
    #[error("the encoder cannot be read")]
    Encoder(#[from] ModelError),
    /// The linear tier's weights are not what they must be.
    #[error("the linear tier cannot be read")]
    Linear(#[from] LinearError),
    /// A setting of the linear tier or of the calibration is missing or wrong.
    #[error("the calibration cannot be read")]
    Calibration(#[from] CalibrationError),
    /// The rules do not compile.
    #[error("the rules do not compile")]
    Rules(#[from] EngineError),
}

/// The model, read once and used from any thread.
#[derive(Debug)]
pub struct Cascade {
    /// The rules of prompt injection.
    rules: Engine,
    model: Model,
    weights: Vec<i8>,
    scale: f32,
    bias: f32,
    calibration: Calibration,
    texts: Memory<Judged>,
    seen: Memory<Scores>,
}

impl Cascade {
    /// Reads a model file that is calibrated.
    ///
    /// # Errors
    /// When the file is not one that this version reads, or is not calibrated.
    pub fn read(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Self, CascadeError> {
        Self::with(bytes, Calibration::read)
    }

    /// Reads a model file and takes another calibration in place of its own: for whoever calibrates.
    ///
    /// # Errors
    /// When the file is not one that this version reads.
    pub fn calibrated(bytes: impl Into<Cow<'static, [u8]>>, calibration: Calibration) -> Result<Self, CascadeError> {
        Self::with(bytes, |_| Ok(calibration))
    }

    fn with(
        bytes: impl Into<Cow<'static, [u8]>>,
        calibration: impl FnOnce(&Model) -> Result<Calibration, CalibrationError>,
    ) -> Result<Self, CascadeError> {
        let model = Model::read(bytes)?;
        let weights = model.file().bytes("linear.weights", NumberKind::I8, &[feature::BUCKETS])?;
        let weights: Vec<i8> = weights.iter().map(|byte| byte.cast_signed()).collect();
        let scale = calibration::number(&model, "linear.scale")?;
        let bias = calibration::number(&model, "linear.bias")?;
        Linear::new(&weights, scale, bias)?;
        let calibration = calibration(&model)?;
        calibration.check(model.content_tokens_max())?;
        let rules = Engine::new(&EngineSettings { entities: vec![EntityType::PromptInjection] })?;
        let (texts, seen) = (Memory::new(TEXTS_REMEMBERED), Memory::new(WINDOWS_REMEMBERED));
        Ok(Self { rules, model, weights, scale, bias, calibration, texts, seen })
    }

    /// How its logits become scores.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Looks at a text with the linear tier, in time linear in its length.
    pub fn look(&self, text: &str, effort: Effort) -> Look {
        let key = self.texts.key(&(text, effort));
        if let Some(judged) = self.texts.get(&key) {
            return Look::Judged(judged);
        }
        let Ok(linear) = Linear::new(&self.weights, self.scale, self.bias) else {
            // It was made once before, from the same numbers.
            return Look::Open(Open { key, windows: Vec::new(), ruled: None, partial: true });
        };
        let readings = Readings::of(text);
        let score = |(index, text): (usize, &str)| {
            if readings.is_superseded(index) { Vec::new() } else { linear.score(text) }
        };
        let scored: Vec<Vec<Scored>> = readings.iter().map(Reading::text).enumerate().map(score).collect();
        let ruled = self.rule(&readings);
        let clears = |window: &Scored| window.is_known && window.logit < self.calibration.clear;
        if effort == Effort::Lenient && scored.iter().flatten().all(clears) {
            let logit = scored.iter().flatten().map(|window| window.logit).fold(f32::MIN, f32::max);
            let judged = Judged {
                score: self.calibration.cleared(logit),
                logit,
                category: Category::Direct,
                spans: Vec::new(),
                partial: readings.is_partial(),
                windows: 0,
            };
            let judged = judged.with(ruled);
            self.texts.put(key, judged.clone());
            return Look::Judged(judged);
        }
        let mut windows = Vec::new();
        let (speaker, other) = effort.speakers();
        for (index, (reading, scored)) in readings.iter().zip(&scored).enumerate() {
            if readings.is_superseded(index) {
                continue;
            }
            let tokens = self.model.tokenize(reading.text());
            let mut cuts = windows::cut(&tokens, reading.text(), self.calibration.content, self.calibration.overlap);
            if cuts.is_empty() {
                // A text of nothing but spaces and signs that no piece stands for.
                cuts.push(0..tokens.len());
            }
            let of = cuts.len().min(WINDOWS_MAX);
            for cut in cuts {
                let ids = tokens.ids.get(cut.clone()).unwrap_or_default().to_vec();
                let span = windows::span(&tokens, &cut);
                let around: Vec<&Scored> = scored
                    .iter()
                    .filter(|w| w.span.start < span.end.max(1) && span.start < w.span.end.max(1))
                    .collect();
                if effort == Effort::Lenient && around.iter().all(|window| clears(window)) {
                    continue;
                }
                let linear = around.iter().map(|window| window.logit).fold(f32::MIN, f32::max);
                let linear = if around.is_empty() { self.bias } else { linear };
                let is_known = around.iter().all(|window| window.is_known);
                let (span, way) = (readings.to_source(index, &span), reading.way());
                let key = self.seen.key(&(speaker, &ids));
                let known = self.seen.get(&key);
                windows.push(Window { ids, speaker, key, span, way, linear, is_known, of, known });
            }
        }
        let by_linear = |window: &Window| (window.way == Way::Plain, window.linear);
        let partial = readings.is_partial() | windows::within(&mut windows, WINDOWS_MAX, by_linear);
        if let Some(other) = other.filter(|_| self.model.tells_speakers_apart()) {
            let twice = |window| {
                let again = self.read_as(&window, other);
                [window, again]
            };
            windows = windows.into_iter().flat_map(twice).collect();
        }
        Look::Open(Open { key, windows, ruled, partial })
    }

    /// The same window as words of another speaker.
    fn read_as(&self, window: &Window, speaker: Speaker) -> Window {
        let Window { ref ids, ref span, way, linear, is_known, of, .. } = *window;
        let key = self.seen.key(&(speaker, ids));
        Window {
            ids: ids.clone(),
            speaker,
            key,
            span: span.clone(),
            way,
            linear,
            is_known,
            of,
            known: self.seen.get(&key),
        }
    }

    /// The surest thing that the rules find in texts that were hidden.
    fn rule(&self, readings: &Readings<'_>) -> Option<Ruled> {
        let hidden = readings.iter().enumerate().filter(|(_, reading)| reading.way() != Way::Plain);
        let found = hidden.flat_map(|(index, reading)| {
            let found = self.rules.scan(reading.text()).into_iter();
            found.map(move |finding| (finding.score, index, finding.span))
        });
        let (score, index, span) = found.max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Ruled { score, span: readings.to_source(index, &span) })
    }

    /// Lets the encoder read one window: some milliseconds.
    ///
    /// # Errors
    /// When the window is not one of [`Open::unknown`] of this model.
    pub fn score(&self, window: &Unread<'_>, space: &mut Space) -> Result<WindowScores, ScoreError> {
        let Unread { ids, speaker, again } = window;
        let Some(again) = again else {
            return Ok(WindowScores(self.model.score(ids, *speaker, &mut space.0)?, None));
        };
        let [one, other] = self.model.score_twice(ids, [*speaker, *again], &mut space.0)?;
        Ok(WindowScores(one, Some(other)))
    }

    /// Says what is made of a look, with what the encoder said of its [unknown](Open::unknown) windows, in their order. A
    /// window that has no answer counts as not read.
    pub fn judge(&self, open: Open, answers: impl IntoIterator<Item = WindowScores>) -> Judged {
        let Open { key, windows, ruled, mut partial } = open;
        let mut answers = answers.into_iter().flat_map(|WindowScores(one, other)| std::iter::once(one).chain(other));
        let mut judged = Vec::with_capacity(windows.len());
        let mut complete = true;
        for window in &windows {
            let scores = if let Some(known) = window.known {
                known
            } else {
                let Some(scores) = answers.next() else {
                    complete = false;
                    continue;
                };
                self.seen.put(window.key, scores);
                scores
            };
            let scale = self.calibration.of(window.speaker);
            let logit = scale.logit(scores.injection, window.linear, window.of);
            judged.push((window, scores, scale.score(logit), logit));
        }
        partial |= !complete;
        let worst = judged.iter().max_by(|a, b| a.2.total_cmp(&b.2).then(a.3.total_cmp(&b.3)));
        let Some((worst, scores, score, logit)) = worst else {
            let score = self.calibration.anyone.score(f32::MIN);
            let (category, spans) = (Category::Direct, Vec::new());
            return Judged { score, logit: f32::MIN, category, spans, partial, windows: 0 }.with(ruled);
        };
        let category = if worst.way == Way::Plain { Category::of(scores) } else { Category::Obfuscated };
        // What counts at the highest sensitivity decided as well, if it is hostile at all.
        let decides = Sensitivity::High.threshold();
        let mut spans: Vec<Range<usize>> = judged
            .iter()
            .filter(|(window, _, score, _)| std::ptr::eq(*window, *worst) || *score >= decides)
            .map(|(window, ..)| window.span.clone())
            .collect();
        windows::join(&mut spans);
        let judged =
            Judged { score: *score, logit: *logit, category, spans, partial, windows: windows.len() }.with(ruled);
        if complete {
            self.texts.put(key, judged.clone());
        }
        judged
    }

    /// What each tier says of every window of a text that a speaker says: for whoever calibrates.
    ///
    /// # Errors
    /// When the encoder refuses a window, which it does not do with its own.
    pub fn evidence(&self, text: &str, speaker: Speaker, space: &mut Space) -> Result<Vec<Evidence>, ScoreError> {
        let effort = match speaker {
            Speaker::Anyone => Effort::Strict,
            Speaker::ThirdParty => Effort::ThirdParty,
        };
        let Look::Open(open) = self.look(text, effort) else { return Ok(Vec::new()) };
        let mut evidence = Vec::with_capacity(open.windows.len());
        for window in &open.windows {
            let Scores { injection, .. } = self.model.score(&window.ids, speaker, &mut space.0)?;
            let Window { linear, is_known, of, .. } = *window;
            evidence.push(Evidence { encoder: injection, linear, is_known, of });
        }
        Ok(evidence)
    }

    /// Looks, scores and judges in one go: for whoever has a thread to spare.
    ///
    /// # Errors
    /// When the encoder refuses a window, which it does not do with its own.
    pub fn judge_now(&self, text: &str, effort: Effort, space: &mut Space) -> Result<Judged, ScoreError> {
        match self.look(text, effort) {
            Look::Judged(judged) => Ok(judged),
            Look::Open(open) => {
                let answers = open.unknown().map(|window| self.score(&window, space)).collect::<Result<Vec<_>, _>>()?;
                Ok(self.judge(open, answers))
            }
        }
    }
}
