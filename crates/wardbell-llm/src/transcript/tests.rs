//! Whole requests and their turns: `golden/<name>.json` beside `golden/<name>.turns`.
//!
//! `WARDBELL_BLESS=1` writes the listings anew; look at the difference before you commit it.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::request::golden_tests::{apply, change, fixtures};

/// What a transcript says, a line for each turn, call and result.
fn listing(transcript: &Transcript<'_>) -> String {
    let mut listing = format!("samples {}, calls {}", transcript.asked().answers(), transcript.tool_calls());
    if let Some(tokens) = transcript.asked().output_tokens_max() {
        write!(listing, ", tokens {tokens}").unwrap();
    }
    if let Some(session) = transcript.session() {
        write!(listing, ", session {session:?}").unwrap();
    }
    listing.push('\n');
    for Turn { origin, text, calls, results } in transcript.turns() {
        writeln!(listing, "{} {text:?}", origin.as_str()).unwrap();
        for Call { id, tool, arguments } in calls {
            writeln!(listing, "  call {} {tool:?} {arguments:?}", id.unwrap_or("-")).unwrap();
        }
        for ToolResult { id, tool, text, is_error } in results {
            let failed = is_error.map(|failed| if failed { " failed" } else { " fine" }).unwrap_or_default();
            let tool = tool.unwrap_or("-");
            writeln!(listing, "  result {} {tool}{failed} {text:?}", id.unwrap_or("-")).unwrap();
        }
    }
    listing
}

#[test]
fn the_turns_of_whole_requests_are_as_listed() {
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not a setting")]
    let bless = std::env::var("WARDBELL_BLESS").is_ok_and(|value| value == "1");
    let mut read_any = 0;
    for (dialect, path, body) in fixtures() {
        let Some(transcript) = read(dialect, &body) else {
            let has_none = matches!(dialect, Dialect::Completions | Dialect::Embeddings | Dialect::Generic);
            assert!(has_none, "{}", path.display());
            continue;
        };
        read_any += 1;
        let beside = path.with_extension("turns");
        let listing = listing(&transcript);
        if bless {
            std::fs::write(&beside, &listing).unwrap();
        }
        let expect = std::fs::read_to_string(&beside).unwrap_or_default();
        assert!(listing == expect, "{} differs from:\n{listing}", beside.display());
    }
    assert!(read_any >= 25, "{read_any}");
}

/// Reads and lists.
#[track_caller]
fn check(dialect: Dialect, body: &str, expect: &str) {
    let listed = read(dialect, body.as_bytes()).map(|transcript| listing(&transcript)).unwrap_or_default();
    assert_eq!(listed, expect, "{body}");
}

#[test]
fn what_is_no_transcript_has_none() {
    for dialect in [Dialect::Completions, Dialect::Embeddings, Dialect::Generic] {
        check(dialect, r#"{"messages":[{"role":"user","content":"x"}]}"#, "");
    }
    let deep = format!(r#"{{"messages":{}"#, "[".repeat(1_000_000));
    for body in ["", "[]", "1", "{", "{}x", "\u{feff}{}", r#"{"messages":[{]}"#, &deep] {
        check(Dialect::ChatCompletions, body, "");
    }
    assert!(read(Dialect::ChatCompletions, b"{\"messages\":\"\xff\"}").is_none());
    check(Dialect::ChatCompletions, "{}", "samples 1, calls 0\n");
}

#[test]
fn parts_of_another_type_are_skipped() {
    for (body, expect) in [
        (r#"{"messages":7}"#, ""),
        (r#"{"messages":[1,"x",[{"role":"user"}],null]}"#, ""),
        (r#"{"messages":[{"role":1,"content":true}]}"#, "other \"\"\n"),
        (r#"{"messages":[{"role":"user","content":["a",1,["b"],{"text":2}]}]}"#, "user \"a\\n{\\\"text\\\":2}\"\n"),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[7,{"id":1},{"function":"f"},{"function":{"name":null}}]}]}"#,
            "assistant \"\"\n",
        ),
        (
            r#"{"messages":[{"role":"assistant","function_call":null,"tool_calls":{"function":{"name":"f"}}}]}"#,
            "assistant \"\"\n",
        ),
    ] {
        check(Dialect::ChatCompletions, body, &format!("samples 1, calls 0\n{expect}"));
    }
}

#[test]
fn calls_of_one_answer_are_one_turn() {
    let input = r#"{"input":[{"role":"user","content":"x"},{"role":"assistant","content":"I look."},
        {"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"reasoning","summary":[]},
        {"type":"custom_tool_call","call_id":"2","name":"g","input":"a\nb"},
        {"type":"function_call_output","call_id":"1","output":[{"type":"input_text","text":"one"}]},
        {"type":"custom_tool_call_output","call_id":"2","output":"two"},
        {"type":"function_call","call_id":"3","name":"f","arguments":"{}"},{"type":"item_reference","id":"i"},{"id":"j"}]}"#;
    let expect = "samples 1, calls 3\nuser \"x\"\nassistant \"I look.\"\n  call 1 \"f\" \"{}\"\n  call 2 \"g\" \"a\\nb\"\n\
        tool_result \"\"\n  result 1 - \"one\"\ntool_result \"\"\n  result 2 - \"two\"\nassistant \"\"\n  call 3 \"f\" \"{}\"\n";
    check(Dialect::Responses, &input.replace("\\n", "\\u000a"), expect);
}

#[test]
fn a_failure_is_one_where_the_dialect_says_so() {
    let anthropic = |more: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":"x"{more}}}]}}]}}"#
        )
    };
    let gemini = |response: &str| {
        format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"functionResponse":{{"name":"f","response":{response}}}}}]}}]}}"#
        )
    };
    for (dialect, body, expect) in [
        (Dialect::Messages, anthropic(r#","is_error":true"#), Some(true)),
        (Dialect::Messages, anthropic(r#","is_error":false"#), Some(false)),
        (Dialect::Messages, anthropic(r#","is_error":"true""#), None),
        (Dialect::Messages, anthropic(""), None),
        (Dialect::Gemini, gemini(r#"{"error":{"code":5}}"#), Some(true)),
        (Dialect::Gemini, gemini(r#"{"output":"x","error":null}"#), None),
        (Dialect::Gemini, gemini(r#"{"output":"error"}"#), None),
    ] {
        let transcript = read(dialect, body.as_bytes()).unwrap();
        assert_eq!(transcript.turns()[0].results[0].is_error, expect, "{body}");
    }
}

#[test]
fn two_images_do_not_look_the_same_and_one_always_does() {
    let body = |image: &str| {
        let image = format!("data:image/png;base64,{}{image}{}", "iVBORw0K".repeat(50_000), "AAAA".repeat(100));
        format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"What is it?"}},{{"type":"image_url","image_url":{{"url":"{image}"}}}}]}}]}}"#
        )
    };
    let text = |image: &str| {
        let body = body(image);
        let transcript = read(Dialect::ChatCompletions, body.as_bytes()).unwrap();
        transcript.turns()[0].text.to_owned()
    };
    let one = text("A");
    assert_eq!(one, text("A"));
    assert_ne!(one, text("B"));
    let (question, mark) = one.split_once("\npart ").unwrap();
    assert_eq!(question, "What is it?");
    assert!(mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_lowercase()), "{mark}");
}

#[test]
fn the_last_turns_and_the_first_calls_are_kept() {
    let turn = |at: usize| format!(r#"{{"role":"user","content":"{at}"}}"#);
    let call = r#"{"id":"c","function":{"name":"f","arguments":"{}"}}"#;
    let calls = vec![call; TURN_ITEMS_MAX + 5].join(",");
    let turns: Vec<_> = (0..TURNS_MAX + 9).map(turn).collect();
    let body = format!(
        r#"{{"messages":[{{"role":"assistant","tool_calls":[{calls}]}},{},{{"role":"assistant","tool_calls":[{calls}]}}]}}"#,
        turns.join(",")
    );
    let transcript = read(Dialect::ChatCompletions, body.as_bytes()).unwrap();
    let turns = transcript.turns();
    assert_eq!(turns.len(), TURNS_MAX);
    assert_eq!(turns[0].text, "10");
    assert_eq!(turns[TURNS_MAX - 1].calls.len(), TURN_ITEMS_MAX);
    assert_eq!(transcript.tool_calls(), 2 * (TURN_ITEMS_MAX as u64 + 5));
}

#[test]
fn a_request_says_its_session_its_samples_and_its_length() {
    for (dialect, fields, expect) in [
        (
            Dialect::ChatCompletions,
            r#""n":3,"max_tokens":5,"max_completion_tokens":7"#,
            "samples 3, calls 0, tokens 7\n",
        ),
        (Dialect::ChatCompletions, r#""n":0,"best_of":null,"max_tokens":-1"#, "samples 1, calls 0\n"),
        (Dialect::ChatCompletions, r#""n":"3","prompt_cache_key":""#, ""),
        (
            Dialect::ChatCompletions,
            r#""prompt_cache_key":"k\u0021","metadata":{"user_id":"u"}"#,
            "samples 1, calls 0, session \"k!\"\n",
        ),
        (
            Dialect::ChatCompletions,
            r#""metadata":{"conversation_id":"c","session_id":"s"},"prompt_cache_key":"k""#,
            "samples 1, calls 0, session \"s\"\n",
        ),
        (
            Dialect::Responses,
            r#""max_output_tokens":9,"conversation":{"id":"conv_1"},"prompt_cache_key":"k""#,
            "samples 1, calls 0, tokens 9, session \"conv_1\"\n",
        ),
        (Dialect::Responses, r#""conversation":"conv_2","metadata":{}"#, "samples 1, calls 0, session \"conv_2\"\n"),
        (Dialect::Messages, r#""max_tokens":64,"metadata":{"user_id":"u"}"#, "samples 1, calls 0, tokens 64\n"),
        (
            Dialect::Gemini,
            r#""generationConfig":{"candidateCount":2,"maxOutputTokens":11}"#,
            "samples 2, calls 0, tokens 11\n",
        ),
        (Dialect::CohereChat, r#""conversation_id":"c-1""#, "samples 1, calls 0, session \"c-1\"\n"),
    ] {
        check(dialect, &format!("{{{fields}}}"), expect);
    }
}

#[test]
fn the_first_version_of_coheres_chat_has_its_history_first() {
    let body = r#"{"tool_results":[{"call":{"name":"find","parameters":{}},"outputs":[{"n":1}]}],"message":"",
        "chat_history":[{"role":"User","message":"x"},{"role":"Chatbot","message":"","tool_calls":[{"name":"find","parameters":{"q":1}}]},
        {"role":"TOOL","tool_results":[{"call":{"name":"find"},"outputs":[]}]}]}"#;
    let expect = "samples 1, calls 1\nuser \"x\"\nassistant \"\"\n  call - \"find\" \"{\\\"q\\\":1}\"\ntool_result \"\"\n  \
        result - find \"[]\"\ntool_result \"\"\n  result - find \"[{\\\"n\\\":1}]\"\n";
    check(Dialect::CohereChat, body, expect);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_changed_request_never_panics_and_what_is_a_request_has_turns(
        fixture in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let fixtures = fixtures();
        let (dialect, _, mut body) = fixtures[fixture.index(fixtures.len())].clone();
        for (at, change) in &changes {
            apply(&mut body, *at, change);
        }
        let transcript = read(dialect, &body);
        let has_turns = !matches!(dialect, Dialect::Completions | Dialect::Embeddings | Dialect::Generic);
        if has_turns && let Ok(request) = crate::request::read(dialect, &body, &crate::request::Limits::default()) {
            prop_assert!(transcript.is_some(), "{request:?}");
        }
        if let Some(transcript) = transcript {
            let turns = transcript.turns();
            prop_assert!(turns.len() <= TURNS_MAX);
            let legal = serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
            prop_assert!(legal, "only JSON has turns");
        }
    }
}
