//! What was submitted: the fields of a form.

use serde_json::Value;

/// The largest form that is read, in bytes: a chat body of the playground.
pub const FORM_BYTES_MAX: usize = 1024 * 1024;

/// The fields of a form, in order.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn read(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A field's text, without white space around it; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A field's text as it is; empty if it is not there.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a box is ticked.
    pub fn is_on(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The pieces of a field that holds a list, by commas or lines.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.raw(name).split([',', '\n']).map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// A field as a JSON number; as text where it is none, so that the API says what is wrong with it.
    pub fn number(&self, name: &str) -> Value {
        let text = self.text(name);
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| text.into(), Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lists_and_numbers_are_read() {
        let form = Form::read(b"a=+x+&b=1&b=2&n=12.5&m=many&l=p%2C+q%0Ar");
        assert_eq!((form.text("a"), form.all("b").len(), form.is_on("z")), ("x", 2, false));
        assert_eq!(form.number("n"), serde_json::json!(12.5));
        assert_eq!(form.number("m"), serde_json::json!("many"));
        assert_eq!(form.number("z"), Value::Null);
        assert_eq!(form.list("l"), ["p", "q", "r"]);
    }
}
