//! The words of JSON Schema, which every dialect has in its tool definitions.
//!
//! **Source.** JSON Schema, draft 2020-12 (<https://json-schema.org/draft/2020-12>); only what providers document. Any other
//! key of a schema is somebody's text.

/// Keys of a schema.
pub(crate) fn is_schema_key(name: &str) -> bool {
    matches!(
        name,
        "additionalProperties"
            | "anyOf"
            | "default"
            | "description"
            | "enum"
            | "format"
            | "items"
            | "name"
            | "parameters"
            | "properties"
            | "required"
            | "type"
    )
}

/// Values of `type` in a schema.
pub(crate) fn is_schema_type(name: &str) -> bool {
    matches!(name, "array" | "boolean" | "integer" | "null" | "number" | "object" | "string")
}
