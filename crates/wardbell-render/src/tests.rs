//! Golden files for every kind in every form, and hostile text in all of them.

mod hostile;
mod limits;

use wardbell_core::alert::{Alert, AlertKind, sample};
use wardbell_core::fold::{Fold, FoldReason};
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, KeyId, ProjectId, WebhookId};
use wardbell_core::time::Timestamp;

use super::*;

const AT: Timestamp = Timestamp::from_millis(1_764_000_000_007);
const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

fn id() -> WebhookId {
    DeliveryId::mint(AT, [3; 10]).webhook_id()
}

/// An alert of a kind, as a request raises it.
fn alert(kind: AlertKind) -> Alert {
    let mut alert = sample(
        kind,
        AlertId::mint(AT, [1; 10]),
        ProjectId::mint(AT, [2; 10]),
        EndpointId::mint(AT, [4; 10]),
        "req_0123456789abcdef".to_owned(),
        AT,
    );
    alert.is_test = kind == AlertKind::WebhookTest;
    alert.source.key = Some(KeyId::mint(AT, [5; 10]));
    alert
}

fn fold(reason: FoldReason) -> Fold {
    let alert = alert(AlertKind::PiiBlocked);
    let note = (reason == FoldReason::Silence).then(|| "silenced by ann: load test".to_owned());
    let mut fold = Fold::of(reason, &alert, note);
    for _ in 0..41 {
        fold.add(&alert);
    }
    if reason == FoldReason::Ceiling {
        fold.merge(Fold::of(reason, &self::alert(AlertKind::LoopDetected), None));
    }
    fold.last_at = Timestamp::from_millis(AT.as_millis() + 30_000);
    fold
}

fn wish(to: &[String]) -> Wish<'_> {
    Wish {
        custom_message: None,
        include_preview: true,
        routing_key: Some(ROUTING_KEY),
        mail_from: Some("wardbell@example.com"),
        mail_to: to,
        is_plain: false,
    }
}

fn recipients() -> Vec<String> {
    vec!["ops@example.com".to_owned(), "sec@example.com".to_owned()]
}

fn rendered(format: Format, notice: &Notice<'_>) -> Vec<u8> {
    render(format, notice).unwrap().body.to_vec()
}

/// With `WARDBELL_GOLDEN=write` set at compile time, the files are written anew; then read the diff.
fn check(format: Format, name: &str, made: &[u8]) {
    let extension = if format == Format::Email { "eml" } else { "json" };
    let folder = format!("{}/src/golden/{}", env!("CARGO_MANIFEST_DIR"), format.as_str());
    let path = format!("{folder}/{name}.{extension}");
    if option_env!("WARDBELL_GOLDEN") == Some("write") {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(path, made).unwrap();
    } else {
        let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(String::from_utf8_lossy(made), String::from_utf8_lossy(&golden), "{path}");
    }
}

#[test]
fn every_kind_in_every_form_is_as_its_golden_file_says() {
    let to = recipients();
    for format in Format::ALL {
        for kind in AlertKind::ALL {
            let alert = alert(*kind);
            // The first product is metadata only, and its form is the default.
            let include_preview = *format != Format::Json;
            let wish = Wish { include_preview, ..wish(&to) };
            let notice = Notice { id: id(), alert: &alert, fold: None, wish };
            let made = rendered(*format, &notice);
            assert_eq!(made, rendered(*format, &notice), "the same notice gives the same bytes");
            check(*format, kind.as_str(), &made);
        }
        for reason in FoldReason::ALL {
            let (alert, fold) = (alert(AlertKind::PiiBlocked), fold(*reason));
            let notice = Notice { id: id(), alert: &alert, fold: Some(&fold), wish: wish(&to) };
            check(*format, &format!("fold.{}", reason.as_str()), &rendered(*format, &notice));
        }
    }
}

#[test]
fn a_custom_message_and_the_plain_form_are_as_their_golden_files_say() {
    let to = recipients();
    let alert = alert(AlertKind::InjectionBlocked);
    for format in [Format::Slack, Format::Discord, Format::Teams, Format::Email] {
        let wish = Wish { custom_message: Some("Shop: please look at once <!here>"), ..wish(&to) };
        let notice = Notice { id: id(), alert: &alert, fold: None, wish };
        check(format, "custom_message", &rendered(format, &notice));
        let plain = Notice { wish: Wish { is_plain: true, ..wish }, ..notice };
        check(format, "plain", &rendered(format, &plain));
    }
}

#[test]
fn a_form_says_what_it_lacks() {
    let alert = alert(AlertKind::PiiBlocked);
    let notice = Notice { id: id(), alert: &alert, fold: None, wish: Wish::default() };
    for (format, word) in [(Format::PagerDuty, "routing_key"), (Format::Email, "smtp.from")] {
        assert!(render(format, &notice).unwrap_err().to_string().contains(word), "{format:?}");
    }
    let nobody = Wish { mail_from: Some("a@example.com"), ..Wish::default() };
    assert!(render(Format::Email, &Notice { wish: nobody, ..notice }).unwrap_err().to_string().contains("`to`"));
}

#[test]
fn no_preview_leaves_unless_the_endpoint_wants_it() {
    let to = recipients();
    let mut alert = alert(AlertKind::InjectionBlocked);
    alert.preview = Some("canary-preview".to_owned());
    for format in Format::ALL {
        for is_plain in [false, true] {
            let wish = Wish { include_preview: false, is_plain, ..wish(&to) };
            let made = rendered(*format, &Notice { id: id(), alert: &alert, fold: None, wish });
            assert!(!String::from_utf8_lossy(&made).contains("canary"), "{format:?}");
        }
    }
}

#[test]
fn what_begins_and_what_ends_a_state_are_one_incident() {
    let to = recipients();
    let body = |kind: AlertKind| -> serde_json::Value {
        let alert = alert(kind);
        let notice = Notice { id: id(), alert: &alert, fold: None, wish: wish(&to) };
        serde_json::from_slice(&rendered(Format::PagerDuty, &notice)).unwrap()
    };
    let (failing, recovered) = (body(AlertKind::EndpointFailing), body(AlertKind::EndpointRecovered));
    assert_eq!((&failing["event_action"], &recovered["event_action"]), (&"trigger".into(), &"resolve".into()));
    assert_eq!(failing["dedup_key"], recovered["dedup_key"]);
    assert_ne!(failing["dedup_key"], body(AlertKind::PiiBlocked)["dedup_key"]);
}

#[test]
fn a_test_of_any_kind_says_that_it_is_one() {
    let to = recipients();
    for kind in AlertKind::ALL {
        let mut alert = alert(*kind);
        alert.is_test = true;
        let notice = Notice { id: id(), alert: &alert, fold: None, wish: wish(&to) };
        let body: serde_json::Value = serde_json::from_slice(&rendered(Format::Json, &notice)).unwrap();
        assert_eq!(body["data"]["test"], true, "{kind}");
        assert_eq!(body["event"], kind.as_str());
        let chat = String::from_utf8(rendered(Format::Slack, &notice)).unwrap();
        assert!(chat.to_lowercase().contains("test"), "{kind}");
    }
}
