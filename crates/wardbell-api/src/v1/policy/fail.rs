//! What happens when a detector fails.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::policy::{FailMode, FailPolicy};

use crate::error::FieldError;
use crate::fields::Fields;

/// What happens when a detector fails.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FailAnswer {
    /// On the gateway surface: `closed` stops the request, `open` lets it go on.
    #[schema(pattern = "^(open|closed)$")]
    gateway: &'static str,
    /// On the scan and proxy surface.
    #[schema(pattern = "^(open|closed)$")]
    proxy: &'static str,
}

/// What happens when a detector fails.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct FailBody {
    /// On the gateway surface.
    #[schema(pattern = "^(open|closed)$")]
    gateway: Option<String>,
    /// On the scan and proxy surface.
    #[schema(pattern = "^(open|closed)$")]
    proxy: Option<String>,
}

pub(super) const MODES: &[FailMode] = &[FailMode::Open, FailMode::Closed];

pub(super) const fn word(mode: FailMode) -> &'static str {
    match mode {
        FailMode::Open => "open",
        FailMode::Closed => "closed",
    }
}

impl From<FailPolicy> for FailAnswer {
    fn from(policy: FailPolicy) -> Self {
        let FailPolicy { gateway, proxy } = policy;
        Self { gateway: word(gateway), proxy: word(proxy) }
    }
}

pub(super) fn merge(mut body: Fields, base: FailPolicy) -> Result<FailPolicy, FieldError> {
    let FailPolicy { gateway, proxy } = base;
    let gateway = body.word("gateway", MODES, word)?.unwrap_or(gateway);
    let proxy = body.word("proxy", MODES, word)?.unwrap_or(proxy);
    body.finish()?;
    Ok(FailPolicy { gateway, proxy })
}
