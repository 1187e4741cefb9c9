//! Dialling: from a destination to an open connection to an address that policy allows.
//!
//! **Theory of operation.** The name is resolved anew for every connection. All addresses are judged, and one that is
//! refused refuses the name: a name that leads outward and inward at once is an attack or a mistake, and picking the good
//! half of it would hide both. The connection is then made to an address that was judged, never to the name, so nothing
//! can change between check and use; its other end is compared once more. A connection whose two ends have one address
//! leads to this host itself and is refused unless an exception covers it.
//!
//! **Bounds.** [`crate::resolve::ADDRESSES_MAX`] addresses, [`ATTEMPTS_MAX`] attempts, IPv4 and IPv6 in turn, each with
//! its share of the time that is left, so that one address that swallows packets leaves time for the next. The caller
//! bounds the whole.
//!
//! **What it does not do.** No proxy is ever used: nothing here reads the environment, and `clippy.toml` bans it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::name;
use crate::phases::{Phase, Stopwatch};
use crate::policy::{Policy, Speech};
use crate::refused::Refused;
use crate::resolve::{ADDRESSES_MAX, Resolve, ResolveError};
use crate::tls;
use crate::url::Host;

/// How many addresses of one name are tried: two of each family, as a third that fails like the others tells nothing.
pub const ATTEMPTS_MAX: usize = 4;

/// How long a connection is quiet before its far end is asked whether it is still there. Source: our choice, below the
/// minutes after which common firewalls forget a quiet connection, so that a long pause of a model does not lose it.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

/// How long until it is asked again; the system gives up after nine tries (tcp(7), `tcp_keepalive_probes`).
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Why there is no connection. The request was not sent.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Policy allows the destination, or one of its addresses, not.
    #[error("the destination is refused")]
    Refused(#[source] Refused),
    /// The name gave no addresses.
    #[error("the name gave no address")]
    Dns(#[source] ResolveError),
    /// No address took the connection; this is the last one's error.
    #[error("no address took the connection")]
    Connect(#[source] io::Error),
    /// The certificate does not stand up: issuer, name or time.
    #[error("the certificate is not trusted")]
    TlsCertificate(#[source] io::Error),
    /// The TLS handshake failed in another way.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The time was up.
    #[error("connecting took too long ({})", .0.as_str())]
    Timeout(Phase),
}

impl From<Refused> for DialError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Where a connection is to lead and what for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) host: &'a Host,
    pub(crate) port: u16,
    pub(crate) speech: Speech,
}

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Dialer {
    policy: Arc<Policy>,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
}

impl Dialer {
    pub(crate) fn new(policy: Arc<Policy>, resolver: Arc<dyn Resolve>, tls: Arc<ClientConfig>) -> Self {
        Self { policy, resolver, tls: TlsConnector::from(tls) }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Opens a connection that speaks HTTP, by `deadline`. Cancel-safe: what is open is closed.
    pub(crate) async fn dial(
        &self,
        to: Target<'_>,
        deadline: Instant,
        watch: &mut Stopwatch,
    ) -> Result<Channel, DialError> {
        match timeout_at(deadline, self.open(to, deadline, watch)).await {
            Ok(ended) => ended,
            Err(_) => Err(DialError::Timeout(watch.phase())),
        }
    }

    /// Opens a connection on which the caller speaks, by `deadline`. Cancel-safe: what is open is closed.
    pub(crate) async fn dial_plain(
        &self,
        to: Target<'_>,
        deadline: Instant,
        watch: &mut Stopwatch,
    ) -> Result<TcpStream, DialError> {
        match timeout_at(deadline, self.open_plain(to, deadline, watch)).await {
            Ok(ended) => ended,
            Err(_) => Err(DialError::Timeout(watch.phase())),
        }
    }

    async fn open(&self, to: Target<'_>, deadline: Instant, watch: &mut Stopwatch) -> Result<Channel, DialError> {
        let stream = self.open_plain(to, deadline, watch).await?;
        match to.speech {
            Speech::Http | Speech::Mail => return Ok(Channel::Plain(stream)),
            Speech::Https => {}
        }
        watch.enter(Phase::Tls);
        let server = match to.host {
            // An address has no name to send: SNI is absent (RFC 6066, section 3).
            Host::Address(ip) => ServerName::from(*ip),
            Host::Name(name) => ServerName::try_from(name.to_string()).map_err(|_| Refused::HostForm)?,
        };
        let stream = self.tls.connect(server, stream).await.map_err(tls_error)?;
        watch.finish();
        Ok(Channel::Tls(Box::new(stream)))
    }

    async fn open_plain(
        &self,
        to: Target<'_>,
        deadline: Instant,
        watch: &mut Stopwatch,
    ) -> Result<TcpStream, DialError> {
        watch.enter(Phase::Dns);
        let addresses = self.addresses(to).await?;
        watch.finish();
        watch.enter(Phase::Connect);
        let stream = self.connect(to, &addresses, deadline).await?;
        watch.finish();
        Ok(stream)
    }

    /// Finds the addresses of a destination and judges every one. At least one is given.
    pub(crate) async fn addresses(&self, to: Target<'_>) -> Result<Vec<IpAddr>, DialError> {
        let name = match to.host {
            Host::Address(ip) => {
                self.policy.permits_address(*ip, to.port, to.speech)?;
                return Ok(vec![*ip]);
            }
            Host::Name(name) => name,
        };
        let is_inward = name::is_inward(name);
        self.policy.permits_name(is_inward, to.port, to.speech)?;
        let found = self.resolver.resolve(name).await.map_err(DialError::Dns)?;
        match found.len() {
            0 => return Err(DialError::Dns(ResolveError::Empty)),
            1..=ADDRESSES_MAX => {}
            _ => return Err(DialError::Dns(ResolveError::TooMany)),
        }
        let found: Vec<IpAddr> = found.into_iter().map(|ip| ip.to_canonical()).collect();
        for ip in &found {
            self.policy.permits_address(*ip, to.port, to.speech)?;
            if is_inward && !self.policy.excepts(*ip, to.port, to.speech) {
                return Err(Refused::Name.into());
            }
        }
        Ok(found)
    }

    async fn connect(&self, to: Target<'_>, judged: &[IpAddr], deadline: Instant) -> Result<TcpStream, DialError> {
        let order = by_turns(judged);
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for (index, ip) in order.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let attempts_left = u32::try_from(order.len() - index).unwrap_or(u32::MAX);
            let until = Instant::now() + left / attempts_left;
            match timeout_at(until, TcpStream::connect(SocketAddr::new(*ip, to.port))).await {
                Ok(Ok(stream)) => return self.inspect(to, *ip, stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        match last.kind() {
            io::ErrorKind::TimedOut => Err(DialError::Timeout(Phase::Connect)),
            _ => Err(DialError::Connect(last)),
        }
    }

    /// Looks at both ends of a connection before a byte is sent.
    fn inspect(&self, to: Target<'_>, judged: IpAddr, stream: TcpStream) -> Result<TcpStream, DialError> {
        let peer = stream.peer_addr().map_err(DialError::Connect)?.ip().to_canonical();
        let local = stream.local_addr().map_err(DialError::Connect)?.ip().to_canonical();
        if peer != judged {
            self.policy.permits_address(peer, to.port, to.speech)?;
        }
        if peer == local && !self.policy.excepts(peer, to.port, to.speech) {
            return Err(Refused::SelfConnection(peer).into());
        }
        // A request is one write; waiting for more to send would only delay it.
        stream.set_nodelay(true).map_err(DialError::Connect)?;
        let alive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
        SockRef::from(&stream).set_tcp_keepalive(&alive).map_err(DialError::Connect)?;
        Ok(stream)
    }
}

/// The addresses to try: the families by turns (RFC 8305, section 4), the preferred one first.
fn by_turns(judged: &[IpAddr]) -> Vec<IpAddr> {
    let is_first_family = |ip: &&IpAddr| judged.first().is_none_or(|first| first.is_ipv4() == ip.is_ipv4());
    let mut first = judged.iter().filter(is_first_family);
    let mut second = judged.iter().filter(|ip| !is_first_family(ip));
    let mut order = Vec::with_capacity(ATTEMPTS_MAX);
    loop {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            break;
        }
        order.extend(turn.into_iter().flatten().copied());
    }
    order.truncate(ATTEMPTS_MAX);
    order
}

fn tls_error(error: io::Error) -> DialError {
    if tls::is_untrusted(&error) { DialError::TlsCertificate(error) } else { DialError::Tls(error) }
}

/// An open connection, encrypted or not.
pub(crate) enum Channel {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Channel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Channel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests;
