//! The HTTP server: connections in, the right surface for each request, and an orderly end.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, EXPECT};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;
use wardbell_proxy::answer::AnswerBody;
use wardbell_proxy::gateway::Gateway;
use wardbell_proxy::{surface, unread};
use wardbell_store::outbox::Backlog;
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;
use wardbell_telemetry::metrics::metrics;

use crate::health;
use crate::patient::Patient;

/// The most header fields of a request; more is answered 431.
const HEADERS_MAX: usize = 128;

/// The read buffer of a connection. A head may fill it almost twice before it is answered 431: hyper looks at its size
/// only between two reads.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// How long the server pauses when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a reader of metrics waits for the store.
const BACKLOG_TIME_MAX: Duration = Duration::from_secs(2);

/// The surfaces behind one listener.
pub(crate) struct Surfaces {
    /// Another one after each reload; a request keeps the one that it began with.
    pub(crate) gateway: Arc<ArcSwap<Gateway>>,
    pub(crate) api: Router,
    pub(crate) dashboard: Router,
}

/// The bounds of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) connections_max: usize,
    pub(crate) header_time_max: Duration,
    pub(crate) drain_time_max: Duration,
}

/// Serves until `stop` turns true, then lets requests under way end within the drain time.
pub(crate) async fn serve(listener: TcpListener, surfaces: Surfaces, bounds: Bounds, mut stop: watch::Receiver<bool>) {
    let surfaces = Arc::new(surfaces);
    let room = Arc::new(Semaphore::new(bounds.connections_max));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_time_max)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, peer, place)) = accepted else { continue };
        let surfaces = Arc::clone(&surfaces);
        let service = service_fn(move |request| {
            let surfaces = Arc::clone(&surfaces);
            async move { Ok::<_, Infallible>(route(&surfaces, peer, request).await) }
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(Patient::new(stream)), service));
        connections.spawn(async move {
            // A connection's end, good or bad, concerns its peer only; requests on it are recorded by their flights.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    tracing::info!(connections = connections.len(), "draining");
    if tokio::time::timeout(bounds.drain_time_max, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut at the end of the drain time");
    }
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Small frames of a stream must leave at once.
            let _ = stream.set_nodelay(true);
            Some((stream, peer.ip(), place))
        }
        Err(error) => {
            tracing::warn!(%error, "connection not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

type Answer = Response<Either<AnswerBody, Body>>;

async fn route(surfaces: &Surfaces, peer: IpAddr, request: Request<Incoming>) -> Answer {
    let gateway = surfaces.gateway.load_full();
    let request = match surface::serve(&gateway, request).await {
        Ok(answer) => return answer.map(Either::Left),
        Err(request) => request,
    };
    let path = request.uri().path();
    if path.starts_with("/api/") {
        let Ok(answer) = surfaces.api.clone().oneshot(request.map(Body::new)).await;
        return answer.map(Either::Right);
    }
    if wardbell_dashboard::owns(path) {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(wardbell_dashboard::Peer(peer));
        let Ok(answer) = surfaces.dashboard.clone().oneshot(request).await;
        return answer.map(Either::Right);
    }
    let answer = match path {
        "/health" => health::answer(&*gateway.store).await.map(Either::Right),
        "/metrics" => {
            backlog(&*surfaces.gateway.load_full().store).await;
            let mut answer = Response::new(Body::from(metrics().render()));
            let content_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, content_type);
            answer.map(Either::Right)
        }
        _ => plain(
            StatusCode::NOT_FOUND,
            &json!({"detail": "Not found. Chat requests go to POST /v1/chat/completions, scans to POST /v1/scan, \
                               proxied calls to /v1/proxy/{provider}/…, management to /api/v1"}),
        ),
    };
    let expects = request.headers().contains_key(EXPECT);
    unread::let_go(request.into_body(), expects, answer).await
}

/// Reads what waits in the outbox into its gauges. A store that does not answer leaves them as they were: the other metrics
/// say that it fails.
async fn backlog(store: &dyn Store) {
    match tokio::time::timeout(BACKLOG_TIME_MAX, store.backlog()).await {
        Ok(Ok(Backlog { pending, oldest_at, dead })) => {
            let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let age = oldest_at.map_or(Duration::ZERO, |at| ambient::now().since(at));
            metrics().deliveries_pending.set(gauge(pending));
            metrics().oldest_delivery_seconds.set(age.as_secs_f64());
            metrics().dead_letters.set(gauge(dead));
        }
        Ok(Err(error)) => tracing::warn!(%error, "outbox not counted"),
        Err(_) => tracing::warn!("outbox not counted in time"),
    }
}

fn plain(status: StatusCode, body: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.map(Either::Right)
}

/// Binds the listener.
///
/// # Errors
/// When the address cannot be had; the message says what to do.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is in use by another process; stop it, or choose another address with --listen")
        }
        std::io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("this user may not listen on {address}; choose a port of 1024 or above with --listen")
        }
        _ => anyhow::anyhow!("cannot listen on {address}: {error}; choose another address with --listen"),
    })
}
