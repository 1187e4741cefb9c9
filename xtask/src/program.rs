//! Running other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds to.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |given| root().join(given))
}

/// The built gateway of a profile's folder, `debug` or `release`.
pub(crate) fn wardbell(folder: &str) -> PathBuf {
    target_dir().join(folder).join("wardbell")
}

/// Whether the debug binary is built before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Build,
    /// It is there already. Building it alone after a build of the workspace would build its dependencies again, with
    /// the fewer features that it needs by itself.
    AsItIs,
    /// A release build.
    Release,
}

impl Binary {
    pub(crate) fn from_flag(built: bool) -> Binary {
        if built { Binary::AsItIs } else { Binary::Build }
    }

    /// The binary: a debug build unless it says release.
    pub(crate) fn get(self) -> Result<PathBuf> {
        let binary = wardbell("debug");
        match self {
            Binary::Build => cargo(["build", "--package", "wardbell"]).run("mend the build")?,
            Binary::AsItIs if !binary.exists() => bail!("{} is not there; build it first", binary.display()),
            Binary::AsItIs => {}
            Binary::Release => {
                cargo(["build", "--package", "wardbell", "--release"]).run("mend the build")?;
                return Ok(wardbell("release"));
            }
        }
        Ok(binary)
    }
}

/// A program with its arguments, to be run in the repository's root.
pub(crate) struct Program(Command);

/// `cargo` with these arguments.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Program {
    program("cargo", arguments)
}

/// Any program with these arguments.
pub(crate) fn program<S: AsRef<OsStr>>(name: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = S>) -> Program {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    Program(command)
}

impl Program {
    /// Sets a variable for it.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Program {
        self.0.env(name, value);
        self
    }

    /// Shows the command, runs it, and fails with `remedy` if it fails.
    pub(crate) fn run(mut self, remedy: &str) -> Result<()> {
        let shown = self.shown();
        println!("\n── {shown}");
        let status = self.0.status().with_context(|| format!("could not run {shown}"))?;
        if !status.success() {
            bail!("{shown} failed\n  to mend it: {remedy}");
        }
        Ok(())
    }

    /// Runs it quietly and answers with what it wrote to standard output.
    pub(crate) fn output(mut self) -> Result<String> {
        let shown = self.shown();
        let output = self.0.output().with_context(|| format!("could not run {shown}"))?;
        if !output.status.success() {
            bail!("{shown} failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Whether it runs and succeeds. Nothing is shown.
    pub(crate) fn works(mut self) -> bool {
        self.0.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn shown(&self) -> String {
        let name = Path::new(self.0.get_program()).file_name().unwrap_or(self.0.get_program());
        let words = std::iter::once(name).chain(self.0.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}
