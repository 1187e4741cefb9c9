//! Who a text comes from. An order in the system prompt is the application's; the same order in a tool's result is an attack.

use serde::{Deserialize, Serialize};

/// Who a text of a request or an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The application: system and developer messages, instructions.
    System,
    /// The user.
    User,
    /// The model: an earlier turn, or the answer.
    Assistant,
    /// What a tool returned.
    ToolResult,
    /// The definition of a tool.
    ToolDefinition,
    /// A document that the application retrieved or attached.
    Document,
    /// Anything else: fields that are nobody's words in particular.
    Other,
}

impl Origin {
    /// Every origin, in the order of declaration.
    pub const ALL: &'static [Self] = &[
        Self::System,
        Self::User,
        Self::Assistant,
        Self::ToolResult,
        Self::ToolDefinition,
        Self::Document,
        Self::Other,
    ];

    /// Whether neither the application nor its user wrote it: a tool or a retrieved document says it.
    pub const fn is_third_party(self) -> bool {
        match self {
            Self::ToolResult | Self::Document => true,
            Self::System | Self::User | Self::Assistant | Self::ToolDefinition | Self::Other => false,
        }
    }

    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::ToolResult => "tool_result",
            Self::ToolDefinition => "tool_definition",
            Self::Document => "document",
            Self::Other => "other",
        }
    }
}
