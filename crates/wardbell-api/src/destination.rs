//! URLs that a caller asks Wardbell to call, judged before they are stored.
//!
//! What is wrong with the text is said; what is wrong with the address is not: every refused name or address gets one
//! answer, and no public name is looked up here, so this API tells nothing about the network behind Wardbell
//! (`spec/egress.md` 5.4). The address is judged again whenever it is dialled.

use url::Url;
use wardbell_core::secret::Secret;
use wardbell_egress::Egress;
use wardbell_egress::policy::Policy;
use wardbell_egress::url::{Destination, Host};
use wardbell_store::endpoint::Format;

use crate::error::{Fault, FieldError};

/// Judges the URL of a webhook and gives its stored form, and the form of the body that goes there: the one that the
/// caller chose, or else the one that the address is known for.
pub(crate) fn webhook(
    field: &str,
    text: &str,
    chosen: Option<Format>,
    policy: &Policy,
) -> Result<(Secret<String>, Format), FieldError> {
    let destination = judge(field, text, policy)?;
    let format = match (own_format(&destination), chosen) {
        (Some(service), Some(chosen)) if !service.others_work && chosen != service.format => {
            let message = format!("must be `{}` for a {} address", service.format.as_str(), service.name);
            return Err(FieldError::invalid("format", message));
        }
        (_, Some(chosen)) => chosen,
        (Some(service), None) => service.format,
        (None, None) => Format::Json,
    };
    Ok((Secret::new(destination.as_str().to_owned()), format))
}

/// Judges the base URL of a provider and gives its stored form: no slash at the end, `default_path` if it has no path.
pub(crate) fn base_url(field: &str, text: &str, default_path: &str, policy: &Policy) -> Result<String, FieldError> {
    let destination = judge(field, text, policy)?;
    if destination.query().is_some() {
        return Err(FieldError::invalid(field, "must not have a `?` part"));
    }
    let path = destination.path().trim_end_matches('/');
    let path = if path.is_empty() { default_path } else { path };
    Ok(format!("{}{path}", destination.origin()))
}

/// A stored URL without what gives access: `https://host/…`. Text that is no URL shows nothing.
pub(crate) fn masked(text: &str) -> String {
    if text.starts_with("mailto:") {
        return "mailto:…".to_owned();
    }
    Url::parse(text).map_or_else(|_| "…".to_owned(), |url| format!("{}/…", url.origin().ascii_serialization()))
}

/// Judges a stored form again, looking an inward name up: an exception for one network lets in no name of another.
pub(crate) async fn covered(field: &str, url: &str, egress: &Egress) -> Result<(), FieldError> {
    let refused = |_| FieldError { field: field.to_owned(), fault: Fault::DestinationNotAllowed };
    egress.judge(url).await.map(drop).map_err(refused)
}

fn judge(field: &str, text: &str, policy: &Policy) -> Result<Destination, FieldError> {
    wardbell_egress::url::parse(text, policy).map_err(|refused| {
        if refused.is_about_text() {
            FieldError::invalid(field, refused.tenant_text())
        } else {
            FieldError { field: field.to_owned(), fault: Fault::DestinationNotAllowed }
        }
    })
}

/// A service whose webhook addresses take a form of body of their own.
struct OwnFormat {
    name: &'static str,
    format: Format,
    /// Whether such an address may also belong to a receiver that takes other forms.
    others_work: bool,
}

/// Tells the services that `spec/decisions.md` (Alerts) names by their addresses. Sources, read 2026-11-23: Slack
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>, Discord
/// <https://discord.com/developers/docs/resources/webhook>, PagerDuty
/// <https://developer.pagerduty.com/docs/send-alert-event>, Teams
/// <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook> (a Power
/// Automate address serves any workflow, so JSON may be what it takes).
fn own_format(destination: &Destination) -> Option<OwnFormat> {
    let Host::Name(host) = destination.host() else { return None };
    let is = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let of = |name, format, others_work| Some(OwnFormat { name, format, others_work });
    if is("hooks.slack.com") || is("hooks.slack-gov.com") {
        of("Slack", Format::Slack, false)
    } else if (is("discord.com") || is("discordapp.com")) && destination.path().starts_with("/api/") {
        // Discord takes Slack's bodies under `/slack`.
        of("Discord", if destination.path().ends_with("/slack") { Format::Slack } else { Format::Discord }, false)
    } else if is("events.pagerduty.com") || is("events.eu.pagerduty.com") {
        of("PagerDuty", Format::PagerDuty, false)
    } else if is("webhook.office.com") || is("outlook.office.com") {
        of("Teams", Format::Teams, false)
    } else if is("logic.azure.com") || is("api.powerplatform.com") {
        of("Teams", Format::Teams, true)
    } else {
        None
    }
}
