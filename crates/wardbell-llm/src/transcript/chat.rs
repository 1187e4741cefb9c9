//! OpenAI's chat completions: `messages`, with `tool_calls` and the `function_call` that came before them.

use wardbell_core::origin::Origin;

use super::body::Body;
use super::cursor::{Cursor, Read, Span, Texts};
use super::{CallDraft, Draft, ResultDraft};
use crate::openai::word;

pub(super) fn field(body: &mut Body, cursor: &mut Cursor<'_>, key: &str) -> Read<bool> {
    match key {
        "messages" => cursor.objects(|cursor, _| message(body, cursor, word::role_of))?,
        "documents" => documents(body, cursor)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Texts that the application retrieved: a list of strings or objects.
pub(super) fn documents(body: &mut Body, cursor: &mut Cursor<'_>) -> Read<()> {
    if let Some(list) = cursor.any()? {
        body.documents.push(list);
    }
    Ok(())
}

/// A message, of which the brace was read.
pub(super) fn message(body: &mut Body, cursor: &mut Cursor<'_>, role_of: fn(&str) -> Origin) -> Read<()> {
    let mut turn = Draft::default();
    let (mut id, mut name): (Option<Span>, Option<Span>) = (None, None);
    cursor.fields(|cursor, key| {
        match key {
            "role" => turn.origin = cursor.word()?.map(|role| role_of(&role)),
            "content" | "refusal" => cursor.content(&mut turn.text)?,
            "tool_calls" => cursor.objects(|cursor, _| {
                turn.call(call(cursor)?);
                Ok(())
            })?,
            "function_call" => {
                let mut call = CallDraft::default();
                cursor.object(|cursor, key| function(&mut call, cursor, key))?;
                turn.call(call);
            }
            "tool_call_id" => id = cursor.string()?,
            "name" => name = cursor.string()?,
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    if turn.origin == Some(Origin::ToolResult) {
        let text: Texts = std::mem::take(&mut turn.text);
        turn.result(ResultDraft { id, tool: name, text, is_error: None });
    }
    body.add(turn);
    Ok(())
}

/// An entry of `tool_calls`: a function, or a tool of the caller's own format.
fn call(cursor: &mut Cursor<'_>) -> Read<CallDraft> {
    let mut call = CallDraft::default();
    cursor.fields(|cursor, key| match key {
        "id" => {
            call.id = cursor.string()?;
            Ok(())
        }
        "function" | "custom" => cursor.object(|cursor, key| function(&mut call, cursor, key)),
        _ => cursor.pass(),
    })?;
    Ok(call)
}

fn function(call: &mut CallDraft, cursor: &mut Cursor<'_>, key: &str) -> Read<()> {
    match key {
        "name" => call.tool = cursor.string()?,
        "arguments" | "input" => call.arguments = cursor.any()?,
        _ => cursor.pass()?,
    }
    Ok(())
}
