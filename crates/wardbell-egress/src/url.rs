//! Destinations: URLs that passed the check, and the check.
//!
//! **Theory of operation.** What parsers disagree about is refused, never mended: bytes that some drop, hosts that some
//! read as another host, an `@` that some take for the end of a user name. The steps, in order: bytes and length; scheme;
//! shape (`//`, host, no user name); the WHATWG parser; comparing the host that it found with the host that was written;
//! name or address policy; port policy. What is kept is the parser's own serialised form, so nothing is parsed twice in
//! two ways.
//!
//! **International names.** A host with letters beyond ASCII is taken if the parser's mapping did no more than lower-case
//! it: `https://bücher.example` is kept as `xn--bcher-kva.example`. A host whose letters are mapped to others (full-width
//! and circled forms, soft hyphens) is refused.
//!
//! **Names inside.** See `name.rs`: refused here unless an exception exists for the port and scheme, and then
//! judged again by address when dialled.
//!
//! **What it does not do.** It looks no name up. The check here is for the moment when a URL is stored; what counts is the
//! check of each address, which [`crate::dial`] makes every time.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use url::{Position, Url};

use crate::dial::Target;
use crate::name;
use crate::policy::{Policy, Speech};
use crate::refused::Refused;

/// The longest URL, in bytes. Source: `spec/egress.md` 5.1, row 34.
pub const URL_BYTES_MAX: usize = 2048;

/// A URL that passed the check. The path and query of a webhook URL are credentials: `Debug` shows the origin only.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    url: Url,
    host: Host,
    port: u16,
    is_https: bool,
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in lower case, in its ASCII form, without a dot at its end.
    Name(Box<str>),
    /// An address. IPv4 written as IPv6 is here as IPv4.
    Address(IpAddr),
}

impl Destination {
    /// The name or address.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, which is never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the connection is encrypted.
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// What is dialled for it.
    pub(crate) const fn target(&self) -> Target<'_> {
        Target { host: &self.host, port: self.port, speech: Speech::http(self.is_https) }
    }

    /// The path: `/` at least.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.url.query()
    }

    /// The path and query as they go on the wire.
    pub fn path_and_query(&self) -> &str {
        &self.url[Position::BeforePath..]
    }

    /// The host and, if it is not the scheme's own, the port: what the `Host` header says.
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.to_string(),
            Host::Address(IpAddr::V4(ip)) => ip.to_string(),
            Host::Address(IpAddr::V6(ip)) => format!("[{ip}]"),
        };
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The URL without what follows the host and port: `https://example.com:8443`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.authority())
    }

    /// The whole URL as it is stored. Holds credentials where the URL does.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The URL as it may be shown: `https://example.com/…`.
    pub fn redacted(&self) -> String {
        format!("{}/…", self.origin())
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({})", self.redacted())
    }
}

/// Checks a URL against the form that is taken and the policy.
///
/// # Errors
/// [`Refused`] says which step failed; what a tenant may be told of it is [`Refused::tenant_text`].
pub fn parse(text: &str, policy: &Policy) -> Result<Destination, Refused> {
    if text.len() > URL_BYTES_MAX {
        return Err(Refused::TooLong);
    }
    if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'\\') {
        return Err(Refused::ForbiddenByte);
    }
    let (scheme, rest) = text.split_once(':').ok_or(Refused::NotAbsolute)?;
    let is_https = scheme.eq_ignore_ascii_case("https");
    let is_http = scheme.eq_ignore_ascii_case("http") && policy.knows_http();
    if !is_https && !is_http {
        return Err(Refused::Scheme);
    }
    let rest = rest.strip_prefix("//").ok_or(Refused::NotAbsolute)?;
    let written = Written::split(rest)?;

    let url = Url::parse(text).map_err(|_| Refused::Unparsable)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Userinfo);
    }
    if url.fragment().is_some() {
        return Err(Refused::Fragment);
    }
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(Refused::TooLong);
    }
    let port = url.port_or_known_default().ok_or(Refused::PortForm)?;
    if port == 0 {
        return Err(Refused::Port(port));
    }
    let parsed = url.host().ok_or(Refused::NotAbsolute)?;
    let host = judge(written.host, &parsed, port, Speech::http(is_https), policy)?;
    Ok(Destination { url, host, port, is_https })
}

/// Checks a host that stands outside of any URL: a name, or an address, which may have brackets if it is IPv6. What
/// parsers disagree about is refused as it is in a URL.
pub(crate) fn parse_host(text: &str, port: u16, speech: Speech, policy: &Policy) -> Result<Host, Refused> {
    if text.len() > URL_BYTES_MAX {
        return Err(Refused::TooLong);
    }
    if text.bytes().any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'\\') {
        return Err(Refused::ForbiddenByte);
    }
    let is_bare = text.contains(':') && !text.starts_with('[');
    let written = if is_bare { Cow::from(format!("[{text}]")) } else { Cow::from(text) };
    let parsed = url::Host::parse(&written).map_err(|_| Refused::Unparsable)?;
    judge(&written, &parsed, port, speech, policy)
}

/// Compares the host that the parser found with the one that is written, and judges it.
fn judge<S: AsRef<str>>(
    written: &str,
    parsed: &url::Host<S>,
    port: u16,
    speech: Speech,
    policy: &Policy,
) -> Result<Host, Refused> {
    match parsed {
        url::Host::Domain(parsed) => judge_name(written, parsed.as_ref(), port, speech, policy),
        url::Host::Ipv4(ip) => judge_address(written, &ip.to_string(), (*ip).into(), port, speech, policy),
        // The URL standard writes mapped addresses in hexadecimal (`[::ffff:7f00:1]`), the standard library does not.
        url::Host::Ipv6(ip) => {
            let serialized = url::Host::<&str>::Ipv6(*ip).to_string();
            judge_address(written, &serialized, (*ip).into(), port, speech, policy)
        }
    }
}

/// The host as it is written, before any parser mends it.
struct Written<'a> {
    host: &'a str,
}

impl<'a> Written<'a> {
    /// Splits what follows `//`.
    fn split(rest: &'a str) -> Result<Self, Refused> {
        // `https://example.com?@127.0.0.1/`: a parser that knows of `/` only takes what is before the `@` for a user name.
        if rest.split('/').next().is_some_and(|careless| careless.contains('@')) {
            return Err(Refused::Userinfo);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.is_empty() {
            return Err(Refused::NotAbsolute);
        }
        let (host, port) = if authority.starts_with('[') {
            let end = authority.find(']').ok_or(Refused::Unparsable)?;
            let (host, port) = authority.split_at_checked(end + 1).ok_or(Refused::Unparsable)?;
            match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if port.is_empty() => (host, None),
                None => return Err(Refused::Unparsable),
            }
        } else {
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
        };
        // Port 0 goes through here: that no policy allows it says more than that it is badly written.
        let is_plain = |port: &str| {
            port == "0" || !port.starts_with('0') && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        };
        if port.is_some_and(|port| !is_plain(port)) { Err(Refused::PortForm) } else { Ok(Self { host }) }
    }
}

fn judge_name(written: &str, parsed: &str, port: u16, speech: Speech, policy: &Policy) -> Result<Host, Refused> {
    let is_same = if written.is_ascii() {
        written.eq_ignore_ascii_case(parsed)
    } else {
        let (unicode, outcome) = idna::domain_to_unicode(parsed);
        // Some letters beyond ASCII have an ASCII letter as their lower case (U+212A, the Kelvin sign).
        let ascii = |text: &str| text.bytes().filter(u8::is_ascii).count();
        outcome.is_ok() && unicode == written.to_lowercase() && ascii(&unicode) == ascii(written)
    };
    if !is_same {
        return Err(Refused::HostRewritten);
    }
    let name = parsed.strip_suffix('.').unwrap_or(parsed);
    if !name::is_well_formed(name) {
        return Err(Refused::HostForm);
    }
    policy.permits_name(name::is_inward(name), port, speech)?;
    Ok(Host::Name(name.into()))
}

fn judge_address(
    written: &str,
    serialized: &str,
    ip: IpAddr,
    port: u16,
    speech: Speech,
    policy: &Policy,
) -> Result<Host, Refused> {
    if !written.eq_ignore_ascii_case(serialized) {
        return Err(Refused::HostRewritten);
    }
    let ip = ip.to_canonical();
    policy.permits_address(ip, port, speech)?;
    Ok(Host::Address(ip))
}

#[cfg(test)]
mod tests;
