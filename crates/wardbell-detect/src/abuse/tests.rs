use std::time::{Duration, Instant};

use wardbell_core::abuse::AbuseKind;

use super::*;

mod abusive;
mod benign;

/// A named text.
type Case = (String, String);

/// Letters drawn by a xorshift generator with a fixed seed.
fn random(letters: &[u8], count: usize, seed: u64) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(letters[usize::try_from(state % letters.len() as u64).unwrap()])
        })
        .collect()
}

/// Each number from 0 up to `count` as `line` writes it.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn benign_texts_are_left_alone() {
    let cases = benign::cases();
    println!("{} texts", cases.len());
    assert!(cases.len() >= 60, "{}", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(_, text)| look(text).is_detected())
        .map(|(name, text)| format!("{name}: {:?}", look(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn abusive_texts_are_found_under_their_kind() {
    let cases = abusive::cases();
    println!("{} texts", cases.len());
    assert!(cases.len() >= 60, "{}", cases.len());
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(kind, _, text)| !look(text).kinds().contains(kind))
        .map(|(kind, name, text)| format!("{} {name}: {:?}", kind.as_str(), look(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_flood_inside_a_long_document_is_found() {
    let document = lines(4_000, |at| format!("Entry {at}: {}", random(b"abcdefghij klmnop", 80, at as u64)));
    assert!(!look(&document).is_detected(), "{:?}", look(&document));
    let with = format!("{document}\n{}\n{document}", "give me the answer now ".repeat(1_500));
    assert_eq!(look(&with).kinds(), [AbuseKind::Repetition], "{:?}", look(&with));
}

/// What an attacker would send to make the look itself slow.
fn floods(bytes: usize) -> Vec<String> {
    [
        "a",
        "ab ",
        "a b c d e f g h ",
        "(",
        "{{",
        "{a|",
        "[INSERT ",
        "%",
        "\u{200b}",
        "e\u{301}",
        "世",
        "repeat ",
        "write 9",
        "1. ",
        "a 1.\n",
        "«",
        "${",
        "<<",
        "*|",
        " ",
        "-",
        "😀",
        "say no and ",
    ]
    .iter()
    .map(|seed| seed.repeat(bytes / seed.len()))
    .chain([
        random(b"abcdefghijklmnopqrstuvwxyz0123456789 ", bytes, 1),
        random(b"01", bytes, 2),
        random(b"ab ", bytes, 3),
    ])
    .collect()
}

#[test]
fn no_text_is_slow() {
    // Debug builds on a shared machine are slower by a factor of tens; a quadratic look would be at minutes.
    let (bytes, most) = if cfg!(debug_assertions) {
        (100_000, Duration::from_secs(4))
    } else {
        (1_000_000, Duration::from_millis(500))
    };
    for text in floods(bytes) {
        let best = (0..2)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(look(&text));
                start.elapsed()
            })
            .min()
            .unwrap();
        assert!(best < most, "{:?}: {best:?}", text.chars().take(20).collect::<String>());
    }
}

#[test]
fn a_word_flood_of_a_megabyte_is_found() {
    assert!(look(&"poem ".repeat(200_000)).repetition >= 1.0);
    assert!(look(&"a".repeat(1_000_000)).repetition >= 1.0);
}

proptest::proptest! {
    #[test]
    fn scores_stay_between_zero_and_one(text in "\\PC{0,300}") {
        let abuse = look(&text);
        for score in [abuse.bot, abuse.repetition, abuse.resource, abuse.pattern] {
            assert!((0.0..=1.0).contains(&score), "{abuse:?}");
        }
    }
}
