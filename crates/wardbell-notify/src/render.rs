//! The body of a delivery. One renderer a file; each takes the same alert.

mod json;

use bytes::Bytes;
use wardbell_core::alert::Alert;
use wardbell_core::id::WebhookId;
use wardbell_store::endpoint::Format;

/// A body and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The bytes that are signed and sent.
    pub body: Bytes,
}

/// Renders an alert for one receiver. The same alert, id and format give the same bytes, so every attempt of a delivery
/// sends what the first one did.
///
/// # Errors
/// When the alert cannot be written as JSON, which none of its types makes possible today.
pub fn render(format: Format, id: WebhookId, alert: &Alert) -> Result<Rendered, RenderError> {
    match format {
        Format::Json => json::render(id, alert),
    }
}

/// The alert could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the alert cannot be written as JSON")]
pub struct RenderError(#[from] serde_json::Error);
