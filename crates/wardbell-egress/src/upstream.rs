//! The client for language-model providers: connections that are kept and used again.
//!
//! **Theory of operation.** HTTP/1.1 over connections that each went through [`crate::dial`]: a base URL is checked when
//! it is configured, its origin once more whenever a connection is opened, and every address that its name then has. A
//! request that finds an idle connection costs no lookup, no check and no handshake. The answer's body comes as it
//! arrives; its length and pace are for the caller to bound.
//!
//! **Bounds.** [`CONNECT_TIMEOUT`] over lookup, TCP and TLS; [`IDLE_PER_HOST_MAX`] idle connections to one origin, each
//! for [`IDLE_TIMEOUT`]; [`HEAD_BYTES_MAX`] and 100 headers (hyper's own bound) for an answer's head.
//!
//! **What it does not do.** It follows no redirect, sets no header but `Host`, and retries only what was not sent: a
//! request that finds its idle connection closed goes out on another.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Uri;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

use crate::dial::{Channel, DialError, Dialer};
use crate::phases::{Phase, Stopwatch};
use crate::refused::Refused;
use crate::url;

/// The longest that lookup, TCP and TLS handshake may take together. Providers take under a second; a lost first packet
/// is sent again after 1, 3 and 7 seconds (RFC 6298).
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may be idle. Shorter than the 60 seconds after which common load balancers close theirs, so that
/// we are the one to close.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// How many idle connections to one origin are kept.
pub const IDLE_PER_HOST_MAX: usize = 64;

/// The longest head of an answer, in bytes. Also how much of a body may wait unread.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The client for providers. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Upstream {
    client: Client<Connector, Full<Bytes>>,
}

impl Upstream {
    pub(crate) fn new(dialer: Dialer) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(Connector { dialer: Arc::new(dialer) });
        Self { client }
    }

    /// Sends a request and waits for the head of its answer, however long that takes: the caller bounds it. Dropping the
    /// future gives the request up.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, UpstreamError> {
        self.client.request(request).await.map_err(UpstreamError::from)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Policy does not allow the destination, or no longer.
    #[error("the provider's address is refused")]
    Refused(#[source] Refused),
    /// No connection.
    #[error("the provider could not be reached")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// No connection within [`CONNECT_TIMEOUT`].
    #[error("connecting to the provider took too long ({})", .0.as_str())]
    TimedOut(Phase),
    /// The connection broke, or what came back is not HTTP.
    #[error("the exchange with the provider failed")]
    Other {
        /// Whether the provider may have had the request, or part of it. A request that it may have had may have cost
        /// money, and is not to be sent again unasked.
        may_have_reached: bool,
        /// What failed.
        source: hyper_util::client::legacy::Error,
    },
}

impl UpstreamError {
    /// Whether the provider may have had the request, or part of it.
    pub const fn may_have_reached(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Connect(_) | Self::TimedOut(_) => false,
            Self::Other { may_have_reached, .. } => *may_have_reached,
        }
    }
}

impl From<hyper_util::client::legacy::Error> for UpstreamError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        if !error.is_connect() {
            // hyper calls a request cancelled when it gives it back unsent.
            let unsent = error.source().and_then(|source| source.downcast_ref()).is_some_and(hyper::Error::is_canceled);
            return Self::Other { may_have_reached: !unsent, source: error };
        }
        match error.source().and_then(|source| source.downcast_ref::<DialError>()) {
            Some(DialError::Refused(refused)) => Self::Refused(refused.clone()),
            Some(DialError::Timeout(phase)) => Self::TimedOut(*phase),
            Some(DialError::Dns(_) | DialError::Connect(_) | DialError::TlsCertificate(_) | DialError::Tls(_))
            | None => Self::Connect(error),
        }
    }
}

/// Opens the client's connections.
#[derive(Clone)]
struct Connector {
    dialer: Arc<Dialer>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Channel>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = Arc::clone(&self.dialer);
        Box::pin(async move {
            // `Uri` takes `127.1` for a name; the URL check refuses it.
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let origin = format!("{}://{authority}/", uri.scheme_str().unwrap_or_default());
            let to = url::parse(&origin, dialer.policy())?;
            let deadline = Instant::now() + CONNECT_TIMEOUT;
            let channel = dialer.dial(to.target(), deadline, &mut Stopwatch::start()).await?;
            Ok(TokioIo::new(channel))
        })
    }
}

impl Connection for Channel {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests;
