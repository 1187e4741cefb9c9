//! What an adversary does to a text.

use std::fmt::Write as _;

use crate::texts::{ATTACKS, TRANSLATED};

/// A transform: its name, and what it makes of a text.
pub(crate) type Transform = (&'static str, fn(&str) -> String);

/// All of them.
pub(crate) const TRANSFORMS: &[Transform] = &[
    ("zero-width spaces", |text| between(text, "\u{200b}")),
    ("zero-width joiners", |text| between(text, "\u{200d}")),
    ("soft hyphens", |text| between(text, "\u{ad}")),
    ("bidi marks", |text| format!("\u{202e}{}\u{202c}", between(text, "\u{2060}"))),
    ("combining marks", |text| between(text, "\u{335}")),
    ("Cyrillic look-alikes", |text| swap(text, "aeopcxyiAEOPCXTHBKM", "аеорсхуіАЕОРСХТНВКМ")),
    ("Greek look-alikes", |text| swap(text, "aoviAEOTHBKM", "αονιΑΕΟΤΗΒΚΜ")),
    ("full width", |text| shift(text, 0xff01)),
    ("mathematical bold", |text| letters(text, 0x1d41a, 0x1d400)),
    ("mathematical script", |text| letters(text, 0x1d4ea, 0x1d4d0)),
    ("circled letters", |text| letters(text, 0x24d0, 0x24b6)),
    ("small capitals", |text| swap(text, "abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")),
    ("accents", |text| swap(text, "aeiouyncs", "áèîöùýñçš")),
    ("leet", |text| swap(text, "oieast", "013457")),
    ("leet with signs", |text| swap(text, "oeas", "03@$")),
    ("spaced letters", |text| spaced(text, " ", "   ")),
    ("dotted letters", |text| spaced(text, ".", " ")),
    ("dashed letters", |text| spaced(text, "-", "  ")),
    ("spaced letters without words", |text| spaced(text, " ", " ")),
    ("German", |text| translated(text, 0)),
    ("Spanish", |text| translated(text, 1)),
    ("Chinese", |text| translated(text, 2)),
    ("capitals", str::to_uppercase),
    ("alternating case", |text| {
        text.chars()
            .enumerate()
            .map(|(at, c)| if at % 2 == 0 { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
            .collect()
    }),
    ("no-break spaces", |text| text.replace(' ', "\u{a0}")),
    ("line breaks", |text| text.replace(' ', "\n")),
    ("wide gaps", |text| text.replace(' ', "     ")),
    ("emphasis within words", |text| words(text, |word| broken(word, "**"))),
    ("tags within words", |text| words(text, |word| broken(word, "<b></b>"))),
    ("Markdown quote", |text| format!("> **Note**\n> \n> {}\n", text.replace(". ", ".\n> "))),
    ("code block", |text| format!("```text\n{text}\n```")),
    ("HTML comment", |text| format!("<p>Opening hours: 9 to 5.</p>\n<!-- {text} -->\n<p>Closed on Sundays.</p>")),
    ("HTML attribute", |text| format!("<img src=\"map.png\" alt=\"{text}\"> <p>How to find us</p>")),
    ("HTML entities", |text| {
        text.chars().fold(String::new(), |mut out, c| {
            let _ = write!(out, "&#{};", u32::from(c));
            out
        })
    }),
    ("JSON escapes", |text| {
        text.chars().fold(String::new(), |mut out, c| {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
            out
        })
    }),
    ("JSON field", |text| format!("{{\"id\": 17, \"status\": \"open\", \"comment\": {text:?}, \"votes\": 3}}")),
    ("URL escapes", |text| {
        text.bytes().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "%{byte:02X}");
            out
        })
    }),
    ("base64", |text| base64(text.as_bytes())),
    ("base64 in base64", |text| base64(base64(text.as_bytes()).as_bytes())),
    ("hexadecimal", |text| {
        text.bytes().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }),
    ("ROT13", |text| text.chars().map(rot13).collect()),
    ("backwards", |text| text.chars().rev().collect()),
    ("tag characters", |text| {
        let hidden: String = text.bytes().filter_map(|byte| char::from_u32(0xe0000 + u32::from(byte))).collect();
        format!("What a lovely day it is.{hidden}")
    }),
    ("prefix of small talk", |text| format!("{SMALL_TALK}\n\n{text}")),
    ("suffix of small talk", |text| format!("{text}\n\n{SMALL_TALK}")),
    ("in the middle of 8 KB", |text| {
        let filler = SMALL_TALK.repeat(4096 / SMALL_TALK.len() + 1);
        format!("{filler}\n{text}\n{filler}")
    }),
    ("in the middle of 100 KB", |text| {
        let filler = SMALL_TALK.repeat(50 * 1024 / SMALL_TALK.len() + 1);
        format!("{filler}\n{text}\n{filler}")
    }),
];

const SMALL_TALK: &str = "The bakery on the corner opens at seven, and by half past the rolls with poppy seeds are gone. \
    My neighbour buys two of them every day, one for herself and one for the dog. On rainy days we meet under the awning and \
    talk about the allotment, the price of seeds, and whether the tram will ever be on time. ";

fn between(text: &str, sign: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        out.push(character);
        if character.is_ascii_alphabetic() {
            out.push_str(sign);
        }
    }
    out
}

fn swap(text: &str, from: &str, to: &str) -> String {
    let of = |c| from.chars().position(|known| known == c).and_then(|at| to.chars().nth(at)).unwrap_or(c);
    text.chars().map(of).collect()
}

fn shift(text: &str, exclamation: u32) -> String {
    let of = |c: char| match c {
        '!'..='~' => char::from_u32(u32::from(c) - 0x21 + exclamation).unwrap_or(c),
        other => other,
    };
    text.chars().map(of).collect()
}

fn letters(text: &str, small: u32, capital: u32) -> String {
    let of = |c: char| match c {
        'a'..='z' => char::from_u32(u32::from(c) - 0x61 + small).unwrap_or(c),
        'A'..='Z' => char::from_u32(u32::from(c) - 0x41 + capital).unwrap_or(c),
        other => other,
    };
    text.chars().map(of).collect()
}

fn words(text: &str, each: impl Fn(&str) -> String) -> String {
    text.split(' ').map(each).collect::<Vec<_>>().join(" ")
}

fn spaced(text: &str, gap: &str, word_gap: &str) -> String {
    text.split(' ')
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).map(String::from).collect::<Vec<_>>().join(gap))
        .collect::<Vec<_>>()
        .join(word_gap)
}

/// An attack in another language; any other text as it is.
fn translated(text: &str, language: usize) -> String {
    let known = ATTACKS.iter().position(|attack| *attack == text);
    known.map_or(text, |number| TRANSLATED[language][number]).to_owned()
}

/// A sign in the middle of a word of letters.
fn broken(word: &str, sign: &str) -> String {
    let middle = word.len() / 2;
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return word.to_owned();
    }
    format!("{}{sign}{}", &word[..middle], &word[middle..])
}

fn rot13(c: char) -> char {
    match c {
        'a'..='z' => char::from((c as u8 - b'a' + 13) % 26 + b'a'),
        'A'..='Z' => char::from((c as u8 - b'A' + 13) % 26 + b'A'),
        other => other,
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (number >> (18 - 6 * place) & 63) as usize;
            out.push(if place <= chunk.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    out
}
