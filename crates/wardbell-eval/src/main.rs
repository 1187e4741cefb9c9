//! Measures the injection detector on data: what `cargo xtask eval` and `cargo xtask features` run.
//!
//! It runs the code that ships, never a copy of it. The data stay outside the repository.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool speaks on standard output and error"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of texts are counts, and weights are cut to eight bits before they are cast"
)]

mod calibrate;
mod features;
mod fit;
mod injection;
mod linear;
mod measure;
mod report;
mod row;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "wardbell-eval", about = "Measures the injection detector on data", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the features of the linear tier for every row.
    Features {
        /// JSON lines with a field `text`, plain or in gzip.
        rows: PathBuf,
        /// Where to write.
        out: PathBuf,
    },
    /// Write the rows again with the plain reading of each text in place of the text: what the encoder sees.
    Plain {
        /// JSON lines with a field `text`, plain or in gzip.
        rows: PathBuf,
        /// Where to write: JSON lines, not compressed.
        out: PathBuf,
    },
    /// Fit the weights of the linear tier.
    Fit(fit::Options),
    /// Measure the shipped detector on the rows of `dev.jsonl.gz`.
    Injection(injection::Options),
    /// Choose the calibration of a model file on the rows of `dev.jsonl.gz`, and write the file with it.
    Calibrate(calibrate::Options),
    /// Score rows with the linear tier alone.
    Linear {
        /// The weights, as `fit` writes them.
        weights: PathBuf,
        /// JSON lines with `text` and `label`.
        rows: PathBuf,
    },
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
        Command::Features { rows, out } => features::write(&rows, &out),
        Command::Plain { rows, out } => features::write_plain(&rows, &out),
        Command::Fit(options) => fit::run(&options),
        Command::Injection(options) => injection::run(&options),
        Command::Calibrate(options) => calibrate::run(&options),
        Command::Linear { weights, rows } => linear::print(&weights, &rows),
    }
}
