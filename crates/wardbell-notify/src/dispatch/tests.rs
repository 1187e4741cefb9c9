//! The dispatcher on a paused clock, with an outbox in memory and a courier that does as it is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use wardbell_core::alert::{Alert, AlertData, AlertKind, Severity, Source, TestData};
use wardbell_core::id::{AlertId, ProjectId};
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{
    Endpoint, Events, Format, Health, Options, RetryProfile, SignatureProfile, SigningSecret,
};
use wardbell_store::outbox::{AttemptPhases, Delivery, DeliveryState};

use super::*;

const BASE: Timestamp = Timestamp::from_millis(1_764_000_000_000);

/// What the courier does with an endpoint's deliveries.
#[derive(Debug, Clone, Copy)]
enum Does {
    Deliver(Duration),
    RetryOnce(Duration),
    Panic,
    Hang,
}

struct Row {
    claim: Claim,
    due: Option<Timestamp>,
    tried: Vec<(Attempt, Next)>,
}

#[derive(Default)]
struct Shared {
    rows: Mutex<Vec<Row>>,
    bell: Notify,
    claims: AtomicU32,
    claims_to_fail: AtomicU32,
    finishes_to_fail: AtomicU32,
    is_stuck: std::sync::atomic::AtomicBool,
    started: Mutex<Vec<(DeliveryId, Instant)>>,
    plans: Mutex<HashMap<EndpointId, Does>>,
}

impl Shared {
    fn fails(counter: &AtomicU32) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    fn plan(&self, seed: u8, does: Does) -> EndpointId {
        let id = EndpointId::mint(BASE, [seed; 10]);
        self.plans.lock().unwrap().insert(id, does);
        id
    }

    fn add(&self, endpoint: EndpointId, due: Timestamp) -> DeliveryId {
        let mut rows = self.rows.lock().unwrap();
        // The last bytes, because a UUID keeps its version and variant in the first.
        let entropy =
            std::array::from_fn(|index| rows.len().to_be_bytes().get(index.wrapping_sub(2)).copied().unwrap_or(0));
        let project = ProjectId::mint(BASE, [0; 10]);
        let alert = Alert {
            id: AlertId::mint(BASE, entropy),
            project,
            request_id: "req_1".to_owned(),
            at: BASE,
            kind: AlertKind::WebhookTest,
            data: AlertData::Test(TestData { test: true }),
            source: Source::default(),
            preview: None,
            is_test: false,
        };
        let delivery = Delivery {
            id: DeliveryId::mint(BASE, entropy),
            alert: alert.id,
            endpoint,
            project,
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: Some(due),
            reason: None,
            fold: None,
            replays: 0,
            is_plain: false,
            created_at: BASE,
            finished_at: None,
        };
        let endpoint = Endpoint {
            id: endpoint,
            project,
            url: Secret::new("https://example.com/".to_owned()),
            format: Format::Json,
            events: Events::All,
            severity_min: Severity::Low,
            signature: SignatureProfile::Standard,
            retry: RetryProfile::Aisg,
            enabled: true,
            secrets: vec![SigningSecret::generate()],
            created_at: BASE,
            options: Options::default(),
            health: Health::new(BASE),
            declared: None,
            is_secret_declared: false,
        };
        let id = delivery.id;
        rows.push(Row {
            claim: Claim { delivery, alert, endpoint, lease_until: BASE },
            due: Some(due),
            tried: Vec::new(),
        });
        id
    }

    fn tried(&self, id: DeliveryId) -> Vec<Next> {
        let rows = self.rows.lock().unwrap();
        rows.iter().filter(|row| row.claim.delivery.id == id).flat_map(|row| &row.tried).map(|t| t.1.clone()).collect()
    }

    fn attempt(&self, id: DeliveryId) -> Attempt {
        let rows = self.rows.lock().unwrap();
        rows.iter().find(|row| row.claim.delivery.id == id).unwrap().tried.first().unwrap().0.clone()
    }

    fn delivered(&self) -> usize {
        let rows = self.rows.lock().unwrap();
        rows.iter().filter(|row| row.tried.iter().any(|tried| tried.1 == Next::Delivered)).count()
    }

    fn starts(&self, id: DeliveryId) -> Vec<Instant> {
        let started = self.started.lock().unwrap();
        started.iter().filter(|(delivery, _)| *delivery == id).map(|(_, at)| *at).collect()
    }
}

fn down() -> StoreError {
    StoreError::Database("down".into())
}

impl Outbox for Arc<Shared> {
    async fn claim(&self, now: Timestamp, lease_until: Timestamp, room: ClaimRoom) -> Result<Vec<Claim>, StoreError> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        if Shared::fails(&self.claims_to_fail) {
            return Err(down());
        }
        if self.is_stuck.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        let mut rows = self.rows.lock().unwrap();
        let mut taken: HashMap<EndpointId, u32> = HashMap::new();
        let due = rows.iter_mut().filter(|row| row.due.is_some_and(|due| due <= now));
        let due = due.filter(|row| !room.except.contains(&row.claim.endpoint.id));
        let due = due.filter(|row| {
            let of = taken.entry(row.claim.endpoint.id).or_default();
            *of += 1;
            *of <= room.per_endpoint
        });
        Ok(due
            .take(room.total as usize)
            .map(|row| {
                row.due = Some(lease_until);
                row.claim.lease_until = lease_until;
                row.claim.clone()
            })
            .collect())
    }

    async fn next_due(&self, except: Vec<EndpointId>) -> Result<Option<Timestamp>, StoreError> {
        if self.is_stuck.load(Ordering::SeqCst) {
            return Ok(Some(BASE.before(Duration::from_secs(1))));
        }
        let rows = self.rows.lock().unwrap();
        Ok(rows.iter().filter(|row| !except.contains(&row.claim.endpoint.id)).filter_map(|row| row.due).min())
    }

    async fn release(&self, claims: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().unwrap();
        for (id, due) in claims {
            rows.iter_mut().find(|row| row.claim.delivery.id == id).unwrap().due = Some(due);
        }
        Ok(())
    }

    async fn finish(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError> {
        if Shared::fails(&self.finishes_to_fail) {
            return Err(down());
        }
        let mut rows = self.rows.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.claim.delivery.id == id).ok_or(StoreError::NotFound("delivery"))?;
        row.due = if let Next::RetryAt(due) = next { Some(due) } else { None };
        row.claim.delivery.attempts += 1;
        row.tried.push((attempt, next));
        Ok(())
    }

    fn bell(&self) -> &Notify {
        &self.bell
    }
}

struct FakeCourier(Arc<Shared>, Clock);

impl Carry for FakeCourier {
    async fn attempt(&self, claim: &Claim) -> Made {
        let at = (self.1)();
        self.0.started.lock().unwrap().push((claim.delivery.id, Instant::now()));
        let does = self.0.plans.lock().unwrap().get(&claim.endpoint.id).copied().unwrap();
        let number = claim.delivery.attempts + 1;
        let next = match does {
            Does::Deliver(after) => {
                sleep(after).await;
                Next::Delivered
            }
            Does::RetryOnce(_) if number > 1 => Next::Delivered,
            Does::RetryOnce(pause) => Next::RetryAt(at.after(pause)),
            Does::Panic => panic!("told to"),
            Does::Hang => std::future::pending().await,
        };
        let attempt =
            Attempt { number, at, status: None, error: None, phases: AttemptPhases::default(), excerpt: None };
        Made { attempt, next, ended: Ended::default() }
    }
}

struct Running {
    shared: Arc<Shared>,
    feed: mpsc::Sender<Claim>,
    task: JoinSet<()>,
    stop: oneshot::Sender<Duration>,
}

impl Running {
    fn start(shared: Arc<Shared>) -> Self {
        let zero = Instant::now();
        Self::start_with(shared, Arc::new(move || BASE.after(zero.elapsed())))
    }

    fn start_with(shared: Arc<Shared>, clock: Clock) -> Self {
        let courier = FakeCourier(Arc::clone(&shared), Arc::clone(&clock));
        let (feed, claims) = mpsc::channel(HANDED_MAX);
        let dispatcher = Dispatcher::new(Arc::clone(&shared), courier, clock, claims);
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(dispatcher.run(stopped));
        Self { shared, feed, task, stop }
    }

    /// Hands a delivery over as the store does after a commit: claimed already.
    async fn hand_over(&self, endpoint: EndpointId, now: Timestamp) -> DeliveryId {
        let id = self.shared.add(endpoint, now.after(LEASE));
        let mut claim = {
            let rows = self.shared.rows.lock().unwrap();
            rows.iter().find(|row| row.claim.delivery.id == id).unwrap().claim.clone()
        };
        claim.lease_until = now.after(LEASE);
        self.feed.send(claim).await.unwrap();
        id
    }

    async fn stop(mut self, within: Duration) {
        self.stop.send(within).unwrap();
        self.task.join_next().await.unwrap().unwrap();
    }
}

/// Lets every other task do what it can at this instant, and then time pass.
async fn pass(time: Duration) {
    sleep(time).await;
}

const MOMENT: Duration = Duration::from_millis(5);
const INSTANT: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn after_the_bell_nothing_waits_for_a_timer() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(INSTANT));
    let running = Running::start(Arc::clone(&shared));
    pass(Duration::from_millis(12_345)).await;
    let rung_at = Instant::now();
    let id = shared.add(endpoint, BASE.after(Duration::from_millis(12_345)));
    shared.bell.notify_one();
    pass(MOMENT).await;
    assert_eq!(shared.starts(id), [rung_at]);
    assert_eq!(shared.tried(id), [Next::Delivered]);
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_over_goes_out_at_once_and_without_a_claim() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(INSTANT));
    let running = Running::start(Arc::clone(&shared));
    pass(Duration::from_millis(100)).await;
    let (claims, at) = (shared.claims.load(Ordering::SeqCst), Instant::now());
    let id = running.hand_over(endpoint, BASE.after(Duration::from_millis(100))).await;
    pass(MOMENT).await;
    assert_eq!(shared.starts(id), [at]);
    assert_eq!(shared.tried(id), [Next::Delivered]);
    assert_eq!(shared.claims.load(Ordering::SeqCst), claims);
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_endpoints_lane_cannot_take_is_given_back_and_delivered_once_it_is_back() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Hang);
    let running = Running::start(Arc::clone(&shared));
    for number in 0..200 {
        running.hand_over(endpoint, BASE.after(Duration::from_millis(number * 20))).await;
        pass(Duration::from_millis(20)).await;
    }
    let waiting = shared.rows.lock().unwrap().iter().filter(|row| row.due.is_some()).count();
    assert_eq!(waiting, 200);
    shared.plan(1, Does::Deliver(MOMENT));
    pass(LEASE * 2).await;
    assert_eq!(shared.delivered(), 200);
    running.stop(INSTANT).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_pending_at_the_start_goes_out_without_a_bell() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(INSTANT));
    let id = shared.add(endpoint, BASE);
    let running = Running::start(Arc::clone(&shared));
    pass(MOMENT).await;
    assert_eq!(shared.tried(id), [Next::Delivered]);
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_goes_out_when_it_is_due() {
    let shared = Arc::new(Shared::default());
    let pause = Duration::from_secs(7);
    let endpoint = shared.plan(1, Does::RetryOnce(pause));
    let id = shared.add(endpoint, BASE);
    let running = Running::start(Arc::clone(&shared));
    pass(pause + MOMENT).await;
    let starts = shared.starts(id);
    assert_eq!(starts.len(), 2);
    let waited = *starts.get(1).unwrap() - *starts.first().unwrap();
    assert!(waited >= pause && waited < pause + MOMENT, "{waited:?}");
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_attempt_that_failed_and_others_go_on() {
    let shared = Arc::new(Shared::default());
    let (bad, good) = (shared.plan(1, Does::Panic), shared.plan(2, Does::Deliver(INSTANT)));
    let (broken, fine) = (shared.add(bad, BASE), shared.add(good, BASE));
    let running = Running::start(Arc::clone(&shared));
    pass(MOMENT).await;
    assert_eq!(shared.tried(fine), [Next::Delivered]);
    assert!(matches!(shared.tried(broken).as_slice(), [Next::RetryAt(_)]));
    let attempt = shared.attempt(broken);
    assert_eq!((attempt.number, attempt.status), (1, None));
    assert!(attempt.error.unwrap().contains("inside wardbell"));
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_never_ends_is_ended() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Hang);
    let id = shared.add(endpoint, BASE);
    let running = Running::start(Arc::clone(&shared));
    pass(ATTEMPT_HARD_MAX.saturating_sub(MOMENT)).await;
    assert!(shared.tried(id).is_empty());
    pass(MOMENT * 2).await;
    assert!(matches!(shared.tried(id).as_slice(), [Next::RetryAt(_)]));
    running.stop(INSTANT).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_endpoint_with_a_backlog_does_not_delay_another() {
    let shared = Arc::new(Shared::default());
    let (dead, alive) = (shared.plan(1, Does::Hang), shared.plan(2, Does::Deliver(MOMENT)));
    for _ in 0..2000 {
        shared.add(dead, BASE);
    }
    let running = Running::start(Arc::clone(&shared));
    // Until the lane is known to be slow, one more second; after that not at all.
    pass(Duration::from_secs(3)).await;
    for _ in 0..5 {
        let rung_at = Instant::now();
        let id = shared.add(alive, BASE);
        shared.bell.notify_one();
        pass(MOMENT * 2).await;
        assert_eq!(shared.starts(id), [rung_at]);
    }
    running.stop(INSTANT).await;
}

#[tokio::test(start_paused = true)]
async fn one_bell_is_enough_for_more_than_one_claim() {
    let shared = Arc::new(Shared::default());
    let (dead, alive) = (shared.plan(1, Does::Hang), shared.plan(2, Does::Deliver(INSTANT)));
    let running = Running::start(Arc::clone(&shared));
    pass(MOMENT).await;
    for _ in 0..3 * usize::try_from(CLAIM_MAX).unwrap() {
        shared.add(dead, BASE);
    }
    let last = shared.add(alive, BASE);
    let rung_at = Instant::now();
    shared.bell.notify_one();
    pass(MOMENT * 2).await;
    let [started] = shared.starts(last)[..] else { panic!("the last of four claims waits") };
    assert!(started - rung_at < MOMENT);
    running.stop(INSTANT).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_for_one_endpoint_is_all_delivered_within_its_lane() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(MOMENT));
    for _ in 0..3000 {
        shared.add(endpoint, BASE);
    }
    let running = Running::start(Arc::clone(&shared));
    // 3000 deliveries of 5 ms, 16 at a time, take 1 s; paused timers round each up by a millisecond.
    pass(Duration::from_millis(2500)).await;
    assert_eq!(shared.delivered(), 3000);
    assert_eq!(shared.started.lock().unwrap().len(), 3000, "each once");
    running.stop(INSTANT).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_lane_let_go_is_delivered_once_its_endpoint_recovers() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Hang);
    for _ in 0..500 {
        shared.add(endpoint, BASE);
    }
    let running = Running::start(Arc::clone(&shared));
    pass(Duration::from_secs(5)).await;
    shared.plan(1, Does::Deliver(MOMENT));
    pass(LEASE * 3).await;
    assert_eq!(shared.delivered(), 500);
    running.stop(INSTANT).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_asked_ever_more_rarely_and_nothing_is_lost() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(INSTANT));
    let id = shared.add(endpoint, BASE);
    shared.claims_to_fail.store(10, Ordering::SeqCst);
    let running = Running::start(Arc::clone(&shared));
    for _ in 0..1000 {
        shared.bell.notify_one();
        pass(Duration::from_millis(1)).await;
    }
    let claims = shared.claims.load(Ordering::SeqCst);
    assert!((3..=5).contains(&claims), "100, 200, 400 ms: {claims}, however often the bell rings");
    pass(Duration::from_mins(1)).await;
    assert_eq!(shared.tried(id), [Next::Delivered]);
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_recorded_is_recorded_later_without_another_send() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(INSTANT));
    let id = shared.add(endpoint, BASE);
    shared.finishes_to_fail.store(4, Ordering::SeqCst);
    let running = Running::start(Arc::clone(&shared));
    pass(Duration::from_secs(10)).await;
    assert_eq!(shared.tried(id), [Next::Delivered]);
    assert_eq!(shared.starts(id).len(), 1);
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_is_never_recorded_is_sent_again_after_the_lease() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::Deliver(INSTANT));
    let id = shared.add(endpoint, BASE);
    shared.finishes_to_fail.store(12, Ordering::SeqCst);
    let running = Running::start(Arc::clone(&shared));
    pass(LEASE * 3).await;
    assert_eq!(shared.tried(id), [Next::Delivered]);
    assert_eq!(shared.starts(id).len(), 2);
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_says_due_and_gives_nothing_does_not_make_it_spin() {
    let shared = Arc::new(Shared::default());
    shared.is_stuck.store(true, Ordering::SeqCst);
    let running = Running::start(Arc::clone(&shared));
    pass(Duration::from_secs(10)).await;
    let claims = shared.claims.load(Ordering::SeqCst);
    assert!(claims <= 42, "{claims} claims in ten seconds");
    running.stop(MOMENT).await;
}

#[tokio::test(start_paused = true)]
async fn stop_lets_attempts_end_starts_none_and_aborts_what_takes_too_long() {
    let shared = Arc::new(Shared::default());
    let (slow, stuck) = (shared.plan(1, Does::Deliver(Duration::from_secs(2))), shared.plan(2, Does::Hang));
    let mine: Vec<_> = (0..20).map(|_| shared.add(slow, BASE)).collect();
    let hung = shared.add(stuck, BASE);
    let running = Running::start(Arc::clone(&shared));
    pass(MOMENT).await;
    let asked_at = Instant::now();
    running.stop(Duration::from_secs(3)).await;
    let took = asked_at.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(3) + MOMENT, "{took:?}");
    assert_eq!(shared.delivered(), crate::lanes::WIDE);
    assert!(mine.iter().all(|id| shared.starts(*id).len() <= 1));
    assert!(shared.tried(hung).is_empty());
    assert_eq!(shared.started.lock().unwrap().len(), crate::lanes::WIDE + 1);
}

#[tokio::test(start_paused = true)]
async fn stop_with_nothing_under_way_returns_at_once() {
    let running = Running::start(Arc::new(Shared::default()));
    pass(MOMENT).await;
    let asked_at = Instant::now();
    let shared = Arc::clone(&running.shared);
    running.stop(Duration::from_mins(1)).await;
    assert!(asked_at.elapsed() < MOMENT);
    assert_eq!(shared.delivered(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_never_takes_time_back() {
    let wall = Arc::new(Mutex::new(BASE));
    let set = Arc::clone(&wall);
    let clock = steady(move || *wall.lock().unwrap());
    let hour = Duration::from_hours(1);
    pass(Duration::from_secs(1)).await;
    assert_eq!(clock(), BASE.after(Duration::from_secs(1)), "a wall clock that stands still is overtaken");
    *set.lock().unwrap() = BASE.before(hour);
    pass(Duration::from_secs(1)).await;
    assert_eq!(clock(), BASE.after(Duration::from_secs(2)));
    *set.lock().unwrap() = BASE.after(hour);
    assert_eq!(clock(), BASE.after(hour), "forward it is followed");
    *set.lock().unwrap() = BASE;
    pass(Duration::from_secs(1)).await;
    assert_eq!(clock(), BASE.after(hour + Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_retry_keeps_its_pause_when_the_wall_clock_is_set_back_by_a_day() {
    let shared = Arc::new(Shared::default());
    let endpoint = shared.plan(1, Does::RetryOnce(Duration::from_secs(5)));
    let id = shared.add(endpoint, BASE);
    let zero = Instant::now();
    let back = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_back = Arc::clone(&back);
    let clock = steady(move || {
        let wall = BASE.after(zero.elapsed());
        if is_back.load(Ordering::SeqCst) { wall.before(Duration::from_hours(24)) } else { wall }
    });
    let running = Running::start_with(Arc::clone(&shared), clock);
    pass(MOMENT).await;
    back.store(true, Ordering::SeqCst);
    pass(Duration::from_secs(6)).await;
    assert_eq!(shared.tried(id).last(), Some(&Next::Delivered));
    let [first, second] = shared.starts(id)[..] else { panic!("two attempts") };
    assert!(second - first >= Duration::from_secs(5));
    running.stop(MOMENT).await;
}

/// The 99th percentile of the time from hand-over to start, of a hundred endpoints that answer within 5 ms and get an
/// alert every 20 ms each in turn, beside `plans` of others that get as many.
async fn p99_beside(others: &[Does]) -> Duration {
    let shared = Arc::new(Shared::default());
    let good: Vec<_> = (0..100).map(|seed| shared.plan(seed, Does::Deliver(MOMENT))).collect();
    let bad: Vec<_> = (200_u8..).zip(others).map(|(seed, does)| shared.plan(seed, *does)).collect();
    let zero = Instant::now();
    let running = Running::start(Arc::clone(&shared));
    pass(MOMENT).await;
    let mut handed = Vec::new();
    for _ in 0..30 {
        for endpoint in &good {
            let id = running.hand_over(*endpoint, BASE.after(zero.elapsed())).await;
            handed.push((id, Instant::now()));
            for endpoint in &bad {
                running.hand_over(*endpoint, BASE.after(zero.elapsed())).await;
            }
            pass(Duration::from_millis(20)).await;
        }
    }
    pass(Duration::from_secs(1)).await;
    let started: HashMap<_, _> = shared.started.lock().unwrap().iter().copied().collect();
    let mut waits: Vec<_> = handed.iter().map(|(id, at)| started[id] - *at).collect();
    waits.sort_unstable();
    running.stop(INSTANT).await;
    waits[waits.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn a_dead_and_a_dripping_endpoint_among_a_hundred_change_nothing_for_the_others() {
    // On a paused clock every millisecond counts and none is noise.
    let alone = p99_beside(&[]).await;
    let beside = p99_beside(&[Does::Hang, Does::Deliver(Duration::from_secs(9))]).await;
    assert!(beside <= alone.mul_f64(1.1), "{alone:?} alone, {beside:?} beside them");
}
