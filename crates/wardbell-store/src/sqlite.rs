//! The embedded backend: one SQLite file in WAL mode, one writer thread, a few readers.

mod activity;
mod alert;
mod budget;
mod counts;
mod declared;
mod endpoint;
mod fold;
mod health;
mod key;
mod operator;
mod outbox;
mod project;
mod provider;
mod query;
mod reader;
mod replay;
mod retention;
mod route;
mod row;
mod schema;
mod silence;
mod snapshot;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{Notify, broadcast, mpsc};
use wardbell_core::activity::Activity;
use wardbell_core::alert::Alert;
use wardbell_core::budget::Scope;
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, KeyId, ProjectId, SilenceId};
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;

use crate::activity::{ActivityFilter, ActivityRow};
use crate::budget::{BudgetChange, BudgetStatus, Step, Stepped};
use crate::counts::{CountsOverTime, CountsQuery, LastUsed};
use crate::declared::{Declarations, Reconciled};
use crate::directory::Snapshot;
use crate::endpoint::{Endpoint, EndpointChange, SigningSecret};
use crate::error::{OpenError, StoreError};
use crate::happening::{HAPPENINGS_MAX, Happening};
use crate::key::{Key, KeyHash};
use crate::operator::{Session, SessionHash};
use crate::outbox::{
    AlertFilter, Attempt, Backlog, Claim, ClaimRoom, Delivery, DeliveryFilter, Expunge, Next, ReplayFilter, ReplayPlan,
    Replayed, Retention,
};
use crate::page::{Page, PageQuery};
use crate::project::{PolicyVersion, Project, ProjectChange};
use crate::provider::Provider;
use crate::seal::Sealer;
use crate::silence::Silence;
use crate::store::Store;
use activity::Present;
use outbox::{Feed, Made, Raiser};
use reader::Readers;
use route::Routes;
use writer::Writer;

/// The embedded backend.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    sealer: Arc<Sealer>,
    bell: Arc<Notify>,
    feed: Mutex<Option<Feed>>,
    routes: Arc<Routes>,
    happenings: broadcast::Sender<Happening>,
    /// Held for as long as the file is open; the system drops it with the process.
    _lock: File,
}

impl Sqlite {
    /// Opens or creates the database at `path` and brings its schema up to date. Deliveries that the process before had
    /// claimed are due again.
    ///
    /// # Errors
    /// When the file cannot be used, is held by another process, was written by a newer version, or was sealed under
    /// another master key. Nothing is changed then.
    pub fn open(path: &Path, sealer: Sealer) -> Result<Self, OpenError> {
        Self::open_locked(path, sealer, lock(path)?)
    }

    fn open_locked(path: &Path, sealer: Sealer, lock: File) -> Result<Self, OpenError> {
        let connection = schema::connect(path)?;
        schema::migrate(&connection, path)?;
        schema::check_master_key(&connection, &sealer, path)?;
        outbox::void_leases(&connection).map_err(|source| prepare(path, source))?;
        let readers = Readers::open(path)?;
        let sealer = Arc::new(sealer);
        let routes = Arc::new(Routes::default());
        let undone = Arc::clone(&routes);
        Ok(Self {
            writer: Writer::start(connection, move || undone.forget()).map_err(|error| unusable(path, &error))?,
            readers,
            sealer,
            bell: Arc::new(Notify::new()),
            feed: Mutex::new(None),
            routes,
            happenings: broadcast::Sender::new(HAPPENINGS_MAX),
            _lock: lock,
        })
    }

    async fn write<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Sealer) -> Result<T, StoreError> + Send + 'static,
    {
        let sealer = Arc::clone(&self.sealer);
        self.writer.run(move |connection| run(connection, &sealer)).await
    }

    /// Writes what may change who is told.
    async fn write_settings<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Sealer) -> Result<T, StoreError> + Send + 'static,
    {
        let routes = Arc::clone(&self.routes);
        self.write(move |connection, sealer| {
            routes.forget();
            run(connection, sealer)
        })
        .await
    }

    /// Writes what may make deliveries, and hands them over after the commit, even if the caller has left.
    async fn write_deliveries<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Raiser<'_>) -> Result<(T, Made), StoreError> + Send + 'static,
    {
        let sealer = Arc::clone(&self.sealer);
        let bell = Arc::clone(&self.bell);
        let feed = self.feed.lock().ok().and_then(|feed| feed.clone());
        let routes = Arc::clone(&self.routes);
        let happenings = self.happenings.clone();
        let is_watched = happenings.receiver_count() > 0;
        let run = move |connection: &Connection| {
            run(connection, &Raiser { sealer: &sealer, feed: feed.as_ref(), routes: &routes, is_watched })
        };
        let then = move |(value, mut made): (T, Made)| {
            for happening in std::mem::take(&mut made.happenings) {
                // Whoever looked on may have left.
                let _ = happenings.send(happening);
            }
            if made.hand_over() {
                bell.notify_one();
            }
            value
        };
        self.writer.run_then(run, then).await
    }

    async fn read<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Sealer) -> Result<T, StoreError> + Send + 'static,
    {
        let sealer = Arc::clone(&self.sealer);
        self.readers.run(move |connection| run(connection, &sealer)).await
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn create_project(&self, project: Project) -> Result<(), StoreError> {
        self.write(move |c, _| project::create(c, &project)).await
    }

    async fn projects(&self) -> Result<Vec<Project>, StoreError> {
        self.read(|c, _| project::all(c)).await
    }

    async fn update_project(
        &self,
        id: ProjectId,
        change: ProjectChange,
        now: Timestamp,
    ) -> Result<Project, StoreError> {
        self.write(move |c, _| project::update(c, id, change, now)).await
    }

    async fn delete_project(&self, id: ProjectId, now: Timestamp) -> Result<(), StoreError> {
        self.write_settings(move |c, _| project::delete(c, id, now)).await
    }

    async fn policies(
        &self,
        project: ProjectId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<PolicyVersion>, StoreError> {
        self.read(move |c, _| project::policies(c, project, before, limit)).await
    }

    async fn create_key(&self, key: Key, hash: KeyHash) -> Result<(), StoreError> {
        self.write(move |c, _| key::create(c, &key, hash)).await
    }

    async fn keys(&self, project: ProjectId) -> Result<Vec<Key>, StoreError> {
        self.read(move |c, _| key::of_project(c, project)).await
    }

    async fn keys_last_used(&self, project: ProjectId) -> Result<Vec<LastUsed>, StoreError> {
        self.read(move |c, _| counts::keys_last_used(c, project)).await
    }

    async fn delete_key(&self, project: ProjectId, id: KeyId) -> Result<(), StoreError> {
        self.write(move |c, _| key::delete(c, project, id)).await
    }

    async fn put_provider(&self, project: ProjectId, provider: Provider, keep_key: bool) -> Result<(), StoreError> {
        self.write(move |c, sealer| provider::put(c, sealer, project, &provider, keep_key)).await
    }

    async fn providers(&self, project: ProjectId) -> Result<Vec<Provider>, StoreError> {
        self.read(move |c, sealer| provider::of_project(c, sealer, project)).await
    }

    async fn delete_provider(&self, project: ProjectId, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c, _| provider::delete(c, project, &name)).await
    }

    async fn create_endpoint(&self, endpoint: Endpoint, max: u32) -> Result<(), StoreError> {
        self.write_settings(move |c, sealer| endpoint::create(c, sealer, &endpoint, max)).await
    }

    async fn endpoints(&self, project: ProjectId) -> Result<Vec<Endpoint>, StoreError> {
        self.read(move |c, sealer| endpoint::of_project(c, sealer, project)).await
    }

    async fn endpoint(&self, project: ProjectId, id: EndpointId) -> Result<Endpoint, StoreError> {
        self.read(move |c, sealer| endpoint::one(c, sealer, project, id)).await
    }

    async fn update_endpoint(
        &self,
        project: ProjectId,
        id: EndpointId,
        change: EndpointChange,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError> {
        self.write_settings(move |c, sealer| endpoint::update(c, sealer, project, id, change, now)).await
    }

    async fn delete_endpoint(&self, project: ProjectId, id: EndpointId, now: Timestamp) -> Result<(), StoreError> {
        self.write_settings(move |c, sealer| endpoint::delete(c, sealer, project, id, now)).await
    }

    async fn rotate_secret(
        &self,
        project: ProjectId,
        id: EndpointId,
        secrets: Vec<SigningSecret>,
        old_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write_settings(move |c, sealer| endpoint::rotate(c, sealer, project, id, &secrets, old_until, now)).await
    }

    async fn reconcile(&self, declared: Declarations, now: Timestamp) -> Result<Reconciled, StoreError> {
        self.write_settings(move |c, sealer| declared::reconcile(c, sealer, &declared, now)).await
    }

    async fn create_silence(&self, silence: Silence) -> Result<(), StoreError> {
        self.write_settings(move |c, _| silence::create(c, &silence)).await
    }

    async fn silences(&self, project: ProjectId) -> Result<Vec<Silence>, StoreError> {
        self.read(move |c, _| {
            project::require(c, project)?;
            silence::of_project(c, project)
        })
        .await
    }

    async fn delete_silence(&self, project: ProjectId, id: SilenceId, now: Timestamp) -> Result<(), StoreError> {
        self.write_settings(move |c, _| silence::delete(c, project, id, now)).await?;
        self.bell.notify_one();
        Ok(())
    }

    async fn change_budget(
        &self,
        project: ProjectId,
        scope: Scope,
        change: BudgetChange,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(move |c, _| budget::change(c, project, scope, change, now)).await
    }

    async fn budget(
        &self,
        project: ProjectId,
        scope: Scope,
        now: Timestamp,
    ) -> Result<Option<BudgetStatus>, StoreError> {
        self.read(move |c, _| {
            project::require(c, project)?;
            budget::status(c, project, scope, now)
        })
        .await
    }

    async fn budgets(
        &self,
        project: ProjectId,
        page: PageQuery,
        now: Timestamp,
    ) -> Result<Page<(Scope, BudgetStatus)>, StoreError> {
        self.read(move |c, _| budget::page(c, project, &page, now)).await
    }

    async fn remove_budget(&self, project: ProjectId, scope: Scope) -> Result<(), StoreError> {
        self.write(move |c, _| budget::remove(c, project, scope)).await
    }

    async fn step(&self, step: Step) -> Result<Stepped, StoreError> {
        self.write_deliveries(move |c, raiser| budget::step(c, raiser, &step)).await
    }

    async fn release_leases(&self, project: ProjectId, renewed_before: Timestamp) -> Result<Usd, StoreError> {
        self.write(move |c, _| budget::release(c, project, renewed_before)).await
    }

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.read(snapshot::read).await
    }

    async fn record(&self, rows: Vec<Activity>) -> Result<(), StoreError> {
        let happenings = self.happenings.clone();
        let run = move |c: &Connection| {
            rows.iter().try_for_each(|row| activity::put(c, row, Present::Replace))?;
            counts::add(c, &rows)?;
            Ok(rows)
        };
        let then = move |rows: Vec<Activity>| {
            if happenings.receiver_count() > 0 {
                for row in &rows {
                    // Whoever looked on may have left.
                    let _ = happenings.send(Happening::Request(row.into()));
                }
            }
        };
        self.writer.run_then(run, then).await
    }

    async fn record_alert(&self, row: Activity, alert: Alert) -> Result<Option<Vec<DeliveryId>>, StoreError> {
        self.write_deliveries(move |c, raiser| {
            activity::put(c, &row, Present::Keep)?;
            let made = outbox::raise(c, raiser, &alert)?;
            Ok((made.as_ref().map(|made| made.deliveries.clone()), made.unwrap_or_default()))
        })
        .await
    }

    async fn activity(
        &self,
        project: ProjectId,
        filter: ActivityFilter,
        page: PageQuery,
    ) -> Result<Page<ActivityRow>, StoreError> {
        self.read(move |c, _| activity::page(c, project, filter, &page)).await
    }

    async fn counts(&self, query: CountsQuery) -> Result<CountsOverTime, StoreError> {
        self.read(move |c, _| counts::over_time(c, &query)).await
    }

    fn happenings(&self) -> broadcast::Receiver<Happening> {
        self.happenings.subscribe()
    }

    async fn operator_password(&self) -> Result<Option<String>, StoreError> {
        self.read(|c, _| operator::password(c)).await
    }

    async fn set_up_operator(&self, password: String, now: Timestamp) -> Result<bool, StoreError> {
        self.write(move |c, _| operator::set_up(c, &password, now)).await
    }

    async fn set_operator_password(&self, password: String, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |c, _| operator::set_password(c, &password, now)).await
    }

    async fn open_session(&self, session: Session) -> Result<(), StoreError> {
        self.write(move |c, _| operator::open(c, &session)).await
    }

    async fn session(&self, hash: SessionHash, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.read(move |c, _| operator::session(c, &hash, now)).await
    }

    async fn session_count(&self, now: Timestamp) -> Result<u32, StoreError> {
        self.read(move |c, _| operator::count(c, now)).await
    }

    async fn end_session(&self, hash: SessionHash) -> Result<(), StoreError> {
        self.write(move |c, _| operator::end(c, &hash)).await
    }

    async fn end_sessions(&self) -> Result<(), StoreError> {
        self.write(|c, _| operator::end_all(c)).await
    }

    async fn alerts(
        &self,
        project: ProjectId,
        filter: AlertFilter,
        page: PageQuery,
    ) -> Result<Page<Alert>, StoreError> {
        self.read(move |c, sealer| alert::page(c, sealer, project, filter, &page)).await
    }

    async fn alert(&self, project: ProjectId, id: AlertId) -> Result<Alert, StoreError> {
        self.read(move |c, sealer| alert::one(c, sealer, project, id)).await
    }

    async fn deliveries(
        &self,
        project: ProjectId,
        filter: DeliveryFilter,
        page: PageQuery,
    ) -> Result<Page<Delivery>, StoreError> {
        self.read(move |c, _| outbox::deliveries(c, project, filter, &page)).await
    }

    async fn delivery(&self, project: ProjectId, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), StoreError> {
        self.read(move |c, _| outbox::delivery(c, project, id)).await
    }

    async fn replay(&self, project: ProjectId, id: DeliveryId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |c, _| replay::one(c, project, id, now)).await?;
        self.bell.notify_one();
        Ok(())
    }

    async fn replay_many(
        &self,
        project: ProjectId,
        filter: ReplayFilter,
        plan: ReplayPlan,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        let replayed = self.write(move |c, sealer| replay::many(c, sealer, project, filter, plan, now)).await?;
        self.bell.notify_one();
        Ok(replayed)
    }

    async fn expunge(&self, project: ProjectId, what: Expunge, now: Timestamp) -> Result<u32, StoreError> {
        self.write(move |c, sealer| retention::expunge(c, sealer, project, what, now)).await
    }

    async fn prune(&self, retention: Retention, limit: u32) -> Result<u32, StoreError> {
        self.write(move |c, _| retention::prune(c, retention, limit)).await
    }

    fn subscribe(&self, lease: Duration, room: usize) -> mpsc::Receiver<Claim> {
        let (claims, receiver) = mpsc::channel(room);
        if let Ok(mut feed) = self.feed.lock() {
            *feed = Some(Feed { claims, lease });
        }
        receiver
    }

    async fn claim(&self, now: Timestamp, lease_until: Timestamp, room: ClaimRoom) -> Result<Vec<Claim>, StoreError> {
        self.write(move |c, sealer| outbox::claim(c, sealer, now, lease_until, &room)).await
    }

    async fn next_due(&self, except: Vec<EndpointId>) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |c, _| outbox::next_due(c, &except)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.read(|c, _| outbox::backlog(c)).await
    }

    async fn release(&self, claims: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError> {
        self.write(move |c, _| outbox::release(c, &claims)).await
    }

    async fn finish_attempt(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError> {
        self.write_deliveries(move |c, raiser| {
            let mut made = outbox::finish(c, raiser, id, &attempt, &next)?;
            if raiser.is_watched {
                made.happenings.push(Happening::Delivery(outbox::by_id(c, id)?));
            }
            Ok(((), made))
        })
        .await
    }

    fn outbox_bell(&self) -> &Notify {
        &self.bell
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

/// Takes the lock file beside the database, so that a second process is refused instead of half served.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::create(PathBuf::from(name)).map_err(|error| unusable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.display().to_string() }),
        Err(std::fs::TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Unusable { path: path.display().to_string(), reason: error.to_string() }
}

fn prepare(path: &Path, source: StoreError) -> OpenError {
    OpenError::Prepare { path: path.display().to_string(), source }
}

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
