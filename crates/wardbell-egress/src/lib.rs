//! The only way out: webhooks, language-model providers and mail servers are called through here and nowhere else.
//!
//! **Cast.** A [`url::Destination`] is a URL that passed the check. The [`policy::Policy`] says what is allowed beyond
//! the default (`https`, port 443, public addresses), and [`address`] what each address is for. [`resolve`] finds
//! addresses, [`dial`] judges them and connects, [`send`] makes one bounded call to a webhook, [`upstream`] keeps
//! connections to providers, and [`connect`] opens one to a mail server. A [`refused::Refused`] says why not. One [`Egress`] owns all of it.
//!
//! **Guarantees.** No connection is opened to an address that policy does not allow, whatever the URL, the name server or
//! the receiver says: every connection resolves anew, judges all addresses and dials one that it judged. No redirect is
//! followed. No proxy is used. No body is decompressed. Certificates are always checked.
//!
//! **Bounds.** Time: one deadline over a whole call ([`send::SendLimits`]), [`upstream::UpstreamBounds`] for a
//! provider's connection. Memory: head and body of an answer, addresses of a name, lookups under way, idle connections.
//!
//! **What it does not do.** It does not retry or sign, and counts calls per host to providers only. It does not know the
//! ports this gateway listens on; calls to itself fall at the address check, as loopback, private or self-connection. It
//! trusts the operator's exceptions and resolver.

pub mod address;
pub mod connect;
#[cfg(test)]
mod corpus;
pub mod dial;
mod idle;
mod meter;
mod name;
pub mod phases;
pub mod policy;
pub mod refused;
pub mod resolve;
pub mod send;
pub mod tls;
pub mod upstream;
pub mod url;
#[cfg(test)]
mod zoo;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::dial::{Dialer, Target};
use crate::idle::Idle;
use crate::policy::Policy;
use crate::refused::Refused;
use crate::resolve::{NameServers, Resolve, SystemResolver};
use crate::tls::SetupError;
use crate::upstream::{Upstream, UpstreamBounds};

/// What the operator sets.
#[derive(Debug, Clone, Default)]
pub struct EgressConfig {
    /// What may be called.
    pub policy: Policy,
    /// Certificates of private authorities to trust beside the built-in ones, in PEM.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// The name servers to ask ([`resolve::NameServers`]). Empty: the system's resolver is asked.
    pub name_servers: Vec<SocketAddr>,
    /// The bounds of the client for providers.
    pub upstream: UpstreamBounds,
}

/// How long the lookup of an inward name may take when it is judged.
const JUDGE_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// Everything that goes out. Cheap to clone; clones share all.
#[derive(Clone)]
pub struct Egress {
    dialer: Dialer,
    idle: Arc<Idle>,
    upstream: Upstream,
    for_providers: Dialer,
    extra_roots_pem: Option<Arc<[u8]>>,
}

impl Egress {
    /// An egress that asks the configured name servers, or the system's resolver if there are none.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn new(config: EgressConfig) -> Result<Self, SetupError> {
        let resolver = || -> Result<Arc<dyn Resolve>, SetupError> {
            if config.name_servers.is_empty() {
                return Ok(Arc::new(SystemResolver::new()));
            }
            let servers = NameServers::new(config.name_servers.clone()).map_err(SetupError::NameServers)?;
            Ok(Arc::new(servers))
        };
        // Webhooks and providers have lookup places of their own; see `resolve`.
        let (for_webhooks, for_providers) = (resolver()?, resolver()?);
        Self::build(config, for_webhooks, for_providers)
    }

    /// An egress that asks another resolver, whatever name servers are configured.
    ///
    /// # Errors
    /// See [`SetupError`].
    pub fn with_resolver(config: EgressConfig, resolver: Arc<dyn Resolve>) -> Result<Self, SetupError> {
        Self::build(config, Arc::clone(&resolver), resolver)
    }

    fn build(
        config: EgressConfig,
        for_webhooks: Arc<dyn Resolve>,
        for_providers: Arc<dyn Resolve>,
    ) -> Result<Self, SetupError> {
        let EgressConfig { policy, extra_roots_pem, name_servers: _, upstream: bounds } = config;
        let policy = Arc::new(policy);
        let tls = tls::client_config(extra_roots_pem.as_deref())?;
        let dialer = Dialer::new(Arc::clone(&policy), for_webhooks, Arc::clone(&tls));
        let for_providers = Dialer::new(policy, for_providers, tls);
        let upstream = Upstream::new(for_providers.clone(), &bounds);
        Ok(Self {
            dialer,
            idle: Arc::default(),
            upstream,
            for_providers,
            extra_roots_pem: extra_roots_pem.map(Arc::from),
        })
    }

    /// The policy, for checking URLs when they are stored ([`url::parse`]).
    pub fn policy(&self) -> &Policy {
        self.dialer.policy()
    }

    /// Judges a URL that is to be stored. Beyond [`url::parse`], a name that only an exception can let in (it means
    /// something inside a network only, or the URL is not plain HTTPS on port 443) must have addresses now, and each must
    /// be allowed: so that an exception for one network lets in no name of another. Other names are not looked up.
    ///
    /// # Errors
    /// Why the URL is refused.
    pub async fn judge(&self, text: &str) -> Result<url::Destination, Refused> {
        let destination = url::parse(text, self.policy())?;
        self.judge_target(destination.target()).await?;
        Ok(destination)
    }

    /// Looks up a name that only an exception can let in, and judges its addresses.
    async fn judge_target(&self, to: Target<'_>) -> Result<(), Refused> {
        if let url::Host::Name(name) = to.host {
            let is_usual = to.speech.is_usual_on(to.port) && !name::is_inward(name);
            let found = tokio::time::timeout(JUDGE_TIME_MAX, self.dialer.addresses(to));
            if !is_usual && !matches!(found.await, Ok(Ok(_))) {
                return Err(Refused::Name);
            }
        }
        Ok(())
    }

    /// The client for providers. Clones share its connections.
    pub fn upstream(&self) -> Upstream {
        self.upstream.clone()
    }

    /// Another client for providers, with other bounds. It shares no connections with the first, and counts only its own
    /// calls to a host.
    pub fn upstream_within(&self, bounds: &UpstreamBounds) -> Upstream {
        Upstream::new(self.for_providers.clone(), bounds)
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("policy", self.policy()).finish_non_exhaustive()
    }
}
