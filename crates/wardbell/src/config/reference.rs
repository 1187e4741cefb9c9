//! References to secrets in what the file declares: `${NAME}` is a variable, `${file:PATH}` what a file holds.
//!
//! **What it does.** It reads them in a webhook's `url`, `secret`, `routing_key` and values of `headers`; what came in is not
//! read again for further references. `secret` and `routing_key` must be a reference, so that no secret stands in the file.
//!
//! **What it does not do.** It gives out none of Wardbell's own variables (`WARDBELL_…`), and never tells a value.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

/// The largest file that is read for a secret, in bytes. Source: our choice, above any header or URL.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What stands before the path of a file.
const FILE: &str = "file:";

/// Wardbell's own variables, its secrets among them.
const OWN: &str = "WARDBELL_";

/// What reads a variable.
pub(super) type Variable<'v> = &'v dyn Fn(&str) -> Option<String>;

/// Resolves the references of all webhooks; what is wrong is handed to `wrong` with its place.
pub(super) fn resolve(projects: &mut Value, variable: Variable<'_>, wrong: &mut dyn FnMut(String, String)) {
    let Some(projects) = projects.as_array_mut() else { return };
    for (at, project) in projects.iter_mut().enumerate() {
        let Some(webhooks) = project.get_mut("webhooks").and_then(Value::as_array_mut) else { continue };
        for (index, webhook) in webhooks.iter_mut().enumerate() {
            if let Some(webhook) = webhook.as_object_mut() {
                resolve_webhook(&format!("projects[{at}].webhooks[{index}]"), webhook, variable, wrong);
            }
        }
    }
}

fn resolve_webhook(
    place: &str,
    webhook: &mut Map<String, Value>,
    variable: Variable<'_>,
    wrong: &mut dyn FnMut(String, String),
) {
    for name in ["secret", "routing_key"] {
        if let Some(Value::String(text)) = webhook.get(name)
            && !is_reference(text)
        {
            let remedy = "must be a reference, such as ${ONCALL_SECRET} or ${file:/run/secrets/oncall}, not the secret";
            wrong(format!("{place}.{name}"), remedy.to_owned());
            webhook.remove(name);
        }
    }
    let mut texts: Vec<(String, &mut Value)> = Vec::new();
    for (name, value) in webhook.iter_mut() {
        match (name.as_str(), value) {
            ("url" | "secret" | "routing_key", value) => texts.push((format!("{place}.{name}"), value)),
            ("headers", Value::Object(headers)) => {
                texts.extend(headers.iter_mut().map(|(header, value)| (format!("{place}.headers.{header}"), value)));
            }
            _ => {}
        }
    }
    for (place, value) in texts {
        if let Value::String(text) = value {
            match resolved(text, variable) {
                Ok(known) => *text = known,
                Err(why) => wrong(place, why),
            }
        }
    }
}

/// Whether a text is one reference and nothing else.
fn is_reference(text: &str) -> bool {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| !inner.is_empty() && !inner.contains(['{', '}', '$']))
}

/// A text with what its references stand for.
fn resolved(text: &str, variable: Variable<'_>) -> Result<String, String> {
    let mut known = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        known.push_str(before);
        let (name, after) = after.split_once('}').ok_or("has `${` without `}`")?;
        known.push_str(&value(name, variable)?);
        rest = after;
    }
    known.push_str(rest);
    Ok(known)
}

fn value(name: &str, variable: Variable<'_>) -> Result<String, String> {
    if let Some(path) = name.strip_prefix(FILE) {
        return file(Path::new(path)).map_err(|why| format!("names a file that {why}"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err("has a reference that names no variable: write ${NAME} or ${file:PATH}".to_owned());
    }
    if name.starts_with(OWN) {
        return Err(format!("names {name}: Wardbell's own variables are not to be had; choose another name"));
    }
    match variable(name) {
        Some(value) if !value.is_empty() => Ok(value),
        Some(_) => Err(format!("names the variable {name}, which is empty")),
        None => Err(format!("names the variable {name}, which is not set")),
    }
}

/// What a file holds, without the line end that editors put there.
fn file(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| format!("cannot be read: {error}");
    // A pipe would hold up whoever reads it.
    if !std::fs::metadata(path).map_err(told)?.is_file() {
        return Err("is no plain file".to_owned());
    }
    let mut text = String::new();
    std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text)).map_err(told)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variable(name: &str) -> Option<String> {
        match name {
            "TOKEN" => Some("canary".to_owned()),
            "NESTED" => Some("${TOKEN}".to_owned()),
            "EMPTY" => Some(String::new()),
            "WARDBELL_ADMIN_TOKEN" => Some("canary-admin".to_owned()),
            _ => None,
        }
    }

    fn check(field: &str, text: &str) -> Result<String, String> {
        let mut projects = json!([{"webhooks": [{field: text}]}]);
        let mut told = Vec::new();
        resolve(&mut projects, &variable, &mut |place, why| told.push(format!("{place} {why}")));
        match told.as_slice() {
            [] => Ok(projects[0]["webhooks"][0][field].as_str().unwrap().to_owned()),
            _ => Err(told.join("; ")),
        }
    }

    #[test]
    fn variables_and_files_stand_for_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "of a file\n").unwrap();
        assert_eq!(check("secret", "${TOKEN}").unwrap(), "canary");
        assert_eq!(check("secret", &format!("${{file:{}}}", path.display())).unwrap(), "of a file");
        assert_eq!(check("url", "https://x/${TOKEN}/y").unwrap(), "https://x/canary/y");
        assert_eq!(check("url", "${NESTED}").unwrap(), "${TOKEN}");
        assert_eq!(check("custom_message", "costs ${TOKEN}").unwrap(), "costs ${TOKEN}");
    }

    #[test]
    fn what_cannot_be_resolved_is_told_without_a_value() {
        for (field, text, part) in [
            ("secret", "whsec_literal", "must be a reference"),
            ("secret", "x${TOKEN}", "must be a reference"),
            ("routing_key", "${TOKEN}${TOKEN}", "must be a reference"),
            ("url", "https://x/${TOKEN", "without `}`"),
            ("url", "${}", "names no variable"),
            ("url", "${MISSING}", "MISSING, which is not set"),
            ("url", "${EMPTY}", "EMPTY, which is empty"),
            ("url", "${WARDBELL_ADMIN_TOKEN}", "Wardbell's own"),
            ("url", "${file:/no/such}", "cannot be read"),
            ("url", "${file:/}", "is no plain file"),
            ("url", "${file:/dev/null}", "is no plain file"),
        ] {
            let told = check(field, text).unwrap_err();
            assert!(told.starts_with(&format!("projects[0].webhooks[0].{field} ")) && told.contains(part), "{told}");
            assert!(!told.contains("canary") && !told.contains("literal"), "{told}");
        }
    }
}
