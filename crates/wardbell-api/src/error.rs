//! Every refusal that this API gives, and the one place that turns it into an answer.
//!
//! The envelope is `{"error":{"code","message","hint"?,"field"?}}` (`spec/api.md`). Codes are contract; messages may be
//! reworded. A message never repeats a value of the body, which may be a secret: it names the field.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_store::error::StoreError;

use crate::v1::PREFIX;

/// Why a call was refused.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No bearer token, or one that is nobody's.
    Unauthenticated,
    /// A project's key, which opens the gateway and not this API.
    Forbidden,
    /// No call has this path.
    NoSuchCall,
    /// The path is right and the method is not.
    MethodNotAllowed,
    /// The thing named does not exist, or belongs to another project.
    NotFound(&'static str),
    /// The body passes the limit, in bytes.
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    BodyTooSlow,
    /// The body is not declared as JSON.
    NotJson,
    /// The body is not JSON, or gives a field twice; where, counted from 1.
    Malformed {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A field of the body, or a parameter of the query, is wrong.
    Field(FieldError),
    /// A limit would be passed.
    LimitReached {
        /// What is limited, and to how many.
        message: String,
        /// How to go on.
        hint: &'static str,
    },
    /// The thing is not in the state that the call needs.
    Conflict {
        /// What is in the way.
        message: &'static str,
        /// How to go on.
        hint: &'static str,
    },
    /// The configuration file declares the thing, and alone changes it.
    Declared {
        /// What was to be changed.
        what: &'static str,
        /// The file's name, without its folder.
        file: String,
    },
    /// The configuration has problems; what was in force stays.
    BadConfiguration(Vec<String>),
    /// Too many calls of a kind that is limited; how many seconds to wait.
    TooManyTests {
        /// Whole seconds until the next call is accepted.
        retry_after_seconds: u64,
    },
    /// As many as may look on do.
    TooManyWatchers,
    /// The store failed before the change was made.
    Store(StoreError),
    /// The change is stored, and the settings in memory could not be read anew.
    NotInForce(StoreError),
    /// The task that made the change ended without an answer.
    Interrupted,
}

/// What is wrong with a field; `field` is its path, such as `policy.dlp.action`.
#[derive(Debug)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) fault: Fault,
}

/// What is wrong with a value.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is needed and not there.
    Missing,
    /// There is no such field; the ones that there are.
    Unknown(Vec<&'static str>),
    /// It has the wrong type or value; what it should be.
    Invalid(String),
    /// A later version has it.
    NotAvailable,
    /// The egress policy refuses the address. It never says why, so that nobody can map the network behind Wardbell.
    DestinationNotAllowed,
}

impl FieldError {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), fault: Fault::Invalid(message.into()) }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::NotFound(what),
            StoreError::LimitReached { what, max } => Self::LimitReached {
                message: format!("{what}: at most {max}"),
                hint: "remove one first, or raise the operator's setting",
            },
            StoreError::Declared { what, file } => Self::Declared { what, file },
            error @ (StoreError::Corrupt(_) | StoreError::Seal(_) | StoreError::Database(_) | StoreError::Closed) => {
                Self::Store(error)
            }
        }
    }
}

/// The envelope of every refusal.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorAnswer {
    /// What went wrong.
    error: ErrorBody,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// A word for programs; it does not change between versions.
    #[schema(example = "invalid_field")]
    code: &'static str,
    /// A sentence for people.
    message: String,
    /// How to put it right, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The field of the body or query at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "policy.dlp.action")]
    field: Option<String>,
}

impl ErrorBody {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, field: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, body) = self.describe();
        let mut response = (status, Json(ErrorAnswer { error: body })).into_response();
        if let Self::Unauthenticated = self {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::TooManyTests { retry_after_seconds } = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
        }
        response
    }
}

impl ApiError {
    /// Tells the operator what the caller is not told.
    fn log(&self) {
        match self {
            Self::Store(error) | Self::NotInForce(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "management call failed in the store");
            }
            Self::Interrupted => tracing::error!("management call ended without an answer"),
            Self::Unauthenticated
            | Self::Forbidden
            | Self::NoSuchCall
            | Self::MethodNotAllowed
            | Self::NotFound(_)
            | Self::BodyTooLarge(_)
            | Self::BodyTooSlow
            | Self::NotJson
            | Self::Malformed { .. }
            | Self::Field(_)
            | Self::LimitReached { .. }
            | Self::Conflict { .. }
            | Self::Declared { .. }
            | Self::BadConfiguration(_)
            | Self::TooManyTests { .. }
            | Self::TooManyWatchers => {}
        }
    }

    fn describe(&self) -> (StatusCode, ErrorBody) {
        match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                ErrorBody::new("unauthenticated", "the admin token is missing or wrong").hint(
                    "send `Authorization: Bearer` and WARDBELL_ADMIN_TOKEN, or what <data-dir>/admin-token holds",
                ),
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                ErrorBody::new("forbidden", "a project key does not open the management API")
                    .hint("use the admin token"),
            ),
            Self::NoSuchCall => (
                StatusCode::NOT_FOUND,
                ErrorBody::new("not_found", "there is no such call").hint("GET /api/v1/openapi.json lists every call"),
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                ErrorBody::new("method_not_allowed", "this path does not take this method")
                    .hint("the `Allow` header names the methods that it takes"),
            ),
            Self::NotFound(what) => {
                (StatusCode::NOT_FOUND, ErrorBody::new("not_found", format!("{what} does not exist")))
            }
            Self::BodyTooLarge(max) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorBody::new("body_too_large", format!("the body is larger than {max} bytes")),
            ),
            Self::BodyTooSlow => {
                (StatusCode::REQUEST_TIMEOUT, ErrorBody::new("body_too_slow", "the body did not arrive in time"))
            }
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorBody::new("unsupported_media_type", "the body must be JSON")
                    .hint("send `Content-Type: application/json`"),
            ),
            Self::Malformed { line, column } => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new("malformed_json", format!("the body is not JSON at line {line}, column {column}"))
                    .hint("an object that gives a field twice is refused as well"),
            ),
            Self::Field(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.describe()),
            Self::LimitReached { message, hint } => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorBody::new("limit_reached", message.as_str()).hint(*hint))
            }
            Self::Conflict { message, hint } => {
                (StatusCode::CONFLICT, ErrorBody::new("conflict", *message).hint(*hint))
            }
            Self::Declared { what, file } => (
                StatusCode::CONFLICT,
                ErrorBody::new("declared", format!("{what} is declared in {file} and cannot be changed here"))
                    .hint(format!("change {file}, then POST {PREFIX}/reload or send the process SIGHUP")),
            ),
            Self::BadConfiguration(problems) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorBody::new(
                    "invalid_configuration",
                    format!("the configuration is not in force: {}", problems.join("; ")),
                )
                .hint("what was in force stays; `wardbell check` tells the same"),
            ),
            Self::TooManyTests { retry_after_seconds } => (
                StatusCode::TOO_MANY_REQUESTS,
                ErrorBody::new("rate_limited", "this webhook was tested too often")
                    .hint(format!("try again in {retry_after_seconds} s")),
            ),
            Self::TooManyWatchers => (
                StatusCode::TOO_MANY_REQUESTS,
                ErrorBody::new("too_many_watchers", "too many read the event stream already")
                    .hint("end one of them first"),
            ),
            Self::Store(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorBody::new("store_unavailable", "the store failed; the log of the server says why"),
            ),
            Self::NotInForce(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorBody::new("store_unavailable", "the change is stored and not in force yet: the store failed")
                    .hint("the next change or a restart puts it in force"),
            ),
            Self::Interrupted => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorBody::new(
                    "store_unavailable",
                    "the change was interrupted; read it back to see whether it was made",
                ),
            ),
        }
    }
}

impl FieldError {
    fn describe(&self) -> ErrorBody {
        let Self { field, fault } = self;
        let mut body = match fault {
            Fault::Missing => ErrorBody::new("missing_field", format!("`{field}` is needed")),
            Fault::Unknown(known) => {
                ErrorBody::new("unknown_field", format!("`{field}` is not known here")).hint(suggest(field, known))
            }
            Fault::Invalid(message) => ErrorBody::new("invalid_field", format!("`{field}` {message}")),
            Fault::NotAvailable => {
                ErrorBody::new("not_available", format!("`{field}` is not available in this version"))
                    .hint("leave it out")
            }
            Fault::DestinationNotAllowed => ErrorBody::new("destination_not_allowed", "destination not allowed").hint(
                "public addresses on port 443 are allowed; the operator may allow others with WARDBELL_EGRESS_ALLOW",
            ),
        };
        body.field = Some(field.clone());
        body
    }
}

/// How many letters a name may differ by and still be taken for a slip.
const SLIP_LETTERS_MAX: usize = 2;

pub(crate) fn suggest(field: &str, known: &[&'static str]) -> String {
    let leaf = field.rsplit('.').next().unwrap_or(field);
    let near = known
        .iter()
        .map(|name| (distance(leaf, name), name))
        .min()
        .filter(|(letters, _)| *letters <= SLIP_LETTERS_MAX)
        .map(|(_, name)| format!("did you mean `{name}`? "))
        .unwrap_or_default();
    if known.is_empty() { format!("{near}nothing is taken here") } else { format!("{near}known: {}", known.join(", ")) }
}

/// How many letters must be put in, taken out or changed to make `from` into `to` (Levenshtein). Both are short: field
/// names are cut before they come here.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((other, above_left), above) in to.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            next.push((above_left + usize::from(letter != *other)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        for (from, to, letters) in [("nmae", "name", 2), ("name", "name", 0), ("", "name", 4), ("names", "name", 1)] {
            assert_eq!(distance(from, to), letters, "{from} {to}");
        }
        assert_eq!(
            suggest("policy.dlp.acton", &["action", "entities"]),
            "did you mean `action`? known: action, entities"
        );
        assert_eq!(suggest("colour", &["action"]), "known: action");
    }
}
