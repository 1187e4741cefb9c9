//! Opening a database file: pragmas, migrations, and the check of the master key.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::{OpenError, StoreError};
use crate::seal::Sealer;
use crate::sqlite::{prepare, unusable};

/// Every migration, in order. The number of those applied is the file's `user_version`. Forward only.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_foundation.sql"),
    include_str!("../migrations/sqlite/0002_bell.sql"),
    include_str!("../migrations/sqlite/0003_providers.sql"),
    include_str!("../migrations/sqlite/0004_budgets.sql"),
    include_str!("../migrations/sqlite/0005_cost.sql"),
    include_str!("../migrations/sqlite/0006_dashboard.sql"),
    include_str!("../migrations/sqlite/0007_declared.sql"),
    include_str!("../migrations/sqlite/0008_removed_budgets.sql"),
];

/// How long a statement waits for another connection of this process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the master key is tried on at start.
const KEY_CHECK: &str = "wardbell";

pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let connection = Connection::open(path).map_err(|error| unusable(path, &error))?;
    tune(&connection).map_err(|error| unusable(path, &error))?;
    Ok(connection)
}

pub(super) fn connect_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| unusable(path, &error))?;
    Ok(connection)
}

/// WAL lets readers go on beside the writer; `synchronous = FULL` makes a commit survive a power cut
/// (<https://www.sqlite.org/pragma.html#pragma_synchronous>, read 2026-11-23).
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let database = |error: rusqlite::Error| prepare(path, error.into());
    let found: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| unusable(path, &error))?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(OpenError::NewerSchema { path: path.display().to_string(), found, known });
    }
    for (version, migration) in (1..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.unchecked_transaction().map_err(database)?;
        transaction.execute_batch(migration).map_err(database)?;
        transaction.pragma_update(None, "user_version", version).map_err(database)?;
        transaction.commit().map_err(database)?;
    }
    Ok(())
}

/// Seals a known word at the first start and opens it at every later one.
pub(super) fn check_master_key(connection: &Connection, sealer: &Sealer, path: &Path) -> Result<(), OpenError> {
    let check = || -> Result<bool, StoreError> {
        let stored: Option<Vec<u8>> = connection
            .query_row("SELECT value FROM meta WHERE name = 'master_key_check'", [], |row| row.get(0))
            .optional()?;
        if let Some(sealed) = stored {
            return Ok(sealer.open("meta", "master_key_check", &sealed).is_ok());
        }
        let sealed = sealer.seal("meta", "master_key_check", KEY_CHECK)?;
        connection.execute("INSERT INTO meta (name, value) VALUES ('master_key_check', ?1)", params![sealed])?;
        Ok(true)
    };
    match check() {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::WrongMasterKey { path: path.display().to_string() }),
        Err(source) => Err(prepare(path, source)),
    }
}
