//! How fast a scan is.
fn main() { divan::main(); }
