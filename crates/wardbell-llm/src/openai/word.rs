//! The words of OpenAI's chat API that are not somebody's text.
//!
//! Each list is of whole words, so the longest one bounds what is not scanned. **Source.** OpenAI's API reference (read
//! 2026-11-23) and JSON Schema; `video_url` and `audio_url` are parts of a content that
//! vLLM takes.

use wardbell_core::origin::Origin;

/// The role that a message names; `Other` if it is none of the API's.
pub(super) fn role_of(name: &str) -> Origin {
    match name {
        "system" | "developer" => Origin::System,
        "user" => Origin::User,
        "assistant" => Origin::Assistant,
        "tool" | "function" => Origin::ToolResult,
        _ => Origin::Other,
    }
}

/// Keys in whose object, or as which, a media URL stands in a part of a content.
pub(super) fn is_media_key(name: &str) -> bool {
    matches!(name, "image_url" | "audio_url" | "video_url")
}

/// Values of `type`, in the API and in JSON Schema.
pub(super) fn is_type(name: &str) -> bool {
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
pub(super) fn is_key(name: &str) -> bool {
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
