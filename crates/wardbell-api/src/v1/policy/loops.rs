//! Detection of agents that loop: not part of this version.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Fault, FieldError};
use crate::fields::Fields;

/// Detection of agents that loop.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoopAnswer {
    /// `false` in this version.
    enabled: bool,
}

impl LoopAnswer {
    pub(super) const OFF: Self = Self { enabled: false };
}

/// Detection of agents that loop.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `read` reads it")]
pub(super) struct LoopBody {
    /// `false` in this version.
    enabled: Option<bool>,
}

pub(super) fn read(mut body: Fields) -> Result<(), FieldError> {
    if body.boolean("enabled")? == Some(true) {
        return Err(body.fault("enabled", Fault::NotAvailable(Some("false".to_owned()))));
    }
    for setting in ["window_seconds", "threshold", "cooldown_seconds"] {
        body.not_available(setting)?;
    }
    body.finish()
}
