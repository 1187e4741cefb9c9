//! Which provider a request goes to.

use http::HeaderMap;
use wardbell_core::provider::ProviderKind;
use wardbell_core::secret::Secret;
use wardbell_store::directory::ProjectView;
use wardbell_store::provider::Provider;

/// The built-in provider that answers with the caller's own words, so that a first try needs no account.
pub(crate) const ECHO: &str = "echo";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The built-in provider.
    Echo,
    /// A configured one.
    Remote(Remote),
}

/// A configured provider, ready to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) base_url: String,
    pub(crate) key: Option<Secret<String>>,
}

impl Target {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Echo => ECHO,
            Self::Remote(remote) => &remote.name,
        }
    }
}

/// Why there is no provider for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoProvider {
    /// The caller pinned one that the project does not have.
    Unknown { asked: String, known: Vec<String> },
    /// The provider wants a key and has none.
    NoKey { provider: String },
}

/// Chooses the provider: the one that `x-provider` names; else one named `openai`; else the first by name; else `echo`
/// where none is configured. A provider at its vendor's own address must have a key; one elsewhere may do without.
///
/// # Errors
/// When the named provider is unknown, or a key is missing.
pub(crate) fn choose(
    project: &ProjectView,
    headers: &HeaderMap,
    read_key: fn(&str) -> Option<Secret<String>>,
) -> Result<Target, NoProvider> {
    let pinned = headers.get("x-provider").map(|name| String::from_utf8_lossy(name.as_bytes()).to_ascii_lowercase());
    let provider = match pinned {
        Some(name) if name == ECHO => return Ok(Target::Echo),
        Some(name) => project.providers.iter().find(|provider| provider.name == name).ok_or_else(|| {
            let known = project.providers.iter().map(|provider| provider.name.clone());
            NoProvider::Unknown {
                asked: name.chars().take(64).collect(),
                known: known.chain([ECHO.to_owned()]).collect(),
            }
        })?,
        None => {
            let openai = project.providers.iter().find(|provider| provider.name == ProviderKind::OpenAi.as_str());
            match openai.or(project.providers.first()) {
                Some(provider) => provider,
                None => return Ok(Target::Echo),
            }
        }
    };
    let Provider { name, kind, base_url, api_key, api_key_env, fallback: _, is_default: _, updated_at: _ } = provider;
    let key = api_key.clone().or_else(|| api_key_env.as_deref().and_then(read_key));
    if key.is_none() && (kind.default_base_url() == Some(base_url) || api_key_env.is_some()) {
        return Err(NoProvider::NoKey { provider: name.clone() });
    }
    Ok(Target::Remote(Remote { name: name.clone(), base_url: base_url.clone(), key }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::id::ProjectId;
    use wardbell_core::policy::Policy;
    use wardbell_core::time::Timestamp;
    use wardbell_store::project::Project;

    fn project(providers: &[(&str, &str, Option<&str>)]) -> ProjectView {
        let now = Timestamp::from_millis(0);
        ProjectView {
            project: Project {
                id: ProjectId::mint(now, [0; 10]),
                name: "p".to_owned(),
                policy: Policy::default(),
                policy_version: 1,
                created_at: now,
            },
            providers: providers
                .iter()
                .map(|(name, base_url, key)| Provider {
                    name: (*name).to_owned(),
                    kind: ProviderKind::OpenAi,
                    base_url: (*base_url).to_owned(),
                    api_key: key.map(|key| Secret::new(key.to_owned())),
                    api_key_env: None,
                    fallback: None,
                    is_default: false,
                    updated_at: now,
                })
                .collect(),
            wants_preview: false,
        }
    }

    #[track_caller]
    fn check(providers: &[(&str, &str, Option<&str>)], pinned: Option<&str>, expect: Result<&str, NoProvider>) {
        let headers = pinned.map(|name| (http::HeaderName::from_static("x-provider"), name.parse().unwrap()));
        let chosen = choose(&project(providers), &HeaderMap::from_iter(headers), |_| None);
        assert_eq!(chosen.map(|target| target.name().to_owned()), expect.map(str::to_owned));
    }

    const HOME: &str = "https://api.openai.com/v1";
    const LOCAL: &str = "http://127.0.0.1:9/v1";

    #[test]
    fn the_header_chooses_then_openai_then_the_first_then_echo() {
        let two = &[("local", LOCAL, None), ("openai", HOME, Some("sk"))];
        check(two, Some("Local"), Ok("local"));
        check(two, None, Ok("openai"));
        check(two, Some("echo"), Ok("echo"));
        check(&[("local", LOCAL, None)], None, Ok("local"));
        check(&[], None, Ok("echo"));
    }

    #[test]
    fn an_unknown_provider_and_a_missing_key_are_told() {
        let known = vec!["openai".to_owned(), "echo".to_owned()];
        let unknown = NoProvider::Unknown { asked: "groq".to_owned(), known };
        check(&[("openai", HOME, Some("sk"))], Some("groq"), Err(unknown));
        check(&[("openai", HOME, None)], None, Err(NoProvider::NoKey { provider: "openai".to_owned() }));
    }
}
