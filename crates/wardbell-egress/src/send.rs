//! Sending: one bounded call to a webhook's receiver, who may be hostile.
//!
//! **Theory of operation.** One deadline covers the name, the connection, TLS, the head and the body of the answer. The
//! answer's body is kept up to a length and the rest is never read: the connection is closed instead. A redirect is an
//! answer like any other; what it points to is not looked at. The body is not decompressed, so a small answer cannot
//! become a large one.
//!
//! **Reuse.** A connection whose answer was read to its end is kept for [`IDLE_TIME`], so that a burst of calls to one
//! receiver pays one handshake. Its address was judged when it was dialled, and it is used for the same scheme, host and
//! port only. If it turns out closed before the request went out, the request goes out on a new one; a request that may
//! have been seen is never sent twice.
//!
//! **Bounds.** [`SendLimits`]; [`HEAD_BYTES_MAX`] and [`HEADERS_MAX`] for the answer's head, and [`BEFORE_BODY_BYTES_MAX`]
//! for it with the interim answers (`100`, `103`) that are skipped before it; [`IDLE_MAX`] and [`IDLE_PER_HOST_MAX`] idle
//! connections.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::Egress;
use crate::dial::DialError;
use crate::idle::Line;
use crate::meter::{Allowance, Metered, Spent};
use crate::phases::{Phase, Phases, Stopwatch};
use crate::refused::Refused;
use crate::resolve::ResolveError;
use crate::url::Destination;

pub use crate::idle::{IDLE_MAX, IDLE_PER_HOST_MAX, IDLE_TIME};

/// The longest head of an answer, in bytes. Common servers send 8 KiB at most.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// How much may be read until the head of an answer is complete, in bytes: the head, what came with it in the same read, and
/// as much again of interim answers.
pub const BEFORE_BODY_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;

/// How many headers an answer may have.
pub const HEADERS_MAX: usize = 100;

/// Headers of a request that are ours to set, or that would change how the connection is used.
const OURS: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::EXPECT,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// A call to make.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub destination: Destination,
    /// How; `CONNECT` is refused.
    pub method: Method,
    /// Headers beside `Host` and those of HTTP's own framing, which are set here and dropped if given.
    pub headers: HeaderMap,
    /// The body; its length is sent.
    pub body: Bytes,
}

/// The bounds of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    /// The time for all of it, from the lookup to the end of the answer.
    pub deadline: Duration,
    /// How much of the answer's body is kept, in bytes. No more than that and one read is taken in.
    pub response_bytes_max: usize,
}

impl Default for SendLimits {
    /// 15 seconds, as Standard Webhooks advises (15 to 30 s,
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>), and 16 KiB.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(15), response_bytes_max: 16 * 1024 }
    }
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status: 100 to 999. A 3xx was not followed.
    pub status: StatusCode,
    /// The headers. Written by the receiver: hostile.
    pub headers: HeaderMap,
    /// The start of the body, as sent. Written by the receiver: hostile, and not to be shown unescaped.
    pub excerpt: Bytes,
    /// Whether the body went on after the excerpt.
    pub truncated: bool,
    /// How long each phase took.
    pub phases: Phases,
}

/// Why there is no full answer, and how far the call got.
#[derive(Debug, thiserror::Error)]
#[error("the call did not succeed")]
pub struct SendError {
    /// What failed.
    #[source]
    pub kind: SendErrorKind,
    /// The status, if the head came before the body failed.
    pub status: Option<StatusCode>,
    /// How long each phase took.
    pub phases: Phases,
}

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum SendErrorKind {
    /// Policy does not allow the destination or one of its addresses.
    #[error("the destination is refused")]
    Refused(#[source] Refused),
    /// The name gave no address.
    #[error("the name gave no address")]
    Dns(#[source] ResolveError),
    /// No address took the connection.
    #[error("no address took the connection")]
    Connect(#[source] io::Error),
    /// The certificate does not stand up: issuer, name or time.
    #[error("the certificate is not trusted")]
    TlsCertificate(#[source] io::Error),
    /// The TLS handshake failed in another way.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The deadline passed.
    #[error("the time was up ({})", phase.as_str())]
    Timeout {
        /// What was under way.
        phase: Phase,
    },
    /// What came back is not HTTP/1, or breaks a bound on its head.
    #[error("the answer is not acceptable HTTP")]
    Protocol(#[source] hyper::Error),
    /// The connection was closed before the answer was complete.
    #[error("the connection was closed early")]
    Closed(#[source] hyper::Error),
}

impl SendErrorKind {
    /// The word for logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::TlsCertificate(_) => "tls_certificate",
            Self::Tls(_) => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Protocol(_) => "protocol",
            Self::Closed(_) => "closed",
        }
    }
}

impl From<DialError> for SendErrorKind {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Refused(refused) => Self::Refused(refused),
            DialError::Dns(error) => Self::Dns(error),
            DialError::Connect(error) => Self::Connect(error),
            DialError::TlsCertificate(error) => Self::TlsCertificate(error),
            DialError::Tls(error) => Self::Tls(error),
            DialError::Timeout(phase) => Self::Timeout { phase },
        }
    }
}

impl From<hyper::Error> for SendErrorKind {
    fn from(error: hyper::Error) -> Self {
        let broken = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let is_about_connection =
            error.is_incomplete_message() || error.is_closed() || error.is_canceled() || broken.is_some();
        if is_about_connection && !error.is_parse() && !broken.is_some_and(is_malformed) {
            Self::Closed(error)
        } else {
            Self::Protocol(error)
        }
    }
}

/// Whether what was read is at fault, and not the connection: too much of it, or chunks that are none. What TLS objects to
/// is the connection's.
fn is_malformed(error: &io::Error) -> bool {
    match error.get_ref() {
        Some(source) if source.is::<Spent>() => true,
        Some(source) if source.is::<rustls::Error>() => false,
        _ => matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput),
    }
}

impl Egress {
    /// Makes one call and reads its answer. Dropping the future ends the call and closes its connection.
    ///
    /// # Errors
    /// See [`SendErrorKind`].
    pub async fn send(&self, outgoing: Outgoing, limits: SendLimits) -> Result<Answer, SendError> {
        let mut watch = Stopwatch::start();
        let mut status = None;
        let deadline = Instant::now() + limits.deadline;
        let call = self.call(outgoing, limits.response_bytes_max, deadline, &mut watch, &mut status);
        let ended = match timeout_at(deadline, call).await {
            Ok(ended) => ended,
            Err(_) => Err(SendErrorKind::Timeout { phase: watch.phase() }),
        };
        let phases = watch.read();
        match ended {
            Ok(answer) => Ok(Answer { phases, ..answer }),
            Err(kind) => Err(SendError { kind, status, phases }),
        }
    }

    async fn call(
        &self,
        outgoing: Outgoing,
        response_bytes_max: usize,
        deadline: Instant,
        watch: &mut Stopwatch,
        status: &mut Option<StatusCode>,
    ) -> Result<Answer, SendErrorKind> {
        let Outgoing { destination, method, headers, body } = outgoing;
        let mut request = build(&destination, method, headers, body)?;
        let (mut line, response) = loop {
            let (mut line, is_kept) = match self.idle.take(&destination).await {
                Some(line) => (line, true),
                None => (self.open(&destination, deadline, watch).await?, false),
            };
            watch.enter(Phase::Head);
            line.allowance.set(BEFORE_BODY_BYTES_MAX);
            match line.wire.drive(line.requests.try_send_request(request)).await {
                Ok(response) => break (line, response),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if is_kept => request = unsent,
                    _ => return Err(failed.into_error().into()),
                },
            }
        };
        watch.finish();
        watch.enter(Phase::Body);
        line.allowance.lift();
        let (head, mut incoming) = response.into_parts();
        *status = Some(head.status);
        let (excerpt, truncated) = line.wire.drive(read(&mut incoming, response_bytes_max)).await?;
        if !truncated {
            self.idle.keep(&destination, line);
        }
        Ok(Answer { status: head.status, headers: head.headers, excerpt, truncated, phases: Phases::default() })
    }

    async fn open(&self, to: &Destination, deadline: Instant, watch: &mut Stopwatch) -> Result<Line, SendErrorKind> {
        let channel = self.dialer.dial(to.target(), deadline, watch).await?;
        let allowance = Allowance::unbounded();
        let (requests, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(Metered::new(channel, allowance.clone())))
            .await?;
        Ok(Line::new(requests, connection, allowance))
    }
}

fn build(
    to: &Destination,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, SendErrorKind> {
    for name in OURS {
        headers.remove(name);
    }
    let host = HeaderValue::try_from(to.authority()).map_err(|_| SendErrorKind::Refused(Refused::HostForm))?;
    headers.insert(header::HOST, host);
    let mut request = Request::new(Full::new(body));
    // `CONNECT` would ask the receiver to be a proxy.
    if method == Method::CONNECT {
        return Err(SendErrorKind::Refused(Refused::Scheme));
    }
    *request.method_mut() = method;
    *request.uri_mut() = to.path_and_query().parse().map_err(|_| SendErrorKind::Refused(Refused::Unparsable))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Reads a body up to `max` bytes, and says whether it went on.
async fn read(body: &mut Incoming, max: usize) -> Result<(Bytes, bool), SendErrorKind> {
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame?.into_data() else {
            continue;
        };
        let room = max - kept.len();
        let goes_on = data.len() > room;
        data.truncate(room);
        kept.extend_from_slice(&data);
        if goes_on {
            return Ok((kept.freeze(), true));
        }
    }
    Ok((kept.freeze(), false))
}

#[cfg(test)]
mod tests;
