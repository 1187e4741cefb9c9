//! Anthropic's messages: `system`, and turns whose content is a string or blocks.

use super::body::Body;
use super::cursor::{Cursor, Read, Span, Value};
use super::{CallDraft, Draft, ResultDraft};
use crate::anthropic::messages::role_of;

pub(super) fn field(body: &mut Body, cursor: &mut Cursor<'_>, key: &str) -> Read<bool> {
    match key {
        "system" => cursor.content(&mut body.system)?,
        "messages" => cursor.objects(|cursor, _| {
            let mut turn = Draft::default();
            cursor.fields(|cursor, key| {
                match key {
                    "role" => turn.origin = cursor.word()?.map(|role| role_of(&role)),
                    "content" => content(&mut turn, cursor)?,
                    _ => cursor.pass()?,
                }
                Ok(())
            })?;
            body.add(turn);
            Ok(())
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn content(turn: &mut Draft, cursor: &mut Cursor<'_>) -> Read<()> {
    let value = cursor.value()?;
    match value {
        Value::Text(span) => turn.text.push(span),
        Value::List(_) => cursor.rest_of_objects(|cursor, start| block(turn, cursor, start))?,
        Value::Object(_) | Value::Number(_) | Value::Bool(_) | Value::Null => cursor.skip(&value)?,
    }
    Ok(())
}

enum Kind {
    Text,
    Call,
    Result,
    /// What the provider's own tools say, and what the model thinks.
    Nothing,
    Other,
}

fn block(turn: &mut Draft, cursor: &mut Cursor<'_>, start: usize) -> Read<()> {
    let mut kind = Kind::Other;
    let mut said: Option<Span> = None;
    let mut call = CallDraft::default();
    let mut result = ResultDraft::default();
    cursor.fields(|cursor, key| {
        match key {
            "type" => {
                kind = match cursor.word()?.as_deref() {
                    Some("text") => Kind::Text,
                    Some("tool_use") => Kind::Call,
                    Some("tool_result") => Kind::Result,
                    Some("thinking" | "redacted_thinking" | "server_tool_use" | "mcp_tool_use") => Kind::Nothing,
                    Some(name) if name.ends_with("_tool_result") => Kind::Nothing,
                    Some(_) | None => Kind::Other,
                }
            }
            "text" => said = cursor.string()?,
            "id" => call.id = cursor.string()?,
            "name" => call.tool = cursor.string()?,
            "input" => call.arguments = cursor.any()?,
            "tool_use_id" => result.id = cursor.string()?,
            "content" => cursor.content(&mut result.text)?,
            "is_error" => result.is_error = cursor.bool()?,
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    match kind {
        Kind::Text => said.into_iter().for_each(|span| turn.text.push(span)),
        Kind::Call => turn.call(call),
        Kind::Result => turn.result(result),
        Kind::Nothing => {}
        Kind::Other => turn.text.push(Span::part(start, cursor.position())),
    }
    Ok(())
}
