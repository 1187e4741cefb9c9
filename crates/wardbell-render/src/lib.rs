//! Alerts in the form that each receiver reads. Pure: no input or output, no clock.
//!
//! **Cast.** A [`Notice`] is what is to be told: an alert, or a [`Fold`] of many, and how the endpoint wants it. One module
//! a form; each takes the same notice and gives a [`Rendered`].
//!
//! **Guarantees.** The same notice gives the same bytes, so every attempt of a delivery sends what the first one did. No
//! text of a request gets out but the masked preview, and that only where the endpoint wants it.

mod alertmanager;
mod cloudevents;
mod discord;
mod email;
mod json;
mod ocsf;
mod pagerduty;
mod raw;
mod slack;
mod teams;
mod text;
mod words;

use bytes::Bytes;
use wardbell_core::alert::Alert;
use wardbell_core::fold::Fold;
use wardbell_core::format::Format;
use wardbell_core::id::WebhookId;

/// What is to be told to one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// The identity of the delivery, the same in every attempt.
    pub id: WebhookId,
    /// The alert; of a fold, the last one.
    pub alert: &'a Alert,
    /// The alerts that this message stands for, if it is an update about many.
    pub fold: Option<&'a Fold>,
    /// How the endpoint wants it.
    pub wish: Wish<'a>,
}

/// How an endpoint wants to be told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// The operator's own text, for chat forms and mail.
    pub custom_message: Option<&'a str>,
    /// Whether the masked preview may go out.
    pub include_preview: bool,
    /// PagerDuty's integration key.
    pub routing_key: Option<&'a str>,
    /// Sender of mails, an address or `Name <address>`.
    pub mail_from: Option<&'a str>,
    /// Recipients of mails.
    pub mail_to: &'a [String],
    /// Whether to render the plain form, because the receiver refused the rich one.
    pub is_plain: bool,
}

/// A body and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The bytes that are signed and sent.
    pub body: Bytes,
}

/// Renders a notice in a form.
///
/// # Errors
/// When the notice cannot be told in that form; the message names what is missing.
pub fn render(format: Format, notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    match format {
        Format::Json => json::render(notice),
        Format::Raw => raw::render(notice),
        Format::Slack => slack::render(notice),
        Format::Discord => discord::render(notice),
        Format::Teams => teams::render(notice),
        Format::PagerDuty => pagerduty::render(notice),
        Format::Email => email::render(notice),
        Format::CloudEvents => cloudevents::render(notice),
        Format::Ocsf => ocsf::render(notice),
        Format::Alertmanager => alertmanager::render(notice),
    }
}

/// The particulars of an alert as the default form tells them: the `data` object of its payload, with the preview if there
/// is one.
pub fn data(alert: &Alert) -> serde_json::Value {
    json::particulars(alert, alert.preview.as_deref())
}

/// The notice could not be told.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The endpoint lacks a setting that the form needs.
    #[error("the webhook has no {0}; set it")]
    Missing(&'static str),
    /// It cannot be written as a mail, which none of its parts makes possible today.
    #[error("the alert cannot be written as a mail")]
    Mail,
    /// It cannot be written as JSON, which none of its types makes possible today.
    #[error("the alert cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests;
