//! Guards: observations in, verdict out. Pure functions; no clock, no input or output.
//!
//! [`auth`] finds the key that a caller presents; [`policy::decide`] turns what the detectors saw into a verdict.
//!
//! **Invariant.** A guard that broke has not said yes: a detection failure is a verdict of its own, and the project's
//! policy says whether it is open or closed.

pub mod auth;
pub mod policy;
