use proptest::prelude::*;

use super::*;

fn folded(text: &str) -> String {
    let mut out = Vec::new();
    fold(text, &mut out);
    String::from_utf8(out).unwrap().replace('\u{1}', "#")
}

#[test]
fn what_changes_by_itself_is_masked_and_the_rest_stays() {
    for (text, expect) in [
        ("  Hello \t\r\n World ", "hello world"),
        ("ＦＵＬＬ　width ﬁt Straße ΟΔΟΣ", "full width fit strasse οδοσ"),
        ("at 2026-11-25T16:28:27.123Z and 2026-11-25 16:28:27,5", "at # and #"),
        ("[25/Nov/2026:16:28:27 +0000] GET", "[# +0000] get"),
        ("16:28:27.5+02:00 up", "# up"),
        ("a report for 2026-11-25, at 10:30", "a report for 2026-11-25, at 10:30"),
        ("id 550e8400-e29b-41d4-a716-446655440000.", "id #."),
        ("id abcdefab-cdef-abcd-efab-cdefabcdefab", "id #"),
        ("commit 3f2a9c1d of main", "commit # of main"),
        ("decade facade deadbeef 1234567", "decade facade deadbeef 1234567"),
        ("req_011CSHoEeqs5C35K2UUqR7Fy", "req_#"),
        ("at 0x7ffe3c10", "at #"),
        ("1764088107 1764088107123", "# #"),
        ("took 35ms, 0.21 s, 3 seconds", "took #, #, #"),
        ("attempt 3 of 5, pid 4711, pid: 4711", "attempt # of 5, pid #, pid: #"),
        ("page 2 of 31, line 120", "page 2 of 31, line 120"),
        ("v1.2.3 utf8 h2o", "v1.2.3 utf8 h2o"),
        ("well-known --flag - x\n-\n\n y  ", "well-known --flag - x - y"),
        ("attempt:\n 7 retry(12) attempt x 7", "attempt: # retry(#) attempt x 7"),
        ("xabcdefab-cdef deadbeef-x deadbeef", "xabcdefab-cdef #-x deadbeef"),
        (" a  b ", "a b"),
        ("\u{1}\u{0}", ""),
        ("", ""),
    ] {
        assert_eq!(folded(text), expect, "{text:?}");
    }
}

/// A piece of a text and whether it is volatile.
fn piece() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![
        4 => "[g-z]{3,9}|[0-9]{1,3}x|é|[.,;()]".prop_map(|text| (text, false)),
        1 => "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".prop_map(|text| (text, true)),
        1 => "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z".prop_map(|text| (text, true)),
        1 => "[0-9]{10,13}".prop_map(|text| (text, true)),
        1 => "[0-9][0-9a-f]{9}".prop_map(|text| (text, true)),
    ]
}

proptest! {
    /// Texts are read in strides: where one begins makes no difference.
    #[test]
    fn a_text_folds_the_same_wherever_it_stands(text in "[a-c0-9 .\\n-]{0,90}", before in 0_usize..70) {
        let before = "x".repeat(before);
        let after = folded(&text);
        let gap = if before.is_empty() || after.is_empty() { "" } else { " " };
        prop_assert_eq!(folded(&format!("{before} {text}")), format!("{before}{gap}{after}"));
    }

    #[test]
    fn texts_are_equal_exactly_if_nothing_but_volatile_parts_differ(
        one in proptest::collection::vec(piece(), 0..8),
        other in proptest::collection::vec(piece(), 0..8),
        same in any::<bool>(),
    ) {
        // Half of the time the second is the first with other volatile parts.
        let mut spare = other.iter().filter(|(_, is_volatile)| *is_volatile).cloned().cycle();
        let other: Vec<_> = if same {
            one.iter().map(|piece| if piece.1 { spare.next().unwrap_or(piece.clone()) } else { piece.clone() }).collect()
        } else {
            other
        };
        let text = |pieces: &[(String, bool)]| pieces.iter().map(|piece| piece.0.as_str()).collect::<Vec<_>>().join(" ");
        let bare = |pieces: &[(String, bool)]| -> Vec<Option<String>> {
            pieces.iter().map(|(text, is_volatile)| (!is_volatile).then(|| text.clone())).collect()
        };
        prop_assert_eq!(folded(&text(&one)) == folded(&text(&other)), bare(&one) == bare(&other));
    }

    #[test]
    fn folding_never_panics_and_folds_once(text in any::<String>()) {
        let once = folded(&text);
        prop_assert!(!once.starts_with(' ') && !once.contains("  "));
    }

    #[test]
    fn what_surely_differs_differs(
        start in "[a-z ]{0,12}",
        one in "[ -~é]{0,12}",
        other in "[ -~é]{0,12}",
    ) {
        let (one, other) = (format!("{start}{one}"), format!("{start}{other}"));
        if surely_differ(&one, &other) {
            prop_assert_ne!(folded(&one), folded(&other));
        }
    }
}

/// The same, a byte and a word at a time: what the fast way is held against.
fn folded_slowly(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::new();
    let (mut at, mut before) = (0, Vec::new());
    while at < bytes.len() {
        let rest = &bytes[at..];
        if is_space(rest[0]) {
            if out.last().is_some_and(|last| *last != b' ') {
                out.push(b' ');
            }
            at += 1;
        } else if is_word(rest[0]) {
            let word = &rest[..run(rest, 0, is_word)];
            let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
            let masked = (digits > 0 || is_uuid_head(word, rest))
                .then(|| volatile(word, rest, digits, COUNTERS.contains(&before.as_slice())))
                .flatten();
            before = if masked.is_some() { Vec::new() } else { word.to_ascii_lowercase() };
            out.extend(if masked.is_some() { vec![MASK] } else { before.clone() });
            at += masked.unwrap_or(word.len());
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    out.truncate(out.trim_ascii_end().len());
    out
}

proptest! {
    #[test]
    fn the_fast_way_finds_what_the_slow_one_does(
        text in "([a-zA-Z]{1,9}|[0-9]{1,9}|[0-9a-f]{8}|[a-f]{8}-[a-f]{4}-[a-f]{4}-[a-f]{4}-[a-f]{12}|attempt|pid|[ \\-:.\t\n]{1,3}){0,24}",
    ) {
        let mut fast = b"before ".to_vec();
        fold(&text, &mut fast);
        prop_assert_eq!(&fast[7..], folded_slowly(&text));
    }
}
