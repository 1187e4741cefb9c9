//! Policies: what each part reads, keeps and shows.

use serde_json::{Value, json};

use crate::rig::Rig;

/// Changes one part and gives it back as it is shown, as text.
async fn changed(rig: &Rig, path: &str, part: &str, value: Value) -> String {
    let answer = rig.expect("PATCH", path, json!({"policy": {part: value}}), 200).await;
    assert_eq!(rig.get(path).await, answer, "what is answered is what is stored");
    answer["policy"][part].to_string()
}

#[tokio::test]
async fn a_rate_is_set_kept_in_parts_and_taken_away() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    for (given, shown) in [
        (json!({}), r#"{"per_second":10.0,"burst":10,"surfaces":"gateway"}"#),
        (json!({"burst": 20}), r#"{"per_second":10.0,"burst":20,"surfaces":"all"}"#),
        (json!({"surfaces": "gateway"}), r#"{"per_second":10.0,"burst":20,"surfaces":"gateway"}"#),
        (json!({"per_second": 0.5, "surfaces": "gateway"}), r#"{"per_second":0.5,"burst":20,"surfaces":"gateway"}"#),
        (Value::Null, "null"),
        (json!({"per_second": 1_000_000, "burst": 1}), r#"{"per_second":1000000.0,"burst":1,"surfaces":"all"}"#),
    ] {
        assert_eq!(changed(&rig, &path, "rate", given.clone()).await, shown, "{given}");
    }
    rig.expect("PATCH", &path, json!({"policy": {"rate": null}}), 200).await;
    for (rate, code, field) in [
        (json!(5), "invalid_field", "policy.rate"),
        (json!({"per_second": 5}), "missing_field", "policy.rate.burst"),
        (json!({"surfaces": "all"}), "missing_field", "policy.rate.per_second"),
        (json!({"per_second": 0, "burst": 1}), "invalid_field", "policy.rate.per_second"),
        (json!({"per_second": -1, "burst": 1}), "invalid_field", "policy.rate.per_second"),
        (json!({"per_second": 1_000_000.5, "burst": 1}), "invalid_field", "policy.rate.per_second"),
        (json!({"per_second": "5", "burst": 1}), "invalid_field", "policy.rate.per_second"),
        (json!({"per_second": 5, "burst": 0}), "invalid_field", "policy.rate.burst"),
        (json!({"per_second": 5, "burst": 1.5}), "invalid_field", "policy.rate.burst"),
        (json!({"per_second": 5, "burst": 1_000_001}), "invalid_field", "policy.rate.burst"),
        (json!({"per_second": 5, "burst": 1, "surfaces": "proxy"}), "invalid_field", "policy.rate.surfaces"),
        (json!({"per_seconds": 5}), "unknown_field", "policy.rate.per_seconds"),
    ] {
        rig.refused("PATCH", &path, json!({"policy": {"rate": rate}}), 422, code, field).await;
    }
    assert_eq!(rig.get(&path).await["policy"]["rate"], Value::Null);
}

#[tokio::test]
async fn origins_are_changed_one_by_one() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    for (given, shown) in [
        (json!({"system": "low", "tool_result": "inherit"}), r#"{"system":"low","tool_result":"inherit"}"#),
        (json!({"document": "off"}), r#"{"document":"off","system":"low","tool_result":"inherit"}"#),
        (json!({"system": null}), r#"{"document":"off","tool_result":"inherit"}"#),
        (json!({}), r#"{"document":"off","tool_result":"inherit"}"#),
    ] {
        let injection = changed(&rig, &path, "injection", json!({"origins": given.clone()})).await;
        assert_eq!(
            injection,
            format!(r#"{{"action":"block","sensitivity":"medium","origins":{shown},"partial":"open","allow":[]}}"#),
            "{given}"
        );
    }
    for (origins, code, field) in [
        (json!([]), "invalid_field", "policy.injection.origins"),
        (json!({"user": "strict"}), "invalid_field", "policy.injection.origins.user"),
        (json!({"user": 1}), "invalid_field", "policy.injection.origins.user"),
        (json!({"tools": "high"}), "unknown_field", "policy.injection.origins.tools"),
    ] {
        let body = json!({"policy": {"injection": {"origins": origins}}});
        rig.refused("PATCH", &path, body, 422, code, field).await;
    }
}

#[tokio::test]
async fn answers_can_be_scanned_in_four_ways() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    for scan in ["detect", "redact", "block", "off"] {
        let shown = changed(&rig, &path, "response", json!({"scan": scan})).await;
        assert_eq!(shown, json!({"scan": scan}).to_string());
    }
}

#[tokio::test]
async fn content_policies_are_replaced_as_a_list_and_shown_in_full() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    let given = json!([
        {"name": "rivals", "words": ["Acme", "two words"]},
        {"name": "code names", "description": "a\nb", "enabled": false, "patterns": ["(?i)project [a-z]+"],
         "examples": ["tell me about the secret project"], "similarity": 0.75},
    ]);
    let shown = r#"[{"name":"rivals","description":"","enabled":true,"patterns":[],"words":["Acme","two words"],"examples":[],"similarity":0.6},"#.to_owned()
        + r#"{"name":"code names","description":"a\nb","enabled":false,"patterns":["(?i)project [a-z]+"],"words":[],"examples":["tell me about the secret project"],"similarity":0.75}]"#;
    assert_eq!(changed(&rig, &path, "content", given).await, shown);
    let kept = rig.expect("PATCH", &path, json!({"policy": {"response": {"scan": "detect"}}}), 200).await;
    assert_eq!(kept["policy"]["content"].to_string(), shown, "what is left out stays");
    let back = rig.expect("PATCH", &path, json!({"policy": kept["policy"]}), 200).await;
    assert_eq!(back, kept, "what is shown can be sent back");
    assert_eq!(changed(&rig, &path, "content", json!([])).await, "[]");
}

#[tokio::test]
async fn a_wrong_content_policy_names_its_place() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    let one = |more: Value| {
        let mut policy = json!({"name": "n", "words": ["w"]});
        policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([policy])
    };
    let many = |count: usize| (0..count).map(|n| json!({"name": n.to_string(), "words": ["w"]})).collect::<Value>();
    let pattern =
        json!([{"name": "a", "words": ["w"]}, {"name": "b", "words": ["w"]}, {"name": "c", "patterns": ["(x"]}]);
    for (content, code, field) in [
        (json!({}), "invalid_field", "policy.content"),
        (many(51), "invalid_field", "policy.content"),
        (json!(["x"]), "invalid_field", "policy.content[0]"),
        (json!([{"words": ["w"]}]), "missing_field", "policy.content[0].name"),
        (json!([{"name": "n"}]), "invalid_field", "policy.content[0].patterns"),
        (
            json!([{"name": "n", "words": ["a"]}, {"name": "n", "words": ["b"]}]),
            "invalid_field",
            "policy.content[1].name",
        ),
        (one(json!({"name": "x".repeat(201)})), "invalid_field", "policy.content[0].name"),
        (one(json!({"description": "x".repeat(10_001)})), "invalid_field", "policy.content[0].description"),
        (one(json!({"enabled": "yes"})), "invalid_field", "policy.content[0].enabled"),
        (pattern, "invalid_field", "policy.content[2].patterns[0]"),
        (one(json!({"patterns": ["a", ""]})), "invalid_field", "policy.content[0].patterns[1]"),
        (one(json!({"patterns": ["x".repeat(1001)]})), "invalid_field", "policy.content[0].patterns[0]"),
        (one(json!({"patterns": ["(?:x{1000}){1000}"]})), "invalid_field", "policy.content[0].patterns[0]"),
        (one(json!({"patterns": vec!["x"; 51]})), "invalid_field", "policy.content[0].patterns"),
        (one(json!({"words": [" "]})), "invalid_field", "policy.content[0].words[0]"),
        (one(json!({"words": ["x".repeat(201)]})), "invalid_field", "policy.content[0].words[0]"),
        (one(json!({"words": vec!["x"; 1001]})), "invalid_field", "policy.content[0].words"),
        (one(json!({"examples": ["x".repeat(4001)]})), "invalid_field", "policy.content[0].examples[0]"),
        (one(json!({"examples": vec!["x"; 101]})), "invalid_field", "policy.content[0].examples"),
        (one(json!({"similarity": 1.5})), "invalid_field", "policy.content[0].similarity"),
        (one(json!({"categories": []})), "unknown_field", "policy.content[0].categories"),
    ] {
        rig.refused("PATCH", &path, json!({"policy": {"content": content}}), 422, code, field).await;
    }
    let body = one(json!({"patterns": ["(x"]}));
    let told = rig.expect("PATCH", &path, json!({"policy": {"content": body}}), 422).await;
    let message = told["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("`policy.content[0].patterns[0]` cannot be used: not a regular expression"),
        "{message}"
    );
    assert!(message.contains("unclosed group") && !message.contains("(x"), "{message}");
    assert_eq!(rig.get(&path).await["policy_version"], 1, "a refused body changes nothing");
    rig.expect("PATCH", &path, json!({"policy": {"content": many(50)}}), 200).await;
}

#[tokio::test]
async fn what_holds_on_the_proxy_surface_and_about_content_and_abuse_is_set_and_stays() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    let set = json!({"content_action": "block", "abuse": "warn", "proxy": {"injection": "block"}});
    let made = rig.expect("PATCH", &path, json!({"policy": set}), 200).await;
    assert_eq!(made["policy"]["content_action"], "block");
    assert_eq!(made["policy"]["abuse"], "warn");
    assert_eq!(made["policy"]["proxy"], json!({"injection": "block", "dlp": "off"}));
    let kept = rig.expect("PATCH", &path, json!({"policy": {"proxy": {"dlp": "redact"}}}), 200).await;
    assert_eq!(kept["policy"]["proxy"], json!({"injection": "block", "dlp": "redact"}));
    assert_eq!(kept["policy"]["abuse"], "warn");
    for (policy, field) in [
        (json!({"content_action": "stop"}), "policy.content_action"),
        (json!({"abuse": true}), "policy.abuse"),
        (json!({"proxy": {"injection": "off"}}), "policy.proxy.injection"),
        (json!({"proxy": {"dlp": "strip"}}), "policy.proxy.dlp"),
    ] {
        rig.refused("PATCH", &path, json!({"policy": policy}), 422, "invalid_field", field).await;
    }
    rig.refused("PATCH", &path, json!({"policy": {"proxy": {"x": 1}}}), 422, "unknown_field", "policy.proxy.x").await;
}

#[tokio::test]
async fn loops_are_changed_in_parts_and_shown_in_full() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    let mut expect = rig.get(&path).await["policy"]["loop"].clone();
    for (given, at, shown) in [
        (json!({"enabled": false, "mode": "warn"}), "/mode", json!("warn")),
        (json!({"window_seconds": 120, "threshold": 8}), "/threshold", json!(8)),
        (json!({"cooldown_seconds": 600, "cooldown_seconds_max": 3600}), "/cooldown_seconds_max", json!(3600)),
        (json!({"transcript": {"repeat": {"block": 9}}}), "/transcript/repeat/block", json!(9)),
        (json!({"transcript": {"cycle": {"warn": 2}, "polling": {}}}), "/transcript/cycle/warn", json!(2)),
        (json!({"polling_tools": ["get_*", "sleep"]}), "/polling_tools/0", json!("get_*")),
        (json!({"chant_repeats": null}), "/chant_repeats", Value::Null),
        (json!({"chant_repeats": 20}), "/chant_repeats", json!(20)),
        (json!({"session": {"calls": 200, "spend_usd": 0.1}}), "/session/spend_usd", json!(0.1)),
        (
            json!({"session": {"seconds": 3600, "spend_usd": 12.000_000_001}}),
            "/session/spend_usd",
            json!(12.000_000_001),
        ),
        (json!({"session": {"calls": null, "tool_calls": 1000}}), "/session/calls", Value::Null),
        (json!({"polling_tools": []}), "/polling_tools", json!([])),
    ] {
        let told = changed(&rig, &path, "loop", given.clone()).await;
        let told: Value = serde_json::from_str(&told).unwrap();
        lay_over(&mut expect, &given);
        assert_eq!(told, expect, "{given}: what is left out stays");
        assert_eq!(told.pointer(at), Some(&shown), "{given}");
    }
    let classes =
        json!([{"tools": ["read_*"], "repeat": {"warn": 8, "block": 10}}, {"tools": [], "no_progress": null}]);
    let shown = json!([
        {"tools": ["read_*"], "repeat": {"warn": 8, "block": 10}, "changing": null, "no_progress": null},
        {"tools": [], "repeat": null, "changing": null, "no_progress": null},
    ]);
    let made = rig.expect("PATCH", &path, json!({"policy": {"loop": {"tool_classes": classes}}}), 200).await;
    assert_eq!(made["policy"]["loop"]["tool_classes"], shown);
    let back = rig.expect("PATCH", &path, json!({"policy": made["policy"]}), 200).await;
    assert_eq!(back, made, "what is shown can be sent back");
}

/// Sets what `given` names; a list is replaced.
fn lay_over(value: &mut Value, given: &Value) {
    match (value, given) {
        (Value::Object(fields), Value::Object(given)) => {
            for (key, given) in given {
                lay_over(&mut fields[key.as_str()], given);
            }
        }
        (value, given) => *value = given.clone(),
    }
}

#[tokio::test]
async fn a_wrong_loop_policy_names_its_field() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    let class = |more: Value| {
        let mut class = json!({"tools": ["f"]});
        class.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"tool_classes": [class]})
    };
    for (given, code, field) in [
        (json!(true), "invalid_field", ""),
        (json!({"windows": 1}), "unknown_field", ".windows"),
        (json!({"enabled": "yes"}), "invalid_field", ".enabled"),
        (json!({"mode": "stop"}), "invalid_field", ".mode"),
        (json!({"window_seconds": 0}), "invalid_field", ".window_seconds"),
        (json!({"window_seconds": 3601}), "invalid_field", ".window_seconds"),
        (json!({"threshold": 2.5}), "invalid_field", ".threshold"),
        (json!({"threshold": 101}), "invalid_field", ".threshold"),
        (json!({"cooldown_seconds": 301}), "invalid_field", ".cooldown_seconds_max"),
        (json!({"transcript": {"repeat": {"warn": 6}}}), "invalid_field", ".transcript.repeat.warn"),
        (json!({"transcript": {"cycle": {"block": 101}}}), "invalid_field", ".transcript.cycle.block"),
        (json!({"transcript": {"cycle": 3}}), "invalid_field", ".transcript.cycle"),
        (json!({"transcript": {"cycle": {"stop": 3}}}), "unknown_field", ".transcript.cycle.stop"),
        (json!({"transcript": {"cycles": {}}}), "unknown_field", ".transcript.cycles"),
        (json!({"polling_tools": "f"}), "invalid_field", ".polling_tools"),
        (json!({"polling_tools": [""]}), "invalid_field", ".polling_tools"),
        (json!({"polling_tools": ["x".repeat(257)]}), "invalid_field", ".polling_tools"),
        (json!({"polling_tools": vec!["f"; 101]}), "invalid_field", ".polling_tools"),
        (json!({"tool_classes": [{}]}), "missing_field", ".tool_classes[0].tools"),
        (class(json!({"repeat": {"warn": 3}})), "missing_field", ".tool_classes[0].repeat.block"),
        (class(json!({"changing": {"warn": 9, "block": 3}})), "invalid_field", ".tool_classes[0].changing.warn"),
        (class(json!({"cycle": {"warn": 2, "block": 3}})), "unknown_field", ".tool_classes[0].cycle"),
        (json!({"chant_repeats": 2}), "invalid_field", ".chant_repeats"),
        (json!({"chant_repeats": "10"}), "invalid_field", ".chant_repeats"),
        (json!({"session": {"calls": 0}}), "invalid_field", ".session.calls"),
        (json!({"session": {"seconds": -1}}), "invalid_field", ".session.seconds"),
        (json!({"session": {"spend_usd": 0}}), "invalid_field", ".session.spend_usd"),
        (json!({"session": {"spend_usd": -0.5}}), "invalid_field", ".session.spend_usd"),
        (json!({"session": {"spend_usd": "5"}}), "invalid_field", ".session.spend_usd"),
        (json!({"session": {"spend_usd": 0.000_000_000_1}}), "invalid_field", ".session.spend_usd"),
        (json!({"session": {"spend_usd": 1e10}}), "invalid_field", ".session.spend_usd"),
        (json!({"session": {"spend": 5}}), "unknown_field", ".session.spend"),
    ] {
        let field = format!("policy.loop{field}");
        rig.refused("PATCH", &path, json!({"policy": {"loop": given}}), 422, code, &field).await;
    }
    assert_eq!(rig.get(&path).await["policy_version"], 1, "a refused body changes nothing");
}
