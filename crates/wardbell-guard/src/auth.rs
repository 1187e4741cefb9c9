//! Which key a caller presents.

/// Finds the project key among the headers that may carry it: `X-LockLLM-Key` first (it stands beside a provider's key
/// in the usual place), then `Authorization: Bearer`, then `x-api-key` (older Anthropic clients). Empty values are no
/// key (`spec/decisions.md`, One product, two surfaces).
pub fn presented_key<'a>(
    lockllm_key: Option<&'a str>,
    authorization: Option<&'a str>,
    x_api_key: Option<&'a str>,
) -> Option<&'a str> {
    lockllm_key
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .or_else(|| authorization.and_then(bearer))
        .or_else(|| x_api_key.map(str::trim).filter(|key| !key.is_empty()))
}

/// The token of an `Authorization` header with the Bearer scheme (RFC 6750; the scheme's case does not matter).
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        assert_eq!(bearer("Bearer wb_1"), Some("wb_1"));
        assert_eq!(bearer("bearer   wb_1 "), Some("wb_1"));
        for header in ["", "Bearer", "Bearer ", "Basic wb_1", "wb_1"] {
            assert_eq!(bearer(header), None, "{header:?}");
        }
    }

    #[test]
    fn the_project_key_beside_a_provider_key_wins() {
        assert_eq!(presented_key(Some("wb_1"), Some("Bearer sk-2"), None), Some("wb_1"));
        assert_eq!(presented_key(Some(" "), Some("Bearer sk-2"), Some("k3")), Some("sk-2"));
        assert_eq!(presented_key(None, Some("Basic x"), Some("k3")), Some("k3"));
        assert_eq!(presented_key(None, None, None), None);
    }
}
