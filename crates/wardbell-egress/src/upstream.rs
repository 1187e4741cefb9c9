//! The client for language-model providers: connections that are kept and used again.
//!
//! **Theory of operation.** HTTP/1.1 over connections that each went through [`crate::dial`]: a base URL is checked when
//! it is configured, its origin once more whenever a connection is opened, and every address that its name then has. A
//! request that finds an idle connection costs no lookup, no check and no handshake. The answer's body comes as it
//! arrives; its length and pace are for the caller to bound.
//!
//! **Bounds.** [`UpstreamBounds`]: a time over lookup, TCP and TLS, and calls to one host that are under way, beyond which a
//! call waits for its turn; [`IDLE_PER_HOST_MAX`] idle connections to one origin, each for [`IDLE_TIMEOUT`]; [`HEAD_BYTES_MAX`] and 100 headers (hyper's own bound) for an answer's head.
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
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

use crate::dial::{Channel, DialError, Dialer};
use crate::phases::{Phase, Stopwatch};
use crate::refused::Refused;
use crate::url;

mod turn;

pub use turn::AnswerStream;
use turn::Turns;

/// The bounds of the client that an operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamBounds {
    /// The longest that lookup, TCP and TLS handshake may take together.
    pub connect_time_max: Duration,
    /// How many calls to one host may be under way, from before they are sent to the end of their answers.
    pub connections_per_host_max: usize,
}

impl Default for UpstreamBounds {
    /// Providers are reached in under a second; a lost first packet is sent again after 1, 3 and 7 seconds (RFC 6298). The
    /// number of calls is our choice.
    fn default() -> Self {
        Self { connect_time_max: Duration::from_secs(10), connections_per_host_max: 512 }
    }
}

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
    turns: Turns,
}

impl Upstream {
    pub(crate) fn new(dialer: Dialer, bounds: &UpstreamBounds) -> Self {
        let UpstreamBounds { connect_time_max, connections_per_host_max } = *bounds;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(Connector { dialer: Arc::new(dialer), time_max: connect_time_max });
        Self { client, turns: Turns::new(connections_per_host_max) }
    }

    /// Waits for a turn at the host, sends a request and waits for the head of its answer, however long that takes: the
    /// caller bounds it. Dropping the future gives the request up; dropping the answer's body gives the rest of it up.
    ///
    /// # Errors
    /// See [`UpstreamError`].
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Result<Response<AnswerStream>, UpstreamError> {
        let turn = self.turns.at(request.uri().authority().map_or("", |host| host.as_str())).await;
        let answer = self.client.request(request).await.map_err(UpstreamError::from)?;
        Ok(answer.map(|incoming| AnswerStream::new(incoming, turn)))
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
    /// No connection within [`UpstreamBounds::connect_time_max`].
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
    time_max: Duration,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Channel>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (dialer, time_max) = (Arc::clone(&self.dialer), self.time_max);
        Box::pin(async move {
            // `Uri` takes `127.1` for a name; the URL check refuses it.
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            let origin = format!("{}://{authority}/", uri.scheme_str().unwrap_or_default());
            let to = url::parse(&origin, dialer.policy())?;
            let deadline = Instant::now() + time_max;
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
