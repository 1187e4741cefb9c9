//! The dispatcher: from the outbox to attempts, and back.
//!
//! **Theory of operation.** One task sleeps until the outbox bell rings, a delivery falls due, or an attempt ends. It
//! claims what is due into [`lanes`](crate::lanes) and starts what may run; each attempt runs in a task of its own that
//! also records its outcome. After the bell nothing waits for a timer.
//!
//! **When things break.** A panic in an attempt, or an attempt that outlives [`ATTEMPT_HARD_MAX`], is recorded as an
//! attempt that failed. An outcome that cannot be recorded is tried again until the lease ends, after which the delivery
//! goes out once more: twice is better than never. A store that fails is asked again after [`BACKOFF_MIN`], then ever
//! more rarely up to [`BACKOFF_MAX`]; the bell does not shorten that.
//!
//! **Who owns what.** [`Notifier`] owns the dispatcher's task, the dispatcher owns the attempts' tasks. Dropping the
//! notifier aborts all of them; [`Notifier::stop`] lets them end first.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, error, info, warn};
use wardbell_core::id::{DeliveryId, EndpointId};
use wardbell_core::time::Timestamp;
use wardbell_egress::Egress;
use wardbell_store::error::StoreError;
use wardbell_store::outbox::{Attempt, Claim, Next};
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;
use wardbell_telemetry::metrics::{AttemptLabels, metrics};

use crate::deliver::{self, Courier, Tester};
use crate::lanes::Lanes;
use crate::schedule::ATTEMPT_MAX;

/// How long a claim belongs to this process: an attempt, a wait in a lane, and time to record the outcome.
pub const LEASE: Duration = Duration::from_secs(30);
/// An attempt that outlives its own deadline by this much is ended here, so that no fault below can hold a slot.
pub const ATTEMPT_HARD_MAX: Duration = ATTEMPT_MAX.saturating_add(Duration::from_secs(2));
/// The first pause after a store error.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause after store errors.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often to look when claims wait for room, since a lane becomes slow without anything happening.
const RECHECK: Duration = Duration::from_millis(250);
/// How often to look when nothing is due: a wall clock that was set forward is noticed within this.
const IDLE_MAX: Duration = Duration::from_mins(1);

const _: () = assert!(LEASE.as_secs() >= 2 * ATTEMPT_HARD_MAX.as_secs(), "a lease must outlast an attempt");

/// Where the wall clock is read.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Runs the dispatcher for as long as it lives.
pub struct Notifier {
    task: JoinSet<()>,
    stop: oneshot::Sender<Duration>,
    tester: Tester,
}

impl Notifier {
    /// Starts delivering what is in the outbox. Must be called within a tokio runtime.
    pub fn start(store: Arc<dyn Store>, egress: Arc<Egress>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let dispatcher = Dispatcher::new(store, Courier::new(Arc::clone(&egress)), Arc::new(ambient::now));
        let mut task = JoinSet::new();
        task.spawn(dispatcher.run(stopped));
        Self { task, stop, tester: Tester::new(egress) }
    }

    /// Sends test alerts, apart from the outbox.
    pub fn tester(&self) -> Tester {
        self.tester.clone()
    }

    /// Claims nothing more, lets the attempts under way end within that time, and aborts the rest. What was aborted or
    /// only claimed is delivered after the next start, which voids its lease.
    pub async fn stop(mut self, within: Duration) {
        // An error says that the dispatcher has ended already.
        let _ = self.stop.send(within);
        while let Some(ended) = self.task.join_next().await {
            if let Err(fault) = ended {
                error!(%fault, "dispatcher failed");
            }
        }
    }
}

/// What the dispatcher needs of the store.
pub(crate) trait Outbox: Send + Sync + 'static {
    fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Claim>, StoreError>> + Send;
    fn next_due(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
    fn finish(
        &self,
        id: DeliveryId,
        attempt: Attempt,
        next: Next,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn bell(&self) -> &Notify;
}

impl Outbox for Arc<dyn Store> {
    async fn claim(&self, now: Timestamp, lease_until: Timestamp, limit: u32) -> Result<Vec<Claim>, StoreError> {
        self.as_ref().claim(now, lease_until, limit).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.as_ref().next_due().await
    }

    async fn finish(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError> {
        self.as_ref().finish_attempt(id, attempt, next).await
    }

    fn bell(&self) -> &Notify {
        self.as_ref().outbox_bell()
    }
}

/// Makes one attempt at a delivery.
pub(crate) trait Carry: Send + Sync + 'static {
    fn attempt(&self, claim: &Claim) -> impl Future<Output = (Attempt, Next)> + Send;
}

impl Carry for Courier {
    async fn attempt(&self, claim: &Claim) -> (Attempt, Next) {
        self.attempt(claim).await
    }
}

/// A claim and how long it is ours.
struct Leased {
    claim: Claim,
    lease_until: Timestamp,
}

struct Dispatcher<O, C> {
    outbox: Arc<O>,
    courier: Arc<C>,
    clock: Clock,
    lanes: Lanes<Leased>,
    /// Each task returns when its delivery is due again.
    running: JoinSet<Option<Timestamp>>,
    endpoints: HashMap<Id, EndpointId>,
    /// Something may be due that is not claimed.
    is_due: bool,
    /// When to look again, though nothing rings.
    wake_at: Instant,
    /// Until when the store is left alone after an error, and the pause after the next one.
    backoff: Option<Instant>,
    backoff_next: Duration,
}

impl<O: Outbox, C: Carry> Dispatcher<O, C> {
    fn new(outbox: O, courier: C, clock: Clock) -> Self {
        Self {
            outbox: Arc::new(outbox),
            courier: Arc::new(courier),
            clock,
            lanes: Lanes::new(),
            running: JoinSet::new(),
            endpoints: HashMap::new(),
            is_due: true,
            wake_at: Instant::now(),
            backoff: None,
            backoff_next: BACKOFF_MIN,
        }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<Duration>) {
        info!("dispatcher started");
        let outbox = Arc::clone(&self.outbox);
        let within = loop {
            self.claim().await;
            tokio::select! {
                biased;
                // A dropped sender is a dropped notifier, which aborts this task anyway.
                within = &mut stopped => break within.unwrap_or(Duration::ZERO),
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                () = outbox.bell().notified(), if !self.is_due => self.is_due = true,
                () = sleep_until(self.wake_at) => {
                    self.backoff = None;
                    self.is_due = true;
                }
            }
            while let Some(ended) = self.running.try_join_next_with_id() {
                self.ended(ended);
            }
            self.start_parked();
        };
        self.wind_down(within).await;
    }

    /// Claims what is due, as far as there is room, and finds out when to look again.
    async fn claim(&mut self) {
        if self.backoff.is_some() || !self.is_due {
            return;
        }
        let room = self.lanes.room(Instant::now());
        if room == 0 {
            self.wake_at = Instant::now() + RECHECK;
            return;
        }
        let now = (self.clock)();
        let lease_until = now.after(LEASE);
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let claims = match self.outbox.claim(now, lease_until, limit).await {
            Ok(claims) => claims,
            Err(fault) => return self.rest(&fault),
        };
        let count = claims.len();
        let parked_at = Instant::now();
        for claim in claims {
            let delivery = claim.delivery.id;
            if !self.lanes.park(claim.endpoint.id, Leased { claim, lease_until }, parked_at) {
                debug!(%delivery, "delivery waits for a slow endpoint");
            }
        }
        self.start_parked();
        if count >= room {
            self.wake_at = Instant::now();
            return;
        }
        match self.outbox.next_due().await {
            Ok(due) => {
                self.is_due = false;
                self.backoff_next = BACKOFF_MIN;
                let pause = due.map_or(IDLE_MAX, |due| due.since((self.clock)()));
                // What is due and yet was not claimed must not make this loop spin.
                let pause_min = if count == 0 && pause.is_zero() { RECHECK } else { Duration::ZERO };
                self.wake_at = Instant::now() + pause.clamp(pause_min, IDLE_MAX);
            }
            Err(fault) => self.rest(&fault),
        }
    }

    /// Leaves the store alone for a while.
    fn rest(&mut self, fault: &StoreError) {
        let pause = self.backoff_next;
        warn!(error = %Chain(fault), pause_ms = pause.as_millis(), "outbox unreadable");
        self.backoff_next = (pause * 2).min(BACKOFF_MAX);
        self.wake_at = Instant::now() + pause;
        self.backoff = Some(self.wake_at);
    }

    fn start_parked(&mut self) {
        while let Some((endpoint, leased)) = self.lanes.next(Instant::now()) {
            let now = (self.clock)();
            if leased.lease_until < now.after(ATTEMPT_HARD_MAX) {
                // Too late to try under this lease; it is due again when the lease ends.
                self.lanes.finished(endpoint, Instant::now());
                self.wake_by(leased.lease_until, now);
                continue;
            }
            let task = carry(Arc::clone(&self.outbox), Arc::clone(&self.courier), Arc::clone(&self.clock), leased);
            let id = self.running.spawn(task).id();
            self.endpoints.insert(id, endpoint);
        }
    }

    fn ended(&mut self, ended: Result<(Id, Option<Timestamp>), JoinError>) {
        let (id, due) = match ended {
            Ok((id, due)) => (id, due),
            Err(fault) => {
                // Only the recording itself can get here; the lease brings the delivery back.
                error!(%fault, "attempt could not be recorded");
                (fault.id(), None)
            }
        };
        if let Some(endpoint) = self.endpoints.remove(&id) {
            self.lanes.finished(endpoint, Instant::now());
        }
        if let Some(due) = due {
            self.wake_by(due, (self.clock)());
        }
    }

    /// Makes sure to look again at that time.
    fn wake_by(&mut self, due: Timestamp, now: Timestamp) {
        if self.backoff.is_none() {
            self.wake_at = self.wake_at.min(Instant::now() + due.since(now));
        }
    }

    /// Starts nothing more; what is parked goes out after the next start.
    async fn wind_down(mut self, within: Duration) {
        let ended = timeout(within, async { while self.running.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            info!(attempts = self.running.len(), "attempts aborted; they are repeated after the next start");
            self.running.shutdown().await;
        }
        info!("dispatcher stopped");
    }
}

/// Makes an attempt and records it. Returns when the delivery is due again.
async fn carry<O: Outbox, C: Carry>(
    outbox: Arc<O>,
    courier: Arc<C>,
    clock: Clock,
    leased: Leased,
) -> Option<Timestamp> {
    let Leased { claim, lease_until } = leased;
    let started = clock();
    let guarded = AssertUnwindSafe(timeout(ATTEMPT_HARD_MAX, courier.attempt(&claim))).catch_unwind();
    let (attempt, next) = match guarded.await {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => deliver::broken(&claim, started, clock(), "the attempt did not end"),
        Err(_) => deliver::broken(&claim, started, clock(), "the attempt failed inside wardbell; see the log"),
    };
    let result = told(&claim, &attempt, &next);
    metrics().attempts.get_or_create(&AttemptLabels { result }).inc();
    record(&*outbox, &clock, claim.delivery.id, attempt, next, lease_until).await
}

/// Records an attempt, trying again until the lease ends.
async fn record<O: Outbox>(
    outbox: &O,
    clock: &Clock,
    id: DeliveryId,
    attempt: Attempt,
    next: Next,
    lease_until: Timestamp,
) -> Option<Timestamp> {
    let due = if let Next::RetryAt(due) = next { Some(due) } else { None };
    let mut pause = BACKOFF_MIN;
    loop {
        let fault = match outbox.finish(id, attempt.clone(), next.clone()).await {
            Ok(()) => return due,
            Err(StoreError::NotFound(_)) => {
                debug!(delivery = %id, "delivery ended while it was under way");
                return None;
            }
            Err(fault) => fault,
        };
        warn!(delivery = %id, error = %Chain(&fault), "attempt not recorded");
        if clock().after(pause) >= lease_until || matches!(fault, StoreError::Closed) {
            error!(delivery = %id, "attempt never recorded; the delivery is repeated");
            return Some(lease_until);
        }
        sleep(pause).await;
        pause = (pause * 2).min(BACKOFF_MAX);
    }
}

/// Logs what came of an attempt and returns its word in the metric.
fn told(claim: &Claim, attempt: &Attempt, next: &Next) -> &'static str {
    let (delivery, endpoint, number) = (claim.delivery.id, claim.endpoint.id, attempt.number);
    let error = attempt.error.as_deref().unwrap_or_default();
    match next {
        Next::Delivered => {
            debug!(%delivery, %endpoint, number, "delivered");
            "delivered"
        }
        Next::RetryAt(due) => {
            info!(%delivery, %endpoint, number, error, %due, "attempt failed");
            "retry"
        }
        Next::Dead(reason) => {
            warn!(%delivery, %endpoint, number, error, reason, "delivery given up");
            "dead"
        }
    }
}

/// An error with all its causes on one line.
struct Chain<'a>(&'a StoreError);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
