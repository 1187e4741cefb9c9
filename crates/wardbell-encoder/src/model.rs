//! The model: text to tokens, tokens to scores.

use std::borrow::Cow;

use crate::embedding::Embedding;
use crate::error::{ModelError, ScoreError};
use crate::file::TensorFile;
use crate::kernel::Path;
use crate::layer::{Layer, WIDE_TOKENS};
use crate::norm::AddNorm;
use crate::shape::{OUTPUTS, Shape};
use crate::token::Tokens;
use crate::tokenizer::Tokenizer;
use crate::workspace::Workspace;

/// The most tokens of a prefix. Source: our choice; `query: ` has two.
const PREFIX_TOKENS_MAX: usize = 8;

/// What the model says of a window: logits, which are neither calibrated nor bounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Whether the window holds prompt injection.
    pub injection: f32,
    /// Of which kind, in the order of [`CATEGORIES`]. They say something only where `injection` is high.
    pub categories: [f32; OUTPUTS - 1],
}

/// The names of [`Scores::categories`].
pub const CATEGORIES: [&str; OUTPUTS - 1] = ["direct", "jailbreak", "extraction", "indirect", "obfuscated"];

/// Who says what stands in a window. The same line may be a user's request, and an attack where a document says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// A user, or whoever else has no layers of his own.
    Anyone,
    /// Neither the user nor the application: a document, a page, a mail, the result of a tool.
    ThirdParty,
}

/// The setting that says how many of the lowest layers read for every speaker. A file without it has no others: then all
/// speakers are read alike.
const SHARED: &str = "third_party.shared";
/// What the names of the tensors begin with that read for third parties alone.
const THIRD_PARTY: &str = "third_party.";

/// A model, read once and used from any thread.
#[derive(Debug)]
pub struct Model {
    shape: Shape,
    path: Path,
    file: TensorFile,
    tokenizer: Tokenizer,
    prefix: Vec<u32>,
    embedding: Embedding,
    layers: Vec<Layer>,
    head: Head,
    third_party: Option<ThirdParty>,
}

/// What reads for third parties in place of the highest layers and the head.
#[derive(Debug)]
struct ThirdParty {
    /// How many of the lowest layers come before.
    shared: usize,
    layers: Vec<Layer>,
    head: Head,
}

/// The last step: logits of the mean hidden state.
#[derive(Debug)]
struct Head {
    weights: Vec<f32>,
    biases: Vec<f32>,
}

impl Head {
    fn read(file: &TensorFile, prefix: &str, shape: &Shape) -> Result<Head, ModelError> {
        let weights = file.floats(&format!("{prefix}head.weight"), &[OUTPUTS, shape.hidden])?;
        Ok(Head { weights, biases: file.floats(&format!("{prefix}head.bias"), &[OUTPUTS])? })
    }

    /// The logits of a window, over the mean of its hidden states, which it leaves in the first row.
    fn judge(&self, states: &mut [f32], hidden: usize, tokens: usize) -> Scores {
        let (mean, others) = states.split_at_mut(hidden);
        for state in others.chunks_exact(hidden) {
            for (sum, value) in mean.iter_mut().zip(state) {
                *sum += value;
            }
        }
        for sum in mean.iter_mut() {
            *sum /= tokens as f32;
        }
        let mut logits = [0.0; OUTPUTS];
        let rows = self.weights.chunks_exact(hidden).zip(&self.biases);
        for (logit, (weights, bias)) in logits.iter_mut().zip(rows) {
            *logit = weights.iter().zip(mean.iter()).fold(0.0, |sum, (weight, value)| sum + weight * value) + bias;
        }
        let [injection, categories @ ..] = logits;
        Scores { injection, categories }
    }
}

impl ThirdParty {
    /// `None` where the file has no such layers.
    fn read(file: &TensorFile, shape: &Shape) -> Result<Option<ThirdParty>, ModelError> {
        let Some(shared) = file.setting(SHARED) else { return Ok(None) };
        let shared = shared.parse().ok().filter(|shared| *shared < shape.layers);
        let shared = shared.ok_or(ModelError::setting(SHARED, "must be a whole number below that of all layers"))?;
        let layers = (shared..shape.layers).map(|index| Layer::read(file, THIRD_PARTY, index, shape));
        Ok(Some(ThirdParty {
            shared,
            layers: layers.collect::<Result<_, _>>()?,
            head: Head::read(file, THIRD_PARTY, shape)?,
        }))
    }
}

impl Model {
    /// Reads a model file: `&'static [u8]` (as `include_bytes!` gives it, not copied) or `Vec<u8>`.
    ///
    /// # Errors
    /// When anything in the file is not as it must be; the error names it.
    pub fn read(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Model, ModelError> {
        Model::from_file(TensorFile::read(bytes)?)
    }

    /// Reads a model from a file that is already checked.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn from_file(file: TensorFile) -> Result<Model, ModelError> {
        let shape = Shape::read(&file)?;
        let tokenizer = Tokenizer::read(&file, &shape)?;
        let prefix = file.setting("prefix").ok_or(ModelError::setting("prefix", "is missing"))?;
        let prefix = tokenizer.tokenize(prefix).ids;
        // Two more tokens stand around the window, and there must be room for content.
        if prefix.len() > PREFIX_TOKENS_MAX || prefix.len() + 2 >= shape.window {
            return Err(ModelError::setting("prefix", "has too many tokens"));
        }
        let layers = (0..shape.layers).map(|index| Layer::read(&file, "", index, &shape)).collect::<Result<_, _>>()?;
        Ok(Model {
            shape,
            path: Path::best(),
            tokenizer,
            prefix,
            embedding: Embedding::read(&file, &shape)?,
            layers,
            head: Head::read(&file, "", &shape)?,
            third_party: ThirdParty::read(&file, &shape)?,
            file,
        })
    }

    /// Has the model run on `path` instead of the fastest. The scores stay the same, to the last bit.
    #[must_use]
    pub fn on(mut self, path: Path) -> Model {
        self.path = path;
        self
    }

    /// The measures of the model.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether what third parties say is read by layers of its own.
    pub fn tells_speakers_apart(&self) -> bool {
        self.third_party.is_some()
    }

    /// The file that it was read from, for what others keep there.
    pub fn file(&self) -> &TensorFile {
        &self.file
    }

    /// How many tokens of text a window may have. The rest of the model's window is for what stands around them.
    pub fn content_tokens_max(&self) -> usize {
        self.shape.window - self.prefix.len() - 2
    }

    /// Cuts a text into tokens, in time linear in its length.
    pub fn tokenize(&self, text: &str) -> Tokens {
        self.tokenizer.tokenize(text)
    }

    /// The layers that read for all speakers.
    fn shared(&self) -> &[Layer] {
        let shared = self.third_party.as_ref().map_or(self.layers.len(), |third| third.shared);
        &self.layers[..shared]
    }

    /// What reads for a speaker after those: layers and the head.
    fn own(&self, speaker: Speaker) -> (&[Layer], &Head) {
        match (&self.third_party, speaker) {
            (Some(third), Speaker::ThirdParty) => (&third.layers, &third.head),
            (None, Speaker::ThirdParty) | (_, Speaker::Anyone) => (&self.layers[self.shared().len()..], &self.head),
        }
    }

    /// Scores one window of tokens, such as a part of what [`Model::tokenize`] gave, as something that `speaker` says.
    ///
    /// # Errors
    /// When the window has more than [`Model::content_tokens_max`] tokens, or one that the vocabulary does not have.
    pub fn score(&self, window: &[u32], speaker: Speaker, space: &mut Workspace) -> Result<Scores, ScoreError> {
        let tokens = self.begin(window, space)?;
        Ok(self.end(tokens, speaker, space))
    }

    /// Scores one window of tokens as something that each of two speakers says, in less time than twice [`Model::score`]: the
    /// layers that read for all do so once.
    ///
    /// # Errors
    /// As [`Model::score`].
    pub fn score_twice(
        &self,
        window: &[u32],
        speakers: [Speaker; 2],
        space: &mut Workspace,
    ) -> Result<[Scores; 2], ScoreError> {
        let tokens = self.begin(window, space)?;
        space.keep();
        let one = self.end(tokens, speakers[0], space);
        space.take_back();
        Ok([one, self.end(tokens, speakers[1], space)])
    }

    /// Reads a window as far as all speakers are read alike; gives how many tokens it has with those around it.
    fn begin(&self, window: &[u32], space: &mut Workspace) -> Result<usize, ScoreError> {
        if window.len() > self.content_tokens_max() {
            return Err(ScoreError::TooLong { tokens: window.len(), tokens_max: self.content_tokens_max() });
        }
        let Shape { hidden, cls, sep, .. } = self.shape;
        let tokens = window.len() + self.prefix.len() + 2;
        space.resize(&self.shape, tokens, WIDE_TOKENS);

        let ids = std::iter::once(&cls).chain(&self.prefix).chain(window).chain(std::iter::once(&sep));
        let rows = space.states.chunks_exact_mut(hidden).zip(space.change.chunks_exact_mut(hidden));
        for (position, (id, (state, change))) in ids.zip(rows).enumerate() {
            if !self.embedding.look_up(&self.file, *id, position, state, change) {
                return Err(ScoreError::UnknownToken(*id));
            }
        }
        let Workspace { states, change, rows, .. } = space;
        self.path.pass(AddNorm { states, change, norm: &self.embedding.norm, rows });
        for layer in self.shared() {
            layer.run(self.path, &self.shape, tokens, space);
        }
        Ok(tokens)
    }

    /// Reads on, as what a speaker says, and judges.
    fn end(&self, tokens: usize, speaker: Speaker, space: &mut Workspace) -> Scores {
        let (layers, head) = self.own(speaker);
        for layer in layers {
            layer.run(self.path, &self.shape, tokens, space);
        }
        head.judge(&mut space.states, self.shape.hidden, tokens)
    }
}
