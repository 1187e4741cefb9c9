//! **What it finds.** Anthropic API keys: `sk-ant-` and at least 20 more characters. **Why it matters.** A key spends
//! its owner's money. **What it misses.** Keys broken by white space. **Source.** `spec/wire-aisg.md` 1.5, read
//! 2026-11-23.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

pub(crate) const RULE: Rule = Rule {
    id: "secret.anthropic-api-key",
    entity: EntityType::ApiKey,
    doc: "Anthropic API keys.",
    search: Search::Pattern(Pattern {
        keywords: &["sk-ant-"],
        expression: r"\bsk-ant-[A-Za-z0-9_-]{20}",
        lead_bytes_max: 0,
        match_bytes_max: 27,
        run_on: Some(token::run_on),
        judge: token::judge,
    }),
    context: &[],
    hits: &["sk-ant-abcdefghij0123456789", "ANTHROPIC_API_KEY=sk-ant-api03-Ab3_dE5-gH7jK9mN1pQ3sT5uV7wX9yZ-AA"],
    misses: &["sk-ant-short", "sk-ant-...", "sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "desk-ant-abcdefghij0123456789"],
};
