use super::*;

fn policy(entries: &[&str]) -> Policy {
    Policy::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
}

fn check(entries: &[&str], ip: &str, port: u16, is_https: bool, is_permitted: bool) {
    let outcome = policy(entries).permits(ip.parse().unwrap(), port, is_https);
    assert_eq!(outcome.is_ok(), is_permitted, "{entries:?} {ip} {port} https: {is_https}: {outcome:?}");
}

#[test]
fn without_exceptions_only_https_on_443_to_public_addresses_is_permitted() {
    check(&[], "8.8.8.8", 443, true, true);
    check(&[], "2606:4700::1", 443, true, true);
    check(&[], "8.8.8.8", 443, false, false);
    check(&[], "8.8.8.8", 80, false, false);
    check(&[], "8.8.8.8", 80, true, false);
    check(&[], "8.8.8.8", 8443, true, false);
    check(&[], "8.8.8.8", 0, true, false);
    check(&[], "10.0.0.1", 443, true, false);
    check(&[], "::1", 443, true, false);
    for port in NAMED_ONLY {
        check(&[], "8.8.8.8", *port, true, false);
    }
}

#[test]
fn an_exception_opens_its_addresses_and_port_and_no_others() {
    let one = ["10.1.2.0/24:8443"];
    check(&one, "10.1.2.0", 8443, true, true);
    check(&one, "10.1.2.255", 8443, true, true);
    check(&one, "::ffff:10.1.2.3", 8443, true, true);
    check(&one, "10.1.1.255", 8443, true, false);
    check(&one, "10.1.3.0", 8443, true, false);
    check(&one, "10.1.2.3", 443, true, false);
    check(&one, "10.1.2.3", 8443, false, false);
    check(&["127.0.0.1/32:11434+http"], "127.0.0.1", 11434, false, true);
    check(&["127.0.0.1/32:11434+http"], "127.0.0.1", 11434, true, true);
    check(&["127.0.0.1/32:11434+http"], "127.0.0.2", 11434, false, false);
    check(&["fd00:1::/32:443"], "fd00:1::5", 443, true, true);
    check(&["[fd00:1::/32]:443"], "fd00:2::5", 443, true, false);
}

#[test]
fn a_star_opens_every_port_but_those_that_must_be_named() {
    let all = ["127.0.0.1/32:*+http"];
    for port in [1, 80, 443, 3000, 8080, 65535] {
        check(&all, "127.0.0.1", port, false, true);
    }
    check(&all, "127.0.0.1", 0, false, false);
    for port in NAMED_ONLY {
        check(&all, "127.0.0.1", *port, false, false);
        check(&[&format!("127.0.0.1/32:{port}")], "127.0.0.1", *port, true, true);
    }
    check(&["127.0.0.1/32:*"], "127.0.0.1", 80, true, false);
}

#[test]
fn a_network_wider_than_a_range_does_not_open_that_range() {
    let world = ["0.0.0.0/0:*+http", "::/0:*+http"];
    check(&world, "8.8.8.8", 8080, false, true);
    check(&world, "2606:4700::1", 8080, false, true);
    for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "fe80::1", "0.0.0.0"] {
        check(&world, inside, 8080, false, false);
        check(&world, inside, 443, true, false);
    }
    check(&["10.0.0.0/7:443"], "10.0.0.1", 443, true, false);
    check(&["10.0.0.0/8:443"], "10.0.0.1", 443, true, true);
}

#[test]
fn an_address_that_hands_out_credentials_is_opened_by_itself_alone() {
    check(&["169.254.0.0/16:80+http"], "169.254.169.254", 80, false, false);
    check(&["169.254.169.252/30:80+http"], "169.254.169.254", 80, false, false);
    check(&["169.254.169.254/32:80+http"], "169.254.169.254", 80, false, true);
    check(&["fd00::/8:443"], "fd00:ec2::254", 443, true, false);
    check(&["100.64.0.0/10:443"], "100.100.100.200", 443, true, false);
    check(&["100.64.0.0/10:443"], "100.100.100.201", 443, true, true);
}

#[test]
fn an_address_of_a_named_nat64_prefix_is_judged_by_the_address_inside() {
    let policy = policy(&["10.0.0.5/32:443"])
        .with_nat64(vec!["64:ff9b::/96".parse().unwrap(), "2001:db8:64::/96".parse().unwrap()]);
    for (ip, is_permitted) in [
        ("64:ff9b::8.8.8.8", true),
        ("2001:db8:64::8.8.8.8", true),
        ("2001:db8:64::7f00:1", false),
        ("64:ff9b::169.254.169.254", false),
        ("64:ff9b::10.0.0.5", true),
        ("64:ff9b::10.0.0.6", false),
        ("64:ff9b:1::8.8.8.8", false),
        ("2001:db8:65::8.8.8.8", false),
    ] {
        assert_eq!(policy.permits(ip.parse().unwrap(), 443, true).is_ok(), is_permitted, "{ip}");
    }
    for bad in ["64:ff9b::/95", "64:ff9b::1/96", "10.0.0.0/8", "", "64:ff9b::"] {
        assert!(bad.parse::<Nat64Prefix>().is_err(), "{bad}");
    }
}

#[test]
fn an_exception_reads_back_as_it_was_meant() {
    for (text, shown) in [
        ("127.0.0.1/32:*+http", "127.0.0.1/32:*+http"),
        ("10.0.0.0/8:8443", "10.0.0.0/8:8443"),
        ("fd00::/8:443", "[fd00::/8]:443"),
        ("[fd00::/8]:443+http", "[fd00::/8]:443+http"),
    ] {
        let exception: Exception = text.parse().unwrap();
        assert_eq!(exception.to_string(), shown);
        assert_eq!(shown.parse::<Exception>().unwrap(), exception);
    }
}

#[test]
fn a_bad_exception_is_told_how_to_be_fixed() {
    use ExceptionError as E;
    for (text, error) in [
        ("", E::BadNetwork),
        ("127.0.0.1", E::BadNetwork),
        ("127.0.0.1:443", E::BadNetwork),
        ("localhost:443", E::BadNetwork),
        ("localhost/8:443", E::BadNetwork),
        ("127.0.0.1/33:443", E::BadNetwork),
        ("[127.0.0.1/32]:443", E::BadNetwork),
        ("[fd00::/8:443", E::BadNetwork),
        ("10.0.0.0/8", E::BadNetwork),
        ("fd00::/8", E::NoPort),
        ("10.0.0.0/8:", E::BadPort),
        ("10.0.0.0/8:0", E::BadPort),
        ("10.0.0.0/8:65536", E::BadPort),
        ("10.0.0.0/8:-1", E::BadPort),
        ("10.0.0.0/8:+80", E::BadPort),
        ("10.0.0.0/8:443+https", E::BadPort),
        ("10.0.0.0/8:80", E::PortWithoutHttp),
        ("10.0.0.5/8:443", E::HostBits("10.0.0.0/8".parse().unwrap())),
    ] {
        assert_eq!(text.parse::<Exception>(), Err(error), "{text}");
    }
}
