//! The one writer: a thread that folds the jobs waiting for it into one short transaction.
//!
//! While a commit waits for the disk, new jobs queue up; the next transaction takes them together. So the number of
//! commits follows the disk's pace and not the number of writes, and no timer delays a lone write. A job that fails is
//! rolled back alone (a savepoint each); a commit that fails fails every job in it.

use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use wardbell_telemetry::metrics::{StoreLabels, metrics};

use crate::error::StoreError;

/// Jobs that may wait; a caller beyond that waits for room.
const QUEUE_MAX: usize = 1024;

/// Jobs in one transaction: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 256;

/// Runs within the transaction, or with `None` if there could be none, and returns what is to happen once the
/// transaction's fate is known, and whether what it wrote is undone already.
type Job = Box<dyn FnOnce(Option<&Connection>) -> (Finish, bool) + Send>;
/// Gets `None` when the transaction was committed, and otherwise why it was not.
type Finish = Box<dyn FnOnce(Option<&str>) + Send>;

pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the writer. `undone` is called on its thread whenever something that was written is undone.
    pub(super) fn start(connection: Connection, undone: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("wardbell-writer".to_owned())
            .spawn(move || work(&connection, inbox, &undone))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn run<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.run_then(run, |value| value).await
    }

    /// Runs a job, and `then` once it is committed, on the writer's thread and whether or not the caller still waits.
    pub(super) async fn run_then<T, U, F, G>(&self, run: F, then: G) -> Result<U, StoreError>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        G: FnOnce(T) -> U + Send + 'static,
    {
        let jobs = self.jobs.lock().ok().and_then(|jobs| jobs.clone()).ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = match connection {
                Some(connection) => in_savepoint(connection, run),
                None => Err(StoreError::Database("no transaction could begin".into())),
            };
            if let (Some(_), Err(StoreError::Database(_))) = (connection, &result) {
                failed_at("write");
            }
            let is_undone = result.is_err();
            let finish: Finish = Box::new(move |failed| {
                let result = match failed {
                    None => result.map(then),
                    Some(reason) => Err(StoreError::Database(reason.into())),
                };
                // The caller may have left; the write stands.
                let _ = reply.send(result);
            });
            (finish, is_undone)
        });
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Takes no more jobs, and waits until those taken are committed.
    pub(super) async fn close(&self) {
        if let Ok(mut jobs) = self.jobs.lock() {
            jobs.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let ended = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(ended, Ok(Ok(()))) {
                tracing::error!("store writer ended unexpectedly");
            }
        }
    }
}

fn work(connection: &Connection, mut inbox: mpsc::Receiver<Job>, undone: &dyn Fn()) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while inbox.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        commit(connection, batch.drain(..), undone);
    }
    // A checkpoint at the end keeps the next start short; without it nothing is lost.
    let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
}

fn commit(connection: &Connection, jobs: impl Iterator<Item = Job>, undone: &dyn Fn()) {
    let started = Instant::now();
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let reason = error.to_string();
        failed_at("begin");
        tracing::error!(error = %reason, "store transaction could not begin");
        jobs.for_each(|job| job(None).0(None));
        return;
    }
    let mut finishes: Vec<Finish> = Vec::new();
    for job in jobs {
        let (finish, is_undone) = job(Some(connection));
        if is_undone {
            undone();
        }
        finishes.push(finish);
    }
    let failed = connection.execute_batch("COMMIT").err().map(|error| error.to_string());
    if let Some(reason) = &failed {
        failed_at("commit");
        tracing::error!(error = %reason, "store transaction could not be committed");
        // Fails when SQLite has rolled back by itself already; either way nothing is left open.
        let _ = connection.execute_batch("ROLLBACK");
        undone();
    }
    metrics().commit_writes.observe(finishes.len() as f64);
    metrics().commit_seconds.observe(started.elapsed().as_secs_f64());
    for finish in finishes {
        finish(failed.as_deref());
    }
}

fn failed_at(step: &'static str) {
    metrics().store_errors.get_or_create(&StoreLabels { step }).inc();
}

fn in_savepoint<T>(
    connection: &Connection,
    run: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    execute(connection, "SAVEPOINT job")?;
    // A panic in a job must not take the writer with it.
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(connection)))
        .unwrap_or_else(|_| Err(StoreError::Database("a write stopped unexpectedly".into())));
    match result {
        Ok(value) => {
            execute(connection, "RELEASE job")?;
            Ok(value)
        }
        Err(error) => {
            execute(connection, "ROLLBACK TO job")?;
            execute(connection, "RELEASE job")?;
            Err(error)
        }
    }
}

fn execute(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
