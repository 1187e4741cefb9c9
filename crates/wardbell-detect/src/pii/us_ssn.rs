//! **What it finds.** United States social security numbers: 3-2-4 digits with one kind of separator, and nine digits in
//! one piece after a word that names them. **Why it matters.** The number is an identity for life. **What it misses.**
//! Bare nine digits with no such word near, on purpose: most are something else. **Source.** `spec/pii-and-secrets.md`
//! 1.3 (numbers never issued) and 1.5 (`123-45-6789` is reported, areas from 900 need context), read 2026-11-23.

use std::ops::Range;

use wardbell_core::entity::EntityType;

use crate::digits::DigitRun;
use crate::rule::{Rule, Scene, Search, Spots, is_alphanumeric};

/// The score of the shape alone: above the default threshold of 0.4.
const SHAPE: f32 = 0.5;

/// What a context word adds (Presidio's figure, `spec/pii-and-secrets.md` 1.1).
const CONTEXT_BONUS: f32 = 0.35;

/// The score of nine digits in one piece near a context word.
const BARE: f32 = 0.5;

/// The score of an area from 900, which the law does not give out, near a context word.
const AREA_900: f32 = 0.45;

pub(crate) const RULE: Rule = Rule {
    id: "pii.us-ssn",
    entity: EntityType::UsSsn,
    doc: "United States social security numbers.",
    search: Search::Digits(look),
    context: &[
        "ssn",
        "social security",
        "social-security",
        "social_security",
        "socialsecurity",
        "soc sec",
        "social sec",
        "ss#",
        "ss no",
        "ss number",
    ],
    hits: &[
        "536-22-8726",
        "123-45-6789",
        "My SSN is 536-22-8726.",
        "536 22 8726",
        "536.22.8726",
        "SSN 536228726",
        "\"ssn\": 536228726",
        "socialSecurityNumber=536228726",
        "536228726 is her social security number",
        "ssn: 999-88-7777",
        "536–22–8726",
        "536-22-8726, 536-22-8727",
        "５３６-２２-８７２６",
    ],
    misses: &[
        "536228726",
        "000-22-8726",
        "666-22-8726",
        "999-88-7777",
        "536-00-8726",
        "536-22-0000",
        "078-05-1120",
        "SSN 111-11-1111",
        "536-22 8726",
        "536-22-87261",
        "1536-22-8726",
        "536-22-8726-1",
        "12-536-22-8726",
        "+1-536-22-8726",
        "x536-22-8726",
        "536-22-8726abc",
        "555-123-4567",
        "2024-11-23",
        "I have 5 cats and 3 dogs",
        "values 1 536 22 8726 9",
        "the lessness of 536228726",
        "0.536.22.8726",
    ],
};

fn look(run: &DigitRun<'_>, scene: &Scene<'_>, spots: &mut Spots<'_>) {
    for first in 0..run.groups.len() {
        let [one, two, three] = [0, 1, 2].map(|step| run.len(first + step));
        if one == 9 {
            if let Some(span) = run.span(first, first)
                && stands_free(run, scene, first, first, &span)
                && is_possible(scene.bytes(&span))
                && scene.has_context(&span)
            {
                let score = if scene.at(span.start) == Some(b'9') { AREA_900 } else { BARE };
                spots.push(span, score);
            }
        } else if (one, two, three) == (3, 2, 4)
            && run.separator(first + 1) == run.separator(first + 2)
            && matches!(run.separator(first + 1), Some(b'-' | b' ' | b'.' | b'_'))
            && let Some(span) = run.span(first, first + 2)
            && stands_free(run, scene, first, first + 2, &span)
            && is_possible(scene.bytes(&span))
            && let Some(score) = score(scene, &span)
        {
            spots.push(span, score);
        }
    }
}

fn score(scene: &Scene<'_>, span: &Range<usize>) -> Option<f32> {
    match (scene.at(span.start) == Some(b'9'), scene.has_context(span)) {
        (true, true) => Some(AREA_900),
        (true, false) => None,
        (false, true) => Some(SHAPE + CONTEXT_BONUS),
        (false, false) => Some(SHAPE),
    }
}

/// Whether nothing around the number makes it part of something longer.
fn stands_free(run: &DigitRun<'_>, scene: &Scene<'_>, first: usize, last: usize, span: &Range<usize>) -> bool {
    let before = scene.before(span.start);
    if is_alphanumeric(before) || before == Some(b'+') || is_alphanumeric(scene.at(span.end)) {
        return false;
    }
    let (left, right) = (run.separator(first), run.separator(last + 1));
    let inner = run.separator(first + 1).filter(|_| last > first);
    // A sentence may go on with a number after a space, if a word says what this one is.
    if inner == Some(b' ') {
        return (left != inner && right != inner) || scene.has_context(span);
    }
    let parts = |separator: Option<u8>| matches!(separator, None | Some(b' ' | b'\n'));
    parts(left) && parts(right)
}

/// Whether the number can have been issued (areas from 900 are judged by their score): no part is zero, the area is not
/// 666, the digits are not all one, and it is not the number that stood in wallets on sale (078-05-1120).
fn is_possible(bytes: &[u8]) -> bool {
    let mut digits = [0_u8; 9];
    let mut count = 0;
    for byte in bytes.iter().filter(|byte| byte.is_ascii_digit()) {
        let Some(slot) = digits.get_mut(count) else { return false };
        *slot = *byte;
        count += 1;
    }
    let Some((area, rest)) = digits.split_at_checked(3) else { return false };
    let Some((group, serial)) = rest.split_at_checked(2) else { return false };
    count == digits.len()
        && area != b"000"
        && area != b"666"
        && group != b"00"
        && serial != b"0000"
        && digits.iter().any(|digit| Some(digit) != digits.first())
        && &digits != b"078051120"
}
