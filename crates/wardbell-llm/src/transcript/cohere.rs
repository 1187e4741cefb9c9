//! Cohere's chat: `messages` of version 2, `chat_history` and `message` of version 1.

use wardbell_core::origin::Origin;

use super::body::Body;
use super::cursor::{Cursor, Read, Texts};
use super::{CallDraft, Draft, ResultDraft, chat};
use crate::cohere::chat::role_of;

pub(super) fn field(body: &mut Body, cursor: &mut Cursor<'_>, key: &str) -> Read<bool> {
    match key {
        "messages" => cursor.objects(|cursor, _| chat::message(body, cursor, role_of))?,
        "preamble" => cursor.content(&mut body.system)?,
        "documents" => chat::documents(body, cursor)?,
        "chat_history" => cursor.objects(|cursor, _| {
            let turn = entry(cursor)?;
            body.add(turn);
            Ok(())
        })?,
        // The new message stands first in the body, and its results, of calls in the history, anywhere.
        "message" => {
            let mut text = Texts::default();
            cursor.content(&mut text)?;
            if text.first().is_some_and(|span| !span.range.is_empty()) {
                body.after.push_front(Draft { origin: Some(Origin::User), text, ..Draft::default() });
            }
        }
        "tool_results" => {
            let mut turn = Draft { origin: Some(Origin::ToolResult), ..Draft::default() };
            results(&mut turn, cursor)?;
            if !turn.results.is_empty() {
                body.after.push_back(turn);
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// A turn of version 1.
fn entry(cursor: &mut Cursor<'_>) -> Read<Draft> {
    let mut turn = Draft::default();
    cursor.fields(|cursor, key| {
        match key {
            "role" => turn.origin = cursor.word()?.map(|role| role_of(&role)),
            "message" => cursor.content(&mut turn.text)?,
            "tool_calls" => cursor.objects(|cursor, _| {
                turn.call(call(cursor)?);
                Ok(())
            })?,
            "tool_results" => results(&mut turn, cursor)?,
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    Ok(turn)
}

/// A call, of which the brace was read.
fn call(cursor: &mut Cursor<'_>) -> Read<CallDraft> {
    let mut call = CallDraft::default();
    cursor.fields(|cursor, key| {
        match key {
            "name" => call.tool = cursor.string()?,
            "parameters" => call.arguments = cursor.any()?,
            _ => cursor.pass()?,
        }
        Ok(())
    })?;
    Ok(call)
}

fn results(turn: &mut Draft, cursor: &mut Cursor<'_>) -> Read<()> {
    cursor.objects(|cursor, _| {
        let mut result = ResultDraft::default();
        cursor.fields(|cursor, key| {
            match key {
                "call" => cursor.object(|cursor, key| {
                    match key {
                        "name" => result.tool = cursor.string()?,
                        _ => cursor.pass()?,
                    }
                    Ok(())
                })?,
                "outputs" => cursor.any()?.into_iter().for_each(|outputs| result.text.push(outputs)),
                _ => cursor.pass()?,
            }
            Ok(())
        })?;
        turn.result(result);
        Ok(())
    })
}
