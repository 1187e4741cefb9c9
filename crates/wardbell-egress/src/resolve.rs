//! Resolving: from a name to all of its addresses.
//!
//! **Theory of operation.** The system's resolver answers, so the operator's DNS set-up counts. It blocks a thread, and a
//! name server that never answers would block one for each request; so lookups have places of their own
//! ([`LOOKUPS_MAX`]), each held until its thread is done, whether or not anyone still waits. Webhooks and providers each
//! have their own places: a tenant's slow name servers take nothing from the gateway.
//!
//! **Name servers.** [`NameServers`] asks servers that the operator names instead, over UDP and, where an answer does not
//! fit, TCP. It reads no file, knows no search domain and keeps no answer, so a name that changes is seen to change. Both
//! kinds of address are asked for, and a server that fails for one fails for the name: half of the addresses cannot be
//! judged for the whole.
//!
//! **Search domains.** A public name is asked for with a dot at its end, so that `hooks.example.com` is never tried as
//! `hooks.example.com.default.svc.cluster.local`. Names that mean something inside only (`name.rs`) are asked for as
//! they are written, since search domains and the hosts file are what they live on.
//!
//! **What it does not do.** It judges nothing: [`crate::dial`] does. The hosts file is not asked for public names, because
//! the dot at the end keeps it from matching.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::sync::Semaphore;

use crate::name;

/// How many lookups may be under way at once, for webhooks and for providers each. A lookup that nobody answers holds
/// its thread for 10 seconds by resolv.conf(5) defaults (5 s, twice), of the 512 threads that tokio lets block.
pub const LOOKUPS_MAX: usize = 32;

/// How many names may be asked for at once by one [`NameServers`]. A name holds two sockets and no thread, for
/// [`ANSWER_TIME_MAX`] at most.
pub const QUESTIONS_MAX: usize = 256;

/// How long the name servers have for one name, all tries together. Half of what resolv.conf(5) grants.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// How long one server has, and how often each has its turn: two servers that do not answer leave time to ask the first
/// once more.
const TRY_TIME_MAX: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;

/// How many addresses a name may have; public services have a dozen at most.
pub const ADDRESSES_MAX: usize = 64;

/// Why a name gave no addresses.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The resolver failed. The system's resolver says the same of a name that does not exist.
    #[error("the name could not be resolved")]
    Failed(#[source] io::Error),
    /// The name has no address. [`NameServers`] says the same of a name that does not exist.
    #[error("the name has no address")]
    Empty,
    /// The name has more than [`ADDRESSES_MAX`] addresses.
    #[error("the name has more than {ADDRESSES_MAX} addresses")]
    TooMany,
}

/// Finds the addresses of names.
#[async_trait::async_trait]
pub trait Resolve: Send + Sync {
    /// All addresses of `name`, IPv4 and IPv6, in the order of preference: a caller that saw only some could not refuse
    /// the name for the others. Cancel-safe.
    ///
    /// # Errors
    /// See [`ResolveError`].
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError>;
}

/// The resolver of the operating system.
#[derive(Debug)]
pub struct SystemResolver {
    places: Arc<Semaphore>,
}

impl SystemResolver {
    /// A resolver with [`LOOKUPS_MAX`] places.
    pub fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|closed| ResolveError::Failed(io::Error::other(closed)))?;
        let asked = if name::is_inward(name) { name.to_owned() } else { format!("{name}.") };
        let lookup = move || {
            // Held to the end of the lookup, not of the wait for it.
            let _place = place;
            let found = (asked.as_str(), 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).take(ADDRESSES_MAX + 1).collect())
        };
        tokio::task::spawn_blocking(lookup)
            .await
            .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
            .map_err(ResolveError::Failed)
    }
}

/// Name servers that the operator names. `localhost` and all under it is loopback, of both kinds, without a server being
/// asked (RFC 6761, section 6.3); an exception that lets it in must cover `127.0.0.1` and `::1`.
pub struct NameServers {
    /// One for each server: asked for a list of servers, the library would take the failure of one for the answer of all.
    servers: Vec<TokioResolver>,
    /// The one that answered last, which is asked first.
    first: AtomicUsize,
    places: Semaphore,
}

impl NameServers {
    /// A resolver that asks the server that answered last, and the others in turn if that one fails.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the list is empty or has a server that cannot be asked.
    pub fn new(servers: Vec<SocketAddr>) -> Result<Self, io::Error> {
        if servers.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name server is given"));
        }
        let servers = servers.into_iter().map(asker).collect::<Result<_, _>>();
        let servers = servers.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Self { servers, first: AtomicUsize::new(0), places: Semaphore::new(QUESTIONS_MAX) })
    }

    async fn find(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let name =
            Name::from_ascii(format!("{name}.")).map_err(|error| ResolveError::Failed(io::Error::other(error)))?;
        let first = self.first.load(Ordering::Relaxed);
        let mut last = ResolveError::Failed(io::ErrorKind::TimedOut.into());
        for (index, server) in self.servers.iter().enumerate().cycle().skip(first).take(ROUNDS * self.servers.len()) {
            match addresses(server, &name).await {
                Err(failed @ ResolveError::Failed(_)) => last = failed,
                answer => {
                    self.first.store(index, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(last)
    }
}

/// Asks one server for the addresses of both kinds.
async fn addresses(server: &TokioResolver, name: &Name) -> Result<Vec<IpAddr>, ResolveError> {
    let (four, six) = tokio::join!(ask(server, name, RecordType::A), ask(server, name, RecordType::AAAA));
    // IPv4 is preferred: more hosts are without IPv6 than without IPv4.
    let found: Vec<IpAddr> = four?.into_iter().chain(six?).take(ADDRESSES_MAX + 1).collect();
    if found.is_empty() { Err(ResolveError::Empty) } else { Ok(found) }
}

/// Asks for one kind of address. No address of the answer is left out, whichever name of a chain it stands at.
async fn ask(server: &TokioResolver, name: &Name, kind: RecordType) -> Result<Vec<IpAddr>, ResolveError> {
    match server.lookup(name.clone(), kind).await {
        Ok(answer) => Ok(answer.answers().iter().filter_map(|record| record.data.ip_addr()).collect()),
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(Vec::new()),
        Err(NetError::Timeout) => Err(ResolveError::Failed(io::ErrorKind::TimedOut.into())),
        Err(error) => Err(ResolveError::Failed(io::Error::other(error))),
    }
}

#[async_trait::async_trait]
impl Resolve for NameServers {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let _place = self.places.acquire().await.map_err(|closed| ResolveError::Failed(io::Error::other(closed)))?;
        tokio::time::timeout(ANSWER_TIME_MAX, self.find(name))
            .await
            .unwrap_or_else(|_| Err(ResolveError::Failed(io::ErrorKind::TimedOut.into())))
    }
}

impl fmt::Debug for NameServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameServers").finish_non_exhaustive()
    }
}

/// What asks one server, over UDP, and over TCP what does not fit.
fn asker(server: SocketAddr) -> Result<TokioResolver, NetError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options();
    builder.build()
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TRY_TIME_MAX;
    options.attempts = 0;
    options.use_hosts_file = ResolveHosts::Never;
    // Nothing is kept: what a name leads to is judged for each connection, as it is then.
    options.cache_size = 0;
    options.positive_max_ttl = Some(Duration::ZERO);
    options.negative_max_ttl = Some(Duration::ZERO);
    options
}

#[cfg(test)]
mod tests;
