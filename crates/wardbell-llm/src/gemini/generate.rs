//! What the fields of Gemini's `generateContent` and `streamGenerateContent` mean.
//!
//! The model and whether the answer is a stream stand in the path. Every field may be spelled in camelCase or snake_case. A
//! content without a role is the user's, as the API has it.
//!
//! **What is exempt.** The `data` of an inline image, sound or film, beside its media type.
//!
//! **Source.** Gemini's API reference (<https://ai.google.dev/api/generate-content>, <https://ai.google.dev/api/caching>).

use wardbell_core::origin::Origin;

use crate::request::field::{
    ASSISTANT, Grammar, Is, Need, Node, ROLE, SOURCE_DATA, SOURCE_MEDIA, SYSTEM, TOOL_DEFINITION, Turns,
};
use crate::request::word::{is_schema_key, is_schema_type};

pub(crate) static GRAMMAR: Grammar = Grammar {
    root: &ROOT,
    need: Need::Fields { must: "`contents`", model: false, turns: Some(("contents", "content")) },
    is_key,
    is_type: |name| is_schema_type(&name.to_ascii_lowercase()),
    role_of,
    kind_of: |_| Origin::Other,
    roles_exempt: true,
};

static TURNS: Turns =
    Turns { field: "contents", must: "a list of contents", turn_must: "an object", text: false, role: false };

static ROOT: Node = Node::plain().fields(&[
    ("contents", &CONTENTS),
    ("systemInstruction", &SYSTEM),
    ("system_instruction", &SYSTEM),
    ("tools", &TOOL_DEFINITION),
]);
static CONTENTS: Node = Node::that(Is::Turns(&TURNS)).items(&CONTENT);
static CONTENT: Node = Node::that(Is::Turn).unsaid(Origin::User).fields(&[("role", &ROLE), ("parts", &PARTS)]);
static PARTS: Node = Node::plain().items(&PART);
static PART: Node = Node::plain().fields(&[
    ("inlineData", &SOURCE),
    ("inline_data", &SOURCE),
    ("functionCall", &ASSISTANT),
    ("function_call", &ASSISTANT),
    ("executableCode", &ASSISTANT),
    ("executable_code", &ASSISTANT),
    ("functionResponse", &RETURNED),
    ("function_response", &RETURNED),
    ("codeExecutionResult", &RETURNED),
    ("code_execution_result", &RETURNED),
]);
static RETURNED: Node = Node::of(Origin::ToolResult).fields(&[("parts", &RETURNED_PARTS)]);
static RETURNED_PARTS: Node = Node::plain().items(&RETURNED_PART);
static RETURNED_PART: Node = Node::plain().fields(&[("inlineData", &SOURCE), ("inline_data", &SOURCE)]);
static SOURCE: Node =
    Node::that(Is::Source).fields(&[("mimeType", &SOURCE_MEDIA), ("mime_type", &SOURCE_MEDIA), ("data", &SOURCE_DATA)]);

pub(crate) fn role_of(name: &str) -> Origin {
    match name {
        "system" => Origin::System,
        "user" => Origin::User,
        "model" => Origin::Assistant,
        "function" | "tool" => Origin::ToolResult,
        _ => Origin::Other,
    }
}

pub(crate) fn is_key(name: &str) -> bool {
    is_schema_key(name)
        || matches!(
            name,
            "allowedFunctionNames"
                | "allowed_function_names"
                | "args"
                | "cachedContent"
                | "cached_content"
                | "candidateCount"
                | "candidate_count"
                | "category"
                | "code"
                | "codeExecution"
                | "codeExecutionResult"
                | "code_execution"
                | "code_execution_result"
                | "contents"
                | "data"
                | "displayName"
                | "display_name"
                | "executableCode"
                | "executable_code"
                | "fileData"
                | "fileUri"
                | "file_data"
                | "file_uri"
                | "functionCall"
                | "functionCallingConfig"
                | "functionDeclarations"
                | "functionResponse"
                | "function_call"
                | "function_calling_config"
                | "function_declarations"
                | "function_response"
                | "generationConfig"
                | "generation_config"
                | "googleSearch"
                | "google_search"
                | "id"
                | "includeThoughts"
                | "include_thoughts"
                | "inlineData"
                | "inline_data"
                | "labels"
                | "language"
                | "maxOutputTokens"
                | "max_output_tokens"
                | "mimeType"
                | "mime_type"
                | "mode"
                | "nullable"
                | "outcome"
                | "output"
                | "parts"
                | "response"
                | "responseMimeType"
                | "responseModalities"
                | "responseSchema"
                | "response_mime_type"
                | "response_modalities"
                | "response_schema"
                | "role"
                | "safetySettings"
                | "safety_settings"
                | "seed"
                | "stopSequences"
                | "stop_sequences"
                | "systemInstruction"
                | "system_instruction"
                | "temperature"
                | "text"
                | "thinkingBudget"
                | "thinkingConfig"
                | "thinking_budget"
                | "thinking_config"
                | "thought"
                | "thoughtSignature"
                | "thought_signature"
                | "threshold"
                | "toolConfig"
                | "tool_config"
                | "tools"
                | "topK"
                | "topP"
                | "top_k"
                | "top_p"
        )
}
