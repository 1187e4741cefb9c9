//! Letters of other scripts that look like Latin ones.
//!
//! **Source.** Unicode Technical Standard 39, confusables.txt 15.1, as far as a letter is hard to tell from the Latin one in
//! common fonts; the table is ours and holds what texts are disguised with, no more.

/// The Latin letter that `character` looks like.
pub(super) fn latin(character: char) -> Option<char> {
    Some(match character {
        // Cyrillic
        'а' | 'ɑ' | 'α' | 'ᴀ' => 'a',
        'А' | 'Α' => 'A',
        'Ь' | 'ь' | 'ƅ' | 'ʙ' => 'b',
        'В' | 'Β' => 'B',
        'с' | 'ϲ' | 'ᴄ' => 'c',
        'С' | 'Ϲ' => 'C',
        'ԁ' | 'ɗ' | 'ᴅ' => 'd',
        'е' | 'ҽ' | 'ɘ' | 'ᴇ' => 'e',
        'Е' | 'Ε' => 'E',
        'ɡ' | 'ց' | 'ɢ' => 'g',
        'һ' | 'հ' | 'ʜ' => 'h',
        'Н' | 'Η' => 'H',
        'і' | 'ι' | 'ı' | 'ɪ' => 'i',
        'І' | 'Ι' | 'Ӏ' => 'I',
        'ј' | 'ϳ' | 'ᴊ' => 'j',
        'Ј' => 'J',
        'к' | 'κ' | 'ᴋ' => 'k',
        'К' | 'Κ' => 'K',
        'ӏ' | 'ɩ' | 'ʟ' => 'l',
        'м' | 'ᴍ' => 'm',
        'М' | 'Μ' => 'M',
        'ո' | 'ռ' | 'η' | 'ɴ' | 'п' => 'n',
        'Ν' => 'N',
        'о' | 'ο' | 'օ' | 'σ' | 'ᴏ' => 'o',
        'О' | 'Ο' | 'Օ' => 'O',
        'р' | 'ρ' | 'ᴘ' => 'p',
        'Р' | 'Ρ' => 'P',
        'ԛ' | 'զ' => 'q',
        'г' | 'ʀ' | 'ᴦ' => 'r',
        'ѕ' | 'ꜱ' => 's',
        'Ѕ' => 'S',
        'т' | 'τ' | 'ᴛ' => 't',
        'Т' | 'Τ' => 'T',
        'υ' | 'ս' | 'ʋ' | 'ᴜ' => 'u',
        'ν' | 'ѵ' | 'ᴠ' => 'v',
        'Ѵ' => 'V',
        'ԝ' | 'ѡ' | 'ω' | 'ᴡ' => 'w',
        'Ԝ' => 'W',
        'х' | 'χ' => 'x',
        'Х' | 'Χ' => 'X',
        'у' | 'γ' | 'ʏ' => 'y',
        'У' | 'Υ' | 'Ү' => 'Y',
        'ᴢ' => 'z',
        'Ζ' => 'Z',
        'ꜰ' | 'ғ' => 'f',
        _ => return None,
    })
}

/// Whether the block can hold a look-alike: a short cut.
pub(super) fn is_candidate(character: char) -> bool {
    matches!(character, '\u{0131}' | '\u{0180}'..='\u{02AF}' | '\u{0370}'..='\u{0587}' | '\u{1D00}'..='\u{1D2B}' | '\u{A730}' | '\u{A731}')
}
