//! **What it finds.** AWS access key ids: `AKIA` (long-lived), `ASIA` (temporary), `ABIA` and `ACCA`, and 16 capitals
//! and digits. `AKIAIOSFODNN7EXAMPLE`, the id of AWS's documents, is found as well: every demonstration types it.
//! **Why it matters.** The id names an account and pairs with a secret. **What it misses.** The secret half; ids broken
//! by white space. **Source.** `spec/wire-aisg.md` 1.5; AWS IAM, unique identifiers
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>), read 2026-11-23.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

pub(crate) const RULE: Rule = Rule {
    id: "secret.aws-access-key-id",
    entity: EntityType::AwsAccessKey,
    doc: "AWS access key ids.",
    search: Search::Pattern(Pattern {
        keywords: &["AKIA", "ASIA", "ABIA", "ACCA"],
        expression: r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
        lead_bytes_max: 0,
        match_bytes_max: 20,
        run_on: None,
        judge: token::judge,
    }),
    context: &[],
    hits: &["AKIAIOSFODNN7EXAMPLE", "aws_access_key_id=ASIAIOSFODNN7EXAMPLE.", "\"AKIA0123456789ABCDEF\""],
    misses: &[
        "AKIAIOSFODNN7EXAMPL",
        "AKIAIOSFODNN7EXAMPLEX",
        "akiaiosfodnn7example",
        "XAKIAIOSFODNN7EXAMPLE",
        "ASIA PACIFIC REGION",
    ],
};
