//! The management API: projects and their policies, budgets, keys, providers, webhooks; alerts, deliveries and activity to read.
//!
//! **Cast.** [`router`] is everything under `/api/v1`. `auth` lets the holder of the admin token through. `extract` and
//! `fields` read bodies and queries strictly. `v1` has one file a resource, each with its own wire types. `destination`
//! judges URLs. `error` turns every refusal into an answer. [`openapi`] is the document that describes it all.
//!
//! **Theory of operation.** A change is written to the store and then put in force by
//! [`Directory::refresh`]; both run in a task of their own, so that a caller who hangs up between them does not leave a
//! revoked key in force. Changes run one at a time, so that two that merge into the same policy both count.
//!
//! **Guarantees.** Keys and webhook secrets are shown once, when they are made; provider keys never. Webhook URLs are
//! shown as scheme and host, because a webhook URL is a credential. Something that belongs to another project does not
//! exist. Unknown fields are refused, and so are fields of the plan that this version does not act on.
//!
//! What the configuration file declares ([`declared`]) is shown with the file's name, and only the file changes it: other
//! changes are 409. The store checks that, within the write.
//!
//! **Bounds.** Bodies: [`BODY_BYTES_MAX_DEFAULT`], 30 s to arrive, 128 levels deep. Pages: 500 items. Tests of one
//! webhook: 10 a minute. Readers of the event stream: 64.
//!
//! **What it does not do.** Users and roles: there is one admin token. Cross-origin calls from browsers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use wardbell_core::abuse::Abuse;
use wardbell_core::alert::{Alert, AlertKind};
use wardbell_core::content::BrokenPolicy;
use wardbell_core::finding::Located;
use wardbell_core::origin::Origin;
use wardbell_store::directory::{Directory, ProjectView};
use wardbell_store::endpoint::Endpoint;
use wardbell_store::error::StoreError;
use wardbell_store::ledger::Ledger;
use wardbell_store::provider::Provider;
use wardbell_store::store::Store;

pub mod auth;
pub mod declared;
mod destination;
mod error;
mod extract;
mod fields;
mod json;
mod v1;

/// The largest body that is read unless the shell says otherwise, in bytes: settings are small.
pub const BODY_BYTES_MAX_DEFAULT: usize = 1024 * 1024;

/// What the API works with.
pub struct ApiState {
    /// Where settings and records are.
    pub store: Arc<dyn Store>,
    /// The settings in memory, refreshed after every change.
    pub directory: Arc<Directory>,
    /// Holds money for requests; asked here so that what is shown of budgets is exact.
    pub ledger: Arc<Ledger>,
    /// Which addresses may be called.
    pub egress: wardbell_egress::Egress,
    /// Who may call.
    pub admin_token: auth::AdminToken,
    /// How many webhooks a project may have (`WARDBELL_WEBHOOKS_PER_PROJECT_MAX`).
    pub webhooks_per_project_max: u32,
    /// Sends the test alert.
    pub tester: Arc<dyn TestDelivery>,
    /// Tries out texts and providers.
    pub probes: Arc<dyn Probes>,
    /// Reads the configuration anew.
    pub reload: Arc<dyn Reload>,
    /// Whether there is a mail server, so that webhooks can be mail.
    pub mail_enabled: bool,
    /// Turns true when Wardbell stops: streams of events end then.
    pub stopping: tokio::sync::watch::Receiver<bool>,
    /// The largest body that is read, in bytes.
    pub body_bytes_max: usize,
}

/// Sends a test alert to an endpoint at once.
///
/// Services do not know one another, so the shell connects this to the notifier.
#[async_trait]
pub trait TestDelivery: Send + Sync {
    /// Sends one signed sample of a kind in the endpoint's form and tells what came of it. One attempt, bounded in time
    /// by the implementation.
    async fn test(&self, endpoint: &Endpoint, kind: AlertKind) -> TestOutcome;
}

/// What came of a test alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// Whether the receiver answered 2xx.
    pub delivered: bool,
    /// The status that it answered, if it did.
    pub status: Option<u16>,
    /// How long it took, from first to last byte.
    pub duration: Duration,
    /// What went wrong, if anything did; safe to show to whoever may call this API.
    pub error: Option<String>,
    /// The beginning of the answer's body, escaped, at most 1 KiB. The API is the operator's, who may see it.
    pub excerpt: Option<String>,
}

/// Tries out texts and providers, as real requests would find them.
///
/// Services do not know one another, so the shell connects this to the gateway.
#[async_trait]
pub trait Probes: Send + Sync {
    /// What a project's policy would do about a body. Nothing is forwarded, recorded or told.
    ///
    /// # Errors
    /// When the body cannot be read; the text says why.
    async fn try_out(&self, project: &Arc<ProjectView>, ask: TrialAsk) -> Result<TrialSeen, String>;

    /// Whether a provider can be reached and takes its key. One call, bounded in time by the implementation.
    async fn checkup(&self, provider: &Provider) -> ProviderSeen;
}

/// Reads the configuration anew.
///
/// The configuration is the shell's, so the shell implements this.
#[async_trait]
pub trait Reload: Send + Sync {
    /// Checks all of the file and the environment, and then puts in force what can be. One at a time.
    ///
    /// # Errors
    /// When nothing changed, and why.
    async fn reload(&self) -> Result<Reloaded, ReloadError>;
}

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reloaded {
    /// Settings that have another value from now on, by their places in the file.
    pub applied: Vec<String>,
    /// Settings that will have another value after a restart.
    pub needs_restart: Vec<String>,
    /// What is declared and was not there, by slug.
    pub created: Vec<String>,
    /// What is declared and was another.
    pub updated: Vec<String>,
    /// What is declared no more.
    pub disabled: Vec<String>,
}

/// Why a reload did not come to its end.
#[derive(Debug)]
pub enum ReloadError {
    /// The configuration has these problems. Nothing changed.
    Invalid(Vec<String>),
    /// The store failed. Nothing changed.
    Store(StoreError),
    /// What is declared is stored, and the settings in memory could not be read anew.
    NotInForce(StoreError),
}

/// What is tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialAsk {
    /// The body of a call.
    pub body: String,
    /// The path that it would be sent to.
    pub path: String,
    /// Whether it would come on the scan and proxy surface.
    pub is_proxied: bool,
}

/// What would come of it.
#[derive(Debug, Clone)]
pub struct TrialSeen {
    /// The verdict's word.
    pub verdict: &'static str,
    /// Why the detectors did not finish, if they did not.
    pub failure: Option<String>,
    /// The texts of the body, in order.
    pub texts: Vec<TrialText>,
    /// What was found, and whether the policy counts it.
    pub findings: Vec<(Located, bool)>,
    /// The highest injection score, from 0 to 1.
    pub injection_score: f32,
    /// From which score a text of the user counts as an injection.
    pub injection_threshold: Option<f32>,
    /// Content policies that were broken.
    pub broken: Vec<BrokenPolicy>,
    /// Abuse, where it is looked for.
    pub abuse: Option<Abuse>,
    /// The alerts that it would raise.
    pub alerts: Vec<Alert>,
    /// Time in detectors.
    pub detect_latency: Duration,
}

/// A text of a body that is tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialText {
    /// Whose it is.
    pub origin: Origin,
    /// The text as it came.
    pub text: String,
    /// The text as it would go on, if it would go on changed.
    pub redacted: Option<String>,
}

/// What came of asking a provider for its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSeen {
    /// The status that it answered, if it did.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
    /// What is wrong, in our own words.
    pub error: Option<String>,
    /// How many models it listed, where it did.
    pub models: Option<u64>,
}

/// What handlers share.
type Shared = Arc<Api>;

struct Api {
    state: ApiState,
    /// Held by whoever changes settings.
    changing: tokio::sync::Mutex<()>,
    tests: v1::test_limit::TestLimit,
    /// A permit for each who looks on.
    watchers: Arc<tokio::sync::Semaphore>,
}

/// Everything under `/api/v1`, ready to be merged into the shell's router.
pub fn router(state: ApiState) -> Router {
    v1::router(Arc::new(Api {
        state,
        changing: tokio::sync::Mutex::new(()),
        tests: v1::test_limit::TestLimit::default(),
        watchers: Arc::new(tokio::sync::Semaphore::new(v1::event::WATCHERS_MAX)),
    }))
}

/// The OpenAPI 3.1 document of this API, as indented JSON.
pub fn openapi() -> String {
    v1::openapi::document()
}
