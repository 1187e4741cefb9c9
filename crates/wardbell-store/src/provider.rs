//! A provider that a project forwards to.

use wardbell_core::provider::ProviderKind;
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;

/// A provider as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name within the project, such as `openai`.
    pub name: String,
    /// Whose API it has.
    pub kind: ProviderKind,
    /// Where it is, without a trailing slash, such as `https://api.openai.com/v1`; [`ProviderKind::url`] joins a call's
    /// path to it.
    pub base_url: String,
    /// The key that it wants, from the API; sealed at rest.
    pub api_key: Option<Secret<String>>,
    /// The environment variable that holds the key, instead.
    pub api_key_env: Option<String>,
    /// Another provider of the project, by name, to try when this one cannot be reached or fails before its first byte.
    /// Fallbacks may form a ring: whoever follows them tries each once.
    pub fallback: Option<String>,
    /// Whether it takes the calls that name no provider. At most one of a project is.
    pub is_default: bool,
    /// When it was last set.
    pub updated_at: Timestamp,
}
