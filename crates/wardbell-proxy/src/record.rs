//! The activity log's writer: rows of ended requests wait a moment and are written together.
//!
//! **Bounds.** A request takes its place in the queue when it begins, so that recording its end never waits and never
//! fails. At most [`ROWS_WAITING_MAX`] requests are in flight or waiting to be written; a request beyond that waits at
//! its beginning. Rows wait at most [`LAG_MAX`] before they are written. So a crash loses at most
//! [`ROWS_WAITING_MAX`] + [`BATCH_ROWS_MAX`] rows of clean requests, and none that raised an alert (those are committed
//! with it).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use wardbell_core::activity::Activity;
use wardbell_store::store::Store;
use wardbell_telemetry::metrics::{LossLabels, metrics};

/// Requests in flight or waiting to be written.
pub const ROWS_WAITING_MAX: usize = 8192;

/// Rows in one write.
pub const BATCH_ROWS_MAX: usize = 1024;

/// How long a row waits for others.
pub const LAG_MAX: Duration = Duration::from_millis(250);

/// How often a failed write is tried before its rows are given up and counted.
const WRITE_TRIES: u32 = 5;

/// Where ended requests go.
#[derive(Clone)]
pub struct Recorder {
    rows: mpsc::Sender<Activity>,
}

/// The task that writes rows.
pub struct RecorderTask {
    task: JoinHandle<()>,
}

/// A place in the queue, taken when a request begins.
pub struct Place {
    permit: OwnedPermit<Activity>,
}

impl Recorder {
    /// Starts the task that writes rows to `store`.
    pub fn start(store: Arc<dyn Store>) -> (Self, RecorderTask) {
        let (rows, inbox) = mpsc::channel(ROWS_WAITING_MAX);
        (Self { rows }, RecorderTask { task: tokio::spawn(write_rows(store, inbox)) })
    }

    /// Takes a place in the queue; `None` when Wardbell is stopping.
    pub async fn place(&self) -> Option<Place> {
        self.rows.clone().reserve_owned().await.ok().map(|permit| Place { permit })
    }
}

impl Place {
    /// Hands over the row of an ended request.
    pub fn fill(self, row: Activity) {
        self.permit.send(row);
    }
}

impl RecorderTask {
    /// Waits until every row is written. Every [`Recorder`] and [`Place`] must be gone first.
    pub async fn drained(self) {
        if self.task.await.is_err() {
            tracing::error!("activity recorder ended unexpectedly");
        }
    }
}

async fn write_rows(store: Arc<dyn Store>, mut inbox: mpsc::Receiver<Activity>) {
    let mut batch = Vec::with_capacity(BATCH_ROWS_MAX);
    while inbox.recv_many(&mut batch, BATCH_ROWS_MAX).await > 0 {
        let due = Instant::now() + LAG_MAX;
        while batch.len() < BATCH_ROWS_MAX {
            let room = BATCH_ROWS_MAX - batch.len();
            match timeout_at(due, inbox.recv_many(&mut batch, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        write(&*store, std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS_MAX))).await;
    }
}

async fn write(store: &dyn Store, rows: Vec<Activity>) {
    for tried in 1..=WRITE_TRIES {
        match store.record(rows.clone()).await {
            Ok(()) => return,
            Err(error) if tried < WRITE_TRIES => {
                tracing::warn!(%error, tried, "activity rows not written yet");
                tokio::time::sleep(LAG_MAX * tried).await;
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, rows = rows.len(), "activity rows lost");
                let lost = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                metrics().write_failures.get_or_create(&LossLabels { what: "activity" }).inc_by(lost);
            }
        }
    }
}
