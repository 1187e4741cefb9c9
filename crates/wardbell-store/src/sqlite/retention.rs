//! What is kept for how long, and what is removed now.

use rusqlite::{Connection, params};
use wardbell_core::id::{AlertId, ProjectId};
use wardbell_core::time::Timestamp;

use crate::error::StoreError;
use crate::outbox::{Expunge, Retention};
use crate::seal::Sealer;
use crate::sqlite::{alert, outbox, row};

pub(super) fn prune(connection: &Connection, retention: Retention, limit: u32) -> Result<u32, StoreError> {
    let Retention { alerts_before, attempts_before, dead_before, activity_before } = retention;
    let mut gone = 0;
    for (statement, before) in [
        (
            "DELETE FROM attempts WHERE rowid IN (SELECT t.rowid FROM attempts t WHERE t.at < ?1 AND NOT EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.id = t.delivery AND d.state = 'pending') LIMIT ?2)",
            attempts_before,
        ),
        (
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state = 'dead' AND finished_at < ?1 \
             LIMIT ?2)",
            dead_before,
        ),
        (
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state = 'delivered' \
             AND finished_at < ?1 LIMIT ?2)",
            alerts_before,
        ),
        // An alert goes when nothing stands on it any more.
        (
            "DELETE FROM alerts WHERE id IN (SELECT a.id FROM alerts a WHERE a.at < ?1 AND NOT EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.alert = a.id) AND NOT EXISTS (SELECT 1 FROM folds f WHERE f.alert = a.id) \
             LIMIT ?2)",
            alerts_before,
        ),
        (
            "DELETE FROM activity WHERE request IN (SELECT request FROM activity WHERE at < ?1 LIMIT ?2)",
            activity_before,
        ),
        (
            "DELETE FROM activity_counts WHERE (project, step, at) IN (SELECT project, step, at FROM activity_counts \
             WHERE at < ?1 LIMIT ?2)",
            activity_before,
        ),
        (
            "DELETE FROM activity_tops WHERE (project, what, name, at) IN (SELECT project, what, name, at \
             FROM activity_tops WHERE at < ?1 LIMIT ?2)",
            activity_before,
        ),
    ] {
        let changed = connection.prepare_cached(statement)?.execute(params![before.as_millis(), limit])?;
        gone += u32::try_from(changed).unwrap_or(u32::MAX);
    }
    Ok(gone)
}

pub(super) fn expunge(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    what: Expunge,
    now: Timestamp,
) -> Result<u32, StoreError> {
    // Freed bytes are overwritten, so that the content is gone from the file and not only from the tables.
    connection.pragma_update(None, "secure_delete", true)?;
    let ids = match what {
        Expunge::Alert(id) => {
            alert::one(connection, sealer, project, id)?;
            vec![id]
        }
        Expunge::Before(before) => before_ids(connection, project, before)?,
    };
    for id in &ids {
        let data = alert::one(connection, sealer, project, *id)?.expunged();
        let text = |value: Result<String, serde_json::Error>| value.map_err(|_| StoreError::Corrupt("alert"));
        connection
            .prepare_cached(
                "UPDATE alerts SET data = ?2, source = ?3, sealed_preview = NULL, expunged_at = ?4 WHERE id = ?1",
            )?
            .execute(params![
                id.to_string(),
                text(serde_json::to_string(&data.data))?,
                text(serde_json::to_string(&data.source))?,
                now.as_millis()
            ])?;
        connection
            .prepare_cached(
                "UPDATE attempts SET excerpt = NULL WHERE delivery IN (SELECT id FROM deliveries WHERE alert = ?1)",
            )?
            .execute([id.to_string()])?;
        outbox::bury_of_alert(connection, *id, "the alert's content was expunged", now)?;
    }
    connection.pragma_update(None, "secure_delete", "FAST")?;
    Ok(u32::try_from(ids.len()).unwrap_or(u32::MAX))
}

fn before_ids(connection: &Connection, project: ProjectId, before: Timestamp) -> Result<Vec<AlertId>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM alerts WHERE project = ?1 AND at < ?2 AND expunged_at IS NULL ORDER BY id")?;
    let mut rows = statement.query(params![project.to_string(), before.as_millis()])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        ids.push(row::id(row, "id")?);
    }
    Ok(ids)
}
