#![expect(clippy::string_slice, reason = "tests may panic")]

use super::*;

fn check(source: &str, text: &str) {
    assert_eq!(View::of(source).text(), text, "{source:?}");
}

#[test]
fn characters_fold_to_what_a_reader_sees() {
    check("plain", "plain");
    check("４１１１", "4111");
    check("٤١١١ १२ 𝟜𝟚 ①", "4111 12 42 1");
    check("a\u{200b}b\u{202e}c\u{ad}d\u{feff}", "abcd");
    check("1–2—3−4‑5", "1-2-3-4-5");
    check("a\u{a0}b\u{3000}c\u{2009}d\u{2028}e", "a b c d\ne");
    check("ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ", "bob@example.com");
    check("𝐢𝐠𝐧𝐨𝐫𝐞 ﬁ", "ignore fi");
    check("naïve e\u{301}tat 1\u{20e3}", "naive etat 1");
    check("привет 世界 한국 🙂 ”ß", "привет 世界 한국 🙂 ”ß");
    check("\u{E0041}x", "x");
}

#[test]
fn text_with_nothing_to_fold_is_borrowed() {
    for source in ["", "ascii", "привет, 世界 🙂"] {
        assert!(matches!(View::of(source).text, Cow::Borrowed(_)), "{source}");
    }
}

/// Maps the bytes of the view that hold `needle` back and returns the source there.
fn behind<'t>(source: &'t str, needle: &str) -> &'t str {
    let view = View::of(source);
    let start = view.text().find(needle).unwrap();
    &source[view.to_source(&(start..start + needle.len()))]
}

#[test]
fn spans_come_back_with_the_invisible_characters_inside_and_none_outside() {
    assert_eq!(behind("é ４１１１ é", "4111"), "４１１１");
    assert_eq!(behind("x\u{200b}4\u{200b}1\u{200b}y", "41"), "4\u{200b}1");
    assert_eq!(behind("日本４-１日本", "4-1"), "４-１");
    assert_eq!(behind("a ﬁx b", "fix"), "ﬁx");
    assert_eq!(behind("a ﬁx b", "ix"), "ﬁx");
    assert_eq!(behind("a ﬁ b", "f"), "ﬁ");
    assert_eq!(behind("１２３４５", "34"), "３４");
    assert_eq!(behind("ééx日éé", "x日e"), "x日é");
}

#[test]
fn a_flood_of_full_width_digits_is_one_stretch() {
    let source = "４".repeat(1000);
    assert_eq!(View::of(&source).stretches.len(), 1);
}

proptest::proptest! {
    #[test]
    fn every_span_maps_to_character_boundaries(source in "\\PC{0,40}", a in 0usize..200, b in 0usize..200) {
        let view = View::of(&source);
        let (start, end) = (a.min(b).min(view.text().len()), a.max(b).min(view.text().len()));
        let span = view.to_source(&(start..end));
        assert!(source.get(span).is_some());
    }

    #[test]
    fn whole_view_maps_to_all_visible_source(source in "[a-z０-９\u{200b}é日]{1,40}") {
        let view = View::of(&source);
        let visible = source.trim_matches('\u{200b}');
        if !visible.is_empty() {
            assert_eq!(&source[view.to_source(&(0..view.text().len()))], visible);
        }
    }
}
