use serde::{Deserialize, Serialize};

/// How calls are measured against the budgets of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetPolicy {
    /// What happens to a call that does not fit.
    pub on_shortfall: OnShortfall,
    /// How the tokens of a call are counted before the provider has counted them.
    pub count: TokenCount,
}

/// What happens to a call that may cost more than is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnShortfall {
    /// It is refused.
    #[default]
    Refuse,
    /// Its answer is capped at what fits, and the caller is told; it is refused where hardly anything does.
    Clamp,
}

/// How input tokens are counted before a call is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenCount {
    /// A byte is a token: never too few.
    #[default]
    Strict,
    /// As the model's own tokenizer counts where it is published, else three bytes are a token: near, and at times too few.
    Tight,
}
