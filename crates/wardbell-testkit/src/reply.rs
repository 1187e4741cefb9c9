//! An HTTP/1.1 answer, read from a socket.

use std::io::{self, ErrorKind};

use crate::headers::Headers;

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header lines in their order and case.
    pub headers: Headers,
    /// The body. A chunked body is put together; nothing else is done to it.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text. Fails the test if it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the answer is UTF-8")
    }

    /// The body as JSON. Fails the test, and shows the body, if it is not.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("status {}, not JSON: {error}: {:?}", self.status, self.text()))
    }

    /// Itself, if it has this status. Fails the test, and shows the body, if it has another.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "the answer was {}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// Status and header lines of a head, with or without its closing empty line.
///
/// # Errors
/// It does not start with an HTTP/1.1 status line.
pub(crate) fn parse_head(head: &[u8]) -> io::Result<(u16, Headers)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or(ErrorKind::InvalidData)?;
    Ok((status, Headers::parse(lines)))
}
