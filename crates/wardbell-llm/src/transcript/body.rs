//! A body that is being read: its turns so far, and what its other fields say.

use std::collections::VecDeque;

use wardbell_core::origin::Origin;

use super::asked::Asked;
use super::cursor::{Cursor, Is, NotJson, Read, Span, Texts, Value};
use super::{CallDraft, Draft, PART_BYTES_MAX, ResultDraft, TURN_ITEMS_MAX, TURNS_MAX, Transcript};
use crate::json::{self, StringToken};

/// Reads the value of a field of the outermost object, if it is one of the dialect's turns; `false` leaves it.
pub(super) type Reader = fn(&mut Body, &mut Cursor<'_>, &str) -> Read<bool>;

#[derive(Default)]
pub(super) struct Body {
    /// What stands before the turns wherever it stands in the body.
    pub(super) system: Texts,
    pub(super) documents: Texts,
    turns: VecDeque<Draft>,
    /// What comes after the turns wherever it stands in the body.
    pub(super) after: VecDeque<Draft>,
    calls: u64,
    sessions: Sessions,
    asked: Asked,
}

/// The names that a caller may give a session, most telling first: a key of a cache may be shared.
#[derive(Default)]
struct Sessions {
    session: Option<Span>,
    conversation: Option<Span>,
    kept: Option<Span>,
    cache: Option<Span>,
}

impl Body {
    /// Reads the body to its end.
    pub(super) fn run(&mut self, text: &str, reader: Reader) -> Read<()> {
        let mut cursor = Cursor::new(text);
        let Value::Object(_) = cursor.value()? else { return Err(NotJson) };
        cursor.fields(|cursor, key| if reader(self, cursor, key)? { Ok(()) } else { self.field(cursor, key) })?;
        if cursor.is_over() { Ok(()) } else { Err(NotJson) }
    }

    /// A field that several dialects have.
    fn field(&mut self, cursor: &mut Cursor<'_>, key: &str) -> Read<()> {
        let Self { sessions, .. } = self;
        match key {
            "metadata" => {
                return cursor.object(|cursor, key| {
                    match key {
                        "session_id" => sessions.session = cursor.string()?,
                        "conversation_id" => sessions.conversation = cursor.string()?,
                        _ => cursor.pass()?,
                    }
                    Ok(())
                });
            }
            "conversation" => sessions.kept = id(cursor)?,
            "conversation_id" => sessions.kept = cursor.string()?,
            "prompt_cache_key" => sessions.cache = cursor.string()?,
            "n" | "best_of" | "num_generations" => self.asked.sampled(cursor)?,
            "max_tokens" | "max_completion_tokens" | "max_output_tokens" => self.asked.capped(cursor)?,
            "service_tier" => self.asked.tier(cursor)?,
            "thinking" => return self.asked.thinking(cursor),
            "generationConfig" | "generation_config" => return self.asked.configured(cursor),
            _ => cursor.pass()?,
        }
        Ok(())
    }

    /// Adds a turn; the oldest goes if there are too many.
    pub(super) fn add(&mut self, turn: Draft) {
        self.calls = self.calls.saturating_add(turn.called);
        if self.turns.len() >= TURNS_MAX {
            self.turns.pop_front();
        }
        self.turns.push_back(turn);
    }

    /// Adds a call that is an item of its own: to the model's turn, if the model is speaking.
    pub(super) fn add_call(&mut self, call: CallDraft) {
        if let Some(turn) = self.turns.back_mut()
            && turn.origin == Some(Origin::Assistant)
        {
            let before = turn.called;
            turn.call(call);
            self.calls = self.calls.saturating_add(turn.called - before);
            return;
        }
        let mut turn = Draft { origin: Some(Origin::Assistant), ..Draft::default() };
        turn.call(call);
        self.add(turn);
    }

    /// What the body asks for, where nobody wants its turns.
    pub(super) fn asked(self) -> Asked {
        self.asked
    }

    /// Looks up every text that is kept.
    pub(super) fn transcript(self, body: &str) -> Transcript<'_> {
        let Self { system, documents, mut turns, after, calls, sessions, asked } = self;
        for (origin, text) in [(Origin::Document, documents), (Origin::System, system)] {
            if !text.is_empty() {
                turns.push_front(Draft { origin: Some(origin), text, ..Draft::default() });
            }
        }
        turns.extend(after);
        turns.drain(..turns.len().saturating_sub(TURNS_MAX));
        let mut settle = Settle { body, decoded: String::new() };
        for Draft { origin, text, calls, called: _, results } in &mut turns {
            settle.texts(text, *origin == Some(Origin::Assistant));
            for CallDraft { id, tool, arguments } in calls.iter_mut() {
                for span in [id, tool, arguments].into_iter().flatten() {
                    settle.string(span);
                }
            }
            for ResultDraft { id, tool, text, is_error: _ } in results.iter_mut() {
                for span in [id, tool].into_iter().flatten() {
                    settle.string(span);
                }
                settle.texts(text, false);
            }
        }
        let Sessions { session, conversation, kept, cache } = sessions;
        let names = [session, conversation, kept, cache];
        let mut session = names.into_iter().flatten().find(|name| !name.range.is_empty());
        if let Some(session) = &mut session {
            settle.string(session);
        }
        let Settle { decoded, .. } = settle;
        Transcript { body, decoded, turns, calls, session, asked }
    }
}

/// A string, or the `id` of an object.
fn id(cursor: &mut Cursor<'_>) -> Read<Option<Span>> {
    let value = cursor.value()?;
    let mut found = None;
    match value {
        Value::Text(span) => found = Some(span),
        Value::Object(_) => cursor.fields(|cursor, key| {
            match key {
                "id" => found = cursor.string()?,
                _ => cursor.pass()?,
            }
            Ok(())
        })?,
        Value::List(_) | Value::Number(_) | Value::Bool(_) | Value::Null => cursor.skip(&value)?,
    }
    Ok(found)
}

impl Draft {
    /// Adds a call; one without a tool is none.
    pub(super) fn call(&mut self, call: CallDraft) {
        if call.tool.is_none() {
            return;
        }
        self.called += 1;
        if self.calls.len() < TURN_ITEMS_MAX {
            self.calls.push(call);
        }
    }

    pub(super) fn result(&mut self, result: ResultDraft) {
        if self.results.len() < TURN_ITEMS_MAX {
            self.results.push(result);
        }
    }
}

/// Writes what does not stand in the body as it is.
struct Settle<'a> {
    body: &'a str,
    decoded: String,
}

impl Settle<'_> {
    /// A name, or arguments.
    fn string(&mut self, span: &mut Span) {
        if span.is == Is::Escaped {
            let start = self.decoded.len();
            self.write(span);
            *span = Span { range: start..self.decoded.len(), is: Is::Decoded };
        }
    }

    /// Makes one text of all.
    fn texts(&mut self, texts: &mut Texts, only_texts: bool) {
        match (texts.len(), texts.first()) {
            (0, _) | (1, Some(Span { is: Is::Plain, .. })) => return,
            _ => {}
        }
        let start = self.decoded.len();
        for span in texts.iter().filter(|span| !only_texts || span.is != Is::Part) {
            if self.decoded.len() > start {
                self.decoded.push('\n');
            }
            self.write(span);
        }
        *texts = Texts::default();
        if self.decoded.len() > start {
            texts.push(Span { range: start..self.decoded.len(), is: Is::Decoded });
        }
    }

    fn write(&mut self, span: &Span) {
        let Self { body, decoded } = self;
        let raw = body.get(span.range.clone()).unwrap_or_default();
        match span.is {
            Is::Escaped => {
                json::decode_into(body, &StringToken { raw: span.range.clone(), escaped: true }, decoded);
            }
            Is::Part if raw.len() > PART_BYTES_MAX => mark(raw.as_bytes(), decoded),
            Is::Plain | Is::Part | Is::Decoded => decoded.push_str(raw),
        }
    }
}

/// A word of letters for a long part. It has no digit, so nobody takes it for an id that changes by itself.
fn mark(bytes: &[u8], out: &mut String) {
    // FNV's prime and offset (<http://www.isthe.com/chongo/tech/comp/fnv/>), eight bytes at a time. Who wants to hide a
    // loop can change a byte; this only has to tell images apart.
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = words.iter().fold(OFFSET ^ bytes.len() as u64, |hash, word| {
        let mixed = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        mixed ^ (mixed >> 29)
    });
    for byte in rest {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        hash ^= hash >> 29;
    }
    out.push_str("part ");
    for _ in 0..16 {
        let [low, ..] = hash.to_le_bytes();
        // Letters past f: no digits of a number.
        out.push(char::from(b'g' + (low & 15)));
        hash >>= 4;
    }
}
