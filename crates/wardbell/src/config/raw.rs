//! What was typed: for each setting the text that counts, and where it came from. Flag beats variable beats file beats
//! default.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::setting::{SETTINGS, Setting};
use crate::config::{Problem, Problems};

/// Where a value came from, for error messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(String),
    Variable(String),
    File { file: String, path: String },
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => write!(f, "{name}"),
            Self::File { file, path } => write!(f, "{path} in {file}"),
            Self::Default(path) => write!(f, "{path}"),
        }
    }
}

/// A value as typed. Lists are kept as lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) items: Vec<String>,
    pub(crate) origin: Origin,
}

impl Typed {
    /// The value as one text; a list's items joined as a variable would have them.
    pub(crate) fn text(&self) -> String {
        self.items.join(",")
    }
}

/// Every setting's value as typed. What is declared is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawConfig {
    values: BTreeMap<&'static str, Typed>,
}

/// What is not a setting of the table: the section of projects. References stand in it as they were typed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawDeclared {
    /// The file, for messages.
    pub(crate) file: String,
    /// The value of `projects`, if it is there.
    pub(crate) projects: Option<toml::Value>,
}

impl RawConfig {
    /// Every setting at its default.
    pub(crate) fn new() -> Self {
        let values = SETTINGS.iter().map(|setting| {
            (setting.path, Typed { items: split(setting.default), origin: Origin::Default(setting.path) })
        });
        Self { values: values.collect() }
    }

    /// Lays a file over the values so far, and returns what it declares. Unknown keys and values of the wrong kind are
    /// problems.
    pub(crate) fn file(&mut self, file: &str, text: &str, problems: &mut Problems) -> Option<RawDeclared> {
        let mut table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                problems.push(Problem::new(file.to_owned(), format!("is not TOML: {}", error.message()), None));
                return None;
            }
        };
        let projects = table.remove("projects");
        let mut found = Vec::new();
        flatten("", &table, &mut found);
        for (path, value) in found {
            let origin = Origin::File { file: file.to_owned(), path: path.clone() };
            let Some(setting) = SETTINGS.iter().find(|setting| setting.path == path) else {
                problems.push(Problem::new(origin.to_string(), "is not a setting".to_owned(), nearest(&path)));
                continue;
            };
            match items(value) {
                Some(items) => self.set(setting, Typed { items, origin }),
                None => problems.push(Problem::new(
                    origin.to_string(),
                    "must be a text, a number, or a list of texts".to_owned(),
                    None,
                )),
            }
        }
        Some(RawDeclared { file: file.to_owned(), projects })
    }

    /// Lays a variable over the values so far.
    pub(crate) fn variable(&mut self, setting: &'static Setting, value: &str) {
        self.set(setting, Typed { items: split(value), origin: Origin::Variable(setting.variable()) });
    }

    /// Lays a flag over the values so far; flags are named after the setting, with dashes.
    pub(crate) fn flag(&mut self, path: &str, value: &str) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.path == path) {
            self.set(
                setting,
                Typed { items: vec![value.to_owned()], origin: Origin::Flag(path.replace(['_', '.'], "-")) },
            );
        }
    }

    /// The value of a setting of the table.
    pub(crate) fn get(&self, path: &'static str) -> Typed {
        self.values.get(path).cloned().unwrap_or_else(|| Typed { items: Vec::new(), origin: Origin::Default(path) })
    }

    /// The settings that have another value in `new`, in the order of the table.
    pub(crate) fn changed(&self, new: &Self) -> Vec<&'static Setting> {
        let items = |config: &Self, path| config.values.get(path).map(|typed| typed.items.clone());
        SETTINGS.iter().filter(|setting| items(self, setting.path) != items(new, setting.path)).collect()
    }

    /// Takes the value of a setting from `new`.
    pub(crate) fn take(&mut self, setting: &'static Setting, new: &Self) {
        self.values.insert(setting.path, new.get(setting.path));
    }

    fn set(&mut self, setting: &'static Setting, typed: Typed) {
        self.values.insert(setting.path, typed);
    }
}

fn flatten<'t>(prefix: &str, table: &'t toml::Table, found: &mut Vec<(String, &'t toml::Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&path, inner, found),
            other => found.push((path, other)),
        }
    }
}

fn items(value: &toml::Value) -> Option<Vec<String>> {
    match value {
        toml::Value::Array(values) => values.iter().map(text).collect(),
        other => text(other).map(|text| vec![text]),
    }
}

fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    }
}

fn split(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The setting that was likely meant: the one with the most letters in common at the end or the start.
fn nearest(path: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    SETTINGS
        .iter()
        .map(|setting| (common(&last(setting.path), &last(path)), setting.path))
        .filter(|(score, _)| *score >= 3)
        .max_by_key(|(score, _)| *score)
        .map(|(_, path)| format!("did you mean {path}?"))
}
