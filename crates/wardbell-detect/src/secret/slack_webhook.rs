//! **What it finds.** Slack incoming-webhook and workflow URLs, with or without `https://`. **Why it matters.** Whoever
//! has the URL posts into the channel, under the application's name. **What it misses.** Slack's `xox` tokens.
//! **Source.** `spec/wire-aisg.md` 1.5; Slack, incoming webhooks (<https://api.slack.com/messaging/webhooks>), read
//! 2026-11-23. The URL of Slack's documents, with zeros and `X`, is found as well: every demonstration types it.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

pub(crate) const RULE: Rule = Rule {
    id: "secret.slack-webhook",
    entity: EntityType::SlackWebhook,
    doc: "Slack incoming-webhook and workflow URLs.",
    search: Search::Pattern(Pattern {
        keywords: &["hooks.slack"],
        expression: r"(?i)(?:\bhttps?://)?hooks\.slack(?:-gov)?\.com/(?:services/T[A-Za-z0-9_]{6,14}/B[A-Za-z0-9_]{6,14}/[A-Za-z0-9_]{16}|(?:workflows|triggers)/[A-Za-z0-9_/-]{20})",
        lead_bytes_max: 8,
        match_bytes_max: 90,
        run_on: Some(run_on),
        judge: |_, _| Some(token::SCORE),
    }),
    context: &[],
    hits: &[
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "curl hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnop01234567",
        "HTTPS://HOOKS.SLACK.COM/services/T0123ABCD/B0123ABCD/abcdefghijklmnop01234567",
        "https://hooks.slack.com/workflows/T0123ABCD/A0123ABCD/123456789/abcdefgh",
    ],
    misses: &[
        "https://hooks.slack.com/services/",
        "https://hooks.slack.com/services/T…/B…/…",
        "https://api.slack.com/messaging/webhooks",
    ],
};

/// Reads on over the rest of the path.
fn run_on(text: &[u8], end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    end + rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/')).count()
}
