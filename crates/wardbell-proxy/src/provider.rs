//! Which provider a request goes to, and which ones are tried after it.

use http::{HeaderMap, HeaderName};
use wardbell_core::provider::ProviderKind;
use wardbell_core::secret::Secret;
use wardbell_llm::dialect::Dialect;
use wardbell_store::directory::ProjectView;
use wardbell_store::provider::Provider;

use crate::edge::Ask;

/// The built-in provider that answers with the caller's own words, so that a first try needs no account.
pub(crate) const ECHO: &str = "echo";

/// The most providers that one request is tried at. Source: our choice; each adds its time-out to the caller's wait.
const TRIED_MAX: usize = 4;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The built-in provider.
    Echo,
    /// A configured one, and those to fall back to, in order. At least one.
    Remote(Vec<Remote>),
}

/// A provider, ready to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) kind: ProviderKind,
    pub(crate) base_url: String,
    pub(crate) key: Key,
}

/// The key that a provider is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The one that is stored for it.
    Stored(Secret<String>),
    /// The caller's own, in the header that it came in: the caller showed its project key in `X-LockLLM-Key`.
    Callers,
    /// None: the provider wants none.
    None,
}

impl Target {
    /// The kind of the provider that is tried first.
    pub(crate) fn kind(&self) -> Option<ProviderKind> {
        match self {
            Self::Echo => None,
            Self::Remote(remotes) => remotes.first().map(|remote| remote.kind),
        }
    }

    /// The name of the provider that is tried first.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Echo => ECHO,
            Self::Remote(remotes) => remotes.first().map_or(ECHO, |remote| &remote.name),
        }
    }
}

/// Why there is no provider for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoProvider {
    /// The caller named one that the project does not have.
    Unknown { asked: String, known: Vec<String> },
    /// The provider wants a key and has none.
    NoKey { provider: String },
    /// None of the project's providers speaks the dialect.
    Mute { dialect: &'static str },
}

/// What the choice depends on.
pub(crate) struct Choice<'r> {
    pub(crate) project: &'r ProjectView,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) ask: &'r Ask,
    /// Reads a key from the environment variable that a provider names.
    pub(crate) read_key: fn(&str) -> Option<Secret<String>>,
}

impl Choice<'_> {
    /// Chooses the provider: the one that the path or `x-provider` names; else the project's default; else the one whose
    /// own dialect it is, the one named after it first; else the first by name that speaks the dialect; else `echo`
    /// where none is configured. Its fallbacks follow, as far as they speak the dialect and have their keys.
    ///
    /// # Errors
    /// When the named provider is unknown, none speaks the dialect, or a key is missing.
    pub(crate) fn target(&self) -> Result<Target, NoProvider> {
        let Some(first) = self.first()? else { return Ok(Target::Echo) };
        let mut remotes = vec![self.remote(first)?];
        let mut last = first;
        while let Some(next) = last.fallback.as_deref().and_then(|name| self.named(name)) {
            if remotes.len() >= TRIED_MAX || remotes.iter().any(|tried| tried.name == next.name) {
                break;
            }
            // A fallback that cannot be called is no reason to refuse what the first can do.
            if speaks(next.kind, self.ask.family)
                && let Ok(remote) = self.remote(next)
            {
                remotes.push(remote);
            }
            last = next;
        }
        Ok(Target::Remote(remotes))
    }

    fn first(&self) -> Result<Option<&Provider>, NoProvider> {
        let providers = &self.project.providers;
        let dialect = self.ask.family;
        if let Some(name) = self.pinned() {
            if name == ECHO {
                return Ok(None);
            }
            return self.named(&name).map(Some).ok_or_else(|| {
                let known = providers.iter().map(|provider| provider.name.clone());
                NoProvider::Unknown {
                    asked: name.chars().take(64).collect(),
                    known: known.chain([ECHO.to_owned()]).collect(),
                }
            });
        }
        if providers.is_empty() {
            return Ok(None);
        }
        let mut able = providers.iter().filter(|provider| speaks(provider.kind, dialect));
        let native = native(dialect);
        let found = able
            .clone()
            .find(|provider| provider.is_default)
            .or_else(|| able.clone().find(|provider| provider.kind == native && provider.name == native.as_str()))
            .or_else(|| able.clone().find(|provider| provider.kind == native))
            .or_else(|| able.next());
        found.map(Some).ok_or(NoProvider::Mute { dialect: dialect.as_str() })
    }

    fn pinned(&self) -> Option<String> {
        let header = || {
            let name = self.headers.get("x-provider")?;
            Some(String::from_utf8_lossy(name.as_bytes()).to_ascii_lowercase())
        };
        self.ask.provider.clone().or_else(header)
    }

    fn named(&self, name: &str) -> Option<&Provider> {
        self.project.providers.iter().find(|provider| provider.name == name)
    }

    /// A provider at its vendor's own address must have a key; one elsewhere may do without.
    fn remote(&self, provider: &Provider) -> Result<Remote, NoProvider> {
        let Provider { name, kind, base_url, api_key, api_key_env, fallback: _, is_default: _, updated_at: _ } =
            provider;
        let stored = api_key.clone().or_else(|| api_key_env.as_deref().and_then(self.read_key));
        let key = match stored {
            Some(key) => Key::Stored(key),
            None if brings_a_key(self.headers) => Key::Callers,
            None if Some(base_url.as_str()) == kind.default_base_url() || api_key_env.is_some() => {
                return Err(NoProvider::NoKey { provider: name.clone() });
            }
            None => Key::None,
        };
        Ok(Remote { name: name.clone(), kind: *kind, base_url: base_url.clone(), key })
    }
}

/// Headers in which callers send a key.
pub(crate) const KEY_HEADERS: [HeaderName; 4] = [
    http::header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// Whether the caller shows its project key in `X-LockLLM-Key` and a provider's key in a usual place
/// (`spec/wire-lockllm.md` 2.2).
fn brings_a_key(headers: &HeaderMap) -> bool {
    headers.contains_key("x-lockllm-key") && KEY_HEADERS.iter().any(|name| headers.contains_key(name))
}

/// The kind of provider whose own dialect it is.
const fn native(dialect: Dialect) -> ProviderKind {
    match dialect {
        Dialect::Messages => ProviderKind::Anthropic,
        Dialect::Gemini => ProviderKind::Gemini,
        Dialect::CohereChat => ProviderKind::Cohere,
        Dialect::ChatCompletions
        | Dialect::Responses
        | Dialect::Completions
        | Dialect::Embeddings
        | Dialect::Generic => ProviderKind::OpenAi,
    }
}

/// Whether a kind of provider takes calls of a dialect. OpenAI's dialects are spoken by nearly all; the provider itself
/// tells what it does not know.
fn speaks(kind: ProviderKind, dialect: Dialect) -> bool {
    let any_server = matches!(kind, ProviderKind::Custom | ProviderKind::OpenRouter);
    match dialect {
        Dialect::Messages => matches!(kind, ProviderKind::Anthropic | ProviderKind::DeepSeek) || any_server,
        Dialect::Gemini => matches!(kind, ProviderKind::Gemini | ProviderKind::VertexAi) || any_server,
        Dialect::CohereChat => matches!(kind, ProviderKind::Cohere) || any_server,
        Dialect::ChatCompletions
        | Dialect::Responses
        | Dialect::Completions
        | Dialect::Embeddings
        | Dialect::Generic => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use wardbell_core::id::ProjectId;
    use wardbell_core::policy::Policy;
    use wardbell_core::time::Timestamp;
    use wardbell_llm::dialect;
    use wardbell_store::project::Project;

    const OPENAI: &str = "https://api.openai.com/v1";
    const LOCAL: &str = "http://127.0.0.1:9/v1";

    fn provider(name: &str, kind: ProviderKind, base_url: &str, key: bool) -> Provider {
        Provider {
            name: name.to_owned(),
            kind,
            base_url: base_url.to_owned(),
            api_key: key.then(|| Secret::new("sk".to_owned())),
            api_key_env: None,
            fallback: None,
            is_default: false,
            updated_at: Timestamp::from_millis(0),
        }
    }

    fn chosen(providers: Vec<Provider>, path: &str, headers: &[(&'static str, &str)]) -> Result<String, NoProvider> {
        let now = Timestamp::from_millis(0);
        let project = ProjectView {
            project: Project {
                id: ProjectId::mint(now, [0; 10]),
                name: "p".to_owned(),
                policy: Policy::default(),
                policy_version: 1,
                created_at: now,
                enabled: true,
                slug: None,
                declared: None,
                is_policy_declared: false,
            },
            providers,
            wants_preview: false,
        };
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let ask = Ask::gateway(Method::POST, dialect::call(path), path);
        let choice = Choice { project: &project, headers: &headers.collect(), ask: &ask, read_key: |_| None };
        choice.target().map(|target| match target {
            Target::Echo => ECHO.to_owned(),
            Target::Remote(remotes) => {
                remotes.iter().map(|remote| remote.name.as_str()).collect::<Vec<_>>().join(" then ")
            }
        })
    }

    fn both() -> Vec<Provider> {
        vec![
            provider("anthropic", ProviderKind::Anthropic, "http://127.0.0.1:9", false),
            provider("local", ProviderKind::Custom, LOCAL, false),
            provider("openai", ProviderKind::OpenAi, OPENAI, true),
        ]
    }

    #[test]
    fn the_header_chooses_then_the_default_then_who_speaks_the_dialect() {
        let pin = |name| [("x-provider", name)];
        assert_eq!(chosen(both(), "chat/completions", &pin("Local")).unwrap(), "local");
        assert_eq!(chosen(both(), "chat/completions", &pin("echo")).unwrap(), ECHO);
        assert_eq!(chosen(both(), "chat/completions", &[]).unwrap(), "openai");
        assert_eq!(chosen(both(), "messages", &[]).unwrap(), "anthropic");
        assert_eq!(chosen(Vec::new(), "messages", &[]).unwrap(), ECHO);
        let mut with_default = both();
        with_default[1].is_default = true;
        assert_eq!(chosen(with_default, "chat/completions", &[]).unwrap(), "local");
        let only = vec![provider("groq", ProviderKind::Groq, LOCAL, true)];
        assert_eq!(chosen(only.clone(), "chat/completions", &[]).unwrap(), "groq");
        assert_eq!(chosen(only, "messages", &[]), Err(NoProvider::Mute { dialect: "messages" }));
    }

    #[test]
    fn an_unknown_provider_and_a_missing_key_are_told() {
        let one = || vec![provider("openai", ProviderKind::OpenAi, OPENAI, true)];
        let known = vec!["openai".to_owned(), ECHO.to_owned()];
        let unknown = NoProvider::Unknown { asked: "groq".to_owned(), known };
        assert_eq!(chosen(one(), "chat/completions", &[("x-provider", "groq")]), Err(unknown));
        let keyless = || vec![provider("openai", ProviderKind::OpenAi, OPENAI, false)];
        let missing = NoProvider::NoKey { provider: "openai".to_owned() };
        assert_eq!(chosen(keyless(), "chat/completions", &[]), Err(missing.clone()));
        let brought = [("x-lockllm-key", "wb_1"), ("authorization", "Bearer sk-own")];
        assert_eq!(chosen(keyless(), "chat/completions", &brought).unwrap(), "openai");
        assert_eq!(chosen(keyless(), "chat/completions", &brought[1..]), Err(missing));
    }

    #[test]
    fn fallbacks_follow_in_order_and_a_circle_ends() {
        let mut providers = both();
        providers[2].fallback = Some("local".to_owned());
        providers[1].fallback = Some("openai".to_owned());
        assert_eq!(chosen(providers.clone(), "chat/completions", &[]).unwrap(), "openai then local");
        providers[1].fallback = Some("anthropic".to_owned());
        assert_eq!(chosen(providers.clone(), "chat/completions", &[]).unwrap(), "openai then local then anthropic");
        providers[2].fallback = Some("anthropic".to_owned());
        providers[0].fallback = Some("gone".to_owned());
        assert_eq!(chosen(providers, "chat/completions", &[]).unwrap(), "openai then anthropic");
    }
}
