//! What a fake provider can do with a request.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::time::Duration;

use super::completion;
use super::dialect::Dialect;
use super::hold::Hold;
use crate::line::Line;
use crate::request::Recorded;
use crate::server::After;

/// How long the bytes before a reset may take to be read by the other end.
const BEFORE_RESET: Duration = Duration::from_millis(50);

/// One way to answer.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// An answer with this content in the dialect of the request's path ([`Dialect::of`]): whole, or as a stream where the
    /// request asks for one.
    Answer(String),
    /// Status 200 and exactly this JSON body.
    Body(Vec<u8>),
    /// A stream, whether or not one was asked for.
    Stream(Stream),
    /// A status with headers and a body. `Content-Length` is added.
    Status {
        /// 100 to 999.
        code: u16,
        /// Lines beyond `Content-Length`.
        headers: Vec<(String, String)>,
        /// Exactly these bytes.
        body: Vec<u8>,
    },
    /// Nothing for this long, then the other behaviour.
    Slow(Duration, Box<Behaviour>),
    /// Nothing until the caller goes away.
    Hang,
    /// A head that promises a whole completion, half of its body, and the end of the connection.
    CloseMidBody,
    /// These bytes in place of a whole HTTP answer, and the end of the connection. None at all is a provider that hangs up.
    Raw(Vec<u8>),
    /// These bytes, then a TCP reset in place of an orderly end.
    Reset(Vec<u8>),
    /// The first bytes, then the others again and again until the caller goes away: an answer that never ends.
    Endless(Vec<u8>, Vec<u8>),
}

/// A stream of server-sent events.
#[derive(Clone, Debug)]
pub struct Stream {
    events: Events,
    pace: Pace,
    cut: Option<Cut>,
}

/// How a stream breaks off, after so many events.
#[derive(Clone, Copy, Debug)]
struct Cut {
    events: usize,
    end: After,
}

#[derive(Clone, Debug)]
enum Events {
    Content(Vec<String>),
    Bytes(Vec<Vec<u8>>),
}

#[derive(Clone, Debug)]
enum Pace {
    AtOnce,
    Every(Duration),
    Held(Hold),
}

impl Stream {
    /// An answer whose content comes in these pieces, one event each, between the events with which the dialect of the
    /// request's path begins a stream and those that end it.
    pub fn of<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Stream {
        Stream { events: Events::Content(pieces.into_iter().map(Into::into).collect()), pace: Pace::AtOnce, cut: None }
    }

    /// Exactly these bytes, one write for each piece, in HTTP chunks of the same size. Nothing is added.
    pub fn of_bytes<B: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = B>) -> Stream {
        Stream { events: Events::Bytes(pieces.into_iter().map(Into::into).collect()), pace: Pace::AtOnce, cut: None }
    }

    /// Waits this long before each event after the first.
    #[must_use]
    pub fn every(self, pause: Duration) -> Stream {
        Stream { pace: Pace::Every(pause), ..self }
    }

    /// Sends an event only once it is released.
    #[must_use]
    pub fn held(self, hold: &Hold) -> Stream {
        Stream { pace: Pace::Held(hold.clone()), ..self }
    }

    /// Ends the connection after this many events, without `[DONE]` and without the last HTTP chunk.
    #[must_use]
    pub fn cut_after(self, events: usize) -> Stream {
        Stream { cut: Some(Cut { events, end: After::Close }), ..self }
    }

    /// Resets the connection after this many events. The bytes on their way may be lost with it.
    #[must_use]
    pub fn reset_after(self, events: usize) -> Stream {
        Stream { cut: Some(Cut { events, end: After::Reset }), ..self }
    }

    /// The bytes of each event, as they will be sent in answer to `body`.
    fn pieces(&self, request: &Recorded) -> Vec<Vec<u8>> {
        let content = match &self.events {
            Events::Bytes(pieces) => return pieces.clone(),
            Events::Content(content) => content,
        };
        Dialect::of(&request.path).stream(request, content)
    }

    fn send(&self, line: &mut Line, request: &Recorded) -> io::Result<After> {
        let content_type = Dialect::of(&request.path).stream_type(request);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        line.write(head.as_bytes())?;
        for (number, piece) in self.pieces(request).into_iter().enumerate() {
            if let Some(cut) = self.cut.filter(|cut| cut.events == number) {
                return Ok(cut.end);
            }
            match &self.pace {
                Pace::AtOnce => {}
                Pace::Every(pause) => {
                    line.pause(if number == 0 { Duration::ZERO } else { *pause })?;
                }
                Pace::Held(hold) => line.wait_until(|| hold.pass())?,
            }
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
            if !piece.is_empty() {
                line.write(&chunk)?;
            }
        }
        if let Some(cut) = self.cut {
            return Ok(cut.end);
        }
        line.write(b"0\r\n\r\n")?;
        Ok(After::Keep)
    }
}

impl Behaviour {
    /// An answer with this content.
    pub fn answer(content: &str) -> Behaviour {
        Behaviour::Answer(content.to_owned())
    }

    /// Status 200 and exactly this JSON body.
    pub fn body(body: impl Into<Vec<u8>>) -> Behaviour {
        Behaviour::Body(body.into())
    }

    /// A stream of these pieces of content.
    pub fn stream<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Behaviour {
        Behaviour::Stream(Stream::of(pieces))
    }

    /// A status with a JSON body.
    pub fn status(code: u16, body: &str) -> Behaviour {
        Behaviour::Status {
            code,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
        }
    }

    /// A status with `Retry-After` in seconds and an error body in OpenAI's shape.
    pub fn retry_after(code: u16, seconds: u64) -> Behaviour {
        Behaviour::Status {
            code,
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("Retry-After".to_owned(), seconds.to_string()),
            ],
            body: br#"{"error":{"message":"try again later","type":"server_error"}}"#.to_vec(),
        }
    }

    /// The end of the connection before the first byte of an answer.
    pub fn hang_up() -> Behaviour {
        Behaviour::Raw(Vec::new())
    }

    /// A TCP reset before the first byte of an answer.
    pub fn reset() -> Behaviour {
        Behaviour::Reset(Vec::new())
    }

    /// Nothing for this long, then this behaviour.
    #[must_use]
    pub fn after(self, pause: Duration) -> Behaviour {
        Behaviour::Slow(pause, Box::new(self))
    }

    pub(crate) fn perform(&self, line: &mut Line, request: &Recorded) -> io::Result<After> {
        match self {
            Behaviour::Answer(content) if Dialect::of(&request.path).wants_stream(request) => {
                Stream::of(completion::pieces(content)).send(line, request)
            }
            Behaviour::Answer(content) => {
                let body = Dialect::of(&request.path).whole(request, content).to_string();
                Behaviour::body(body).perform(line, request)
            }
            Behaviour::Body(body) => {
                let head = head(200, &[("content-type".to_owned(), "application/json".to_owned())], body.len());
                line.write(&[&head, body.as_slice()].concat())?;
                Ok(After::Keep)
            }
            Behaviour::Stream(stream) => stream.send(line, request),
            Behaviour::Status { code, headers, body } => {
                line.write(&[&head(*code, headers, body.len()), body.as_slice()].concat())?;
                Ok(After::Keep)
            }
            Behaviour::Slow(pause, then) => {
                line.pause(*pause)?;
                then.perform(line, request)
            }
            Behaviour::Hang => {
                line.wait_until(|| false)?;
                Err(ErrorKind::ConnectionReset.into())
            }
            Behaviour::CloseMidBody => {
                let dialect = Dialect::of(&request.path);
                let body = dialect.whole(request, "This answer breaks off in the middle.").to_string();
                let head = head(200, &[("content-type".to_owned(), "application/json".to_owned())], body.len());
                let half = body.as_bytes().get(..body.len() / 2).unwrap_or_default();
                line.write(&[&head, half].concat())?;
                Ok(After::Close)
            }
            Behaviour::Raw(bytes) => {
                line.write(bytes)?;
                Ok(After::Close)
            }
            Behaviour::Reset(bytes) => {
                line.write(bytes)?;
                // Gives the bytes time to be read: a reset overtakes what waits.
                line.pause(BEFORE_RESET)?;
                Ok(After::Reset)
            }
            Behaviour::Endless(first, again) => {
                line.write(first)?;
                loop {
                    line.write(again)?;
                }
            }
        }
    }
}

/// A status line, header lines, the length of the body and the empty line.
pub(crate) fn head(code: u16, headers: &[(String, String)], body_bytes: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {code} {}\r\n", reason(code));
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {body_bytes}\r\n\r\n");
    head.into_bytes()
}

fn reason(code: u16) -> &'static str {
    match code {
        200..=299 => "OK",
        300..=399 => "Elsewhere",
        400..=499 => "Refused",
        500..=599 => "Failed",
        _ => "Unknown",
    }
}
