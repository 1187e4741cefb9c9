//! What a detector can find. Names are Presidio's where it has one, and AISG's for secrets.

use std::fmt;

macro_rules! entities {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $friendly:literal, $placeholder:literal;)*) => {
        /// A kind of thing that a detector finds, named as clients and receivers see it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EntityType { $($(#[$doc])* $name,)* }

        impl EntityType {
            /// Every entity type, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on every wire, such as `CREDIT_CARD`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The name in LockLLM's words, such as `credit_card` (`spec/wire-lockllm.md` 2.7; those that its documents
            /// do not show are made alike).
            pub const fn friendly(self) -> &'static str {
                match self { $(Self::$name => $friendly,)* }
            }

            /// What stands for a value that was taken out, in LockLLM's words, such as `[CREDIT_CARD]`: the friendly
            /// name in capitals.
            pub const fn placeholder(self) -> &'static str {
                match self { $(Self::$name => $placeholder,)* }
            }

            /// Finds an entity type by its name on the wire.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

entities! {
    /// A payment card number.
    CreditCard = "CREDIT_CARD", "credit_card", "[CREDIT_CARD]";
    /// An e-mail address.
    EmailAddress = "EMAIL_ADDRESS", "email", "[EMAIL]";
    /// A United States social security number.
    UsSsn = "US_SSN", "ssn", "[SSN]";
    /// An international bank account number.
    IbanCode = "IBAN_CODE", "iban", "[IBAN]";
    /// A vendor's API key (OpenAI, Anthropic, Google).
    ApiKey = "API_KEY", "api_key", "[API_KEY]";
    /// An AWS access key id.
    AwsAccessKey = "AWS_ACCESS_KEY", "aws_access_key", "[AWS_ACCESS_KEY]";
    /// A PEM private key.
    PrivateKey = "PRIVATE_KEY", "private_key", "[PRIVATE_KEY]";
    /// A GitHub token.
    GithubToken = "GITHUB_TOKEN", "github_token", "[GITHUB_TOKEN]";
    /// A Slack incoming-webhook URL.
    SlackWebhook = "SLACK_WEBHOOK", "slack_webhook", "[SLACK_WEBHOOK]";
    /// An attempt to override the instructions of the application.
    PromptInjection = "PROMPT_INJECTION", "prompt_injection", "[PROMPT_INJECTION]";
}

impl EntityType {
    /// Whether this is an attack on the application rather than data that leaves it.
    pub const fn is_injection(self) -> bool {
        matches!(self, Self::PromptInjection)
    }

    /// The word for the sort of thing that this is: `personal`, `secret` or `injection`.
    pub const fn group(self) -> &'static str {
        match self {
            Self::CreditCard | Self::EmailAddress | Self::UsSsn | Self::IbanCode => "personal",
            Self::ApiKey | Self::AwsAccessKey | Self::PrivateKey | Self::GithubToken | Self::SlackWebhook => "secret",
            Self::PromptInjection => "injection",
        }
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for EntityType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for EntityType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|entity| entity.as_str()).collect();
            serde::de::Error::custom(format!("unknown entity type `{name}`; known: {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for entity in EntityType::ALL {
            assert_eq!(EntityType::from_name(entity.as_str()), Some(*entity));
        }
    }

    #[test]
    fn placeholders_are_friendly_names_in_capitals_and_friendly_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for entity in EntityType::ALL {
            assert_eq!(entity.placeholder(), format!("[{}]", entity.friendly().to_uppercase()));
            assert!(names.insert(entity.friendly()), "{entity}");
        }
        assert_eq!(EntityType::EmailAddress.placeholder(), "[EMAIL]");
        assert_eq!(EntityType::UsSsn.friendly(), "ssn");
    }
}
