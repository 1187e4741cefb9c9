//! A provider that a project forwards to.

use wardbell_core::provider::ProviderKind;
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;

/// A provider as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name within the project, such as `openai`.
    pub name: String,
    /// The dialect that it speaks.
    pub kind: ProviderKind,
    /// Where it is, without a trailing slash; its path stands before the dialect's own, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key that it wants, from the API; sealed at rest.
    pub api_key: Option<Secret<String>>,
    /// The environment variable that holds the key, instead.
    pub api_key_env: Option<String>,
    /// When it was last set.
    pub updated_at: Timestamp,
}
