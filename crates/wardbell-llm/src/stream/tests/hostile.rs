//! Streams that are meant to cost: bounded and linear.

use super::*;

/// How many bytes of text are scanned for a byte of the stream, at most.
fn scanned(stream: &[u8], piece_bytes: usize, how: Guarding) -> f64 {
    let mut total = 0;
    let mut count = |text: &str| -> Vec<Finding> {
        total += text.len();
        scan(text)
    };
    let mut guard = guard(how).failing(FailMode::Open);
    for piece in stream.chunks(piece_bytes) {
        let _ = guard.push(piece, &mut count);
    }
    let _ = guard.finish(&mut count);
    total as f64 / stream.len() as f64
}

/// Bytes scanned for each byte of a stream; text is less than its stream. See the cost in `channel.rs`.
const SCANNED_MAX: f64 = 19.0;

#[test]
fn text_is_scanned_a_bounded_number_of_times() {
    let many = |text: &str, count: usize| chunk(0, "content", text).repeat(count);
    for (name, stream) in [
        ("tokens", many("word", 20_000)),
        ("letters", many("w", 20_000)),
        ("one step", many(&"w".repeat(32), 20_000)),
        ("long", many(&"word ".repeat(1000), 100)),
        ("open", [chunk(0, "content", "<<"), many("q", 40_000)].concat()),
        ("many open", many("<<", 20_000)),
        (
            "ends",
            chunk(0, "content", "w")
                .replace("]}", "],\"x\":1}")
                .replace("}}]", "},\"finish_reason\":\"stop\"}]")
                .repeat(10_000),
        ),
        ("in turns", [chunk(0, "content", "w"), chunk(1, "content", &"x".repeat(300))].concat().repeat(5_000)),
    ] {
        for how in [Guarding::Detect, Guarding::Redact] {
            let times = scanned(stream.as_bytes(), 1400, how);
            assert!(times <= SCANNED_MAX, "{name} {how:?}: {times}");
        }
    }
}

#[test]
fn an_endless_event_is_a_failure_and_memory_stays_bounded() {
    let line = [b"data: ".as_slice(), &vec![b'x'; 64 * 1024]].concat();
    for (fail, how) in
        [(FailMode::Closed, Guarding::Redact), (FailMode::Open, Guarding::Redact), (FailMode::Open, Guarding::Detect)]
    {
        let mut guard = guard(how).failing(fail);
        let (mut left, mut failed, mut blocked) = (0, false, false);
        for number in 0..100 {
            let passed = guard.push(if number == 0 { &line } else { &line[6..] }, &mut scan);
            left += passed.bytes.len();
            failed |= passed.failed;
            blocked |= passed.blocked;
            assert!(guard.core.held_bytes <= HELD_BYTES_MAX);
        }
        assert!(failed, "{fail:?}");
        assert_eq!(blocked, fail == FailMode::Closed);
        if fail == FailMode::Open {
            assert_eq!(left, 6 + 100 * 64 * 1024);
            let after = guard.push(format!("\n\n{}", chunk(0, "content", "key-12345678")).as_bytes(), &mut scan);
            let rest = guard.finish(&mut scan);
            assert_eq!(guard.findings().len(), 1);
            assert!(how == Guarding::Detect || ![after.bytes, rest.bytes].concat().windows(4).any(|at| at == b"key-"));
        }
    }
}

#[test]
fn what_waits_is_bounded_and_past_it_policy_decides() {
    // One choice waits, and is behind everything: it opens something that never ends.
    let opening = chunk(0, "content", "<<");
    let held = chunk(0, "content", "q");
    let mut closed = guard(Guarding::Redact);
    let mut stopped = false;
    let _ = closed.push(opening.as_bytes(), &mut scan);
    for _ in 0..60_000 {
        stopped |= closed.push(held.as_bytes(), &mut scan).failed;
        assert!(closed.core.held_bytes <= HELD_BYTES_MAX + 1024);
    }
    assert!(stopped);
    let comments = ": x\n".repeat(1_000_000);
    let (passed, _) = run(guard(Guarding::Redact), &[chunk(0, "content", "hi").as_bytes(), comments.as_bytes()]);
    assert!(passed.failed && passed.blocked);
}

#[test]
fn places_are_bounded() {
    let stream: String = (0..=PLACES_MAX).map(|choice| chunk(choice, "content", "w")).collect();
    let (passed, _) = run(guard(Guarding::Redact), &[stream.as_bytes()]);
    assert!(passed.failed && passed.blocked);
    let (passed, _) = run(guard(Guarding::Detect), &[stream.as_bytes()]);
    assert!(passed.failed && passed.bytes == stream.as_bytes());
}

#[test]
fn findings_past_the_bound_are_counted() {
    let stream = chunk(0, "content", " key-12345678").repeat(FINDINGS_MAX + 7);
    let mut guard = guard(Guarding::Redact);
    let _ = guard.push(stream.as_bytes(), &mut scan);
    let _ = guard.finish(&mut scan);
    assert_eq!((guard.findings().len(), guard.found()), (FINDINGS_MAX, FINDINGS_MAX as u64 + 7));
}

proptest! {
    #[test]
    fn no_stream_makes_it_panic_and_a_clean_one_passes_untouched(
        stream in "\u{feff}?(data: |data:|\\{\"choices\":\\[\\{\"delta\":\\{\"content\":\"[a-z\\\\]{0,4}\"\\}\\}\\]\\}|\\[|\\]|\\{\\}|,|\"|\\[DONE\\]|:c|event: x|é|\r|\n|\r\n|\n\n){0,40}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        dialect in prop::sample::select(vec![Dialect::ChatCompletions, Dialect::Gemini, Dialect::CohereChat, Dialect::Generic, Dialect::Embeddings]),
    ) {
        for how in [Guarding::Detect, Guarding::Redact, Guarding::Block] {
            let (once, _) = run(StreamGuard::new(dialect, how), &[stream.as_bytes()]);
            let (cut_up, _) = run(StreamGuard::new(dialect, how), &cut(stream.as_bytes(), &cuts));
            prop_assert_eq!(&once, &cut_up);
            if !once.failed {
                prop_assert!(stream.as_bytes().starts_with(&once.bytes), "{:?}", String::from_utf8_lossy(&once.bytes));
            }
            let (open, _) = run(StreamGuard::new(dialect, how).failing(FailMode::Open), &cut(stream.as_bytes(), &cuts));
            prop_assert!(stream.as_bytes().starts_with(&open.bytes));
        }
    }
}
