use rusqlite::{Connection, params};
use wardbell_core::id::{KeyId, ProjectId};

use crate::error::StoreError;
use crate::key::{Key, KeyHash};
use crate::sqlite::{project, row};

pub(super) fn create(connection: &Connection, key: &Key, hash: KeyHash) -> Result<(), StoreError> {
    let Key { id, project, name, user_id, hint, created_at } = key;
    project::require(connection, *project)?;
    connection
        .prepare_cached(
            "INSERT INTO keys (id, project, name, user_id, hash, hint, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![id.to_string(), project.to_string(), name, user_id, hash.0, hint, created_at.as_millis()])?;
    Ok(())
}

pub(super) fn of_project(connection: &Connection, project: ProjectId) -> Result<Vec<Key>, StoreError> {
    project::require(connection, project)?;
    let mut statement = connection.prepare_cached("SELECT * FROM keys WHERE project = ?1 ORDER BY id")?;
    let mut rows = statement.query([project.to_string()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(Key {
            id: row::id(row, "id")?,
            project,
            name: row.get("name")?,
            user_id: row.get("user_id")?,
            hint: row.get("hint")?,
            created_at: row::time(row, "created_at")?,
        });
    }
    Ok(keys)
}

pub(super) fn delete(connection: &Connection, project: ProjectId, id: KeyId) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached("DELETE FROM keys WHERE project = ?1 AND id = ?2")?
        .execute([project.to_string(), id.to_string()])?;
    row::found(changed, "key")
}
