//! What the dependencies may be: `cargo deny` with deny.toml.

use anyhow::{Result, bail};

use crate::program::cargo;

/// Checks bans, licences and sources. Advisories are left out: their database is fetched from the network, and a build
/// must not fail for news of the day.
pub(crate) fn run() -> Result<()> {
    if !cargo(["deny", "--version"]).works() {
        bail!("cargo-deny is not installed\n  to get it: cargo install cargo-deny --locked");
    }
    cargo(["deny", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .run("see the message above and deny.toml")
}
