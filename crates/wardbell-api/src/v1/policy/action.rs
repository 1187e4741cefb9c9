//! What is done about content policies and abuse, and what holds on the scan and proxy surface.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::policy::{DlpMode, ProxyPolicy, WarnOrBlock};

use super::dlp::{self, DLP_MODES};
use crate::error::FieldError;
use crate::fields::Fields;

const ACTIONS: &[WarnOrBlock] = &[WarnOrBlock::Warn, WarnOrBlock::Block];

/// What may be done about abuse: not to look, too.
const ABUSE_ACTIONS: &[Option<WarnOrBlock>] = &[None, Some(WarnOrBlock::Warn), Some(WarnOrBlock::Block)];

/// What holds on the scan and proxy surface unless the caller's headers say otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProxyAnswer {
    /// About prompt injection: `warn` tells of it, `block` stops the request.
    #[schema(pattern = "^(warn|block)$")]
    injection: &'static str,
    /// About personal data and secrets, as `dlp.action`.
    #[schema(pattern = "^(redact|block|detect|off)$")]
    dlp: &'static str,
}

/// What holds on the scan and proxy surface unless the caller's headers say otherwise.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct ProxyBody {
    /// About prompt injection.
    #[schema(pattern = "^(warn|block)$")]
    injection: Option<String>,
    /// About personal data and secrets.
    #[schema(pattern = "^(redact|block|detect|off)$")]
    dlp: Option<String>,
}

pub(super) const fn word(action: WarnOrBlock) -> &'static str {
    match action {
        WarnOrBlock::Warn => "warn",
        WarnOrBlock::Block => "block",
    }
}

pub(super) const fn abuse_word(action: Option<WarnOrBlock>) -> &'static str {
    match action {
        None => "off",
        Some(action) => word(action),
    }
}

impl From<ProxyPolicy> for ProxyAnswer {
    fn from(policy: ProxyPolicy) -> Self {
        let ProxyPolicy { injection, dlp } = policy;
        Self { injection: word(injection), dlp: dlp::word(dlp) }
    }
}

/// Reads `content_action` of a policy's fields.
pub(super) fn merge_content(body: &mut Fields, base: WarnOrBlock) -> Result<WarnOrBlock, FieldError> {
    Ok(body.word("content_action", ACTIONS, word)?.unwrap_or(base))
}

/// Reads `abuse` of a policy's fields.
pub(super) fn merge_abuse(body: &mut Fields, base: Option<WarnOrBlock>) -> Result<Option<WarnOrBlock>, FieldError> {
    Ok(body.word("abuse", ABUSE_ACTIONS, abuse_word)?.unwrap_or(base))
}

pub(super) fn merge_proxy(mut body: Fields, base: ProxyPolicy) -> Result<ProxyPolicy, FieldError> {
    let ProxyPolicy { injection, dlp } = base;
    let injection = body.word("injection", ACTIONS, word)?.unwrap_or(injection);
    let dlp: DlpMode = body.word("dlp", DLP_MODES, dlp::word)?.unwrap_or(dlp);
    body.finish()?;
    Ok(ProxyPolicy { injection, dlp })
}
