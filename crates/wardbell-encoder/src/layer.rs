//! One layer: attention, then a wide transformation of each token, each added to what came in and normalised.

use crate::attention::Attention;
use crate::error::ModelError;
use crate::file::TensorFile;
use crate::kernel::Path;
use crate::linear::{Linear, Narrow};
use crate::norm::{AddNorm, Bend, Norm};
use crate::shape::Shape;
use crate::workspace::Workspace;

/// How many tokens go through the wide part together: what they need then stays in the second-level cache.
pub(crate) const WIDE_TOKENS: usize = 32;

/// The weights of a layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Query, key and value side by side.
    mixed: Linear,
    output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    output_norm: Norm,
}

impl Layer {
    /// The layer whose tensors are named `prefix` and `layer.`, its number and the part.
    pub(crate) fn read(file: &TensorFile, prefix: &str, index: usize, shape: &Shape) -> Result<Layer, ModelError> {
        let Shape { hidden, intermediate, epsilon, .. } = *shape;
        let name = |part: &str| format!("{prefix}layer.{index}.{part}");
        Ok(Layer {
            mixed: Linear::read(file, &[name("query"), name("key"), name("value")], hidden, hidden)?,
            output: Linear::read(file, &[name("output")], hidden, hidden)?,
            attention_norm: Norm::read(file, &name("attention_norm"), hidden, epsilon)?,
            up: Linear::read(file, &[name("up")], intermediate, hidden)?,
            down: Linear::read(file, &[name("down")], hidden, intermediate)?,
            output_norm: Norm::read(file, &name("output_norm"), hidden, epsilon)?,
        })
    }

    /// Takes the hidden states of `space` one layer further. They are there in `f32` and in 8 bits, before and after.
    pub(crate) fn run(&self, path: Path, shape: &Shape, tokens: usize, space: &mut Workspace) {
        let Shape { hidden, intermediate, heads, .. } = *shape;
        let Workspace { states, change, mixed, wide, rows, wide_rows, head, .. } = space;
        path.linear(rows.all(), &self.mixed, mixed);
        Attention { mixed, context: change, heads, space: head }.run(path);
        path.pass(Narrow { values: change, rows });
        path.linear(rows.all(), &self.output, change);
        path.pass(AddNorm { states, change, norm: &self.attention_norm, rows });
        for first in (0..tokens).step_by(WIDE_TOKENS) {
            let count = WIDE_TOKENS.min(tokens - first);
            let wide = &mut wide[..count * intermediate];
            path.linear(rows.part(first, count), &self.up, wide);
            wide_rows.resize(count, intermediate);
            path.pass(Bend { values: wide, width: intermediate, rows: wide_rows });
            path.linear(wide_rows.all(), &self.down, &mut change[first * hidden..][..count * hidden]);
        }
        path.pass(AddNorm { states, change, norm: &self.output_norm, rows });
    }
}
