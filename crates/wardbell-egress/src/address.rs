//! Address classes: what an IP address is for, and so whether a request may go there.
//!
//! **Theory of operation.** One table for each family, first match wins, most special first. IPv4 is a list of what is
//! refused, because all of IPv4 is assigned; IPv6 is the other way about: only `2000::/3` is public, less the
//! exceptions, so an address that is assigned tomorrow is refused today. An IPv4 address that is written as IPv6
//! (`::ffff:0:0/96`) is judged as the IPv4 address that it is; the other forms that carry one inside (compatible, SIIT,
//! NAT64, 6to4, Teredo) are refused whatever they carry, since where they lead depends on the routes of the host. An
//! operator whose network needs NAT64 names its prefix in [`crate::policy::Policy`].
//!
//! **Source.** `spec/egress.md` 5.2, after the IANA special-purpose address registries for IPv4 and IPv6
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>).
//!
//! **What it does not do.** It does not know the addresses of this host: [`crate::dial`] tells those by their being on
//! both ends of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Reachable on the Internet: the only class that is allowed without an exception.
    Public,
    /// `0.0.0.0/8` and `::`: on Linux, this host.
    ThisNetwork,
    /// `127.0.0.0/8` and `::1`.
    Loopback,
    /// `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16`.
    Private,
    /// `100.64.0.0/10`: behind a carrier's NAT, and overlay networks.
    Shared,
    /// `169.254.0.0/16` and `fe80::/10`.
    LinkLocal,
    /// The single addresses where a cloud hands out credentials to whoever asks.
    Metadata,
    /// `192.0.0.0/24` and `2001::/23` but Teredo: kept for protocols.
    Protocol,
    /// `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24`, `2001:db8::/32`, `3fff::/20`.
    Documentation,
    /// `192.88.99.0/24` and `2002::/16`.
    SixToFour,
    /// `198.18.0.0/15`.
    Benchmark,
    /// `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// `240.0.0.0/4` but the last address.
    Reserved,
    /// `255.255.255.255`.
    Broadcast,
    /// `::/96`: an IPv4 address in the form of RFC 4291, section 2.5.5.1.
    Compatible,
    /// `::ffff:0:0:0/96`: an IPv4 address in the form of RFC 2765.
    Translated,
    /// `64:ff9b::/96` and `64:ff9b:1::/48`.
    Nat64,
    /// `2001::/32`.
    Teredo,
    /// `100::/64` and `100:0:0:1::/64`.
    Discard,
    /// `5f00::/16`.
    SegmentRouting,
    /// `fc00::/7`.
    UniqueLocal,
    /// `fec0::/10`.
    SiteLocal,
    /// Everything else outside `2000::/3`.
    Unassigned,
}

impl AddressClass {
    /// The word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::ThisNetwork => "this_network",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::LinkLocal => "link_local",
            Self::Metadata => "metadata",
            Self::Protocol => "protocol",
            Self::Documentation => "documentation",
            Self::SixToFour => "six_to_four",
            Self::Benchmark => "benchmark",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::Broadcast => "broadcast",
            Self::Compatible => "compatible",
            Self::Translated => "translated",
            Self::Nat64 => "nat64",
            Self::Teredo => "teredo",
            Self::Discard => "discard",
            Self::SegmentRouting => "segment_routing",
            Self::UniqueLocal => "unique_local",
            Self::SiteLocal => "site_local",
            Self::Unassigned => "unassigned",
        }
    }

    /// Whether a request may go there without an exception.
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Public)
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Tells what an address is for.
pub fn classify(ip: IpAddr) -> AddressClass {
    match ip.to_canonical() {
        IpAddr::V4(ip) => classify_v4(ip),
        IpAddr::V6(ip) => classify_v6(ip),
    }
}

/// A range: its first address, how many bits of it count, and its class.
type Range<T> = (T, u32, AddressClass);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

/// `spec/egress.md` 5.2. The single addresses: AWS, GCP and Azure and most others (169.254.169.254), ECS (.170.2), EKS
/// (.170.23), Scaleway (.42.42), Tencent (.0.23), Alibaba (100.100.100.200), old Oracle (192.0.0.192), Azure's wire
/// server (168.63.129.16, which is in no special range).
const V4: &[Range<u32>] = &[
    (v4(169, 254, 169, 254), 32, AddressClass::Metadata),
    (v4(169, 254, 170, 2), 32, AddressClass::Metadata),
    (v4(169, 254, 170, 23), 32, AddressClass::Metadata),
    (v4(169, 254, 42, 42), 32, AddressClass::Metadata),
    (v4(169, 254, 0, 23), 32, AddressClass::Metadata),
    (v4(100, 100, 100, 200), 32, AddressClass::Metadata),
    (v4(192, 0, 0, 192), 32, AddressClass::Metadata),
    (v4(168, 63, 129, 16), 32, AddressClass::Metadata),
    (v4(255, 255, 255, 255), 32, AddressClass::Broadcast),
    (v4(0, 0, 0, 0), 8, AddressClass::ThisNetwork),
    (v4(10, 0, 0, 0), 8, AddressClass::Private),
    (v4(100, 64, 0, 0), 10, AddressClass::Shared),
    (v4(127, 0, 0, 0), 8, AddressClass::Loopback),
    (v4(169, 254, 0, 0), 16, AddressClass::LinkLocal),
    (v4(172, 16, 0, 0), 12, AddressClass::Private),
    (v4(192, 0, 0, 0), 24, AddressClass::Protocol),
    (v4(192, 0, 2, 0), 24, AddressClass::Documentation),
    (v4(192, 88, 99, 0), 24, AddressClass::SixToFour),
    (v4(192, 168, 0, 0), 16, AddressClass::Private),
    (v4(198, 18, 0, 0), 15, AddressClass::Benchmark),
    (v4(198, 51, 100, 0), 24, AddressClass::Documentation),
    (v4(203, 0, 113, 0), 24, AddressClass::Documentation),
    (v4(224, 0, 0, 0), 4, AddressClass::Multicast),
    (v4(240, 0, 0, 0), 4, AddressClass::Reserved),
];

/// The address whose first and last four groups these are.
const fn v6(head: [u16; 4], tail: [u16; 4]) -> u128 {
    (groups(head) as u128) << 64 | groups(tail) as u128
}

const fn groups([a, b, c, d]: [u16; 4]) -> u64 {
    (a as u64) << 48 | (b as u64) << 32 | (c as u64) << 16 | d as u64
}

/// `spec/egress.md` 5.2. The single addresses: AWS (instance and EKS), GCP, Oracle, Scaleway. `2000::/3` is last but one:
/// what no line before it names is public.
const V6: &[Range<u128>] = &[
    (v6([0xfd00, 0xec2, 0, 0], [0, 0, 0, 0x254]), 128, AddressClass::Metadata),
    (v6([0xfd00, 0xec2, 0, 0], [0, 0, 0, 0x23]), 128, AddressClass::Metadata),
    (v6([0xfd20, 0xce, 0, 0], [0, 0, 0, 0x254]), 128, AddressClass::Metadata),
    (v6([0xfd00, 0xc1, 0, 0], [0, 0, 0xa9fe, 0xa9fe]), 128, AddressClass::Metadata),
    (v6([0xfd00, 0x42, 0, 0], [0, 0, 0, 0x42]), 128, AddressClass::Metadata),
    (v6([0; 4], [0; 4]), 128, AddressClass::ThisNetwork),
    (v6([0; 4], [0, 0, 0, 1]), 128, AddressClass::Loopback),
    (v6([0; 4], [0; 4]), 96, AddressClass::Compatible),
    (v6([0; 4], [0xffff, 0, 0, 0]), 96, AddressClass::Translated),
    (v6([0x64, 0xff9b, 0, 0], [0; 4]), 96, AddressClass::Nat64),
    (v6([0x64, 0xff9b, 1, 0], [0; 4]), 48, AddressClass::Nat64),
    (v6([0x100, 0, 0, 0], [0; 4]), 64, AddressClass::Discard),
    (v6([0x100, 0, 0, 1], [0; 4]), 64, AddressClass::Discard),
    (v6([0x2001, 0, 0, 0], [0; 4]), 32, AddressClass::Teredo),
    (v6([0x2001, 0, 0, 0], [0; 4]), 23, AddressClass::Protocol),
    (v6([0x2001, 0xdb8, 0, 0], [0; 4]), 32, AddressClass::Documentation),
    (v6([0x2002, 0, 0, 0], [0; 4]), 16, AddressClass::SixToFour),
    (v6([0x3fff, 0, 0, 0], [0; 4]), 20, AddressClass::Documentation),
    (v6([0x5f00, 0, 0, 0], [0; 4]), 16, AddressClass::SegmentRouting),
    (v6([0xfc00, 0, 0, 0], [0; 4]), 7, AddressClass::UniqueLocal),
    (v6([0xfe80, 0, 0, 0], [0; 4]), 10, AddressClass::LinkLocal),
    (v6([0xfec0, 0, 0, 0], [0; 4]), 10, AddressClass::SiteLocal),
    (v6([0xff00, 0, 0, 0], [0; 4]), 8, AddressClass::Multicast),
    (v6([0x2000, 0, 0, 0], [0; 4]), 3, AddressClass::Public),
];

fn classify_v4(ip: Ipv4Addr) -> AddressClass {
    let bits = ip.to_bits();
    V4.iter().find(|(net, len, _)| (bits ^ net) >> (32 - len) == 0).map_or(AddressClass::Public, |found| found.2)
}

fn classify_v6(ip: Ipv6Addr) -> AddressClass {
    let bits = ip.to_bits();
    V6.iter().find(|(net, len, _)| (bits ^ net) >> (128 - len) == 0).map_or(AddressClass::Unassigned, |found| found.2)
}

#[cfg(test)]
mod tests;
