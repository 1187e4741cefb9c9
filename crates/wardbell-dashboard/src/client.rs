//! The management API, called in this process.

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;
use wardbell_core::secret::Secret;

/// Where the API is.
const PREFIX: &str = "/api/v1";

/// The management API as its admin sees it.
pub(crate) struct Api {
    router: Router,
    authorization: HeaderValue,
}

/// The API said no.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// What went wrong, for people.
    pub(crate) message: String,
    /// How to put it right.
    pub(crate) hint: Option<String>,
    /// The field at fault.
    pub(crate) field: Option<String>,
}

impl Refusal {
    /// Something that the API would not say in these words.
    pub(crate) fn of_field(field: &str, message: &str) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: message.to_owned(),
            hint: None,
            field: Some(field.to_owned()),
        }
    }

    fn unreadable() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "the management API answered in a form that the dashboard does not know".to_owned(),
            hint: None,
            field: None,
        }
    }
}

impl Api {
    pub(crate) fn new(router: Router, admin_token: &Secret<String>) -> Self {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", admin_token.reveal()))
            .unwrap_or_else(|_| HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        Self { router, authorization }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Refusal> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Refusal> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Refusal> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), Refusal> {
        self.call::<Value>(Method::DELETE, path, None).await.map(drop)
    }

    /// An answer as it comes: the event stream.
    pub(crate) async fn stream(&self, path: &str) -> Response<Body> {
        self.answer(Method::GET, path, None).await
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T, Refusal> {
        let answer = self.answer(method, path, body).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(|_| Refusal::unreadable())?.to_bytes();
        if status.is_success() {
            // 204 has no body; whoever asks for a value of it gets null.
            let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
            return serde_json::from_slice(bytes).map_err(|error| {
                tracing::error!(%error, path, "the management API's answer cannot be read");
                Refusal::unreadable()
            });
        }
        Err(serde_json::from_slice::<Envelope>(&bytes).map_or_else(
            |_| Refusal::unreadable(),
            |Envelope { error: Told { message, hint, field } }| Refusal { status, message, hint, field },
        ))
    }

    async fn answer(&self, method: Method, path: &str, body: Option<&Value>) -> Response<Body> {
        let request = Request::builder().method(method).uri(format!("{PREFIX}{path}"));
        let request = request.header(AUTHORIZATION, self.authorization.clone());
        let request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        if let Ok(request) = request {
            let Ok(answer) = self.router.clone().oneshot(request).await;
            return answer;
        }
        // A path that is no path names nothing.
        let mut answer = Response::new(Body::from(r#"{"error":{"message":"it does not exist"}}"#));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        answer
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Told,
}

#[derive(Deserialize)]
struct Told {
    message: String,
    hint: Option<String>,
    field: Option<String>,
}

/// A piece of a path, with whatever could end it escaped.
pub(crate) fn piece(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A query, from names and values; empty values are left out.
pub(crate) fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_piece_can_leave_its_place_in_the_path() {
        assert_eq!(piece("proj_0a-1"), "proj_0a-1");
        assert_eq!(piece("../x?y#z é"), "%2E%2E%2Fx%3Fy%23z%20%C3%A9");
    }

    #[test]
    fn a_query_leaves_out_what_is_empty() {
        assert_eq!(query([("a", ""), ("b", "x&y")]), "?b=x%26y");
        assert_eq!(query([("a", "")]), "");
    }
}
