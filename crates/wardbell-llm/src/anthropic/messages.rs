//! What the fields of Anthropic's messages mean.
//!
//! A block tells by its `type` whose it is, before the role of its message does: a tool's result stands in a message of the
//! user. What stands in a result stays the tool's, a document among it too.
//!
//! **What is exempt.** The base64 of an image beside its media type, in a `source` of type `base64`. A PDF is not.
//!
//! **Source.** Anthropic's API reference, Messages (<https://docs.anthropic.com/en/api/messages>).

use wardbell_core::origin::Origin;

use crate::request::field::{
    Grammar, Is, KIND, MODEL, Need, Node, ROLE, SOURCE_DATA, SOURCE_KIND, SOURCE_MEDIA, STREAM, SYSTEM,
    TOOL_DEFINITION, Turns,
};
use crate::request::word::{is_schema_key, is_schema_type};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`model` and `messages`", model: true, turns: Some(("messages", "message")) },
    is_key,
    is_type,
    role_of,
    kind_of,
    roles_exempt: true,
};

static TURNS: Turns = Turns {
    field: "messages",
    must: "a list of messages",
    turn_must: "an object with a `role`",
    text: false,
    role: true,
};

static ROOT: Node = Node::plain().fields(&[
    ("model", &MODEL),
    ("stream", &STREAM),
    ("messages", &MESSAGES),
    ("system", &SYSTEM),
    ("tools", &TOOL_DEFINITION),
]);
static MESSAGES: Node = Node::that(Is::Turns(&TURNS)).items(&MESSAGE);
static MESSAGE: Node = Node::that(Is::Turn).fields(&[("role", &ROLE), ("content", &CONTENT)]);
static CONTENT: Node = Node::plain().items(&BLOCK);
static BLOCK: Node = Node::that(Is::Part).fields(&[("type", &KIND), ("source", &SOURCE), ("content", &WITHIN)]);
static WITHIN: Node = Node::plain().items(&INNER);
static INNER: Node = Node::plain().fields(&[("source", &SOURCE)]);
static SOURCE: Node = Node::that(Is::Source).fields(&[
    ("type", &SOURCE_KIND),
    ("media_type", &SOURCE_MEDIA),
    ("data", &SOURCE_DATA),
    ("content", &WITHIN),
]);

pub(crate) fn role_of(name: &str) -> Origin {
    match name {
        "system" => Origin::System,
        "user" => Origin::User,
        "assistant" => Origin::Assistant,
        _ => Origin::Other,
    }
}

fn kind_of(name: &str) -> Origin {
    match name {
        "tool_use" | "server_tool_use" | "mcp_tool_use" | "thinking" | "redacted_thinking" => Origin::Assistant,
        "document" | "search_result" | "container_upload" => Origin::Document,
        // The server's own tools each have a type: `web_search_tool_result` and the like.
        _ if name == "tool_result" || name.ends_with("_tool_result") => Origin::ToolResult,
        _ => Origin::Other,
    }
}

fn is_type(name: &str) -> bool {
    is_schema_type(name)
        || matches!(
            name,
            "adaptive"
                | "any"
                | "auto"
                | "base64"
                | "bash_code_execution_tool_result"
                | "code_execution_tool_result"
                | "container_upload"
                | "content"
                | "custom"
                | "disabled"
                | "document"
                | "enabled"
                | "ephemeral"
                | "file"
                | "image"
                | "mcp_tool_result"
                | "mcp_tool_use"
                | "none"
                | "redacted_thinking"
                | "search_result"
                | "server_tool_use"
                | "text"
                | "text_editor_code_execution_tool_result"
                | "thinking"
                | "tool"
                | "tool_result"
                | "tool_use"
                | "url"
                | "web_fetch_result"
                | "web_fetch_tool_result"
                | "web_search_result"
                | "web_search_tool_result"
        )
}

pub(crate) fn is_key(name: &str) -> bool {
    is_schema_key(name)
        || matches!(
            name,
            "budget_tokens"
                | "cache_control"
                | "citations"
                | "content"
                | "context"
                | "data"
                | "disable_parallel_tool_use"
                | "enabled"
                | "encrypted_content"
                | "file_id"
                | "id"
                | "input"
                | "input_schema"
                | "is_error"
                | "max_tokens"
                | "mcp_servers"
                | "media_type"
                | "messages"
                | "metadata"
                | "model"
                | "page_age"
                | "role"
                | "service_tier"
                | "signature"
                | "source"
                | "stop_sequences"
                | "stream"
                | "system"
                | "temperature"
                | "text"
                | "thinking"
                | "title"
                | "tool_choice"
                | "tool_use_id"
                | "tools"
                | "top_k"
                | "top_p"
                | "ttl"
                | "url"
                | "user_id"
        )
}
