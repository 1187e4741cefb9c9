//! Projects, policies and keys.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::Rig;

#[tokio::test]
async fn a_project_is_made_listed_changed_and_removed() {
    let rig = Rig::new().await;
    let made = rig.expect("POST", "/projects", json!({"name": "team"}), 201).await;
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("proj_"), "{made}");
    let defaults = json!({
        "dlp": {"action": "redact", "entities": null, "threshold": 0.4},
        "injection": {"action": "block", "sensitivity": "medium", "origins": {}, "partial": "open", "allow": []},
        "response": {"scan": "off"},
        "fail": {"gateway": "closed", "proxy": "open"},
        "loop": {
            "enabled": true, "mode": "block",
            "window_seconds": 60, "threshold": 5, "cooldown_seconds": 30, "cooldown_seconds_max": 300,
            "transcript": {
                "repeat": {"warn": 3, "block": 5},
                "changing": {"warn": 8, "block": 10},
                "polling": {"warn": 30, "block": 60},
                "cycle": {"warn": 3, "block": 3},
                "no_progress": {"warn": 4, "block": 6},
                "near_duplicate": {"warn": 4, "block": 6},
            },
            "polling_tools": [], "tool_classes": [], "chant_repeats": 10,
            "session": {"calls": null, "spend_usd": null, "seconds": null, "tool_calls": null},
        },
        "budget": {"on_shortfall": "refuse", "count": "strict"},
        "rate": {"per_second": 10.0, "burst": 10, "surfaces": "gateway"},
        "content": [],
        "content_action": "warn",
        "abuse": "off",
        "proxy": {"injection": "warn", "dlp": "off"},
    });
    // Compared as text: a score is shown as it was written, not as the nearest double.
    assert_eq!(made["policy"].to_string(), defaults.to_string());
    assert_eq!(made["policy_version"], 1);
    let created_at = made["created_at"].as_str().unwrap();
    assert!(created_at.ends_with('Z') && created_at.len() == "2026-11-23T15:04:05.000Z".len(), "{created_at}");
    let path = format!("/projects/{id}");
    assert_eq!(rig.get(&path).await, made);
    assert_eq!(rig.get("/projects").await, json!({"data": [made], "next_cursor": null}));

    let renamed = rig.expect("PATCH", &path, json!({"name": "crew"}), 200).await;
    assert_eq!((&renamed["name"], &renamed["policy_version"]), (&json!("crew"), &json!(1)));
    let change = json!({"policy": {"dlp": {"action": "block", "entities": ["US_SSN", "US_SSN"], "threshold": 0.75}}});
    let changed = rig.expect("PATCH", &path, change.clone(), 200).await;
    assert_eq!(changed["policy"]["dlp"].to_string(), r#"{"action":"block","entities":["US_SSN"],"threshold":0.75}"#);
    assert_eq!(changed["policy"]["injection"], defaults["injection"]);
    assert_eq!(changed["policy_version"], 2);
    let again = rig.expect("PATCH", &path, change, 200).await;
    assert_eq!(again["policy_version"], 2, "a change to the same is none");
    let all = rig.expect("PATCH", &path, json!({"policy": {"dlp": {"entities": null}}}), 200).await;
    assert_eq!(all["policy"]["dlp"].to_string(), r#"{"action":"block","entities":null,"threshold":0.75}"#);
    let shown_back = rig.expect("PATCH", &path, json!({"policy": all["policy"]}), 200).await;
    assert_eq!(shown_back, all, "what is shown can be sent back");

    let in_force = rig.directory.current();
    let view = in_force.projects.get(&id.parse().unwrap()).unwrap();
    assert_eq!(view.project.policy_version, 3);

    rig.expect("DELETE", &path, Value::Null, 204).await;
    rig.refused("GET", &path, Value::Null, 404, "not_found", "").await;
    rig.refused("DELETE", &path, Value::Null, 404, "not_found", "").await;
    assert_eq!(rig.get("/projects").await["data"], json!([]));
}

#[tokio::test]
async fn a_wrong_project_body_names_its_field() {
    let rig = Rig::new().await;
    let long = "x".repeat(201);
    let policy = |policy: Value| json!({"name": "x", "policy": policy});
    let entities = |entities: Value| policy(json!({"dlp": {"entities": entities}}));
    let cases = [
        (json!({}), "missing_field", "name"),
        (json!({"name": null}), "missing_field", "name"),
        (json!({"name": 7}), "invalid_field", "name"),
        (json!({"name": " "}), "invalid_field", "name"),
        (json!({"name": long}), "invalid_field", "name"),
        (json!({"name": "a\nb"}), "invalid_field", "name"),
        (json!({"name": "a\u{1b}[2J"}), "invalid_field", "name"),
        (json!({"name": "a\u{202e}b"}), "invalid_field", "name"),
        (json!({"name": "x", "nmae": "y"}), "unknown_field", "nmae"),
        (policy(json!("strict")), "invalid_field", "policy"),
        (policy(json!({"dpl": {}})), "unknown_field", "policy.dpl"),
        (policy(json!({"dlp": {"action": "mask"}})), "invalid_field", "policy.dlp.action"),
        (policy(json!({"dlp": {"threshold": 1.01}})), "invalid_field", "policy.dlp.threshold"),
        (policy(json!({"dlp": {"threshold": "0.5"}})), "invalid_field", "policy.dlp.threshold"),
        (policy(json!({"dlp": {"custom": [{"label": "x", "regex": "y"}]}})), "not_available", "policy.dlp.custom"),
        (entities(json!([])), "invalid_field", "policy.dlp.entities"),
        (entities(json!("US_SSN")), "invalid_field", "policy.dlp.entities"),
        (entities(json!(["us_ssn"])), "invalid_field", "policy.dlp.entities"),
        (entities(json!(["PROMPT_INJECTION"])), "invalid_field", "policy.dlp.entities"),
        (policy(json!({"injection": {"action": "redact"}})), "invalid_field", "policy.injection.action"),
        (policy(json!({"injection": {"sensitivity": 3}})), "invalid_field", "policy.injection.sensitivity"),
        (policy(json!({"response": {"scan": "on"}})), "invalid_field", "policy.response.scan"),
        (policy(json!({"fail": {"gateway": "maybe"}})), "invalid_field", "policy.fail.gateway"),
    ];
    for (body, code, field) in cases {
        rig.refused("POST", "/projects", body, 422, code, field).await;
    }
    let answer = rig.refused("POST", "/projects", json!({"name": "x", "nmae": 1}), 422, "unknown_field", "nmae").await;
    assert_eq!(answer["error"]["hint"], "did you mean `name`? known: name, policy");
    let later = policy(json!({"dlp": {"custom": []}}));
    let later = rig.refused("POST", "/projects", later, 422, "not_available", "policy.dlp.custom").await;
    assert_eq!(later["error"]["message"], "`policy.dlp.custom` is not available in this version");
    assert_eq!(later["error"]["hint"], "leave it out");
    assert_eq!(rig.get("/projects").await["data"], json!([]), "a refused body left nothing behind");
    rig.expect("POST", "/projects", policy(json!({"response": {"scan": "off"}, "loop": {"enabled": false}})), 201)
        .await;
}

#[tokio::test]
async fn hostile_names_come_back_as_they_are() {
    let rig = Rig::new().await;
    let names = [
        "'; DROP TABLE projects; --",
        "<script>alert(1)</script>",
        "{{7*7}} ${jndi:ldap://x} %s%n",
        "Robert\") OR 1=1 /*",
        "名前 👩‍💻 e\u{301}",
        "\\u0000 \\n \" '",
    ];
    for name in names {
        let made = rig.expect("POST", "/projects", json!({"name": name}), 201).await;
        let path = format!("/projects/{}", made["id"].as_str().unwrap());
        assert_eq!(rig.get(&path).await["name"], name);
        let key = rig.expect("POST", &format!("{path}/keys"), json!({"name": name, "user_id": name}), 201).await;
        assert_eq!((&key["name"], &key["user_id"]), (&json!(name), &json!(name)));
    }
    assert_eq!(rig.get("/projects").await["data"].as_array().unwrap().len(), names.len());
}

#[tokio::test]
async fn two_changes_of_one_policy_both_count() {
    let rig = Rig::new().await;
    let path = rig.project().await;
    for _ in 0..5 {
        let reset = json!({"policy": {"dlp": {"action": "redact"}, "injection": {"action": "block"}}});
        rig.expect("PATCH", &path, reset, 200).await;
        tokio::join!(
            rig.expect("PATCH", &path, json!({"policy": {"dlp": {"action": "off"}}}), 200),
            rig.expect("PATCH", &path, json!({"policy": {"injection": {"action": "warn"}}}), 200),
        );
        let policy = rig.get(&path).await["policy"].clone();
        assert_eq!((&policy["dlp"]["action"], &policy["injection"]["action"]), (&json!("off"), &json!("warn")));
    }
}

#[tokio::test]
async fn lists_of_settings_are_paged() {
    let rig = Rig::new().await;
    for number in 0..5 {
        rig.expect("POST", "/projects", json!({"name": format!("p{number}")}), 201).await;
    }
    let mut seen = Vec::new();
    let mut path = "/projects?limit=2".to_owned();
    loop {
        let page = rig.get(&path).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/projects?limit=2&cursor={cursor}");
    }
    let whole = rig.get("/projects").await;
    let whole: Vec<_> = whole["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(seen, whole);
    for (query, code, field) in [
        ("limit=0", "invalid_field", "limit"),
        ("limit=501", "invalid_field", "limit"),
        ("limit=ten", "invalid_field", "limit"),
        ("limit=1&limit=2", "invalid_field", "limit"),
        ("cursor=' OR 1=1", "invalid_field", "cursor"),
        ("page=2", "unknown_field", "page"),
    ] {
        let query = query.replace(' ', "%20");
        rig.refused("GET", &format!("/projects?{query}"), Value::Null, 422, code, field).await;
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let rig = Rig::new().await;
    let project = rig.project().await;
    let keys = format!("{project}/keys");
    let made = rig.expect("POST", &keys, json!({"name": "ci", "user_id": "u-1"}), 201).await;
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("wb_") && key.len() == 46, "{key}");
    let (principal, _) = rig.directory.authenticate(key).expect("the key is in force with the answer");
    assert_eq!(principal.user.as_deref(), Some("u-1"));
    let listed = rig.get(&keys).await;
    let mut kept = made.clone();
    kept.as_object_mut().unwrap().remove("key");
    assert_eq!(listed, json!({"data": [kept], "next_cursor": null}));
    assert!(key.starts_with(kept["hint"].as_str().unwrap()) && kept["hint"].as_str().unwrap().len() == 8);
    rig.expect("DELETE", &format!("{keys}/{}", made["id"].as_str().unwrap()), Value::Null, 204).await;
    assert!(rig.directory.authenticate(key).is_none(), "a revoked key opens nothing from the moment of the answer");
    for (body, code, field) in [
        (json!({}), "missing_field", "name"),
        (json!({"name": "x", "budget_usd": "5"}), "invalid_field", "budget_usd"),
        (json!({"name": "x", "user_id": "a\tb"}), "invalid_field", "user_id"),
        (json!({"name": "x", "key": "wb_mine"}), "unknown_field", "key"),
    ] {
        rig.refused("POST", &keys, body, 422, code, field).await;
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_no_revoked_key_in_force() {
    let rig = Rig::new().await;
    let keys = format!("{}/keys", rig.project().await);
    let made = rig.expect("POST", &keys, json!({"name": "k"}), 201).await;
    let key = made["key"].as_str().unwrap();
    let path = format!("{keys}/{}", made["id"].as_str().unwrap());
    tokio::select! {
        biased;
        _ = rig.call("DELETE", &path, None) => panic!("answered before it was cut off"),
        () = tokio::task::yield_now() => {}
    }
    let in_force = async {
        while rig.directory.authenticate(key).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), in_force).await.expect("the change was put in force");
}
