//! Who may call: the holder of the admin token.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use wardbell_core::secret::Secret;
use wardbell_store::key::KeyHash;

use crate::Shared;
use crate::error::ApiError;

/// The admin token, kept as its SHA-256 only.
pub struct AdminToken(KeyHash);

impl AdminToken {
    /// Keeps the hash of `token`.
    pub fn new(token: &Secret<String>) -> Self {
        Self(KeyHash::of(token.reveal()))
    }

    /// Whether `given` is the token, in a time that does not depend on where they differ.
    fn is(&self, given: &str) -> bool {
        let KeyHash(ours) = self.0;
        let KeyHash(theirs) = KeyHash::of(given);
        let differing = ours.iter().zip(theirs).fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
        std::hint::black_box(differing) == 0
    }
}

/// Lets the holder of the admin token through, and marks every answer as not to be stored.
pub(crate) async fn guard(State(api): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match check(&api, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn check(api: &Shared, headers: &HeaderMap) -> Result<(), ApiError> {
    let token = bearer(headers).ok_or(ApiError::Unauthenticated)?;
    if api.state.admin_token.is(token) {
        Ok(())
    } else if api.state.directory.authenticate(token).is_some() {
        Err(ApiError::Forbidden)
    } else {
        Err(ApiError::Unauthenticated)
    }
}

/// The one bearer token of a request. Two `Authorization` headers are none: a proxy in front may have judged the other.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    // RFC 9110, section 11.1: the scheme's case does not matter.
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
