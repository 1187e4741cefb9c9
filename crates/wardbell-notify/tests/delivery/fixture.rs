//! One store in a folder of its own, an egress guard that allows loopback, and a notifier.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use wardbell_core::activity::Activity;
use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, DlpData, Severity, Source};
use wardbell_core::entity::EntityType;
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, KeyId, ProjectId, RequestId};
use wardbell_core::outcome::Outcome;
use wardbell_core::policy::Policy;
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_egress::policy::Policy as EgressPolicy;
use wardbell_egress::resolve::{Resolve, ResolveError};
use wardbell_egress::{Egress, EgressConfig};
use wardbell_notify::deliver::Tester;
use wardbell_notify::dispatch::Notifier;
use wardbell_notify::retention::Keep;
use wardbell_store::endpoint::{
    Endpoint, Events, Format, Health, Options, RetryProfile, SignatureProfile, SigningSecret,
};
use wardbell_store::outbox::{Attempt, Delivery, DeliveryFilter, DeliveryState};
use wardbell_store::page::PageQuery;
use wardbell_store::project::Project;
use wardbell_store::seal::Sealer;
use wardbell_store::sqlite::Sqlite;
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name: [u8; 8] = ambient::entropy();
        let path = std::env::temp_dir().join(format!("wardbell-notify-{:016x}", u64::from_be_bytes(name)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    egress: Arc<Egress>,
    notifier: Notifier,
    project: ProjectId,
    folder: Folder,
}

impl Fixture {
    /// Starts with an empty store. `certificate`, in PEM, is trusted besides the public roots.
    pub(crate) async fn start(certificate: Option<&str>) -> Self {
        let folder = Folder::new();
        let store = open(&folder);
        let now = ambient::now();
        let project = ProjectId::mint(now, ambient::entropy());
        let row = Project {
            id: project,
            name: "test".to_owned(),
            policy: Policy::default(),
            policy_version: 1,
            created_at: now,
            enabled: true,
            slug: None,
            declared: None,
            is_policy_declared: false,
        };
        store.create_project(row).await.unwrap();
        let egress = egress(certificate);
        let notifier = Notifier::start(Arc::clone(&store), Arc::clone(&egress), None, Keep::default());
        Self { store, egress, notifier, project, folder }
    }

    /// Stops, closes the store, and starts anew on the same file.
    pub(crate) async fn restart(self, within: Duration) -> Self {
        let Self { store, egress, notifier, project, folder } = self;
        notifier.stop(within).await;
        store.close().await;
        drop(store);
        let store = open(&folder);
        let notifier = Notifier::start(Arc::clone(&store), Arc::clone(&egress), None, Keep::default());
        Self { store, egress, notifier, project, folder }
    }

    pub(crate) async fn stop(self) {
        self.notifier.stop(Duration::ZERO).await;
        self.store.close().await;
    }

    pub(crate) fn tester(&self) -> Tester {
        self.notifier.tester()
    }

    pub(crate) async fn endpoint(&self, url: &str, retry: RetryProfile) -> Endpoint {
        self.endpoint_of(url, retry, Format::Json).await
    }

    pub(crate) async fn endpoint_of(&self, url: &str, retry: RetryProfile, format: Format) -> Endpoint {
        static MADE: AtomicI64 = AtomicI64::new(0);
        let now = ambient::now();
        // Endpoints are listed by id, and ids of one millisecond have no order: each gets a millisecond of its own.
        let own = Timestamp::from_millis(now.as_millis() + MADE.fetch_add(1, Ordering::Relaxed));
        let endpoint = Endpoint {
            id: EndpointId::mint(own, ambient::entropy()),
            project: self.project,
            url: Secret::new(url.to_owned()),
            format,
            events: Events::All,
            severity_min: Severity::Low,
            signature: SignatureProfile::Standard,
            retry,
            enabled: true,
            secrets: vec![SigningSecret::generate()],
            created_at: now,
            options: Options::default(),
            health: Health::new(now),
            declared: None,
            is_secret_declared: false,
        };
        self.store.create_endpoint(endpoint.clone(), 5).await.unwrap();
        endpoint
    }

    /// Commits an alert and returns its deliveries, in the order of their endpoints.
    pub(crate) async fn raise(&self, kind: AlertKind) -> Vec<DeliveryId> {
        self.raise_request(kind).await.1
    }

    /// Commits an alert of a request of its own, and returns that request's id and the deliveries.
    pub(crate) async fn raise_request(&self, kind: AlertKind) -> (String, Vec<DeliveryId>) {
        let at = ambient::now();
        let request = RequestId::mint(at, ambient::entropy());
        let entity_types = vec![EntityType::CreditCard];
        let row = Activity {
            request,
            caller_request: None,
            at,
            project: self.project,
            key: KeyId::mint(at, ambient::entropy()),
            surface: "chat.completions",
            model: "gpt-4o".to_owned(),
            provider: "echo".to_owned(),
            verdict: "block",
            outcome: Outcome::Refused,
            status: 400,
            entity_types: entity_types.clone(),
            violation_count: 1,
            injection_score: 0.0,
            streamed: false,
            latency: Duration::ZERO,
            detect_latency: Duration::ZERO,
            upstream_latency: Duration::ZERO,
            own_latency: Duration::ZERO,
            usage: None,
            cost: None,
            policy_version: 1,
        };
        let alert = Alert {
            id: AlertId::mint(at, ambient::entropy()),
            project: self.project,
            request_id: request.to_string(),
            at,
            kind,
            data: AlertData::Dlp(DlpData {
                entity_types,
                violation_count: 1,
                has_injection: false,
                model: "gpt-4o".to_owned(),
                action: DlpAction::Block,
                policies: Vec::new(),
            }),
            source: Source::default(),
            preview: None,
            is_test: false,
        };
        let deliveries = self.store.record_alert(row, alert).await.unwrap().unwrap();
        (request.to_string(), deliveries)
    }

    /// Waits until nothing is pending.
    pub(crate) async fn all_finished(&self) {
        let pending = DeliveryFilter { state: Some(DeliveryState::Pending), ..DeliveryFilter::default() };
        while !self.store.deliveries(self.project, pending, PageQuery::default()).await.unwrap().items.is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many alerts the deliveries tell of.
    pub(crate) async fn told(&self) -> u64 {
        let page = PageQuery { limit: wardbell_store::page::PAGE_MAX, ..PageQuery::default() };
        let page = self.store.deliveries(self.project, DeliveryFilter::default(), page).await.unwrap();
        page.items.iter().map(|delivery| delivery.fold.as_ref().map_or(1, |fold| fold.count)).sum()
    }

    /// The delivery once it is delivered or dead, with its attempts.
    pub(crate) async fn finished(&self, id: DeliveryId) -> (Delivery, Vec<Attempt>) {
        timeout(Duration::from_secs(15), async {
            loop {
                let (delivery, attempts) = self.store.delivery(self.project, id).await.unwrap();
                if delivery.state != DeliveryState::Pending {
                    return (delivery, attempts);
                }
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("the delivery ends")
    }

    /// How many deliveries the store knows.
    pub(crate) async fn deliveries(&self) -> usize {
        let page = self.store.deliveries(self.project, DeliveryFilter::default(), PageQuery::default()).await.unwrap();
        page.items.len()
    }
}

fn open(folder: &Folder) -> Arc<dyn Store> {
    let sealer = Sealer::new(&Secret::new(vec![7; 32])).unwrap();
    Arc::new(Sqlite::open(&folder.0.join("wardbell.db"), sealer).unwrap())
}

/// Allows loopback, in plain text too, and leads every name there.
fn egress(certificate: Option<&str>) -> Arc<Egress> {
    let policy = EgressPolicy::new(vec!["127.0.0.1/32:*+http".parse().unwrap()]);
    let extra_roots_pem = certificate.map(|pem| pem.as_bytes().to_vec());
    let config = EgressConfig { policy, extra_roots_pem, ..EgressConfig::default() };
    Arc::new(Egress::with_resolver(config, Arc::new(Loopback)).unwrap())
}

struct Loopback;

#[async_trait::async_trait]
impl Resolve for Loopback {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, ResolveError> {
        Ok(vec![Ipv4Addr::LOCALHOST.into()])
    }
}
