//! The measures of a model: how many layers, how wide, how long a window.

use crate::error::ModelError;
use crate::file::TensorFile;

/// The value of the setting `format`: the layout that this crate reads.
pub const FORMAT: &str = "wardbell-injection-1";
/// The width of a head of attention. Source: multilingual-e5-small, 384 over 12 heads.
pub const HEAD_WIDTH: usize = 32;
/// Widths are a multiple of this: blocks of embeddings, panels of weights, lanes of sums.
pub const WIDTH_STEP: usize = 32;
/// The most layers. Source: multilingual-e5-small has 12.
pub const LAYERS_MAX: usize = 12;
/// The most numbers in a hidden state. Source: our choice, nearly three times the shipped model's.
pub const HIDDEN_MAX: usize = 1024;
/// The widest inner layer. 4,096 products of 255 and 63 are far below 2^31.
pub const INTERMEDIATE_MAX: usize = 4096;
/// The most pieces of a vocabulary. Source: our choice; multilingual-e5-small has 250,002.
pub const VOCABULARY_MAX: usize = 1 << 18;
/// The longest window in tokens. Source: multilingual-e5-small has 512 positions.
pub const WINDOW_MAX: usize = 512;
/// What comes out of the head: one logit for injection and one for each category.
pub const OUTPUTS: usize = 6;

/// The measures of a model, as its file's settings say and within the limits above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// How many layers there are.
    pub layers: usize,
    /// How many heads of attention each has.
    pub heads: usize,
    /// The numbers of a hidden state.
    pub hidden: usize,
    /// The numbers of the inner layer.
    pub intermediate: usize,
    /// What is added to a variance before it divides.
    pub epsilon: f32,
    /// The number of pieces.
    pub vocabulary: usize,
    /// The most tokens of a window, with those that the model adds.
    pub window: usize,
    /// The token at the start of a window.
    pub cls: u32,
    /// The token at its end.
    pub sep: u32,
    /// The token of what has no piece.
    pub unknown: u32,
}

impl Shape {
    pub(crate) fn read(file: &TensorFile) -> Result<Shape, ModelError> {
        if file.setting("format") != Some(FORMAT) {
            return Err(ModelError::setting("format", "is another than this version reads"));
        }
        let vocabulary = number(file, "vocabulary", 5, VOCABULARY_MAX)?;
        let hidden = number(file, "hidden", WIDTH_STEP, HIDDEN_MAX)?;
        let intermediate = number(file, "intermediate", WIDTH_STEP, INTERMEDIATE_MAX)?;
        let heads = number(file, "heads", 1, HIDDEN_MAX / HEAD_WIDTH)?;
        if heads * HEAD_WIDTH != hidden {
            return Err(ModelError::setting("heads", "must be as many as make heads of 32 numbers"));
        }
        if !intermediate.is_multiple_of(WIDTH_STEP) {
            return Err(ModelError::setting("intermediate", "must be a multiple of 32"));
        }
        let epsilon = file.setting("epsilon").and_then(|value| value.parse::<f32>().ok());
        let epsilon = epsilon.filter(|value| *value > 0.0 && *value <= 1e-3);
        let shape = Shape {
            layers: number(file, "layers", 1, LAYERS_MAX)?,
            heads,
            hidden,
            intermediate,
            epsilon: epsilon.ok_or(ModelError::setting("epsilon", "must be above 0 and at most 0.001"))?,
            vocabulary,
            window: number(file, "window", 8, WINDOW_MAX)?,
            cls: token(file, "cls", vocabulary)?,
            sep: token(file, "sep", vocabulary)?,
            unknown: token(file, "unknown", vocabulary)?,
        };
        if shape.cls == shape.sep || shape.cls == shape.unknown || shape.sep == shape.unknown {
            return Err(ModelError::setting("cls", "must differ from sep and unknown, and these from each other"));
        }
        Ok(shape)
    }
}

fn number(file: &TensorFile, key: &'static str, least: usize, most: usize) -> Result<usize, ModelError> {
    let value = file.setting(key).ok_or(ModelError::setting(key, "is missing"))?;
    let value = value.parse::<usize>().map_err(|_| ModelError::setting(key, "must be a whole number"))?;
    if (least..=most).contains(&value) { Ok(value) } else { Err(ModelError::setting(key, "is out of its limits")) }
}

fn token(file: &TensorFile, key: &'static str, vocabulary: usize) -> Result<u32, ModelError> {
    let value = number(file, key, 0, vocabulary - 1)?;
    u32::try_from(value).map_err(|_| ModelError::setting(key, "is out of its limits"))
}
