//! All tests.

use anyhow::Result;

use crate::clients;
use crate::program::{Binary, cargo};

pub(crate) fn run(skip_clients: bool) -> Result<()> {
    let remedy = "see the test's message above";
    if cargo(["nextest", "--version"]).works() {
        cargo(["nextest", "run", "--workspace"]).run(remedy)?;
    } else {
        println!("cargo-nextest is not installed, so plain `cargo test` runs the tests, without its time limits");
        println!("  to get it: cargo install cargo-nextest --locked");
        cargo(["test", "--workspace", "--lib", "--bins", "--tests"]).run(remedy)?;
    }
    cargo(["test", "--workspace", "--doc"]).run(remedy)?;
    if skip_clients {
        return Ok(());
    }
    // The tests of the binary have built it.
    clients::run(Binary::AsItIs)
}
