use super::*;
use proptest::prelude::*;

fn check(text: &str) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text, 128);
    while scanner.next()? != Event::End {}
    Ok(())
}

#[test]
fn legal_json_passes_however_awkward() {
    for text in [
        "0",
        "-0",
        "1E+2",
        "-0.0e-0",
        "\"\"",
        "null",
        " [ ] ",
        "{}",
        "[[],{}]",
        r#"{"a":{"a":1},"a":2}"#,
        r#""\ud800""#,
        r#""\udc00\ud800x""#,
        r#""\/\b\f\n\r\t\"\\""#,
        "\r\n\t[1 ,\t2]\n",
        r#"{"":[true,false,null]}"#,
    ] {
        assert_eq!(check(text), Ok(()), "{text}");
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (text, at) in [
        ("", 0),
        ("nul", 0),
        ("01", 1),
        ("1.", 2),
        ("1e", 2),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("NaN", 0),
        ("[1,]", 3),
        ("[,1]", 1),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{a:1}", 1),
        ("{\"a\":1,}", 7),
        ("[1 2]", 3),
        ("\"\\x\"", 1),
        ("\"\\u12g4\"", 1),
        ("\"\\u12", 1),
        ("\"a\nb\"", 2),
        ("\"abc", 4),
        ("[", 1),
        ("]", 0),
        ("{]", 1),
        ("[}", 1),
        ("1 1", 2),
        ("{}{}", 2),
        ("\u{feff}{}", 0),
        ("'a'", 0),
        ("// c", 0),
        ("\"\\", 1),
    ] {
        assert_eq!(check(text).map_err(|error| error.at), Err(at), "{text:?}");
    }
}

#[test]
fn depth_is_bounded_without_recursion() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check(&deep(128)), Ok(()));
    assert_eq!(check(&deep(129)).unwrap_err().kind, JsonErrorKind::Depth);
    assert_eq!(check(&"[".repeat(10_000_000)).unwrap_err().at, 128);
}

#[test]
fn escapes_decode_to_what_they_stand_for() {
    for (raw, expect) in [
        (r"a\u00e9b", "aéb"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83dx", "\u{fffd}x"),
        (r"\ude00", "\u{fffd}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r#"\"\\\/\n"#, "\"\\/\n"),
        (r"\u0000", "\0"),
    ] {
        let token = StringToken { raw: 0..raw.len(), escaped: true };
        assert_eq!(decode(raw, &token), expect, "{raw}");
    }
}

#[test]
fn the_default_depth_is_about_what_serde_json_has() {
    for (depth, ours, theirs) in [(127, true, true), (128, true, false), (129, false, false)] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let mut scanner = Scanner::new(&text, DEPTH_MAX);
        let mut ok = true;
        loop {
            match scanner.next() {
                Ok(Event::End) => break,
                Ok(_) => {}
                Err(_) => {
                    ok = false;
                    break;
                }
            }
        }
        assert_eq!((ok, serde_json::from_str::<serde_json::Value>(&text).is_ok()), (ours, theirs), "{depth}");
    }
}

#[test]
fn every_byte_is_refused_where_it_may_not_stand_in_a_string() {
    for byte in 0..=0x7f_u8 {
        let text = format!("\"{}{}\"", "p".repeat(40), char::from(byte));
        assert_eq!(check(&text).is_ok(), byte >= 0x20 && byte != b'"' && byte != b'\\', "{byte:#x}");
        let text = format!("\"\\{}\"", char::from(byte));
        assert_eq!(check(&text).is_ok(), br#""\/bfnrt"#.contains(&byte), "{byte:#x}");
    }
}

#[test]
fn ranges_are_the_bytes_of_what_they_name() {
    let text = " { \"a\\n\" : [ -1.5E+2 , \"é\" , true ] } ";
    let mut scanner = Scanner::new(text, 2);
    let mut seen = Vec::new();
    loop {
        match scanner.next().unwrap() {
            Event::Key(token) => seen.push(format!("key {} {}", text.get(token.raw).unwrap(), token.escaped)),
            Event::String(token) => seen.push(format!("string {} {}", text.get(token.raw).unwrap(), token.escaped)),
            Event::Number(place) => seen.push(format!("number {}", text.get(place).unwrap())),
            Event::ObjectEnd(at) => seen.push(format!("end {}", text.get(at..=at).unwrap())),
            Event::End => break,
            other => seen.push(format!("{other:?} {} {}", scanner.depth(), scanner.position())),
        }
    }
    assert_eq!(
        seen,
        [
            "ObjectStart 1 2",
            r"key a\n true",
            "ArrayStart 2 12",
            "number -1.5E+2",
            "string é false",
            "Bool(true) 2 34",
            "ArrayEnd 1 36",
            "end }",
        ]
    );
}

proptest! {
    #[test]
    fn it_agrees_with_serde_json_on_what_is_json(text in r#"[\[\]{}",:0-9eE.+\-truefalsn \\u]{0,24}"#) {
        let ours = check(&text).is_ok();
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        // Lone surrogates are legal grammar, which serde_json refuses when it decodes, and lets pass when it ignores.
        prop_assert_eq!(ours, theirs, "{}", text);
    }

    #[test]
    fn escaping_and_decoding_give_the_text_back(text in any::<String>()) {
        let raw = escape(&text);
        let token = StringToken { raw: 0..raw.len(), escaped: true };
        prop_assert_eq!(decode(&raw, &token), text);
    }
}
