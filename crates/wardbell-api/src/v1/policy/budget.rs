//! How calls are measured against budgets.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::policy::{BudgetPolicy, OnShortfall, TokenCount};

use crate::error::FieldError;
use crate::fields::Fields;

/// How calls are measured against the project's budgets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BudgetAnswer {
    /// What happens to a call that may cost more than is left: `refuse` answers 402, `clamp` lowers the most output tokens
    /// to what fits and says so in `x-wardbell-max-tokens`.
    #[schema(pattern = "^(refuse|clamp)$")]
    on_shortfall: &'static str,
    /// How input is counted before the provider has counted it: `strict` takes each byte for a token, `tight` counts as the
    /// tokenizer of OpenAI's models does, and three bytes a token for others.
    #[schema(pattern = "^(strict|tight)$")]
    count: &'static str,
}

/// How calls are measured against the project's budgets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct BudgetBody {
    /// What happens to a call that may cost more than is left.
    #[schema(pattern = "^(refuse|clamp)$")]
    on_shortfall: Option<String>,
    /// How input is counted before the provider has counted it.
    #[schema(pattern = "^(strict|tight)$")]
    count: Option<String>,
}

const SHORTFALLS: &[OnShortfall] = &[OnShortfall::Refuse, OnShortfall::Clamp];
const COUNTS: &[TokenCount] = &[TokenCount::Strict, TokenCount::Tight];

const fn shortfall_word(on_shortfall: OnShortfall) -> &'static str {
    match on_shortfall {
        OnShortfall::Refuse => "refuse",
        OnShortfall::Clamp => "clamp",
    }
}

const fn count_word(count: TokenCount) -> &'static str {
    match count {
        TokenCount::Strict => "strict",
        TokenCount::Tight => "tight",
    }
}

impl From<BudgetPolicy> for BudgetAnswer {
    fn from(policy: BudgetPolicy) -> Self {
        let BudgetPolicy { on_shortfall, count } = policy;
        Self { on_shortfall: shortfall_word(on_shortfall), count: count_word(count) }
    }
}

pub(super) fn merge(mut body: Fields, base: BudgetPolicy) -> Result<BudgetPolicy, FieldError> {
    let BudgetPolicy { on_shortfall, count } = base;
    let on_shortfall = body.word("on_shortfall", SHORTFALLS, shortfall_word)?.unwrap_or(on_shortfall);
    let count = body.word("count", COUNTS, count_word)?.unwrap_or(count);
    body.finish()?;
    Ok(BudgetPolicy { on_shortfall, count })
}
