//! Reading what the configuration file declares: projects with their policies and webhooks, by the same door as bodies of
//! this API, so that a declaration means what the same body would.
//!
//! **What it does not do.** It looks no name up: an address is judged as text now, and whenever it is dialled.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value};
use wardbell_core::policy::Policy;
use wardbell_egress::policy::Policy as EgressPolicy;
use wardbell_store::declared::{DeclaredProject, DeclaredWebhook};

use crate::destination;
use crate::error::{Fault, FieldError};
use crate::fields::{Fields, required};
use crate::v1::webhook::{Made, made};
use crate::v1::{policy, signing, webhook_settings};

/// How many projects a file may declare.
const PROJECTS_MAX: usize = 1000;

/// The longest slug, in characters.
const SLUG_CHARS_MAX: usize = 64;

/// What a declaration is held against.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    /// Which addresses may be called.
    pub egress: &'c EgressPolicy,
    /// Whether there is a mail server, so that webhooks can be mail.
    pub mail_enabled: bool,
    /// How many webhooks a project may have.
    pub webhooks_per_project_max: u32,
}

/// What is wrong with a declaration, and where. It never repeats a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The place, such as `projects[0].webhooks[1].url`.
    pub field: String,
    /// What is wrong there.
    pub wrong: String,
    /// How to put it right, where that is known.
    pub hint: Option<String>,
}

/// Reads the list of projects, as the file has it with its references resolved.
///
/// # Errors
/// Everything that is wrong, though one thing only of each project, policy and webhook.
pub fn read(projects: Value, context: Context<'_>) -> Result<Vec<DeclaredProject>, Vec<Wrong>> {
    let mut reading = Reading { context, wrongs: Vec::new() };
    let projects = reading.projects(projects);
    if reading.wrongs.is_empty() { Ok(projects) } else { Err(reading.wrongs) }
}

struct Reading<'c> {
    context: Context<'c>,
    wrongs: Vec<Wrong>,
}

impl Reading<'_> {
    /// Takes what was read, or notes what is wrong at a place.
    fn noted<T>(&mut self, place: &str, read: Result<T, FieldError>) -> Option<T> {
        read.map_err(|error| self.wrongs.push(wrong(place, error))).ok()
    }

    /// The items of a list of tables, each with its place.
    fn tables(&mut self, place: &str, value: Value, max: usize) -> Vec<(String, Map<String, Value>)> {
        let Value::Array(items) = value else {
            self.noted::<()>("", Err(FieldError::invalid(place, "must be a list of tables")));
            return Vec::new();
        };
        if items.len() > max {
            self.noted::<()>("", Err(FieldError::invalid(place, format!("has {} and may have {max}", items.len()))));
        }
        let tables = items.into_iter().enumerate().filter_map(|(at, item)| {
            let place = format!("{place}[{at}]");
            match item {
                Value::Object(fields) => Some((place, fields)),
                _ => self.noted("", Err(FieldError::invalid(place, "must be a table"))),
            }
        });
        tables.collect()
    }

    fn projects(&mut self, value: Value) -> Vec<DeclaredProject> {
        let mut slugs = HashSet::new();
        let tables = self.tables("projects", value, PROJECTS_MAX);
        tables.into_iter().filter_map(|(place, fields)| self.project(&place, fields, &mut slugs)).collect()
    }

    fn project(
        &mut self,
        place: &str,
        mut fields: Map<String, Value>,
        slugs: &mut HashSet<String>,
    ) -> Option<DeclaredProject> {
        let webhooks = fields.remove("webhooks");
        let policy = fields.remove("policy");
        let mut body = Fields::new(fields);
        let read = slug(&mut body, slugs).and_then(|slug| {
            let name = body.name("name")?.unwrap_or_else(|| slug.clone());
            // They are known here, and read elsewhere.
            let (_, _) = (body.value("policy"), body.value("webhooks"));
            body.finish()?;
            Ok((slug, name))
        });
        let read = self.noted(place, read);
        let policy = match policy {
            None => Some(None),
            Some(Value::Object(fields)) => {
                // What is left out is as a new project has it, whatever the policy was before.
                let read = policy::merge(Fields::within("policy".to_owned(), fields), Policy::default());
                self.noted(place, read).map(Some)
            }
            Some(_) => self.noted(place, Err(FieldError::invalid("policy", "must be a table"))),
        };
        let mut slugs = HashSet::new();
        let max = self.context.webhooks_per_project_max as usize;
        let tables = match webhooks {
            None => Vec::new(),
            Some(webhooks) => self.tables(&format!("{place}.webhooks"), webhooks, max),
        };
        let webhooks = tables.into_iter().filter_map(|(place, fields)| {
            let read = webhook(fields, &mut slugs, self.context);
            self.noted(&place, read)
        });
        let webhooks = webhooks.collect();
        let ((slug, name), policy) = (read?, policy?);
        Some(DeclaredProject { slug, name, policy, webhooks })
    }
}

fn wrong(place: &str, error: FieldError) -> Wrong {
    let field = if place.is_empty() { error.field.clone() } else { format!("{place}.{}", error.field) };
    let (wrong, hint) = match error.fault {
        Fault::Missing => ("is needed".to_owned(), None),
        Fault::Unknown(known) => ("is not known here".to_owned(), Some(crate::error::suggest(&error.field, &known))),
        Fault::Invalid(message) => (message, None),
        Fault::NotAvailable => ("is not available in this version".to_owned(), Some("leave it out".to_owned())),
        Fault::DestinationNotAllowed => {
            let hint = "public addresses on port 443 are allowed; let others in with egress.allow";
            ("is an address that may not be called".to_owned(), Some(hint.to_owned()))
        }
    };
    Wrong { field, wrong, hint }
}

fn webhook(
    fields: Map<String, Value>,
    slugs: &mut HashSet<String>,
    context: Context<'_>,
) -> Result<DeclaredWebhook, FieldError> {
    let mut body = Fields::new(fields);
    let slug = slug(&mut body, slugs)?;
    let settings = webhook_settings::read(&mut body)?;
    let secret = signing::read_own(&mut body)?;
    let overlap = body.integer("secret_overlap_seconds", signing::OVERLAP_SECONDS_MAX)?;
    body.finish()?;
    let place = settings.url.as_deref();
    let place = place.map(|url| destination::webhook("url", url, settings.format, context.egress)).transpose()?;
    let Made { url, format, events, severity_min, signature, retry, enabled, options } =
        made(settings, place, secret.is_some(), context.mail_enabled)?;
    let secret = secret.map(|secret| signing::check_own(secret, signature)).transpose()?;
    let secret_overlap = Duration::from_secs(overlap.unwrap_or(signing::OVERLAP_SECONDS_DEFAULT));
    Ok(DeclaredWebhook {
        slug,
        url,
        format,
        events,
        severity_min,
        signature,
        retry,
        enabled,
        options,
        secret,
        secret_overlap,
    })
}

/// Takes the slug: what identifies a declaration over restarts.
fn slug(body: &mut Fields, taken: &mut HashSet<String>) -> Result<String, FieldError> {
    let slug = required("slug", body.text("slug")?)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if !(1..=SLUG_CHARS_MAX).contains(&slug.len()) || !slug.bytes().all(plain) {
        let message = format!("must be 1 to {SLUG_CHARS_MAX} of a-z, 0-9, - and _");
        return Err(FieldError::invalid("slug", message));
    }
    if !taken.insert(slug.clone()) {
        return Err(FieldError::invalid("slug", "must be another than that of those before it"));
    }
    Ok(slug)
}

#[cfg(test)]
mod tests;
