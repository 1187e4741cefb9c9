//! **What it finds.** Social security numbers of which all but the last four digits are masked, as `XXX-XX-1234`.
//! **Why it matters.** The last four digits open accounts over the telephone. **What it misses.** Other masks.
//! **Source.** AISG's tests count it as `US_SSN` (`spec/wire-aisg.md` 1.5), read 2026-11-23.

use wardbell_core::entity::EntityType;

use crate::rule::{Pattern, Rule, Search};

/// The score of the shape: a mask and dashes have no other common reading.
const SCORE: f32 = 0.5;

pub(crate) const RULE: Rule = Rule {
    id: "pii.us-ssn-masked",
    entity: EntityType::UsSsn,
    doc: "Masked United States social security numbers that show their last four digits.",
    search: Search::Pattern(Pattern {
        keywords: &["xxx-xx-", "***-**-"],
        expression: r"(?:\b[Xx]{3}-[Xx]{2}|\*{3}-\*{2})-[0-9]{4}\b",
        lead_bytes_max: 0,
        match_bytes_max: 11,
        run_on: None,
        judge: |_, _| Some(SCORE),
    }),
    context: &[],
    hits: &["SSN XXX-XX-1234", "***-**-6789", "xxx-xx-0001."],
    misses: &["XXX-XX-XXXX", "XXX-XX-12345", "AXXX-XX-1234", "xxx-xxx-1234", "XXX-XX-12"],
};
