//! A project: the unit of policy, keys, providers and webhooks.

use wardbell_core::id::ProjectId;
use wardbell_core::policy::Policy;
use wardbell_core::time::Timestamp;

/// A project as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its identity.
    pub id: ProjectId,
    /// Its name, for people.
    pub name: String,
    /// Its policy.
    pub policy: Policy,
    /// The version of the policy: 1 at first, one more at each change.
    pub policy_version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether its keys open anything.
    pub enabled: bool,
    /// What the configuration file calls it, if it does or did.
    pub slug: Option<String>,
    /// The name of the file that declares it now.
    pub declared: Option<String>,
    /// Whether that file declares its policy, too.
    pub is_policy_declared: bool,
}

/// What is to change of a project.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProjectChange {
    /// A new name.
    pub name: Option<String>,
    /// A new policy, which becomes the next version.
    pub policy: Option<Policy>,
    /// On or off.
    pub enabled: Option<bool>,
}

/// A policy as it was or is.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyVersion {
    /// Counted from 1.
    pub version: u32,
    /// The policy.
    pub policy: Policy,
    /// When it came into force.
    pub at: Timestamp,
}
