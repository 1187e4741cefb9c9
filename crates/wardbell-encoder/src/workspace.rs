//! The memory of a forward pass, kept by the caller and used again.

use crate::attention::HeadSpace;
use crate::linear::Rows;
use crate::shape::Shape;

/// Memory for [`Model::score`](crate::model::Model::score). One thread uses it at a time; a pool has one for each.
///
/// It starts empty and grows to the longest window that it has seen: about 1.8 MiB for 128 tokens of the shipped model, 2.1 MiB where windows are scored
/// twice.
#[derive(Debug, Default)]
pub struct Workspace {
    /// By token: the hidden state.
    pub(crate) states: Vec<f32>,
    /// By token: what is to be added to it.
    pub(crate) change: Vec<f32>,
    /// By token: queries, keys and values.
    pub(crate) mixed: Vec<f32>,
    /// By token of a block: the inner layer.
    pub(crate) wide: Vec<f32>,
    /// The hidden states in 8 bits.
    pub(crate) rows: Rows,
    /// Both as they were when they were kept; empty until then.
    kept: (Vec<f32>, Rows),
    /// The inner layer in 8 bits.
    pub(crate) wide_rows: Rows,
    pub(crate) head: HeadSpace,
}

impl Workspace {
    /// A workspace of no size.
    pub fn new() -> Workspace {
        Workspace::default()
    }

    /// Keeps the hidden states as they are.
    pub(crate) fn keep(&mut self) {
        self.kept.0.clone_from(&self.states);
        self.kept.1.copy(&self.rows);
    }

    /// Gives the hidden states back that were kept.
    pub(crate) fn take_back(&mut self) {
        self.states.copy_from_slice(&self.kept.0);
        self.rows.copy(&self.kept.1);
    }

    /// Takes the size of a window; `wide_tokens` go through the inner layer together.
    pub(crate) fn resize(&mut self, shape: &Shape, tokens: usize, wide_tokens: usize) {
        self.states.resize(tokens * shape.hidden, 0.0);
        self.change.resize(tokens * shape.hidden, 0.0);
        self.mixed.resize(tokens * shape.hidden * 3, 0.0);
        self.wide.resize(wide_tokens.min(tokens) * shape.intermediate, 0.0);
        self.rows.resize(tokens, shape.hidden);
        self.head.resize(tokens);
    }
}
