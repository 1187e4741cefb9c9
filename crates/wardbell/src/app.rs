//! All wiring: from a configuration to a running gateway, and back down in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use wardbell_api::auth::AdminToken;
use wardbell_api::{ApiState, Reload};
use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::policy::Policy;
use wardbell_core::secret::Secret;
use wardbell_dashboard::DashboardState;
use wardbell_detect::engine::{Engine, EngineSettings};
use wardbell_egress::policy::Policy as EgressPolicy;
use wardbell_egress::upstream::UpstreamBounds;
use wardbell_egress::{Egress, EgressConfig};
use wardbell_guard::allow::AllowKeys;
use wardbell_notify::dispatch::Notifier;
use wardbell_notify::mail::Mailer;
use wardbell_proxy::body_budget::BodyBudget;
use wardbell_proxy::contents::Contents;
use wardbell_proxy::drain::Drains;
use wardbell_proxy::gateway::Gateway;
use wardbell_proxy::loops::LoopGuard;
use wardbell_proxy::pace;
use wardbell_proxy::record::{Recorder, RecorderTask};
use wardbell_store::declared::{Declarations, Reconciled};
use wardbell_store::directory::Directory;
use wardbell_store::key::{self, Key, KeyHash};
use wardbell_store::ledger::Ledger;
use wardbell_store::project::Project;
use wardbell_store::seal::Sealer;
use wardbell_store::sqlite::Sqlite;
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;

use crate::bridge::{GatewayProbes, TestThroughNotifier};
use crate::config::Config;
use crate::keys::Keys;
use crate::model;
use crate::reload::{self, Load, Reloader, Running};
use crate::server::{self, Bounds, Surfaces};

/// The largest body of a management call, in bytes.
const API_BODY_BYTES_MAX: usize = 1024 * 1024;

/// What the secret of loop fingerprints is derived for.
const LOOP_FINGERPRINTS: &str = "wardbell loop fingerprints 1";

/// What the secret of fingerprints of allowed texts is derived for.
const ALLOWED_TEXTS: &str = "wardbell allowed texts 1";

/// What the project that the first start makes is called, also by a file that declares it.
const FIRST_PROJECT: &str = "default";

/// How long attempts under way may take to end when Wardbell stops; those cut are made again after the next start.
const NOTIFIER_STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// A running Wardbell.
pub(crate) struct App {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The key of the default project, if this start made it.
    pub(crate) first_key: Option<Secret<String>>,
    /// The path of the link that sets the dashboard's password, while there is none.
    pub(crate) setup_path: Option<String>,
    reloader: Arc<Reloader>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    notifier: Notifier,
    recorder: RecorderTask,
    drains: Drains,
    ledger: Arc<Ledger>,
    store: Arc<dyn Store>,
}

impl App {
    /// Starts everything. The port is bound last but one: what is announced works. `load` reads the configuration anew.
    ///
    /// # Errors
    /// When a part cannot start; the message names the cause and the remedy, and nothing is left half-written.
    pub(crate) async fn start(config: Config, load: Load) -> Result<Self> {
        // The cheap refusals come before anything is written.
        let egress = egress(&config)?;
        let mailer = mailer(&config, &egress).await?;
        let mail_enabled = mailer.is_some();
        let listener = server::bind(config.listen).await?;
        let address = listener.local_addr()?;
        std::fs::create_dir_all(&config.data_dir).with_context(|| {
            format!("cannot create the data folder {}; choose another with --data-dir", config.data_dir.display())
        })?;
        let keys = Keys::ready(&config)?;
        let sealer = Sealer::new(&keys.master_key)?;
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&config.database, sealer)?);
        let first_key = first_start(&*store).await?;
        let running = Running::new(&config);
        declare(&*store, config.declared).await?;
        let directory = Arc::new(Directory::open(Arc::clone(&store)).await?);

        let ledger = Arc::new(Ledger::start(Arc::clone(&store), Arc::clone(&directory)));
        let notifier = Notifier::start(Arc::clone(&store), Arc::clone(&egress), mailer, config.keep);
        let (recorder, recorder_task) = Recorder::start(Arc::clone(&store));
        let drains = Drains::new(config.limits.abandoned_time_max);
        let gateway = Gateway {
            directory: Arc::clone(&directory),
            store: Arc::clone(&store),
            engine: Arc::new(Engine::new(&EngineSettings::default())?),
            readers: model::readers(&config.injection_model, config.injection_threads)?,
            allow_keys: Arc::new(AllowKeys::new(&keys.derived(ALLOWED_TEXTS))),
            upstream: egress.upstream(),
            recorder,
            loops: Arc::new(LoopGuard::new(&keys.derived(LOOP_FINGERPRINTS))),
            ledger: Arc::clone(&ledger),
            pricing: config.pricing,
            bodies: BodyBudget::new(config.limits.body_memory_bytes_max),
            answers: BodyBudget::new(config.limits.answer_memory_bytes_max),
            keys: Arc::new(pace::Keys::default()),
            contents: Arc::new(Contents::default()),
            drains: drains.clone(),
            limits: config.limits.clone(),
            provider_key,
        };
        let gateway = Arc::new(ArcSwap::from_pointee(gateway));
        let reloader = Arc::new(Reloader {
            load: Arc::new(load),
            gateway: Arc::clone(&gateway),
            store: Arc::clone(&store),
            directory: Arc::clone(&directory),
            egress: Arc::clone(&egress),
            running: Mutex::new(running),
        });
        let (stop, stopped) = watch::channel(false);
        let api = wardbell_api::router(ApiState {
            store: Arc::clone(&store),
            directory,
            ledger: Arc::clone(&ledger),
            egress: (*egress).clone(),
            admin_token: AdminToken::new(&keys.admin_token),
            webhooks_per_project_max: config.webhooks_per_project_max,
            tester: Arc::new(TestThroughNotifier(notifier.tester())),
            probes: Arc::new(GatewayProbes(Arc::clone(&gateway))),
            reload: Arc::clone(&reloader) as Arc<dyn Reload>,
            mail_enabled,
            stopping: stopped.clone(),
            body_bytes_max: API_BODY_BYTES_MAX,
        });
        let setup_token = setup_token();
        let setup_path = match store.operator_password().await? {
            Some(_) => None,
            None => Some(wardbell_dashboard::setup_path(&setup_token)),
        };
        let dashboard = wardbell_dashboard::router(DashboardState {
            store: Arc::clone(&store),
            api: api.clone(),
            admin_token: keys.admin_token,
            setup_token,
            webhooks_per_project_max: config.webhooks_per_project_max,
            mail_enabled,
        });
        let bounds = Bounds {
            connections_max: config.connections_max,
            header_time_max: config.header_time_max,
            drain_time_max: config.drain_time_max,
        };
        let server = tokio::spawn(server::serve(listener, Surfaces { gateway, api, dashboard }, bounds, stopped));
        tracing::info!(%address, data_dir = %config.data_dir.display(), "started");
        Ok(Self {
            address,
            first_key,
            setup_path,
            reloader,
            stop,
            server,
            notifier,
            recorder: recorder_task,
            drains,
            ledger,
            store,
        })
    }

    /// Reads the configuration anew; what came of it is logged and counted.
    pub(crate) async fn reload(&self) {
        // Both have been told where they happened.
        drop(self.reloader.reload().await);
    }

    /// Stops in order: no new requests, requests under way end, rows are written, money goes back, attempts end, the
    /// database closes.
    pub(crate) async fn stop(self) {
        let Self {
            address: _,
            first_key: _,
            setup_path: _,
            reloader,
            stop,
            server,
            notifier,
            recorder,
            drains,
            ledger,
            store,
        } = self;
        // It holds a gateway, and the recorder ends with the last of them.
        drop(reloader);
        stop.send_replace(true);
        if server.await.is_err() {
            tracing::error!("server ended unexpectedly");
        }
        drains.stop();
        recorder.drained().await;
        // Every request has ended with its money settled.
        ledger.close(ambient::now()).await;
        notifier.stop(NOTIFIER_STOP_TIME_MAX).await;
        store.close().await;
        tracing::info!("stopped");
    }
}

/// What the set-up link of this start holds.
fn setup_token() -> Secret<String> {
    Secret::new(URL_SAFE_NO_PAD.encode(ambient::entropy::<24>()))
}

fn egress(config: &Config) -> Result<Arc<Egress>> {
    let policy = EgressPolicy::new(config.egress_allow.clone());
    let settings = EgressConfig {
        policy,
        extra_roots_pem: config.egress_extra_roots.clone(),
        name_servers: config.egress_name_servers.clone(),
        upstream: UpstreamBounds {
            connect_time_max: config.upstream_connect_time_max,
            connections_per_host_max: config.upstream_connections_per_host_max,
        },
    };
    Ok(Arc::new(Egress::new(settings).context("egress.extra_roots cannot be used")?))
}

/// Makes the mailer, once its server has been judged: a server that may not be called is told at the start.
async fn mailer(config: &Config, egress: &Arc<Egress>) -> Result<Option<Arc<Mailer>>> {
    let Some(settings) = config.smtp.clone() else { return Ok(None) };
    egress
        .judge_mail_server(&settings.host, settings.port)
        .await
        .context("smtp.host may not be called; let it in with egress.allow, such as 10.1.2.3/32:587")?;
    let mailer = Mailer::new(Arc::clone(egress), settings).context("the mail server's settings cannot be used")?;
    Ok(Some(Arc::new(mailer)))
}

/// Makes the store what the file declares.
async fn declare(store: &dyn Store, declared: Option<Declarations>) -> Result<()> {
    if declared.is_none()
        && let Some(file) = store.projects().await?.into_iter().find_map(|project| project.declared)
    {
        bail!(
            "{file} declared projects in this database and is not there; restore it or name it with --config, or start with \
             an empty {file} to switch them off"
        );
    }
    let reconciled = reload::reconcile(store, declared).await?;
    if !reconciled.is_empty() {
        let Reconciled { created, updated, disabled } = reconciled;
        tracing::info!(?created, ?updated, ?disabled, "declared projects and webhooks are in force");
    }
    Ok(())
}

/// Makes the default project and its key at the first start.
async fn first_start(store: &dyn Store) -> Result<Option<Secret<String>>> {
    if !store.projects().await?.is_empty() {
        return Ok(None);
    }
    let now = ambient::now();
    let project = Project {
        id: ProjectId::mint(now, ambient::entropy()),
        name: FIRST_PROJECT.to_owned(),
        policy: Policy::default(),
        policy_version: 1,
        created_at: now,
        enabled: true,
        slug: Some(FIRST_PROJECT.to_owned()),
        declared: None,
        is_policy_declared: false,
    };
    let text = key::generate();
    let key = Key {
        id: KeyId::mint(now, ambient::entropy()),
        project: project.id,
        name: "default".to_owned(),
        user_id: None,
        hint: key::hint(&text),
        created_at: now,
    };
    store.create_project(project).await?;
    store.create_key(key, KeyHash::of(text.reveal())).await?;
    Ok(Some(text))
}

/// Reads a provider's key from the variable that its settings name. Wardbell's own secrets are not to be had that way.
#[expect(
    clippy::disallowed_methods,
    reason = "an operator names the variable; it may change without a restart of the process's parent"
)]
fn provider_key(variable: &str) -> Option<Secret<String>> {
    if variable.starts_with("WARDBELL_") {
        return None;
    }
    std::env::var(variable).ok().filter(|key| !key.is_empty()).map(Secret::new)
}
