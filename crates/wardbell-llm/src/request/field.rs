//! What the fields of a dialect mean: a graph of static tables, one node for each place that Wardbell has to know.
//!
//! A dialect's file says which fields a node has; the walker does the rest. A key that no table names leads to a node that
//! means nothing, and its texts are texts like any other: a table can only add what is known, never hide a text.

use wardbell_core::origin::Origin;

/// A place in a body.
pub(crate) struct Node {
    /// What the members of an object here mean.
    pub(crate) fields: &'static [(&'static str, &'static Node)],
    /// What any other member means, and ...
    pub(crate) rest: Option<&'static Node>,
    /// ... what the values of a list here mean; plain values where it is not said.
    pub(crate) items: Option<&'static Node>,
    /// Whose the texts below are, if it is always the same; otherwise whose the object around it is.
    pub(crate) origin: Option<Origin>,
    /// Whose the texts of a turn or part here are if it does not tell.
    pub(crate) unsaid: Origin,
    /// Whether what stands here makes a message of a chat more than an empty one.
    pub(crate) says: bool,
    pub(crate) is: Is,
}

/// What a value is.
#[derive(Clone, Copy)]
pub(crate) enum Is {
    /// A value like any other.
    Plain,
    /// A `type`: the API's own words for it are no text.
    Type,
    /// Where the API takes a URL of media.
    MediaUrl,
    /// Where the API has the base64 of an image that it has made itself.
    MadeImage,
    /// The model's name.
    Model,
    /// Whether the answer is a stream.
    Stream,
    /// The earlier response that this one goes on from.
    Previous,
    /// A prompt that is kept at the provider, with its model.
    KeptPrompt,
    /// The turns.
    Turns(&'static Turns),
    /// One turn.
    Turn,
    /// One input, of whatever type.
    Input,
    /// The last turn, which stands apart from those before it.
    LastTurn,
    /// An object that tells by its role or kind whose its texts are.
    Part,
    /// The role in a turn or part.
    Role,
    /// The `type` of a turn or part.
    Kind,
    /// An object with media in base64 and their media type.
    Source,
    /// The `type` of a source.
    SourceKind,
    /// Its media type.
    SourceMedia,
    /// Its base64.
    SourceData,
    /// A JSON-RPC message, if it has the mark.
    Rpc,
    /// The mark.
    RpcMark,
    /// The method of a JSON-RPC request.
    RpcMethod,
}

/// How a dialect has its turns.
#[derive(Debug)]
pub(crate) struct Turns {
    /// The field.
    pub(crate) field: &'static str,
    /// What the field must be.
    pub(crate) must: &'static str,
    /// What a turn must be.
    pub(crate) turn_must: &'static str,
    /// Whether a string is one turn.
    pub(crate) text: bool,
    /// Whether a turn has to name its role.
    pub(crate) role: bool,
}

/// What Wardbell needs of a body, and the words of its dialect.
pub(crate) struct Grammar {
    pub(crate) root: &'static Node,
    pub(crate) need: Need,
    /// Keys that are not somebody's text.
    pub(crate) is_key: fn(&str) -> bool,
    /// Values of `type` that are not somebody's text.
    pub(crate) is_type: fn(&str) -> bool,
    /// Whose a role's texts are; `Other` if it is none of the API's.
    pub(crate) role_of: fn(&str) -> Origin,
    /// Whose a turn or part of this `type` is; `Other` where its role or its surroundings say so.
    pub(crate) kind_of: fn(&str) -> Origin,
    /// Whether the API's own roles are no text.
    pub(crate) roles_exempt: bool,
}

/// What a body must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Any JSON will do.
    Nothing,
    /// An object with these.
    Fields {
        /// Both, in words.
        must: &'static str,
        /// Whether the model must be named.
        model: bool,
        /// The field with the turns, if there must be any.
        turns: Option<(&'static str, &'static str)>,
    },
}

impl Node {
    pub(crate) const fn plain() -> Self {
        Self::that(Is::Plain)
    }

    pub(crate) const fn that(is: Is) -> Self {
        Self { fields: &[], rest: None, items: None, origin: None, unsaid: Origin::Other, says: false, is }
    }

    /// A plain node with texts of this origin.
    pub(crate) const fn of(origin: Origin) -> Self {
        Self::plain().origin(origin)
    }

    pub(crate) const fn fields(self, fields: &'static [(&'static str, &'static Self)]) -> Self {
        Self { fields, ..self }
    }

    pub(crate) const fn rest(self, rest: &'static Self) -> Self {
        Self { rest: Some(rest), ..self }
    }

    pub(crate) const fn items(self, items: &'static Self) -> Self {
        Self { items: Some(items), ..self }
    }

    pub(crate) const fn origin(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    pub(crate) const fn unsaid(self, unsaid: Origin) -> Self {
        Self { unsaid, ..self }
    }

    pub(crate) const fn says(self) -> Self {
        Self { says: true, ..self }
    }

    /// What the member of this name means.
    pub(crate) fn below(&self, name: &str) -> &'static Self {
        for (field, node) in self.fields {
            if *field == name {
                return node;
            }
        }
        if name == "type" { &TYPE } else { self.rest.unwrap_or(&PLAIN) }
    }
}

/// A value of which nothing is known.
pub(crate) static PLAIN: Node = Node::plain();
/// A `type` that says nothing about whose the text is.
static TYPE: Node = Node::that(Is::Type).items(&TYPE);
pub(crate) static MODEL: Node = Node::that(Is::Model);
pub(crate) static STREAM: Node = Node::that(Is::Stream);
pub(crate) static ROLE: Node = Node::that(Is::Role);
pub(crate) static KIND: Node = Node::that(Is::Kind);
/// A media URL, alone or as `url` in an object.
pub(crate) static MEDIA: Node = Node::that(Is::MediaUrl).fields(&[("url", &MEDIA_URL)]);
static MEDIA_URL: Node = Node::that(Is::MediaUrl);
pub(crate) static SOURCE_KIND: Node = Node::that(Is::SourceKind);
pub(crate) static SOURCE_MEDIA: Node = Node::that(Is::SourceMedia);
pub(crate) static SOURCE_DATA: Node = Node::that(Is::SourceData);
pub(crate) static SYSTEM: Node = Node::of(Origin::System);
pub(crate) static USER: Node = Node::of(Origin::User);
pub(crate) static ASSISTANT: Node = Node::of(Origin::Assistant);
pub(crate) static TOOL_RESULT: Node = Node::of(Origin::ToolResult);
pub(crate) static TOOL_DEFINITION: Node = Node::of(Origin::ToolDefinition);
pub(crate) static DOCUMENT: Node = Node::of(Origin::Document);
