//! Blanks of a template that nobody filled.

/// The longest blank, in bytes: a name and its decoration.
const BLANK_BYTES_MAX: usize = 48;

/// What was counted in a text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Blanks {
    /// `{{name}}`, `{0}`, `[INSERT NAME]`, `%s`, `<<Name>>`, `*|NAME|*`, `%%NAME%%`, `${name}`.
    pub(super) plain: usize,
    /// `{Hi|Hello|Hey}`.
    pub(super) spun: usize,
    /// Words outside of blanks, as runs of anything between spaces.
    pub(super) words: usize,
    /// Characters of code outside of blanks.
    pub(super) code_characters: usize,
    /// Bytes outside of blanks.
    pub(super) characters: usize,
}

/// How many bytes are asked at once whether one of them opens a blank.
const STRIDE_BYTES: usize = 64;

/// Counts the blanks of `text`. Where there are none, nothing else is counted: nearly all texts have none.
pub(super) fn count(text: &str) -> Blanks {
    let bytes = text.as_bytes();
    let has_blank = (0..).step_by(STRIDE_BYTES).zip(bytes.chunks(STRIDE_BYTES)).any(|(start, stride)| {
        let may_have = stride.iter().fold(false, |any, byte| any | opens(*byte));
        may_have && (start..start + stride.len()).any(|at| blank_in(bytes, at).is_some())
    });
    if !has_blank {
        return Blanks::default();
    }
    let mut blanks = Blanks::default();
    let (mut at, mut was_space) = (0, true);
    while let Some(byte) = bytes.get(at).copied() {
        if let Some((length, is_spun)) = blank_in(bytes, at) {
            if is_spun {
                blanks.spun += 1;
            } else {
                blanks.plain += 1;
            }
            at += length;
            was_space = false;
            continue;
        }
        let is_space = byte.is_ascii_whitespace();
        blanks.words += usize::from(was_space && !is_space);
        was_space = is_space;
        blanks.characters += 1;
        blanks.code_characters +=
            usize::from(matches!(byte, b';' | b'=' | b'{' | b'}' | b'<' | b'>' | b'`' | b'\\' | b'"'));
        at += 1;
    }
    blanks
}

/// Whether a blank may start with a byte.
fn opens(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b'%' | b'<' | b'$' | b'*' | 0xc2)
}

/// The blank that starts at `at`, as [`blank_at`] tells of it.
fn blank_in(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    bytes.get(at).filter(|byte| opens(**byte))?;
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
    blank_at(bytes.get(at..(at + BLANK_BYTES_MAX).min(bytes.len()))?, before)
}

/// The length of the blank that `rest` starts with after the byte `before`, and whether it is a choice of words.
fn blank_at(rest: &[u8], before: Option<u8>) -> Option<(usize, bool)> {
    // `${{ matrix.os }}` is an expression of a build.
    if before == Some(b'$') {
        return None;
    }
    for (open, close) in [
        (b"{{".as_slice(), b"}}".as_slice()),
        (b"${", b"}"),
        (b"<<", b">>"),
        (b"%%", b"%%"),
        (b"*|", b"|*"),
        ("«".as_bytes(), "»".as_bytes()),
        (b"%(", b")s"),
    ] {
        if let Some(inner) = rest.strip_prefix(open) {
            let length = inner.windows(close.len()).position(|window| window == close)?;
            let name = inner.get(..length)?;
            return is_field(name, open == "«".as_bytes()).then_some((open.len() + length + close.len(), false));
        }
    }
    match rest.first()? {
        b'{' => {
            let end = rest.iter().position(|byte| *byte == b'}')?;
            let name = rest.get(1..end)?;
            // `x_{0}` is mathematics and `[a-z]{3}` a pattern.
            let stands_free = before.is_none_or(|byte| {
                byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'(' | b'#' | b':' | b'/' | b'-')
            });
            let is_index = stands_free && !name.is_empty() && name.len() <= 2 && name.iter().all(u8::is_ascii_digit);
            let is_spun = name.contains(&b'|')
                && name.split(|byte| *byte == b'|').all(|choice| choice.iter().any(u8::is_ascii_alphabetic))
                && name.iter().all(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'|' | b' ' | b'\'' | b'!' | b',' | b'-')
                });
            // `/{user_id}/` is a route.
            let is_field = before != Some(b'/') && name.contains(&b'_') && is_field(name, false);
            (is_index || is_spun || is_field).then_some((end + 1, is_spun))
        }
        b'[' => {
            let end = rest.iter().position(|byte| *byte == b']')?;
            let name = rest.get(1..end)?;
            let asks = [
                "INSERT ",
                "YOUR ",
                "ENTER ",
                "ADD ",
                "RECIPIENT",
                "COMPANY ",
                "CUSTOMER ",
                "FIRST NAME",
                "LAST NAME",
                "FILL ",
            ];
            let is_loud =
                name.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'_' | b'-' | b'\'' | b'/'));
            let asks = asks.iter().any(|ask| {
                name.get(..ask.len()).is_some_and(|start| start.eq_ignore_ascii_case(ask.as_bytes()))
                    && (is_loud || ask.starts_with("INSERT") || ask.starts_with("YOUR"))
            });
            asks.then_some((end + 1, false))
        }
        b'%' => {
            let conversion = rest.get(1)?;
            let ends = rest.get(2).is_none_or(|next| !next.is_ascii_alphanumeric());
            (matches!(conversion, b's' | b'd') && ends).then_some((2, false))
        }
        _ => None,
    }
}

/// Whether `name` is the name of a field: letters, digits, underscores, dots, and a space on either side.
fn is_field(name: &[u8], spaced: bool) -> bool {
    let name = name.trim_ascii();
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'.' | b'-')
                || (spaced && *byte == b' ' && name.len() < 20 && name.first().is_some_and(u8::is_ascii_uppercase))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_seen_on_either_side_of_a_stride() {
        for before in [0, STRIDE_BYTES - 3, STRIDE_BYTES - 2, STRIDE_BYTES - 1, STRIDE_BYTES, 5 * STRIDE_BYTES] {
            let text = format!("{}{{{{name}}}} {{a|b}} = %s", " ".repeat(before));
            let expect = Blanks { plain: 2, spun: 1, words: 1, code_characters: 1, characters: before + 4 };
            assert_eq!(count(&text), expect, "{before}");
        }
    }

    #[test]
    fn a_text_without_a_blank_is_not_counted() {
        for text in ["", "plain words", "{ code } [0] 5 % <b> $5 * ²", "{{not closed"] {
            assert_eq!(count(text), Blanks::default(), "{text}");
        }
    }
}
