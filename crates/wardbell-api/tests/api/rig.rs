//! A router over a store in a folder of its own, and ways to call it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wardbell_api::auth::AdminToken;
use wardbell_api::{
    ApiState, BODY_BYTES_MAX_DEFAULT, ProviderSeen, TestDelivery, TestOutcome, TrialAsk, TrialSeen, TrialText,
};
use wardbell_core::alert::AlertKind;
use wardbell_core::origin::Origin;
use wardbell_core::secret::Secret;
use wardbell_egress::{Egress, EgressConfig};
use wardbell_store::directory::{Directory, ProjectView};
use wardbell_store::endpoint::Endpoint;
use wardbell_store::ledger::Ledger;
use wardbell_store::provider::Provider;
use wardbell_store::seal::{MASTER_KEY_BYTES, Sealer};
use wardbell_store::sqlite::Sqlite;
use wardbell_store::store::Store;

pub(crate) const ADMIN: &str = "admin-token-of-the-tests";
pub(crate) const WEBHOOKS_MAX: u32 = 5;

pub(crate) struct Rig {
    pub(crate) router: Router,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) ledger: Arc<Ledger>,
    /// Every answer's text so far.
    pub(crate) heard: Mutex<Vec<String>>,
    folder: PathBuf,
    /// Held, for where nobody could say it, streams of events take it that Wardbell stops.
    _stop: tokio::sync::watch::Sender<bool>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// Answers every test as a receiver would that was sent to `https://down…` or another place.
struct Tester;

#[async_trait]
impl TestDelivery for Tester {
    async fn test(&self, endpoint: &Endpoint, _: AlertKind) -> TestOutcome {
        let delivered = !endpoint.url.reveal().starts_with("https://down");
        TestOutcome {
            delivered,
            status: delivered.then_some(204),
            duration: Duration::from_micros(12_345),
            error: (!delivered).then(|| "connection to receiver failed".to_owned()),
            excerpt: None,
        }
    }
}

/// Says what the calls give it back.
struct Probe;

#[async_trait]
impl wardbell_api::Probes for Probe {
    async fn try_out(&self, _: &Arc<ProjectView>, ask: TrialAsk) -> Result<TrialSeen, String> {
        if ask.path == "broken" {
            return Err("it is not a call".to_owned());
        }
        Ok(TrialSeen {
            verdict: "allow",
            failure: None,
            texts: vec![TrialText { origin: Origin::User, text: ask.body, redacted: None }],
            findings: Vec::new(),
            injection_score: 0.0,
            injection_threshold: Some(0.5),
            broken: Vec::new(),
            abuse: None,
            alerts: Vec::new(),
            detect_latency: Duration::from_micros(7),
        })
    }

    async fn checkup(&self, provider: &Provider) -> ProviderSeen {
        let error = provider.api_key.is_none().then(|| "the provider does not take this key".to_owned());
        ProviderSeen { status: Some(200), duration: Duration::from_millis(3), error, models: Some(2) }
    }
}

/// Says that a limit changed and that another place needs a restart.
struct Reloads;

#[async_trait]
impl wardbell_api::Reload for Reloads {
    async fn reload(&self) -> Result<wardbell_api::Reloaded, wardbell_api::ReloadError> {
        Ok(wardbell_api::Reloaded {
            applied: vec!["limits.depth_max".to_owned()],
            needs_restart: vec!["listen".to_owned()],
            ..wardbell_api::Reloaded::default()
        })
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("wardbell-api-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let sealer = Sealer::new(&Secret::new(vec![7; MASTER_KEY_BYTES])).unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.join("wardbell.db"), sealer).unwrap());
        let directory = Arc::new(Directory::open(Arc::clone(&store)).await.unwrap());
        let ledger = Arc::new(Ledger::start(Arc::clone(&store), Arc::clone(&directory)));
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let router = wardbell_api::router(ApiState {
            store: Arc::clone(&store),
            directory: Arc::clone(&directory),
            ledger: Arc::clone(&ledger),
            egress: Egress::new(EgressConfig::default()).unwrap(),
            admin_token: AdminToken::new(&Secret::new(ADMIN.to_owned())),
            webhooks_per_project_max: WEBHOOKS_MAX,
            tester: Arc::new(Tester),
            probes: Arc::new(Probe),
            reload: Arc::new(Reloads),
            mail_enabled: true,
            stopping,
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
        });
        Self { router, store, directory, ledger, heard: Mutex::new(Vec::new()), folder, _stop: stop }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.heard.lock().unwrap().push(format!("{:?} {text}", parts.headers));
        assert_eq!(parts.headers["cache-control"], "no-store", "{text}");
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let error = body["error"].as_object().expect("a refusal has the envelope");
            assert!(error["code"].is_string() && error["message"].is_string(), "{text}");
        }
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Calls as the administrator; the path is below `/api/v1`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("authorization", format!("Bearer {ADMIN}"));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.call("GET", path, None).await;
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.body);
        reply.body
    }

    /// Calls and expects `status`.
    pub(crate) async fn expect(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let reply = self.call(method, path, if body.is_null() { None } else { Some(body) }).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
        reply.body
    }

    /// Calls and expects a refusal of this code about this field.
    pub(crate) async fn refused(
        &self,
        method: &str,
        path: &str,
        body: Value,
        status: u16,
        code: &str,
        field: &str,
    ) -> Value {
        let what = format!("{method} {path} {body}");
        let answer = self.expect(method, path, body, status).await;
        assert_eq!(answer["error"]["code"], code, "{what}: {answer}");
        assert_eq!(answer["error"]["field"].as_str().unwrap_or(""), field, "{what}: {answer}");
        answer
    }

    /// Makes a project and gives its path.
    pub(crate) async fn project(&self) -> String {
        let answer = self.expect("POST", "/projects", json!({"name": "team"}), 201).await;
        format!("/projects/{}", answer["id"].as_str().unwrap())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
