//! One walk over a body of any dialect: every string becomes a text, and the dialect's tables say whose it is.
//!
//! **Theory of operation.** A frame for each open container knows its node. A turn, or a part of one, may name its role or
//! kind after its texts, so they wait as `Other`, and get their origin when the object ends; what has one keeps it, so the
//! innermost that knows decides. The tables nest such objects four deep at most: a text is touched a fixed number of times.
//!
//! **Media in base64** may stand before the media type that exempts them: they are read as texts, and taken out at the end.

use std::borrow::Cow;

use wardbell_core::origin::Origin;

use crate::json::{self, Event, JsonErrorKind, Piece, Scanner, StringToken};
use crate::request::field::{Grammar, Is, Need, Node, PLAIN, Turns};
use crate::request::{Limits, Model, RequestError, SEGMENTS_MAX, media};
use crate::segment::Segment;

/// The place of a turn whose number is known only at the end.
const LAST: usize = usize::MAX;

#[expect(clippy::struct_excessive_bools, reason = "each is something seen or not yet seen")]
pub(crate) struct Walker<'a, 'l> {
    text: &'a str,
    limits: &'l Limits,
    grammar: &'static Grammar,
    scanner: Scanner<'a>,
    frames: Vec<Frame>,
    pub(crate) segments: Vec<Segment<'a>>,
    /// Segments that turned out to be media, in their order.
    media: Vec<usize>,
    /// Fields that are acted on and have been seen.
    seen: Vec<&'static str>,
    pub(crate) model: Option<Model<'a>>,
    pub(crate) stream: Option<bool>,
    pub(crate) previous: Option<Cow<'a, str>>,
    pub(crate) kept_prompt: bool,
    pub(crate) turns: Option<usize>,
    /// How the turns are that the walk is in.
    rules: Option<&'static Turns>,
    /// The turn that the walk is in.
    message: Option<usize>,
    /// Whether the value that the walk is in may say something, whether something was said, and whether the last turn was
    /// empty.
    counts: bool,
    says: bool,
    pub(crate) last_empty: bool,
    source: Source,
    has_last: bool,
    rpc: Rpc,
}

#[derive(Clone, Copy)]
struct Frame {
    node: &'static Node,
    /// How many segments there were before.
    first: usize,
    origin: Origin,
    role: Option<Origin>,
    kind: Option<Origin>,
    list: bool,
}

/// What is known about the source that the walk is in. A field that comes twice makes it no media.
#[derive(Default)]
struct Source {
    data: Option<usize>,
    kind: Option<bool>,
    media: Option<bool>,
    twice: bool,
}

#[derive(Default)]
struct Rpc {
    marked: bool,
    asks_prompt: bool,
}

impl<'a, 'l> Walker<'a, 'l> {
    pub(crate) fn new(text: &'a str, grammar: &'static Grammar, limits: &'l Limits) -> Self {
        Self {
            text,
            limits,
            grammar,
            scanner: Scanner::new(text, limits.depth_max),
            frames: Vec::new(),
            segments: Vec::new(),
            media: Vec::new(),
            seen: Vec::new(),
            model: None,
            stream: None,
            previous: None,
            kept_prompt: false,
            turns: None,
            rules: None,
            message: None,
            counts: false,
            says: false,
            last_empty: false,
            source: Source::default(),
            has_last: false,
            rpc: Rpc::default(),
        }
    }

    /// Reads the body to its end.
    pub(crate) fn run(&mut self) -> Result<(), RequestError> {
        let mut node = self.grammar.root;
        let mut origin = Origin::Other;
        let mut event = self.next()?;
        if let Need::Fields { must, .. } = self.grammar.need
            && event != Event::ObjectStart
        {
            return Err(RequestError::NotObject { must });
        }
        loop {
            match event {
                Event::Key(token) => {
                    let name = json::decode(self.text, &token);
                    let Some(frame) = self.frames.last() else { break };
                    let around = frame.origin;
                    node = frame.node.below(&name);
                    origin = node.origin.unwrap_or(around);
                    if let Is::Turn = frame.node.is {
                        self.counts = node.says;
                    }
                    if !(self.grammar.is_key)(&name) {
                        self.segment(&token, around)?;
                    }
                    self.once(node)?;
                }
                Event::String(token) => self.string(node, origin, &token)?,
                Event::Number(_) | Event::Bool(_) => {
                    self.says |= self.counts;
                    self.scalar(node, &event)?;
                }
                Event::Null => self.scalar(node, &event)?,
                Event::ObjectStart | Event::ArrayStart => {
                    let list = event == Event::ArrayStart;
                    self.open(node, origin, list)?;
                    if list {
                        (node, origin) = below_list(node, origin);
                    }
                }
                Event::ObjectEnd(_) | Event::ArrayEnd => {
                    self.close()?;
                    if let Some(frame) = self.frames.last()
                        && frame.list
                    {
                        (node, origin) = below_list(frame.node, frame.origin);
                    }
                }
                Event::End => break,
            }
            event = self.next()?;
        }
        self.settle();
        Ok(())
    }

    /// Refuses a second occurrence of a field that is acted on.
    fn once(&mut self, node: &'static Node) -> Result<(), RequestError> {
        let field = match node.is {
            Is::Model => "model",
            Is::Stream if self.grammar.need == Need::Nothing => return Ok(()),
            Is::Stream => "stream",
            Is::Previous => "previous_response_id",
            Is::KeptPrompt => "prompt",
            Is::LastTurn => "message",
            Is::Turns(turns) => turns.field,
            Is::Role | Is::Kind => return self.once_in_part(node.is),
            Is::Plain
            | Is::Type
            | Is::MediaUrl
            | Is::MadeImage
            | Is::Turn
            | Is::Input
            | Is::Part
            | Is::Source
            | Is::SourceKind
            | Is::SourceMedia
            | Is::SourceData
            | Is::Rpc
            | Is::RpcMark
            | Is::RpcMethod => return Ok(()),
        };
        if self.seen.contains(&field) {
            return Err(RequestError::Duplicate(field));
        }
        self.seen.push(field);
        Ok(())
    }

    fn once_in_part(&mut self, is: Is) -> Result<(), RequestError> {
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        let (told, key) = if let Is::Role = is { (&mut frame.role, "role") } else { (&mut frame.kind, "type") };
        // Outside turns any JSON will do.
        if told.replace(told.unwrap_or(Origin::Other)).is_some()
            && let Some(rules) = self.rules
            && let Some(index) = self.message
        {
            return Err(RequestError::DuplicateInTurn { field: rules.field, index, key });
        }
        Ok(())
    }

    fn string(&mut self, node: &'static Node, origin: Origin, token: &StringToken) -> Result<(), RequestError> {
        self.says = self.says || self.counts && !matches!(node.is, Is::Type) && !is_blank(self.text, token);
        let raw = self.text.get(token.raw.clone()).unwrap_or_default();
        match node.is {
            Is::Type if (self.grammar.is_type)(raw) => return Ok(()),
            Is::MediaUrl if media::is_media_url(raw) => return Ok(()),
            Is::MadeImage if media::is_image_data(raw) => return Ok(()),
            Is::Plain | Is::KeptPrompt | Is::Part | Is::Source | Is::Rpc | Is::Type | Is::MediaUrl | Is::MadeImage => {}
            Is::Model => {
                let name = json::decode(self.text, token);
                if name.is_empty() {
                    return Err(wrong_type(node));
                }
                self.model = Some(Model { name, place: token.raw.clone() });
            }
            Is::Previous => self.previous = Some(json::decode(self.text, token)),
            Is::Stream | Is::Turn => self.scalar_refused(node)?,
            Is::Turns(rules) => {
                if !rules.text {
                    return Err(wrong_type(node));
                }
                let index = self.turns.unwrap_or(0);
                self.turns = Some(index + 1);
                // In place of a list of turns, a string is the user's.
                return self.segment_in(token, Origin::User, Some(index));
            }
            Is::Input => {
                let index = self.take_turn()?;
                return self.segment_in(token, origin, Some(index));
            }
            Is::LastTurn => {
                self.has_last = true;
                return self.segment_in(token, origin, Some(LAST));
            }
            Is::Role => {
                let told = (self.grammar.role_of)(&json::decode(self.text, token));
                if let Some(frame) = self.frames.last_mut() {
                    frame.role = Some(agreed(frame.role, told));
                }
                if told != Origin::Other && self.grammar.roles_exempt {
                    return Ok(());
                }
            }
            Is::Kind => {
                let told = (self.grammar.kind_of)(&json::decode(self.text, token));
                if let Some(frame) = self.frames.last_mut() {
                    frame.kind = Some(agreed(frame.kind, told));
                }
                if (self.grammar.is_type)(raw) {
                    return Ok(());
                }
            }
            Is::SourceKind => {
                self.source.twice |= self.source.kind.replace(matches!(raw, "base64" | "image" | "audio")).is_some();
                if (self.grammar.is_type)(raw) {
                    return Ok(());
                }
            }
            Is::SourceMedia => {
                self.source.twice |= self.source.media.replace(media::is_media_type(raw)).is_some();
            }
            Is::SourceData => {
                self.source.twice |= self.source.data.is_some();
                let index = self.segments.len();
                self.source.data = Some(index);
                self.segment(token, origin)?;
                // An empty one is no text.
                self.source.twice |= self.segments.len() == index || !media::is_base64(raw);
                return Ok(());
            }
            Is::RpcMark => self.rpc.marked = true,
            Is::RpcMethod => self.rpc.asks_prompt = raw == "prompts/get",
        }
        self.segment(token, origin)
    }

    /// A number, a truth or a null.
    fn scalar(&mut self, node: &'static Node, event: &Event) -> Result<(), RequestError> {
        match (node.is, event) {
            (Is::Stream, Event::Bool(stream)) => {
                self.stream = Some(*stream || self.grammar.need == Need::Nothing && self.stream == Some(true));
            }
            (Is::Stream, Event::Null) => self.stream = self.stream.or(Some(false)),
            (Is::Previous | Is::LastTurn | Is::Role, Event::Null) if !self.needs_role() => {}
            (Is::Turns(rules), Event::Null) if rules.text || !rules.role => {}
            (Is::RpcMark, _) => self.rpc.marked = true,
            (Is::Input, Event::Number(_)) => self.turns = self.turns.max(Some(1)),
            (Is::Input, _) => drop(self.take_turn()?),
            _ => return self.scalar_refused(node),
        }
        Ok(())
    }

    fn needs_role(&self) -> bool {
        self.rules.is_some_and(|rules| rules.role)
    }

    /// Refuses a value where its field takes none of its type.
    fn scalar_refused(&self, node: &'static Node) -> Result<(), RequestError> {
        match node.is {
            Is::Stream if self.grammar.need == Need::Nothing => Ok(()),
            Is::Model | Is::Stream | Is::Previous | Is::LastTurn | Is::Turns(_) => Err(wrong_type(node)),
            Is::Turn | Is::Role => self.turn_refused(),
            Is::Plain
            | Is::Type
            | Is::MediaUrl
            | Is::MadeImage
            | Is::KeptPrompt
            | Is::Input
            | Is::Part
            | Is::Kind
            | Is::Source
            | Is::SourceKind
            | Is::SourceMedia
            | Is::SourceData
            | Is::Rpc
            | Is::RpcMark
            | Is::RpcMethod => Ok(()),
        }
    }

    /// Refuses the turn that the walk is in, or comes to.
    fn turn_refused(&self) -> Result<(), RequestError> {
        let Some(rules) = self.rules else { return Ok(()) };
        let index = self.message.or(self.turns).unwrap_or(0);
        Err(RequestError::Turn { field: rules.field, index, must: rules.turn_must })
    }

    fn take_turn(&mut self) -> Result<usize, RequestError> {
        let index = self.turns.unwrap_or(0);
        if index >= self.limits.messages_max {
            let field = self.rules.map_or("", |rules| rules.field);
            return Err(RequestError::TooManyTurns { field, max: self.limits.messages_max });
        }
        self.turns = Some(index + 1);
        Ok(index)
    }

    fn open(&mut self, node: &'static Node, origin: Origin, list: bool) -> Result<(), RequestError> {
        match node.is {
            Is::Turns(rules) if list => {
                self.rules = Some(rules);
                self.turns = self.turns.or(Some(0));
            }
            Is::Turn if !list => {
                self.message = Some(self.take_turn()?);
                (self.says, self.counts) = (false, false);
            }
            Is::Input => self.message = Some(self.take_turn()?),
            Is::Source if !list => self.source = Source::default(),
            Is::Rpc if !list => self.rpc = Rpc::default(),
            Is::RpcMark => self.rpc.marked = true,
            Is::Model | Is::Stream | Is::Previous | Is::Turns(_) | Is::Turn | Is::Role | Is::LastTurn => {
                self.scalar_refused(node)?;
            }
            // Wherever the field takes a string, what stands in its place is read as anything is.
            Is::KeptPrompt => self.kept_prompt = true,
            Is::Plain
            | Is::Type
            | Is::MediaUrl
            | Is::MadeImage
            | Is::Part
            | Is::Kind
            | Is::Source
            | Is::SourceKind
            | Is::SourceMedia
            | Is::SourceData
            | Is::Rpc
            | Is::RpcMethod => {}
        }
        self.frames.push(Frame { node, first: self.segments.len(), origin, role: None, kind: None, list });
        Ok(())
    }

    fn close(&mut self) -> Result<(), RequestError> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        match frame.node.is {
            Is::Turn if !frame.list => {
                if frame.role.is_none() && self.needs_role() {
                    return self.turn_refused();
                }
                let origin = self.assign(&frame);
                // A tool may well return nothing.
                self.last_empty = !self.says && origin != Origin::ToolResult;
                self.message = None;
                self.counts = false;
            }
            Is::Part if !frame.list => drop(self.assign(&frame)),
            Is::Input => self.message = None,
            Is::Turns(_) => self.rules = None,
            Is::Source if !frame.list => self.judge_source(),
            Is::Rpc if !frame.list => self.judge_rpc(frame.first),
            Is::Plain
            | Is::Type
            | Is::MediaUrl
            | Is::MadeImage
            | Is::Model
            | Is::Stream
            | Is::Previous
            | Is::KeptPrompt
            | Is::Turn
            | Is::LastTurn
            | Is::Part
            | Is::Role
            | Is::Kind
            | Is::Source
            | Is::SourceKind
            | Is::SourceMedia
            | Is::SourceData
            | Is::Rpc
            | Is::RpcMark
            | Is::RpcMethod => {}
        }
        Ok(())
    }

    /// Gives the texts of an object that told whose they are their origin.
    fn assign(&mut self, frame: &Frame) -> Origin {
        let known = |told: &Origin| *told != Origin::Other;
        let role = frame.role.unwrap_or(frame.node.unsaid);
        let origin = frame.kind.filter(known).unwrap_or(role);
        for segment in self.segments.iter_mut().skip(frame.first) {
            if segment.origin == Origin::Other {
                segment.origin = origin;
            }
        }
        origin
    }

    fn judge_source(&mut self) {
        let Source { data, kind, media, twice } = std::mem::take(&mut self.source);
        if let (Some(data), Some(true), false) = (data, media, twice)
            && kind != Some(false)
        {
            self.media.push(data);
        }
    }

    fn judge_rpc(&mut self, first: usize) {
        let Rpc { marked, asks_prompt } = std::mem::take(&mut self.rpc);
        if !marked {
            // It was no such message after all: nobody knows whose anything is.
            self.media.truncate(self.media.partition_point(|index| *index < first));
        }
        for segment in self.segments.iter_mut().skip(first) {
            if !marked {
                segment.origin = Origin::Other;
            } else if asks_prompt && segment.origin == Origin::Assistant {
                // The arguments of a prompt are the user's.
                segment.origin = Origin::User;
            }
        }
    }

    /// Takes the media out and gives the last turn its number.
    fn settle(&mut self) {
        if self.has_last {
            let index = self.turns.unwrap_or(0);
            for segment in self.segments.iter_mut().filter(|segment| segment.message() == Some(LAST)) {
                segment.set_message(index);
            }
            self.turns = Some(index + 1);
        }
        let mut media = self.media.iter().copied().peekable();
        if media.peek().is_some() {
            let mut index = 0;
            self.segments.retain(|_| {
                let is_media = media.next_if_eq(&index).is_some();
                index += 1;
                !is_media
            });
        }
    }

    fn segment(&mut self, token: &StringToken, origin: Origin) -> Result<(), RequestError> {
        self.segment_in(token, origin, self.message)
    }

    fn segment_in(&mut self, token: &StringToken, origin: Origin, message: Option<usize>) -> Result<(), RequestError> {
        if token.raw.is_empty() {
            return Ok(());
        }
        if self.segments.len() >= SEGMENTS_MAX {
            return Err(RequestError::TooManyTexts);
        }
        self.segments.push(Segment::new(self.text, token, origin, message));
        Ok(())
    }

    fn next(&mut self) -> Result<Event, RequestError> {
        self.scanner.next().map_err(|error| match error.kind {
            JsonErrorKind::Depth => RequestError::TooDeep { max: self.limits.depth_max },
            JsonErrorKind::End
            | JsonErrorKind::Unexpected
            | JsonErrorKind::Number
            | JsonErrorKind::Escape
            | JsonErrorKind::Control
            | JsonErrorKind::Trailing => RequestError::Json(error),
        })
    }
}

/// What the next value in a list means, and whose its texts are.
fn below_list(node: &'static Node, origin: Origin) -> (&'static Node, Origin) {
    let item = node.items.unwrap_or(&PLAIN);
    (item, item.origin.unwrap_or(origin))
}

/// What an object told that may tell it twice: nothing, if the two differ.
fn agreed(before: Option<Origin>, told: Origin) -> Origin {
    match before {
        Some(before) if before != Origin::Other && before != told => Origin::Other,
        Some(_) | None => told,
    }
}

fn wrong_type(node: &'static Node) -> RequestError {
    let (field, expected) = match node.is {
        Is::Model => ("model", "a string that is not empty"),
        Is::Stream => ("stream", "true or false"),
        Is::Previous => ("previous_response_id", "a string"),
        Is::Turns(turns) => (turns.field, turns.must),
        Is::LastTurn
        | Is::Plain
        | Is::Type
        | Is::MediaUrl
        | Is::MadeImage
        | Is::KeptPrompt
        | Is::Turn
        | Is::Input
        | Is::Part
        | Is::Role
        | Is::Kind
        | Is::Source
        | Is::SourceKind
        | Is::SourceMedia
        | Is::SourceData
        | Is::Rpc
        | Is::RpcMark
        | Is::RpcMethod => ("message", "a string"),
    };
    RequestError::WrongType { field, expected }
}

/// Whether a string is white space only, escapes decoded.
fn is_blank(text: &str, token: &StringToken) -> bool {
    let mut rest = text.get(token.raw.clone()).unwrap_or_default();
    while let Some((piece, after)) = json::piece(rest) {
        let blank = match piece {
            Piece::Plain(plain) => plain.trim_start().is_empty(),
            Piece::Escape(character, _) => character.is_whitespace(),
        };
        if !blank {
            return false;
        }
        rest = after;
    }
    true
}
