//! The dispatcher: from the outbox to attempts, and back.
//!
//! **Theory of operation.** Deliveries come in two ways. One that is made now is handed over by the store when its commit
//! is done, already claimed: nothing waits for a timer or another write. One that falls due later (a retry, a fold, a
//! replay, or what was pending at the start) is claimed when the outbox bell rings or its time comes. Both are parked in
//! [`lanes`](crate::lanes); each attempt runs in a task of its own, which says when it has ended and then records the
//! outcome, so that a slot is not held while a commit waits.
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
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, error, info, warn};
use wardbell_core::id::{DeliveryId, EndpointId};
use wardbell_core::time::Timestamp;
use wardbell_egress::Egress;
use wardbell_store::error::StoreError;
use wardbell_store::outbox::{Attempt, Claim, ClaimRoom, Next};
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;
use wardbell_telemetry::metrics::{AttemptLabels, metrics};

use crate::deliver::{self, Courier, Tester};
use crate::lanes::{Ended, GivenBack, LANE_PARKED_MAX, Lanes};
use crate::mail::Mailer;
use crate::retention::{self, Keep};
use crate::schedule::ATTEMPT_MAX;

/// How long a claim belongs to this process: an attempt, a wait in a lane, and time to record the outcome.
pub const LEASE: Duration = Duration::from_secs(30);
/// An attempt that outlives its own deadline by this much is ended here, so that no fault below can hold a slot.
pub const ATTEMPT_HARD_MAX: Duration = ATTEMPT_MAX.saturating_add(Duration::from_secs(2));
/// The first pause after a store error.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause after store errors.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How many deliveries the store may hand over before the dispatcher has looked at the first.
pub const HANDED_MAX: usize = 1024;
/// The most claims taken from the store at once.
pub const CLAIM_MAX: u32 = 256;
/// The most attempts that have ended and are not recorded yet; beyond that no attempt starts.
pub const UNRECORDED_MAX: usize = 1024;
/// How often to look when what is due could not be claimed.
const RECHECK: Duration = Duration::from_millis(250);
/// How often to look when nothing is due: a wall clock that was set forward is noticed within this.
const IDLE_MAX: Duration = Duration::from_mins(1);

const _: () = assert!(LEASE.as_secs() >= 2 * ATTEMPT_HARD_MAX.as_secs(), "a lease must outlast an attempt");

/// Where the time is read.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A clock that follows the wall clock forward and never back: when the wall clock is set back, it goes on as if it had
/// not been, so that no retry waits for an hour to come again. A restart forgets it.
fn steady(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
    let latest = Mutex::new((wall(), Instant::now()));
    Arc::new(move || {
        let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (time, at) = *latest;
        *latest = (wall().max(time.after(at.elapsed())), Instant::now());
        latest.0
    })
}

/// Runs the dispatcher for as long as it lives.
pub struct Notifier {
    task: JoinSet<()>,
    /// Ends with the notifier: what it has not removed it removes after the next start.
    _keeper: JoinSet<()>,
    stop: oneshot::Sender<Duration>,
    tester: Tester,
}

impl Notifier {
    /// Starts delivering what is in the outbox, and removing what is kept for longer than `keep` says. Must be called
    /// within a tokio runtime.
    pub fn start(store: Arc<dyn Store>, egress: Arc<Egress>, mailer: Option<Arc<Mailer>>, keep: Keep) -> Self {
        let (stop, stopped) = oneshot::channel();
        let feed = store.subscribe(LEASE, HANDED_MAX);
        let clock = steady(ambient::now);
        let courier = Courier::new(Arc::clone(&egress), mailer.clone(), Arc::clone(&clock));
        let dispatcher = Dispatcher::new(Arc::clone(&store), courier, clock.clone(), feed);
        let mut task = JoinSet::new();
        task.spawn(dispatcher.run(stopped));
        let mut keeper = JoinSet::new();
        keeper.spawn(retention::run(store, keep));
        Self { task, _keeper: keeper, stop, tester: Tester::new(egress, mailer, clock) }
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
        room: ClaimRoom,
    ) -> impl Future<Output = Result<Vec<Claim>, StoreError>> + Send;
    fn next_due(&self, except: Vec<EndpointId>) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
    fn release(&self, claims: Vec<(DeliveryId, Timestamp)>) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn finish(
        &self,
        id: DeliveryId,
        attempt: Attempt,
        next: Next,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn bell(&self) -> &Notify;
}

impl Outbox for Arc<dyn Store> {
    async fn claim(&self, now: Timestamp, lease_until: Timestamp, room: ClaimRoom) -> Result<Vec<Claim>, StoreError> {
        self.as_ref().claim(now, lease_until, room).await
    }

    async fn next_due(&self, except: Vec<EndpointId>) -> Result<Option<Timestamp>, StoreError> {
        self.as_ref().next_due(except).await
    }

    async fn release(&self, claims: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError> {
        self.as_ref().release(claims).await
    }

    async fn finish(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError> {
        self.as_ref().finish_attempt(id, attempt, next).await
    }

    fn bell(&self) -> &Notify {
        self.as_ref().outbox_bell()
    }
}

/// An attempt that was made, what follows from it, and what it says of the endpoint.
pub(crate) struct Made {
    pub(crate) attempt: Attempt,
    pub(crate) next: Next,
    pub(crate) ended: Ended,
}

/// Makes one attempt at a delivery.
pub(crate) trait Carry: Send + Sync + 'static {
    fn attempt(&self, claim: &Claim) -> impl Future<Output = Made> + Send;
}

impl Carry for Courier {
    async fn attempt(&self, claim: &Claim) -> Made {
        self.attempt(claim).await
    }
}

struct Dispatcher<O, C> {
    outbox: Arc<O>,
    courier: Arc<C>,
    clock: Clock,
    feed: mpsc::Receiver<Claim>,
    lanes: Lanes<Claim>,
    /// Attempts and their recording. Each task returns when its delivery is due again.
    tasks: JoinSet<Option<Timestamp>>,
    /// The endpoints of tasks whose attempt has not ended.
    attempting: HashMap<Id, EndpointId>,
    /// Attempts say here that they have ended; as much room as there are tasks.
    says: mpsc::Sender<(Id, Ended)>,
    said: mpsc::Receiver<(Id, Ended)>,
    /// Endpoints that the last claim left out, since their lanes were full.
    left_out: Vec<EndpointId>,
    /// Something may be due that is not claimed.
    is_due: bool,
    /// When something falls due, though nothing rings.
    wake_at: Instant,
    /// Until when the store is left alone after an error, and the pause after the next one.
    backoff: Option<Instant>,
    backoff_next: Duration,
}

impl<O: Outbox, C: Carry> Dispatcher<O, C> {
    fn new(outbox: O, courier: C, clock: Clock, feed: mpsc::Receiver<Claim>) -> Self {
        let (says, said) = mpsc::channel(UNRECORDED_MAX);
        Self {
            outbox: Arc::new(outbox),
            courier: Arc::new(courier),
            clock,
            feed,
            lanes: Lanes::new(),
            tasks: JoinSet::new(),
            attempting: HashMap::new(),
            says,
            said,
            left_out: Vec::new(),
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
            self.start_parked();
            self.claim().await;
            self.start_parked();
            self.give_back();
            let now = Instant::now();
            if self.has_room_again(now) {
                // A lane that was left out opened while the store was asked.
                self.is_due = true;
                continue;
            }
            let wake_at = self.lanes.wake_at(now).map_or(self.wake_at, |lane| lane.min(self.wake_at));
            tokio::select! {
                biased;
                // A dropped sender is a dropped notifier, which aborts this task anyway.
                within = &mut stopped => break within.unwrap_or(Duration::ZERO),
                Some(claim) = self.feed.recv(), if self.lanes.room() > 0 => self.take(claim),
                Some((id, ended)) = self.said.recv() => self.attempt_ended(id, ended),
                Some(task) = self.tasks.join_next_with_id() => self.task_ended(task),
                () = outbox.bell().notified(), if !self.is_due => self.is_due = true,
                () = sleep_until(wake_at) => {
                    if self.wake_at <= Instant::now() {
                        self.backoff = None;
                        self.is_due = true;
                    }
                    // A lane that opened again may have something due that was left out of the last claim.
                    self.is_due |= self.backoff.is_none();
                }
            }
            // What has come together is taken together.
            while self.lanes.room() > 0
                && let Ok(claim) = self.feed.try_recv()
            {
                self.take(claim);
            }
            while let Ok((id, ended)) = self.said.try_recv() {
                self.attempt_ended(id, ended);
            }
            while let Some(task) = self.tasks.try_join_next_with_id() {
                self.task_ended(task);
            }
        };
        self.wind_down(within).await;
    }

    /// Whether the last claim left out an endpoint that would not be left out now.
    fn has_room_again(&self, now: Instant) -> bool {
        !self.is_due
            && self.backoff.is_none()
            && self.left_out.iter().any(|endpoint| self.lanes.has_room_for(*endpoint, now))
    }

    /// Parks a claim, or gives it back where its lane cannot take it.
    fn take(&mut self, claim: Claim) {
        let way = deliver::way(&claim.endpoint);
        if let Err(given) = self.lanes.park(&way, claim, Instant::now()) {
            self.release(vec![given]);
        }
    }

    /// Gives back what lanes cannot run soon.
    fn give_back(&mut self) {
        let given = self.lanes.shed(Instant::now());
        if !given.is_empty() {
            self.release(given);
        }
    }

    fn release(&mut self, given: Vec<GivenBack<Claim>>) {
        let (now, instant) = ((self.clock)(), Instant::now());
        let claims: Vec<_> = given
            .into_iter()
            .map(|GivenBack { item, until }| (item.delivery.id, now.after(until.saturating_duration_since(instant))))
            .collect();
        let due = claims.iter().map(|(_, due)| *due).min();
        let outbox = Arc::clone(&self.outbox);
        self.tasks.spawn(async move {
            let count = claims.len();
            match outbox.release(claims).await {
                Ok(()) => debug!(count, "deliveries wait for a busy or failing endpoint"),
                // Their leases end by themselves.
                Err(fault) => warn!(count, error = %Chain(&fault), "claims not given back"),
            }
            // Only now can a look at the store see it.
            due
        });
    }

    /// Claims what is due, as far as there is room, and finds out when to look again.
    async fn claim(&mut self) {
        if self.backoff.is_some() || !self.is_due {
            return;
        }
        let room = u32::try_from(self.lanes.room()).unwrap_or(u32::MAX).min(CLAIM_MAX);
        if room == 0 {
            self.wake_at = Instant::now() + RECHECK;
            return;
        }
        let except = self.lanes.full(Instant::now());
        let now = (self.clock)();
        let lane = u32::try_from(LANE_PARKED_MAX).unwrap_or(u32::MAX);
        let wanted = ClaimRoom { total: room, per_endpoint: lane.min(room / 2 + 1), except: except.clone() };
        let claims = match self.outbox.claim(now, now.after(LEASE), wanted).await {
            Ok(claims) => claims,
            Err(fault) => return self.rest(&fault),
        };
        let count = claims.len();
        for claim in claims {
            self.take(claim);
        }
        if count > 0 {
            // There may be more; what was claimed starts first.
            self.wake_at = Instant::now();
            self.is_due = true;
            return;
        }
        match self.outbox.next_due(except.clone()).await {
            Ok(due) => {
                self.left_out = except;
                self.is_due = false;
                self.backoff_next = BACKOFF_MIN;
                let pause = due.map_or(IDLE_MAX, |due| due.since((self.clock)()));
                // What is due and yet was not claimed must not make this loop spin.
                let pause = if pause.is_zero() { RECHECK } else { pause.min(IDLE_MAX) };
                self.wake_at = Instant::now() + pause;
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
        while self.tasks.len() < UNRECORDED_MAX
            && let Some((endpoint, claim)) = self.lanes.next(Instant::now())
        {
            let now = (self.clock)();
            if claim.lease_until < now.after(ATTEMPT_HARD_MAX) {
                // Too late to try under this lease; it is due again when the lease ends.
                let until = claim.lease_until;
                self.lanes.finished(endpoint, Ended::default(), Instant::now());
                self.wake_by(until, now);
                continue;
            }
            let task = carry(
                Arc::clone(&self.outbox),
                Arc::clone(&self.courier),
                Arc::clone(&self.clock),
                self.says.clone(),
                claim,
            );
            let id = self.tasks.spawn(task).id();
            self.attempting.insert(id, endpoint);
        }
    }

    fn attempt_ended(&mut self, task: Id, ended: Ended) {
        if let Some(endpoint) = self.attempting.remove(&task) {
            self.lanes.finished(endpoint, ended, Instant::now());
        }
    }

    fn task_ended(&mut self, task: Result<(Id, Option<Timestamp>), JoinError>) {
        let (id, due) = match task {
            Ok((id, due)) => (id, due),
            Err(fault) => {
                // Only the recording itself can get here; the lease brings the delivery back.
                error!(%fault, "attempt could not be recorded");
                (fault.id(), None)
            }
        };
        // Its word that it has ended may not have been read yet.
        self.attempt_ended(id, Ended::default());
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
        let ended = timeout(within, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            info!(attempts = self.tasks.len(), "attempts aborted; they are repeated after the next start");
            self.tasks.shutdown().await;
        }
        info!("dispatcher stopped");
    }
}

/// Makes an attempt, says that it has ended, and records it. Returns when the delivery is due again.
async fn carry<O: Outbox, C: Carry>(
    outbox: Arc<O>,
    courier: Arc<C>,
    clock: Clock,
    says: mpsc::Sender<(Id, Ended)>,
    claim: Claim,
) -> Option<Timestamp> {
    let started = clock();
    let guarded = AssertUnwindSafe(timeout(ATTEMPT_HARD_MAX, courier.attempt(&claim))).catch_unwind();
    let Made { attempt, next, ended } = match guarded.await {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => deliver::broken(&claim, started, clock(), "the attempt did not end"),
        Err(_) => deliver::broken(&claim, started, clock(), "the attempt failed inside wardbell; see the log"),
    };
    if let Some(id) = tokio::task::try_id() {
        // The dispatcher listens for as long as this task runs.
        let _ = says.send((id, ended)).await;
    }
    let result = told(&claim, &attempt, &next);
    metrics().attempts.get_or_create(&AttemptLabels { result }).inc();
    metrics().attempt_seconds.observe(attempt.phases.total.as_secs_f64());
    record(&*outbox, &clock, claim.delivery.id, attempt, next, claim.lease_until).await
}

/// Records an outcome, again and again until the lease ends.
async fn record<O: Outbox>(
    outbox: &O,
    clock: &Clock,
    id: DeliveryId,
    attempt: Attempt,
    next: Next,
    lease_until: Timestamp,
) -> Option<Timestamp> {
    let due = if let Next::RetryAt(due) | Next::RetryPlainAt(due) = next { Some(due) } else { None };
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
        Next::RetryAt(due) | Next::RetryPlainAt(due) => {
            info!(%delivery, %endpoint, number, error, %due, "attempt failed");
            "retry"
        }
        Next::Dead(reason) => {
            warn!(%delivery, %endpoint, number, error, reason, "delivery given up");
            "dead"
        }
        Next::Disable(reason) => {
            warn!(%delivery, %endpoint, number, error, reason, "endpoint switched off");
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
