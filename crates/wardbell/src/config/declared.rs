//! The section of projects: what the file declares, from TOML to what the store makes of it.

use std::path::Path;

use serde_json::{Number, Value};
use wardbell_api::declared::{Context, Wrong};
use wardbell_store::declared::Declarations;

use crate::config::raw::RawDeclared;
use crate::config::{Problem, Problems, reference};

/// Reads what the file declares, with its references resolved.
pub(super) fn read(
    raw: RawDeclared,
    context: Context<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> Declarations {
    let RawDeclared { file, projects } = raw;
    let name = Path::new(&file).file_name().map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned());
    let mut declared = Declarations { file: name, projects: Vec::new() };
    let Some(projects) = projects else { return declared };
    let mut known: Vec<String> = Vec::new();
    let mut wrong = |place: String, wrong: String, hint| {
        // What a reference that is not resolved stands for is wrong only once.
        if !known.contains(&place) {
            problems.push(Problem::new(format!("{place} in {file}"), wrong, hint));
            known.push(place);
        }
    };
    let mut projects = match json("projects", projects) {
        Ok(projects) => projects,
        Err(place) => {
            wrong(place, "is a date, or not a finite number".to_owned(), None);
            return declared;
        }
    };
    reference::resolve(&mut projects, variable, &mut |place, why| wrong(place, why, None));
    match wardbell_api::declared::read(projects, context) {
        Ok(projects) => declared.projects = projects,
        Err(wrongs) => wrongs.into_iter().for_each(|Wrong { field, wrong: why, hint }| wrong(field, why, hint)),
    }
    declared
}

/// A value of the file as the API reads values; else the place that has no such form.
fn json(place: &str, value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Number::from_f64(number).map(Value::Number).ok_or_else(|| place.to_owned())?,
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(_) => return Err(place.to_owned()),
        toml::Value::Array(items) => {
            let items = items.into_iter().enumerate().map(|(at, item)| json(&format!("{place}[{at}]"), item));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        toml::Value::Table(fields) => {
            let fields = fields.into_iter().map(|(name, field)| {
                let field = json(&format!("{place}.{name}"), field)?;
                Ok((name, field))
            });
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
    })
}
