//! Rows of activations in 8 bits, weights in 7, and their product.
//!
//! **Rows.** Every row has a range of its own: `value = (byte - zero) * step`. **Weights.** Every output has a scale of its own:
//! `weight = number * scale`. So an output is `(sum of byte * number - zero * sum of number) * (step * scale) + bias`, where both
//! sums are exact integers and the second is known beforehand.
//!
//! **Packing.** A panel is 16 outputs. It holds, for every four inputs, the four weights of each of its outputs: what
//! one instruction multiplies. Panels are packed when the model is read.

use crate::error::ModelError;
use crate::file::{NumberKind, TensorFile};
use crate::kernel::Pass;
use crate::number;

/// The outputs of a panel.
pub(crate) const PANEL: usize = 16;
/// Rows are laid out for this many at a time, the most that a path takes.
const ROWS_STEP: usize = 8;
/// The largest weight.
const WEIGHT_MAX: i8 = 63;
/// The rule for weights: of every eight inputs in a row, the weights of 0, 1, 4 and 5 and those of 2, 3, 6 and 7 have
/// positive sums and negative sums of at most this. `255 * 128` is the largest 16-bit number; AVX2 adds that many products
/// before it widens.
pub(crate) const LANE_MAX: i32 = 128;
/// The largest scale. Source: our choice; training gives far less than 1.
const SCALE_MAX: f32 = 16.0;
/// The smallest step of a row that is not all zeros.
const STEP_MIN: f32 = 1e-20;

/// Rows of activations in 8 bits.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    width: usize,
    count: usize,
    bytes: Vec<u8>,
    zeros: Vec<i32>,
    steps: Vec<f32>,
}

impl Rows {
    /// Makes room for `count` rows of `width` numbers.
    pub(crate) fn resize(&mut self, count: usize, width: usize) {
        let padded = count.next_multiple_of(ROWS_STEP);
        self.width = width;
        self.count = count;
        self.bytes.resize(padded * width, 0);
        self.zeros.resize(padded, 0);
        self.steps.resize(padded, 0.0);
    }

    /// Writes row `index`.
    #[inline(always)]
    pub(crate) fn set(&mut self, index: usize, values: &[f32]) {
        let (low, high) = number::range_with_zero(values);
        let step = (high - low) / 255.0;
        let (step, inverse) = if step < STEP_MIN { (0.0, 0.0) } else { (step, 1.0 / step) };
        let zero = number::rounded(-low * inverse);
        let Some(bytes) = self.bytes.get_mut(index * self.width..(index + 1) * self.width) else { return };
        for (byte, value) in bytes.iter_mut().zip(values) {
            *byte = (number::rounded(value * inverse) + zero).clamp(0, 255) as u8;
        }
        if let (Some(to), Some(step_to)) = (self.zeros.get_mut(index), self.steps.get_mut(index)) {
            *to = zero;
            *step_to = step;
        }
    }

    /// All rows.
    pub(crate) fn all(&self) -> Part<'_> {
        self.part(0, self.count)
    }

    /// `count` rows from `first` on, a multiple of eight.
    pub(crate) fn part(&self, first: usize, count: usize) -> Part<'_> {
        Part {
            width: self.width,
            count,
            bytes: self.bytes.get(first * self.width..).unwrap_or_default(),
            zeros: self.zeros.get(first..).unwrap_or_default(),
            steps: self.steps.get(first..).unwrap_or_default(),
        }
    }
}

/// Some of the rows.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    width: usize,
    count: usize,
    bytes: &'a [u8],
    zeros: &'a [i32],
    steps: &'a [f32],
}

impl<'a> Part<'a> {
    #[inline(always)]
    fn row(&self, index: usize) -> &'a [u8] {
        self.bytes.get(index * self.width..(index + 1) * self.width).unwrap_or_default()
    }
}

/// Gives rows in 8 bits.
pub(crate) struct Narrow<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: &'a mut Rows,
}

impl Pass for Narrow<'_> {
    #[inline(always)]
    fn run(self) {
        for (index, row) in self.values.chunks_exact(self.rows.width).enumerate() {
            self.rows.set(index, row);
        }
    }
}

/// The weights of a linear layer, packed.
#[derive(Debug)]
pub(crate) struct Linear {
    inputs: usize,
    outputs: usize,
    panels: Vec<i8>,
    /// By output: the sum of its weights.
    sums: Vec<i32>,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl Linear {
    /// Reads layers that have the same input and puts their outputs side by side. Each has `outputs` of them, a multiple of
    /// [`PANEL`], and `inputs`, a multiple of eight.
    pub(crate) fn read(file: &TensorFile, names: &[String], outputs: usize, inputs: usize) -> Result<Linear, ModelError> {
        let mut linear = Linear {
            inputs,
            outputs: outputs * names.len(),
            panels: Vec::with_capacity(outputs * names.len() * inputs),
            sums: Vec::new(),
            scales: Vec::new(),
            biases: Vec::new(),
        };
        for name in names {
            let weight = format!("{name}.weight");
            let bytes = file.bytes(&weight, NumberKind::I8, &[outputs, inputs])?;
            let weights: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
            if weights.iter().any(|weight| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(weight)) {
                return Err(ModelError::tensor(&weight, "has a weight that is not from -63 to 63"));
            }
            if !weights.as_chunks::<8>().0.iter().all(keeps_the_rule) {
                return Err(ModelError::tensor(&weight, "breaks the rule for the sums of weights"));
            }
            let scales = file.floats(&format!("{name}.scale"), &[outputs])?;
            if scales.iter().any(|scale| *scale <= 0.0 || *scale > SCALE_MAX) {
                return Err(ModelError::tensor(&format!("{name}.scale"), "has a scale that is not above 0 and at most 16"));
            }
            for panel in weights.chunks_exact(inputs * PANEL) {
                for first in (0..inputs).step_by(4) {
                    for output in panel.chunks_exact(inputs) {
                        linear.panels.extend(output.iter().skip(first).take(4));
                    }
                }
            }
            linear.sums.extend(weights.chunks_exact(inputs).map(|row| row.iter().map(|weight| i32::from(*weight)).sum::<i32>()));
            linear.scales.extend(scales);
            linear.biases.extend(file.floats(&format!("{name}.bias"), &[outputs])?);
        }
        Ok(linear)
    }

    /// How many outputs there are.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Walks panel by panel, so that a panel is read from memory once, and over all rows of `input`, `R` at a time;
    /// `tile` gives the sums of products.
    #[inline(always)]
    pub(crate) fn apply<const R: usize>(
        &self,
        input: Part<'_>,
        out: &mut [f32],
        tile: impl Fn([&[u8]; R], &[i8]) -> [[i32; PANEL]; R],
    ) {
        const { assert!(ROWS_STEP.is_multiple_of(R)) };
        assert_eq!(input.width, self.inputs);
        let terms = self.sums.as_chunks::<PANEL>().0.iter();
        let terms = terms.zip(self.scales.as_chunks::<PANEL>().0).zip(self.biases.as_chunks::<PANEL>().0);
        for (index, (panel, ((sums, scales), biases))) in self.panels.chunks_exact(self.inputs * PANEL).zip(terms).enumerate() {
            for first in (0..input.count).step_by(R) {
                let products = tile(std::array::from_fn(|row| input.row(first + row)), panel);
                for (row, products) in (first..input.count).zip(&products) {
                    let (zero, step) = (input.zeros[row], input.steps[row]);
                    let out = &mut out[row * self.outputs + index * PANEL..][..PANEL];
                    for (output, out) in out.iter_mut().enumerate() {
                        let sum = products[output] - zero * sums[output];
                        *out = sum as f32 * (step * scales[output]) + biases[output];
                    }
                }
            }
        }
    }
}

fn keeps_the_rule(weights: &[i8; 8]) -> bool {
    let [a, b, c, d, e, f, g, h] = weights.map(i32::from);
    [[a, b, e, f], [c, d, g, h]].iter().all(|lane| {
        let positive: i32 = lane.iter().map(|weight| weight.max(&0)).sum();
        let negative: i32 = lane.iter().map(|weight| weight.min(&0)).sum();
        positive <= LANE_MAX && negative >= -LANE_MAX
    })
}
