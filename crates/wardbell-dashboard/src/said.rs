//! What a page says after a change: a word in its address, so that a reload says it again and nothing else can be said.

/// (word, what it says).
const SAID: &[(&str, &str)] = &[
    ("set-up", "You are set up and signed in."),
    ("project-made", "The project is ready. Add a webhook so that somebody hears of alerts."),
    ("project-renamed", "The project has its new name."),
    ("project-on", "The project is on. Webhooks that the file declared stay off until you switch them on."),
    ("project-deleted", "The project is deleted."),
    ("webhook-saved", "The webhook is changed."),
    ("webhook-deleted", "The webhook is deleted. What was still to be delivered to it is given up."),
    ("replayed", "It is due again, and under way."),
    ("policy-saved", "The policy is in force."),
    ("policy-restored", "The earlier policy is in force again, as a new version."),
    ("budget-saved", "The budget is set."),
    ("budget-removed", "The budget is removed. It limits nothing any more."),
    ("silence-made", "The silence is made. What it holds back is told when it ends."),
    ("silence-ended", "The silence is gone. What it held back is told now."),
    ("text-allowed", "The text is allowed in this project from now on."),
    ("text-not-allowed", "The text is judged like any other again."),
    ("topped-up", "The balance is topped up."),
    ("key-revoked", "The key is revoked. It opens nothing any more."),
    ("provider-saved", "The provider is saved."),
    ("provider-deleted", "The provider is deleted."),
    ("password-changed", "Your password is changed, and every other browser is signed out."),
];

/// What a word says; nothing for words that are not ours.
pub(crate) fn sentence(word: &str) -> Option<&'static str> {
    SAID.iter().find(|(known, _)| *known == word).map(|(_, sentence)| *sentence)
}
