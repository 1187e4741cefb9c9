//! The turns of a conversation as guards see them: who says what, which tools are called, and what they return.
//!
//! The dialects make them, and guards read them; the texts are borrowed.

use crate::origin::Origin;

/// A message of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Who says it.
    pub origin: Origin,
    /// All its text; parts joined. Without the texts of calls and results.
    pub text: &'a str,
    /// The tools that it calls, in order.
    pub calls: Vec<Call<'a>>,
    /// The results of tools that it brings, in order.
    pub results: Vec<ToolResult<'a>>,
}

/// A call of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// What its result names it by.
    pub id: Option<&'a str>,
    /// The name of the tool.
    pub tool: &'a str,
    /// Its arguments: JSON, or text.
    pub arguments: &'a str,
}

/// What a tool returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolResult<'a> {
    /// The call that it belongs to. Without one it belongs to the first call of its tool that has no result yet.
    pub id: Option<&'a str>,
    /// The name of the tool, where the dialect has it.
    pub tool: Option<&'a str>,
    /// What it returned.
    pub text: &'a str,
    /// Whether the dialect says that it failed; `None` where it says nothing.
    pub is_error: Option<bool>,
}
