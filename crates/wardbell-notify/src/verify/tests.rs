use std::collections::BTreeMap;

use wardbell_core::secret::Secret;
use wardbell_store::endpoint::SigningSecret;

use super::*;
use crate::sign;
use SignatureProfile::{Ed25519, GitHub, LockLlm, Standard};

/// `spec/alert-contracts.md` 3.8.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const STAMP: &str = "1649367553";
const TOKEN: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
const AISG: &str = "sha256=e0fc16c6d4a28f39a6e0935569f05d86e87367db24a4b6d9271215c603e49f6a";
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const NOW: i64 = 1_649_367_553;

fn check(headers: &[(&str, &str)], body: &[u8], secret: &str, now: i64) -> Result<Verified, VerifyError> {
    let headers: BTreeMap<_, _> = headers.iter().copied().collect();
    verify(|name| headers.get(name).copied(), body, secret, Timestamp::from_millis(now * 1000), TOLERANCE)
}

fn vector(token: &str, now: i64) -> Result<Verified, VerifyError> {
    check(&triple(token), BODY, SECRET, now)
}

/// The vector's headers with this signature.
fn triple(tokens: &str) -> [(&str, &str); 3] {
    [("webhook-id", ID), ("webhook-timestamp", STAMP), ("webhook-signature", tokens)]
}

#[test]
fn the_published_vector_verifies() {
    assert_eq!(vector(TOKEN, NOW), Ok(Verified { webhook_id: Some(ID.to_owned()), via: Via::Standard }));
}

#[test]
fn one_good_token_among_strange_ones_is_enough() {
    let mismatch = Err(VerifyError::Mismatch("webhook-signature"));
    let fine = vector(TOKEN, NOW);
    for (token, expect) in [
        (format!("v1a,AAAA {TOKEN}"), &fine),
        (format!("junk v1, v1,!!!! {TOKEN} v2,x"), &fine),
        (TOKEN.replace("v1,", "v1a,"), &mismatch),
        (TOKEN.replace("v1,t", "v1,u"), &mismatch),
        (TOKEN.to_lowercase(), &mismatch),
        (String::new(), &mismatch),
        ("v1,".to_owned(), &mismatch),
        (format!("{}{TOKEN}", "v1,AAAA ".repeat(TOKENS_MAX)), &mismatch),
    ] {
        assert_eq!(&vector(&token, NOW), expect, "{token}");
    }
}

#[test]
fn a_timestamp_outside_the_tolerance_is_refused_in_both_directions() {
    for (now, expect) in [
        (NOW + 300, None),
        (NOW - 300, None),
        (NOW + 301, Some(VerifyError::TooOld(301))),
        (NOW - 301, Some(VerifyError::TooNew(301))),
    ] {
        assert_eq!(vector(TOKEN, now).err(), expect);
    }
}

#[test]
fn a_malformed_or_missing_header_is_named() {
    let full = triple(TOKEN);
    for (index, (name, _)) in full.iter().enumerate() {
        let mut some = full.to_vec();
        some.remove(index);
        // The other kind of signature does not make up for it.
        some.push(("x-aisg-signature", AISG));
        let Err(VerifyError::Missing(missing)) = check(&some, BODY, SECRET, NOW) else { panic!("{name} is missing") };
        assert_eq!(missing, *name);
    }
    for stamp in ["", "+1649367553", " 1649367553", "1649367553.0", "-1", "99999999999999999999", "now"] {
        let headers = [("webhook-id", ID), ("webhook-timestamp", stamp), ("webhook-signature", TOKEN)];
        let got = check(&headers, BODY, SECRET, NOW);
        assert!(matches!(got, Err(VerifyError::Malformed { name: "webhook-timestamp", .. })), "{stamp}");
    }
    for signature in
        ["", "sha256=", "e0fc", &AISG.replace("sha256=", "sha1="), &AISG.replace('e', "g"), &format!("{AISG}0")]
    {
        let got = check(&[("x-aisg-signature", signature)], BODY, SECRET, NOW);
        assert!(matches!(got, Err(VerifyError::Malformed { name: "x-aisg-signature", .. })), "{signature}");
    }
    assert_eq!(check(&[], BODY, SECRET, NOW), Err(VerifyError::Unsigned));
    assert_eq!(check(&full, BODY, "secret", NOW), Err(VerifyError::Secret(SecretError::Prefix)));
}

#[test]
fn a_changed_body_id_time_or_secret_does_not_verify() {
    let later = (NOW + 1).to_string();
    for (id, stamp, body, secret) in [
        (ID, STAMP, &b"{}"[..], SECRET),
        ("msg_other", STAMP, BODY, SECRET),
        (ID, later.as_str(), BODY, SECRET),
        (ID, STAMP, BODY, OTHER),
    ] {
        let headers = [("webhook-id", id), ("webhook-timestamp", stamp), ("webhook-signature", TOKEN)];
        assert_eq!(check(&headers, body, secret, NOW), Err(VerifyError::Mismatch("webhook-signature")));
    }
}

#[test]
fn an_aisg_signature_alone_verifies_and_its_body_names_the_id() {
    assert_eq!(
        check(&[("x-aisg-signature", AISG)], BODY, SECRET, NOW + 1_000_000),
        Ok(Verified { webhook_id: None, via: Via::Aisg })
    );
    let body = br#"{"webhook_id":"wh_1","event":"x"}"#;
    let secrets = [SigningSecret { secret: Secret::new(SECRET.to_owned()), expires_at: None }];
    let at = Timestamp::from_millis(NOW * 1000);
    let headers = sign::sign(Standard, "wh_1", at, body, &secrets).unwrap();
    let signature = headers["x-aisg-signature"].to_str().unwrap();
    for upper in [signature.to_owned(), format!("sha256={}", signature.trim_start_matches("sha256=").to_uppercase())] {
        assert_eq!(
            check(&[("x-aisg-signature", &upper)], body, SECRET, NOW),
            Ok(Verified { webhook_id: Some("wh_1".to_owned()), via: Via::Aisg })
        );
    }
    assert_eq!(
        check(&[("x-aisg-signature", AISG)], b"{}", SECRET, NOW),
        Err(VerifyError::Mismatch("x-aisg-signature"))
    );
}

#[test]
fn both_secrets_of_a_rotation_verify() {
    let at = Timestamp::from_millis(NOW * 1000);
    let until = Some(at.after(Duration::from_mins(1)));
    let secrets = [(OTHER, None), (SECRET, until)]
        .map(|(text, expires_at)| SigningSecret { secret: Secret::new(text.to_owned()), expires_at });
    let headers = sign::sign(Standard, ID, at, BODY, &secrets).unwrap();
    for secret in [OTHER, SECRET] {
        let seen = verify(|name| headers.get(name)?.to_str().ok(), BODY, secret, at, TOLERANCE);
        assert_eq!(seen.unwrap().via, Via::Standard);
    }
}

/// Made by Python's `cryptography` and `PyNaCl`; see `sign/tests.rs`.
const PUBLIC: &str = "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=";
const PRIVATE: &str = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const V1A: &str = "v1a,6CV0dgimZplUFveQwkfqYq6Q3WaO/6xWpss6oM+8XkzyY5UZj018yRar9RAreS+qKCjGiHrdc3yLFZIMMcnrBQ==";

fn check_as(
    profile: SignatureProfile,
    headers: &[(&str, &str)],
    body: &[u8],
    key: &str,
    now: i64,
) -> Result<Via, VerifyError> {
    let headers: BTreeMap<_, _> = headers.iter().copied().collect();
    let header = |name: &str| headers.get(name).copied();
    verify_as(profile, header, body, key, Timestamp::from_millis(now * 1000), TOLERANCE).map(|verified| verified.via)
}

#[test]
fn a_v1a_token_verifies_against_the_public_key_only() {
    let both = format!("{TOKEN} {V1A}");
    let mismatch = Err(VerifyError::Mismatch("webhook-signature"));
    let other = SigningSecret::generate_private().public_key().unwrap();
    for (token, key, expect) in [
        (V1A.to_owned(), PUBLIC, Ok(Via::Ed25519)),
        (both.clone(), PUBLIC, Ok(Via::Ed25519)),
        (both, SECRET, Ok(Via::Standard)),
        (format!("v1a,!!! v1a,AAAA junk {V1A}"), PUBLIC, Ok(Via::Ed25519)),
        (V1A.to_owned(), SECRET, mismatch.clone()),
        (TOKEN.to_owned(), PUBLIC, mismatch.clone()),
        (V1A.replace("v1a,", "v1,"), PUBLIC, mismatch.clone()),
        (V1A.replace("v1a,6C", "v1a,7C"), PUBLIC, mismatch.clone()),
        (format!("{}{V1A}", "v1a,AAAA ".repeat(TOKENS_MAX)), PUBLIC, mismatch.clone()),
        (V1A.to_owned(), &other, mismatch.clone()),
    ] {
        assert_eq!(check(&triple(&token), BODY, key, NOW).map(|verified| verified.via), expect, "{token} {key}");
    }
    assert_eq!(check(&triple(V1A), b"{}", PUBLIC, NOW), Err(VerifyError::Mismatch("webhook-signature")));
    assert_eq!(check(&triple(V1A), BODY, PUBLIC, NOW + 301), Err(VerifyError::TooOld(301)));
    assert_eq!(check(&triple(V1A), BODY, PUBLIC, NOW - 301), Err(VerifyError::TooNew(301)));
    // A public key is known to all: an HMAC with it says nothing.
    let forged = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, PUBLIC.as_bytes()), BODY);
    let hex: String = forged.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let forged = [("x-aisg-signature", format!("sha256={hex}"))].map(|(name, value)| (name, value.leak() as &str));
    assert_eq!(check(&forged, BODY, PUBLIC, NOW), Err(VerifyError::Missing("webhook-id")));
}

#[test]
fn a_key_of_the_wrong_kind_is_told_apart_from_a_bad_signature() {
    for (profile, key, expect) in [
        (Standard, PUBLIC, SecretError::Public),
        (Standard, PRIVATE, SecretError::Private),
        (Ed25519, SECRET, SecretError::Key),
        (Ed25519, PRIVATE, SecretError::Private),
        (Ed25519, "whpk_AAAA", SecretError::Key),
        (GitHub, "plain text of some length", SecretError::Prefix),
        (LockLlm, "short", SecretError::Text),
        (LockLlm, PRIVATE, SecretError::Private),
    ] {
        assert_eq!(check_key(profile, key), Err(expect), "{profile:?}");
        assert_eq!(check_as(profile, &[], BODY, key, NOW), Err(VerifyError::Secret(expect)), "{profile:?}");
    }
    for (profile, key) in [(Standard, SECRET), (Ed25519, PUBLIC), (GitHub, SECRET), (LockLlm, "any sixteen text")] {
        assert_eq!(check_key(profile, key), Ok(()), "{profile:?}");
    }
}

#[test]
fn a_github_signature_verifies_and_nothing_else_does_in_its_place() {
    const HUB: &str = "x-hub-signature-256";
    let mismatch = Err(VerifyError::Mismatch(HUB));
    let old = (NOW - 301).to_string();
    assert_eq!(check_as(GitHub, &[(HUB, AISG)], BODY, SECRET, NOW), Ok(Via::GitHub));
    assert_eq!(check_as(GitHub, &[(HUB, AISG), ("webhook-timestamp", STAMP)], BODY, SECRET, NOW), Ok(Via::GitHub));
    assert_eq!(check_as(GitHub, &[(HUB, AISG)], b"{}", SECRET, NOW), mismatch);
    assert_eq!(check_as(GitHub, &[(HUB, AISG)], BODY, OTHER, NOW), mismatch);
    assert_eq!(check_as(GitHub, &triple(TOKEN), BODY, SECRET, NOW), Err(VerifyError::Missing(HUB)));
    assert_eq!(
        check_as(GitHub, &[(HUB, AISG), ("webhook-timestamp", &old)], BODY, SECRET, NOW),
        Err(VerifyError::TooOld(301))
    );
    let malformed = check_as(GitHub, &[(HUB, "sha1=00")], BODY, SECRET, NOW);
    assert!(matches!(malformed, Err(VerifyError::Malformed { name: HUB, .. })));
}

#[test]
fn a_secret_sent_as_it_is_must_be_equal() {
    const LOCKLLM: &str = "x-lockllm-signature";
    const TEXT: &str = "a secret of my own";
    let mismatch = Err(VerifyError::Mismatch(LOCKLLM));
    for (given, expect) in [
        (TEXT, Ok(Via::LockLlm)),
        ("a secret of my owN", mismatch.clone()),
        ("a secret of my ow", mismatch.clone()),
        ("a secret of my own!", mismatch.clone()),
        ("", mismatch),
    ] {
        assert_eq!(check_as(LockLlm, &[(LOCKLLM, given)], BODY, TEXT, NOW), expect, "{given}");
    }
    assert_eq!(check_as(LockLlm, &[], BODY, TEXT, NOW), Err(VerifyError::Missing(LOCKLLM)));
    let stamped = [(LOCKLLM, TEXT), ("webhook-timestamp", STAMP)];
    assert_eq!(check_as(LockLlm, &stamped, BODY, TEXT, NOW + 301), Err(VerifyError::TooOld(301)));
}

#[test]
fn what_each_profile_signs_its_receiver_accepts_and_no_other_profile_does() {
    let at = Timestamp::from_millis(NOW * 1000);
    let secrets =
        [SECRET, PRIVATE].map(|text| SigningSecret { secret: Secret::new(text.to_owned()), expires_at: None });
    let key = |profile| if profile == Ed25519 { PUBLIC } else { SECRET };
    for signer in SignatureProfile::ALL {
        let headers = sign::sign(*signer, ID, at, br#"{"webhook_id":"in the body"}"#, &secrets).unwrap();
        let header = |name: &str| headers.get(name)?.to_str().ok();
        for expected in SignatureProfile::ALL {
            let seen = verify_as(*expected, header, br#"{"webhook_id":"in the body"}"#, key(*expected), at, TOLERANCE);
            let accepts = signer == expected || (*signer, *expected) == (Ed25519, Standard);
            assert_eq!(seen.is_ok(), accepts, "{signer:?} {expected:?} {seen:?}");
            if let Ok(Verified { webhook_id, via }) = seen {
                // A signed name goes before one that no signature covers.
                let from_body = matches!(via, Via::GitHub | Via::LockLlm);
                assert_eq!(webhook_id.as_deref(), Some(if from_body { "in the body" } else { ID }));
            }
        }
    }
    let headers = [("x-lockllm-signature", SECRET), ("webhook-id", ID)];
    let headers: BTreeMap<_, _> = headers.into_iter().collect();
    let seen = verify_as(LockLlm, |name| headers.get(name).copied(), BODY, SECRET, at, TOLERANCE).unwrap();
    assert_eq!(seen.webhook_id.as_deref(), Some(ID));
}
