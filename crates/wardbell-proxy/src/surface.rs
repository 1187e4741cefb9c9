//! Which calls there are, on both surfaces.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, EXPECT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use wardbell_llm::dialect::{self, Dialect};

use crate::answer::AnswerBody;
use crate::edge::{Ask, Edge};
use crate::gateway::Gateway;
use crate::path::{self, PROXY};
use crate::pipeline::{admit, carry, refuse};
use crate::refused::Refused;
use crate::{dlp_scan, models, scan, unread};

/// Calls of the gateway surface that a provider answers, all `POST`.
const GATEWAY_CALLS: [&str; 5] =
    ["/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings", "/v1/messages"];

/// What stands before the name of a model.
const MODEL: &str = "/v1/models/";

/// What stands below these is a provider's business, too: a stored response, a count of tokens.
const GATEWAY_BELOW: [&str; 2] = ["/v1/responses/", "/v1/messages/"];

/// Answers a request, if its path is one of this crate's.
///
/// # Errors
/// The request itself, if it is not.
pub async fn serve(
    gateway: &Arc<Gateway>,
    mut request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Request<Incoming>> {
    let expects = request.headers().contains_key(EXPECT);
    let is_head = request.method() == Method::HEAD;
    match answer(gateway, &mut request).await {
        Some(told) => {
            let told = if is_head { told.map(AnswerBody::unsent) } else { told };
            Ok(unread::let_go(request.into_body(), expects, told).await)
        }
        None => Err(request),
    }
}

async fn answer(gateway: &Arc<Gateway>, request: &mut Request<Incoming>) -> Option<Response<AnswerBody>> {
    let path = request.uri().path();
    let method = request.method();
    Some(match path {
        "/v1/scan" if method == Method::POST => scan::scan(gateway, request).await,
        "/v1/dlp/scan" if method == Method::POST => dlp_scan::dlp_scan(gateway, request).await,
        "/v1/models" if matches!(*method, Method::GET | Method::HEAD) => models::list(gateway, request).await,
        "/v1/scan" | "/v1/dlp/scan" => not_allowed("POST"),
        "/v1/models" => not_allowed("GET, HEAD"),
        _ if path.starts_with(MODEL) && matches!(*method, Method::GET | Method::HEAD) => {
            models::one(gateway, request, path.strip_prefix(MODEL).unwrap_or_default()).await
        }
        _ if path.starts_with(MODEL) => not_allowed("GET, HEAD"),
        _ if GATEWAY_CALLS.contains(&path) => {
            if method != Method::POST {
                return Some(not_allowed("POST"));
            }
            let below = path.strip_prefix('/').unwrap_or(path);
            let ask = Ask::gateway(Method::POST, dialect::call(below), below);
            carry(gateway, ask, request).await
        }
        _ if GATEWAY_BELOW.iter().any(|prefix| path.starts_with(prefix)) => below(gateway, request).await,
        _ if path.starts_with(PROXY) => proxied(gateway, request).await,
        _ => return None,
    })
}

/// A call below one of the gateway surface's own. It goes where its parent goes, and is read by the generic walker.
async fn below(gateway: &Arc<Gateway>, request: &mut Request<Incoming>) -> Response<AnswerBody> {
    let path = request.uri().path();
    if !path::is_plain(path.strip_prefix('/').unwrap_or(path)) {
        return wrong_path(gateway, request, Edge::Gateway, path::PathError::Ambiguous).await;
    }
    let below = path.strip_prefix('/').unwrap_or(path).to_owned();
    let mut ask = Ask::gateway(request.method().clone(), dialect::call(&below), &below);
    ask.query = request.uri().query().map(str::to_owned);
    if path.starts_with("/v1/messages/") {
        // Whoever speaks Anthropic's messages answers for what stands below them.
        ask.family = Dialect::Messages;
    } else {
        ask.family = Dialect::Responses;
    }
    carry(gateway, ask, request).await
}

async fn proxied(gateway: &Arc<Gateway>, request: &mut Request<Incoming>) -> Response<AnswerBody> {
    let read = request.uri().path_and_query().ok_or(path::PathError::NoCall).and_then(path::proxied);
    match read {
        Ok(proxied) => {
            let ask = Ask::proxied(request.method().clone(), proxied);
            carry(gateway, ask, request).await
        }
        Err(error) => wrong_path(gateway, request, Edge::Proxy, error).await,
    }
}

async fn wrong_path(
    gateway: &Gateway,
    request: &Request<Incoming>,
    edge: Edge,
    error: path::PathError,
) -> Response<AnswerBody> {
    match admit(gateway, request.headers(), edge, "proxy").await {
        Ok((flight, _, _)) => refuse(flight, &Refused::Path(error)).await,
        Err(told) => told,
    }
}

fn not_allowed(allowed: &'static str) -> Response<AnswerBody> {
    let body = Bytes::from_static(b"{\"detail\": \"Method Not Allowed\"}");
    let mut answer = Response::new(AnswerBody::unrecorded(body));
    *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
