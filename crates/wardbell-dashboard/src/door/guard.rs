//! What stands before every page: the session, and the token of every change.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::App;
use crate::client;
use crate::door::{Peer, same};
use crate::form::{FORM_BYTES_MAX, Form};
use crate::trouble::Trouble;

/// The field of every form that changes something.
pub(crate) const CSRF_FIELD: &str = "csrf";
/// The header in which htmx sends the same.
const CSRF_HEADER: &str = "x-csrf-token";

/// Lets whoever is signed in through, and a change only with the session's token.
pub(crate) async fn signed(State(app): State<App>, request: Request, next: Next) -> Response {
    let signed = match app.door.signed(request.headers()).await {
        Ok(Some(signed)) => signed,
        Ok(None) => return to_the_door(&request),
        Err(error) => return Trouble::Store(error).into_response(),
    };
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut request = request;
    if is_change {
        let (parts, form) = match submitted(request).await {
            Ok(read) => read,
            Err(trouble) => return trouble.into_response(),
        };
        let header = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        let given = header.unwrap_or_else(|| form.raw(CSRF_FIELD));
        if !same(given, &signed.csrf) || !is_own_origin(&parts.headers) {
            return Trouble::BadToken.into_response();
        }
        request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(form);
    }
    request.extensions_mut().insert(signed);
    next.run(request).await
}

/// Reads the form of the pages that need no session. They change nothing without a secret of their own; another site's form
/// is refused all the same, so that nobody is signed in without wanting it.
pub(crate) async fn open(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let (parts, form) = match submitted(request).await {
        Ok(read) => read,
        Err(trouble) => return trouble.into_response(),
    };
    if !is_own_origin(&parts.headers) {
        return Trouble::BadToken.into_response();
    }
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(form);
    next.run(request).await
}

async fn submitted(request: Request) -> Result<(http::request::Parts, Form), Trouble> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| Trouble::TooLarge)?;
    Ok((parts, Form::read(&bytes)))
}

/// Whether a browser says that a form came from our own pages. Old ones say nothing; the token is what they must have.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = says("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = match (headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()), says("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, ours)| ours == host),
        (Some(_), None) => false,
        (None, _) => true,
    };
    site && origin
}

fn to_the_door(request: &Request) -> Response {
    let wanted = if *request.method() == Method::GET {
        request.uri().path_and_query().map_or("/", |wanted| wanted.as_str())
    } else {
        "/"
    };
    let door = format!("/sign-in{}", client::query([("next", if wanted == "/" { "" } else { wanted })]));
    if request.headers().contains_key("hx-request") {
        // htmx would put the door into a part of the page.
        let header = (HeaderName::from_static("hx-redirect"), HeaderValue::from_static("/sign-in"));
        return (StatusCode::UNAUTHORIZED, [header]).into_response();
    }
    Redirect::to(&door).into_response()
}

/// The address that a request comes from.
pub(crate) fn address(request: &axum::http::Extensions) -> Option<IpAddr> {
    request.get::<Peer>().map(|peer| peer.0)
}

/// Where to go after signing in: a path of ours, and nothing that a browser might read as another site.
pub(crate) fn safe_next(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_path && is_plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_gone_to() {
        for bad in ["", "https://evil.example", "//evil.example", "/\\evil.example", "/x\n", "javascript:x"] {
            assert_eq!(safe_next(bad), "/", "{bad}");
        }
        assert_eq!(safe_next("/projects?x=1"), "/projects?x=1");
    }

    #[test]
    fn another_sites_form_is_told_by_what_the_browser_says() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let pairs =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_own_origin(&pairs.collect())
        };
        assert!(of(&[]));
        assert!(of(&[("host", "a:1"), ("origin", "http://a:1"), ("sec-fetch-site", "same-origin")]));
        assert!(!of(&[("host", "a:1"), ("origin", "http://b:1")]));
        assert!(!of(&[("host", "a:1"), ("origin", "null")]));
        assert!(!of(&[("sec-fetch-site", "cross-site")]));
    }
}
