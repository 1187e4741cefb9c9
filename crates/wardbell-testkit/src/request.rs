//! A request as it arrived at a fake.

use std::io;
use std::time::Instant;

use crate::headers::Headers;
use crate::line::Line;

/// One request, exactly as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, as they stood in the request line.
    pub path: String,
    /// Header lines in their order and case.
    pub headers: Headers,
    /// Request line and header lines, byte for byte, with the closing empty line.
    pub head: Vec<u8>,
    /// The body, byte for byte. A chunked body is put together; nothing else is done to it.
    pub body: Vec<u8>,
    /// When the last byte of the body had come.
    pub arrived: Instant,
    /// Which connection it came over: 1 for the first one accepted.
    pub connection: u64,
}

impl Recorded {
    /// The body as text. Fails the test if it is not UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the request body is UTF-8")
    }

    /// The body as JSON. Fails the test if it is not.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the request body is JSON")
    }

    /// Whether the caller wants the connection closed after the answer.
    pub(crate) fn closes(&self) -> bool {
        self.headers.has_token("connection", "close")
    }
}

/// Reads one request, or `None` where the peer closed the connection before the first byte of one.
///
/// # Errors
/// The connection broke, or what came is not HTTP/1.1 within the bounds of this crate.
pub(crate) fn read(line: &mut Line) -> io::Result<Option<Recorded>> {
    let Some(head) = line.read_head()? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default().to_owned());
    let headers = Headers::parse(lines);
    if headers.has_token("expect", "100-continue") {
        line.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = if headers.has_token("transfer-encoding", "chunked") {
        line.read_chunked()?
    } else if let Some(length) = headers.get("content-length") {
        line.read_exactly(length.parse().map_err(io::Error::other)?)?
    } else {
        Vec::new()
    };
    Ok(Some(Recorded { method, path, headers, head, body, arrived: Instant::now(), connection: line.number }))
}
