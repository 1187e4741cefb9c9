use wardbell_core::id::{AlertId, DeliveryId};

use super::*;

fn alert(kind: AlertKind) -> Alert {
    let at = Timestamp::from_millis(1_764_000_000_007);
    let dlp = |entity_types: &[EntityType], has_injection, action| {
        AlertData::Dlp(DlpData {
            entity_types: entity_types.to_vec(),
            violation_count: 2,
            has_injection,
            model: "gpt-4o".to_owned(),
            action,
        })
    };
    let cards = [EntityType::CreditCard, EntityType::EmailAddress];
    Alert {
        id: AlertId::mint(at, [1; 10]),
        project: ProjectId::mint(at, [2; 10]),
        request_id: "req_0123456789abcdef".to_owned(),
        at,
        kind,
        data: match kind {
            AlertKind::PiiBlocked => dlp(&cards, false, DlpAction::Block),
            AlertKind::PiiRedacted => dlp(&cards, false, DlpAction::Redact),
            AlertKind::InjectionBlocked => dlp(&[EntityType::PromptInjection], true, DlpAction::Block),
            AlertKind::InjectionDetected => dlp(&[EntityType::PromptInjection], true, DlpAction::Detect),
            AlertKind::WebhookTest => AlertData::Test(TestData { test: true }),
        },
    }
}

fn rendered(alert: &Alert) -> String {
    let id = DeliveryId::mint(alert.at, [3; 10]).webhook_id();
    String::from_utf8(render(id, alert).unwrap().body.to_vec()).unwrap()
}

/// With `WARDBELL_GOLDEN=write` set at compile time, the files are written anew; then read the diff.
fn check(kind: AlertKind, golden: &str) {
    let made = rendered(&alert(kind));
    if option_env!("WARDBELL_GOLDEN") == Some("write") {
        let path = format!("{}/src/render/golden/{}.json", env!("CARGO_MANIFEST_DIR"), kind.as_str());
        std::fs::write(path, format!("{made}\n")).unwrap();
    } else {
        assert_eq!(made, golden.trim_end(), "{kind}");
    }
}

#[test]
fn every_kind_is_as_its_golden_file_says() {
    for kind in AlertKind::ALL {
        let golden = match kind {
            AlertKind::PiiBlocked => include_str!("../golden/dlp.pii_blocked.json"),
            AlertKind::PiiRedacted => include_str!("../golden/dlp.pii_redacted.json"),
            AlertKind::InjectionBlocked => include_str!("../golden/dlp.injection_blocked.json"),
            AlertKind::InjectionDetected => include_str!("../golden/dlp.injection_detected.json"),
            AlertKind::WebhookTest => include_str!("../golden/webhook.test.json"),
        };
        check(*kind, golden);
    }
}

#[test]
fn the_same_alert_renders_to_the_same_bytes() {
    assert_eq!(rendered(&alert(AlertKind::PiiBlocked)), rendered(&alert(AlertKind::PiiBlocked)));
}

#[test]
fn a_hostile_model_name_stays_one_short_string() {
    for model in ["\"},{\"", "\0\r\n\u{202e}</script>", &"\u{1f600}".repeat(100_000)] {
        let mut hostile = alert(AlertKind::PiiBlocked);
        if let AlertData::Dlp(data) = &mut hostile.data {
            model.clone_into(&mut data.model);
        }
        let text = rendered(&hostile);
        assert!(text.len() < 2048);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expect: String = model.chars().take(MODEL_CHARS_MAX).collect();
        assert_eq!(value["data"]["model"], expect);
        assert_eq!(value.as_object().unwrap().len(), 8);
    }
}
