use std::sync::Arc;

use rusqlite::Connection;
use wardbell_core::principal::Principal;

use crate::directory::{ProjectView, Snapshot};
use crate::error::StoreError;
use crate::key::KeyHash;
use crate::seal::Sealer;
use crate::sqlite::{budget, endpoint, project, provider, row};

/// Reads keys, projects and providers at one instant: the reader runs within one transaction.
pub(super) fn read(connection: &Connection, sealer: &Sealer) -> Result<Snapshot, StoreError> {
    let mut snapshot = Snapshot { budgets: budget::all(connection)?, ..Snapshot::default() };
    for project in project::all(connection)? {
        let providers = provider::of_project(connection, sealer, project.id)?;
        let endpoints = endpoint::of_project(connection, sealer, project.id)?;
        let wants_preview = endpoints.iter().any(|endpoint| endpoint.enabled && endpoint.options.include_preview);
        snapshot.projects.insert(project.id, Arc::new(ProjectView { project, providers, wants_preview }));
    }
    let mut statement = connection.prepare_cached(
        "SELECT k.id, k.project, k.user_id, k.hash FROM keys k JOIN projects p ON p.id = k.project WHERE p.enabled = 1",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let principal =
            Principal { project: row::id(row, "project")?, key: row::id(row, "id")?, user: row.get("user_id")? };
        snapshot.keys.insert(KeyHash(row.get("hash")?), Arc::new(principal));
    }
    Ok(snapshot)
}
