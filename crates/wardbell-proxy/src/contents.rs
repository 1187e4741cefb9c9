//! The content policies of each project, compiled when they are first needed and kept until they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wardbell_core::id::ProjectId;
use wardbell_core::verdict::DetectionFailure;
use wardbell_detect::content::ContentSet;
use wardbell_store::project::Project;

/// The most projects whose content policies are kept. Source: our choice; beyond it all are made anew.
const PROJECTS_MAX: usize = 10_000;

/// Compiled content policies, by project.
#[derive(Debug, Default)]
pub struct Contents {
    made: Mutex<HashMap<ProjectId, Made>>,
}

#[derive(Debug)]
struct Made {
    version: u32,
    set: Arc<ContentSet>,
}

impl Contents {
    /// A project's content policies; `None` where it has none.
    ///
    /// # Errors
    /// When they do not compile. The management API checks them before they are stored, so this is a failure of ours.
    pub(crate) fn of(&self, project: &Project) -> Result<Option<Arc<ContentSet>>, DetectionFailure> {
        if project.policy.content.is_empty() {
            return Ok(None);
        }
        let version = project.policy_version;
        let known = {
            let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.get(&project.id).filter(|made| made.version == version).map(|made| Arc::clone(&made.set))
        };
        if let Some(set) = known {
            return Ok(Some(set));
        }
        let set = ContentSet::compile(&project.policy.content).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, project = %project.id, "content policies do not compile");
            DetectionFailure::Panicked
        })?;
        let set = Arc::new(set);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= PROJECTS_MAX {
            made.clear();
        }
        made.insert(project.id, Made { version, set: Arc::clone(&set) });
        Ok(Some(set))
    }
}
