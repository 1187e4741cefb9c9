//! Joins the path of a call to a provider's base URL.
//!
//! Clients disagree about who brings the version (`spec/wire-lockllm.md` 2.1): OpenAI's clients send `chat/completions`
//! and expect it in the base URL; Anthropic's, Cohere's and Google's send `v1/messages`, `v2/chat`,
//! `v1beta/models/m:generateContent`. A stored base URL is the one that OpenAI's clients want, so a path that brings its
//! own version is joined above it.

use super::ProviderKind;

/// Paths of OpenAI's API that other providers have under their own prefix.
const OPENAI_SHAPED: &[&str] = &["chat/completions", "completions", "embeddings", "responses"];

impl ProviderKind {
    /// The URL of a call: `path` joined to a stored base URL. Slashes at the joint are one; a query stays as it is.
    ///
    /// A path that starts with a version (`v1`, `v2`, `v1beta`, …), or with a folder of the provider's own API, stands at
    /// the provider's root; any other stands below the base URL. Nothing is doubled: `v1/messages` at `https://host/v1`
    /// is `https://host/v1/messages`. A base URL without a path gets the kind's prefix first.
    ///
    /// ```
    /// use wardbell_core::provider::ProviderKind;
    ///
    /// let base = "https://api.cohere.com/compatibility/v1";
    /// assert_eq!(ProviderKind::Cohere.url(base, "chat/completions"), format!("{base}/chat/completions"));
    /// assert_eq!(ProviderKind::Cohere.url(base, "v2/chat"), "https://api.cohere.com/v2/chat");
    /// ```
    pub fn url(self, base_url: &str, path: &str) -> String {
        let path = path.trim_start_matches('/');
        let base = base_url.trim_end_matches('/');
        let base = if has_path(base) { base.to_owned() } else { format!("{base}{}", self.prefix()) };
        if let Some(rest) = below_prefix(self, path).filter(|_| base.ends_with(self.prefix())) {
            return format!("{base}/{rest}");
        }
        if let Some(rest) = path.strip_prefix("v1/").filter(|rest| has_openai_shape(rest)) {
            return format!("{base}/{rest}");
        }
        let first = first_segment(path);
        if is_version(first) || self.own_folders().contains(&first) {
            return format!("{}/{path}", self.root(&base));
        }
        format!("{base}/{path}")
    }

    /// The folders of a provider's own API that have no version before them. Azure:
    /// <https://learn.microsoft.com/azure/ai-services/openai/reference>; Bedrock:
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>.
    const fn own_folders(self) -> &'static [&'static str] {
        match self {
            Self::Azure => &["openai", "anthropic"],
            Self::Bedrock => &["model", "openai"],
            Self::OpenAi
            | Self::Anthropic
            | Self::Gemini
            | Self::Cohere
            | Self::OpenRouter
            | Self::Perplexity
            | Self::Mistral
            | Self::Groq
            | Self::DeepSeek
            | Self::Together
            | Self::XAi
            | Self::Fireworks
            | Self::Anyscale
            | Self::HuggingFace
            | Self::VertexAi
            | Self::DeepInfra
            | Self::Custom => &[],
        }
    }

    /// What a path with a version of its own is joined to: the base URL without the kind's prefix, or without a version
    /// at its end.
    fn root(self, base: &str) -> String {
        if let Some(root) = base.strip_suffix(self.prefix()).filter(|_| !self.prefix().is_empty()) {
            return format!("{root}{}", self.versions_under());
        }
        // These addresses go on after the root: `…/openai/deployments/d`, `…/v1/projects/p/locations/l/endpoints/openapi`.
        let marks: &[&str] = match self {
            Self::Azure => &["/openai/"],
            Self::VertexAi => &["/v1/projects/", "/v1beta1/projects/"],
            Self::OpenAi
            | Self::Anthropic
            | Self::Gemini
            | Self::Cohere
            | Self::OpenRouter
            | Self::Perplexity
            | Self::Mistral
            | Self::Groq
            | Self::DeepSeek
            | Self::Together
            | Self::XAi
            | Self::Fireworks
            | Self::Anyscale
            | Self::HuggingFace
            | Self::Bedrock
            | Self::DeepInfra
            | Self::Custom => &[],
        };
        if let Some((root, _)) = marks.iter().find_map(|mark| base.split_once(mark)) {
            return root.to_owned();
        }
        match base.rsplit_once('/') {
            Some((root, last)) if is_version(last) => root.to_owned(),
            Some(_) | None => base.to_owned(),
        }
    }
}

/// Whether a path is one that OpenAI's clients send: no version of its own, or the kind's prefix, or OpenAI's `v1`.
pub(super) fn is_openai_shaped(kind: ProviderKind, path: &str) -> bool {
    let path = path.trim_start_matches('/');
    match kind {
        // Its own calls have the same prefix.
        ProviderKind::Anthropic => has_openai_shape(path.strip_prefix("v1/").unwrap_or(path)),
        ProviderKind::OpenAi
        | ProviderKind::Gemini
        | ProviderKind::Cohere
        | ProviderKind::OpenRouter
        | ProviderKind::Perplexity
        | ProviderKind::Mistral
        | ProviderKind::Groq
        | ProviderKind::DeepSeek
        | ProviderKind::Together
        | ProviderKind::XAi
        | ProviderKind::Fireworks
        | ProviderKind::Anyscale
        | ProviderKind::HuggingFace
        | ProviderKind::Azure
        | ProviderKind::Bedrock
        | ProviderKind::VertexAi
        | ProviderKind::DeepInfra
        | ProviderKind::Custom => {
            !is_version(first_segment(path))
                || below_prefix(kind, path).is_some()
                || path.strip_prefix("v1/").is_some_and(has_openai_shape)
        }
    }
}

/// What follows the kind's prefix in a path that brings it along.
fn below_prefix(kind: ProviderKind, path: &str) -> Option<&str> {
    let prefix = kind.prefix().strip_prefix('/')?;
    path.strip_prefix(prefix)?.strip_prefix('/')
}

fn has_openai_shape(path: &str) -> bool {
    OPENAI_SHAPED
        .iter()
        .any(|shape| path.strip_prefix(shape).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?'])))
}

/// A version as providers write them: `v1`, `v2`, `v1beta`, `v1beta1`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else {
        return false;
    };
    rest.starts_with(|first: char| first.is_ascii_digit()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The first segment of a path.
fn first_segment(path: &str) -> &str {
    path.split(['/', '?']).next().unwrap_or(path)
}

/// Whether a URL goes on after its host.
fn has_path(url: &str) -> bool {
    url.split_once("://").map_or(url, |(_, rest)| rest).contains('/')
}

#[cfg(test)]
mod tests;
