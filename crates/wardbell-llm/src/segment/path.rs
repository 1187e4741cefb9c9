//! Where in a body a text stands, in words: `messages[2].content[0].text`.
//!
//! A path is made when somebody asks, by walking the body again, so a clean request pays nothing for it. Ask for many at
//! once with [`paths`]: it is one walk.
//!
//! **What it does not show.** A key that is not one of the dialect's own words is somebody's text and may be a secret: it
//! is shown as `*`.

use std::fmt::Write as _;

use crate::json::{self, Event, JsonError, Scanner, StringToken};

/// The longest path, in bytes, without the mark that it was cut. Source: our choice; it is for
/// reading.
pub const PATH_BYTES_MAX: usize = 256;
/// The longest key that is looked at, as it is spelled, in bytes: longer than any word of a dialect with every letter
/// escaped.
const KEY_BYTES_MAX: usize = 256;
/// Stands at the end of a path that was cut.
const CUT: &str = "…";

/// Paths of the strings of `text` whose first byte after the quote is in `starts`, in the order of `starts`; an empty path
/// where no string starts, or where it is past the first error in `text`. The path of a key ends in `#key`.
///
/// `known` says which keys may be shown. One walk, and one sort of `starts`.
pub fn paths(text: &str, starts: &[usize], known: fn(&str) -> bool) -> Vec<String> {
    let mut order: Vec<usize> = (0..starts.len()).collect();
    order.sort_by_key(|index| starts.get(*index));
    let wanted = order.iter().filter_map(|index| Some((*index, *starts.get(*index)?)));
    let mut walk = Walk { text, known, found: vec![String::new(); starts.len()], frames: Vec::new() };
    // An error ends the walk; what is past it has no path.
    let _ = walk.run(wanted.peekable());
    walk.found
}

enum Frame {
    /// In an object, after this key.
    Object(Option<StringToken>),
    /// In an array, at this place.
    Array(usize),
}

struct Walk<'a> {
    text: &'a str,
    known: fn(&str) -> bool,
    found: Vec<String>,
    frames: Vec<Frame>,
}

impl Walk<'_> {
    fn run(&mut self, mut wanted: std::iter::Peekable<impl Iterator<Item = (usize, usize)>>) -> Result<(), JsonError> {
        // Whoever asks has read the text within a limit before.
        let mut scanner = Scanner::new(self.text, usize::MAX);
        while let Some((_, next)) = wanted.peek().copied() {
            let event = scanner.next()?;
            if let Event::Key(token) = &event
                && let Some(Frame::Object(key)) = self.frames.last_mut()
            {
                *key = Some(token.clone());
            }
            if let Event::Key(token) | Event::String(token) = &event
                && token.raw.start >= next
            {
                let is_key = matches!(event, Event::Key(_));
                // No string starts there.
                while wanted.next_if(|(_, start)| *start < token.raw.start).is_some() {}
                while let Some((index, _)) = wanted.next_if(|(_, start)| *start == token.raw.start) {
                    self.put(index, self.render(is_key));
                }
            }
            match event {
                Event::ObjectStart => self.frames.push(Frame::Object(None)),
                Event::ArrayStart => self.frames.push(Frame::Array(0)),
                Event::ObjectEnd(_) | Event::ArrayEnd => {
                    self.frames.pop();
                    self.step();
                }
                Event::String(_) | Event::Number(_) | Event::Bool(_) | Event::Null => self.step(),
                Event::Key(_) => {}
                Event::End => break,
            }
        }
        Ok(())
    }

    /// A value is over.
    fn step(&mut self) {
        if let Some(Frame::Array(index)) = self.frames.last_mut() {
            *index += 1;
        }
    }

    fn put(&mut self, index: usize, path: String) {
        if let Some(place) = self.found.get_mut(index) {
            *place = path;
        }
    }

    fn render(&self, is_key: bool) -> String {
        let mut path = String::new();
        for frame in &self.frames {
            let whole = path.len();
            match frame {
                Frame::Object(Some(key)) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    if key.raw.len() > KEY_BYTES_MAX {
                        path.push('*');
                        continue;
                    }
                    let name = json::decode(self.text, key);
                    path.push_str(if (self.known)(&name) { &name } else { "*" });
                }
                Frame::Object(None) => {}
                Frame::Array(index) => {
                    // Writing into a string cannot fail.
                    let _ = write!(path, "[{index}]");
                }
            }
            if path.len() > PATH_BYTES_MAX {
                path.truncate(whole);
                path.push_str(CUT);
                return path;
            }
        }
        if is_key {
            path.push_str("#key");
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, find: &str, expect: &str) {
        let start = text.find(find).unwrap();
        let path = paths(text, &[start], |key| key.len() == 1).pop().unwrap();
        assert_eq!(path, expect, "{text}");
    }

    #[test]
    fn a_path_leads_to_the_text() {
        check(r#""x""#, "x", "");
        check(r#"["y","x"]"#, "x", "[1]");
        check(r#"{"a":[{"b":1},{"b":"xx"}]}"#, "xx", "a[1].b");
        check(r#"{"a":{"c":{}},"b":[[],[1,"xx"]]}"#, "xx", "b[1][1]");
        check(r#"{"a":{"\u0062":"xx"}}"#, "xx", "a.b");
    }

    #[test]
    fn a_key_that_is_somebodys_text_is_not_shown() {
        check(r#"{"a":{"jane@example.com":"xx"}}"#, "xx", "a.*");
        check(r#"{"a":{"jane@example.com":"xx"}}"#, "jane", "a.*#key");
    }

    #[test]
    fn many_are_found_in_one_walk_in_the_order_asked() {
        let text = r#"{"a":"1","b":["2","3"]}"#;
        let starts: Vec<usize> = ["3", "1", "2", "3"].iter().map(|digit| text.find(digit).unwrap()).collect();
        assert_eq!(paths(text, &starts, |_| true), ["b[1]", "a", "b[0]", "b[1]"]);
        assert_eq!(paths(text, &[0, 99, starts[1]], |_| true), ["", "", "a"]);
        assert_eq!(paths("{\"a\":\"1\" nonsense", &[6, 12], |_| true), ["a", ""]);
    }

    #[test]
    fn a_long_path_is_cut() {
        let text = format!("{}\"x\"{}", "[".repeat(5_000), "]".repeat(5_000));
        let path = paths(&text, &[5_001], |_| true).pop().unwrap();
        assert!(path.len() <= PATH_BYTES_MAX + CUT.len() && path.ends_with("[0]…"), "{path}");
        let long = format!("{{\"{}\":\"x\"}}", "k".repeat(10_000));
        assert_eq!(paths(&long, &[long.len() - 3], |_| true), ["*"]);
    }
}
