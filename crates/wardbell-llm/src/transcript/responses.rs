//! OpenAI's responses: `instructions` and the items of `input`. The items of one answer are one turn.

use wardbell_core::origin::Origin;

use super::body::Body;
use super::cursor::{Cursor, Read, Span, Texts, Value};
use super::{CallDraft, Draft, ResultDraft};
use crate::openai::word;

pub(super) fn field(body: &mut Body, cursor: &mut Cursor<'_>, key: &str) -> Read<bool> {
    match key {
        "instructions" => cursor.content(&mut body.system)?,
        "input" => {
            let value = cursor.value()?;
            match value {
                Value::Text(span) => {
                    let mut turn = Draft { origin: Some(Origin::User), ..Draft::default() };
                    turn.text.push(span);
                    body.add(turn);
                }
                Value::List(_) => cursor.rest_of_objects(|cursor, _| item(body, cursor))?,
                Value::Object(_) | Value::Number(_) | Value::Bool(_) | Value::Null => cursor.skip(&value)?,
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

enum Kind {
    Message,
    Call,
    Output,
    Other,
}

fn item(body: &mut Body, cursor: &mut Cursor<'_>) -> Read<()> {
    let mut kind = Kind::Message;
    let mut origin = None;
    let (mut text, mut output) = (Texts::default(), Texts::default());
    let mut id: Option<Span> = None;
    let mut call = CallDraft::default();
    cursor.fields(|cursor, key| {
        match key {
            "type" => {
                kind = match cursor.word()?.as_deref() {
                    None | Some("message") => Kind::Message,
                    Some("function_call" | "custom_tool_call") => Kind::Call,
                    Some("function_call_output" | "custom_tool_call_output") => Kind::Output,
                    Some(_) => Kind::Other,
                }
            }
            "role" => origin = cursor.word()?.map(|role| word::role_of(&role)),
            "content" => cursor.content(&mut text)?,
            "output" => cursor.content(&mut output)?,
            "call_id" => id = cursor.string()?,
            "name" => call.tool = cursor.string()?,
            "arguments" | "input" => call.arguments = cursor.any()?,
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    match kind {
        // An item without a role is only named: its words are at the provider.
        Kind::Message if origin.is_some() => body.add(Draft { origin, text, ..Draft::default() }),
        Kind::Call => body.add_call(CallDraft { id, ..call }),
        Kind::Output => {
            let mut turn = Draft { origin: Some(Origin::ToolResult), ..Draft::default() };
            turn.result(ResultDraft { id, tool: None, text: output, is_error: None });
            body.add(turn);
        }
        Kind::Message | Kind::Other => {}
    }
    Ok(())
}
