//! The model file: a safetensors container, checked before anything is read from it.
//!
//! **Layout.** Eight bytes with the length of the header, the header in JSON (a name for every tensor, with its type, shape
//! and place; strings under `__metadata__`), then the tensors' bytes. Source:
//! <https://github.com/huggingface/safetensors#format> (read 2026-11-25).
//!
//! **Guarantees.** After [`TensorFile::read`] every tensor lies inside the file, overlaps no other and is as long as its
//! shape says. Bytes are borrowed where the file is borrowed; numbers are converted when they are asked for, so that
//! nothing has to be aligned.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use crate::error::ModelError;

/// How long a header may be. Source: our choice, thirty times what a model of 12 layers needs.
pub const HEADER_BYTES_MAX: usize = 1 << 20;
/// How large a number in the file may be. With it, no sum in the forward pass can reach infinity. Source: our
/// choice; what training gives is below 100.
pub const VALUE_MAX: f32 = 1e4;

/// The type of a tensor's numbers, by its name in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum NumberKind {
    /// Bytes.
    U8,
    /// Signed bytes.
    I8,
    /// 32-bit counts.
    U32,
    /// Half precision.
    F16,
    /// Single precision.
    F32,
    /// Any other: nothing here reads it, but another reader of the file may.
    #[serde(other)]
    Other,
}

impl NumberKind {
    /// The bytes of one number, where this crate can read it.
    const fn bytes(self) -> Option<usize> {
        match self {
            NumberKind::U8 | NumberKind::I8 => Some(1),
            NumberKind::F16 => Some(2),
            NumberKind::U32 | NumberKind::F32 => Some(4),
            NumberKind::Other => None,
        }
    }
}

/// A checked model file.
#[derive(Debug)]
pub struct TensorFile {
    bytes: Cow<'static, [u8]>,
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Debug)]
struct Tensor {
    kind: NumberKind,
    shape: Vec<usize>,
    /// In the whole file.
    place: Range<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawEntry {
    Tensor { dtype: NumberKind, shape: Vec<usize>, data_offsets: (usize, usize) },
    Metadata(BTreeMap<String, String>),
}

impl TensorFile {
    /// Reads the header of `bytes` and checks the place of every tensor.
    ///
    /// # Errors
    /// [`ModelError::Cut`], [`ModelError::Header`] or [`ModelError::Tensor`], as their descriptions say.
    pub fn read(bytes: impl Into<Cow<'static, [u8]>>) -> Result<TensorFile, ModelError> {
        let bytes = bytes.into();
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or(ModelError::Cut)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| ModelError::Cut)?;
        let header = rest.get(..length).filter(|_| length <= HEADER_BYTES_MAX).ok_or(ModelError::Cut)?;
        let entries: BTreeMap<String, RawEntry> = serde_json::from_slice(header).map_err(ModelError::Header)?;

        let data = 8 + length;
        let mut metadata = BTreeMap::new();
        let mut tensors = BTreeMap::new();
        for (name, entry) in entries {
            match entry {
                RawEntry::Metadata(values) if name == "__metadata__" => metadata = values,
                RawEntry::Metadata(_) => return Err(ModelError::tensor(&name, "has no type, shape or place")),
                RawEntry::Tensor { dtype, shape, data_offsets: (begin, end) } => {
                    let place = place(data, begin, end, bytes.len())
                        .ok_or_else(|| ModelError::tensor(&name, "is not inside the file"))?;
                    if dtype.bytes().is_some_and(|number| bytes_of(&shape, number) != Some(place.len())) {
                        return Err(ModelError::tensor(&name, "does not have the bytes that its shape wants"));
                    }
                    tensors.insert(name, Tensor { kind: dtype, shape, place });
                }
            }
        }
        let mut places: Vec<_> = tensors.iter().map(|(name, tensor)| (tensor.place.clone(), name)).collect();
        places.sort_by_key(|(place, _)| (place.start, place.end));
        for pair in places.windows(2) {
            if let [(first, _), (second, name)] = pair
                && second.start < first.end
            {
                return Err(ModelError::tensor(name, "overlaps another"));
            }
        }
        Ok(TensorFile { bytes, metadata, tensors })
    }

    /// A value of `__metadata__`.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The shape of a tensor, if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// The bytes of a tensor of this type and shape.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when the file lacks it, or its type or shape is another.
    pub fn bytes(&self, name: &str, kind: NumberKind, shape: &[usize]) -> Result<&[u8], ModelError> {
        self.bytes.get(self.place(name, kind, shape)?).ok_or_else(|| ModelError::tensor(name, "is not inside the file"))
    }

    /// The numbers of an `F32` tensor of this shape.
    ///
    /// # Errors
    /// As [`TensorFile::bytes`], and when a number is not finite or larger than [`VALUE_MAX`].
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let (numbers, _) = self.bytes(name, NumberKind::F32, shape)?.as_chunks::<4>();
        let floats: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        if floats.iter().all(|value| value.abs() <= VALUE_MAX) {
            Ok(floats)
        } else {
            Err(ModelError::tensor(name, "has a number that is not finite or too large"))
        }
    }

    /// The numbers of a `U32` tensor of this shape.
    ///
    /// # Errors
    /// As [`TensorFile::bytes`].
    pub fn counts(&self, name: &str, shape: &[usize]) -> Result<Vec<u32>, ModelError> {
        let (numbers, _) = self.bytes(name, NumberKind::U32, shape)?.as_chunks::<4>();
        Ok(numbers.iter().map(|number| u32::from_le_bytes(*number)).collect())
    }

    /// The only length of a tensor that has one dimension.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when the file lacks it, it has other dimensions, or it is longer than `most`.
    pub fn length(&self, name: &str, most: usize) -> Result<usize, ModelError> {
        match self.shape(name) {
            Some(&[length]) if length <= most => Ok(length),
            Some(&[_]) => Err(ModelError::tensor(name, "is too long")),
            Some(_) => Err(ModelError::tensor(name, "must have one dimension")),
            None => Err(ModelError::tensor(name, "is missing")),
        }
    }

    /// Where a tensor of this type and shape lies in the file, for [`TensorFile::slice`].
    pub(crate) fn place(&self, name: &str, kind: NumberKind, shape: &[usize]) -> Result<Range<usize>, ModelError> {
        let tensor = self.tensors.get(name).ok_or_else(|| ModelError::tensor(name, "is missing"))?;
        if tensor.kind != kind {
            return Err(ModelError::tensor(name, "has numbers of another type"));
        }
        if tensor.shape != shape {
            return Err(ModelError::tensor(name, "has another shape"));
        }
        Ok(tensor.place.clone())
    }

    /// Row `index` of `width` bytes in a place that this file gave.
    pub(crate) fn row(&self, place: &Range<usize>, index: usize, width: usize) -> Option<&[u8]> {
        self.bytes.get(place.clone())?.get(index.checked_mul(width)?..)?.get(..width)
    }
}

fn place(data: usize, begin: usize, end: usize, file: usize) -> Option<Range<usize>> {
    let place = data.checked_add(begin)?..data.checked_add(end)?;
    (place.start <= place.end && place.end <= file).then_some(place)
}

fn bytes_of(shape: &[usize], number: usize) -> Option<usize> {
    shape.iter().try_fold(number, |bytes, length| bytes.checked_mul(*length))
}
