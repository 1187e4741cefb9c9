//! What the configuration file declares: projects, their policies and their endpoints.
//!
//! **Theory of operation.** A declaration has a slug, which is its identity: [`Store::reconcile`] finds what it made of it
//! before by that and changes it in place, so that ids, keys and history stay. While the file declares something, the file
//! alone changes it; every other change fails with [`StoreError::Declared`]. What the file declares no more is switched off,
//! not removed, and is the API's from then on.
//!
//! **What it does not do.** It declares no keys and no providers, and leaves alone what a file never declared.
//!
//! [`Store::reconcile`]: crate::store::Store::reconcile
//! [`StoreError::Declared`]: crate::error::StoreError::Declared

use std::time::Duration;

use wardbell_core::alert::Severity;
use wardbell_core::policy::Policy;
use wardbell_core::secret::Secret;

use crate::endpoint::{Events, Format, Options, RetryProfile, SignatureProfile};

/// All that a file declares.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Declarations {
    /// The file's name, without its folder: it is shown to whoever may call the API.
    pub file: String,
    /// Each has a slug of its own.
    pub projects: Vec<DeclaredProject>,
}

/// A project as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredProject {
    /// Its identity.
    pub slug: String,
    /// Its name, for people.
    pub name: String,
    /// Its policy; `None` leaves it to the API.
    pub policy: Option<Policy>,
    /// Its endpoints; each has a slug of its own. Others may be made beside them.
    pub webhooks: Vec<DeclaredWebhook>,
}

/// An endpoint as it is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredWebhook {
    /// Its identity within the project.
    pub slug: String,
    /// Where alerts go.
    pub url: Secret<String>,
    /// The form of the body.
    pub format: Format,
    /// The kinds that it wants.
    pub events: Events,
    /// The least severity that it wants.
    pub severity_min: Severity,
    /// How deliveries are signed.
    pub signature: SignatureProfile,
    /// When a failed delivery is tried again.
    pub retry: RetryProfile,
    /// Whether alerts go there.
    pub enabled: bool,
    /// What else is set.
    pub options: Options,
    /// The key that signs, fit for `signature`; `None` has one made, which the API rotates.
    pub secret: Option<Secret<String>>,
    /// How long a secret that this one replaces keeps signing.
    pub secret_overlap: Duration,
}

/// What came of it, by slug: `support` is a project, `support/oncall` a webhook of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// What was not there.
    pub created: Vec<String>,
    /// What was there and is another now.
    pub updated: Vec<String>,
    /// What the file declares no more.
    pub disabled: Vec<String>,
}

impl Reconciled {
    /// Whether everything was as the file declares it already.
    pub fn is_empty(&self) -> bool {
        let Self { created, updated, disabled } = self;
        created.is_empty() && updated.is_empty() && disabled.is_empty()
    }
}
