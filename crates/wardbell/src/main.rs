//! Wardbell.
fn main() {}
