//! What can be wrong with a model file or a window.

/// Why a model file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file ends before its header does, or says that the header is longer than
    /// [`HEADER_BYTES_MAX`](crate::file::HEADER_BYTES_MAX).
    #[error("the model file is cut, or is no safetensors file")]
    Cut,
    /// The header is no JSON object of tensors.
    #[error("the header of the model file cannot be read")]
    Header(#[source] serde_json::Error),
    /// A tensor's bytes are outside the file, overlap another's or do not fit its shape.
    #[error("tensor {tensor}: {problem}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A value of `__metadata__` is missing or out of its limits.
    #[error("setting {key}: {problem}")]
    Setting {
        /// The setting's name.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl ModelError {
    pub(crate) fn tensor(tensor: &str, problem: &'static str) -> ModelError {
        ModelError::Tensor { tensor: tensor.to_owned(), problem }
    }

    pub(crate) fn setting(key: &'static str, problem: &'static str) -> ModelError {
        ModelError::Setting { key, problem }
    }
}

/// Why a window was not scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// The window is longer than the model reads at once.
    #[error("a window of {tokens} tokens; the model reads {tokens_max} at once")]
    TooLong {
        /// How many tokens the window has.
        tokens: usize,
        /// How many it may have.
        tokens_max: usize,
    },
    /// A token is not of this model's vocabulary.
    #[error("token {0} is not in the vocabulary")]
    UnknownToken(u32),
}
