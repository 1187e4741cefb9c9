//! The outbox against a model of it, with crashes between steps.
//!
//! A crash is what a kill leaves: the files as they are on disk, copied without closing anything, and a new start on the
//! copy. What was claimed or handed over and not finished is lost with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::mpsc;
use wardbell_core::alert::AlertKind;
use wardbell_core::id::{DeliveryId, ProjectId};
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;

use super::*;
use crate::endpoint::{Events, Pattern};
use crate::outbox::{AttemptPhases, DeliveryState};
use crate::seal::MASTER_KEY_BYTES;
use crate::suite::{activity_of, alert_of, endpoint_of, new_project, up_to};

const LEASE: Duration = Duration::from_secs(30);
const START: Timestamp = Timestamp::from_millis(1_900_000_000_000);

#[derive(Debug, Clone)]
enum Step {
    /// An alert that one endpoint wants, or both.
    Raise { both: bool },
    /// The dispatcher takes what was handed over.
    Take,
    /// The dispatcher claims so many.
    Claim(u32),
    /// An attempt at one of those in hand ends.
    Finish(usize, End),
    /// One of those in hand is given back for so long.
    Release(usize, u16),
    /// Time passes, in milliseconds.
    Pass(u32),
    /// The process is killed and started again.
    Crash,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Delivered,
    Dead,
    Retry(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        4 => Just(End::Delivered),
        1 => Just(End::Dead),
        3 => any::<u16>().prop_map(End::Retry),
    ];
    prop_oneof![
        6 => any::<bool>().prop_map(|both| Step::Raise { both }),
        3 => Just(Step::Take),
        3 => (1_u32..8).prop_map(Step::Claim),
        6 => (any::<usize>(), end).prop_map(|(which, end)| Step::Finish(which, end)),
        1 => (any::<usize>(), any::<u16>()).prop_map(|(which, pause)| Step::Release(which, pause)),
        2 => (0_u32..40_000).prop_map(Step::Pass),
        2 => Just(Step::Crash),
    ]
}

/// What the model knows of a delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    /// Due then.
    Pending(Timestamp),
    /// In somebody's hands until then.
    Claimed(Timestamp),
    Delivered,
    Dead,
}

struct World {
    folder: TempDir,
    store: Sqlite,
    feed: mpsc::Receiver<Claim>,
    project: ProjectId,
    now: Timestamp,
    known: BTreeMap<DeliveryId, Known>,
    hands: Vec<DeliveryId>,
}

fn open(folder: &TempDir) -> Sqlite {
    let sealer = Sealer::new(&Secret::new(vec![7; MASTER_KEY_BYTES])).unwrap();
    Sqlite::open(&folder.path().join("wardbell.db"), sealer).unwrap()
}

impl Known {
    /// When it can be claimed.
    fn due(self) -> Option<Timestamp> {
        match self {
            Self::Pending(due) | Self::Claimed(due) => Some(due),
            Self::Delivered | Self::Dead => None,
        }
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let project = new_project(&store).await;
        store.create_endpoint(endpoint_of(project), 5).await.unwrap();
        let mut picky = endpoint_of(project);
        picky.events = Events::Only(vec![Pattern::Kind(AlertKind::PiiRedacted)]);
        store.create_endpoint(picky, 5).await.unwrap();
        let feed = store.subscribe(LEASE, 3);
        Self { folder, store, feed, project, now: START, known: BTreeMap::new(), hands: Vec::new() }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Raise { both } => self.raise(both).await,
            Step::Take => self.take_handed(),
            Step::Claim(limit) => self.claim(limit).await,
            Step::Finish(which, end) => self.finish(which, end).await,
            Step::Release(which, pause) => {
                let Some(id) = self.pick(which) else { return };
                let due = self.now.after(Duration::from_millis(pause.into()));
                self.store.release(vec![(id, due)]).await.unwrap();
                // What has ended since, or is in nobody's hands, is not given back.
                if let Known::Claimed(_) = self.known[&id] {
                    self.known.insert(id, Known::Pending(due));
                }
            }
            Step::Pass(millis) => self.now = self.now.after(Duration::from_millis(millis.into())),
            Step::Crash => self.crash().await,
        }
    }

    async fn raise(&mut self, both: bool) {
        let row = activity_of(self.project);
        let mut alert = alert_of(&row, if both { AlertKind::PiiRedacted } else { AlertKind::PiiBlocked });
        alert.at = self.now;
        let room = self.feed.capacity();
        let made = self.store.record_alert(row, alert).await.unwrap().unwrap();
        assert_eq!(made.len(), if both { 2 } else { 1 });
        for (index, id) in made.into_iter().enumerate() {
            let known = if index < room { Known::Claimed(self.now.after(LEASE)) } else { Known::Pending(self.now) };
            assert_eq!(self.known.insert(id, known), None, "an id is new");
        }
    }

    fn take_handed(&mut self) {
        while let Ok(claim) = self.feed.try_recv() {
            self.hands.push(claim.delivery.id);
        }
    }

    async fn claim(&mut self, limit: u32) {
        let until = self.now.after(LEASE);
        let claims = self.store.claim(self.now, until, up_to(limit)).await.unwrap();
        let due = self.known.values().filter(|known| known.due().is_some_and(|due| due <= self.now)).count();
        assert_eq!(claims.len(), due.min(limit as usize), "all that is due is claimed, and nothing else");
        for claim in claims {
            let id = claim.delivery.id;
            assert!(self.known[&id].due().is_some_and(|due| due <= self.now));
            self.known.insert(id, Known::Claimed(until));
            self.hands.push(id);
        }
    }

    fn pick(&mut self, which: usize) -> Option<DeliveryId> {
        if self.hands.is_empty() { None } else { Some(self.hands.swap_remove(which % self.hands.len())) }
    }

    async fn finish(&mut self, which: usize, end: End) {
        let Some(id) = self.pick(which) else { return };
        let (next, known) = match end {
            End::Delivered => (Next::Delivered, Known::Delivered),
            End::Dead => (Next::Dead("no".to_owned()), Known::Dead),
            End::Retry(pause) => {
                let due = self.now.after(Duration::from_millis(pause.into()));
                (Next::RetryAt(due), Known::Pending(due))
            }
        };
        let attempt = Attempt {
            number: 1,
            at: self.now,
            status: None,
            error: None,
            phases: AttemptPhases::default(),
            excerpt: None,
        };
        // Somebody whose lease ran out may end an attempt at what another has ended since.
        let is_over = self.known[&id].due().is_none();
        let ended = self.store.finish_attempt(id, attempt, next).await;
        assert_eq!(ended.is_err(), is_over, "{ended:?}");
        if !is_over {
            self.known.insert(id, known);
        }
        // The endpoints' health raises alerts of its own, which the model does not follow.
        self.adopt().await;
    }

    /// Takes in the deliveries of alerts about endpoints.
    async fn adopt(&mut self) {
        let all = self.store.deliveries(self.project, DeliveryFilter::default(), everything()).await.unwrap().items;
        for delivery in all {
            if !self.known.contains_key(&delivery.id) {
                let known = delivery.next_at.map_or(Known::Claimed(self.now.after(LEASE)), Known::Pending);
                self.known.insert(delivery.id, known);
            }
        }
    }

    async fn crash(&mut self) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["wardbell.db", "wardbell.db-wal"] {
            let from = self.folder.path().join(name);
            if from.exists() {
                std::fs::copy(from, folder.path().join(name)).unwrap();
            }
        }
        let before = std::mem::replace(&mut self.store, open(&folder));
        before.close().await;
        self.folder = folder;
        self.feed = self.store.subscribe(LEASE, 3);
        self.hands.clear();
        let stored = self.stored().await;
        for (id, known) in &mut self.known {
            if known.due().is_some() {
                // A lease is void; a retry keeps its time.
                *known = Known::Pending(stored[id].1.expect("pending and in nobody's hands"));
            }
        }
    }

    async fn stored(&self) -> BTreeMap<DeliveryId, (DeliveryState, Option<Timestamp>)> {
        let all = self.store.deliveries(self.project, DeliveryFilter::default(), everything()).await.unwrap().items;
        all.into_iter().map(|delivery| (delivery.id, (delivery.state, delivery.next_at))).collect()
    }

    /// Every committed delivery is there, under its id, in the state that the model says.
    async fn check(&self) {
        let stored = self.stored().await;
        let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
            (self.known.keys().copied().collect(), stored.keys().copied().collect());
        assert_eq!(ours, theirs);
        for (id, known) in &self.known {
            let state = match known {
                Known::Pending(_) | Known::Claimed(_) => DeliveryState::Pending,
                Known::Delivered => DeliveryState::Delivered,
                Known::Dead => DeliveryState::Dead,
            };
            assert_eq!(stored[id].0, state);
        }
    }

    /// Given time, everything that is pending is claimed and can be ended.
    async fn drain(&mut self) {
        self.hands.clear();
        for _ in 0..100 {
            self.now = self.now.after(LEASE * 4);
            self.claim(1000).await;
            if self.hands.is_empty() {
                break;
            }
            while !self.hands.is_empty() {
                self.finish(0, End::Delivered).await;
            }
        }
        assert!(self.known.values().all(|known| known.due().is_none()));
        self.check().await;
    }
}

fn everything() -> PageQuery {
    PageQuery { cursor: None, limit: 100_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_whatever_happens_in_whatever_order(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.take(step).await;
                world.check().await;
            }
            world.crash().await;
            world.check().await;
            world.drain().await;
        });
    }
}
