//! **What it finds.** International bank account numbers: a country that has them, its length and layout, and a right
//! check number, in one piece or with single spaces, dashes or line ends. **Why it matters.** It names a bank account.
//! **What it misses.** Numbers with a wrong check number; countries that are not in the table. **Source.** ISO 13616 and
//! the layouts of the SWIFT IBAN registry; mod 97-10 of ISO/IEC 7064 (`spec/pii-and-secrets.md` 1.3), read 2026-11-23.

use wardbell_core::entity::EntityType;

use crate::digits::DigitRun;
use crate::rule::{Rule, Scene, Search, Spots, is_alphanumeric};

/// The score of a right check number in a right layout.
const CHECKED: f32 = 1.0;

/// The longest number of the registry is 33 characters (Russia); the standard allows 34.
const CHARACTERS_MAX: usize = 34;

/// Country and check number.
const HEAD: usize = 4;

pub(crate) const RULE: Rule = Rule {
    id: "pii.iban-code",
    entity: EntityType::IbanCode,
    doc: "International bank account numbers with a right check number.",
    search: Search::Digits(look),
    context: &[],
    hits: &[
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "iban: GB29 NWBK 6016 1331 9268 19.",
        "GB29-NWBK-6016-1331-9268-19",
        "FR1420041010050500013M02606",
        "NO93 8601 1117 947 and more",
        "NL91ABNA0417164300",
        "gb29nwbk60161331926819",
        "MT84MALT011000012345MTLCAST001S",
        "DE89\n3704\n0044\n0532\n0130\n00",
        "ＤＥ８９ 3704 0044 0532 0130 00",
    ],
    misses: &[
        "DE89370400440532013001",
        "DE8937040044053201300",
        "XDE89370400440532013000",
        "DE893704004405320130001",
        "ZZ89370400440532013000",
        "DE89 3704  0044 0532 0130 00",
        "GB29 1234 6016 1331 9268 19",
        "DE00000000000000000000",
        "at 12 noon, in 24 hours, is 26 degrees",
        "AB12 CD34 EF56",
    ],
};

/// Country, and what follows its check number: counts of digits (`n`), letters (`a`) and either (`c`).
#[rustfmt::skip]
const LAYOUTS: &[(&[u8; 2], &str)] = &[
    (b"AD", "8n12c"), (b"AE", "19n"), (b"AL", "8n16c"), (b"AT", "16n"), (b"AZ", "4a20c"), (b"BA", "16n"), (b"BE", "12n"),
    (b"BG", "4a6n8c"), (b"BH", "4a14c"), (b"BI", "23n"), (b"BR", "23n1a1c"), (b"BY", "4c4n16c"), (b"CH", "5n12c"),
    (b"CR", "18n"), (b"CY", "8n16c"), (b"CZ", "20n"), (b"DE", "18n"), (b"DJ", "23n"), (b"DK", "14n"), (b"DO", "4c20n"),
    (b"EE", "16n"), (b"EG", "25n"), (b"ES", "20n"), (b"FI", "14n"), (b"FK", "2a12n"), (b"FO", "14n"), (b"FR", "10n11c2n"),
    (b"GB", "4a14n"), (b"GE", "2a16n"), (b"GI", "4a15c"), (b"GL", "14n"), (b"GR", "7n16c"), (b"GT", "24c"),
    (b"HN", "4a20n"), (b"HR", "17n"), (b"HU", "24n"), (b"IE", "4a14n"), (b"IL", "19n"), (b"IQ", "4a15n"), (b"IS", "22n"),
    (b"IT", "1a10n12c"), (b"JO", "4a4n18c"), (b"KW", "4a22c"), (b"KZ", "3n13c"), (b"LB", "4n20c"), (b"LC", "4a24c"),
    (b"LI", "5n12c"), (b"LT", "16n"), (b"LU", "3n13c"), (b"LV", "4a13c"), (b"LY", "21n"), (b"MC", "10n11c2n"),
    (b"MD", "20c"), (b"ME", "18n"), (b"MK", "3n10c2n"), (b"MN", "16n"), (b"MR", "23n"), (b"MT", "4a5n18c"),
    (b"MU", "4a19n3a"), (b"NI", "4a20n"), (b"NL", "4a10n"), (b"NO", "11n"), (b"OM", "3n16c"), (b"PK", "4a16c"),
    (b"PL", "24n"), (b"PS", "4a21c"), (b"PT", "21n"), (b"QA", "4a21c"), (b"RO", "4a16c"), (b"RS", "18n"), (b"RU", "14n15c"),
    (b"SA", "2n18c"), (b"SC", "4a20n3a"), (b"SD", "14n"), (b"SE", "20n"), (b"SI", "15n"), (b"SK", "20n"), (b"SM", "1a10n12c"),
    (b"SO", "19n"), (b"ST", "21n"), (b"SV", "4a20n"), (b"TL", "19n"), (b"TN", "20n"), (b"TR", "6n16c"), (b"UA", "6n19c"),
    (b"VA", "18n"), (b"VG", "4a16n"), (b"XK", "16n"), (b"YE", "4a4n18c"),
];

/// A number starts with two letters and a group of digits, so only the first group of a run can be its check number.
fn look(run: &DigitRun<'_>, scene: &Scene<'_>, spots: &mut Spots<'_>) {
    let Some(group) = run.groups.first().filter(|group| group.len() >= 2) else { return };
    let Some(start) = group.start.checked_sub(2) else { return };
    let country = match scene.text.get(start..group.start) {
        Some([a, b]) => [a.to_ascii_uppercase(), b.to_ascii_uppercase()],
        _ => return,
    };
    // Most digits follow no two letters, or the middle of a word: both are told before the table is searched.
    if !country.iter().all(u8::is_ascii_uppercase) || is_alphanumeric(scene.before(start)) {
        return;
    }
    let Ok(at) = LAYOUTS.binary_search_by(|(known, _)| (*known).cmp(&country)) else { return };
    let Some((_, layout)) = LAYOUTS.get(at) else { return };
    let mut characters = [0_u8; CHARACTERS_MAX];
    let Some((characters, end)) = read(scene, start, HEAD + length(layout), &mut characters) else { return };
    if !is_alphanumeric(scene.at(end)) && fits(layout, characters.get(HEAD..).unwrap_or_default()) && mod_97(characters)
    {
        spots.push(start..end, CHECKED);
    }
}

/// Reads `count` letters and digits from `start`, with at most one separator between two of them; returns them in upper
/// case, and where they end.
fn read<'c>(
    scene: &Scene<'_>,
    start: usize,
    count: usize,
    characters: &'c mut [u8; CHARACTERS_MAX],
) -> Option<(&'c [u8], usize)> {
    let mut at = start;
    for (index, slot) in characters.get_mut(..count)?.iter_mut().enumerate() {
        let mut byte = scene.at(at)?;
        if matches!(byte, b' ' | b'-' | b'.' | b'\n') && index >= HEAD {
            at += 1;
            byte = scene.at(at)?;
        }
        if !byte.is_ascii_alphanumeric() {
            return None;
        }
        *slot = byte.to_ascii_uppercase();
        at += 1;
    }
    characters.get(..count).map(|characters| (characters, at))
}

/// The steps of a layout: how many characters, and of which kind.
fn steps(layout: &str) -> impl Iterator<Item = (usize, u8)> {
    layout.as_bytes().split_inclusive(u8::is_ascii_alphabetic).filter_map(|step| {
        let (kind, count) = step.split_last()?;
        let count = count.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        Some((count, *kind))
    })
}

fn length(layout: &str) -> usize {
    steps(layout).map(|(count, _)| count).sum()
}

fn fits(layout: &str, characters: &[u8]) -> bool {
    let kinds = steps(layout).flat_map(|(count, kind)| std::iter::repeat_n(kind, count));
    kinds.zip(characters).all(|(kind, byte)| match kind {
        b'n' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        _ => byte.is_ascii_alphanumeric(),
    })
}

/// The check of ISO/IEC 7064 mod 97-10: country and check number go to the end, letters become 10 to 35, and the number
/// leaves 1 when divided by 97.
fn mod_97(characters: &[u8]) -> bool {
    let Some((head, rest)) = characters.split_at_checked(HEAD) else { return false };
    let remainder = rest.iter().chain(head).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_sorted_and_fit() {
        assert!(LAYOUTS.is_sorted_by(|a, b| a.0 < b.0));
        for (country, layout) in LAYOUTS {
            let length = HEAD + length(layout);
            assert!((15..=CHARACTERS_MAX).contains(&length), "{country:?}");
        }
    }
}
