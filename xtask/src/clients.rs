//! The published Python clients, and receivers of alerts in Python, JavaScript and Rust, against a real gateway. What
//! others wrote comes from PyPI and npm by name and version into a folder under `target/`, Node.js itself included; none
//! of it enters the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::program::{Binary, Program, cargo, program, root, target_dir};

/// The oldest Python that the pinned clients install on.
const PYTHON: &str = "import sys; sys.exit(sys.version_info < (3, 9))";
/// How to get it.
const PYTHON_REMEDY: &str = "install Python 3.9 or newer with its venv module, such as `apt-get install python3 python3-venv`, \
                             or leave these tests out with `cargo xtask test --skip-clients`";

/// The names of Chromium; the checks of the dashboard drive it.
const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
/// How to get it.
const CHROMIUM_REMEDY: &str = "install Chromium, such as `apt-get install chromium`, or name it in WARDBELL_CHROMIUM, or leave \
                               these tests out with `cargo xtask test --skip-clients`";

/// What is installed.
const WANTED: &[&str] = &["clients/requirements.txt", "clients/package.json", "clients/package-lock.json"];

pub(crate) fn run(binary: Binary) -> Result<()> {
    let (wardbell, receiver) = (binary.get()?, receiver(binary)?);
    if !program("python3", ["-c", PYTHON]).works() {
        bail!("the client tests need python3, version 3.9 or newer\n  to mend it: {PYTHON_REMEDY}");
    }
    let has_chromium = std::env::var_os("WARDBELL_CHROMIUM").is_some()
        || CHROMIUM.iter().any(|name| program(name, ["--version"]).works());
    if !has_chromium {
        bail!("the dashboard's tests need Chromium\n  to mend it: {CHROMIUM_REMEDY}");
    }
    let mut wanted = String::new();
    for file in WANTED {
        wanted += &std::fs::read_to_string(root().join(file)).with_context(|| format!("could not read {file}"))?;
    }
    let place = Place::new();
    let stamp = place.folder.join("installed.txt");
    if std::fs::read_to_string(&stamp).unwrap_or_default() != wanted {
        place.install(&root().join("clients/requirements.txt"))?;
        place.node(&["clients/node.py"]).run("check that the npm registry can be reached")?;
        std::fs::write(&stamp, wanted).context("could not write below target/")?;
    }
    place
        .node(&["-m", "pytest", "-q", "-p", "no:cacheprovider", "clients"])
        .env("WARDBELL_BIN", wardbell)
        .env("WARDBELL_RECEIVER_BIN", receiver)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .run("see the test's message above")
}

/// The Rust receiver of docs/guide/receive-alerts.md.
fn receiver(binary: Binary) -> Result<PathBuf> {
    // With the features that what is there was built with; after nextest there is nothing left to build.
    let what: &[&str] = match binary {
        Binary::Build | Binary::Release => &["build", "--package", "wardbell", "--example", "receiver"],
        Binary::AsItIs => &["build", "--workspace", "--examples"],
    };
    cargo(what).run("mend the build")?;
    Ok(target_dir().join("debug/examples/receiver"))
}

/// Where the clients are installed: a virtual environment, or a plain folder where Python has no venv module.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new() -> Place {
        Place { folder: target_dir().join("clients") }
    }

    fn install(&self, requirements: &Path) -> Result<()> {
        let requirements = requirements.to_string_lossy();
        let remedy = format!("check that PyPI can be reached; {PYTHON_REMEDY}");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        if self.venv().exists() || program("python3", [Path::new("-m"), Path::new("venv"), &self.folder]).works() {
            return self.python(&[&pip[..], &["-r", &requirements]].concat()).run(&remedy);
        }
        let site = self.site();
        println!("python3 has no venv module; installing into {} instead", site.display());
        let into = site.to_string_lossy();
        program("python3", [&pip[..], &["--target", &into, "--upgrade", "-r", &requirements]].concat()).run(&remedy)
    }

    fn python(&self, arguments: &[&str]) -> Program {
        if self.venv().exists() {
            program(self.venv(), arguments)
        } else {
            program("python3", arguments).env("PYTHONPATH", self.site())
        }
    }

    /// Python, told where the packages of npm are.
    fn node(&self, arguments: &[&str]) -> Program {
        self.python(arguments).env("WARDBELL_NODE_DIR", self.folder.join("node"))
    }

    fn venv(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    fn site(&self) -> PathBuf {
        self.folder.join("site")
    }
}
