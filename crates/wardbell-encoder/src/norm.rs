//! Layer normalisation, and what stands around it.

use crate::error::ModelError;
use crate::file::TensorFile;
use crate::kernel::Pass;
use crate::linear::Rows;
use crate::number;

/// Brings a row to mean 0 and variance 1, then scales and shifts each of its numbers.
#[derive(Debug)]
pub(crate) struct Norm {
    weights: Vec<f32>,
    biases: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    pub(crate) fn read(file: &TensorFile, name: &str, width: usize, epsilon: f32) -> Result<Norm, ModelError> {
        Ok(Norm {
            weights: file.floats(&format!("{name}.weight"), &[width])?,
            biases: file.floats(&format!("{name}.bias"), &[width])?,
            epsilon,
        })
    }

    #[inline(always)]
    fn apply(&self, row: &mut [f32]) {
        let width = row.len() as f32;
        let mean = number::sum(row, |value| value) / width;
        let variance = number::sum(row, |value| (value - mean) * (value - mean)) / width;
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(&self.weights).zip(&self.biases) {
            *value = ((*value - mean) * inverse).mul_add(*weight, *bias);
        }
    }
}

/// Adds what a part of a layer gave to the hidden states, normalises them and gives them in 8 bits for the next part.
pub(crate) struct AddNorm<'a> {
    /// The hidden states.
    pub(crate) states: &'a mut [f32],
    /// What is added.
    pub(crate) change: &'a [f32],
    pub(crate) norm: &'a Norm,
    /// Where they go in 8 bits.
    pub(crate) rows: &'a mut Rows,
}

impl Pass for AddNorm<'_> {
    #[inline(always)]
    fn run(self) {
        let width = self.norm.weights.len();
        let rows = self.states.chunks_exact_mut(width).zip(self.change.chunks_exact(width));
        for (index, (state, change)) in rows.enumerate() {
            for (value, change) in state.iter_mut().zip(change) {
                *value += change;
            }
            self.norm.apply(state);
            self.rows.set(index, state);
        }
    }
}

/// Bends every number (GELU) and gives the rows in 8 bits.
pub(crate) struct Bend<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) width: usize,
    pub(crate) rows: &'a mut Rows,
}

impl Pass for Bend<'_> {
    #[inline(always)]
    fn run(self) {
        for (index, row) in self.values.chunks_exact_mut(self.width).enumerate() {
            for value in row.iter_mut() {
                *value = number::gelu(*value);
            }
            self.rows.set(index, row);
        }
    }
}
