use std::time::Duration;

use super::*;
use SignatureProfile::{Ed25519, GitHub, LockLlm, Standard};
use wardbell_core::secret::Secret;
use wardbell_store::signing::{SECRET_BYTES_MAX, check_secret, check_secret_for};

/// `spec/alert-contracts.md` 3.8, from the Rust library of Standard Webhooks.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const AT: Timestamp = Timestamp::from_millis(1_649_367_553_000);
const V1: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

/// The bytes 1 to 32, and what Python's `cryptography` 50.0.2 and `PyNaCl` 1.6.2 make of them (run 2026-11-23).
const PRIVATE: &str = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const PUBLIC: &str = "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=";
const V1A: &str = "v1a,6CV0dgimZplUFveQwkfqYq6Q3WaO/6xWpss6oM+8XkzyY5UZj018yRar9RAreS+qKCjGiHrdc3yLFZIMMcnrBQ==";

/// Reproduced with `openssl dgst -sha256 -hmac "$SECRET"` over the body.
const BODY_TAG: &str = "sha256=e0fc16c6d4a28f39a6e0935569f05d86e87367db24a4b6d9271215c603e49f6a";

fn secret(text: &str, expires_at: Option<Timestamp>) -> SigningSecret {
    SigningSecret { secret: Secret::new(text.to_owned()), expires_at }
}

fn current(texts: &[&str]) -> Vec<SigningSecret> {
    texts.iter().map(|text| secret(text, None)).collect()
}

/// Name and value of every header, sorted.
fn signed(profile: SignatureProfile, secrets: &[SigningSecret]) -> Result<Vec<(String, String)>, SignError> {
    let headers = sign(profile, ID, AT, BODY, secrets)?;
    let mut all: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    all.sort();
    Ok(all)
}

fn check(profile: SignatureProfile, secrets: &[&str], own: &[(&str, &str)]) {
    let mut expect = vec![("webhook-id", ID), ("webhook-timestamp", "1649367553")];
    expect.extend(own);
    expect.sort_unstable();
    let expect: Vec<_> = expect.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(signed(profile, &current(secrets)), Ok(expect), "{profile:?} {secrets:?}");
}

#[test]
fn each_profile_writes_its_headers_and_no_others() {
    check(Standard, &[SECRET], &[("webhook-signature", V1), ("x-aisg-signature", BODY_TAG)]);
    check(GitHub, &[SECRET], &[("x-hub-signature-256", BODY_TAG)]);
    check(LockLlm, &[SECRET], &[("x-lockllm-signature", SECRET)]);
    check(LockLlm, &["my own words, 16+"], &[("x-lockllm-signature", "my own words, 16+")]);
    check(Ed25519, &[PRIVATE], &[("webhook-signature", V1A)]);
    check(Ed25519, &[PRIVATE, SECRET], &[("webhook-signature", &format!("{V1} {V1A}"))]);
    check(Ed25519, &[SECRET, PRIVATE], &[("webhook-signature", &format!("{V1} {V1A}"))]);
}

#[test]
fn a_private_key_signs_under_its_own_profile_only() {
    check(Standard, &[PRIVATE, SECRET], &[("webhook-signature", V1), ("x-aisg-signature", BODY_TAG)]);
    check(GitHub, &[PRIVATE, SECRET], &[("x-hub-signature-256", BODY_TAG)]);
    check(LockLlm, &[PRIVATE, SECRET], &[("x-lockllm-signature", SECRET)]);
    for profile in [Standard, GitHub, LockLlm] {
        assert_eq!(signed(profile, &current(&[PRIVATE])), Err(SignError::NoSecret), "{profile:?}");
    }
    // Receivers that hold the public key would refuse what only HMACs sign.
    assert_eq!(signed(Ed25519, &current(&[SECRET])), Err(SignError::NoSecret));
}

#[test]
fn a_timestamp_is_that_of_the_attempt_in_whole_seconds() {
    for profile in SignatureProfile::ALL {
        let secrets = current(&[SECRET, PRIVATE]);
        let at = |millis| sign(*profile, ID, AT.after(Duration::from_millis(millis)), BODY, &secrets).unwrap();
        assert_eq!(at(1999)["webhook-timestamp"], "1649367554", "{profile:?}");
        let signature = |millis| at(millis).get(WEBHOOK_SIGNATURE).cloned();
        assert_eq!(signature(0), signature(999));
        assert_eq!(signature(0) == signature(1000), signature(0).is_none(), "the time is signed: {profile:?}");
    }
}

#[test]
fn every_live_secret_signs_and_an_expired_one_does_not() {
    let old = |text, end: i64| secret(text, Some(Timestamp::from_millis(AT.as_millis() + end)));
    let kinds = |headers: Vec<(String, String)>| {
        let (_, tokens) = headers.into_iter().find(|(name, _)| name == "webhook-signature").unwrap();
        let (v1, v1a): (Vec<_>, Vec<_>) = tokens.split(' ').partition(|token| token.starts_with("v1,"));
        assert!(v1a.iter().all(|token| token.starts_with("v1a,")));
        (v1.len(), v1a.len())
    };
    let newest = secret(OTHER, None);
    for (secrets, tokens) in [
        (vec![newest.clone()], 1),
        (vec![newest.clone(), old(SECRET, 1)], 2),
        (vec![newest.clone(), old(SECRET, 0)], 1),
        (vec![newest.clone(), old(SECRET, -1)], 1),
        (vec![newest.clone(); 40], SIGNING_SECRETS_MAX),
    ] {
        assert_eq!(kinds(signed(Standard, &secrets).unwrap()), (tokens, 0));
    }
    let key = SigningSecret::generate_private();
    for (secrets, expect) in [
        (vec![key.clone(), old(PRIVATE, 1)], (0, 2)),
        (vec![key.clone(), old(PRIVATE, 0), old(SECRET, 0)], (0, 1)),
        (vec![key.clone(), newest.clone(), old(PRIVATE, 1), old(SECRET, 1)], (2, 2)),
        // Many of one kind do not crowd out the other.
        ([vec![newest.clone(); 40], vec![key.clone(); 40]].concat(), (SIGNING_SECRETS_MAX, SIGNING_SECRETS_MAX)),
    ] {
        assert_eq!(kinds(signed(Ed25519, &secrets).unwrap()), expect);
    }
    for profile in SignatureProfile::ALL {
        assert_eq!(signed(*profile, &[]), Err(SignError::NoSecret));
        assert_eq!(signed(*profile, &[old(SECRET, 0), old(PRIVATE, 0)]), Err(SignError::NoSecret));
    }
}

#[test]
fn a_header_with_room_for_one_signature_takes_the_newest_secret() {
    let secrets = current(&[OTHER, SECRET]);
    for profile in [GitHub, LockLlm] {
        assert_eq!(signed(profile, &secrets), signed(profile, &current(&[OTHER])), "{profile:?}");
    }
}

#[test]
fn a_malformed_secret_is_an_error_and_not_left_out() {
    let error = |profile, text| signed(profile, &current(&[SECRET, PRIVATE, text])).unwrap_err();
    assert_eq!(error(Standard, "whsec_!"), SignError::Secret(SecretError::Base64));
    assert_eq!(error(Ed25519, "whsk_AAAA"), SignError::Secret(SecretError::Key));
    assert_eq!(signed(GitHub, &current(&["plain text"])), Err(SignError::Secret(SecretError::Prefix)));
    assert_eq!(signed(LockLlm, &current(&["fifteen letters"])), Err(SignError::Secret(SecretError::Text)));
    assert_eq!(sign(Standard, "a\nb", AT, BODY, &current(&[SECRET])).unwrap_err(), SignError::Id);
}

#[test]
fn the_secret_of_lockllm_is_not_shown_by_a_header_dump() {
    let headers = sign(LockLlm, ID, AT, BODY, &current(&[SECRET])).unwrap();
    assert!(!format!("{headers:?}").contains("C2FVs"));
}

#[test]
fn a_public_key_is_that_of_its_private_key() {
    assert_eq!(secret(PRIVATE, None).public_key().as_deref(), Some(PUBLIC));
    let made = SigningSecret::generate_private();
    assert_eq!(check_secret_for(Ed25519, made.secret.reveal()), Ok(()));
    assert_eq!(made.expires_at, None);
    let public = made.public_key().unwrap();
    assert!(public.starts_with("whpk_") && public.len() == PUBLIC.len());
    assert_ne!(made, SigningSecret::generate_private());
    for text in [SECRET, PUBLIC, "whsk_AAAA", ""] {
        assert_eq!(secret(text, None).public_key(), None, "{text}");
    }
}

#[test]
fn secrets_are_checked_and_the_error_says_what_to_mend() {
    let long = format!("whsec_{}", STANDARD.encode([0; SECRET_BYTES_MAX + 1]));
    for (text, expect) in [
        (SECRET, Ok(())),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAA==", Ok(())),
        ("whsec_AAAAAAAAAAAAAAAAAAAAAA", Err(SecretError::Base64)),
        ("whsec_AAAAAAAAAAAAAAAAAAAA", Err(SecretError::Short(15))),
        ("whsec_", Err(SecretError::Short(0))),
        ("whsec_not base64 at all!!!!!!!!", Err(SecretError::Base64)),
        ("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Err(SecretError::Prefix)),
        ("WHSEC_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Err(SecretError::Prefix)),
        ("", Err(SecretError::Prefix)),
        (long.as_str(), Err(SecretError::Long)),
        (PRIVATE, Err(SecretError::Private)),
        (PUBLIC, Err(SecretError::Public)),
    ] {
        assert_eq!(check_secret(text), expect, "{text}");
        assert_eq!(check_secret_for(Standard, text), expect, "{text}");
        assert_eq!(check_secret_for(GitHub, text), expect, "{text}");
        if text != PRIVATE {
            assert_eq!(check_secret_for(Ed25519, text), expect, "{text}");
        }
    }
    assert_eq!(check_secret(&format!("whsec_{}", "A".repeat(1 << 20))), Err(SecretError::Long));
    for (text, expect) in [
        (PRIVATE, Ok(())),
        ("whsk_", Err(SecretError::Key)),
        ("whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==", Err(SecretError::Key)),
        ("whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh", Err(SecretError::Key)),
        ("whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA", Err(SecretError::Key)),
    ] {
        assert_eq!(check_secret_for(Ed25519, text), expect, "{text}");
    }
}

#[test]
fn a_secret_that_is_sent_as_it_is_must_fit_a_header() {
    let of = |length| "x".repeat(length);
    for (text, fits) in [
        (of(16), true),
        (of(15), false),
        (of(256), true),
        (of(257), false),
        ("!~ inner space ~!".to_owned(), true),
        (SECRET.to_owned(), true),
        (format!(" {}", of(16)), false),
        (format!("{} ", of(16)), false),
        (format!("{}\t{}", of(8), of(8)), false),
        (format!("{}\r\nx: y", of(16)), false),
        (format!("{}é", of(16)), false),
        (format!("{}\u{7f}", of(16)), false),
    ] {
        let expect = if fits { Ok(()) } else { Err(SecretError::Text) };
        assert_eq!(check_secret_for(LockLlm, &text), expect, "{text:?}");
    }
    assert_eq!(check_secret_for(LockLlm, PRIVATE), Err(SecretError::Private));
    assert_eq!(check_secret_for(LockLlm, PUBLIC), Err(SecretError::Public));
}
