//! Tests of the repository itself. A rule that is not checked here or by a lint is guidance.
//!
//! **Who may depend on whom** (STYLE.md, "Workspace"): core ← engines and adapters ← services ← shell. Engines see core
//! only and know no runtime, socket or database; adapters see core and telemetry; services never see one another.
//! **Files:** no `mod.rs`; no open end without the number of its issue; long files are listed.
//! **Packages:** each takes the workspace's lints; one may excuse one file that holds unsafe code. **README:** the commands it promises exist.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::graph::{self, Package};
use crate::program::root;

/// Past this many lines one looks for the second noun (STYLE.md, "Files and names").
const LINES_LONG: usize = 600;
/// Folders whose files are read.
const FOLDERS: &[&str] = &["crates", "xtask", "clients", "fuzz/fuzz_targets", ".ci"];
/// What an engine may not need: it takes values and returns values.
const NOT_IN_ENGINES: &[&str] = &["tokio", "hyper", "hyper-util", "axum", "rusqlite", "rustls", "tracing"];
/// The package with the files that may hold unsafe code, and their folder.
const UNSAFE_PACKAGE: &str = "wardbell-encoder";
const UNSAFE_FOLDER: &str = "crates/wardbell-encoder/src/kernel/";
/// What the gateway says, which is no command.
const READY_LINE: &str = "wardbell ready on ";
/// (crate, who may need it).
const RESERVED: &[(&str, &[&str])] =
    &[("rusqlite", &["wardbell-store"]), ("axum", &["wardbell-api", "wardbell-dashboard", "wardbell"])];

pub(crate) fn run() -> Result<()> {
    println!("\n── tidy");
    let mut problems = graph_problems(&graph::read()?);
    let mut files = Vec::new();
    for folder in FOLDERS {
        list(&root().join(folder), &mut files)?;
    }
    files.sort();
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let shown = file.strip_prefix(root()).unwrap_or(file).display().to_string();
        problems.extend(file_problems(&shown, &text));
        let lines = text.lines().count();
        if lines > LINES_LONG && file.extension().is_some_and(|extension| extension == "rs") {
            println!("long: {shown} has {lines} lines; look for its second noun");
        }
    }
    problems.extend(readme_problems()?);
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        bail!("{} things are untidy; each line above says what and where", problems.len());
    }
    println!("{} files and the crate graph are tidy", files.len());
    Ok(())
}

/// Where a package of the workspace stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Core,
    /// Numbers in, numbers out: knows no noun of the gateway.
    Arithmetic,
    Engine,
    Adapter,
    Service,
    Shell,
    /// Tries what is below it; nothing needs it.
    Proof,
    /// Stands apart: the test kit and this program.
    Apart,
}

impl Layer {
    fn of(package: &str) -> Option<Layer> {
        Some(match package {
            "wardbell-core" => Layer::Core,
            "wardbell-encoder" => Layer::Arithmetic,
            "wardbell-detect" | "wardbell-llm" | "wardbell-guard" | "wardbell-render" => Layer::Engine,
            "wardbell-store" | "wardbell-egress" | "wardbell-telemetry" | "wardbell-model" => Layer::Adapter,
            "wardbell-proxy" | "wardbell-notify" | "wardbell-api" | "wardbell-dashboard" => Layer::Service,
            "wardbell" => Layer::Shell,
            "wardbell-properties" | "wardbell-eval" => Layer::Proof,
            "wardbell-testkit" | "xtask" => Layer::Apart,
            _ => return None,
        })
    }

    fn may_need(self, other: Layer, name: &str) -> bool {
        match self {
            Layer::Core | Layer::Arithmetic | Layer::Apart => false,
            Layer::Engine => matches!(other, Layer::Core | Layer::Arithmetic),
            Layer::Adapter => other == Layer::Core || name == "wardbell-telemetry",
            Layer::Service => matches!(other, Layer::Core | Layer::Engine | Layer::Adapter),
            Layer::Proof => matches!(other, Layer::Core | Layer::Arithmetic | Layer::Engine | Layer::Adapter),
            Layer::Shell => matches!(other, Layer::Core | Layer::Engine | Layer::Adapter | Layer::Service),
        }
    }
}

fn graph_problems(graph: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in graph.iter().filter(|package| package.source.is_none()) {
        let name = &package.name;
        let Some(layer) = Layer::of(name) else {
            problems.push(format!("{name}: has no place in the layers; give it one in xtask/src/tidy.rs and STYLE.md"));
            continue;
        };
        for need in &package.needs {
            let Some(other) = graph.iter().find(|other| other.id == need.id) else { continue };
            if need.dev_only {
                continue;
            }
            match Layer::of(&other.name) {
                Some(theirs) if !layer.may_need(theirs, &other.name) => {
                    problems.push(format!("{name}: may not depend on {}: {layer:?} on {theirs:?}", other.name));
                }
                Some(_) => {}
                None if matches!(layer, Layer::Engine | Layer::Arithmetic)
                    && NOT_IN_ENGINES.contains(&other.name.as_str()) =>
                {
                    problems.push(format!("{name}: an engine may not need {}", other.name));
                }
                None => {
                    let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == other.name);
                    if let Some((_, users)) = reserved.filter(|(_, users)| !users.contains(&name.as_str())) {
                        problems.push(format!("{name}: only {} may need {}", users.join(", "), other.name));
                    }
                }
            }
        }
        if package.manifest.as_os_str().is_empty() {
            continue;
        }
        let lints = lints_of(&package.manifest, &["lints"]);
        let wanted = if name == UNSAFE_PACKAGE { lints_beside_unsafe() } else { Some(workspace_lints()) };
        if lints.is_none() || lints != wanted {
            problems.push(format!(
                "{name}: its Cargo.toml lacks `[lints] workspace = true`, or has not all of the workspace's"
            ));
        }
    }
    problems
}

/// The table at `path` of a manifest.
fn lints_of(manifest: &Path, path: &[&str]) -> Option<toml::Value> {
    let table = std::fs::read_to_string(manifest).ok()?.parse::<toml::Table>().ok()?;
    path.iter().try_fold(toml::Value::Table(table), |value, key| value.get(*key).cloned())
}

/// `workspace = true`.
fn workspace_lints() -> toml::Value {
    toml::Value::Table([("workspace".to_owned(), toml::Value::Boolean(true))].into_iter().collect())
}

/// The lints of the workspace, but with unsafe code denied instead of forbidden, so that one file can be excused.
fn lints_beside_unsafe() -> Option<toml::Value> {
    let mut lints = lints_of(&root().join("Cargo.toml"), &["workspace", "lints"])?;
    let unsafe_code = lints.get_mut("rust")?.get_mut("unsafe_code")?;
    *unsafe_code = toml::Value::String("deny".to_owned());
    Some(lints)
}

fn file_problems(shown: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let excuse = concat!("(unsafe", "_code");
    if !shown.starts_with(UNSAFE_FOLDER) && text.contains(excuse) {
        problems.push(format!("{shown}: unsafe code may stand in {UNSAFE_FOLDER} only"));
    }
    if Path::new(shown).file_name().is_some_and(|name| name == "mod.rs") {
        problems.push(format!("{shown}: a module lives in foo.rs beside foo/, not in mod.rs"));
    }
    for (number, line) in text.lines().enumerate() {
        let open = [concat!("TO", "DO"), concat!("FIX", "ME")];
        if let Some(word) = open.iter().find(|word| line.contains(**word))
            && !names_issue(line)
        {
            problems.push(format!("{shown}:{}: {word} without the number of an issue, such as #12", number + 1));
        }
    }
    problems
}

/// Whether a line holds `#` and a digit.
fn names_issue(line: &str) -> bool {
    line.split('#').skip(1).any(|after| after.starts_with(|first: char| first.is_ascii_digit()))
}

/// What the README tells a newcomer to run must be there: the commands of the gateway and of this program.
fn readme_problems() -> Result<Vec<String>> {
    let readme = std::fs::read_to_string(root().join("README.md")).context("could not read README.md")?;
    let cli = std::fs::read_to_string(root().join("crates/wardbell/src/cli.rs")).context("could not read cli.rs")?;
    let mut problems = Vec::new();
    for (said, known, place) in [
        ("wardbell ", cli.as_str(), "crates/wardbell/src/cli.rs"),
        ("cargo run --release -- ", cli.as_str(), "crates/wardbell/src/cli.rs"),
        ("cargo xtask ", include_str!("main.rs"), "xtask/src/main.rs"),
    ] {
        for word in commands_after(&readme, said) {
            if !known.contains(&format!("    {}", variant(&word))) {
                problems.push(format!("README.md: says `{said}{word}`, which {place} does not have"));
            }
        }
    }
    Ok(problems)
}

/// The words that follow `said` where it starts a line of a code block, a prompt or a piece of code in a sentence.
fn commands_after(text: &str, said: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        }
        let whole = if in_block { line.trim_start().trim_start_matches("$ ") } else { "" };
        let pieces = std::iter::once(whole).chain(if in_block { "" } else { line }.split('`').skip(1).step_by(2));
        let told = pieces.filter(|piece| !piece.starts_with(READY_LINE));
        for after in told.filter_map(|piece| piece.strip_prefix(said)) {
            let word: String = after.chars().take_while(|next| next.is_ascii_lowercase() || *next == '-').collect();
            if !word.is_empty() && !word.starts_with('-') {
                words.push(word);
            }
        }
    }
    words
}

/// `health-check` as clap's derive has it: `HealthCheck`.
fn variant(word: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    word.split('-').map(capital).collect()
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" && entry.file_name() != "__pycache__" {
                list(&entry.path(), files)?;
            }
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Need;

    fn problems(name: &str, needs: &[(&str, bool)]) -> Vec<String> {
        let package = |name: &str, ours: bool, needs: &[(&str, bool)]| Package {
            id: name.to_owned(),
            name: name.to_owned(),
            source: if ours { None } else { Some("registry".to_owned()) },
            manifest: PathBuf::new(),
            needs: needs.iter().map(|&(id, dev_only)| Need { id: id.to_owned(), dev_only }).collect(),
        };
        let mut graph = vec![package(name, true, needs)];
        graph.extend(needs.iter().map(|(other, _)| package(other, Layer::of(other).is_some(), &[])));
        graph_problems(&graph)
    }

    #[test]
    fn the_layers_hold() {
        let cases = [
            ("wardbell-detect", "wardbell-core", true),
            ("wardbell-detect", "wardbell-telemetry", false),
            ("wardbell-detect", "wardbell-llm", false),
            ("wardbell-guard", "tokio", false),
            ("wardbell-guard", "regex", true),
            ("wardbell-store", "wardbell-telemetry", true),
            ("wardbell-store", "wardbell-egress", false),
            ("wardbell-store", "rusqlite", true),
            ("wardbell-proxy", "rusqlite", false),
            ("wardbell-proxy", "wardbell-store", true),
            ("wardbell-proxy", "wardbell-notify", false),
            ("wardbell-proxy", "axum", false),
            ("wardbell", "wardbell-proxy", true),
            ("wardbell", "wardbell-testkit", false),
            ("wardbell-properties", "wardbell-llm", true),
            ("wardbell", "wardbell-properties", false),
            ("wardbell-core", "wardbell-store", false),
            ("wardbell-testkit", "wardbell-core", false),
        ];
        for (name, need, allowed) in cases {
            assert_eq!(problems(name, &[(need, false)]).is_empty(), allowed, "{name} needs {need}");
        }
        assert!(problems("wardbell-proxy", &[("wardbell-testkit", true)]).is_empty(), "tests may use the test kit");
        assert_eq!(problems("wardbell-new", &[]).len(), 1);
    }

    #[test]
    fn open_ends_need_an_issue_and_mod_rs_is_found() {
        let open = concat!("// TO", "DO");
        assert_eq!(file_problems("a.rs", &format!("{open}: later")).len(), 1);
        assert_eq!(file_problems("a.rs", &format!("{open}(#12): later")).len(), 0);
        assert_eq!(file_problems("a/mod.rs", "").len(), 1);
    }

    #[test]
    fn commands_of_a_text_are_found() {
        let text = "Run `wardbell serve --x` now.\n```sh\n$ wardbell demo\nwardbell health-check\nthe wardbell way\n```\nwardbell is";
        assert_eq!(commands_after(text, "wardbell "), ["serve", "demo", "health-check"]);
        assert_eq!(variant("health-check"), "HealthCheck");
    }
}
