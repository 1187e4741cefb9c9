//! A small transformer that reads a window of text and says how much it looks like prompt injection.
//!
//! **Cast.** A [`file::TensorFile`] is the model file, checked: named tensors in one piece of memory. The [`model::Model`]
//! is read from it once. Its tokenizer turns text into [`token::Tokens`]: numbers of pieces, each with the bytes of
//! the text it stands for. [`model::Model::score`] runs one window of tokens through the layers in memory that the caller
//! keeps (a [`workspace::Workspace`]) and gives [`model::Scores`]. A [`kernel::Path`] is the set of machine
//! instructions it runs on.
//!
//! **Theory of operation.** The encoder is BERT's: token and position are looked up and added, then every layer lets the
//! tokens look at one another (attention) and transforms each (a wide layer with GELU). The mean of what comes out goes
//! through one linear head. Weights have 7 bits, activations 8, with a range of their own in every row; the products are
//! summed in integers. All else is `f32`, in a fixed order, with the same fused products. So every path gives the same bits,
//! and a verdict does not hang on the customer's CPU. The price of 7 bits is small; the gain is that AVX2, which has no 8-bit
//! product that cannot overflow, needs no second way.
//!
//! What a third party says (a document, the result of a tool) may be read by highest layers and a head of its own: a
//! [`model::Speaker`] says whose words a window holds.
//!
//! **Guarantees.** A file that is cut, hostile or from another version is an error, never a panic or a wrong answer.
//! The large tensors are not copied: the embeddings stay where the file is. Tokenising takes time linear in the text, for
//! any text. A score takes time bounded by [`model::Model::content_tokens_max`] and allocates nothing once its workspace has
//! grown to its size.
//!
//! **Bounds.** Each limit of the file is a named constant in [`mod@file`] or [`shape`].
//!
//! **What it does not do.** It does not compose code points (`e` and an accent stay two; the caller's view is NFKC), cut
//! long texts into windows, calibrate, or judge: it knows no threshold.

#![expect(clippy::inline_always, reason = "what is not inlined into a path is compiled without its instructions")]

pub mod error;
pub mod file;
pub mod kernel;
pub mod model;
pub mod shape;
pub mod token;
pub mod workspace;

mod attention;
mod embedding;
mod layer;
mod linear;
mod norm;
mod number;
mod tokenizer;
