//! What the dependencies may be, by deny.toml.
//!
//! deny.toml is written for cargo-deny and can be read by it. This command applies the parts that Wardbell uses itself,
//! on the graph of `cargo metadata`, because cargo-deny takes minutes to build on a new machine and its published wheel
//! (0.14.2) reads neither today's package ids nor the licence `Unicode-3.0`.
//!
//! **What it checks.** Every package: its licence expression can be met with `licenses.allow` (and
//! `licenses.exceptions`); its name is not in `bans.deny`, or only `wrappers` need it; its source is in
//! `sources.allow-registry`. The workspace's own packages are looked at for bans only.
//!
//! **What it does not do.** Advisories, licence texts, duplicate versions.

mod spdx;

use anyhow::{Context as _, Result, bail};
use toml::{Table, Value};

use crate::graph::{self, Package};
use crate::program::root;

pub(crate) fn run() -> Result<()> {
    println!("\n── deny");
    let rules = std::fs::read_to_string(root().join("deny.toml")).context("could not read deny.toml")?;
    let rules = Rules::parse(&rules.parse().context("deny.toml is not TOML")?)?;
    let graph = graph::read()?;
    let problems = rules.problems(&graph);
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        bail!(
            "{} dependencies are not allowed\n  to mend it: choose another crate, or argue the exception in deny.toml",
            problems.len()
        );
    }
    println!("{} packages: licences, names and sources are as deny.toml says", graph.len());
    Ok(())
}

struct Rules {
    licences: Vec<String>,
    /// (package, licences it may have besides).
    exceptions: Vec<(String, Vec<String>)>,
    bans: Vec<Ban>,
    registries: Vec<String>,
}

struct Ban {
    name: String,
    /// Packages that may need it all the same.
    wrappers: Vec<String>,
}

impl Rules {
    fn parse(rules: &Table) -> Result<Rules> {
        let list = |section: &str, key: &str| {
            let found = rules.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
            found.with_context(|| format!("deny.toml has no list {section}.{key}"))
        };
        let name = |entry: &Value| entry.get("name").or_else(|| entry.get("crate")).map_or_else(String::new, plain);
        Ok(Rules {
            licences: texts(Some(list("licenses", "allow")?)),
            exceptions: list("licenses", "exceptions")?
                .iter()
                .map(|entry| (name(entry), texts(entry.get("allow").and_then(Value::as_array))))
                .collect(),
            bans: list("bans", "deny")?
                .iter()
                .map(|entry| Ban {
                    name: name(entry),
                    wrappers: texts(entry.get("wrappers").and_then(Value::as_array)),
                })
                .collect(),
            registries: texts(Some(list("sources", "allow-registry")?)),
        })
    }

    fn problems(&self, graph: &[Package]) -> Vec<String> {
        let mut problems = Vec::new();
        for package in graph {
            let shown = format!("{} {}", package.name, package.version);
            if let Some(ban) = self.bans.iter().find(|ban| ban.name == package.name) {
                let users = graph.iter().filter(|user| user.needs.iter().any(|need| need.id == package.id));
                for user in users.filter(|user| !ban.wrappers.contains(&user.name)) {
                    problems.push(format!("{shown} is banned, and {} needs it", user.name));
                }
            }
            let Some(source) = &package.source else { continue };
            let registry = source.strip_prefix("registry+").unwrap_or_default();
            if !self.registries.iter().any(|known| known == registry) {
                problems.push(format!("{shown} comes from {source}"));
            }
            let besides = self.exceptions.iter().filter(|(name, _)| *name == package.name).flat_map(|(_, also)| also);
            let allowed: Vec<&str> = self.licences.iter().chain(besides).map(String::as_str).collect();
            match package.licence.as_deref().map(|licence| spdx::allowed(licence, &allowed)) {
                Some(Ok(true)) => {}
                Some(Ok(false)) => {
                    problems
                        .push(format!("{shown} has the licence {}", package.licence.as_deref().unwrap_or_default()));
                }
                Some(Err(error)) => problems.push(format!("{shown} has a licence that is no expression: {error}")),
                None => problems.push(format!("{shown} names no licence")),
            }
        }
        problems
    }
}

fn texts(list: Option<&Vec<Value>>) -> Vec<String> {
    list.into_iter().flatten().map(plain).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, licence: Option<&str>, source: Option<&str>, needs: &[&str]) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
            manifest: std::path::PathBuf::new(),
            needs: needs.iter().map(|&id| graph::Need { id: id.to_owned(), dev_only: false }).collect(),
        }
    }

    #[test]
    fn each_rule_catches_what_breaks_it() {
        let rules = Rules::parse(
            &r#"
                licenses = { allow = ["MIT"], exceptions = [{ crate = "roots", allow = ["CDLA-Permissive-2.0"] }] }
                bans.deny = [{ crate = "openssl" }, { crate = "time", wrappers = ["certs"] }]
                sources.allow-registry = ["https://index"]
            "#
            .parse()
            .unwrap(),
        )
        .unwrap();
        let index = Some("registry+https://index");
        let graph = [
            package("ours", Some("Apache-2.0"), None, &["openssl", "roots", "certs"]),
            package("roots", Some("CDLA-Permissive-2.0"), index, &[]),
            package("certs", Some("MIT"), index, &["time"]),
            package("time", Some("MIT"), index, &[]),
            package("openssl", Some("MIT"), index, &[]),
            package("copyleft", Some("GPL-3.0-only"), index, &[]),
            package("silent", None, index, &[]),
            package("forked", Some("MIT"), Some("git+https://example.com/forked"), &[]),
        ];
        assert_eq!(
            rules.problems(&graph),
            [
                "openssl 1.0.0 is banned, and ours needs it",
                "copyleft 1.0.0 has the licence GPL-3.0-only",
                "silent 1.0.0 names no licence",
                "forked 1.0.0 comes from git+https://example.com/forked",
            ]
        );
    }

    #[test]
    fn the_rules_of_this_repository_can_be_read() {
        let rules = std::fs::read_to_string(root().join("deny.toml")).unwrap();
        assert!(Rules::parse(&rules.parse().unwrap()).unwrap().licences.contains(&"MIT".to_owned()));
    }
}
