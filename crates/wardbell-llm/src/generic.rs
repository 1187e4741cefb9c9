//! Any JSON: every string is a text, with no word of an API that is not one, and every unknown key is.
//!
//! **JSON-RPC.** A message of the Model Context Protocol, alone or in a batch, is known by its key `jsonrpc`, wherever it
//! stands in it, and then its fields say whose a text is: results and errors are a tool's, descriptions of tools, resources
//! and prompts are tool definitions, the arguments of a call are the model's. Images and sounds within results are exempt
//! beside their media type.
//!
//! **What it does not know.** Whose the texts of other JSON are, which of them are turns, and what the model is. Whether
//! the answer is a stream it takes from `stream` at the top, where that is true.
//!
//! **Source.** Model Context Protocol, revision 2025-06-18 (<https://modelcontextprotocol.io/specification/2025-06-18>).

use wardbell_core::origin::Origin;

use crate::openai::word;
use crate::request::field::{
    ASSISTANT, Grammar, Is, Need, Node, ROLE, SOURCE_DATA, SOURCE_KIND, SOURCE_MEDIA, STREAM, SYSTEM, TOOL_DEFINITION,
    TOOL_RESULT,
};
use crate::{anthropic, cohere, gemini};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Nothing,
    is_key,
    is_type: |_| false,
    role_of: |name| match name {
        "user" => Origin::User,
        "assistant" => Origin::Assistant,
        _ => Origin::Other,
    },
    kind_of: |_| Origin::Other,
    roles_exempt: false,
};

// An object is a message, or a list of them a batch.
static ROOT: Node = Node::that(Is::Rpc).fields(MESSAGE_FIELDS).items(&MESSAGE);
static MESSAGE: Node = Node::that(Is::Rpc).fields(MESSAGE_FIELDS);
static MESSAGE_FIELDS: &[(&str, &Node)] = &[
    ("jsonrpc", &MARK),
    ("method", &METHOD),
    ("params", &PARAMS),
    ("result", &RESULT),
    ("error", &TOOL_RESULT),
    ("stream", &STREAM),
];
static MARK: Node = Node::that(Is::RpcMark);
static METHOD: Node = Node::that(Is::RpcMethod);
static PARAMS: Node = Node::plain().fields(&[
    ("arguments", &ASSISTANT),
    ("messages", &MESSAGES),
    ("systemPrompt", &SYSTEM),
    ("tools", &TOOL_DEFINITION),
]);
// What the model answered to a server has a role; any other result is the server's.
static RESULT: Node = Node::that(Is::Part).unsaid(Origin::ToolResult).fields(&[
    ("role", &ROLE),
    ("content", &CONTENT),
    ("contents", &RESOURCES),
    ("messages", &MESSAGES),
    ("tools", &TOOL_DEFINITION),
    ("prompts", &TOOL_DEFINITION),
    ("resources", &TOOL_DEFINITION),
    ("resourceTemplates", &TOOL_DEFINITION),
    ("instructions", &TOOL_DEFINITION),
]);
static MESSAGES: Node = Node::plain().items(&SAID);
static SAID: Node = Node::that(Is::Part).fields(&[("role", &ROLE), ("content", &CONTENT)]);
/// One part or a list of them.
static CONTENT: Node = Node::that(Is::Source).fields(PART_FIELDS).items(&PART);
static PART: Node = Node::that(Is::Source).fields(PART_FIELDS);
static PART_FIELDS: &[(&str, &Node)] =
    &[("type", &SOURCE_KIND), ("mimeType", &SOURCE_MEDIA), ("data", &SOURCE_DATA), ("resource", &RESOURCE)];
static RESOURCES: Node = Node::plain().items(&RESOURCE);
static RESOURCE: Node = Node::that(Is::Source).fields(&[("mimeType", &SOURCE_MEDIA), ("blob", &SOURCE_DATA)]);

/// Keys that some dialect has, and those of the Model Context Protocol.
fn is_key(name: &str) -> bool {
    word::is_responses_key(name)
        || anthropic::messages::is_key(name)
        || gemini::generate::is_key(name)
        || cohere::chat::is_key(name)
        || matches!(
            name,
            "blob"
                | "cursor"
                | "documents"
                | "embeddings"
                | "inputSchema"
                | "inputs"
                | "isError"
                | "jsonrpc"
                | "maxTokens"
                | "method"
                | "mimeType"
                | "nextCursor"
                | "outputSchema"
                | "params"
                | "progressToken"
                | "prompts"
                | "protocolVersion"
                | "resource"
                | "resourceTemplates"
                | "resources"
                | "stopReason"
                | "structuredContent"
                | "systemPrompt"
                | "uri"
        )
}
