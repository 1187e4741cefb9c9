use rusqlite::{Connection, Row, params};
use wardbell_core::id::{ProjectId, SilenceId};
use wardbell_core::time::Timestamp;

use crate::error::StoreError;
use crate::silence::Silence;
use crate::sqlite::{fold, project, row};
use crate::store::SILENCES_MAX;

pub(super) fn create(connection: &Connection, silence: &Silence) -> Result<(), StoreError> {
    let Silence { id, project, author, reason, created_at, matcher, period } = silence;
    project::require(connection, *project)?;
    let present: u32 = connection
        .prepare_cached("SELECT count(*) FROM silences WHERE project = ?1")?
        .query_row([project.to_string()], |row| row.get(0))?;
    if present >= SILENCES_MAX {
        return Err(StoreError::LimitReached { what: "silences of one project", max: SILENCES_MAX });
    }
    let text = |value: Result<String, serde_json::Error>| value.map_err(|_| StoreError::Corrupt("silence"));
    connection
        .prepare_cached(
            "INSERT INTO silences (id, project, author, reason, created_at, matcher, period) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            id.to_string(),
            project.to_string(),
            author,
            reason,
            created_at.as_millis(),
            text(serde_json::to_string(matcher))?,
            text(serde_json::to_string(period))?
        ])?;
    Ok(())
}

pub(super) fn of_project(connection: &Connection, project: ProjectId) -> Result<Vec<Silence>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT * FROM silences WHERE project = ?1 ORDER BY id")?;
    let mut rows = statement.query([project.to_string()])?;
    let mut silences = Vec::new();
    while let Some(row) = rows.next()? {
        silences.push(read(row)?);
    }
    Ok(silences)
}

pub(super) fn delete(
    connection: &Connection,
    project: ProjectId,
    id: SilenceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached("DELETE FROM silences WHERE project = ?1 AND id = ?2")?
        .execute([project.to_string(), id.to_string()])?;
    row::found(changed, "silence")?;
    fold::end_silence(connection, id, now)
}

fn read(row: &Row<'_>) -> Result<Silence, StoreError> {
    Ok(Silence {
        id: row::id(row, "id")?,
        project: row::id(row, "project")?,
        author: row.get("author")?,
        reason: row.get("reason")?,
        created_at: row::time(row, "created_at")?,
        matcher: row::parsed(row, "matcher", |text| serde_json::from_str(text).ok())?,
        period: row::parsed(row, "period", |text| serde_json::from_str(text).ok())?,
    })
}
