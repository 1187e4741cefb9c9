//! Who pays and is judged.

use crate::id::{KeyId, ProjectId};

/// The caller behind a request, as its key tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The project that the key belongs to.
    pub project: ProjectId,
    /// The key.
    pub key: KeyId,
    /// The end user that the key was made for, if any.
    pub user: Option<String>,
}
