//! Secrets: values that open something for whoever holds them.

pub(crate) mod anthropic_api_key;
pub(crate) mod aws_access_key;
pub(crate) mod github_token;
pub(crate) mod google_api_key;
pub(crate) mod openai_api_key;
pub(crate) mod private_key;
pub(crate) mod slack_webhook;

mod token;
