//! The repository's own commands: `cargo xtask check | test | tidy | generate | prices | deny | bench | eval | fuzz`.
//!
//! Every check that a change must pass is here and nowhere else, so that a laptop and CI run the same. A command names
//! any program it lacks and how to get it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks on standard output and error"
)]

mod bench;
mod clients;
mod deny;
mod eval;
mod fuzz;
mod generate;
mod graph;
mod prices;
mod program;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::program::{Binary, cargo};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The repository's own commands", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything a change must pass before its tests: format, lints, tidy, generated files, dependencies, documentation.
    Check,
    /// Run all tests: Rust (with nextest where it is installed), documentation examples, and the published clients.
    Test {
        /// Leave the clients and receivers out.
        #[arg(long)]
        skip_clients: bool,
    },
    /// Run the published clients, and receivers of alerts in Python, JavaScript and Rust, against a real gateway.
    Clients {
        /// Against a release build, by whose bound of time the pages are measured.
        #[arg(long)]
        release: bool,
    },
    /// Test the repository itself: who may depend on whom, file names and lengths, open ends.
    Tidy,
    /// Write openapi.json and wardbell.default.toml from the code.
    Generate {
        /// Compare only; fail if a file is out of date.
        #[arg(long)]
        check: bool,
        /// Use the debug binary that is there, without building it.
        #[arg(long)]
        built: bool,
    },
    /// Write the price table of wardbell-llm from the package genai-prices of PyPI.
    Prices {
        /// The day whose prices are taken, such as 2026-11-25.
        #[arg(long)]
        as_of: String,
    },
    /// Compare the licences, names and sources of all dependencies with deny.toml.
    Deny,
    /// Measure what the gateway adds to a request, beside a direct call and an nginx hop.
    Bench(bench::Options),
    /// Measure a detector on data that is kept outside the repository.
    Eval {
        #[command(subcommand)]
        what: eval::Eval,
    },
    /// Write the features of the injection detector's linear tier for every row of a file.
    Features {
        /// JSON lines with a field `text`, plain or in gzip.
        rows: std::path::PathBuf,
        /// Where to write.
        out: std::path::PathBuf,
    },
    /// Look for bytes that break a property of a parser or a detector, one target after the other.
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Check => check(),
        Command::Test { skip_clients } => test::run(skip_clients),
        Command::Tidy => tidy::run(),
        Command::Clients { release } => clients::run(if release { Binary::Release } else { Binary::Build }),
        Command::Generate { check, built } => generate::run(check, Binary::from_flag(built)),
        Command::Prices { as_of } => prices::run(&as_of),
        Command::Deny => deny::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Eval { what } => eval::run(what),
        Command::Features { rows, out } => eval::features(&rows, &out),
        Command::Fuzz(options) => fuzz::run(&options),
    }
}

fn check() -> Result<()> {
    cargo(["fmt", "--all", "--check"]).run("cargo fmt --all")?;
    cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run("see the message above")?;
    tidy::run()?;
    deny::run()?;
    generate::run(true, Binary::Build)?;
    cargo(["doc", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run("see the message above")
}
