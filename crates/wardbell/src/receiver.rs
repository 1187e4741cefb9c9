//! A receiver of alerts: what `listen` runs, and what `demo` sends to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wardbell_core::time::Timestamp;
use wardbell_notify::verify::{self, Verified, VerifyError};
use wardbell_store::endpoint::SignatureProfile;
use wardbell_telemetry::ambient;

/// The largest delivery that is read, in bytes.
const DELIVERY_BYTES_MAX: usize = 1024 * 1024;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;

/// Deliveries that wait to be looked at; more wait to be received.
const WAITING_MAX: usize = 64;

/// How long a sender may take for one request.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A delivery as it came.
pub(crate) struct Received {
    pub(crate) body: Bytes,
    pub(crate) verified: Result<Verified, VerifyError>,
}

/// What a delivery must be signed with.
#[derive(Args)]
pub(crate) struct Trust {
    /// The webhook's secret, or for profile `ed25519` its public key, `whpk_…`. Better given as a variable: a flag is
    /// visible to others on the machine.
    #[arg(long, env = "WARDBELL_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// The webhook's signature profile: `standard`, `ed25519`, `lockllm` or `github` [default: `ed25519` for a `whpk_…`
    /// key, else `standard`].
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<SignatureProfile>,
}

fn profile(name: &str) -> Result<SignatureProfile, String> {
    SignatureProfile::from_name(name).ok_or_else(|| {
        let names: Vec<_> = SignatureProfile::ALL.iter().map(|profile| profile.as_str()).collect();
        format!("the profiles are {}", names.join(", "))
    })
}

impl From<String> for Trust {
    fn from(secret: String) -> Self {
        Self { secret, profile: None }
    }
}

impl Trust {
    /// Checks that deliveries can be verified with this.
    ///
    /// # Errors
    /// When the secret or key is not one of the profile.
    pub(crate) fn check(&self) -> Result<()> {
        Ok(verify::check_key(self.profile(), &self.secret)?)
    }

    /// Verifies a delivery; see [`verify::verify_as`].
    ///
    /// # Errors
    /// When it is not signed as it must be, or not fresh.
    pub(crate) fn verify<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now: Timestamp,
        tolerance: Duration,
    ) -> Result<Verified, VerifyError> {
        verify::verify_as(self.profile(), header, body, &self.secret, now, tolerance)
    }

    fn profile(&self) -> SignatureProfile {
        self.profile.unwrap_or_else(|| verify::profile_of(&self.secret))
    }
}

/// A running receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) deliveries: mpsc::Receiver<Received>,
    trust: Arc<OnceLock<Trust>>,
    _task: JoinSet<()>,
}

impl Receiver {
    /// Starts to receive on `address`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(crate) async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}; choose another with --listen"))?;
        let address = listener.local_addr()?;
        let trust = Arc::new(OnceLock::new());
        let (sender, deliveries) = mpsc::channel(WAITING_MAX);
        let mut task = JoinSet::new();
        task.spawn(receive(listener, Arc::clone(&trust), sender));
        Ok(Self { address, deliveries, trust, _task: task })
    }

    /// Says what deliveries are signed with. Deliveries that come before count as unsigned.
    pub(crate) fn trust(&self, trust: impl Into<Trust>) {
        // The first one stands: a receiver has one sender.
        let _ = self.trust.set(trust.into());
    }
}

async fn receive(listener: TcpListener, trust: Arc<OnceLock<Trust>>, sender: mpsc::Sender<Received>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (trust, sender) = (Arc::clone(&trust), sender.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&trust), sender.clone()));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(TIME_MAX);
            // How a sender's connection ends is the sender's affair.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    trust: Arc<OnceLock<Trust>>,
    sender: mpsc::Sender<Received>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(TIME_MAX, Limited::new(body, DELIVERY_BYTES_MAX).collect()).await;
    let Ok(Ok(body)) = read else {
        return Ok(say(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or too slow\n"));
    };
    let body = body.to_bytes();
    let verified = verified(&head.headers, &body, trust.get());
    let status = if verified.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
    if sender.send(Received { body, verified }).await.is_err() {
        return Ok(say(StatusCode::SERVICE_UNAVAILABLE, "the receiver is stopping\n"));
    }
    Ok(say(status, ""))
}

fn verified(headers: &HeaderMap, body: &[u8], trust: Option<&Trust>) -> Result<Verified, VerifyError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    trust.ok_or(VerifyError::Unsigned)?.verify(header, body, ambient::now(), verify::TOLERANCE)
}

fn say(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
