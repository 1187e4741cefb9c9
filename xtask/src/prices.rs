//! The price table of wardbell-llm, made from two data sets on PyPI. The packages are fetched below `target/`; only the
//! table enters the repository.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::program::{program, root, target_dir};

/// The version of the package genai-prices (MIT) that is read. Also named in NOTICE.
const VERSION: &str = "0.2.3";
/// The version of the package litellm (MIT) whose list of models is read. Also named in NOTICE.
const LITELLM_VERSION: &str = "1.110.2";
/// That list, within the package.
const LITELLM_LIST: &str = "litellm/model_prices_and_context_window_backup.json";
/// What turns the package's data into the table.
const COMPILE: &str = "xtask/src/prices/compile.py";
/// The table.
const TABLE: &str = "crates/wardbell-llm/src/price/table.json";
/// The oldest Python that the package runs on.
const PYTHON: &str = "import sys; sys.exit(sys.version_info < (3, 11))";

/// Writes the table with the prices of the day `as_of` (`YYYY-MM-DD`).
pub(crate) fn run(as_of: &str) -> Result<()> {
    if !program("python3", ["-c", PYTHON]).works() {
        bail!("the price table needs python3, version 3.11 or newer, with pip\n  to mend it: install it");
    }
    let at = target_dir().join("prices");
    let (prices, litellm) = (at.join(VERSION), at.join(format!("litellm-{LITELLM_VERSION}")));
    fetch(&prices, &format!("genai-prices=={VERSION}"), &[])?;
    fetch(&litellm, &format!("litellm=={LITELLM_VERSION}"), &["--no-deps"])?;
    let (compile, list) =
        (root().join(COMPILE).display().to_string(), litellm.join(LITELLM_LIST).display().to_string());
    let made = program("python3", [compile.as_str(), VERSION, as_of, LITELLM_VERSION, &list])
        .env("PYTHONPATH", prices.display().to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    std::fs::write(root().join(TABLE), made).with_context(|| format!("could not write {TABLE}"))?;
    println!("{TABLE} written");
    Ok(())
}

/// Puts a package below a folder.
fn fetch(folder: &Path, package: &str, more: &[&str]) -> Result<()> {
    let folder = folder.display().to_string();
    let plain = ["-m", "pip", "install", "--quiet", "--no-warn-conflicts", "--target", &folder, "--upgrade", package];
    program("python3", plain.iter().chain(more)).run("check that PyPI can be reached")
}
