use std::collections::BTreeMap;

use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{SignatureProfile, SigningSecret};

use super::*;

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
    let headers = [("webhook-id", ID), ("webhook-timestamp", STAMP), ("webhook-signature", token)];
    check(&headers, BODY, SECRET, now)
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
    let full = [("webhook-id", ID), ("webhook-timestamp", STAMP), ("webhook-signature", TOKEN)];
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
    let headers = sign::sign(SignatureProfile::Standard, "wh_1", at, body, &secrets).unwrap();
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
    let headers = sign::sign(SignatureProfile::Standard, ID, at, BODY, &secrets).unwrap();
    for secret in [OTHER, SECRET] {
        let seen = verify(|name| headers.get(name)?.to_str().ok(), BODY, secret, at, TOLERANCE);
        assert_eq!(seen.unwrap().via, Via::Standard);
    }
}
