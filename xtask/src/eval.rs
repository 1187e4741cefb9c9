//! The commands on the injection detector's data: `eval` and `features`. They run the crate `wardbell-eval` in the release
//! build: what is measured is the code that ships.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::program::{cargo, root};

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// The injection detector on the development set; writes docs/eval/injection.md and .json.
    Injection {
        /// The folder with `dev.jsonl.gz`.
        #[arg(long)]
        data: PathBuf,
        /// The figures of peers on the same rows; else training/peers.json.
        #[arg(long)]
        peers: Option<PathBuf>,
        /// Another model file than the one that is built in.
        #[arg(long)]
        model: Option<PathBuf>,
        /// Compare with the report that is there; fail if a figure is worse beyond noise, and write nothing.
        #[arg(long)]
        check: bool,
    },
}

pub(crate) fn run(eval: Eval) -> Result<()> {
    let Eval::Injection { data, peers, model, check } = eval;
    let out = root().join("docs/eval/injection");
    let mut arguments = vec!["injection".to_owned(), "--data".to_owned(), data.display().to_string()];
    arguments.extend(["--out".to_owned(), out.display().to_string()]);
    let peers = peers.or_else(|| Some(root().join("training/peers.json")));
    for (name, path) in [("--peers", peers), ("--model", model)] {
        arguments.extend(path.into_iter().flat_map(|path| [name.to_owned(), path.display().to_string()]));
    }
    arguments.extend(check.then(|| "--check".to_owned()));
    measure(arguments)
}

/// Writes the features of the linear tier.
pub(crate) fn features(rows: &std::path::Path, out: &std::path::Path) -> Result<()> {
    measure(vec!["features".to_owned(), rows.display().to_string(), out.display().to_string()])
}

fn measure(arguments: Vec<String>) -> Result<()> {
    let run = ["run", "--release", "--quiet", "--package", "wardbell-eval", "--"].map(str::to_owned);
    cargo(run.into_iter().chain(arguments)).run("see the message above")
}
