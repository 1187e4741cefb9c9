//! **What it finds.** GitHub tokens: `ghp_`, `gho_`, `ghu_`, `ghs_` or `ghr_` and at least 36 letters and digits, and
//! fine-grained `github_pat_` tokens. **Why it matters.** A token reads and writes source code. **What it misses.**
//! Tokens broken by white space; the older form of 40 hexadecimal digits, which looks like a commit. **Source.**
//! `spec/wire-aisg.md` 1.5; GitHub, token formats
//! (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>), read
//! 2026-11-23. The check digits of a token are not looked at: published samples have random ones.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

pub(crate) const RULE: Rule = Rule {
    id: "secret.github-token",
    entity: EntityType::GithubToken,
    doc: "GitHub personal, OAuth, app and refresh tokens.",
    search: Search::Pattern(Pattern {
        keywords: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
        expression: r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})",
        lead_bytes_max: 0,
        match_bytes_max: 61,
        run_on: Some(token::run_on),
        judge: token::judge,
    }),
    context: &[],
    hits: &[
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "https://gho_abcdefghijklmnopqrstuvwxyz0123456789@github.com/o/r",
        "ghs_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "github_pat_11ABCDEFG0abcdefghijkl_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVW",
    ],
    misses: &[
        "ghp_tooshort",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "github_pat_<your-token>",
        "aghp_abcdefghijklmnopqrstuvwxyz0123456789",
    ],
};
