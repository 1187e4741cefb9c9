//! A receiver's answer, made safe to store and to show.
//!
//! A receiver is a stranger: its answer may hold terminal escapes, bidi controls that reorder the line they stand in,
//! or bytes that are no text. Each such character becomes its visible escape, `\u{1b}`; line ends become `\n`.

use std::fmt::Write;

/// The most bytes of an excerpt, as it is stored (`spec/egress.md` 5.4).
pub const EXCERPT_BYTES_MAX: usize = 1024;
/// Combining marks that may follow one another; languages need fewer, and a long run paints over its neighbours.
const MARKS_IN_A_ROW_MAX: u32 = 4;
/// What stands at the end of an excerpt that was cut.
const CUT: char = '…';

/// Makes text of at most `bytes_max` bytes from whatever a receiver sent. What was cut off is told by a final `…`.
pub fn escape(bytes: &[u8], bytes_max: usize) -> String {
    let mut out = String::with_capacity(bytes.len().min(bytes_max));
    // Where to cut so that the mark of the cut still fits.
    let mut cut_at = 0;
    let mut marks = 0;
    let mut piece = String::new();
    // An escape never shortens, so what lies past the bound cannot be part of the result.
    let seen = bytes.get(..bytes_max.saturating_add(1)).unwrap_or(bytes);
    for character in String::from_utf8_lossy(seen).chars() {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        piece.clear();
        write_visible(&mut piece, character, marks);
        if out.len() + CUT.len_utf8() <= bytes_max {
            cut_at = out.len();
        }
        if out.len() + piece.len() > bytes_max {
            out.truncate(cut_at);
            if CUT.len_utf8() <= bytes_max {
                out.push(CUT);
            }
            break;
        }
        out.push_str(&piece);
    }
    out
}

fn write_visible(out: &mut String, character: char, marks: u32) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        hidden if is_hidden(hidden) || marks > MARKS_IN_A_ROW_MAX => {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(hidden));
        }
        plain => out.push(plain),
    }
}

/// Characters that are not seen or that move others: controls, bidi controls, zero widths, separators, fillers, tags.
/// Bidi controls are those of Unicode Standard Annex 9, table 4 (<https://www.unicode.org/reports/tr9/>, read 2026-11-23).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// The blocks of combining marks in Unicode 17 that are nothing but marks.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_becomes_visible() {
        for (given, expect) in [
            (&b"ok"[..], "ok"),
            (b"", ""),
            (b"two\r\nlines\there", "two\\r\\nlines\\there"),
            (b"\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            (b"\x00\x7f\x07", "\\u{0}\\u{7f}\\u{7}"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("a\u{202e}b\u{2069}".as_bytes(), "a\\u{202e}b\\u{2069}"),
            ("\u{feff}x\u{200b}y\u{2028}".as_bytes(), "\\u{feff}x\\u{200b}y\\u{2028}"),
            ("\u{e0041}".as_bytes(), "\\u{e0041}"),
            (b"\xff\xfeabc\xc3", "\u{fffd}\u{fffd}abc\u{fffd}"),
            ("Grüße, 世界".as_bytes(), "Grüße, 世界"),
            ("e\u{301}".as_bytes(), "e\u{301}"),
        ] {
            assert_eq!(escape(given, EXCERPT_BYTES_MAX), expect);
        }
    }

    #[test]
    fn a_pile_of_combining_marks_is_flattened() {
        let out = escape("a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}".as_bytes(), EXCERPT_BYTES_MAX);
        assert_eq!(out, "a\u{301}\u{301}\u{301}\u{301}\\u{301}\\u{301}");
    }

    #[test]
    fn the_bound_holds_for_any_bytes_and_a_cut_is_told() {
        let zoo: Vec<Vec<u8>> = vec![
            vec![b'a'; 5000],
            vec![0; 5000],
            vec![0xff; 5000],
            "é".repeat(3000).into_bytes(),
            "\u{1f600}".repeat(900).into_bytes(),
        ];
        for bytes in zoo {
            for bytes_max in 0..40 {
                let out = escape(&bytes, bytes_max);
                assert!(out.len() <= bytes_max, "{out}");
                assert!(bytes_max < 3 || out.ends_with('…'));
            }
        }
        assert_eq!(escape(b"abcdef", 6), "abcdef");
        assert_eq!(escape(b"abcdefg", 6), "abc…");
    }
}
