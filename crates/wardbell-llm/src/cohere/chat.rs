//! What the fields of Cohere's chat mean, version 1 and 2.
//!
//! Version 1 has the last turn apart from those before it (`message` and `chat_history`); version 2 has `messages`. Either
//! will do, and the model may be left out, as version 1 allows.
//!
//! **Source.** Cohere's API reference (<https://docs.cohere.com/reference/chat>, <https://docs.cohere.com/reference/chat-v1>).

use wardbell_core::origin::Origin;

use crate::request::field::{
    ASSISTANT, DOCUMENT, Grammar, Is, MEDIA, MODEL, Need, Node, ROLE, STREAM, SYSTEM, TOOL_DEFINITION, TOOL_RESULT,
    Turns,
};
use crate::request::word::{is_schema_key, is_schema_type};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`messages`, or `message`", model: false, turns: Some(("messages", "message")) },
    is_key,
    is_type: |name| {
        is_schema_type(name)
            || matches!(name, "document" | "function" | "image_url" | "json_object" | "text" | "thinking")
    },
    role_of,
    kind_of: |_| Origin::Other,
    roles_exempt: true,
};

static TURNS: Turns =
    Turns { field: "messages", must: "a list of messages", turn_must: "an object", text: false, role: false };
static BEFORE: Turns =
    Turns { field: "chat_history", must: "a list of messages", turn_must: "an object", text: false, role: false };

static ROOT: Node = Node::plain().fields(&[
    ("model", &MODEL),
    ("stream", &STREAM),
    ("messages", &MESSAGES),
    ("message", &MESSAGE),
    ("chat_history", &HISTORY),
    ("preamble", &SYSTEM),
    ("documents", &DOCUMENT),
    ("tool_results", &RESULTS),
    ("tools", &TOOL_DEFINITION),
]);
static MESSAGES: Node = Node::that(Is::Turns(&TURNS)).items(&TURN);
static HISTORY: Node = Node::that(Is::Turns(&BEFORE)).items(&TURN);
static MESSAGE: Node = Node::that(Is::LastTurn).origin(Origin::User);
static TURN: Node = Node::that(Is::Turn).fields(&[
    ("role", &ROLE),
    ("content", &CONTENT),
    ("tool_calls", &ASSISTANT),
    ("tool_results", &RESULTS),
]);
static CONTENT: Node = Node::plain().items(&PART);
static PART: Node = Node::plain().fields(&[("image_url", &MEDIA)]);
static RESULTS: Node = Node::of(Origin::ToolResult).items(&RESULT);
/// What a tool was asked, and what it said.
static RESULT: Node = Node::plain().fields(&[("call", &ASSISTANT), ("outputs", &TOOL_RESULT)]);

pub(crate) fn role_of(name: &str) -> Origin {
    match name {
        "system" | "SYSTEM" | "developer" => Origin::System,
        "user" | "USER" | "User" => Origin::User,
        "assistant" | "CHATBOT" | "Chatbot" => Origin::Assistant,
        "tool" | "TOOL" => Origin::ToolResult,
        _ => Origin::Other,
    }
}

pub(crate) fn is_key(name: &str) -> bool {
    is_schema_key(name)
        || matches!(
            name,
            "arguments"
                | "call"
                | "chat_history"
                | "citation_options"
                | "connectors"
                | "content"
                | "conversation_id"
                | "data"
                | "detail"
                | "document"
                | "documents"
                | "frequency_penalty"
                | "function"
                | "id"
                | "image_url"
                | "k"
                | "max_tokens"
                | "message"
                | "messages"
                | "mode"
                | "model"
                | "outputs"
                | "p"
                | "parameter_definitions"
                | "preamble"
                | "presence_penalty"
                | "prompt_truncation"
                | "response_format"
                | "role"
                | "safety_mode"
                | "seed"
                | "snippet"
                | "stop_sequences"
                | "stream"
                | "strict_tools"
                | "temperature"
                | "text"
                | "title"
                | "tool_call_id"
                | "tool_calls"
                | "tool_choice"
                | "tool_plan"
                | "tool_results"
                | "tools"
                | "url"
        )
}
