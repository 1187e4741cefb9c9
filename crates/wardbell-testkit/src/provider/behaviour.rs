//! What a fake provider can do with a request.

use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::time::Duration;

use serde_json::Value;

use super::completion;
use super::hold::Hold;
use crate::line::Line;
use crate::request::Recorded;
use crate::server::After;

/// One way to answer.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// A completion with this content: whole, or as a stream where the request says `"stream": true`.
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
    /// These bytes in place of a whole HTTP answer, and the end of the connection.
    Raw(Vec<u8>),
}

/// A stream of server-sent events.
#[derive(Clone, Debug)]
pub struct Stream {
    events: Events,
    pace: Pace,
    cut_after: Option<usize>,
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
    /// A completion whose content comes in these pieces, one event each, between the event that names the role and those
    /// that end it. Ends with `data: [DONE]`.
    pub fn of<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Stream {
        Stream {
            events: Events::Content(pieces.into_iter().map(Into::into).collect()),
            pace: Pace::AtOnce,
            cut_after: None,
        }
    }

    /// Exactly these bytes, one write for each piece, in HTTP chunks of the same size. Nothing is added.
    pub fn of_bytes<B: Into<Vec<u8>>>(pieces: impl IntoIterator<Item = B>) -> Stream {
        Stream {
            events: Events::Bytes(pieces.into_iter().map(Into::into).collect()),
            pace: Pace::AtOnce,
            cut_after: None,
        }
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
        Stream { cut_after: Some(events), ..self }
    }

    /// The bytes of each event, as they will be sent in answer to `body`.
    fn pieces(&self, request: &Recorded) -> Vec<Vec<u8>> {
        let content = match &self.events {
            Events::Bytes(pieces) => return pieces.clone(),
            Events::Content(content) => content,
        };
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let with_usage = asked.pointer("/stream_options/include_usage").and_then(Value::as_bool) == Some(true);
        let chunks = completion::chunks(&model(request), content, with_usage);
        let mut pieces: Vec<_> = chunks.iter().map(completion::event).collect();
        pieces.push(b"data: [DONE]\n\n".to_vec());
        pieces
    }

    fn send(&self, line: &mut Line, request: &Recorded) -> io::Result<After> {
        line.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
        )?;
        for (number, piece) in self.pieces(request).into_iter().enumerate() {
            if self.cut_after == Some(number) {
                return Ok(After::Close);
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
        if self.cut_after.is_some() {
            return Ok(After::Close);
        }
        line.write(b"0\r\n\r\n")?;
        Ok(After::Keep)
    }
}

impl Behaviour {
    /// A completion with this content.
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

    /// Nothing for this long, then this behaviour.
    #[must_use]
    pub fn after(self, pause: Duration) -> Behaviour {
        Behaviour::Slow(pause, Box::new(self))
    }

    pub(crate) fn perform(&self, line: &mut Line, request: &Recorded) -> io::Result<After> {
        match self {
            Behaviour::Answer(content) if request.wants_stream() => {
                Stream::of(completion::pieces(content)).send(line, request)
            }
            Behaviour::Answer(content) => {
                Behaviour::body(completion::whole(&model(request), content).to_string()).perform(line, request)
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
                let body = completion::whole(&model(request), "This answer breaks off in the middle.").to_string();
                let head = head(200, &[("content-type".to_owned(), "application/json".to_owned())], body.len());
                let half = body.as_bytes().get(..body.len() / 2).unwrap_or_default();
                line.write(&[&head, half].concat())?;
                Ok(After::Close)
            }
            Behaviour::Raw(bytes) => {
                line.write(bytes)?;
                Ok(After::Close)
            }
        }
    }
}

/// The model that the request names.
fn model(request: &Recorded) -> String {
    serde_json::from_slice::<Value>(&request.body)
        .ok()
        .and_then(|body| Some(body.get("model")?.as_str()?.to_owned()))
        .unwrap_or_else(|| completion::MODEL.to_owned())
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
