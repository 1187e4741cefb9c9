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
    head: Vec<f32>,
    head_biases: Vec<f32>,
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
        let layers = (0..shape.layers).map(|index| Layer::read(&file, index, &shape)).collect::<Result<_, _>>()?;
        Ok(Model {
            shape,
            path: Path::best(),
            tokenizer,
            prefix,
            embedding: Embedding::read(&file, &shape)?,
            layers,
            head: file.floats("head.weight", &[OUTPUTS, shape.hidden])?,
            head_biases: file.floats("head.bias", &[OUTPUTS])?,
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

    /// Scores one window of tokens, such as a part of what [`Model::tokenize`] gave.
    ///
    /// # Errors
    /// When the window has more than [`Model::content_tokens_max`] tokens, or one that the vocabulary does not have.
    pub fn score(&self, window: &[u32], space: &mut Workspace) -> Result<Scores, ScoreError> {
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
        for layer in &self.layers {
            layer.run(self.path, &self.shape, tokens, space);
        }
        Ok(self.judge(&mut space.states, tokens))
    }

    /// The head over the mean of the hidden states, which it leaves in the first row.
    fn judge(&self, states: &mut [f32], tokens: usize) -> Scores {
        let (mean, others) = states.split_at_mut(self.shape.hidden);
        for state in others.chunks_exact(self.shape.hidden) {
            for (sum, value) in mean.iter_mut().zip(state) {
                *sum += value;
            }
        }
        for sum in mean.iter_mut() {
            *sum /= tokens as f32;
        }
        let mut logits = [0.0; OUTPUTS];
        let rows = self.head.chunks_exact(self.shape.hidden).zip(&self.head_biases);
        for (logit, (weights, bias)) in logits.iter_mut().zip(rows) {
            *logit = weights.iter().zip(mean.iter()).fold(0.0, |sum, (weight, value)| sum + weight * value) + bias;
        }
        let [injection, categories @ ..] = logits;
        Scores { injection, categories }
    }
}
