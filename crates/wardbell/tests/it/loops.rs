//! Loops: requests that repeat, agents that go in circles, answers that chant.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::provider::behaviour::Behaviour;

use crate::rig::{Rig, says};

const SOON: Duration = Duration::from_secs(5);

fn rig(policy: &Value) -> Rig {
    Rig::new(&json!({"loop": policy}))
}

#[test]
fn the_sixth_of_identical_requests_is_refused_and_another_passes() {
    let rig = rig(&json!({"enabled": true}));
    let asked = |minute: u32| says(&format!("Try again. Now it is 2026-11-25T17:{minute:02}:00Z."));
    for minute in 0..5 {
        let _ = rig.gateway.chat(&rig.key, &asked(minute)).expect(200);
    }
    for hits in 6..9 {
        let reply = rig.gateway.chat(&rig.key, &asked(hits)).expect(429);
        assert_eq!(reply.headers.get("x-should-retry"), Some("false"));
        assert!(reply.headers.get("retry-after").is_some());
        let detail = &reply.json()["detail"];
        assert_eq!((&detail["error"], &detail["hit_count"]), (&json!("recursive_loop_detected"), &json!(hits)));
        assert_eq!((&detail["cooldown_seconds"], &detail["detector"]), (&json!(30), &json!("repeated_request")));
        assert!(detail["message"].as_str().unwrap().contains("60 s"), "{detail}");
        assert_eq!(detail["fingerprint"].as_str().unwrap().len(), 64);
    }
    let _ = rig.gateway.chat(&rig.key, &says("Something else.")).expect(200);
    let other = rig.gateway.key(&rig.project);
    let _ = rig.gateway.chat(&other, &asked(1)).expect(200);
    let alerts = rig.gateway.wait_for_rows(&rig.path("alerts"), SOON, |rows| !rows.is_empty());
    assert_eq!(alerts.len(), 1, "once in an episode");
    let data = &alerts[0]["data"];
    assert_eq!((&alerts[0]["kind"], &data["hit_count"]), (&json!("loop.detected"), &json!(6)));
    let rows = rig.gateway.wait_for_rows(&rig.path("activity"), SOON, |rows| rows.len() == 10);
    assert_eq!(rows.iter().filter(|row| row["verdict"] == "block_loop").count(), 3);
}

#[test]
fn an_alert_of_a_loop_says_what_it_has_cost_and_what_its_end_saves() {
    let rig = rig(&json!({"enabled": true}));
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 2_000});
    rig.provider.otherwise(Behaviour::body(json!({"id": "c", "choices": [], "usage": usage}).to_string()));
    let mut body = says("Try again.");
    body["model"] = json!("gpt-4o");
    for _ in 0..5 {
        let _ = rig.gateway.chat(&rig.key, &body).expect(200);
    }
    let _ = rig.gateway.chat(&rig.key, &body).expect(429);
    let alerts = rig.gateway.wait_for_rows(&rig.path("alerts"), SOON, |rows| !rows.is_empty());
    let data = &alerts[0]["data"];
    // Each is 1,000 * 2.5 + 2,000 * 10 millionths of a dollar.
    assert_eq!((&data["cost_usd"], &data["cost_avoided_usd"]), (&json!(0.1125), &json!(0.0225)), "{data}");
}

#[test]
fn samples_at_once_and_a_switched_off_guard_repeat_freely() {
    let rig = rig(&json!({"enabled": true}));
    rig.provider.otherwise(Behaviour::answer("hi").after(Duration::from_millis(300)));
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| rig.gateway.chat(&rig.key, &says("Give me an idea.")).expect(200));
        }
    });
    rig.provider.otherwise(Behaviour::answer("hi"));
    let mut many = says("Give me another idea.");
    many["n"] = json!(2);
    for _ in 0..8 {
        let _ = rig.gateway.chat(&rig.key, &many).expect(200);
    }
    let off = json!({"policy": {"loop": {"enabled": false}}});
    let _ = rig.gateway.api("PATCH", &format!("/projects/{}", rig.project), Some(&off)).expect(200);
    for _ in 0..8 {
        let _ = rig.gateway.chat(&rig.key, &says("Again.")).expect(200);
    }
}

/// A transcript in which one tool is called so often with the same arguments and result.
fn agent(calls: usize) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "Find the invoice."})];
    for call in 0..calls {
        let id = format!("call_{call}");
        let function = json!({"name": "search", "arguments": "{\"q\": \"invoice 17\"}"});
        messages.push(json!({"role": "assistant", "content": null,
            "tool_calls": [{"id": id, "type": "function", "function": function}]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "no results"}));
    }
    json!({"model": "gpt-4o", "messages": messages})
}

#[test]
fn an_agent_that_calls_the_same_tool_in_vain_is_warned_and_then_stopped() {
    let rig = rig(&json!({"enabled": true}));
    let _ = rig.gateway.chat(&rig.key, &agent(2)).expect(200);
    let reply = rig.gateway.chat(&rig.key, &agent(3)).expect(200);
    assert_eq!(reply.headers.get("x-wardbell-loop"), Some("repeated_call; count=3"));
    let detail = rig.gateway.chat(&rig.key, &agent(5)).expect(429).json()["detail"].clone();
    assert_eq!((&detail["detector"], &detail["tool"]), (&json!("repeated_call"), &json!("search")));
    assert!(detail["message"].as_str().unwrap().contains("search"));
    let alerts = rig.gateway.wait_for_rows(&rig.path("alerts"), SOON, |rows| rows.len() == 2);
    assert!(alerts.iter().all(|alert| alert["data"]["tool"] == "search"), "{alerts:#?}");
    // The same on Anthropic's wire.
    rig.provider_of("anthropic", "anthropic", &json!({}));
    let mut turns = vec![json!({"role": "user", "content": "Find the invoice."})];
    for call in 0..5 {
        let id = format!("toolu_{call}");
        turns.push(json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "search", "input": {"q": "x"}}]}));
        turns.push(
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "nothing"}]}),
        );
    }
    let body = json!({"model": "m", "max_tokens": 9, "messages": turns});
    let _ = rig.post("/v1/messages", &[], &body).expect(429);
    // Whoever only wants to know lets it go on.
    let observe = json!({"policy": {"loop": {"mode": "observe"}}});
    let _ = rig.gateway.api("PATCH", &format!("/projects/{}", rig.project), Some(&observe)).expect(200);
    let _ = rig.gateway.chat(&rig.key, &agent(5)).expect(200);
}

#[test]
fn a_session_ends_at_its_cap() {
    let rig = rig(&json!({"enabled": true, "session": {"calls": 2}}));
    let call = |session: &str, text: &str| {
        rig.post("/v1/chat/completions", &[("x-wardbell-session", session)], &says(text)).status
    };
    assert_eq!([call("a", "one"), call("a", "two"), call("a", "three"), call("b", "four")], [200, 200, 429, 200]);
}

#[test]
fn an_answer_that_chants_is_cut_in_the_dialects_own_words() {
    let rig = rig(&json!({"enabled": true}));
    rig.provider_of("anthropic", "anthropic", &json!({}));
    let chant: Vec<String> =
        std::iter::repeat_n("I will now try again to open the door of the house. ".to_owned(), 40).collect();
    let mut chat = says("Open the door.");
    chat["stream"] = json!(true);
    let messages =
        json!({"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Open."}]});
    for (path, body, word) in
        [("/v1/chat/completions", &chat, "content_filter"), ("/v1/messages", &messages, "refusal")]
    {
        rig.provider.next(Behaviour::stream(chant.clone()));
        let text = rig.post(path, &[], body).expect(200).text().to_owned();
        assert!(text.contains(word), "{path}: {text}");
        assert!(text.matches("try again").count() < 30, "{path}: it is cut early");
    }
    let alerts = rig.gateway.wait_for_rows(&rig.path("alerts"), SOON, |rows| !rows.is_empty());
    assert!(alerts.iter().all(|alert| alert["data"]["detector"] == "chanting"), "{alerts:#?}");
}
