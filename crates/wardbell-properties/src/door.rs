//! What strangers write into URLs and headers.

use std::sync::LazyLock;

use wardbell_egress::policy::Policy;
use wardbell_egress::url::{self, Host, URL_BYTES_MAX};
use wardbell_guard::wishes::Wishes;

/// The policy as it ships, and one that lets `http` out to public addresses.
static POLICIES: LazyLock<[Policy; 2]> = LazyLock::new(|| {
    let exceptions = ["0.0.0.0/0:80+http", "::/0:80+http"].iter().filter_map(|entry| entry.parse().ok()).collect();
    [Policy::default(), Policy::new(exceptions)]
});

pub(crate) fn egress_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for policy in &*POLICIES {
        let Ok(taken) = url::parse(text, policy) else { continue };
        assert!(taken.as_str().len() <= URL_BYTES_MAX && taken.port() != 0);
        assert_eq!(url::parse(taken.as_str(), policy).as_ref(), Ok(&taken), "read back as another");
        match taken.host() {
            Host::Address(ip) => assert!(policy.permits(*ip, taken.port(), taken.is_https()).is_ok()),
            Host::Name(name) => {
                assert!(!name.is_empty() && !name.ends_with('.') && name.parse::<std::net::IpAddr>().is_err());
                assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
            }
        }
        // What goes into the head of a request holds nothing that could end a line or a field.
        let on_the_wire = [taken.authority(), taken.path_and_query().to_owned()].concat();
        assert!(on_the_wire.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!taken.authority().contains(['@', '/', '?', '#']) && taken.path_and_query().starts_with('/'));
    }
}

/// One header a line, as `name: value`; the first of a name counts.
pub(crate) fn wishes(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        Some((line.get(..at)?, line.get(at + 1..)?))
    });
    let headers: Vec<_> = lines.collect();
    let value = |name: &str| headers.iter().find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| *value);
    let said = |name: &str| value(name).map(|value| String::from_utf8_lossy(value).trim().to_ascii_lowercase());
    match Wishes::read(value) {
        Err(error) => assert!(value(error.header).is_some(), "{error} is about a header that is not there"),
        Ok(wishes) => {
            let mode = said("x-lockllm-scan-mode").unwrap_or_else(|| "combined".to_owned());
            assert_eq!(wishes.mode.as_str(), mode);
            assert_eq!(wishes.pii.map(|wish| wish.as_str().to_owned()), said("x-lockllm-pii-action"));
            assert_eq!(wishes.sensitivity.map(|level| level.as_str().to_owned()), said("x-lockllm-sensitivity"));
            assert_eq!(wishes.compression.map(|way| way.as_str().to_owned()), said("x-lockllm-compression"));
            assert_eq!(wishes.chunk.map(|chunk| chunk.to_string()), said("x-lockllm-chunk"));
            assert_eq!(wishes.scan.is_some(), value("x-lockllm-scan-action").is_some());
            assert_eq!(wishes.policy.is_some(), value("x-lockllm-policy-action").is_some());
            assert_eq!(wishes.abuse.is_some(), value("x-lockllm-abuse-action").is_some());
        }
    }
}
