//! Texts in codes: base64, base32, hexadecimal, binary, decimal.
//!
//! **What it reads.** Runs of sixteen or more characters of a code's alphabet, also over several lines, and eight or more
//! numbers of one code in a row, where what comes out is a text. All that is found in one reading is one reading, each
//! piece on a line of its own, so that an order in several pieces stands together. **What it misses.** Compressed text,
//! text in other character sets, codes with other alphabets. **Source.** RFC 4648 (read 2026-11-25).

use std::ops::Range;

use super::{Map, Piece, Reading, Way, says_something};

/// The shortest run that is tried, in bytes: twelve letters in base64.
const RUN_BYTES_MIN: usize = 16;

/// How many numbers in a row are tried.
const NUMBERS_MIN: usize = 6;

/// Reads what is in codes; `None` where nothing is.
pub(super) fn read<'t>(text: &str) -> Option<Reading<'t>> {
    let mut said = Said::default();
    runs(text.as_bytes(), &mut said);
    if digit_runs(text.as_bytes()) >= NUMBERS_MIN {
        numbers(text.as_bytes(), &mut said);
    }
    (!said.text.is_empty()).then(|| Reading::found(said.text, Map { pieces: said.pieces }, Way::Code))
}

/// How many runs of digits there are: every number of every code has one nearly always, and most texts have few. It looks at every byte
/// instead of stopping at a digit: without a branch that is done many bytes at a time.
fn digit_runs(bytes: &[u8]) -> usize {
    /// So many bytes have no more runs than a byte can count.
    const PART_BYTES: usize = 128;
    let starts = bytes.iter().take(1).filter(|byte| byte.is_ascii_digit()).count();
    let later = bytes.get(1..).unwrap_or_default();
    let starts_of = |(before, part): (&[u8], &[u8])| {
        let pairs = before.iter().zip(part);
        usize::from(pairs.map(|(one, next)| u8::from(!one.is_ascii_digit() & next.is_ascii_digit())).sum::<u8>())
    };
    starts + bytes.chunks(PART_BYTES).zip(later.chunks(PART_BYTES)).map(starts_of).sum::<usize>()
}

/// What came out so far.
#[derive(Default)]
struct Said {
    text: String,
    pieces: Vec<Piece>,
}

impl Said {
    /// Takes what came out of `place`, if it is a text.
    fn add(&mut self, bytes: Vec<u8>, place: &Range<usize>) -> bool {
        let Some(text) = String::from_utf8(bytes).ok().filter(|text| says_something(text)) else { return false };
        self.pieces.push(Piece { at: self.text.len(), source: place.start, whole: Some(place.end) });
        self.text.push_str(text.trim());
        self.text.push('\n');
        true
    }
}

/// Base64's characters, both alphabets (RFC 4648 sections 4 and 5); hexadecimal and base32 are among them.
const fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Tries every long run.
fn runs(bytes: &[u8], said: &mut Said) {
    let mut at = 0;
    while at < bytes.len() {
        // The byte that ends a run of the least length is the first that is looked at: most are passed over.
        let probe = at + RUN_BYTES_MIN - 1;
        let Some(last) = bytes.get(at..=probe).and_then(|run| run.iter().rposition(|byte| !is_code(*byte))) else {
            if probe >= bytes.len() {
                return;
            }
            let end = run_end(bytes, at);
            try_run(bytes, at..end, said);
            at = end;
            continue;
        };
        at += last + 1;
    }
}

/// Where the run that starts at `start` ends: it may go on over a line end, as encoders break lines.
fn run_end(bytes: &[u8], start: usize) -> usize {
    /// Encoders break lines at 64 or 76 characters (RFC 7468, RFC 2045).
    const LINE_BYTES_MIN: usize = 48;
    let code_from =
        |from: usize| bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|byte| is_code(**byte)).count());
    let mut end = start;
    loop {
        let line = code_from(end);
        end += line;
        let gap =
            bytes.get(end..).map_or(0, |rest| rest.iter().take(8).take_while(|b| b.is_ascii_whitespace()).count());
        if line < LINE_BYTES_MIN || gap == 0 || code_from(end + gap) == 0 {
            return end;
        }
        end += gap;
    }
}

fn try_run(bytes: &[u8], run: Range<usize>, said: &mut Said) {
    let Some(code) = bytes.get(run.clone()) else { return };
    let padding = bytes.get(run.end..).map_or(0, |rest| rest.iter().take(6).take_while(|byte| **byte == b'=').count());
    let place = run.start..run.end + padding;
    let is = |test: fn(&u8) -> bool| code.iter().filter(|byte| !byte.is_ascii_whitespace()).all(test);
    if is(u8::is_ascii_hexdigit) && hex(code).is_some_and(|bytes| said.add(bytes, &place)) {
        return;
    }
    if is(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')) && said.add(digits(code, 5, base32), &place) {
        return;
    }
    // A letter that was glued to the front moves everything: up to three are left out.
    for skip in 0..4 {
        if said.add(digits(code.get(skip..).unwrap_or_default(), 6, base64), &place) {
            return;
        }
    }
}

/// The bytes that digits of `width` bits each spell; bits that fill no byte are dropped.
fn digits(code: &[u8], width: u32, value: fn(u8) -> Option<u32>) -> Vec<u8> {
    let (mut held, mut bits) = (0_u32, 0);
    let mut out = Vec::with_capacity(code.len() * 3 / 4);
    for digit in code.iter().filter_map(|byte| value(*byte)) {
        held = (held << width | digit) & 0xffff;
        bits += width;
        if bits >= 8 {
            bits -= 8;
            // Eight bits fit in a byte.
            out.push((held >> bits & 0xff) as u8);
        }
    }
    out
}

fn base64(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

fn base32(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'2'..=b'7' => byte - b'2' + 26,
        _ => return None,
    }))
}

fn hex(code: &[u8]) -> Option<Vec<u8>> {
    let count = code.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    (count % 2 == 0).then(|| digits(code, 4, |byte| char::from(byte).to_digit(16)))
}

/// A code of one character as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Hex,
    Binary,
    Decimal,
}

impl Number {
    /// The byte that a token is in this code.
    fn read(self, token: &[u8]) -> Option<u8> {
        let (token, radix) = match self {
            Self::Hex => (token.strip_prefix(b"0x").unwrap_or(token), 16),
            Self::Binary => (token, 2),
            Self::Decimal => (token, 10),
        };
        let fits = match self {
            Self::Hex => token.len() == 2,
            Self::Binary => matches!(token.len(), 7 | 8),
            Self::Decimal => matches!(token.len(), 2 | 3),
        };
        let value =
            token.iter().take(8).try_fold(0, |value, digit| Some(value * radix + char::from(*digit).to_digit(radix)?));
        value.filter(|_| fits).and_then(|value| u8::try_from(value).ok())
    }
}

/// Tries every row of numbers.
fn numbers(bytes: &[u8], said: &mut Said) {
    /// Three characters stand between two numbers at most: `, `, `\x`.
    const GAP_BYTES_MAX: usize = 3;
    let mut rows = [Number::Hex, Number::Binary, Number::Decimal].map(|code| (code, Vec::new(), 0..0));
    let mut at = 0;
    while at < bytes.len() {
        let Some(start) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_alphanumeric)) else {
            break;
        };
        let start = at + start;
        let len =
            bytes.get(start..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count());
        let token = bytes.get(start..start + len).unwrap_or_default();
        at = start + len;
        // What is longer than any number of any code ends every row; so do words.
        for (code, row, place) in &mut rows {
            let byte = if len > 8 { None } else { code.read(token) };
            let goes_on = byte.is_some() && !row.is_empty() && start - place.end <= GAP_BYTES_MAX;
            if !goes_on && !row.is_empty() {
                flush(row, place, said);
            }
            if let Some(byte) = byte {
                if row.is_empty() {
                    place.start = start;
                }
                row.push(byte);
                place.end = at;
            }
        }
    }
    for (_, row, place) in &mut rows {
        flush(row, place, said);
    }
}

fn flush(row: &mut Vec<u8>, place: &Range<usize>, said: &mut Said) {
    let row = std::mem::take(row);
    if row.len() >= NUMBERS_MIN {
        said.add(row, place);
    }
}
