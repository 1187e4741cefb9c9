//! Which call a path means, and whether what stands below a provider may be passed on.
//!
//! A proxied path is joined to the provider's own. So nothing may stand in it that a server on the way could read in
//! another way than we do: no dot segments, no encoded slashes or dots, no empty segments, no backslashes, no controls.

use http::uri::PathAndQuery;
use wardbell_llm::dialect::{self, Call};

/// The longest path with its query, in bytes. Source: what common servers take in a request line (8 KiB).
const PATH_BYTES_MAX: usize = 8 * 1024;

/// Where the proxy surface begins.
pub(crate) const PROXY: &str = "/v1/proxy/";

/// The parameter that carries a key in Gemini's API: the caller's is ours and goes no further.
const KEY_PARAMETER: &str = "key";

/// What a caller of the proxy surface wants to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxied {
    /// The provider that the path names; `None` for the project's default (universal mode).
    pub(crate) provider: Option<String>,
    /// The path below the provider, without a slash before it.
    pub(crate) path: String,
    /// The query, without the caller's key.
    pub(crate) query: Option<String>,
    /// What the path says of the call.
    pub(crate) call: Call,
}

/// Why a path may not be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    /// Longer than the limit.
    #[error("the path is longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// It can be read in two ways.
    #[error("the path has a dot segment, an empty segment, or an encoded slash, backslash, dot or control character")]
    Ambiguous,
    /// There is nothing below the provider.
    #[error(
        "the path names no call; send it to /v1/proxy/{{provider}}/{{path}}, such as /v1/proxy/openai/chat/completions"
    )]
    NoCall,
}

/// Reads a path of the proxy surface.
///
/// # Errors
/// See [`PathError`].
pub(crate) fn proxied(target: &PathAndQuery) -> Result<Proxied, PathError> {
    if target.as_str().len() > PATH_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    let below = target.path().strip_prefix(PROXY).ok_or(PathError::NoCall)?;
    if !is_plain(below) {
        return Err(PathError::Ambiguous);
    }
    let query = target.query().and_then(without_key);
    // Universal mode; the doubled path is what the published JavaScript helper makes (`spec/wire-lockllm.md` 2.1).
    if matches!(below, "chat/completions" | "chat/completions/chat/completions") {
        let path = "chat/completions";
        return Ok(Proxied { provider: None, path: path.to_owned(), query, call: dialect::call(path) });
    }
    match below.split_once('/') {
        Some((provider, path)) if !provider.is_empty() && !path.is_empty() => Ok(Proxied {
            provider: Some(provider.to_ascii_lowercase()),
            path: path.to_owned(),
            query,
            call: dialect::call(path),
        }),
        _ => Err(PathError::NoCall),
    }
}

/// Whether every reader of a path sees the same segments in it.
pub(crate) fn is_plain(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').all(|segment| !matches!(segment, "" | "." | "..")) && !has_tricks(path)
}

fn has_tricks(path: &str) -> bool {
    if path.bytes().any(|byte| byte == b'\\' || byte <= b' ' || byte == 0x7f) {
        return true;
    }
    path.match_indices('%').any(|(at, _)| {
        let digits = path.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // `%25` could be decoded twice on the way.
        digits.is_none_or(|byte| matches!(byte, b'/' | b'\\' | b'.' | b'%') || byte < b' ' || byte == 0x7f)
    })
}

fn without_key(query: &str) -> Option<String> {
    let kept: Vec<_> =
        query.split('&').filter(|pair| pair.split('=').next().is_none_or(|name| name != KEY_PARAMETER)).collect();
    let kept = kept.join("&");
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_llm::dialect::Dialect;

    #[track_caller]
    fn check(target: &str, expect: Result<(Option<&str>, &str, Option<&str>), PathError>) {
        let found = proxied(&target.parse().unwrap());
        let expect = expect
            .map(|(provider, path, query)| (provider.map(str::to_owned), path.to_owned(), query.map(str::to_owned)));
        assert_eq!(found.map(|found| (found.provider, found.path, found.query)), expect, "{target}");
    }

    #[test]
    fn a_path_names_a_provider_and_a_call() {
        check("/v1/proxy/openai/chat/completions", Ok((Some("openai"), "chat/completions", None)));
        check("/v1/proxy/Groq/models?x=1&y", Ok((Some("groq"), "models", Some("x=1&y"))));
        check("/v1/proxy/anthropic/v1/messages", Ok((Some("anthropic"), "v1/messages", None)));
        check("/v1/proxy/chat/completions", Ok((None, "chat/completions", None)));
        check("/v1/proxy/chat/completions/chat/completions", Ok((None, "chat/completions", None)));
        check(
            "/v1/proxy/gemini/v1beta/models/m:generateContent?key=wb_secret&alt=sse",
            Ok((Some("gemini"), "v1beta/models/m:generateContent", Some("alt=sse"))),
        );
        check("/v1/proxy/gemini/v1beta/models?key=wb_secret", Ok((Some("gemini"), "v1beta/models", None)));
        let native = proxied(&"/v1/proxy/anthropic/v1/messages".parse().unwrap()).unwrap();
        assert_eq!(native.call.dialect, Dialect::Messages);
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_goes_nowhere() {
        for below in [
            "openai/../../api/v1/projects",
            "openai/./models",
            "openai/..",
            "../openai/models",
            "openai//models",
            "openai/%2e%2e/models",
            "openai/a%2Fb",
            "openai/a%5cb",
            "openai/a%252fb",
            "openai/a%00b",
            "openai/a%0d%0ab",
            "openai/a%zz",
            "openai/a%2",
        ] {
            check(&format!("/v1/proxy/{below}"), Err(PathError::Ambiguous));
        }
        check("/v1/proxy/openai/a%20b%C3%A9", Ok((Some("openai"), "a%20b%C3%A9", None)));
        check("/v1/proxy/openai", Err(PathError::NoCall));
        check("/v1/proxy/openai/", Err(PathError::NoCall));
        check(&format!("/v1/proxy/openai/{}", "a".repeat(PATH_BYTES_MAX)), Err(PathError::TooLong));
    }
}
