//! URLs that a caller asks Wardbell to call, judged before they are stored.
//!
//! What is wrong with the text is said; what is wrong with the address is not: every refused name or address gets one
//! answer, and no name is looked up here, so this API tells nothing about the network behind Wardbell
//! (`spec/egress.md` 5.4). The address is judged again whenever it is dialled.

use url::{Host, Url};
use wardbell_egress::policy::Policy;

use crate::error::{Fault, FieldError};

/// Judges the URL of a webhook. `format_given` says whether the caller chose the form of the body.
pub(crate) fn webhook(
    field: &str,
    text: &str,
    format_given: bool,
    policy: &Policy,
) -> Result<(), FieldError> {
    let url = judge(field, text, policy)?;
    if url.fragment().is_some() {
        return Err(FieldError::invalid(
            field,
            "must not have a `#` part, which is never sent",
        ));
    }
    match own_format(&url) {
        Some(service) if !service.json_works || !format_given => Err(FieldError {
            field: "format".to_owned(),
            fault: Fault::Invalid(format!(
                "`{}` is what a {} address takes, and this version has `json` only; send to a receiver that takes JSON",
                service.format, service.name
            )),
        }),
        _ => Ok(()),
    }
}

/// Judges the base URL of a provider and gives its stored form: no slash at the end, `default_path` if it has no path.
pub(crate) fn base_url(
    field: &str,
    text: &str,
    default_path: &str,
    policy: &Policy,
) -> Result<String, FieldError> {
    let url = judge(field, text, policy)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(FieldError::invalid(
            field,
            "must not have a `?` or `#` part",
        ));
    }
    let path = url.path().trim_end_matches('/');
    let path = if path.is_empty() { default_path } else { path };
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

fn judge(field: &str, text: &str, policy: &Policy) -> Result<Url, FieldError> {
    wardbell_egress::url::parse(text, policy).map_err(|refused| {
        if refused.is_about_text() {
            FieldError::invalid(field, refused.tenant_text())
        } else {
            FieldError { field: field.to_owned(), fault: Fault::DestinationNotAllowed }
        }
    })?;
    // Egress reads with the same parser, so this reads what was judged.
    Url::parse(text).map_err(|_| FieldError::invalid(field, "is not a valid URL"))
}

/// A URL without what gives access: `https://host/…`. Text that is no URL shows nothing.
pub(crate) fn masked(text: &str) -> String {
    Url::parse(text).map_or_else(
        |_| "…".to_owned(),
        |url| format!("{}/…", url.origin().ascii_serialization()),
    )
}

/// A service whose webhook addresses take its own form of body only.
struct OwnFormat {
    name: &'static str,
    format: &'static str,
    /// Whether the same addresses may also belong to a receiver that takes any JSON.
    json_works: bool,
}

/// Tells the services that `spec/decisions.md` (Alerts) names by their addresses. Sources, read 2026-11-23: Slack
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>, Discord
/// <https://discord.com/developers/docs/resources/webhook>, PagerDuty
/// <https://developer.pagerduty.com/docs/send-alert-event>, Teams
/// <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook> (Power
/// Automate addresses serve any workflow, so JSON may be what they take).
fn own_format(url: &Url) -> Option<OwnFormat> {
    let Some(Host::Domain(host)) = url.host() else {
        return None;
    };
    let host = host.trim_end_matches('.');
    let is = |domain: &str| {
        host == domain
            || host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    let of = |name, format, json_works| {
        Some(OwnFormat {
            name,
            format,
            json_works,
        })
    };
    match () {
        () if is("hooks.slack.com") || is("hooks.slack-gov.com") => of("Slack", "slack", false),
        () if (is("discord.com") || is("discordapp.com")) && url.path().starts_with("/api/") => {
            of("Discord", "discord", false)
        }
        () if is("events.pagerduty.com") || is("events.eu.pagerduty.com") => {
            of("PagerDuty", "pagerduty", false)
        }
        () if is("webhook.office.com") || host == "outlook.office.com" => {
            of("Teams", "teams", false)
        }
        () if is("logic.azure.com") || is("api.powerplatform.com") => of("Teams", "teams", true),
        () => None,
    }
}
