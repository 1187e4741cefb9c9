//! Forwarding: the request as the provider gets it, and the provider's first word.
//!
//! **What is tried again.** A request that certainly did not reach a provider is sent once more to it. A provider that
//! could not be reached, or answered before its first byte that it is overloaded or broken, is left for the next of the
//! list. A request that a provider may have worked on (it took too long, or broke off) is never sent again: it may have
//! cost money.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use wardbell_egress::upstream::{AnswerStream, Upstream, UpstreamError};

use crate::body::BodyError;
use crate::provider::{KEY_HEADERS, Key, Remote};

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
    "accept-encoding",
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
    /// What followed its first word never came to an end, or is too long.
    #[error("the provider's answer could not be read to its end")]
    BrokenOff(#[source] BodyError),
}

impl ForwardError {
    /// What a caller is told about an answer that was not read to its end.
    pub(crate) fn broken_off(error: &BodyError) -> String {
        match error {
            BodyError::TooLarge { max } => format!("The provider's answer is larger than {max} bytes"),
            BodyError::TooSlow(limit) => {
                format!("The provider paused for more than {} s within its answer", limit.as_secs_f64())
            }
            BodyError::Length | BodyError::Encoded(_) | BodyError::Overloaded | BodyError::Broken => {
                "The provider broke off its answer".to_owned()
            }
        }
    }

    /// Whether a provider may have worked on the request, and may bill it.
    pub(crate) const fn may_have_cost(&self) -> bool {
        match self {
            Self::Settings => false,
            Self::Unreachable(error) => error.may_have_reached(),
            Self::TooSlow(_) | Self::BrokenOff(_) => true,
        }
    }
}

/// A request as it is to be forwarded.
pub(crate) struct Outgoing<'r> {
    pub(crate) method: &'r Method,
    /// The path below the provider, without a slash before it.
    pub(crate) path: &'r str,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r Bytes,
}

/// A provider's first word.
pub(crate) struct FirstWord {
    pub(crate) answer: Response<AnswerStream>,
    /// Which of the providers gave it.
    pub(crate) by: usize,
    /// How long all of it took.
    pub(crate) latency: Duration,
}

/// Sends a request to the first of `remotes` that gives a usable first word. Each has `time_max` for it.
///
/// # Errors
/// See [`ForwardError`]; the last provider's.
pub(crate) async fn forward(
    client: &Upstream,
    remotes: &[Remote],
    outgoing: &Outgoing<'_>,
    time_max: Duration,
) -> Result<FirstWord, ForwardError> {
    let started = Instant::now();
    let mut failed = ForwardError::Settings;
    for (by, remote) in remotes.iter().enumerate() {
        match send(client, remote, outgoing, time_max).await {
            Ok(answer) if by + 1 == remotes.len() || !is_passing_failure(answer.status()) => {
                return Ok(FirstWord { answer, by, latency: started.elapsed() });
            }
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::warn!(provider = %remote.name, status, "provider failed, trying the next");
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, provider = %remote.name, "provider failed");
                let may_have_cost = error.may_have_cost();
                failed = error;
                if may_have_cost {
                    break;
                }
            }
        }
    }
    Err(failed)
}

/// A failure that says nothing of the request: another provider may do better. 529 is Anthropic's word for overloaded.
fn is_passing_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504 | 529)
}

async fn send(
    client: &Upstream,
    remote: &Remote,
    outgoing: &Outgoing<'_>,
    time_max: Duration,
) -> Result<Response<AnswerStream>, ForwardError> {
    let once = async || {
        let request = build(remote, outgoing).ok_or(ForwardError::Settings)?;
        client.request(request).await.map_err(ForwardError::Unreachable)
    };
    let twice = async {
        match once().await {
            Err(ForwardError::Unreachable(error)) if !error.may_have_reached() => match error {
                // It would be refused again.
                UpstreamError::Refused(_) => Err(ForwardError::Unreachable(error)),
                _ => once().await,
            },
            other => other,
        }
    };
    tokio::time::timeout(time_max, twice).await.map_err(|_| ForwardError::TooSlow(time_max))?
}

fn build(remote: &Remote, outgoing: &Outgoing<'_>) -> Option<Request<Full<Bytes>>> {
    let Outgoing { method, path, query, headers, body } = *outgoing;
    let mut url = remote.kind.url(&remote.base_url, path);
    if let Some(query) = query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(query);
    }
    let mut request = Request::builder().method(method).uri(url).body(Full::new(body.clone())).ok()?;
    let named = connection_named(headers);
    let sent = request.headers_mut();
    sent.reserve(headers.len());
    for (name, value) in headers {
        let ours = OURS.contains(&name.as_str()) || name.as_str().starts_with(LOCKLLM_PREFIX);
        let key = KEY_HEADERS.contains(name) && remote.key != Key::Callers;
        if !ours && !key && !ends_here(name, &named) {
            sent.append(name, value.clone());
        }
    }
    for (name, value) in remote.kind.required_headers() {
        sent.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    if let Key::Stored(key) = &remote.key {
        let header = remote.kind.key_header(path);
        let mut value = HeaderValue::try_from(format!("{}{}", header.scheme(), key.reveal())).ok()?;
        value.set_sensitive(true);
        sent.insert(header.name(), value);
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
        } else if *name != CONTENT_LENGTH && !ends_here(name, &named) && !name.as_str().starts_with(LOCKLLM_PREFIX) {
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
    use wardbell_core::provider::ProviderKind;
    use wardbell_core::secret::Secret;

    fn remote(kind: ProviderKind, base_url: &str) -> Remote {
        let key = Key::Stored(Secret::new("sk-provider".to_owned()));
        Remote { name: kind.as_str().to_owned(), kind, base_url: base_url.to_owned(), key }
    }

    fn openai() -> Remote {
        remote(ProviderKind::OpenAi, "https://api.example/v1")
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    fn built(remote: &Remote, path: &str, query: Option<&str>, given: &[(&str, &str)]) -> (String, Vec<String>) {
        let (headers, body) = (headers(given), Bytes::from_static(b"{}"));
        let outgoing = Outgoing { method: &Method::POST, path, query, headers: &headers, body: &body };
        let request = build(remote, &outgoing).unwrap();
        let mut sent: Vec<_> =
            request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        sent.sort();
        (request.uri().to_string(), sent)
    }

    #[test]
    fn the_provider_gets_its_own_key_and_none_of_ours() {
        let given = [
            ("authorization", "Bearer wb_project"),
            ("x-api-key", "wb_project"),
            ("api-key", "wb_project"),
            ("x-goog-api-key", "wb_project"),
            ("x-lockllm-key", "wb_project"),
            ("x-lockllm-scan-action", "block"),
            ("cookie", "session=1"),
            ("connection", "keep-alive, X-Secret-Hop"),
            ("x-secret-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("accept-encoding", "gzip, br"),
            ("openai-organization", "org-1"),
            ("content-type", "application/json"),
        ];
        let (url, sent) = built(&openai(), "chat/completions", None, &given);
        assert_eq!(url, "https://api.example/v1/chat/completions");
        assert_eq!(
            sent,
            ["authorization: Bearer sk-provider", "content-type: application/json", "openai-organization: org-1"]
        );
    }

    #[test]
    fn each_kind_gets_its_key_where_it_looks_for_it() {
        let anthropic = remote(ProviderKind::Anthropic, "https://api.example");
        let (url, sent) = built(&anthropic, "v1/messages", None, &[("authorization", "Bearer wb_project")]);
        assert_eq!(url, "https://api.example/v1/messages");
        assert_eq!(sent, ["anthropic-version: 2023-06-01", "x-api-key: sk-provider"]);
        let (_, sent) = built(&anthropic, "v1/messages", None, &[("anthropic-version", "2026-10-21")]);
        assert_eq!(sent, ["anthropic-version: 2026-10-21", "x-api-key: sk-provider"]);
        let azure = remote(ProviderKind::Azure, "https://r.example/openai/v1");
        let (url, sent) = built(&azure, "chat/completions", Some("api-version=2026-01-01"), &[]);
        assert_eq!(url, "https://r.example/openai/v1/chat/completions?api-version=2026-01-01");
        assert_eq!(sent, ["api-key: sk-provider"]);
    }

    #[test]
    fn a_caller_that_brings_its_own_key_has_it_passed_on() {
        let brought = Remote { key: Key::Callers, ..openai() };
        let given = [("x-lockllm-key", "wb_project"), ("authorization", "Bearer sk-callers")];
        assert_eq!(built(&brought, "models", None, &given).1, ["authorization: Bearer sk-callers"]);
    }

    #[test]
    fn a_key_that_would_split_a_header_makes_no_request() {
        let evil = Remote { key: Key::Stored(Secret::new("sk\r\nx-evil: 1".to_owned())), ..openai() };
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let outgoing = Outgoing { method: &Method::POST, path: "models", query: None, headers: &headers, body: &body };
        assert!(build(&evil, &outgoing).is_none());
    }

    #[test]
    fn the_callers_answer_has_no_hop_headers_and_keeps_the_providers_id_apart() {
        let given = headers(&[
            ("content-length", "12"),
            ("transfer-encoding", "chunked"),
            ("x-request-id", "abc"),
            ("x-lockllm-safe", "true"),
            ("openai-processing-ms", "9"),
        ]);
        let kept = answer_headers(&given);
        let names: Vec<_> = kept.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["x-upstream-request-id", "openai-processing-ms"]);
    }
}
