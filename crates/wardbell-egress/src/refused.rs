//! Refusals: why a destination may not be called.
//!
//! A refusal has two readers. Operators get the [`std::fmt::Display`] text, which says what is wrong and what would allow
//! it. Tenants get [`Refused::tenant_text`], which says what is wrong with the *text* of a URL and nothing about where it
//! leads: every refused name, address and port reads [`UNIFORM_REFUSAL`], so the answer cannot be used to look around
//! inside (`spec/egress.md` 5.4).

use std::net::IpAddr;

use crate::address::AddressClass;

/// What a tenant is told about every destination that policy refuses.
pub const UNIFORM_REFUSAL: &str = "destination not allowed";

/// Why a destination may not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The URL is longer than [`crate::url::URL_BYTES_MAX`].
    #[error("must have at most {} bytes", crate::url::URL_BYTES_MAX)]
    TooLong,
    /// A control character, space or backslash, which parsers drop or read in different ways.
    #[error("must not have spaces, control characters or backslashes")]
    ForbiddenByte,
    /// No scheme, or no `//` and host after it.
    #[error("must be a full URL, such as https://example.com/path")]
    NotAbsolute,
    /// A scheme other than `https`, or `http` where no exception allows it.
    #[error("must start with https:// (http only where the operator's allow list has an entry with `+http`)")]
    Scheme,
    /// `http`, which exceptions allow, but not there.
    #[error("http is not allowed there; the allow list may add `CIDR:PORT+http`")]
    HttpNotAllowed,
    /// A user name or password before the host, or an `@` where a careless parser would see one.
    #[error("must not have a user name or password")]
    Userinfo,
    /// A `#` part.
    #[error("must not have a `#` part, which is never sent")]
    Fragment,
    /// No URL in the sense of the WHATWG standard.
    #[error("is not a valid URL")]
    Unparsable,
    /// The parser read the host as something other than what is written: a number as an address, `%6c` as a letter.
    #[error("must have its host written plainly: a name, four decimal numbers, or IPv6 in its shortest form")]
    HostRewritten,
    /// Empty or over-long labels, or characters that no host name has.
    #[error("must have a valid host name")]
    HostForm,
    /// Leading zeros, or nothing after the colon.
    #[error("must have its port written plainly")]
    PortForm,
    /// A name that means something inside the network of this host.
    #[error("the name is for inside use; the allow list has no entry for this port and scheme")]
    Name,
    /// A port that neither default nor allow list has.
    #[error(
        "port {0} is not allowed; the default is 443 (for mail 25, 465, 587, 2525), and the allow list may add `CIDR:{0}`"
    )]
    Port(u16),
    /// An address that is not public and that no exception covers.
    #[error("{ip} is a {class} address; the allow list has no entry for it with this port and scheme")]
    Address {
        /// The address.
        ip: IpAddr,
        /// What it is for.
        class: AddressClass,
    },
    /// The other end of the connection is this host itself.
    #[error("{0} is this host itself")]
    SelfConnection(IpAddr),
}

impl Refused {
    /// What a tenant may be told: what is wrong with the text, or [`UNIFORM_REFUSAL`].
    pub fn tenant_text(&self) -> String {
        if self.is_about_text() { self.to_string() } else { UNIFORM_REFUSAL.to_owned() }
    }

    /// Whether the text of the URL is at fault, rather than where it leads. Only then may a tenant be told more than
    /// [`UNIFORM_REFUSAL`].
    pub const fn is_about_text(&self) -> bool {
        match self {
            Self::TooLong
            | Self::ForbiddenByte
            | Self::NotAbsolute
            | Self::Scheme
            | Self::Userinfo
            | Self::Fragment
            | Self::Unparsable
            | Self::HostRewritten
            | Self::HostForm
            | Self::PortForm => true,
            Self::HttpNotAllowed | Self::Name | Self::Port(_) | Self::Address { .. } | Self::SelfConnection(_) => false,
        }
    }

    /// The word for logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ForbiddenByte => "forbidden_byte",
            Self::NotAbsolute => "not_absolute",
            Self::Scheme => "scheme",
            Self::HttpNotAllowed => "http_not_allowed",
            Self::Userinfo => "userinfo",
            Self::Fragment => "fragment",
            Self::Unparsable => "unparsable",
            Self::HostRewritten => "host_rewritten",
            Self::HostForm => "host_form",
            Self::PortForm => "port_form",
            Self::Name => "name",
            Self::Port(_) => "port",
            Self::Address { .. } => "address",
            Self::SelfConnection(_) => "self_connection",
        }
    }
}
