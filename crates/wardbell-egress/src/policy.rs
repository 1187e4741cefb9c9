//! The policy: what the operator allows beyond the default.
//!
//! **The default.** `https`, port 443, public addresses. Nothing else. Mail servers are called by
//! [`crate::Egress::connect`] alone: public addresses, [`MAIL_PORTS`]. An exception that opens a port for `https` opens it
//! for mail, whose client encrypts as well.
//!
//! **Exceptions.** The operator adds exceptions of the form `CIDR:PORT`, `CIDR:*`, each with or without `+http`:
//!
//! | text | allows |
//! |---|---|
//! | `10.1.2.0/24:8443` | `https` to those addresses on port 8443 |
//! | `127.0.0.1/32:11434+http` | `http` and `https` to this host on port 11434 |
//! | `[fd00:1::/32]:443`, `fd00:1::/32:443` | `https` to those addresses on port 443 |
//! | `0.0.0.0/0:8443` | `https` to every *public* IPv4 address on port 8443 |
//!
//! A name needs every one of its addresses covered, those of IPv6 too: to allow `http` outside, give `0.0.0.0/0:80+http`
//! and `[::/0]:80+http`.
//!
//! Three rules keep an exception as narrow as it reads:
//! - A network opens a range that is not public only if it lies wholly inside that range. `0.0.0.0/0` therefore opens
//!   ports and `http` for public addresses and nothing inside; an address where a cloud hands out credentials
//!   ([`AddressClass::Metadata`]) is opened by `/32` or `/128` alone.
//! - `*` is every port but those of [`NAMED_ONLY`], where services listen that trust whoever reaches them. They are
//!   opened by number.
//! - Port 80 is open with `+http` only, and port 0 never.
//!
//! **NAT64.** On a host that has IPv6 only, DNS64 gives addresses of a NAT64 prefix for every IPv4 name. The operator names
//! that prefix; an address in it is judged by the IPv4 address in its last 32 bits. Without that, all of NAT64 is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};

use crate::address::{AddressClass, classify};
use crate::refused::Refused;

/// Ports that `*` does not open: where services listen that trust whoever reaches them. Source: `spec/egress.md` 5.1,
/// row 33.
pub const NAMED_ONLY: &[u16] =
    &[22, 25, 53, 110, 135, 139, 445, 2375, 2379, 3306, 5432, 6379, 6443, 8500, 9200, 10250, 11211, 27017];

/// Ports where public mail servers are called without an exception, by [`crate::Egress::connect`] alone: relay (RFC 5321),
/// submission over TLS (RFC 8314), submission (RFC 6409), and the port that mail services offer where 25 is blocked.
pub const MAIL_PORTS: &[u16] = &[25, 465, 587, 2525];

const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// What will be spoken over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// HTTP over TLS.
    Https,
    /// HTTP in the clear.
    Http,
    /// SMTP, whose client sees to TLS itself.
    Mail,
}

impl Speech {
    pub(crate) const fn http(is_https: bool) -> Self {
        if is_https { Self::Https } else { Self::Http }
    }

    /// Whether public addresses are called on this port without an exception.
    pub(crate) fn is_usual_on(self, port: u16) -> bool {
        match self {
            Self::Https => port == HTTPS_PORT,
            Self::Http => false,
            Self::Mail => MAIL_PORTS.contains(&port),
        }
    }

    fn refuse_port(self, port: u16) -> Refused {
        match self {
            Self::Https | Self::Mail => Refused::Port(port),
            Self::Http => Refused::HttpNotAllowed,
        }
    }
}

/// What may be called. `Policy::default()` is the default of the module's doc.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allow: Vec<Exception>,
    nat64: Vec<Nat64Prefix>,
}

impl Policy {
    /// The default with exceptions.
    pub const fn new(allow: Vec<Exception>) -> Self {
        Self { allow, nat64: Vec::new() }
    }

    /// Adds the NAT64 prefixes of this host's network.
    #[must_use]
    pub fn with_nat64(self, nat64: Vec<Nat64Prefix>) -> Self {
        Self { nat64, ..self }
    }

    /// Judges one address with the port and scheme that it would be called by.
    ///
    /// # Errors
    /// [`Refused::Address`] if it is not public and no exception covers it, [`Refused::Port`] and
    /// [`Refused::HttpNotAllowed`] if it is public.
    pub fn permits(&self, ip: IpAddr, port: u16, is_https: bool) -> Result<(), Refused> {
        self.permits_address(ip, port, Speech::http(is_https))
    }

    /// Judges one address with the port and what will be spoken there.
    pub(crate) fn permits_address(&self, ip: IpAddr, port: u16, speech: Speech) -> Result<(), Refused> {
        let class = self.class(ip);
        if class.is_allowed() && speech.is_usual_on(port) || self.excepts(ip, port, speech) {
            Ok(())
        } else if class.is_allowed() {
            Err(speech.refuse_port(port))
        } else {
            Err(Refused::Address { ip, class })
        }
    }

    /// Whether an exception covers this address, port and speech.
    pub(crate) fn excepts(&self, ip: IpAddr, port: u16, speech: Speech) -> bool {
        let ip = self.embedded(ip);
        let class = classify(ip);
        self.allow.iter().any(|exception| exception.opens(port, speech) && exception.covers(ip, class))
    }

    /// Judges what can be judged of a name before its addresses are known.
    pub(crate) fn permits_name(&self, is_inward: bool, port: u16, speech: Speech) -> Result<(), Refused> {
        let is_default = !is_inward && speech.is_usual_on(port);
        // An exception that spans many ranges opens ports of public addresses; it says nothing of names inside.
        let is_excepted =
            |exception: &Exception| exception.opens(port, speech) && (!is_inward || exception.class.is_some());
        if is_default || self.allow.iter().any(is_excepted) {
            Ok(())
        } else if is_inward {
            Err(Refused::Name)
        } else {
            Err(speech.refuse_port(port))
        }
    }

    /// Whether `http` is allowed anywhere.
    pub(crate) fn knows_http(&self) -> bool {
        self.allow.iter().any(|exception| exception.http)
    }

    fn class(&self, ip: IpAddr) -> AddressClass {
        classify(self.embedded(ip))
    }

    /// The address that is judged: the IPv4 address inside, where the form is known to carry one.
    fn embedded(&self, ip: IpAddr) -> IpAddr {
        match ip.to_canonical() {
            IpAddr::V6(six) if self.nat64.iter().any(|prefix| prefix.0.contains(&six)) => {
                let [.., a, b, c, d] = six.octets();
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            plain => plain,
        }
    }
}

/// One exception: a network, a port or all of them, with or without `http`. The module's doc has the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    network: IpNet,
    /// None: `*`.
    port: Option<u16>,
    http: bool,
    /// The class that the whole network has, if it has one.
    class: Option<AddressClass>,
}

impl Exception {
    fn opens(&self, port: u16, speech: Speech) -> bool {
        let by_number = self.port.map_or(port != 0 && !NAMED_ONLY.contains(&port), |only| only == port);
        by_number && (speech != Speech::Http || self.http) && (port != HTTP_PORT || self.http)
    }

    fn covers(&self, ip: IpAddr, class: AddressClass) -> bool {
        self.network.contains(&ip) && (class.is_allowed() || self.class == Some(class))
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            IpNet::V4(network) => write!(f, "{network}:")?,
            IpNet::V6(network) => write!(f, "[{network}]:")?,
        }
        match self.port {
            Some(port) => write!(f, "{port}")?,
            None => f.write_str("*")?,
        }
        f.write_str(if self.http { "+http" } else { "" })
    }
}

/// Why a text is no exception, and what to write in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExceptionError {
    /// No port.
    #[error("has no port: write CIDR:PORT, such as 10.1.2.3/32:8443, or CIDR:* for all ports")]
    NoPort,
    /// A port that is no number of 1 to 65535 and not `*`.
    #[error("has no valid port: write a number of 1 to 65535, or `*`, with `+http` after it to allow http")]
    BadPort,
    /// No network.
    #[error("has no valid network: write it as CIDR, such as 10.1.2.3/32 for one address")]
    BadNetwork,
    /// A network with bits after its prefix.
    #[error("has a network that ends in bits its prefix does not count: write {0}")]
    HostBits(IpNet),
    /// Port 80 without `+http`.
    #[error("opens port 80 without http: write `:80+http`")]
    PortWithoutHttp,
}

impl FromStr for Exception {
    type Err = ExceptionError;

    fn from_str(text: &str) -> Result<Self, ExceptionError> {
        // The last colon after the slash: the colons of an IPv6 network stand before it.
        let (network, port) = match text.rsplit_once(':') {
            Some((network, port)) if network.contains('/') => (network, port),
            Some(_) if text.contains('/') => return Err(ExceptionError::NoPort),
            _ => return Err(ExceptionError::BadNetwork),
        };
        let (port, http) = port.strip_suffix("+http").map_or((port, false), |port| (port, true));
        let port = match port {
            "*" => None,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(number.parse().ok().filter(|&port: &u16| port != 0).ok_or(ExceptionError::BadPort)?)
            }
            _ => return Err(ExceptionError::BadPort),
        };
        let bare = network.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let network: IpNet = bare.unwrap_or(network).parse().map_err(|_| ExceptionError::BadNetwork)?;
        if bare.is_some() && matches!(network, IpNet::V4(_)) {
            return Err(ExceptionError::BadNetwork);
        }
        if network != network.trunc() {
            return Err(ExceptionError::HostBits(network.trunc()));
        }
        if port == Some(HTTP_PORT) && !http {
            return Err(ExceptionError::PortWithoutHttp);
        }
        let (first, last) = (classify(network.network()), classify(network.broadcast()));
        Ok(Self { network, port, http, class: (first == last).then_some(first) })
    }
}

/// A NAT64 prefix of 96 bits (RFC 6052, section 2.2), such as `64:ff9b::/96`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat64Prefix(Ipv6Net);

/// Why a text is no NAT64 prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a NAT64 prefix of 96 bits: write it as CIDR, such as 64:ff9b::/96")]
pub struct Nat64PrefixError;

impl FromStr for Nat64Prefix {
    type Err = Nat64PrefixError;

    fn from_str(text: &str) -> Result<Self, Nat64PrefixError> {
        let network: Ipv6Net = text.parse().map_err(|_| Nat64PrefixError)?;
        if network.prefix_len() == 96 && network == network.trunc() { Ok(Self(network)) } else { Err(Nat64PrefixError) }
    }
}

#[cfg(test)]
mod tests;
