//! Host names: which are well formed, and which mean something inside a network only.
//!
//! A name on the list below is *inward*. It is refused before DNS is asked, unless the operator has an exception for the
//! port and scheme; then it is looked up, and every address that it has must be covered by an exception. A name that is
//! not on the list and leads inward all the same (`localtest.me`, `10.0.0.1.nip.io`) falls at the address check.

/// The longest name, in bytes without a dot at the end, and the longest label: RFC 1035, section 2.3.4.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Names that are inward, with all names under them: `spec/egress.md` 5.2. Names of one label are inward as well, so
/// `metadata`, `instance-data`, `kubernetes`, `rancher-metadata`, `wpad` and `ip6-localhost` need no line.
const INWARD: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "onion",
    "svc",
    "kubernetes.default",
    "metadata",
    "instance-data",
    "rancher-metadata",
    "kubernetes",
    "wpad",
    "ip6-localhost",
    "metadata.goog",
    "metadata.tencentyun.com",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "api.metadata.cloud.ibm.com",
];

/// Whether the name can be a host name: letters, digits, `-` and `_` in labels of 1 to 63 bytes, 253 bytes in all.
/// `name` is in lower case and has no dot at its end.
pub(crate) fn is_well_formed(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    name.len() <= NAME_BYTES_MAX
        && name.split('.').all(|label| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_fit))
}

/// Whether the name means something inside a network only. `name` is in lower case and has no dot at its end.
pub(crate) fn is_inward(name: &str) -> bool {
    let under = |domain: &&str| name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !name.contains('.') || INWARD.iter().any(under)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_list_is_inward_with_all_under_it() {
        for name in [
            "localhost",
            "foo.localhost",
            "localhost.localdomain",
            "ip6-localhost",
            "printer.local",
            "a.internal",
            "x.intranet",
            "x.lan",
            "x.home.arpa",
            "x.corp",
            "x.home",
            "intranet",
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
            "kubernetes.default.svc",
            "a.svc",
            "a.b.svc.cluster.local",
            "host.docker.internal",
            "gateway.docker.internal",
            "host.containers.internal",
            "wpad",
            "abc.onion",
            "1.0.0.127.in-addr.arpa",
            "1.ip6.arpa",
            "x.metadata.goog",
        ] {
            assert!(is_inward(name), "{name}");
        }
    }

    #[test]
    fn names_that_only_look_alike_are_not_inward() {
        for name in [
            "example.com",
            "mylocalhost.com",
            "local.example.com",
            "internal.example",
            "notmetadata.goog",
            "corp.com",
            "localhost.example.com",
            "localtest.me",
            "169.254.169.254.nip.io",
            "onion.com",
            "wlan.example",
        ] {
            assert!(!is_inward(name), "{name}");
        }
    }

    #[test]
    fn names_have_bounds_and_plain_characters() {
        let label = "a".repeat(63);
        let full = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        for (name, fit) in [
            ("a.example", true),
            ("_dmarc.example", true),
            ("xn--bcher-kva.example", true),
            ("a..b", false),
            (".a", false),
            ("a.", false),
            ("", false),
            ("a*b.example", false),
            ("a,b.example", false),
            ("A.example", false),
            (&format!("{label}.example"), true),
            (&format!("{label}a.example"), false),
            (&full, true),
            (&format!("{full}a"), false),
        ] {
            assert_eq!(is_well_formed(name), fit, "{name}");
        }
    }
}
