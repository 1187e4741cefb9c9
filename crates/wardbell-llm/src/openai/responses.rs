//! What the fields of OpenAI's responses mean.
//!
//! An item of `input` is a message with a role, or tells by its `type` whose it is: a call is the model's, an output a
//! tool's. Some items hold both: a call of an MCP server with what it returned, a search with its results.
//!
//! **What it cannot read.** What the provider keeps: earlier responses, conversations, prompts and files known by an id.

use wardbell_core::origin::Origin;

use crate::openai::word;
use crate::request::field::{
    ASSISTANT, Grammar, Is, KIND, MEDIA, MODEL, Need, Node, ROLE, STREAM, SYSTEM, TOOL_DEFINITION, TOOL_RESULT, Turns,
};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`model` and `input`", model: true, turns: None },
    is_key: word::is_responses_key,
    is_type: word::is_responses_type,
    role_of: word::role_of,
    kind_of: word::kind_of,
    roles_exempt: true,
};

static TURNS: Turns =
    Turns { field: "input", must: "a string or a list of items", turn_must: "an object", text: true, role: false };

static ROOT: Node = Node::plain().fields(&[
    ("model", &MODEL),
    ("stream", &STREAM),
    ("input", &INPUT),
    ("instructions", &SYSTEM),
    ("tools", &TOOL_DEFINITION),
    ("previous_response_id", &PREVIOUS),
    ("prompt", &PROMPT),
]);
static PREVIOUS: Node = Node::that(Is::Previous);
static PROMPT: Node = Node::that(Is::KeptPrompt).fields(&[("variables", &VARIABLES)]);
static VARIABLES: Node = Node::of(Origin::User).rest(&PART);
// A string is the user's; an item says whose it is.
static INPUT: Node = Node::that(Is::Turns(&TURNS)).items(&ITEM);
static ITEM: Node = Node::that(Is::Turn).fields(&[
    ("role", &ROLE),
    ("type", &KIND),
    ("content", &CONTENT),
    ("arguments", &ASSISTANT),
    ("output", &OUTPUT),
    ("outputs", &OUTPUTS),
    ("results", &TOOL_RESULT),
    ("error", &TOOL_RESULT),
    ("tools", &TOOL_DEFINITION),
    ("result", &MADE_IMAGE),
]);
static CONTENT: Node = Node::plain().items(&PART);
static PART: Node = Node::that(Is::Part).fields(&[("type", &KIND), ("image_url", &MEDIA)]);
static OUTPUT: Node = Node::of(Origin::ToolResult).fields(&[("image_url", &MEDIA)]).items(&RETURNED);
static RETURNED: Node = Node::plain().fields(&[("image_url", &MEDIA)]);
static OUTPUTS: Node = Node::of(Origin::ToolResult).items(&LOGGED);
static LOGGED: Node = Node::plain().fields(&[("url", &MEDIA)]);
static MADE_IMAGE: Node = Node::that(Is::MadeImage);
