//! A few read-only connections, used from blocking threads.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::{OpenError, StoreError};
use crate::sqlite::schema;

/// Read-only connections. Reads are the management API's and the dispatcher's; requests read memory.
const READERS: usize = 4;

pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let idle = (0..READERS).map(|_| schema::connect_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), free: Arc::new(Semaphore::new(READERS)) })
    }

    /// Takes no more reads; those under way end.
    pub(super) fn close(&self) {
        self.free.close();
    }

    /// Runs `run` on one connection, within one read transaction.
    pub(super) async fn run<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let connection = idle.lock().ok().and_then(|mut idle| idle.pop()).ok_or(StoreError::Closed)?;
            let result = in_transaction(&connection, run);
            if let Ok(mut idle) = idle.lock() {
                idle.push(connection);
            }
            drop(permit);
            result
        });
        task.await.map_err(|error| StoreError::Database(Box::new(error)))?
    }
}

fn in_transaction<T>(
    connection: &Connection,
    run: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    // A panic would lose the connection; the pool would be smaller for good.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&transaction)))
        .unwrap_or_else(|_| Err(StoreError::Database("a read stopped unexpectedly".into())));
    transaction.rollback()?;
    result
}
