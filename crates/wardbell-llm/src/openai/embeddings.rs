//! What the fields of OpenAI's embeddings mean.
//!
//! An input is the user's: it may be a query or a document, which the body does not tell. No model acts on what it says, so
//! the stricter rules for documents would only cry wolf.
//!
//! **What it cannot read.** An input of token numbers: there is no text in it.

use wardbell_core::origin::Origin;

use crate::openai::word;
use crate::request::field::{Grammar, Is, MODEL, Need, Node, STREAM, Turns};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`model` and `input`", model: true, turns: Some(("input", "input")) },
    is_key: |name| word::is_key(name) || matches!(name, "dimensions" | "encoding_format" | "input_type"),
    is_type: word::is_type,
    role_of: |_| Origin::Other,
    kind_of: |_| Origin::Other,
    roles_exempt: false,
};

static TURNS: Turns =
    Turns { field: "input", must: "a string or a list", turn_must: "a string", text: true, role: false };

static ROOT: Node = Node::plain().fields(&[("model", &MODEL), ("stream", &STREAM), ("input", &INPUT)]);
static INPUT: Node = Node::that(Is::Turns(&TURNS)).origin(Origin::User).items(&ONE);
static ONE: Node = Node::that(Is::Input);
