//! Guards: observations in, verdict out. Pure functions; no clock, no input or output.
//!
//! [`auth`] finds the key that a caller presents; [`rate`] says whether it sends too fast; [`loops`] sees whether it goes in
//! circles; [`budget`] says what a request may cost at most, and what it did cost; [`wishes`] reads what a caller asks for,
//! [`policy::rules`] puts that over the project's policy, and [`policy::decide`] turns what the detectors saw into a verdict.
//!
//! **Invariant.** A guard that broke has not said yes: a detection failure is a verdict of its own, and the project's
//! policy says whether it is open or closed.

pub mod allow;
pub mod auth;
pub mod budget;
pub mod loops;
pub mod policy;
pub mod rate;
pub mod wishes;
