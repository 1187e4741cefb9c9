//! Looks for bytes that break a property (`crates/wardbell-properties`), with cargo-fuzz and libFuzzer.
//!
//! **Theory of operation.** Each target starts from its seeds, written anew into `fuzz/target/seeds`, and from what earlier
//! runs found worth keeping, in `fuzz/corpus`. What breaks it is left in `fuzz/artifacts`, and the run ends there.
//!
//! **Without a sanitizer**: what breaks is an assertion. `unsafe` code stands in the encoder's kernels alone, where the lengths that it rests on
//! are asserted. So the toolchain of the repository will do, and a run is several times faster.
//!
//! **Bounds.** Seconds for each target; [`INPUT_BYTES_MAX`] an input, [`INPUT_SECONDS_MAX`] for it, [`MEMORY_MB_MAX`] in all.

use anyhow::{Context as _, Result, bail};

use crate::program::{cargo, root};

/// The longest input, in bytes. Source: our choice; twice the longest golden file, so that each can grow.
const INPUT_BYTES_MAX: usize = 16_384;
/// How long one input may take, in seconds. Source: our choice; thousands of times what the slowest seed takes.
const INPUT_SECONDS_MAX: u64 = 10;
/// The most memory, in MiB. Source: our choice; libFuzzer's own default is 2,048.
const MEMORY_MB_MAX: usize = 1_024;

/// How to look.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Which ones; all if none is named.
    targets: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let known = targets()?;
    if let Some(name) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!("there is no target `{name}`; there are {}", known.join(", "));
    }
    if !cargo(["fuzz", "--version"]).works() {
        bail!("cargo-fuzz is missing\n  to get it: cargo install cargo-fuzz --locked");
    }
    let seeds = "fuzz/target/seeds";
    cargo(["run", "--quiet", "--package", "wardbell-properties", "--example", "seeds", "--", seeds])
        .run("see the message above")?;
    for name in if options.targets.is_empty() { &known } else { &options.targets } {
        // libFuzzer puts what it keeps into the first folder, and only reads the second.
        let corpus = format!("fuzz/corpus/{name}");
        std::fs::create_dir_all(root().join(&corpus)).with_context(|| format!("could not make {corpus}"))?;
        let folders = [corpus, format!("{seeds}/{name}")];
        let limits = [
            format!("-max_total_time={}", options.seconds),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-rss_limit_mb={MEMORY_MB_MAX}"),
            "-print_final_stats=1".to_owned(),
        ];
        let words = ["fuzz", "run", "--sanitizer", "none", name].map(str::to_owned);
        let all = words.into_iter().chain(folders).chain(["--".to_owned()]).chain(limits);
        cargo(all).run("fuzz/artifacts has the bytes; make them a test, then mend what they break")?;
    }
    Ok(())
}

/// The names of all targets, sorted.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/fuzz_targets")).context("could not list fuzz/fuzz_targets")? {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
