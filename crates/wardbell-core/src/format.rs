//! The forms that a delivery can take.

crate::named! {
    /// The form of a delivery's body, and by what it travels. Contracts and limits: `spec/alert-contracts.md`, section 3.
    Format {
        /// Wardbell's envelope: AISG's fields with `severity` and `type`.
        Json = "json",
        /// LockLLM's body (`spec/wire-lockllm.md` 2.8).
        Raw = "raw",
        /// A Slack incoming webhook.
        Slack = "slack",
        /// A Discord webhook.
        Discord = "discord",
        /// An Adaptive Card for a Microsoft Teams workflow.
        Teams = "teams",
        /// PagerDuty's Events API v2.
        PagerDuty = "pagerduty",
        /// A mail, over SMTP.
        Email = "email",
        /// CloudEvents 1.0, structured.
        CloudEvents = "cloudevents",
        /// An OCSF Detection Finding.
        Ocsf = "ocsf",
        /// Alertmanager's API, version 2.
        Alertmanager = "alertmanager",
    }
}

impl Format {
    /// Whether people read it as it comes, so that a storm must be folded; machines get every alert.
    pub const fn is_for_people(self) -> bool {
        matches!(self, Self::Slack | Self::Discord | Self::Teams | Self::PagerDuty | Self::Email)
    }

    /// Whether the form can carry text of the operator's own.
    pub const fn takes_message(self) -> bool {
        matches!(self, Self::Slack | Self::Discord | Self::Teams | Self::Email)
    }
}
