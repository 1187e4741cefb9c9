//! **What it finds.** Google API keys: `AIza` and at least 35 more characters. **Why it matters.** A key calls paid
//! services, Gemini among them. **What it misses.** OAuth tokens and service accounts. **Source.** `spec/wire-aisg.md`
//! 1.5, read 2026-11-23.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

pub(crate) const RULE: Rule = Rule {
    id: "secret.google-api-key",
    entity: EntityType::ApiKey,
    doc: "Google API keys.",
    search: Search::Pattern(Pattern {
        keywords: &["AIza"],
        expression: r"\bAIza[A-Za-z0-9_-]{35}",
        lead_bytes_max: 0,
        match_bytes_max: 39,
        run_on: Some(token::run_on),
        judge: token::judge,
    }),
    context: &[],
    hits: &["AIzaSyA0123456789abcdefghijklmnopqrstuv", "?key=AIzaSyB-0123_456789abcdefghijklmnopqrst&x=1"],
    misses: &[
        "AIzaSyA0123456789",
        "aizaSyA0123456789abcdefghijklmnopqrstuv",
        "AIzaxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ],
};
