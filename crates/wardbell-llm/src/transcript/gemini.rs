//! Gemini's `contents`: turns of parts; calls and results are parts too.
//!
//! A result says that it failed by an `error` beside or in place of its output. Source: Google's documentation of
//! `FunctionResponse.response` ("output" and "error" keys), as we know it.

use wardbell_core::origin::Origin;

use super::body::Body;
use super::cursor::{Cursor, Read, Span, Texts, Value};
use super::{CallDraft, Draft, ResultDraft};
use crate::gemini::generate::role_of;

pub(super) fn field(body: &mut Body, cursor: &mut Cursor<'_>, key: &str) -> Read<bool> {
    match key {
        "systemInstruction" | "system_instruction" => {
            let mut turn = Draft::default();
            cursor.object(|cursor, key| content_field(&mut turn, cursor, key))?;
            let text: Texts = std::mem::take(&mut turn.text);
            body.system.append(text);
        }
        "contents" => cursor.objects(|cursor, _| {
            // A turn without a role is the user's.
            let mut turn = Draft { origin: Some(Origin::User), ..Draft::default() };
            cursor.fields(|cursor, key| content_field(&mut turn, cursor, key))?;
            body.add(turn);
            Ok(())
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn content_field(turn: &mut Draft, cursor: &mut Cursor<'_>, key: &str) -> Read<()> {
    match key {
        "role" => {
            if let Some(role) = cursor.word()? {
                turn.origin = Some(role_of(&role));
            }
        }
        "parts" => cursor.objects(|cursor, start| part(turn, cursor, start))?,
        _ => cursor.pass()?,
    }
    Ok(())
}

fn part(turn: &mut Draft, cursor: &mut Cursor<'_>, start: usize) -> Read<()> {
    let mut text: Option<Span> = None;
    let mut is_thought = false;
    let mut is_known = false;
    cursor.fields(|cursor, key| {
        match key {
            "text" => {
                text = cursor.string()?;
                is_known = true;
            }
            "thought" => is_thought = cursor.bool()? == Some(true),
            "functionCall" | "function_call" => {
                is_known = true;
                let mut call = CallDraft::default();
                cursor.object(|cursor, key| {
                    match key {
                        "id" => call.id = cursor.string()?,
                        "name" => call.tool = cursor.string()?,
                        "args" => call.arguments = cursor.any()?,
                        _ => cursor.pass()?,
                    }
                    Ok(())
                })?;
                turn.call(call);
            }
            "functionResponse" | "function_response" => {
                is_known = true;
                let mut result = ResultDraft::default();
                cursor.object(|cursor, key| {
                    match key {
                        "id" => result.id = cursor.string()?,
                        "name" => result.tool = cursor.string()?,
                        "response" => response(&mut result, cursor)?,
                        _ => cursor.pass()?,
                    }
                    Ok(())
                })?;
                turn.result(result);
            }
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    if let Some(text) = text.filter(|_| !is_thought) {
        turn.text.push(text);
    } else if !is_known {
        turn.text.push(Span::part(start, cursor.position()));
    }
    Ok(())
}

/// What a function returned: an object, which counts as its JSON.
fn response(result: &mut ResultDraft, cursor: &mut Cursor<'_>) -> Read<()> {
    let value = cursor.value()?;
    let Value::Object(start) = value else { return cursor.skip(&value) };
    cursor.fields(|cursor, key| {
        let is_said = cursor.any()?.is_some();
        if key == "error" && is_said {
            result.is_error = Some(true);
        }
        Ok(())
    })?;
    result.text.push(Span::part(start, cursor.position()));
    Ok(())
}
