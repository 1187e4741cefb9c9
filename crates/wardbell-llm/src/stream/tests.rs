use std::collections::BTreeMap;

use proptest::prelude::*;
use wardbell_core::entity::EntityType;

use super::*;

mod golden;
mod hostile;

/// Finds `key-` and eight digits that stand alone, and `<<` with lower-case letters up to `>>`, as far as they go.
fn scan(text: &str) -> Vec<Finding> {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    let mut found = Vec::new();
    let mut find = |rule, span| found.push(Finding { entity: EntityType::ApiKey, rule, span, score: 0.9 });
    for (start, _) in text.match_indices("key-") {
        let digits = (start + 4..bytes.len()).take_while(|index| at(*index).is_ascii_digit()).count();
        let alone = start.checked_sub(1).is_none_or(|before| !at(before).is_ascii_alphanumeric());
        if digits == 8 && alone && !at(start + 12).is_ascii_alphanumeric() {
            find("test.key", start..start + 12);
        }
    }
    let mut done = 0;
    for (start, _) in text.match_indices("<<") {
        if start < done {
            continue;
        }
        let body = (start + 2..bytes.len()).take_while(|index| at(*index).is_ascii_lowercase()).count();
        done = start + 2 + body;
        if bytes.get(done..done + 2) == Some(b">>") {
            done += 2;
        }
        find("test.long", start..done);
    }
    found
}

fn redacted(text: &str) -> String {
    let edits: Vec<_> =
        scan(text).into_iter().map(|finding| Edit { range: finding.span, with: PLACEHOLDER.to_owned() }).collect();
    String::from_utf8(edit::splice(text.as_bytes(), &edits)).unwrap()
}

/// Runs a stream through a guard, in pieces.
fn run(mut guard: StreamGuard, pieces: &[&[u8]]) -> (Passed, Vec<Finding>) {
    let mut all = Passed::default();
    for piece in pieces {
        let Passed { bytes, blocked, failed } = guard.push(piece, &mut scan);
        assert!(!all.blocked || bytes.is_empty());
        all.bytes.extend(bytes);
        all.blocked |= blocked;
        all.failed |= failed;
    }
    let Passed { bytes, blocked, failed } = guard.finish(&mut scan);
    all.bytes.extend(bytes);
    all.blocked |= blocked;
    all.failed |= failed;
    assert_eq!(guard.found(), guard.findings().len() as u64);
    (all, guard.findings().to_vec())
}

/// The pieces of each place, joined, and the whole texts.
fn said(dialect: Dialect, stream: &[u8]) -> (BTreeMap<Place, String>, Vec<String>) {
    let (mut joined, mut whole) = (BTreeMap::<Place, String>::new(), Vec::new());
    let mut take = |frame: Frame<'_>| {
        let Frame::Event { raw, data, .. } = frame else { return };
        let data = sse::join(raw, data);
        let Ok(text) = std::str::from_utf8(&data) else { return };
        let Some(found) = answer::read(dialect, text) else { return };
        for piece in found.texts {
            let said = json::decode(text, &piece.token);
            if piece.is_piece {
                joined.entry(piece.place).or_default().push_str(&said);
            } else {
                whole.push(said.into_owned());
            }
        }
    };
    let mut splitter = Splitter::default();
    splitter.push(stream, &mut take);
    splitter.finish(&mut take);
    (joined, whole)
}

fn chunk(choice: usize, field: &str, text: &str) -> String {
    let text = json::escape(text).replace('é', "\\u00e9");
    format!("data: {{\"choices\":[{{\"index\":{choice},\"delta\":{{\"{field}\":\"{text}\"}}}}]}}\n\n")
}

/// Cuts a stream where these numbers say.
fn cut<'s>(stream: &'s [u8], cuts: &[prop::sample::Index]) -> Vec<&'s [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect()
}

/// A text with things to find, near misses, and escapes.
fn text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        8 => "[a-z]{1,8} ",
        2 => Just("key-12345678".to_owned()),
        1 => Just("key-123456789 ".to_owned()),
        1 => Just("xkey-12345678 ".to_owned()),
        1 => Just(" key-1234567".to_owned()),
        2 => Just(" \"é\\\n\u{1f600} ".to_owned()),
        1 => (0usize..700).prop_map(|length| format!("<<{}>>", "q".repeat(length))),
        1 => (0usize..40).prop_map(|length| format!("<<{} ", "q".repeat(length))),
        1 => (200usize..600).prop_map(|length| "word ".repeat(length / 5)),
    ];
    prop::collection::vec(fragment, 0..14).prop_map(|fragments| fragments.concat())
}

/// A text in pieces.
fn pieces() -> impl Strategy<Value = Vec<String>> {
    (text(), prop::collection::vec(1usize..40, 1..8)).prop_map(|(text, sizes)| {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(*size));
            pieces.push(piece.to_owned());
            rest = after;
        }
        pieces
    })
}

/// Two choices, the second with reasoning before its content, in turns.
fn stream() -> impl Strategy<Value = (String, Vec<String>)> {
    (pieces(), pieces(), pieces(), any::<bool>()).prop_map(|(one, reasoning, content, ends)| {
        let whole = vec![one.concat(), reasoning.concat(), content.concat()];
        let other: Vec<_> = reasoning
            .iter()
            .map(|piece| chunk(1, "reasoning", piece))
            .chain(content.iter().map(|piece| chunk(1, "content", piece)))
            .collect();
        let mut stream = String::from(": hello\n\n");
        for turn in 0..one.len().max(other.len()) {
            stream += &one.get(turn).map(|piece| chunk(0, "content", piece)).unwrap_or_default();
            stream += other.get(turn).map_or("", String::as_str);
        }
        if ends {
            stream += "data: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n";
        }
        (stream, whole)
    })
}

fn guard(how: Guarding) -> StreamGuard {
    StreamGuard::new(Dialect::ChatCompletions, how)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_redacted_stream_says_what_the_redacted_texts_say(
        (stream, whole) in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (once, found) = run(guard(Guarding::Redact), &[stream.as_bytes()]);
        let (cut_up, found_in_pieces) = run(guard(Guarding::Redact), &cut(stream.as_bytes(), &cuts));
        prop_assert_eq!(&once, &cut_up);
        prop_assert_eq!(&found, &found_in_pieces);
        prop_assert!(!once.failed && !once.blocked);
        let expect: usize = whole.iter().map(|text| scan(text).len()).sum();
        prop_assert_eq!(found.len(), expect);
        let (joined, _) = said(Dialect::ChatCompletions, &once.bytes);
        for (place, text) in [((0, "content"), &whole[0]), ((1, "reasoning"), &whole[1]), ((1, "content"), &whole[2])] {
            let place = Place { choice: place.0, part: 0, field: place.1 };
            prop_assert_eq!(joined.get(&place).map_or("", String::as_str), redacted(text));
        }
        if expect == 0 {
            prop_assert_eq!(once.bytes, stream.into_bytes());
        }
    }

    #[test]
    fn a_blocked_stream_has_nothing_of_what_was_found_however_it_is_cut(
        (stream, whole) in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (once, _) = run(guard(Guarding::Block), &[stream.as_bytes()]);
        let (cut_up, _) = run(guard(Guarding::Block), &cut(stream.as_bytes(), &cuts));
        prop_assert_eq!(&once, &cut_up);
        prop_assert!(!once.failed);
        let clean = whole.iter().all(|text| scan(text).is_empty());
        prop_assert_eq!(once.blocked, !clean);
        if clean {
            prop_assert_eq!(once.bytes, stream.into_bytes());
        } else {
            let (joined, _) = said(Dialect::ChatCompletions, &once.bytes);
            for (place, text) in [((0, "content"), &whole[0]), ((1, "reasoning"), &whole[1]), ((1, "content"), &whole[2])] {
                let left = joined.get(&Place { choice: place.0, part: 0, field: place.1 }).map_or("", String::as_str);
                let first = scan(text).first().map_or(text.len(), |finding| finding.span.start);
                prop_assert!(text.starts_with(left) && left.len() <= first, "{}", left);
            }
            prop_assert!(once.bytes.ends_with(b"data: [DONE]\n\n"));
        }
    }

    #[test]
    fn a_stream_that_is_only_watched_passes_at_once(
        (stream, whole) in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut guard = guard(Guarding::Detect);
        for piece in cut(stream.as_bytes(), &cuts) {
            prop_assert_eq!(guard.push(piece, &mut scan).bytes, piece);
        }
        prop_assert_eq!(guard.finish(&mut scan), Passed::default());
        let expect: usize = whole.iter().map(|text| scan(text).len()).sum();
        prop_assert_eq!(guard.findings().len(), expect);
    }
}

#[track_caller]
fn check(dialect: Dialect, stream: &str, expect: &str, findings: usize) {
    let (passed, found) = run(StreamGuard::new(dialect, Guarding::Redact), &[stream.as_bytes()]);
    assert_eq!(String::from_utf8(passed.bytes).unwrap(), expect);
    assert_eq!((passed.blocked, passed.failed, found.len()), (false, false, findings));
}

#[test]
fn a_finding_that_is_cut_by_events_goes_with_all_of_its_pieces() {
    let chunks = |pieces: &[&str]| pieces.iter().map(|piece| chunk(0, "content", piece)).collect::<String>();
    check(
        Dialect::ChatCompletions,
        &chunks(&["it is ke", "y-12", "", "345678", " ok"]),
        &chunks(&["it is [REDACTED]", "", "", "", " ok"]),
        1,
    );
}

#[test]
fn every_repetition_of_a_text_is_redacted_and_counted_once() {
    let stream = [
        r#"{"type":"response.created","response":{"id":"r","instructions":"key-12345678"}}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a key-","logprobs":[]}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"12345678","logprobs":[{"token":"12345678"}]}"#,
        r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"a key-12345678"}"#,
        r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text","text":"a key-12345678"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"content":[{"type":"output_text","text":"a key-12345678"}]}}"#,
        r#"{"type":"response.completed","response":{"output":[{"content":[{"type":"output_text","text":"a key-12345678"}]}]}}"#,
    ];
    let events = |lines: &[String]| lines.iter().map(|line| format!("data: {line}\n\n")).collect::<String>();
    let came: Vec<_> = stream.iter().map(|line| (*line).to_owned()).collect();
    let left: Vec<_> = stream
        .iter()
        .enumerate()
        .map(|(number, line)| match number {
            0 => (*line).to_owned(),
            1 => line.replace("key-", PLACEHOLDER),
            2 => line.replace(r#""delta":"12345678""#, r#""delta":"""#).replace(r#"[{"token":"12345678"}]"#, "[]"),
            _ => line.replace("key-12345678", PLACEHOLDER),
        })
        .collect();
    check(Dialect::Responses, &events(&came), &events(&left), 1);
}

#[test]
fn data_on_several_lines_is_edited_where_it_stands() {
    let stream =
        "event: x\r\ndata: {\"choices\":[\r\ndata:  {\"delta\":{\"content\":\"key-12345678\"}}\r\ndata:]}\r\n\r\n";
    check(Dialect::ChatCompletions, stream, &stream.replace("key-12345678", PLACEHOLDER), 1);
}

#[test]
fn json_lines_and_lists_are_streams_too() {
    let lines = "{\"event_type\":\"text-generation\",\"text\":\"key-1\"}\n{\"event_type\":\"text-generation\",\"text\":\"2345678 \"}\n";
    check(Dialect::CohereChat, lines, &lines.replace("key-1", PLACEHOLDER).replace("2345678", ""), 1);
    let part = |text: &str| format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}}}]}}");
    let list = format!("[{}\n,\r\n{}]\n", part("key-1"), part("2345678 }],[{"));
    check(Dialect::Gemini, &list, &list.replace("key-1", PLACEHOLDER).replace("2345678", ""), 1);
}

#[test]
fn arguments_that_are_objects_are_texts_with_their_keys() {
    let stream = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\
                  \"args\":{\"key-12345678\":[{\"a\":\"key-87654321\"}]}}}]},\"finishReason\":\"STOP\"}]}\n\n";
    let expect = stream.replace("key-12345678", PLACEHOLDER).replace("key-87654321", PLACEHOLDER);
    check(Dialect::Gemini, stream, &expect, 2);
}

#[test]
fn text_that_is_far_enough_back_leaves_and_reasoning_does_not_wait_for_the_end() {
    let mut guard = guard(Guarding::Redact);
    let word = "word ";
    let size = |passed: &Passed| passed.bytes.windows(word.len()).filter(|at| *at == word.as_bytes()).count();
    let (mut came, mut left) = (0, 0);
    for _ in 0..200 {
        came += 1;
        left += size(&guard.push(chunk(0, "content", word).as_bytes(), &mut scan));
        assert!((came - left) * word.len() <= HOLD_BYTES + 32 + word.len(), "{came} {left}");
    }
    // The content stops; the other choice goes on.
    let more = HOLD_BYTES + 8;
    let mut seen = 0;
    for _ in 0..more / 8 {
        seen += size(&guard.push(chunk(0, "refusal", "another ").as_bytes(), &mut scan));
    }
    assert_eq!(left + seen, came);
}

#[test]
fn a_text_that_goes_on_after_a_pause_is_still_one_text() {
    let filler = "another ".repeat(40);
    let stream = [
        chunk(0, "content", "see key-1234"),
        chunk(1, "content", &filler),
        chunk(2, "content", &filler),
        chunk(0, "content", "5678 there"),
    ]
    .concat();
    let (passed, found) = run(guard(Guarding::Redact), &[stream.as_bytes()]);
    // What had left has left.
    assert_eq!(String::from_utf8(passed.bytes).unwrap(), stream.replace("5678 there", " there"));
    assert_eq!(found.len(), 1);
}

#[test]
fn what_cannot_be_read_is_a_failure_and_policy_decides() {
    for bad in ["data: {\"choices\":[{\"x\":NaN}]}\n\n", "data: words\n\n", " data: {}\n\n", "{\"a\":1}\ndata: x\n\n"] {
        let stream = ["data: {\"choices\":[]}\n\n", bad].concat();
        let (closed, _) = run(guard(Guarding::Redact), &[stream.as_bytes()]);
        assert!(closed.failed && closed.blocked, "{bad}");
        let text = String::from_utf8(closed.bytes).unwrap();
        assert!(text.starts_with("data: {\"choices\":[]}\n\n") && !text.contains(bad), "{text}");
        assert!(text.contains("security_processing_error") && text.ends_with("data: [DONE]\n\n"), "{text}");
        for how in [Guarding::Redact, Guarding::Block, Guarding::Detect] {
            let (open, _) = run(guard(how).failing(FailMode::Open), &[stream.as_bytes()]);
            assert!(open.failed && !open.blocked, "{bad}");
            assert_eq!(open.bytes, stream.as_bytes());
        }
    }
}

#[test]
fn plain_text_is_scanned_where_any_json_is_taken() {
    check(Dialect::Generic, "data: the key-12345678 is\n\n", "data: the [REDACTED] is\n\n", 1);
    check(Dialect::Generic, "data: {\"a\":[\"key-12345678\"]}\n\n", "data: {\"a\":[\"[REDACTED]\"]}\n\n", 1);
}

#[test]
fn an_event_that_the_end_cuts_in_two_does_not_leave_unread() {
    let whole = chunk(0, "content", "hi");
    let (passed, _) =
        run(guard(Guarding::Redact), &[whole.as_bytes(), b"data: {\"choices\":[{\"delta\":{\"content\":\"key-123"]);
    assert_eq!(passed, Passed { bytes: whole.clone().into_bytes(), blocked: false, failed: false });
    // One that is whole but for the blank line does.
    let cut = whole.trim_end();
    let (passed, _) = run(guard(Guarding::Redact), &[cut.as_bytes()]);
    assert_eq!(passed.bytes, cut.as_bytes());
}

#[test]
fn a_stopped_stream_says_goodbye_in_its_own_words() {
    let stopped = |dialect: Dialect, stream: &str| {
        let (passed, _) = run(StreamGuard::new(dialect, Guarding::Block), &[stream.as_bytes()]);
        assert!(passed.blocked, "{stream}");
        String::from_utf8(passed.bytes).unwrap()
    };
    let said = stopped(
        Dialect::Messages,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n\
         event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n\
         event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"key-12345678\"}}\n\n",
    );
    let kinds: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let expect =
        ["message_start", "content_block_start", "content_block_stop", "message_delta", "error", "message_stop"];
    assert_eq!(kinds, expect);
    assert!(said.contains(r#""stop_reason":"refusal""#));

    let said = stopped(
        Dialect::ChatCompletions,
        "data: {\"id\":\"c1\",\"created\":7,\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"key-12345678\"}}]}\n\n",
    );
    assert!(said.starts_with(
        r#"data: {"id":"c1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}"#
    ), "{said}");

    let said = stopped(
        Dialect::Gemini,
        "[{\"candidates\":[]}\n,\n{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"key-12345678\"}]}}]}]",
    );
    let list: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(list[1]["candidates"][0]["finishReason"], "PROHIBITED_CONTENT", "{said}");
    let said = stopped(Dialect::Gemini, "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"key-12345678\"}]}}]}]");
    assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
}

#[test]
fn every_end_is_an_end_to_who_reads_along() {
    for dialect in [
        Dialect::ChatCompletions,
        Dialect::Completions,
        Dialect::Responses,
        Dialect::Messages,
        Dialect::Gemini,
        Dialect::CohereChat,
    ] {
        let mut observer = StreamObserver::new(dialect);
        observer.push(&blocked_end(dialect, &Told::default(), "a \"reason\"\n"));
        assert!(observer.is_done(), "{dialect:?}");
        assert!(observer.has_failed() || dialect == Dialect::Gemini, "{dialect:?}");
        let mut observer = StreamObserver::new(dialect);
        observer.push(b"data: {\"cut\":\"of");
        observer.push(&broken_off(dialect, "it \"broke\" off"));
        assert!(observer.has_failed(), "{dialect:?}");
    }
    let expect = "\n\ndata: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":\"upstream_error\"}}\n\ndata: [DONE]\n\n";
    assert_eq!(broken_off(Dialect::ChatCompletions, "m"), expect.as_bytes());
}
