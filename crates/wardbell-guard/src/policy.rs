//! What the project's policy, and on the scan and proxy surface the caller's wishes, make of what was seen.

pub mod decide;
pub mod rules;
