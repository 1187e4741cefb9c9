//! **What it finds.** Payment card numbers: a known range with a length that the range has, a right check digit, in one
//! piece or written 4-4-4-4, 4-6-5 and the like with single separators. **Why it matters.** A card number is money
//! and falls under PCI DSS. **What it misses.** Numbers in irregular groups; with two separators or words between the
//! digits; with a wrong check digit, unless a card word stands near, and then below the default threshold.
//! **Source.** `spec/pii-and-secrets.md` 1.3 (ranges, Luhn) and 1.5 (wrong check digits), read 2026-11-23.

use std::ops::Range;

use wardbell_core::entity::EntityType;

use crate::digits::DigitRun;
use crate::rule::{Rule, Scene, Search, Spots, is_alphanumeric};

/// The score of a number of a known range and a right check digit.
const CHECKED: f32 = 1.0;

/// The score of such a number if the range is one that many other numbers share, and no card word stands near.
const CHECKED_WEAK: f32 = 0.5;

/// The score of a wrong check digit after a card word, and of the weakest numbers: below the default threshold of 0.4,
/// above the 0.3 of a strict profile (`spec/pii-and-secrets.md` 1.5).
const UNVERIFIED: f32 = 0.35;

/// The digits of the longest card number.
const DIGITS_MAX: usize = 19;

/// The digits of the shortest.
const DIGITS_MIN: usize = 12;

pub(crate) const RULE: Rule = Rule {
    id: "pii.credit-card",
    entity: EntityType::CreditCard,
    doc: "Payment card numbers of the known networks with a right check digit.",
    search: Search::Digits(look),
    context: &[
        "card",
        "credit",
        "debit",
        "visa",
        "mastercard",
        "amex",
        "american express",
        "diners",
        "jcb",
        "maestro",
        "unionpay",
        "cvv",
        "cvc",
        "cc number",
        "ccnumber",
    ],
    hits: &[
        "4111111111111111",
        "my card is 4111 1111 1111 1111.",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111_1111_1111_1111",
        "4111/1111/1111/1111",
        "4111\n1111\n1111\n1111",
        "4111 1111-1111.1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "3782 822463 10005",
        "3714-496353-98431",
        "371449635398431",
        "30569309025904",
        "3056 930902 5904",
        "4222222222222",
        "5555555555554444",
        "2223003122003222",
        "6011000400000000",
        "3528000700000000",
        "5019717010103742",
        "6759649826438453",
        "2200000000000004",
        "6200000000000005",
        "122000000000003",
        "4111111111111111/12/28",
        "2024 4111 1111 1111 1111 123",
        "卡号4111111111111111是",
        "{\"card_number\":\"4111111111111111\"}",
        "card_4111111111111111_x",
        "4111111111111111.",
        "card number is 501800000009",
        "４１１１ １１１１ １１１１ １１１１",
        "4111\u{200b}1111\u{200b}1111\u{200b}1111",
        "4111–1111–1111–1111",
    ],
    misses: &[
        "4111111111111112",
        "0.4111111111111111",
        "1.4111111111111111",
        "4111111111111111.50",
        "41111111111111110000",
        "94111111111111111",
        "x4111111111111111",
        "4111111111111111px",
        "4111  1111  1111  1111",
        "1234-4111-1111-1111-1111",
        "4111-1111-1111-1111-1234",
        "2024-11-23T10:15:30.000Z",
        "2024-11-23 10:15:30 2024-11-24 11:30:00",
        "550e8400-e29b-41d4-a716-446655440000",
        "the card id is 550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-1234-1234-123456789012",
        "3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
        "4111111111111111deadbeef4111111111111111deadbeef",
        "1732357530123",
        "+49 4111 1111 1111 1",
        "+371449635398431",
        "ISBN 9783161484100",
        "v1.2.3.4",
        "501800000009",
        "tracking 501800000009, payment due",
        "phone 555-123-4567 or 555-987-6543",
        "0000000000000000",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    ],
};

/// How much a range says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// Numbers of this range and length are cards.
    Strong,
    /// Other numbers of this kind are common (product codes, order numbers).
    Weak,
    /// Only a card word makes it one.
    NeedsContext,
}

/// The network ranges, by first digits and length (`spec/pii-and-secrets.md` 1.3).
fn ground(digits: &[u8]) -> Option<Ground> {
    let length = digits.len();
    let prefix = digits.iter().take(4).fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit));
    let strong = match prefix {
        // Visa; Amex and the old ranges of JCB; Diners; Mastercard and its second series.
        4000..=4999 => matches!(length, 16 | 19),
        3400..=3499 | 3700..=3799 | 2131 | 1800 => length == 15,
        3000..=3059 | 3600..=3699 | 3800..=3999 => length == 14 || length == 16,
        5100..=5599 | 2221..=2720 => length == 16,
        // JCB; Mir. Discover, UnionPay and Maestro share 6; Maestro and Dankort have 50 and 56 to 59.
        3528..=3589 | 2200..=2204 | 5000..=5099 | 5600..=6999 => matches!(length, 16..=19),
        _ => false,
    };
    if strong {
        return Some(Ground::Strong);
    }
    match (prefix, length) {
        // Visa's old 13 digits look like product codes; UATP's 15 start with 1 as many serial numbers do.
        (4000..=4999, 13) | (1000..=1999, 15) | (5000..=5099 | 5600..=6999, 14 | 15) => Some(Ground::Weak),
        (5000..=5099 | 5600..=6999, 12 | 13) => Some(Ground::NeedsContext),
        _ => None,
    }
}

/// The Luhn sum of ISO/IEC 7812-1: doubles every second digit from the right.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit);
            match (place % 2 == 1, digit * 2) {
                (false, _) => digit,
                (true, double) if double > 9 => double - 9,
                (true, double) => double,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn look(run: &DigitRun<'_>, scene: &Scene<'_>, spots: &mut Spots<'_>) {
    for first in 0..run.groups.len() {
        let mut unverified = None;
        for last in layouts(run, first).into_iter().flatten() {
            let Some(span) = run.span(first, last) else { continue };
            if !stands_free(run, scene, first, last, &span) {
                continue;
            }
            let mut digits = [0_u8; DIGITS_MAX];
            let Some(digits) = collect(scene.bytes(&span), &mut digits) else { continue };
            let Some(ground) = ground(digits) else { continue };
            if luhn(digits) {
                let score = match ground {
                    Ground::Strong => CHECKED,
                    Ground::Weak | Ground::NeedsContext if scene.has_context(&span) => CHECKED,
                    Ground::Weak if is_named_otherwise(scene, &span) => UNVERIFIED,
                    Ground::Weak => CHECKED_WEAK,
                    Ground::NeedsContext => continue,
                };
                spots.push(span, score);
                unverified = None;
                break;
            }
            unverified = Some((span, ground));
        }
        if let Some((span, Ground::Strong)) = unverified
            && scene.has_context(&span)
        {
            spots.push(span, UNVERIFIED);
        }
    }
}

/// The last groups of the ways in which a number that starts at group `first` can be written, longest first.
fn layouts(run: &DigitRun<'_>, first: usize) -> [Option<usize>; 2] {
    let lengths = [0, 1, 2, 3, 4].map(|step| run.len(first + step));
    match lengths {
        [DIGITS_MIN..=DIGITS_MAX, ..] => [Some(first), None],
        [4, 4, 4, 4, 1..=3] => [Some(first + 4), Some(first + 3)],
        [4, 4, 4, 1..=4, _] => [Some(first + 3), None],
        [4, 6, 4 | 5, ..] => [Some(first + 2), None],
        [6, 13, ..] | [8, 8, ..] => [Some(first + 1), None],
        [1, 1, ..] => [single_digits(run, first), None],
        _ => [None, None],
    }
}

/// The last group of a number that is written with a separator after each digit; `first` is its first digit. Nothing
/// before or after may go on in the same way.
fn single_digits(run: &DigitRun<'_>, first: usize) -> Option<usize> {
    let separator = run.separator(first + 1);
    if run.separator(first) == separator && run.len(first.checked_sub(1).unwrap_or(usize::MAX)) == 1 {
        return None;
    }
    let count = 1
        + (1..=DIGITS_MAX)
            .take_while(|step| run.len(first + step) == 1 && run.separator(first + step) == separator)
            .count();
    (DIGITS_MIN..=DIGITS_MAX).contains(&count).then(|| first + count - 1)
}

/// Whether what stands around a number lets it be a number of its own.
fn stands_free(run: &DigitRun<'_>, scene: &Scene<'_>, first: usize, last: usize, span: &Range<usize>) -> bool {
    let (before, after) = (scene.before(span.start), scene.at(span.end));
    if is_alphanumeric(before) || is_alphanumeric(after) {
        return false;
    }
    let left = run.separator(first);
    let right = run.separator(last + 1);
    // The fraction of a decimal number, or its whole part.
    if left == Some(b'.') || right == Some(b'.') {
        return false;
    }
    // A telephone number has up to 15 digits (ITU-T E.164).
    if plus_stands_before(run, scene, first) && span.len() < 16 + (last - first) {
        return false;
    }
    // A long number in groups of its own: part of it is not a card. Spaces part other numbers as well.
    let goes_on = (first + 1..=last).map(|group| run.separator(group)).any(|inner| {
        let tight = inner != Some(b' ') && inner != Some(b'\n');
        tight && (left == inner || right == inner)
    });
    if goes_on {
        return false;
    }
    !(before == Some(b'-') && is_hex_group(scene.text, span.start - 1))
}

/// Whether one of the two words before the number says that it is something else, as in `order number 113542617735902`.
fn is_named_otherwise(scene: &Scene<'_>, span: &Range<usize>) -> bool {
    const NAMES: [&str; 12] = [
        "order",
        "purchase",
        "invoice",
        "tracking",
        "ticket",
        "reference",
        "ref",
        "shipment",
        "parcel",
        "serial",
        "product",
        "id",
    ];
    const BEFORE_BYTES_MAX: usize = 32;
    let before = scene.bytes(&(span.start.saturating_sub(BEFORE_BYTES_MAX)..span.start));
    let words = before.rsplit(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    words.take(2).any(|word| NAMES.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes())))
}

/// Whether a `+` starts the run that holds group `first`, at most two groups before.
fn plus_stands_before(run: &DigitRun<'_>, scene: &Scene<'_>, first: usize) -> bool {
    (first.saturating_sub(2)..=first)
        .any(|group| run.groups.get(group).is_some_and(|group| scene.before(group.start) == Some(b'+')))
}

/// Whether the four bytes before `end` are hexadecimal digits after a dash, as in a UUID.
fn is_hex_group(text: &[u8], end: usize) -> bool {
    let Some(group) = end.checked_sub(5).and_then(|start| text.get(start..end)) else { return false };
    matches!(group, [b'-', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit))
}

/// The values of the digits in `bytes`; nothing if there are too many or too few.
fn collect<'d>(bytes: &[u8], digits: &'d mut [u8; DIGITS_MAX]) -> Option<&'d [u8]> {
    let mut count = 0;
    for byte in bytes.iter().filter(|byte| byte.is_ascii_digit()) {
        *digits.get_mut(count)? = byte - b'0';
        count += 1;
    }
    digits.get(..count).filter(|digits| digits.len() >= DIGITS_MIN)
}
