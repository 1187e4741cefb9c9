//! Text that others wrote, shown so that it can do nothing.
//!
//! Markup is escaped by maud everywhere. What is left are characters that steer: control characters, and marks that turn the
//! direction of what stands beside them (UAX 9, section 2: <https://www.unicode.org/reports/tr9/>, read 2026-11-23) or that
//! are not seen at all. They are shown by their numbers.

use maud::{Markup, Render, html};

/// Text that others wrote, as part of a page.
pub(crate) struct Shown<'t>(pub(crate) &'t str);

impl Render for Shown<'_> {
    fn render(&self) -> Markup {
        html! { bdi { @for piece in pieces(self.0) {
            @match piece {
                Piece::Plain(text) => (text),
                Piece::Steering(letter) => span class="steering" title="a character that is not shown as it is" { (number(letter)) },
            }
        } } }
    }
}

/// Text that others wrote, where only text can stand, such as an attribute.
pub(crate) fn plain(text: &str) -> String {
    pieces(text)
        .map(|piece| match piece {
            Piece::Plain(text) => text.to_owned(),
            Piece::Steering(letter) => number(letter),
        })
        .collect()
}

enum Piece<'t> {
    Plain(&'t str),
    Steering(char),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.split_inclusive(is_steering).flat_map(|part| {
        let last = part.chars().next_back().filter(|letter| is_steering(*letter));
        let end = part.len() - last.map_or(0, char::len_utf8);
        let plain = part.get(..end).filter(|plain| !plain.is_empty()).map(Piece::Plain);
        [plain, last.map(Piece::Steering)].into_iter().flatten()
    })
}

fn number(letter: char) -> String {
    format!("⟨U+{:04X}⟩", u32::from(letter))
}

/// Whether a character steers, or hides. Line ends and tabs are neither.
pub(crate) fn is_steering(letter: char) -> bool {
    matches!(letter,
        '\u{0}'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}'
        | '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_steering_characters_are_shown_as_text() {
        let page = Shown("a<script>\u{202E}b\u{0}").render().into_string();
        assert!(page.contains("a&lt;script&gt;") && page.contains("⟨U+202E⟩") && page.contains("⟨U+0000⟩"), "{page}");
        assert!(!page.contains('\u{202E}') && !page.contains('\u{0}'));
        assert_eq!(plain("x\u{200B}\"y\""), "x⟨U+200B⟩\"y\"");
        assert_eq!(plain("é\n\tz"), "é\n\tz");
    }
}
