//! What is kept for how long.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use wardbell_store::outbox::Retention;
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;

/// How long records are kept. What is pending stays, whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Alerts, with what was delivered of them.
    pub alerts: Duration,
    /// Attempts of finished deliveries.
    pub attempts: Duration,
    /// Dead letters.
    pub dead_letters: Duration,
    /// Activity rows.
    pub activity: Duration,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Keep {
    fn default() -> Self {
        Self { alerts: DAY * 90, attempts: DAY * 30, dead_letters: DAY * 90, activity: DAY * 90 }
    }
}

/// How often to look for what is too old.
const EVERY: Duration = Duration::from_mins(10);
/// Rows of a sort in one transaction: some milliseconds of the writer's time.
const ROWS: u32 = 500;
/// How long the writer is left to others between two.
const PAUSE: Duration = Duration::from_millis(50);

/// Removes what is too old, for ever.
pub(crate) async fn run(store: Arc<dyn Store>, keep: Keep) {
    loop {
        let now = ambient::now();
        let retention = Retention {
            alerts_before: now.before(keep.alerts),
            attempts_before: now.before(keep.attempts),
            dead_before: now.before(keep.dead_letters),
            activity_before: now.before(keep.activity),
        };
        match store.prune(retention, ROWS).await {
            Ok(0) => sleep(EVERY).await,
            Ok(gone) => {
                tracing::debug!(gone, "old records removed");
                sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "old records not removed");
                sleep(EVERY).await;
            }
        }
    }
}
