//! What is the same text: letters without case, one space for many, and one mark for what changes by itself.
//!
//! **What is folded.** NFKC, case, runs of white space. **What is masked**: times of day with seconds, dates with a time,
//! UUIDs, hexadecimal ids of [`HEX_DIGITS_MIN`] digits or more, numbers of [`NUMBER_DIGITS_MIN`] or more, ids of letters and
//! digits of [`ID_CHARS_MIN`] or more, measured durations (`35 ms`, `0.2s`), and numbers after `pid`, `attempt` and their
//! like. Short numbers, dates without a time and times without seconds stay: they are what people ask for.
//!
//! **What it misses.** Ids without a digit, short counters without a word before them, random words. A job that sends one
//! template with nothing but another UUID each time looks the same each time.
//!
//! **Bounds.** Linear: each byte is looked at once, and a few more times at the start of a word with digits.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// The fewest digits of a hexadecimal id. Source: `spec/decisions.md`, Budgets and loops; Git's short ids have 7 to 12.
const HEX_DIGITS_MIN: usize = 8;
/// The fewest digits of a number that is an id or a clock. Source: our choice; seconds since 1970 have ten, and most amounts
/// that people write without separators have fewer.
const NUMBER_DIGITS_MIN: usize = 8;
/// The fewest letters and digits of an id such as `011CSHoEeqs5C35K2UUq`. Source: our choice; ULIDs have 26, OpenAI's call
/// ids 24, the shortest common kind (Stripe's) 14 to 24.
const ID_CHARS_MIN: usize = 16;
/// The fewest digits among them: a long word with a number at its end is no id.
const ID_DIGITS_MIN: usize = 3;
/// Words after which a number counts or names a process. Source: logs of Python, Node and Go programs that we know.
const COUNTERS: &[&[u8]] =
    &[b"attempt", b"attempts", b"retry", b"retries", b"try", b"pid", b"tid", b"thread", b"seq", b"nonce", b"elapsed"];
/// Units of durations that programs measure. Source: Go's `time.Duration`, Python's and Rust's test runners.
const UNITS: &[&[u8]] = &[b"ns", b"us", b"ms", b"s", b"sec", b"secs", b"second", b"seconds", b"milliseconds"];
/// What stands for a masked part: no text has it, because control characters are folded to spaces.
const MASK: u8 = 0x01;

/// Appends the folded form of `text`. It has no space at either end.
pub(crate) fn fold(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        fold_bytes(text.as_bytes(), out);
    } else {
        let plain: String = text.nfkc().flat_map(case_fold).collect();
        fold_bytes(plain.as_bytes(), out);
    }
}

/// Lower case, with the two letters whose lower case is not one (Unicode 16, CaseFolding.txt, status C and F), and one space
/// for any.
fn case_fold(letter: char) -> impl Iterator<Item = char> {
    let letter = match letter {
        'ς' => 'σ',
        letter if letter.is_whitespace() => ' ',
        letter => letter,
    };
    let (one, more) = if matches!(letter, 'ß' | 'ẞ') { ('s', Some('s')) } else { (letter, None) };
    one.to_lowercase().chain(more)
}

fn fold_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    let start = out.len();
    let mut at = 0;
    while at < bytes.len() {
        at += copy_plain(bytes, at, start, out);
        let Some(&byte) = bytes.get(at) else { break };
        if is_space(byte) {
            at += run(bytes, at, is_space);
            if !at_gap(out, start) {
                out.push(b' ');
            }
            continue;
        }
        if !is_word(byte) {
            out.push(byte);
            at += 1;
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let length = run(bytes, at, is_word);
        let word = rest.get(..length).unwrap_or_default();
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let masked = if digits > 0 || is_uuid_head(word, rest) {
            volatile(word, rest, digits, COUNTERS.contains(&last_word(out, start)))
        } else {
            None
        };
        if let Some(bytes) = masked {
            out.push(MASK);
            at += bytes;
        } else {
            out.extend(word.iter().map(u8::to_ascii_lowercase));
            at += length;
        }
    }
    if out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
}

/// Copies, in lower case, what needs no second look: words without digits, signs, and single spaces. `at` must not be within a word.
/// Returns how many bytes that was. What follows is a word that may have to be masked, white space of another kind, or a hyphen.
fn copy_plain(bytes: &[u8], at: usize, start: usize, out: &mut Vec<u8>) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let in_gap = at_gap(out, start);
    let strides = plain_strides(rest, in_gap);
    let (before, tail) = rest.split_at(strides);
    let mut in_gap = before.last().map_or(in_gap, |byte| *byte == b' ');
    let few = tail
        .iter()
        .take_while(|byte| {
            let class = CLASSES[usize::from(**byte)];
            let is_gap = **byte == b' ';
            let is_plain = class & (DIGIT | SPACE | HYPHEN) == 0 || is_gap && !in_gap;
            in_gap = is_gap;
            is_plain
        })
        .count();
    let length = strides + few;
    let plain = rest.get(..length).unwrap_or_default();
    let word = plain.iter().rev().take_while(|byte| is_word(**byte)).count();
    let begun = match rest.get(length) {
        Some(b'0'..=b'9') => word,
        Some(b'-')
            if is_uuid_head(
                plain.get(length - word..).unwrap_or_default(),
                rest.get(length - word..).unwrap_or_default(),
            ) =>
        {
            word
        }
        _ => 0,
    };
    let plain = plain.get(..length - begun).unwrap_or_default();
    out.extend(plain.iter().map(u8::to_ascii_lowercase));
    plain.len()
}

/// How many bytes at the start are plain, in whole strides. It looks at every byte of a stride instead of stopping at the first that
/// is not: without a branch that is done many bytes at a time.
#[expect(clippy::needless_bitwise_bool, reason = "a branch would keep it from being done many bytes at a time")]
fn plain_strides(bytes: &[u8], in_gap: bool) -> usize {
    /// Source: ours; two of the widest registers that every x86-64 has.
    const STRIDE: usize = 32;
    let mut after_space = in_gap;
    let (strides, _) = bytes.as_chunks::<STRIDE>();
    let is_plain = |stride: &&[u8; STRIDE]| {
        let special = |any, byte: &u8| any | byte.is_ascii_digit() | (*byte == b'-') | (*byte < b' ') | (*byte == 0x7f);
        let doubled = |any, (one, other): (&u8, &u8)| any | ((*one == b' ') & (*other == b' '));
        let [first, others @ ..] = stride;
        let doubled = stride.iter().zip(others).fold(after_space & (*first == b' '), doubled);
        after_space = stride.last() == Some(&b' ');
        !(stride.iter().fold(false, special) | doubled)
    };
    STRIDE * strides.iter().take_while(is_plain).count()
}

/// Whether a space here would be one too many: at the start, or after another.
fn at_gap(out: &[u8], start: usize) -> bool {
    out.len() <= start || out.last() == Some(&b' ')
}

/// The last word of what is folded; empty where it was masked or there is none. It walks over the signs behind that word only.
fn last_word(out: &[u8], start: usize) -> &[u8] {
    let folded = out.get(start..).unwrap_or_default();
    let is_over = |byte: &u8| is_word(*byte) || *byte == MASK;
    let end = folded.iter().rposition(is_over).map_or(0, |last| last + 1);
    let folded = folded.get(..end).unwrap_or_default();
    let length = folded.iter().rev().take_while(|byte| is_word(**byte)).count();
    folded.get(end - length..).unwrap_or_default()
}

/// Whether two texts have different folded forms for sure; `false` says nothing. It costs as much as their common start.
pub(crate) fn surely_differ(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let Some(at) = one.iter().zip(other).position(|(one, other)| !one.eq_ignore_ascii_case(other)) else {
        return false;
    };
    let is_plain = |text: &[u8]| {
        let word = word_around(text, at);
        let after = text.get(word.end);
        let head = text.get(word.clone()).unwrap_or_default();
        !head.is_empty()
            && head.len() < HEX_DIGITS_MIN.min(ID_CHARS_MIN)
            && head.iter().all(u8::is_ascii_alphabetic)
            && after.is_none_or(u8::is_ascii)
            && text.get(..at).unwrap_or_default().iter().all(|byte| byte.is_ascii() && !byte.is_ascii_digit())
    };
    is_plain(one) && is_plain(other)
}

/// The word that the byte at `at` belongs to.
fn word_around(text: &[u8], at: usize) -> Range<usize> {
    let before = text.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|byte| !is_word(*byte)).map_or(0, |last| last + 1);
    start..at + run(text, at, is_word)
}

/// How many bytes of `rest` from the start of `word` are one volatile part.
fn volatile(word: &[u8], rest: &[u8], digits: usize, counts: bool) -> Option<usize> {
    if let Some(bytes) = uuid(rest) {
        return Some(bytes);
    }
    if word.first().is_some_and(u8::is_ascii_digit)
        && let Some(bytes) = moment(rest).or_else(|| duration(rest))
    {
        return Some(bytes);
    }
    let is_number = digits == word.len();
    let is_hex = |word: &[u8]| word.iter().all(u8::is_ascii_hexdigit);
    let is_address = word.len() >= 2 + HEX_DIGITS_MIN / 2
        && word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X")).is_some_and(is_hex);
    let is_id = is_number && (counts || digits >= NUMBER_DIGITS_MIN)
        || word.len() >= HEX_DIGITS_MIN && is_hex(word)
        || is_address
        || word.len() >= ID_CHARS_MIN && digits >= ID_DIGITS_MIN && word.iter().all(u8::is_ascii_alphanumeric);
    is_id.then_some(word.len())
}

/// Eight hexadecimal digits and a hyphen: a UUID may begin so without a digit among them.
fn is_uuid_head(word: &[u8], rest: &[u8]) -> bool {
    word.len() == 8 && rest.get(8) == Some(&b'-') && word.iter().all(u8::is_ascii_hexdigit)
}

/// A UUID in its usual form (RFC 9562, section 4).
fn uuid(rest: &[u8]) -> Option<usize> {
    const FORM: [usize; 5] = [8, 4, 4, 4, 12];
    const BYTES: usize = 36;
    if rest.get(8) != Some(&b'-') {
        return None;
    }
    let mut groups = rest.get(..BYTES)?.split(|byte| *byte == b'-');
    let fits = FORM.iter().all(|length| {
        groups.next().is_some_and(|group| group.len() == *length && group.iter().all(u8::is_ascii_hexdigit))
    });
    (fits && groups.next().is_none() && !rest.get(BYTES).is_some_and(|byte| is_word(*byte))).then_some(BYTES)
}

/// A date with a time (RFC 3339 and its look-alikes), or a time with seconds.
fn moment(rest: &[u8]) -> Option<usize> {
    if let Some(date) = date(rest) {
        let gap = rest.get(date).filter(|byte| matches!(byte, b'T' | b't' | b' ' | b'_' | b':'))?;
        let time = clock(rest.get(date + 1..)?, *gap == b' ')?;
        return Some(date + 1 + time);
    }
    clock(rest, true)
}

/// `2026-11-25`, `2026/11/25`, `25/Nov/2026`: how many bytes it has.
fn date(rest: &[u8]) -> Option<usize> {
    let is_mark = |at: usize| matches!(rest.get(at), Some(b'-' | b'/'));
    let digits =
        |at: usize, length: usize| rest.get(at..at + length).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    if digits(0, 4) && is_mark(4) && digits(5, 2) && is_mark(7) && digits(8, 2) {
        return Some(10);
    }
    let letters = rest.get(3..6).is_some_and(|month| month.iter().all(u8::is_ascii_alphabetic));
    (digits(0, 2) && is_mark(2) && letters && is_mark(6) && digits(7, 4)).then_some(11)
}

/// `16:28:27.123456+02:00`: how many bytes it has. With `seconds` they must be there.
fn clock(rest: &[u8], seconds: bool) -> Option<usize> {
    let digits = |at: usize| run(rest, at, |byte| byte.is_ascii_digit());
    let hours = digits(0);
    if !(1..=2).contains(&hours) || rest.get(hours) != Some(&b':') || digits(hours + 1) != 2 {
        return None;
    }
    let mut at = hours + 3;
    if rest.get(at) == Some(&b':') && digits(at + 1) == 2 {
        at += 3;
        if matches!(rest.get(at), Some(b'.' | b',')) && digits(at + 1) > 0 {
            at += 1 + digits(at + 1);
        }
    } else if seconds {
        return None;
    }
    if matches!(rest.get(at), Some(b'Z' | b'z')) {
        at += 1;
    } else if matches!(rest.get(at), Some(b'+' | b'-')) && digits(at + 1) >= 2 {
        at += 1 + digits(at + 1);
        if rest.get(at) == Some(&b':') && digits(at + 1) == 2 {
            at += 3;
        }
    }
    (!rest.get(at).is_some_and(|byte| is_word(*byte))).then_some(at)
}

/// `35ms`, `0.21 s`: how many bytes it has.
fn duration(rest: &[u8]) -> Option<usize> {
    let mut at = run(rest, 0, |byte| byte.is_ascii_digit());
    if rest.get(at) == Some(&b'.') {
        at += 1 + run(rest, at + 1, |byte| byte.is_ascii_digit());
    }
    if rest.get(at) == Some(&b' ') {
        at += 1;
    }
    let unit = rest.get(at..at + run(rest, at, is_word))?;
    UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit)).then_some(at + unit.len())
}

fn run(bytes: &[u8], at: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes.get(at..).unwrap_or_default().iter().take_while(|byte| belongs(**byte)).count()
}

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const SPACE: u8 = 4;
const HYPHEN: u8 = 8;

/// What each byte is; 0 is none of these.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            0..=b' ' | 0x7f => SPACE,
            b'-' => HYPHEN,
            _ => 0,
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    classes
};

fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & (LETTER | DIGIT) != 0
}

fn is_space(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & SPACE != 0
}

#[cfg(test)]
mod tests;
