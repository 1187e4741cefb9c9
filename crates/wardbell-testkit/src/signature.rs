//! Signatures as a receiver computes them: an implementation apart from the one in `wardbell-notify`, so that a mistake
//! there is not repeated here.
//!
//! **Source.** Standard Webhooks (<https://www.standardwebhooks.com>): HMAC-SHA256 over
//! `id.timestamp.body`, keyed with the decoded bytes after `whsec_`; and the AISG method: HMAC-SHA256 over the body, keyed
//! with the whole secret string, in lower-case hex.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::request::Recorded;

/// The `v1,…` value of `webhook-signature`. Fails the test if the secret is not `whsec_` and base64.
#[track_caller]
pub fn standard(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let encoded = secret.strip_prefix("whsec_").expect("a secret starts with whsec_");
    let key = STANDARD.decode(encoded).expect("a secret is base64 after whsec_");
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    format!("v1,{}", STANDARD.encode(sign(&key, &signed)))
}

/// The `sha256=…` value of `X-AISG-Signature`.
pub fn aisg(secret: &str, body: &[u8]) -> String {
    let mut header = "sha256=".to_owned();
    for byte in sign(secret.as_bytes(), body) {
        let _ = write!(header, "{byte:02x}");
    }
    header
}

fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

/// Fails the test unless the delivery carries a Standard Webhooks signature made with one of `secrets`.
#[track_caller]
pub fn assert_standard(delivery: &Recorded, secrets: &[&str]) {
    let header = |name: &str| delivery.headers.get(name).unwrap_or_else(|| panic!("the delivery has no {name}"));
    let (id, timestamp, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let good = secrets.iter().any(|secret| {
        let expected = standard(secret, id, timestamp, &delivery.body);
        signatures.split(' ').any(|signature| signature == expected)
    });
    assert!(good, "no signature of {signatures:?} was made with a known secret");
}

/// Fails the test unless the delivery carries an AISG signature made with `secret`.
#[track_caller]
pub fn assert_aisg(delivery: &Recorded, secret: &str) {
    assert_eq!(delivery.headers.get("x-aisg-signature"), Some(aisg(secret, &delivery.body).as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        // The secret, id, time, body and signature of the worked example of the Svix and Standard Webhooks libraries.
        assert_eq!(
            standard(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "1614265330",
                br#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        // RFC 4231, test case 2.
        assert_eq!(
            aisg("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
