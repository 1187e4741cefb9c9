//! Text of strangers, made safe to stand in a message: cleaned of what hides or moves other text, and cut to a length.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

/// Combining marks that may follow one another; languages need fewer, and a long run paints over its neighbours.
const MARKS_IN_A_ROW_MAX: u32 = 4;

/// What stands for a backtick where it would end a fence or a code span: U+02CB, which looks alike and means nothing.
const NO_BACKTICK: char = '\u{2cb}';

/// Cleans text that stands in one line: line ends and tabs become spaces, other controls and what is not seen or moves
/// others go, and runs of combining marks are cut short. Linear.
pub(crate) fn line(text: &str) -> String {
    clean(text, ' ')
}

/// Cleans text that may have several lines: as [`line`], but line ends stay.
pub(crate) fn lines(text: &str) -> String {
    clean(&text.replace("\r\n", "\n"), '\n')
}

fn clean(text: &str, line_end: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for character in text.chars() {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        match character {
            '\n' => out.push(line_end),
            '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            hidden if is_hidden(hidden) || marks > MARKS_IN_A_ROW_MAX => {}
            plain => out.push(plain),
        }
    }
    out
}

/// Controls, bidi controls (Unicode Standard Annex 9, table 4, <https://www.unicode.org/reports/tr9/>, read 2026-11-23),
/// zero widths but the joiners of emoji and scripts, fillers, and tags.
const fn is_hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The blocks of combining marks in Unicode 17 that are nothing but marks.
const fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// The length of text as the strictest of the receivers counts it: UTF-16 units, of which there are never fewer than
/// Unicode scalar values.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Cuts text to at most `max` units on a grapheme boundary. What was cut ends in `…`, with the number of units that are
/// missing where there is room to say it.
pub(crate) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    // Bytes are never fewer than units, so short text needs no counting.
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let all = units(text);
    if all <= max {
        return Cow::Borrowed(text);
    }
    let note = format!("… ({all} in all)");
    let note = if units(&note) * 4 <= max { note } else { "…".to_owned() };
    let room = max.saturating_sub(units(&note));
    let mut used = 0;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += units(grapheme);
        if used > room {
            break;
        }
        end = at + grapheme.len();
    }
    let mut out = text.get(..end).unwrap_or_default().to_owned();
    if units(&note) <= max {
        out.push_str(&note);
    }
    Cow::Owned(out)
}

/// Takes backticks out of text that stands in a code span or a fence, so that it cannot end it.
pub(crate) fn in_code(text: &str) -> String {
    text.replace('`', &NO_BACKTICK.to_string())
}

/// Slack's only escapes (<https://docs.slack.dev/messaging/formatting-message-text#escaping>, read 2026-11-23).
pub(crate) fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Escapes what Markdown of the chat services acts on, for text that stands outside of code. Backticks are replaced, since
/// not every service escapes them.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in in_code(text).chars() {
        if matches!(
            character,
            '\\' | '*' | '_' | '~' | '|' | '>' | '#' | '[' | ']' | '(' | ')' | '<' | '@' | ':' | '-' | '+'
        ) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// Escapes for HTML text and quoted attributes.
pub(crate) fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_moves_other_text_goes() {
        for (given, expect) in [
            ("plain", "plain"),
            ("a\r\nb\tc", "a  b c"),
            ("a\u{202e}b\u{2066}c\u{2069}", "abc"),
            ("nul\0esc\u{1b}[31m", "nulesc[31m"),
            ("z\u{200b}w\u{feff}", "zw"),
            ("👨\u{200d}👩", "👨\u{200d}👩"),
            ("tag\u{e0041}", "tag"),
            ("Grüße, 世界", "Grüße, 世界"),
        ] {
            assert_eq!(line(given), expect, "{given:?}");
        }
        assert_eq!(lines("a\r\nb\nc\rd"), "a\nb\nc d");
        assert_eq!(line(&format!("a{}", "\u{301}".repeat(10_000))), format!("a{}", "\u{301}".repeat(4)));
    }

    #[test]
    fn a_cut_holds_in_both_counts_and_leaves_graphemes_whole() {
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
        for text in ["x".repeat(500), "é".repeat(500), "😀".repeat(500), family.repeat(100), "a\u{301}".repeat(400)]
        {
            for max in [0, 1, 2, 5, 10, 64, 100, 150, 200, 499] {
                let made = cut(&text, max);
                assert!(units(&made) <= max && made.chars().count() <= max, "{max}: {made}");
                let body = made.split('…').next().unwrap();
                assert!(text.starts_with(body) && !body.ends_with('\u{200d}'), "{max}: {made}");
            }
        }
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert!(cut(&"x".repeat(500), 100).ends_with("… (500 in all)"));
    }

    #[test]
    fn escapes_leave_nothing_to_act_on() {
        assert_eq!(slack("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(in_code("``` `x`"), "ˋˋˋ ˋxˋ");
        assert_eq!(markdown("[a](b) @everyone"), "\\[a\\]\\(b\\) \\@everyone");
        assert_eq!(html("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
