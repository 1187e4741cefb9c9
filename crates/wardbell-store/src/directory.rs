//! The settings that every request needs, in memory: keys, projects with their policies, and providers.
//!
//! The management API writes to the store and then calls [`Directory::refresh`]; requests read one immutable
//! [`Snapshot`] without a lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use wardbell_core::id::ProjectId;
use wardbell_core::principal::Principal;

use crate::budget::ProjectBudgets;
use crate::error::StoreError;
use crate::key::KeyHash;
use crate::project::Project;
use crate::provider::Provider;
use crate::store::Store;

/// All that the request path needs, as of one instant.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Who each key is.
    pub keys: HashMap<KeyHash, Arc<Principal>>,
    /// Every project.
    pub projects: HashMap<ProjectId, Arc<ProjectView>>,
    /// The budgets of those projects that have any.
    pub budgets: HashMap<ProjectId, Arc<ProjectBudgets>>,
}

/// A project and its providers.
#[derive(Debug)]
pub struct ProjectView {
    /// The project.
    pub project: Project,
    /// Its providers, by name.
    pub providers: Vec<Provider>,
    /// Whether an endpoint of it wants previews: without one, no alert keeps any.
    pub wants_preview: bool,
}

/// The current [`Snapshot`].
pub struct Directory {
    store: Arc<dyn Store>,
    current: ArcSwap<Snapshot>,
    refreshing: tokio::sync::Mutex<()>,
}

impl Directory {
    /// Reads the first snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let current = ArcSwap::from_pointee(store.snapshot().await?);
        Ok(Self { store, current, refreshing: tokio::sync::Mutex::new(()) })
    }

    /// Reads the settings anew; call it after every change. On failure the snapshot before stays.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        // One at a time, so that an older reading never replaces a newer one.
        let _turn = self.refreshing.lock().await;
        self.current.store(Arc::new(self.store.snapshot().await?));
        Ok(())
    }

    /// The settings as of the last refresh.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Who presents `key`, with the project.
    pub fn authenticate(&self, key: &str) -> Option<(Arc<Principal>, Arc<ProjectView>)> {
        let snapshot = self.current.load();
        let principal = snapshot.keys.get(&KeyHash::of(key))?;
        let project = snapshot.projects.get(&principal.project)?;
        Some((Arc::clone(principal), Arc::clone(project)))
    }
}
