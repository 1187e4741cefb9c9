//! Letter case and white space out of the way, byte for byte.

/// `text` in lower case, with tabs and line ends as spaces. Every character keeps its place and its length, so that
/// offsets hold: the few whose lower case has another length (`İ`, `ẞ`, `Ⱥ`) stay as they are. A final sigma becomes a
/// plain one.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        folded.push(match character {
            '\t' | '\n' | '\r' => ' ',
            'ς' => 'σ',
            ascii if ascii.is_ascii() => ascii.to_ascii_lowercase(),
            other => lower(other),
        });
    }
    folded
}

fn lower(character: char) -> char {
    let mut letters = character.to_lowercase();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.len_utf8() == character.len_utf8() => letter,
        _ => character,
    }
}
