//! A receiver of alerts: what `listen` runs, and what `demo` sends to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wardbell_notify::verify::{self, Verified, VerifyError};
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

/// A running receiver.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) deliveries: mpsc::Receiver<Received>,
    secret: Arc<OnceLock<String>>,
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
        let secret = Arc::new(OnceLock::new());
        let (sender, deliveries) = mpsc::channel(WAITING_MAX);
        let mut task = JoinSet::new();
        task.spawn(receive(listener, Arc::clone(&secret), sender));
        Ok(Self { address, deliveries, secret, _task: task })
    }

    /// Says which secret signs. Deliveries that come before count as unsigned.
    pub(crate) fn trust(&self, secret: String) {
        // The first one stands: a receiver has one sender.
        let _ = self.secret.set(secret);
    }
}

async fn receive(listener: TcpListener, secret: Arc<OnceLock<String>>, sender: mpsc::Sender<Received>) {
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
        let (secret, sender) = (Arc::clone(&secret), sender.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&secret), sender.clone()));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(TIME_MAX);
            // How a sender's connection ends is the sender's affair.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    secret: Arc<OnceLock<String>>,
    sender: mpsc::Sender<Received>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(TIME_MAX, Limited::new(body, DELIVERY_BYTES_MAX).collect()).await;
    let Ok(Ok(body)) = read else {
        return Ok(say(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or too slow\n"));
    };
    let body = body.to_bytes();
    let verified = verified(&head.headers, &body, secret.get());
    let status = if verified.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED };
    if sender.send(Received { body, verified }).await.is_err() {
        return Ok(say(StatusCode::SERVICE_UNAVAILABLE, "the receiver is stopping\n"));
    }
    Ok(say(status, ""))
}

fn verified(headers: &HeaderMap, body: &[u8], secret: Option<&String>) -> Result<Verified, VerifyError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let secret = secret.ok_or(VerifyError::Unsigned)?;
    verify::verify(header, body, secret, ambient::now(), verify::TOLERANCE)
}

fn say(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}
