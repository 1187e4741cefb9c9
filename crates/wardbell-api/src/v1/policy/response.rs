//! Scanning of answers.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::policy::{ResponseMode, ResponsePolicy};

use crate::error::FieldError;
use crate::fields::Fields;

/// Scanning of answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResponseAnswer {
    /// What is done about personal data and secrets in an answer: `off` does not look, `detect` records, `redact` cuts
    /// them out, `block` stops the answer.
    #[schema(pattern = "^(off|detect|redact|block)$")]
    scan: &'static str,
}

/// Scanning of answers.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct ResponseBody {
    /// What is done about personal data and secrets in an answer.
    #[schema(pattern = "^(off|detect|redact|block)$")]
    scan: Option<String>,
}

const MODES: &[ResponseMode] = &[ResponseMode::Off, ResponseMode::Detect, ResponseMode::Redact, ResponseMode::Block];

const fn word(mode: ResponseMode) -> &'static str {
    match mode {
        ResponseMode::Off => "off",
        ResponseMode::Detect => "detect",
        ResponseMode::Redact => "redact",
        ResponseMode::Block => "block",
    }
}

impl From<ResponsePolicy> for ResponseAnswer {
    fn from(policy: ResponsePolicy) -> Self {
        let ResponsePolicy { scan } = policy;
        Self { scan: word(scan) }
    }
}

pub(super) fn merge(mut body: Fields, base: ResponsePolicy) -> Result<ResponsePolicy, FieldError> {
    let ResponsePolicy { scan } = base;
    let scan = body.word("scan", MODES, word)?.unwrap_or(scan);
    body.finish()?;
    Ok(ResponsePolicy { scan })
}
