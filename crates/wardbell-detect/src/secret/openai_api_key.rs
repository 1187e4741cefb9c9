//! **What it finds.** OpenAI API keys: `sk-` and at least 20 letters and digits, and the newer `sk-proj-`, `sk-svcacct-`,
//! `sk-admin-` and `sk-None-` forms. **Why it matters.** A key spends its owner's money and reads its owner's files.
//! **What it misses.** Keys broken by white space; keys of other vendors with another prefix. **Source.**
//! `spec/wire-aisg.md` 1.5; the forms that the platform has issued since 2024
//! (<https://platform.openai.com/docs/api-reference/authentication>), read 2026-11-23.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

pub(crate) const RULE: Rule = Rule {
    id: "secret.openai-api-key",
    entity: EntityType::ApiKey,
    doc: "OpenAI API keys.",
    search: Search::Pattern(Pattern {
        keywords: &["sk-"],
        expression: r"\bsk-(?:[A-Za-z0-9]{20}|(?:proj|svcacct|admin|None|service)-[A-Za-z0-9_-]{20})",
        lead_bytes_max: 0,
        match_bytes_max: 40,
        run_on: Some(token::run_on),
        judge: token::judge,
    }),
    context: &[],
    hits: &[
        "sk-abcdefghijklmnopqrstuvwx",
        "OPENAI_API_KEY=sk-T3BlbkFJ0123456789abcdefABCDEF0123456789abcdefgh",
        "key sk-proj-Ab3_dE5-gH7jK9mN1pQ3sT5uV7wX9yZ.",
        "\"sk-svcacct-Ab3_dE5-gH7jK9mN1pQ3sT5uV7wX9yZ\"",
        "sk-admin-Ab3_dE5-gH7jK9mN1pQ3sT5uV7wX9yZ",
        "sk\u{200b}-abcdefghij0123456789",
    ],
    misses: &[
        "sk-learn",
        "pip install sk-learn-extra-tools",
        "risk-abcdefghijklmnopqrstuvwx",
        "task-0123456789abcdefghijklmnop",
        "sk-this-is-a-branch-name-with-words",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-<your-token>",
        "SK-ABCDEFGHIJKLMNOPQRSTUVWX",
        "sk-ant-api03-Ab3_dE5-gH7jK9mN1pQ3",
    ],
};
