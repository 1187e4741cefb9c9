//! What the fields of OpenAI's chat completions mean, and those of whoever speaks them.
//!
//! A `documents` beside the messages is what several vendors take for retrieved texts. A message that asks for nothing
//! (an empty last one) is refused: its content, tool calls, refusal and sound are looked at.

use wardbell_core::origin::Origin;

use crate::openai::word;
use crate::request::field::{DOCUMENT, Grammar, Is, MEDIA, MODEL, Need, Node, ROLE, STREAM, TOOL_DEFINITION, Turns};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`model` and `messages`", model: true, turns: Some(("messages", "message")) },
    is_key: word::is_key,
    is_type: word::is_type,
    role_of: word::role_of,
    kind_of: |_| Origin::Other,
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
    ("tools", &TOOL_DEFINITION),
    ("functions", &TOOL_DEFINITION),
    ("documents", &DOCUMENT),
]);
static MESSAGES: Node = Node::that(Is::Turns(&TURNS)).items(&MESSAGE);
static MESSAGE: Node = Node::that(Is::Turn).fields(&[
    ("role", &ROLE),
    ("content", &CONTENT),
    ("tool_calls", &SAYS),
    ("function_call", &SAYS),
    ("refusal", &SAYS),
    ("audio", &SAYS),
]);
static SAYS: Node = Node::plain().says();
static CONTENT: Node = Node::plain().says().items(&PART);
static PART: Node = Node::plain().fields(&[("image_url", &MEDIA), ("audio_url", &MEDIA), ("video_url", &MEDIA)]);
