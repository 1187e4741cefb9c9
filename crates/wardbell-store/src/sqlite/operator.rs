use rusqlite::{Connection, OptionalExtension, params};
use wardbell_core::time::Timestamp;

use crate::error::StoreError;
use crate::operator::{Session, SessionHash};
use crate::sqlite::row;

/// How many browsers may be signed in; the oldest goes. Source: our choice.
const SESSIONS_MAX: u32 = 100;

pub(super) fn password(connection: &Connection) -> Result<Option<String>, StoreError> {
    Ok(connection.query_row("SELECT password FROM operator", [], |row| row.get(0)).optional()?)
}

pub(super) fn set_up(connection: &Connection, password: &str, now: Timestamp) -> Result<bool, StoreError> {
    let changed = connection.execute(
        "INSERT OR IGNORE INTO operator (id, password, changed_at) VALUES (1, ?1, ?2)",
        params![password, now.as_millis()],
    )?;
    Ok(changed == 1)
}

pub(super) fn set_password(connection: &Connection, password: &str, now: Timestamp) -> Result<(), StoreError> {
    connection.execute(
        "INSERT OR REPLACE INTO operator (id, password, changed_at) VALUES (1, ?1, ?2)",
        params![password, now.as_millis()],
    )?;
    end_all(connection)
}

pub(super) fn open(connection: &Connection, session: &Session) -> Result<(), StoreError> {
    let Session { hash, created_at, expires_at } = session;
    connection.execute("DELETE FROM sessions WHERE expires_at <= ?1", [created_at.as_millis()])?;
    connection.execute(
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions ORDER BY created_at DESC LIMIT -1 OFFSET ?1)",
        [SESSIONS_MAX - 1],
    )?;
    connection.execute(
        "INSERT INTO sessions (hash, created_at, expires_at) VALUES (?1, ?2, ?3)",
        params![hash, created_at.as_millis(), expires_at.as_millis()],
    )?;
    Ok(())
}

pub(super) fn session(
    connection: &Connection,
    hash: &SessionHash,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM sessions WHERE hash = ?1 AND expires_at > ?2")?
        .query_row(params![hash, now.as_millis()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

fn read(row: &rusqlite::Row<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        hash: row.get("hash")?,
        created_at: row::time(row, "created_at")?,
        expires_at: row::time(row, "expires_at")?,
    })
}

pub(super) fn end(connection: &Connection, hash: &SessionHash) -> Result<(), StoreError> {
    connection.execute("DELETE FROM sessions WHERE hash = ?1", params![hash])?;
    Ok(())
}

pub(super) fn end_all(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM sessions", [])?;
    Ok(())
}

pub(super) fn count(connection: &Connection, now: Timestamp) -> Result<u32, StoreError> {
    let count = "SELECT count(*) FROM sessions WHERE expires_at > ?1";
    Ok(connection.query_row(count, [now.as_millis()], |row| row.get(0))?)
}
