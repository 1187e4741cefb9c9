//! Logs, metrics, build information, and the two things that no pure crate may touch: the clock and randomness.

pub mod ambient;
pub mod logs;
pub mod metrics;
