//! What the project's policy makes of findings.

pub mod decide;
