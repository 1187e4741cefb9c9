//! Which key a caller presents.

/// Finds the project key among the headers that may carry it: `X-LockLLM-Key` first (it stands beside a provider's key
/// in the usual place), then `Authorization: Bearer`, then the places where the clients of Anthropic, Gemini and Azure put
/// theirs. Empty values are no key (`spec/decisions.md`, One product, two surfaces). `header` gives the value of a header
/// by its name in lower case.
pub fn presented_key<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Option<&'a str> {
    let plain = |name| header(name).map(str::trim).filter(|key| !key.is_empty());
    plain("x-lockllm-key")
        .or_else(|| header("authorization").and_then(bearer))
        .or_else(|| plain("x-api-key"))
        .or_else(|| plain("x-goog-api-key"))
        .or_else(|| plain("api-key"))
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

    #[track_caller]
    fn check(headers: &[(&str, &str)], expect: Option<&str>) {
        let found = presented_key(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value));
        assert_eq!(found, expect, "{headers:?}");
    }

    #[test]
    fn the_project_key_beside_a_provider_key_wins() {
        check(&[("x-lockllm-key", "wb_1"), ("authorization", "Bearer sk-2")], Some("wb_1"));
        check(&[("x-lockllm-key", " "), ("authorization", "Bearer sk-2"), ("x-api-key", "k3")], Some("sk-2"));
        check(&[("authorization", "Basic x"), ("x-api-key", "k3")], Some("k3"));
        check(&[("x-goog-api-key", "g4")], Some("g4"));
        check(&[("api-key", "a5")], Some("a5"));
        check(&[], None);
    }
}
