//! All tests.

use anyhow::Result;

use crate::clients;
use crate::program::{Binary, Program, cargo, target_dir};

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
    interleavings().run(remedy)?;
    if skip_clients {
        return Ok(());
    }
    // The tests of the binary have built it.
    clients::run(Binary::AsItIs)
}

/// Source: loom's own advice is two or three, which find most faults (<https://docs.rs/loom>, read 2026-11-25).
const PREEMPTIONS_MAX: &str = "4";

/// The interleavings of the steps that move money, by loom, up to [`PREEMPTIONS_MAX`] turns that a thread is made to yield. In
/// a folder of its own, since everything is built otherwise for it. All of them take a minute more: the test's head says how.
fn interleavings() -> Program {
    let folder = target_dir().join("loom").display().to_string();
    let test = ["test", "--package", "wardbell-core", "--test", "loom_budget", "--release", "--target-dir", &folder];
    cargo(test).env("RUSTFLAGS", "--cfg loom").env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS_MAX)
}
