//! Reading the configuration anew while requests go on.
//!
//! **Theory of operation.** Everything is read and checked first; a problem ends it there. Then what the file declares is
//! one write of the store, the settings in memory are read anew, and new requests get another [`Gateway`]. A request
//! keeps the gateway and the project's settings that it began with, and nothing that is open is closed.
//!
//! **What it does not do.** It re-opens nothing: addresses, folders, the database and everything else that is not
//! `Setting::is_live` is told of and waits for a restart. A process's own variables do not
//! change, so that only files bring news of secrets.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio::sync::Mutex;
use wardbell_api::{Reload, ReloadError, Reloaded};
use wardbell_egress::Egress;
use wardbell_egress::upstream::UpstreamBounds;
use wardbell_proxy::gateway::Gateway;
use wardbell_store::declared::{Declarations, Reconciled};
use wardbell_store::directory::Directory;
use wardbell_store::error::StoreError;
use wardbell_store::store::Store;
use wardbell_telemetry::metrics::{ReloadLabels, metrics};
use wardbell_telemetry::{ambient, logs};

use crate::config::{Config, Problems, RawConfig};

/// Reads the configuration as the start did.
pub(crate) type Load = Box<dyn Fn() -> Result<Config, Problems> + Send + Sync>;

/// Reads the configuration anew.
pub(crate) struct Reloader {
    pub(crate) load: Arc<Load>,
    pub(crate) gateway: Arc<ArcSwap<Gateway>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) egress: Arc<Egress>,
    /// One reload at a time.
    pub(crate) running: Mutex<Running>,
}

/// What is in force.
pub(crate) struct Running {
    settings: RawConfig,
    extra_roots: Option<Vec<u8>>,
    has_file: bool,
}

impl Running {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            settings: config.typed.clone(),
            extra_roots: config.egress_extra_roots.clone(),
            has_file: config.declared.is_some(),
        }
    }
}

/// Makes the store what is declared. Without a file nothing is done.
///
/// # Errors
/// When the store fails; nothing is changed then.
pub(crate) async fn reconcile(store: &dyn Store, declared: Option<Declarations>) -> Result<Reconciled, StoreError> {
    match declared {
        Some(declared) => store.reconcile(declared, ambient::now()).await,
        None => Ok(Reconciled::default()),
    }
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut running = self.running.lock().await;
        let done = self.reload_in_turn(&mut running).await;
        let result = match &done {
            Ok(reloaded) => {
                tell(reloaded);
                "applied"
            }
            Err(ReloadError::Invalid(problems)) => {
                let problems = problems.join("; ");
                tracing::error!(%problems, "configuration not reloaded; what was in force stays");
                "refused"
            }
            Err(ReloadError::Store(error) | ReloadError::NotInForce(error)) => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "configuration not reloaded: the store failed"
                );
                "failed"
            }
        };
        metrics().reloads.get_or_create(&ReloadLabels { result }).inc();
        done
    }
}

fn tell(reloaded: &Reloaded) {
    let Reloaded { applied, needs_restart, created, updated, disabled } = reloaded;
    tracing::info!(?applied, ?created, ?updated, ?disabled, "configuration reloaded");
    if !needs_restart.is_empty() {
        tracing::warn!(?needs_restart, "settings changed that need a restart");
    }
}

impl Reloader {
    async fn reload_in_turn(&self, running: &mut Running) -> Result<Reloaded, ReloadError> {
        let load = Arc::clone(&self.load);
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let config = match loaded {
            Ok(Ok(config)) => config,
            Ok(Err(problems)) => return Err(ReloadError::Invalid(problems.lines())),
            Err(_) => return Err(ReloadError::Invalid(vec!["reading it stopped unexpectedly".to_owned()])),
        };
        if running.has_file && config.declared.is_none() {
            let gone = "the configuration file is not there any more; an empty one would mean that nothing is set";
            return Err(ReloadError::Invalid(vec![gone.to_owned()]));
        }
        let mut reloaded = Reloaded::default();
        let before = self.gateway.load_full();
        let mut gateway = Gateway::clone(&before);
        let mut settings = running.settings.clone();
        for setting in running.settings.changed(&config.typed) {
            let is_in_force = setting.is_live && has_room(setting.path, &config, &before);
            if is_in_force {
                settings.take(setting, &config.typed);
                reloaded.applied.push(setting.path.to_owned());
            } else {
                reloaded.needs_restart.push(setting.path.to_owned());
            }
        }
        let roots = "egress.extra_roots";
        if running.extra_roots != config.egress_extra_roots && !reloaded.needs_restart.iter().any(|path| path == roots)
        {
            // The same file, and it holds something else.
            reloaded.needs_restart.push(roots.to_owned());
        }
        self.apply(&mut gateway, &config, &reloaded);
        let has_file = config.declared.is_some();
        let log_filter = config.log_filter;
        let Reconciled { created, updated, disabled } =
            reconcile(&*self.store, config.declared).await.map_err(ReloadError::Store)?;
        self.directory.refresh().await.map_err(ReloadError::NotInForce)?;
        self.gateway.store(Arc::new(gateway));
        if logs::set_filter(&log_filter).is_err() {
            // It was checked with the rest.
            tracing::error!("log filter not changed");
        }
        running.settings = settings;
        running.has_file = has_file;
        Ok(Reloaded { created, updated, disabled, ..reloaded })
    }

    /// Gives a gateway the settings that are in force from now on.
    fn apply(&self, gateway: &mut Gateway, config: &Config, reloaded: &Reloaded) {
        let is_applied = |path: &str| reloaded.applied.iter().any(|applied| applied == path);
        let before = gateway.limits.clone();
        let mut limits = config.limits.clone();
        // The memory of all bodies was shared out at the start.
        limits.body_memory_bytes_max = before.body_memory_bytes_max;
        limits.answer_memory_bytes_max = before.answer_memory_bytes_max;
        if !is_applied("limits.body_bytes_max") {
            limits.body_bytes_max = before.body_bytes_max;
        }
        if !is_applied("limits.answer_bytes_max") {
            limits.answer_bytes_max = before.answer_bytes_max;
        }
        gateway.drains = gateway.drains.with_time_max(limits.abandoned_time_max);
        gateway.limits = limits;
        gateway.pricing = Arc::clone(&config.pricing);
        if is_applied("upstream.connect_seconds_max") || is_applied("upstream.connections_per_host_max") {
            gateway.upstream = self.egress.upstream_within(&UpstreamBounds {
                connect_time_max: config.upstream_connect_time_max,
                connections_per_host_max: config.upstream_connections_per_host_max,
            });
        }
    }
}

/// Whether the memory that was shared out at the start holds one body of the new size: one that it does not hold would wait
/// for ever.
fn has_room(path: &str, config: &Config, before: &Gateway) -> bool {
    match path {
        "limits.body_bytes_max" => config.limits.body_bytes_max <= before.limits.body_memory_bytes_max,
        "limits.answer_bytes_max" => config.limits.answer_bytes_max <= before.limits.answer_memory_bytes_max,
        _ => true,
    }
}
