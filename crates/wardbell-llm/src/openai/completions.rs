//! What the fields of OpenAI's older completions mean.
//!
//! **What it cannot read.** A prompt of token numbers: there is no text in it.

use wardbell_core::origin::Origin;

use crate::openai::word;
use crate::request::field::{Grammar, Is, MODEL, Need, Node, STREAM, Turns, USER};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`model` and `prompt`", model: true, turns: Some(("prompt", "prompt")) },
    is_key: |name| word::is_key(name) || matches!(name, "best_of" | "echo" | "prompt" | "suffix"),
    is_type: word::is_type,
    role_of: |_| Origin::Other,
    kind_of: |_| Origin::Other,
    roles_exempt: false,
};

static TURNS: Turns =
    Turns { field: "prompt", must: "a string or a list", turn_must: "a string", text: true, role: false };

static ROOT: Node = Node::plain().fields(&[
    ("model", &MODEL),
    ("stream", &STREAM),
    ("prompt", &PROMPT),
    // What comes after the text that the model is to write.
    ("suffix", &USER),
]);
static PROMPT: Node = Node::that(Is::Turns(&TURNS)).origin(Origin::User).items(&ONE);
static ONE: Node = Node::that(Is::Input);
