//! What a storage backend can do. One suite of tests (`suite`) holds for every backend.

use std::time::Duration;

use async_trait::async_trait;
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
use crate::error::StoreError;
use crate::happening::Happening;
use crate::key::{Key, KeyHash};
use crate::operator::{Session, SessionHash};
use crate::outbox::{
    AlertFilter, Attempt, Backlog, Claim, ClaimRoom, Delivery, DeliveryFilter, Expunge, Next, ReplayFilter, ReplayPlan,
    Replayed, Retention,
};
use crate::page::{Page, PageQuery};
use crate::project::{PolicyVersion, Project, ProjectChange};
use crate::provider::Provider;
use crate::silence::Silence;

/// Two requests of one project with the same caller-sent id raise the same alert once within this time: the published
/// clients repeat their id on retries (`spec/decisions.md`, Alerts).
pub const CALLER_ID_WINDOW: Duration = Duration::from_mins(10);

/// How many silences a project may have.
pub const SILENCES_MAX: u32 = 200;

/// What a storage backend can do. Every call is one transaction; every write is durable when it returns.
///
/// Every call fails with [`StoreError::Database`] when the database does and [`StoreError::Closed`] after
/// [`close`](Store::close); other errors are told at the call. Dropping a returned future does not undo its write.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Adds a project.
    async fn create_project(&self, project: Project) -> Result<(), StoreError>;
    /// Lists projects, oldest first.
    async fn projects(&self) -> Result<Vec<Project>, StoreError>;
    /// Changes a project and returns it as it is now. `NotFound` if there is none; `Declared` if a file declares what would
    /// change.
    async fn update_project(&self, id: ProjectId, change: ProjectChange, now: Timestamp)
    -> Result<Project, StoreError>;
    /// Removes a project with its keys, providers and endpoints; its pending deliveries die. `NotFound` if there is none;
    /// `Declared` if a file declares it.
    async fn delete_project(&self, id: ProjectId, now: Timestamp) -> Result<(), StoreError>;

    /// Lists the versions of a project's policy, newest first: at most `limit` of those before `before`. `NotFound` if there
    /// is no such project.
    async fn policies(
        &self,
        project: ProjectId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<PolicyVersion>, StoreError>;

    /// Adds a key. `NotFound` if the project is missing.
    async fn create_key(&self, key: Key, hash: KeyHash) -> Result<(), StoreError>;
    /// Lists a project's keys, oldest first.
    async fn keys(&self, project: ProjectId) -> Result<Vec<Key>, StoreError>;
    /// When each of a project's keys was last used; those never used are left out.
    async fn keys_last_used(&self, project: ProjectId) -> Result<Vec<LastUsed>, StoreError>;
    /// Revokes a key. `NotFound` if the project has none of that id.
    async fn delete_key(&self, project: ProjectId, id: KeyId) -> Result<(), StoreError>;

    /// Sets a provider, replacing one of the same name. A `None` key keeps the stored one when `keep_key` is true.
    /// One that is the default takes that from any other. `NotFound` if the project is missing, or its fallback is no
    /// other provider of the project.
    async fn put_provider(&self, project: ProjectId, provider: Provider, keep_key: bool) -> Result<(), StoreError>;
    /// Lists a project's providers by name.
    async fn providers(&self, project: ProjectId) -> Result<Vec<Provider>, StoreError>;
    /// Removes a provider; those that fell back to it have no fallback then. `NotFound` if the project has none of that name.
    async fn delete_provider(&self, project: ProjectId, name: &str) -> Result<(), StoreError>;

    /// Adds an endpoint. `NotFound` if the project is missing; `LimitReached` if it has `max` already.
    async fn create_endpoint(&self, endpoint: Endpoint, max: u32) -> Result<(), StoreError>;
    /// Lists a project's endpoints, oldest first.
    async fn endpoints(&self, project: ProjectId) -> Result<Vec<Endpoint>, StoreError>;
    /// Reads one endpoint. `NotFound` if the project has none of that id.
    async fn endpoint(&self, project: ProjectId, id: EndpointId) -> Result<Endpoint, StoreError>;
    /// Changes an endpoint and returns it as it is now. `NotFound` if the project has none of that id; `Declared` if a file
    /// declares it, unless all that changes is that it is on again after it was switched off for its health.
    async fn update_endpoint(
        &self,
        project: ProjectId,
        id: EndpointId,
        change: EndpointChange,
        now: Timestamp,
    ) -> Result<Endpoint, StoreError>;
    /// Removes an endpoint; its pending deliveries die. `NotFound` if the project has none of that id; `Declared` if a file
    /// declares it.
    async fn delete_endpoint(&self, project: ProjectId, id: EndpointId, now: Timestamp) -> Result<(), StoreError>;
    /// Makes `secrets` the signing keys; those before them stop at `old_until`, or earlier if they were to.
    /// `NotFound` if the project has no such endpoint; `Declared` if a file declares its secret.
    async fn rotate_secret(
        &self,
        project: ProjectId,
        id: EndpointId,
        secrets: Vec<SigningSecret>,
        old_until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Makes projects and endpoints what a file declares. What it declares no more is switched off and is the API's then;
    /// nothing is removed. A second time it changes nothing.
    async fn reconcile(&self, declared: Declarations, now: Timestamp) -> Result<Reconciled, StoreError>;

    /// Adds a silence. `NotFound` if the project is missing; `LimitReached` beyond [`SILENCES_MAX`].
    async fn create_silence(&self, silence: Silence) -> Result<(), StoreError>;
    /// Lists a project's silences, oldest first; those that are over stay until they are removed.
    async fn silences(&self, project: ProjectId) -> Result<Vec<Silence>, StoreError>;
    /// Removes a silence; what it held back is told now. `NotFound` if the project has none of that id.
    async fn delete_silence(&self, project: ProjectId, id: SilenceId, now: Timestamp) -> Result<(), StoreError>;

    /// Sets a scope's budget or adds to its balance; what was told of it can be told again. `NotFound` if the project is
    /// missing, or if there is no balance to add to.
    async fn change_budget(
        &self,
        project: ProjectId,
        scope: Scope,
        change: BudgetChange,
        now: Timestamp,
    ) -> Result<(), StoreError>;
    /// Reads the budget that holds for a scope, its own or the one for each of its kind, and where it stands. `NotFound` if
    /// the project is missing.
    async fn budget(
        &self,
        project: ProjectId,
        scope: Scope,
        now: Timestamp,
    ) -> Result<Option<BudgetStatus>, StoreError>;
    /// Lists a project's budgets and where they stand, by the names of their scopes; the cursor is the last of the page
    /// before. `NotFound` if the project is missing.
    async fn budgets(
        &self,
        project: ProjectId,
        page: PageQuery,
        now: Timestamp,
    ) -> Result<Page<(Scope, BudgetStatus)>, StoreError>;
    /// Removes a scope's own budget: nothing of its own limits it from then on. What was spent stays counted, in case it is
    /// set again. `NotFound` if the project is missing or the scope has none.
    async fn remove_budget(&self, project: ProjectId, scope: Scope) -> Result<(), StoreError>;
    /// Runs a node's reports and then its asks as one transaction, with the alerts that they cause. An asked scope without a
    /// budget is stale.
    async fn step(&self, step: Step) -> Result<Stepped, StoreError>;
    /// Ends a project's leases whose nodes have said nothing since a time; returns how much that freed of the project's own
    /// budget, or if it has none, of its scopes together. `NotFound` if the project is missing.
    async fn release_leases(&self, project: ProjectId, renewed_before: Timestamp) -> Result<Usd, StoreError>;

    /// Reads all that the request path needs, at one instant.
    async fn snapshot(&self) -> Result<Snapshot, StoreError>;

    /// Writes activity rows; a row of a request that is there already replaces it.
    async fn record(&self, rows: Vec<Activity>) -> Result<(), StoreError>;
    /// Writes an activity row, an alert, and a delivery for every endpoint that wants it, as one transaction, and wakes
    /// the dispatcher. Returns the deliveries; `None` if the alert is a repeat within [`CALLER_ID_WINDOW`]. A row of the
    /// request that is there already stays: it is the final one.
    async fn record_alert(&self, row: Activity, alert: Alert) -> Result<Option<Vec<DeliveryId>>, StoreError>;
    /// Lists a project's activity, newest first.
    async fn activity(
        &self,
        project: ProjectId,
        filter: ActivityFilter,
        page: PageQuery,
    ) -> Result<Page<ActivityRow>, StoreError>;
    /// Counts requests over time.
    async fn counts(&self, query: CountsQuery) -> Result<CountsOverTime, StoreError>;
    /// Tells what happens from now on to one who looks on: requests' ends, alerts, attempts.
    fn happenings(&self) -> broadcast::Receiver<Happening>;

    /// The hash of the operator's password; `None` before it was set.
    async fn operator_password(&self) -> Result<Option<String>, StoreError>;
    /// Sets the hash of the operator's password unless there is one; whether it did.
    async fn set_up_operator(&self, password: String, now: Timestamp) -> Result<bool, StoreError>;
    /// Sets the hash of the operator's password and ends every session.
    async fn set_operator_password(&self, password: String, now: Timestamp) -> Result<(), StoreError>;
    /// Opens a session. Beyond a hundred the oldest ends.
    async fn open_session(&self, session: Session) -> Result<(), StoreError>;
    /// Reads a session that has not expired.
    async fn session(&self, hash: SessionHash, now: Timestamp) -> Result<Option<Session>, StoreError>;
    /// How many sessions are open.
    async fn session_count(&self, now: Timestamp) -> Result<u32, StoreError>;
    /// Ends a session, if it is there.
    async fn end_session(&self, hash: SessionHash) -> Result<(), StoreError>;
    /// Ends every session.
    async fn end_sessions(&self) -> Result<(), StoreError>;

    /// Lists a project's alerts, newest first.
    async fn alerts(&self, project: ProjectId, filter: AlertFilter, page: PageQuery)
    -> Result<Page<Alert>, StoreError>;
    /// Reads one alert. `NotFound` if the project has none of that id.
    async fn alert(&self, project: ProjectId, id: AlertId) -> Result<Alert, StoreError>;
    /// Lists a project's deliveries, newest first.
    async fn deliveries(
        &self,
        project: ProjectId,
        filter: DeliveryFilter,
        page: PageQuery,
    ) -> Result<Page<Delivery>, StoreError>;
    /// Reads one delivery with its attempts, first to last. `NotFound` if the project has none of that id.
    async fn delivery(&self, project: ProjectId, id: DeliveryId) -> Result<(Delivery, Vec<Attempt>), StoreError>;
    /// Makes a finished delivery pending again, due now, with a fresh count of attempts. `NotFound` if the project has
    /// none of that id, or its endpoint is gone.
    async fn replay(&self, project: ProjectId, id: DeliveryId, now: Timestamp) -> Result<(), StoreError>;

    /// Sends finished deliveries again, at a steady pace from now on, each with a fresh count of attempts. `NotFound` if
    /// an endpoint that is named is not the project's.
    async fn replay_many(
        &self,
        project: ProjectId,
        filter: ReplayFilter,
        plan: ReplayPlan,
        now: Timestamp,
    ) -> Result<Replayed, StoreError>;
    /// Removes the content of alerts and what receivers answered; that they happened stays on record. Deliveries of them
    /// that are pending die. Returns how many alerts.
    async fn expunge(&self, project: ProjectId, what: Expunge, now: Timestamp) -> Result<u32, StoreError>;
    /// Removes up to `limit` rows of each sort that are past their retention. Pending deliveries and their alerts stay.
    /// Returns how many went; if that is not 0 there may be more.
    async fn prune(&self, retention: Retention, limit: u32) -> Result<u32, StoreError>;

    /// Hands deliveries over as they are made, claimed for `lease` and at most `room` at a time; those beyond are only
    /// rung for. One subscriber: a second call replaces the first.
    fn subscribe(&self, lease: Duration, room: usize) -> mpsc::Receiver<Claim>;
    /// Turns folds that are due into deliveries, then claims due deliveries until `lease_until`, each endpoint's longest
    /// due first.
    async fn claim(&self, now: Timestamp, lease_until: Timestamp, room: ClaimRoom) -> Result<Vec<Claim>, StoreError>;
    /// When the next pending delivery or fold is due or a lease ends, leaving out these endpoints; `None` if there is
    /// nothing.
    async fn next_due(&self, except: Vec<EndpointId>) -> Result<Option<Timestamp>, StoreError>;
    /// How much waits in the outbox, and how much was given up.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
    /// Gives claims back, each due at a time.
    async fn release(&self, claims: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError>;
    /// Records an attempt, what becomes of its delivery, and the endpoint's health with the alerts about it. `NotFound`
    /// if the delivery is no longer pending.
    async fn finish_attempt(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError>;
    /// Rung after each write that made a delivery due.
    fn outbox_bell(&self) -> &Notify;

    /// Waits for the writes under way, then closes the database.
    async fn close(&self);
}
