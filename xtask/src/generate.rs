//! Files that are made from the code.

use anyhow::{Context as _, Result, bail};

use crate::program::{Binary, program, root};

/// (what the hidden subcommand calls it, the file at the root).
const FILES: &[(&str, &str)] =
    &[("openapi", "openapi.json"), ("config", "wardbell.default.toml"), ("metrics", "docs/metrics.md")];

pub(crate) fn run(check: bool, binary: Binary) -> Result<()> {
    let binary = binary.get()?;
    let mut stale = Vec::new();
    for &(what, file) in FILES {
        let made = program(&binary, ["generate", what]).output()?;
        let path = root().join(file);
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        if known == made {
            println!("{file} is up to date");
        } else if check {
            stale.push(file);
        } else {
            std::fs::write(&path, made).with_context(|| format!("could not write {file}"))?;
            println!("{file} written");
        }
    }
    if !stale.is_empty() {
        bail!("out of date: {}\n  to mend it: cargo xtask generate, and commit the result", stale.join(", "));
    }
    Ok(())
}
