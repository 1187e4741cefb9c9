//! Forwarding: the request as the provider gets it, and the provider's first word.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use wardbell_egress::upstream::{Upstream, UpstreamError};

use crate::provider::Remote;

/// Headers that end at this hop (RFC 9110, section 7.6.1), and `keep-alive` and `proxy-connection`, which old clients
/// send.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers of a request that are for Wardbell, or that say more of the caller than a provider needs. `accept-encoding`
/// is among them: a compressed answer could not be read.
const OURS: &[&str] = &[
    "host",
    "content-length",
    "expect",
    "cookie",
    "forwarded",
    "authorization",
    "accept-encoding",
    "x-api-key",
    "x-request-id",
    "x-provider",
    "x-model",
    "x-feature",
    "x-env",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// What every LockLLM header starts with.
const LOCKLLM_PREFIX: &str = "x-lockllm-";

/// Why a provider gave no usable first word.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// The base URL and path make no URL, or the key makes no header.
    #[error("the provider's settings make no valid request")]
    Settings,
    /// The provider could not be reached, or broke off.
    #[error("the provider could not be reached")]
    Unreachable(#[source] UpstreamError),
    /// The provider took too long.
    #[error("the provider did not answer within {0:?}")]
    TooSlow(Duration),
}

/// Sends `body` to `path` of a provider and waits for the head of its answer. Returns it and how long it took.
///
/// # Errors
/// See [`ForwardError`].
pub(crate) async fn forward(
    client: &Upstream,
    remote: &Remote,
    path: &str,
    headers: &HeaderMap,
    body: Bytes,
    time_max: Duration,
) -> Result<(Response<Incoming>, Duration), ForwardError> {
    let request = build(remote, path, headers, body).ok_or(ForwardError::Settings)?;
    let started = Instant::now();
    match tokio::time::timeout(time_max, client.request(request)).await {
        Ok(Ok(answer)) => Ok((answer, started.elapsed())),
        Ok(Err(error)) => Err(ForwardError::Unreachable(error)),
        Err(_) => Err(ForwardError::TooSlow(time_max)),
    }
}

fn build(remote: &Remote, path: &str, headers: &HeaderMap, body: Bytes) -> Option<Request<Full<Bytes>>> {
    let mut request =
        Request::builder().method(Method::POST).uri(format!("{}{path}", remote.base_url)).body(Full::new(body)).ok()?;
    let named = connection_named(headers);
    let sent = request.headers_mut();
    sent.reserve(headers.len());
    for (name, value) in headers {
        let ours = OURS.contains(&name.as_str()) || name.as_str().starts_with(LOCKLLM_PREFIX);
        if !ours && !ends_here(name, &named) {
            sent.append(name, value.clone());
        }
    }
    if let Some(key) = &remote.key {
        let mut value = HeaderValue::try_from(format!("Bearer {}", key.reveal())).ok()?;
        value.set_sensitive(true);
        sent.insert(AUTHORIZATION, value);
    }
    Some(request)
}

/// The headers of a provider's answer that go on to the caller.
pub(crate) fn answer_headers(headers: &HeaderMap) -> HeaderMap {
    let named = connection_named(headers);
    let mut kept = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        if *name == "x-request-id" {
            kept.append(HeaderName::from_static("x-upstream-request-id"), value.clone());
        } else if *name != CONTENT_LENGTH && !ends_here(name, &named) {
            kept.append(name, value.clone());
        }
    }
    kept
}

fn ends_here(name: &HeaderName, named: &[String]) -> bool {
    HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|other| name.as_str() == other)
}

/// The headers that `Connection` names: they end at this hop too.
fn connection_named(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !matches!(name.as_str(), "" | "keep-alive" | "close"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::secret::Secret;

    fn remote() -> Remote {
        let key = Some(Secret::new("sk-provider".to_owned()));
        Remote { name: "openai".to_owned(), base_url: "https://api.example/v1".to_owned(), key }
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_provider_gets_its_own_key_and_none_of_ours() {
        let given = headers(&[
            ("authorization", "Bearer wb_project"),
            ("x-api-key", "wb_project"),
            ("x-lockllm-key", "wb_project"),
            ("cookie", "session=1"),
            ("connection", "keep-alive, X-Secret-Hop"),
            ("x-secret-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("accept-encoding", "gzip, br"),
            ("openai-organization", "org-1"),
            ("content-type", "application/json"),
        ]);
        let request = build(&remote(), "/chat/completions", &given, Bytes::from_static(b"{}")).unwrap();
        assert_eq!(request.uri(), "https://api.example/v1/chat/completions");
        let mut sent: Vec<_> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        sent.sort();
        assert_eq!(
            sent,
            ["authorization: Bearer sk-provider", "content-type: application/json", "openai-organization: org-1"]
        );
    }

    #[test]
    fn a_key_that_would_split_a_header_makes_no_request() {
        let mut evil = remote();
        evil.key = Some(Secret::new("sk\r\nx-evil: 1".to_owned()));
        assert!(build(&evil, "/chat/completions", &HeaderMap::new(), Bytes::new()).is_none());
    }

    #[test]
    fn the_callers_answer_has_no_hop_headers_and_keeps_the_providers_id_apart() {
        let given = headers(&[
            ("content-length", "12"),
            ("transfer-encoding", "chunked"),
            ("x-request-id", "abc"),
            ("openai-processing-ms", "9"),
        ]);
        let kept = answer_headers(&given);
        let names: Vec<_> = kept.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-upstream-request-id", "openai-processing-ms"]);
    }
}
