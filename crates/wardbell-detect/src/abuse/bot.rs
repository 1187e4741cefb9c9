//! Texts that a machine filled in, or forgot to: blanks of a template, spun words, sentences with a counter.
//!
//! People write about templates and programs are full of them, so that blanks count in prose only: a text that looks
//! like code, or speaks of templates, is left alone.

use super::ramp;

mod blank;
mod counter;

/// The number of blanks in a text: one may be a slip or a quotation, three are a template.
const BLANKS: (f32, f32) = (0.0, 4.0);

/// How many blanks a hundred words need: letters about a template quote few, the template itself is full of them.
const BLANKS_PER_HUNDRED_WORDS_MIN: f32 = 3.0;

/// What each choice of spun words (`{Hi|Hello|Hey}`) counts as: nothing but article spinners writes them.
const SPUN_BLANKS: f32 = 2.0;

/// The share of characters that are code's: prose stays below 0.01 (brackets), program text above 0.05.
const CODE_SHARE_MAX: f32 = 0.03;

/// From how many sentences with a rising counter on: shorter lists are written by hand.
const COUNTED: (f32, f32) = (6.0, 18.0);

/// A sentence of a form letter with a running number, such as `As per your request id 000123`, in a text of few words:
/// nothing else is said.
const FORMULA_SCORE: f32 = 0.6;

/// With more words than this, a formula is a quotation.
const FORMULA_WORDS_MAX: usize = 30;

/// Words that only people who speak of templates or programs use, in lower case.
const SPEAKING: &[&str] = &[
    "template",
    "placeholder",
    "variable",
    "jinja",
    "mustache",
    "handlebars",
    "format string",
    "f-string",
    "printf",
    "python",
    "javascript",
    "java ",
    "rust",
    "regex",
    "```",
    "syntax",
    "snippet",
    "function",
    "code",
    "string",
    "mail merge",
    "merge tag",
    "merge field",
    "spintax",
    "liquid",
    "yaml",
    "html",
    "latex",
    "shell",
    "bash",
    "helm",
    "terraform",
    "translate",
    "i18n",
    "locale",
    "<div",
    "<p>",
    "</",
    "sql",
    "printf",
];

/// How form letters begin, in lower case. In the middle of a text they are quoted.
const FORMULAS: &[&str] = &[
    "as per your request",
    "with reference to your",
    "regarding your request",
    "in response to your ticket",
    "this is an automated",
    "your request id",
    "your ticket",
];

/// How much of a text is read for the words of [`SPEAKING`] and [`FORMULAS`], in bytes from its start.
const HEAD_BYTES_MAX: usize = 16_384;

/// From 0 to 1.
pub(super) fn look(text: &str) -> f32 {
    let counted = ramp(counter::longest_count(text) as f32, COUNTED.0, COUNTED.1);
    let blanks = blank::count(text);
    if counted >= 1.0 || (blanks.plain + blanks.spun == 0 && !text.bytes().any(|byte| byte.is_ascii_digit())) {
        return counted;
    }
    let head = text.get(..text.floor_char_boundary(HEAD_BYTES_MAX)).unwrap_or(text).to_ascii_lowercase();
    counted.max(filled_in(&blanks, &head)).max(formula(&head, text.len()))
}

fn filled_in(blanks: &blank::Blanks, head: &str) -> f32 {
    if blanks.plain + blanks.spun == 0 || SPEAKING.iter().any(|word| head.contains(word)) {
        return 0.0;
    }
    if super::share(blanks.code_characters, blanks.characters) > CODE_SHARE_MAX {
        return 0.0;
    }
    let weight = blanks.plain as f32 + blanks.spun as f32 * SPUN_BLANKS;
    if weight * 100.0 < blanks.words as f32 * BLANKS_PER_HUNDRED_WORDS_MIN {
        return 0.0;
    }
    ramp(weight, BLANKS.0, BLANKS.1)
}

/// Whether a short text is a form letter's sentence with a zero-padded number.
fn formula(head: &str, text_bytes: usize) -> f32 {
    let is_short = head.len() == text_bytes && head.split_whitespace().count() <= FORMULA_WORDS_MAX;
    if !is_short || !FORMULAS.iter().any(|formula| head.trim_start().starts_with(formula)) {
        return 0.0;
    }
    let padded = head
        .split(|character: char| !character.is_ascii_digit())
        .any(|digits| digits.len() >= 5 && digits.starts_with('0'));
    if padded { FORMULA_SCORE } else { 0.0 }
}
