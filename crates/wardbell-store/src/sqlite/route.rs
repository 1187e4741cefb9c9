//! Who of a project is told, kept between alerts: reading and unsealing endpoints for every alert would cost more than
//! writing its deliveries.
//!
//! Only the writer's thread uses it. Whatever may change an endpoint or a silence forgets all of it, and so does every job
//! and every commit that fails, since what was read within them was undone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use wardbell_core::id::ProjectId;

use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::seal::Sealer;
use crate::silence::Silence;
use crate::sqlite::{endpoint, silence};

/// Projects that are kept at most; beyond that all are forgotten.
const PROJECTS_MAX: usize = 256;

/// The endpoints of a project that are on, and its silences.
pub(super) struct Route {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) silences: Vec<Silence>,
}

/// What was read and still holds.
#[derive(Default)]
pub(super) struct Routes {
    of: Mutex<HashMap<ProjectId, Arc<Route>>>,
}

impl Routes {
    /// Who of a project is told.
    pub(super) fn of(
        &self,
        connection: &Connection,
        sealer: &Sealer,
        project: ProjectId,
    ) -> Result<Arc<Route>, StoreError> {
        let mut kept = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = kept.get(&project) {
            return Ok(Arc::clone(route));
        }
        let mut endpoints = endpoint::of_project(connection, sealer, project)?;
        endpoints.retain(|endpoint| endpoint.enabled);
        let route = Arc::new(Route { endpoints, silences: silence::of_project(connection, project)? });
        if kept.len() >= PROJECTS_MAX {
            kept.clear();
        }
        kept.insert(project, Arc::clone(&route));
        Ok(route)
    }

    /// Nothing holds any more.
    pub(super) fn forget(&self) {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
