//! The words of OpenAI's chat API that are not somebody's text.
//!
//! Each list is of whole words, so the longest one bounds what is not scanned. **Source.** OpenAI's API reference (read
//! 2026-11-23) and JSON Schema; `video_url` and `audio_url` are parts of a content that
//! vLLM takes.

use wardbell_core::origin::Origin;

/// The role that a message names; `Other` if it is none of the API's.
pub(crate) fn role_of(name: &str) -> Origin {
    match name {
        "system" | "developer" => Origin::System,
        "user" => Origin::User,
        "assistant" => Origin::Assistant,
        "tool" | "function" => Origin::ToolResult,
        _ => Origin::Other,
    }
}

/// Whose an item or part of the responses API is by its `type`; `Other` where its role or its surroundings say so.
pub(crate) fn kind_of(name: &str) -> Origin {
    match name {
        "input_file" => Origin::Document,
        "mcp_list_tools" => Origin::ToolDefinition,
        "mcp_approval_response" => Origin::User,
        "reasoning" | "mcp_approval_request" | "compaction" => Origin::Assistant,
        _ if name.ends_with("_call_output") => Origin::ToolResult,
        _ if name.ends_with("_call") => Origin::Assistant,
        _ => Origin::Other,
    }
}

/// Values of `type`, in the API and in JSON Schema.
pub(crate) fn is_type(name: &str) -> bool {
    matches!(
        name,
        "array"
            | "boolean"
            | "content"
            | "custom"
            | "ephemeral"
            | "file"
            | "function"
            | "image_url"
            | "input_audio"
            | "integer"
            | "json_object"
            | "json_schema"
            | "null"
            | "number"
            | "object"
            | "refusal"
            | "string"
            | "text"
    )
}

/// Keys of the API and of JSON Schema in tool definitions. Any other key is somebody's text.
pub(crate) fn is_key(name: &str) -> bool {
    matches!(
        name,
        "additionalProperties"
            | "anyOf"
            | "arguments"
            | "audio"
            | "audio_url"
            | "cache_control"
            | "content"
            | "custom"
            | "data"
            | "default"
            | "description"
            | "detail"
            | "enum"
            | "file"
            | "file_data"
            | "file_id"
            | "filename"
            | "format"
            | "frequency_penalty"
            | "function"
            | "function_call"
            | "functions"
            | "id"
            | "image_url"
            | "include_usage"
            | "input"
            | "input_audio"
            | "items"
            | "json_schema"
            | "logit_bias"
            | "logprobs"
            | "max_completion_tokens"
            | "max_tokens"
            | "messages"
            | "metadata"
            | "modalities"
            | "model"
            | "n"
            | "name"
            | "parallel_tool_calls"
            | "parameters"
            | "prediction"
            | "presence_penalty"
            | "prompt_cache_key"
            | "properties"
            | "reasoning_effort"
            | "refusal"
            | "required"
            | "response_format"
            | "role"
            | "safety_identifier"
            | "schema"
            | "seed"
            | "service_tier"
            | "stop"
            | "store"
            | "stream"
            | "stream_options"
            | "strict"
            | "temperature"
            | "text"
            | "tool_call_id"
            | "tool_calls"
            | "tool_choice"
            | "tools"
            | "top_k"
            | "top_logprobs"
            | "top_p"
            | "type"
            | "url"
            | "user"
            | "verbosity"
            | "video_url"
            | "voice"
            | "web_search_options"
    )
}

/// Values of `type` in the responses API.
pub(crate) fn is_responses_type(name: &str) -> bool {
    is_type(name)
        || matches!(
            name,
            "apply_patch_call"
                | "apply_patch_call_output"
                | "code_interpreter"
                | "code_interpreter_call"
                | "computer_call"
                | "computer_call_output"
                | "computer_screenshot"
                | "custom_tool_call"
                | "custom_tool_call_output"
                | "file_citation"
                | "file_search"
                | "file_search_call"
                | "function_call"
                | "function_call_output"
                | "image"
                | "image_generation"
                | "image_generation_call"
                | "input_file"
                | "input_image"
                | "input_text"
                | "item_reference"
                | "local_shell_call"
                | "local_shell_call_output"
                | "logs"
                | "mcp"
                | "mcp_approval_request"
                | "mcp_approval_response"
                | "mcp_call"
                | "mcp_list_tools"
                | "message"
                | "output_text"
                | "reasoning"
                | "reasoning_text"
                | "search"
                | "shell_call"
                | "shell_call_output"
                | "summary_text"
                | "url_citation"
                | "web_search"
                | "web_search_call"
        )
}

/// Keys of the responses API.
pub(crate) fn is_responses_key(name: &str) -> bool {
    is_key(name)
        || matches!(
            name,
            "acknowledged_safety_checks"
                | "action"
                | "annotations"
                | "approval_request_id"
                | "approve"
                | "attributes"
                | "background"
                | "call_id"
                | "code"
                | "container"
                | "container_id"
                | "conversation"
                | "effort"
                | "encrypted_content"
                | "error"
                | "file_url"
                | "include"
                | "input_schema"
                | "instructions"
                | "logs"
                | "max_output_tokens"
                | "max_tool_calls"
                | "output"
                | "outputs"
                | "previous_response_id"
                | "prompt"
                | "queries"
                | "query"
                | "reason"
                | "reasoning"
                | "require_approval"
                | "result"
                | "results"
                | "score"
                | "server_label"
                | "server_url"
                | "status"
                | "summary"
                | "truncation"
                | "variables"
                | "vector_store_ids"
                | "version"
        )
}
