//! The packages of the workspace and all they depend on, as `cargo metadata` tells it.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::program::cargo;

/// The platform that is looked at: what the released binary is built for.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// One package of the graph.
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The registry or repository; `None` for a package of this workspace.
    pub(crate) source: Option<String>,
    /// The folder of its manifest.
    pub(crate) manifest: std::path::PathBuf,
    /// What it needs itself.
    pub(crate) needs: Vec<Need>,
}

/// An edge of the graph.
pub(crate) struct Need {
    /// [`Package::id`] of what is needed.
    pub(crate) id: String,
    /// Needed for its tests, benches and examples only.
    pub(crate) dev_only: bool,
}

/// Reads the graph.
pub(crate) fn read() -> Result<Vec<Package>> {
    let metadata = cargo(["metadata", "--format-version", "1", "--filter-platform", PLATFORM]).output()?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let nodes = array(&metadata, "/resolve/nodes")?;
    let packages = array(&metadata, "/packages")?;
    let mut graph = Vec::new();
    for node in nodes {
        let id = text(node, "/id")?;
        let package = packages
            .iter()
            .find(|package| package.get("id").and_then(Value::as_str) == Some(id.as_str()))
            .with_context(|| format!("{id} is in the graph and not among the packages"))?;
        let mut needs = Vec::new();
        for need in array(node, "/deps")? {
            let kinds = array(need, "/dep_kinds")?;
            let dev_only = kinds.iter().all(|kind| kind.get("kind").and_then(Value::as_str) == Some("dev"));
            needs.push(Need { id: text(need, "/pkg")?, dev_only });
        }
        graph.push(Package {
            name: text(package, "/name")?,
            source: text(package, "/source").ok(),
            manifest: text(package, "/manifest_path")?.into(),
            id,
            needs,
        });
    }
    Ok(graph)
}

fn array<'v>(value: &'v Value, at: &str) -> Result<&'v Vec<Value>> {
    value.pointer(at).and_then(Value::as_array).with_context(|| format!("cargo metadata has no list at {at}"))
}

fn text(value: &Value, at: &str) -> Result<String> {
    let text = value.pointer(at).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("cargo metadata has no text at {at}"))
}
