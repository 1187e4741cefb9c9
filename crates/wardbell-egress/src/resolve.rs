//! Resolving: from a name to all of its addresses.
//!
//! **Theory of operation.** The system's resolver answers, so the operator's DNS set-up counts. It blocks a thread, and a
//! name server that never answers would block one for each request; so lookups have places of their own
//! ([`LOOKUPS_MAX`]), each held until its thread is done, whether or not anyone still waits. Webhooks and providers each
//! have their own places: a tenant's slow name servers take nothing from the gateway.
//!
//! **Search domains.** A public name is asked for with a dot at its end, so that `hooks.example.com` is never tried as
//! `hooks.example.com.default.svc.cluster.local`. Names that mean something inside only (`name.rs`) are asked for as
//! they are written, since search domains and the hosts file are what they live on.
//!
//! **What it does not do.** It judges nothing: [`crate::dial`] does. The hosts file is not asked for public names, because
//! the dot at the end keeps it from matching.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::name;

/// How many lookups may be under way at once, for webhooks and for providers each. A lookup that nobody answers holds
/// its thread for 10 seconds by resolv.conf(5) defaults (5 s, twice), of the 512 threads that tokio lets block.
pub const LOOKUPS_MAX: usize = 32;

/// How many addresses a name may have; public services have a dozen at most.
pub const ADDRESSES_MAX: usize = 64;

/// Why a name gave no addresses.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The resolver failed or knows no such name.
    #[error("the name could not be resolved")]
    Failed(#[source] io::Error),
    /// The name has no address.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_knows_this_host() {
        let found = SystemResolver::new().resolve("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }

    #[tokio::test]
    async fn a_lookup_waits_for_a_place() {
        let resolver = SystemResolver::new();
        let all = u32::try_from(LOOKUPS_MAX).unwrap();
        let taken = Arc::clone(&resolver.places).acquire_many_owned(all).await.unwrap();
        let mut waiting = std::pin::pin!(resolver.resolve("localhost"));
        tokio::select! {
            biased;
            ended = &mut waiting => panic!("{ended:?}"),
            () = tokio::task::yield_now() => {}
        }
        drop(taken);
        assert!(waiting.await.is_ok());
        assert_eq!(resolver.places.available_permits(), LOOKUPS_MAX);
    }
}
