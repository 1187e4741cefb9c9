//! `spec/egress.md` 5.2: names and ranges of addresses. Its table has no numbers; here they are that of the line from the
//! top, with `L` and `R` for its left and right half.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::address::AddressClass::{self, *};
use crate::address::classify;
use crate::policy::{MAIL_PORTS, Policy};
use crate::refused::{Refused, UNIFORM_REFUSAL};
use crate::send::SendErrorKind;
use crate::url::{Host, parse};
use crate::zoo::Script;
use crate::{Egress, EgressConfig};

/// The names of the page, in its order. `*.` stands for everything under the name.
const NAMES: &[&str] = &[
    "localhost",
    "*.localhost",
    "*.local",
    "*.internal",
    "*.intranet",
    "*.lan",
    "*.home.arpa",
    "*.corp",
    "*.home",
    // Names of one label.
    "printer",
    "a",
    "xn--bcher-kva",
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "rancher-metadata",
    "metadata.tencentyun.com",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "api.metadata.cloud.ibm.com",
    "kubernetes",
    "kubernetes.default",
    "*.svc",
    "*.cluster.local",
    "host.docker.internal",
    "gateway.docker.internal",
    "host.containers.internal",
    "wpad",
    "*.onion",
    "*.in-addr.arpa",
    "*.ip6.arpa",
];

/// What a name of the page stands for: itself, what is under it, in capitals, with a dot at its end.
fn forms(name: &str) -> Vec<String> {
    let (base, is_exact) = name.strip_prefix("*.").map_or((name, true), |base| (base, false));
    let mut plain = vec![format!("x.{base}"), format!("a.b-c.{base}"), format!("1.{base}")];
    // Of the one-label names of the page only the listed have names under them; any other label is a public domain's end.
    if ["printer", "a", "xn--bcher-kva"].contains(&base) {
        plain.clear();
    }
    if is_exact || !base.contains('.') {
        plain.push(base.to_owned());
    }
    let mixed = |text: &String| {
        let flip = |(index, letter): (usize, char)| if index % 2 == 0 { letter.to_ascii_uppercase() } else { letter };
        text.chars().enumerate().map(flip).collect()
    };
    let mut all: Vec<String> = plain.iter().flat_map(|text| [text.clone(), text.to_uppercase(), mixed(text)]).collect();
    all.extend(all.clone().iter().map(|text| format!("{text}.")));
    all
}

#[tokio::test]
async fn every_name_of_the_page_is_refused_before_a_name_server_is_asked() {
    let script = Script::new(&[&["8.8.8.8"]]);
    let egress = Egress::with_resolver(EgressConfig::default(), script.clone()).unwrap();
    let mut count = 0;
    for form in NAMES.iter().flat_map(|name| forms(name)) {
        let refusal = egress.judge(&format!("https://{form}/hook")).await.unwrap_err();
        assert_eq!(refusal, Refused::Name, "{form}");
        assert_eq!(refusal.tenant_text(), UNIFORM_REFUSAL);
        // Mail goes by the same list.
        for port in MAIL_PORTS {
            let ended = egress.connect(&form, *port, Duration::from_secs(20)).await;
            assert!(matches!(ended, Err(SendErrorKind::Refused(Refused::Name))), "{form} {ended:?}");
        }
        count += 1;
    }
    assert!(count > 500, "{count}");
    assert!(script.asked().is_empty());
}

#[test]
fn an_exception_that_says_nothing_of_the_inside_lets_no_such_name_through() {
    let policy = Policy::new(vec!["0.0.0.0/0:*+http".parse().unwrap(), "::/0:*+http".parse().unwrap()]);
    for form in NAMES.iter().flat_map(|name| forms(name)) {
        assert_eq!(parse(&format!("http://{form}:8080/"), &policy), Err(Refused::Name), "{form}");
    }
}

#[test]
fn names_that_only_look_like_those_of_the_page_are_left_to_their_addresses() {
    for name in [
        "localhost.example.com",
        "mylocalhost.com",
        "notmetadata.goog",
        "tencentyun.com",
        "packet.net",
        "cloud.ibm.com",
        "metadata.cloud.ibm.com",
        "internal.example",
        "corp.com",
        "svc.example",
        "cluster.local.example",
        "onion.example",
        "arpa.example",
        // Public names that resolve inward: the address check's.
        "localtest.me",
        "lvh.me",
        "10.0.0.1.nip.io",
        "10-0-0-1.sslip.io",
        "vcap.me",
        "169.254.169.254.nip.io",
    ] {
        let taken = parse(&format!("https://{name}/"), &Policy::default()).unwrap();
        assert_eq!(*taken.host(), Host::Name(name.into()));
    }
}

/// The row, the range, its class, and those of the addresses just before and just after it.
type Row = (&'static str, &'static str, AddressClass, Option<AddressClass>, Option<AddressClass>);

const RANGES: &[Row] = &[
    ("1L", "0.0.0.0/8", ThisNetwork, None, Some(Public)),
    ("1R", "192.0.0.0/24", Protocol, Some(Public), Some(Public)),
    ("1R", "192.0.0.192/32", Metadata, Some(Protocol), Some(Protocol)),
    ("2L", "10.0.0.0/8", Private, Some(Public), Some(Public)),
    ("2L", "172.16.0.0/12", Private, Some(Public), Some(Public)),
    ("2L", "192.168.0.0/16", Private, Some(Public), Some(Public)),
    ("2R", "192.0.2.0/24", Documentation, Some(Public), Some(Public)),
    ("2R", "198.51.100.0/24", Documentation, Some(Public), Some(Public)),
    ("2R", "203.0.113.0/24", Documentation, Some(Public), Some(Public)),
    ("3L", "100.64.0.0/10", Shared, Some(Public), Some(Public)),
    ("3L", "100.100.100.200/32", Metadata, Some(Shared), Some(Shared)),
    ("3R", "192.88.99.0/24", SixToFour, Some(Public), Some(Public)),
    ("4L", "127.0.0.0/8", Loopback, Some(Public), Some(Public)),
    ("4R", "198.18.0.0/15", Benchmark, Some(Public), Some(Public)),
    ("5L", "169.254.0.0/16", LinkLocal, Some(Public), Some(Public)),
    ("5L", "169.254.169.254/32", Metadata, Some(LinkLocal), Some(LinkLocal)),
    ("5L", "169.254.170.2/32", Metadata, Some(LinkLocal), Some(LinkLocal)),
    ("5L", "169.254.170.23/32", Metadata, Some(LinkLocal), Some(LinkLocal)),
    ("5L", "169.254.169.253/32", LinkLocal, Some(LinkLocal), Some(Metadata)),
    ("5L", "169.254.169.123/32", LinkLocal, Some(LinkLocal), Some(LinkLocal)),
    ("5L", "169.254.42.42/32", Metadata, Some(LinkLocal), Some(LinkLocal)),
    ("5L", "169.254.0.23/32", Metadata, Some(LinkLocal), Some(LinkLocal)),
    ("5R", "224.0.0.0/4", Multicast, Some(Public), Some(Reserved)),
    ("5R", "240.0.0.0/5", Reserved, Some(Multicast), Some(Reserved)),
    ("5R", "255.255.255.255/32", Broadcast, Some(Reserved), None),
    ("6L", "168.63.129.16/32", Metadata, Some(Public), Some(Public)),
    // The gateway of a container's network, on the networks that Docker and Podman take first.
    ("6R", "172.17.0.1/32", Private, Some(Private), Some(Private)),
    ("6R", "10.88.0.1/32", Private, Some(Private), Some(Private)),
    ("7L", "::/128", ThisNetwork, None, Some(Loopback)),
    ("7L", "::1/128", Loopback, Some(ThisNetwork), Some(Compatible)),
    ("7L", "::2/127", Compatible, Some(Loopback), Some(Compatible)),
    ("7L", "::8000:0/97", Compatible, Some(Compatible), Some(Unassigned)),
    ("7L", "::ffff:0:0:0/96", Translated, Some(Unassigned), Some(Unassigned)),
    ("7R", "64:ff9b::/96", Nat64, Some(Unassigned), Some(Unassigned)),
    ("7R", "64:ff9b:1::/48", Nat64, Some(Unassigned), Some(Unassigned)),
    ("8L", "100::/64", Discard, Some(Unassigned), Some(Discard)),
    ("8L", "100:0:0:1::/64", Discard, Some(Discard), Some(Unassigned)),
    ("8R", "2001::/32", Teredo, Some(Public), Some(Protocol)),
    ("8R", "2001:1::/32", Protocol, Some(Teredo), Some(Protocol)),
    ("8R", "2001:2::/48", Protocol, Some(Protocol), Some(Protocol)),
    ("8R", "2001:10::/28", Protocol, Some(Protocol), Some(Protocol)),
    ("8R", "2001:20::/28", Protocol, Some(Protocol), Some(Protocol)),
    ("8R", "2001:100::/24", Protocol, Some(Protocol), Some(Public)),
    ("9L", "2001:db8::/32", Documentation, Some(Public), Some(Public)),
    ("9L", "3fff::/20", Documentation, Some(Public), Some(Public)),
    ("9R", "2002::/16", SixToFour, Some(Public), Some(Public)),
    ("10L", "5f00::/16", SegmentRouting, Some(Unassigned), Some(Unassigned)),
    ("10R", "fc00::/8", UniqueLocal, Some(Unassigned), Some(UniqueLocal)),
    ("10R", "fdff::/16", UniqueLocal, Some(UniqueLocal), Some(Unassigned)),
    ("10R", "fd00:ec2::254/128", Metadata, Some(UniqueLocal), Some(UniqueLocal)),
    ("10R", "fd00:ec2::23/128", Metadata, Some(UniqueLocal), Some(UniqueLocal)),
    ("10R", "fd20:ce::254/128", Metadata, Some(UniqueLocal), Some(UniqueLocal)),
    ("10R", "fd00:c1::a9fe:a9fe/128", Metadata, Some(UniqueLocal), Some(UniqueLocal)),
    ("10R", "fd00:42::42/128", Metadata, Some(UniqueLocal), Some(UniqueLocal)),
    ("11L", "fe80::/10", LinkLocal, Some(Unassigned), Some(SiteLocal)),
    ("11L", "fec0::/10", SiteLocal, Some(LinkLocal), Some(Multicast)),
    ("11R", "ff00::/8", Multicast, Some(SiteLocal), None),
    // Outside of 2000::/3, what no other row names.
    ("11R", "::1:0:0/96", Unassigned, Some(Compatible), Some(Unassigned)),
    ("11R", "100:0:0:2::/64", Unassigned, Some(Discard), Some(Unassigned)),
    ("11R", "1000::/4", Unassigned, Some(Unassigned), Some(Public)),
    ("11R", "4000::/4", Unassigned, Some(Public), Some(Unassigned)),
    ("11R", "5f01::/16", Unassigned, Some(SegmentRouting), Some(Unassigned)),
    ("11R", "6000::/3", Unassigned, Some(Unassigned), Some(Unassigned)),
    ("11R", "8000::/2", Unassigned, Some(Unassigned), Some(Unassigned)),
    ("11R", "f800::/6", Unassigned, Some(Unassigned), Some(UniqueLocal)),
    ("11R", "fe00::/9", Unassigned, Some(UniqueLocal), Some(LinkLocal)),
];

/// How many addresses between the first and the last of a range are looked at.
const SAMPLES: u128 = 64;

/// The address so many after this one, or before it. None beyond either end.
fn shifted(ip: IpAddr, by: i128) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => {
            let bits = i128::from(ip.to_bits()).checked_add(by)?;
            Some(Ipv4Addr::from_bits(u32::try_from(bits).ok()?).into())
        }
        IpAddr::V6(ip) => Some(Ipv6Addr::from_bits(ip.to_bits().checked_add_signed(by)?).into()),
    }
}

/// Every way in that takes an address says the same of it, and a tenant hears the same of all.
fn check(row: &str, ip: IpAddr, class: AddressClass) {
    assert_eq!(classify(ip), class, "{row}: {ip}");
    let policy = Policy::default();
    let outcome = policy.permits(ip, 443, true);
    if class == Public {
        assert_eq!(outcome, Ok(()), "{row}: {ip}");
        return;
    }
    let refusal = Refused::Address { ip, class };
    assert_eq!(outcome, Err(refusal.clone()), "{row}: {ip}");
    assert_eq!(refusal.tenant_text(), UNIFORM_REFUSAL);
    let host = match ip {
        IpAddr::V4(ip) => url::Host::<&str>::Ipv4(ip),
        IpAddr::V6(ip) => url::Host::Ipv6(ip),
    };
    assert_eq!(parse(&format!("https://{host}/"), &policy), Err(refusal.clone()), "{row}: {ip}");
    if let IpAddr::V4(four) = ip {
        let mapped = url::Host::<&str>::Ipv6(four.to_ipv6_mapped());
        assert_eq!(parse(&format!("https://{mapped}/"), &policy), Err(refusal), "{row}: {ip}");
        assert_eq!(classify(four.to_ipv6_mapped().into()), class, "{row}: {ip}");
    }
}

#[test]
fn every_range_is_refused_from_its_first_address_to_its_last_and_not_beyond() {
    for (row, range, class, before, after) in RANGES {
        let range: IpNet = range.parse().unwrap();
        assert_eq!(range, range.trunc(), "{row}");
        let (first, last) = (range.network(), range.broadcast());
        check(row, first, *class);
        check(row, last, *class);
        for (ip, class) in [(shifted(first, -1), before), (shifted(last, 1), after)] {
            assert_eq!(ip.is_some(), class.is_some(), "{row}: {range}");
            if let (Some(ip), Some(class)) = (ip, class) {
                check(row, ip, *class);
            }
        }
        if let (IpAddr::V4(first), IpAddr::V4(last)) = (first, last) {
            let step = u128::from(last.to_bits() - first.to_bits()) / SAMPLES;
            for index in 1..SAMPLES {
                let ip = Ipv4Addr::from_bits(first.to_bits() + u32::try_from(index * step).unwrap());
                assert!(!classify(ip.into()).is_allowed(), "{row}: {ip}");
            }
        }
        if let (IpAddr::V6(first), IpAddr::V6(last)) = (first, last) {
            let step = (last.to_bits() - first.to_bits()) / SAMPLES;
            for index in 1..SAMPLES {
                let ip = Ipv6Addr::from_bits(first.to_bits() + index * step);
                assert!(!classify(ip.into()).is_allowed(), "{row}: {ip}");
            }
        }
    }
}

#[test]
fn row_7l_an_ipv4_address_that_is_written_as_ipv6_is_judged_as_what_it_is() {
    let mapped: IpNet = "::ffff:0:0/96".parse().unwrap();
    let (first, last) = (mapped.network(), mapped.broadcast());
    assert_eq!((classify(first), classify(last)), (ThisNetwork, Broadcast));
    assert_eq!(classify(shifted(first, -1).unwrap()), Unassigned);
    assert_eq!(classify(shifted(last, 1).unwrap()), Unassigned);
    assert_eq!(classify("::ffff:8.8.8.8".parse().unwrap()), Public);
}

#[test]
fn outside_of_2000_3_no_address_of_ipv6_is_allowed() {
    // One address of each /16, at its start, middle and end.
    for head in 0..=u16::MAX {
        for tail in [0, 0x8000 << 96 | 1, u128::MAX >> 16] {
            let ip = Ipv6Addr::from_bits(u128::from(head) << 112 | tail);
            let is_outside = head & 0xe000 != 0x2000;
            assert!(!(is_outside && classify(ip.into()).is_allowed()), "{ip}");
        }
    }
}
