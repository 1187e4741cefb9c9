use super::*;
use proptest::prelude::*;

fn segment(raw: &str) -> Segment<'_> {
    let token = StringToken { raw: 0..raw.len(), escaped: raw.contains('\\') };
    Segment::new(raw, &token, Origin::User, None)
}

#[track_caller]
fn check(raw: &str, find: &str, expect: &str) {
    let segment = segment(raw);
    let at = segment.text.find(find).unwrap();
    assert_eq!(raw.get(segment.to_body(at..at + find.len())).unwrap(), expect);
}

#[test]
fn a_span_of_the_text_is_the_bytes_that_spell_it() {
    check("plain 4111 text", "4111", "4111");
    check(r"\n\n4111\t", "4111", "4111");
    check(r"a\u00344111\u0035b", "441115", r"\u00344111\u0035");
    check(r"x\ud83d\ude00y4", "😀y", r"\ud83d\ude00y");
    check("é4111é", "4111", "4111");
    check(r"\ud800 4111 \udc00", "4111", "4111");
    check(r"\ud800\ud83d\ude004", "😀4", r"\ud83d\ude004");
}

#[test]
fn a_span_that_cuts_an_escape_or_a_character_takes_all_of_it() {
    let emoji = segment(r"a\ud83d\ude00b");
    assert_eq!(emoji.to_body(2..3), 1..13);
    assert_eq!(emoji.to_body(0..2), 0..13);
    let plain = segment("aéb");
    assert_eq!(plain.to_body(2..3), 1..3);
    assert_eq!(plain.to_body(0..2), 0..3);
}

#[test]
fn a_span_that_is_none_is_empty_or_cut() {
    for raw in ["abc", r"a\u0062c"] {
        let segment = segment(raw);
        let end = raw.len();
        assert_eq!(segment.to_body(0..99), 0..end);
        assert_eq!(segment.to_body(7..99), end..end);
        assert_eq!(segment.to_body(1..1), 1..1);
        assert_eq!(segment.to_body(Range { start: 2, end: 1 }).len(), 0);
        assert_eq!(segment.to_body(3..usize::MAX), end..end);
    }
}

#[test]
fn a_long_text_with_rare_and_dense_escapes_maps_everywhere() {
    let raw = [
        "p".repeat(3 * WAYPOINT_BYTES),
        r"\n".repeat(WAYPOINT_BYTES),
        "é".repeat(2 * WAYPOINT_BYTES),
        r"\ud83d\ude00q".repeat(100),
        "r".repeat(WAYPOINT_BYTES - 1),
        r"\/".to_owned(),
        "s".repeat(WAYPOINT_BYTES + 1),
    ]
    .concat();
    let segment = segment(&raw);
    let mut raw_at = 0;
    let mut rest = raw.as_str();
    let mut places = Vec::new();
    while let Some((piece, after)) = json::piece(rest) {
        match piece {
            Piece::Plain(plain) => {
                for character in plain.chars() {
                    places.push((raw_at, raw_at + character.len_utf8()));
                    raw_at += character.len_utf8();
                }
            }
            Piece::Escape(_, length) => {
                places.push((raw_at, raw_at + length));
                raw_at += length;
            }
        }
        rest = after;
    }
    assert_eq!(places.len(), segment.text.chars().count());
    for ((at, character), (start, end)) in segment.text.char_indices().zip(places) {
        assert_eq!(segment.to_body(at..at + character.len_utf8()), start..end, "at {at}");
    }
}

#[test]
fn escapes_cannot_buy_memory_or_time() {
    let raw = r"\n".repeat(5_000_000);
    let segment = segment(&raw);
    assert!(segment.waypoints.len() * size_of::<Waypoint>() <= raw.len() / 8);
    for at in (0..segment.text.len()).step_by(500) {
        assert_eq!(segment.to_body(at..at + 1), 2 * at..2 * at + 2);
    }
}

/// Spells a character in one of the ways that JSON allows.
fn spell(character: char, way: u8) -> String {
    let mut units = [0; 2];
    let units = character.encode_utf16(&mut units);
    match way {
        0 => units.iter().map(|unit| format!("\\u{unit:04X}")).collect(),
        1 => units.iter().map(|unit| format!("\\u{unit:04x}")).collect(),
        2 if character == '/' => "\\/".to_owned(),
        _ => json::escape(&character.to_string()),
    }
}

proptest! {
    #[test]
    fn the_bytes_of_a_span_decode_to_the_span(
        characters in prop::collection::vec(
            (prop_oneof![any::<char>(), prop::char::range(' ', '~'), Just('/'), Just('\n'), Just('"')], 0u8..6, 1usize..400),
            0..24,
        ),
        cut in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
    ) {
        // Few characters repeat, so that plain runs longer than the distance of waypoints occur.
        let characters: Vec<(char, u8)> = characters
            .iter()
            .flat_map(|(character, way, times)| std::iter::repeat_n((*character, *way), if times % 5 == 0 { *times } else { 1 }))
            .collect();
        let raw: String = characters.iter().map(|(character, way)| spell(*character, *way)).collect();
        let segment = segment(&raw);
        let text: String = characters.iter().map(|(character, _)| *character).collect();
        prop_assert_eq!(&segment.text, &text);
        let (a, b) = (cut.0.index(characters.len() + 1), cut.1.index(characters.len() + 1));
        let offset = |n: usize| characters[..n].iter().map(|(character, _)| character.len_utf8()).sum::<usize>();
        let span = offset(a.min(b))..offset(a.max(b));
        let bytes = raw.get(segment.to_body(span.clone())).unwrap();
        let token = StringToken { raw: 0..bytes.len(), escaped: true };
        prop_assert_eq!(json::decode(bytes, &token), segment.text.get(span).unwrap());
    }
}
