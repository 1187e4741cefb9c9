use super::*;

fn check(text: &str, class: AddressClass) {
    let ip: IpAddr = text.parse().unwrap();
    assert_eq!(classify(ip), class, "{text}");
    assert_eq!(class.is_allowed(), class == AddressClass::Public, "{text}");
}

#[test]
fn every_ipv4_range_is_classed_to_its_edges() {
    use AddressClass as C;
    for (text, class) in [
        ("0.0.0.0", C::ThisNetwork),
        ("0.0.0.1", C::ThisNetwork),
        ("0.255.255.255", C::ThisNetwork),
        ("1.0.0.0", C::Public),
        ("9.255.255.255", C::Public),
        ("10.0.0.0", C::Private),
        ("10.255.255.255", C::Private),
        ("11.0.0.0", C::Public),
        ("100.63.255.255", C::Public),
        ("100.64.0.0", C::Shared),
        ("100.127.255.255", C::Shared),
        ("100.128.0.0", C::Public),
        ("126.255.255.255", C::Public),
        ("127.0.0.0", C::Loopback),
        ("127.0.0.1", C::Loopback),
        ("127.255.255.255", C::Loopback),
        ("128.0.0.0", C::Public),
        ("169.253.255.255", C::Public),
        ("169.254.0.0", C::LinkLocal),
        ("169.254.169.253", C::LinkLocal),
        ("169.254.169.123", C::LinkLocal),
        ("169.254.255.255", C::LinkLocal),
        ("169.255.0.0", C::Public),
        ("172.15.255.255", C::Public),
        ("172.16.0.0", C::Private),
        ("172.31.255.255", C::Private),
        ("172.32.0.0", C::Public),
        ("191.255.255.255", C::Public),
        ("192.0.0.0", C::Protocol),
        ("192.0.0.255", C::Protocol),
        ("192.0.1.0", C::Public),
        ("192.0.2.0", C::Documentation),
        ("192.0.2.255", C::Documentation),
        ("192.0.3.0", C::Public),
        ("192.88.98.255", C::Public),
        ("192.88.99.0", C::SixToFour),
        ("192.88.99.255", C::SixToFour),
        ("192.88.100.0", C::Public),
        ("192.167.255.255", C::Public),
        ("192.168.0.0", C::Private),
        ("192.168.255.255", C::Private),
        ("192.169.0.0", C::Public),
        ("198.17.255.255", C::Public),
        ("198.18.0.0", C::Benchmark),
        ("198.19.255.255", C::Benchmark),
        ("198.20.0.0", C::Public),
        ("198.51.99.255", C::Public),
        ("198.51.100.0", C::Documentation),
        ("198.51.100.255", C::Documentation),
        ("198.51.101.0", C::Public),
        ("203.0.112.255", C::Public),
        ("203.0.113.0", C::Documentation),
        ("203.0.113.255", C::Documentation),
        ("203.0.114.0", C::Public),
        ("223.255.255.255", C::Public),
        ("224.0.0.0", C::Multicast),
        ("239.255.255.255", C::Multicast),
        ("240.0.0.0", C::Reserved),
        ("255.255.255.254", C::Reserved),
        ("255.255.255.255", C::Broadcast),
    ] {
        check(text, class);
        // The same address written as IPv6.
        check(&format!("::ffff:{text}"), class);
    }
}

#[test]
fn every_ipv6_range_is_classed_to_its_edges() {
    use AddressClass as C;
    for (text, class) in [
        ("::", C::ThisNetwork),
        ("::1", C::Loopback),
        ("::2", C::Compatible),
        ("::127.0.0.1", C::Compatible),
        ("::8.8.8.8", C::Compatible),
        ("::ffff:ffff", C::Compatible),
        ("::1:0:0", C::Unassigned),
        ("::fffe:ffff:ffff", C::Unassigned),
        ("::ffff:0:127.0.0.1", C::Translated),
        ("::ffff:0:8.8.8.8", C::Translated),
        ("::ffff:1:0:0", C::Unassigned),
        ("64:ff9b::7f00:1", C::Nat64),
        ("64:ff9b::8.8.8.8", C::Nat64),
        ("64:ff9b::1:0:0", C::Unassigned),
        ("64:ff9b:1::a00:1", C::Nat64),
        ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", C::Nat64),
        ("64:ff9b:2::", C::Unassigned),
        ("100::1", C::Discard),
        ("100::ffff:ffff:ffff:ffff", C::Discard),
        ("100:0:0:1::1", C::Discard),
        ("100:0:0:2::", C::Unassigned),
        ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Unassigned),
        ("2000::", C::Public),
        ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Public),
        ("2001::", C::Teredo),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", C::Teredo),
        ("2001:0:ffff:ffff:ffff:ffff:ffff:ffff", C::Teredo),
        ("2001:1::1", C::Protocol),
        ("2001:2::1", C::Protocol),
        ("2001:10::1", C::Protocol),
        ("2001:20::1", C::Protocol),
        ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", C::Protocol),
        ("2001:200::", C::Public),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", C::Public),
        ("2001:db8::", C::Documentation),
        ("2001:db8:64::1", C::Documentation),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", C::Documentation),
        ("2001:db9::", C::Public),
        ("2001:4860:4860::8888", C::Public),
        ("2002::", C::SixToFour),
        ("2002:7f00:1::", C::SixToFour),
        ("2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::SixToFour),
        ("2003::", C::Public),
        ("2606:4700:4700::1111", C::Public),
        ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Public),
        ("3fff::", C::Documentation),
        ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", C::Documentation),
        ("3fff:1000::", C::Public),
        ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Public),
        ("4000::", C::Unassigned),
        ("5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Unassigned),
        ("5f00::", C::SegmentRouting),
        ("5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::SegmentRouting),
        ("5f01::", C::Unassigned),
        ("fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Unassigned),
        ("fc00::1", C::UniqueLocal),
        ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::UniqueLocal),
        ("fe00::", C::Unassigned),
        ("fe80::1", C::LinkLocal),
        ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::LinkLocal),
        ("fec0::1", C::SiteLocal),
        ("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::SiteLocal),
        ("ff00::", C::Multicast),
        ("ff02::1", C::Multicast),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", C::Multicast),
    ] {
        check(text, class);
    }
}

#[test]
fn addresses_that_hand_out_credentials_have_a_class_of_their_own() {
    for text in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.42.42",
        "169.254.0.23",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
    ] {
        check(text, AddressClass::Metadata);
    }
    check("168.63.129.15", AddressClass::Public);
    check("168.63.129.17", AddressClass::Public);
}
