//! The price table of wardbell-llm, made from a data set on PyPI. The package is fetched below `target/`; only the table
//! enters the repository.

use anyhow::{Context as _, Result, bail};

use crate::program::{program, root, target_dir};

/// The version of the package genai-prices (MIT) that is read. Also named in NOTICE.
const VERSION: &str = "0.2.3";
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
    let folder = target_dir().join("prices").join(VERSION);
    let (folder, package) = (folder.display().to_string(), format!("genai-prices=={VERSION}"));
    program(
        "python3",
        ["-m", "pip", "install", "--quiet", "--no-warn-conflicts", "--target", &folder, "--upgrade", &package],
    )
    .run("check that PyPI can be reached")?;
    let made = program("python3", [&root().join(COMPILE).display().to_string(), VERSION, as_of])
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    std::fs::write(root().join(TABLE), made).with_context(|| format!("could not write {TABLE}"))?;
    println!("{TABLE} written");
    Ok(())
}
