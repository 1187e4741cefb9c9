use rusqlite::{Connection, OptionalExtension, Row, params};
use wardbell_core::alert::Severity;
use wardbell_core::id::{EndpointId, ProjectId};
use wardbell_core::time::Timestamp;

use crate::endpoint::{
    Endpoint, EndpointChange, Events, Format, Health, HealthState, Options, Pattern, RetryProfile, SignatureProfile,
    SigningSecret,
};
use crate::error::StoreError;
use crate::seal::Sealer;
use crate::sqlite::{fold, health, outbox, project, row};

/// The places that an endpoint's URL and secrets are sealed for.
const URL_PLACE: &str = "endpoint.url";
const OPTIONS_PLACE: &str = "endpoint.options";
const SECRET_PLACE: &str = "endpoint.secret";

pub(super) fn create(
    connection: &Connection,
    sealer: &Sealer,
    endpoint: &Endpoint,
    max: u32,
) -> Result<(), StoreError> {
    project::require(connection, endpoint.project)?;
    let present: u32 = connection
        .prepare_cached("SELECT count(*) FROM endpoints WHERE project = ?1")?
        .query_row([endpoint.project.to_string()], |row| row.get(0))?;
    if present >= max {
        return Err(StoreError::LimitReached { what: "webhooks of one project", max });
    }
    let Endpoint {
        id,
        project,
        url,
        format,
        events,
        severity_min,
        signature,
        retry,
        enabled,
        secrets,
        created_at,
        options,
        health,
        declared,
        is_secret_declared,
    } = endpoint;
    connection
        .prepare_cached(
            "INSERT INTO endpoints (id, project, sealed_url, format, events, severity_min, signature, retry, enabled, \
             created_at, sealed_options, declared_in, secret_declared) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            id.to_string(),
            project.to_string(),
            sealer.seal(URL_PLACE, &id.to_string(), url.reveal())?,
            format.as_str(),
            events_text(events)?,
            severity_min.as_str(),
            signature.as_str(),
            retry.as_str(),
            enabled,
            created_at.as_millis(),
            seal_options(sealer, *id, options)?,
            declared,
            is_secret_declared
        ])?;
    health::write(connection, *id, health)?;
    // Newest first in memory, highest number newest on disk.
    secrets.iter().rev().try_for_each(|secret| add_secret(connection, sealer, *id, secret))
}

pub(super) fn of_project(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
) -> Result<Vec<Endpoint>, StoreError> {
    project::require(connection, project)?;
    let mut statement = connection.prepare_cached("SELECT * FROM endpoints WHERE project = ?1 ORDER BY id")?;
    let mut rows = statement.query([project.to_string()])?;
    let mut endpoints = Vec::new();
    while let Some(row) = rows.next()? {
        endpoints.push(read(connection, row, sealer)?);
    }
    Ok(endpoints)
}

pub(super) fn one(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    id: EndpointId,
) -> Result<Endpoint, StoreError> {
    by_id(connection, sealer, id)?.filter(|endpoint| endpoint.project == project).ok_or(StoreError::NotFound("webhook"))
}

pub(super) fn by_id(connection: &Connection, sealer: &Sealer, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM endpoints WHERE id = ?1")?
        .query_row([id.to_string()], |row| Ok(read(connection, row, sealer)))
        .optional()?
        .transpose()
}

pub(super) fn update(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    id: EndpointId,
    change: EndpointChange,
    now: Timestamp,
) -> Result<Endpoint, StoreError> {
    let endpoint = one(connection, sealer, project, id)?;
    if let Some(file) = &endpoint.declared {
        // Its health switched it off, and not the file: to switch it on again is no change of what is declared.
        let comes_back = !endpoint.enabled && endpoint.health.state == HealthState::Disabled;
        let rest = EndpointChange { enabled: None, ..change.clone() };
        let switches_on = change.enabled == Some(true) && !changes(&endpoint, &rest);
        if !(comes_back && switches_on) && changes(&endpoint, &change) {
            return Err(StoreError::Declared { what: WEBHOOK, file: file.clone() });
        }
    }
    apply(connection, sealer, endpoint, change, now)
}

/// What the API calls an endpoint.
const WEBHOOK: &str = "the webhook";

/// Whether anything would be another than it is.
pub(super) fn changes(endpoint: &Endpoint, change: &EndpointChange) -> bool {
    fn differs<T: PartialEq>(wanted: Option<&T>, present: &T) -> bool {
        wanted.is_some_and(|wanted| wanted != present)
    }
    let EndpointChange { url, format, events, severity_min, signature, retry, enabled, options } = change;
    differs(url.as_ref(), &endpoint.url)
        || differs(format.as_ref(), &endpoint.format)
        || differs(events.as_ref(), &endpoint.events)
        || differs(severity_min.as_ref(), &endpoint.severity_min)
        || differs(signature.as_ref(), &endpoint.signature)
        || differs(retry.as_ref(), &endpoint.retry)
        || differs(enabled.as_ref(), &endpoint.enabled)
        || differs(options.as_ref(), &endpoint.options)
}

/// Changes an endpoint, whoever declares it.
pub(super) fn apply(
    connection: &Connection,
    sealer: &Sealer,
    mut endpoint: Endpoint,
    change: EndpointChange,
    now: Timestamp,
) -> Result<Endpoint, StoreError> {
    let id = endpoint.id;
    let EndpointChange { url, format, events, severity_min, signature, retry, enabled, options } = change;
    if let Some(url) = url.filter(|url| *url != endpoint.url) {
        // An old secret never signs to a new place.
        connection
            .prepare_cached("DELETE FROM endpoint_secrets WHERE endpoint = ?1 AND expires_at IS NOT NULL")?
            .execute([id.to_string()])?;
        endpoint.secrets.truncate(1);
        endpoint.url = url;
    }
    endpoint.format = format.unwrap_or(endpoint.format);
    endpoint.events = events.unwrap_or(endpoint.events);
    endpoint.severity_min = severity_min.unwrap_or(endpoint.severity_min);
    endpoint.retry = retry.unwrap_or(endpoint.retry);
    endpoint.signature = signature.unwrap_or(endpoint.signature);
    endpoint.options = options.unwrap_or(endpoint.options);
    if enabled == Some(true) && endpoint.health.state == HealthState::Disabled {
        endpoint.health = Health::new(now);
        health::write(connection, id, &endpoint.health)?;
    }
    endpoint.enabled = enabled.unwrap_or(endpoint.enabled);
    endpoint.secrets.retain(|secret| secret.expires_at.is_none_or(|end| end > now));
    connection
        .prepare_cached(
            "UPDATE endpoints SET sealed_url = ?2, format = ?3, events = ?4, severity_min = ?5, retry = ?6, \
             enabled = ?7, signature = ?8, sealed_options = ?9 WHERE id = ?1",
        )?
        .execute(params![
            id.to_string(),
            sealer.seal(URL_PLACE, &id.to_string(), endpoint.url.reveal())?,
            endpoint.format.as_str(),
            events_text(&endpoint.events)?,
            endpoint.severity_min.as_str(),
            endpoint.retry.as_str(),
            endpoint.enabled,
            endpoint.signature.as_str(),
            seal_options(sealer, id, &endpoint.options)?
        ])?;
    Ok(endpoint)
}

pub(super) fn delete(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    id: EndpointId,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(file) = one(connection, sealer, project, id)?.declared {
        return Err(StoreError::Declared { what: WEBHOOK, file });
    }
    let changed = connection
        .prepare_cached("DELETE FROM endpoints WHERE project = ?1 AND id = ?2")?
        .execute([project.to_string(), id.to_string()])?;
    row::found(changed, "webhook")?;
    fold::forget(connection, id)?;
    outbox::bury_of_endpoint(connection, id, "the webhook was deleted", now)
}

pub(super) fn rotate(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    id: EndpointId,
    secrets: &[SigningSecret],
    old_until: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let endpoint = one(connection, sealer, project, id)?;
    if let Some(file) = endpoint.declared.filter(|_| endpoint.is_secret_declared) {
        return Err(StoreError::Declared { what: "the webhook's secret", file });
    }
    replace_secrets(connection, sealer, id, secrets, old_until, now)
}

/// Makes these secrets the signing ones, whoever declares them.
pub(super) fn replace_secrets(
    connection: &Connection,
    sealer: &Sealer,
    id: EndpointId,
    secrets: &[SigningSecret],
    old_until: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE endpoint_secrets SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE endpoint = ?1",
        )?
        .execute(params![id.to_string(), old_until.as_millis()])?;
    connection
        .prepare_cached("DELETE FROM endpoint_secrets WHERE endpoint = ?1 AND expires_at <= ?2")?
        .execute(params![id.to_string(), now.as_millis()])?;
    secrets.iter().rev().try_for_each(|secret| add_secret(connection, sealer, id, secret))
}

fn seal_options(sealer: &Sealer, id: EndpointId, options: &Options) -> Result<Option<Vec<u8>>, StoreError> {
    if *options == Options::default() {
        return Ok(None);
    }
    let text = serde_json::to_string(options).map_err(|_| StoreError::Corrupt("options"))?;
    Ok(Some(sealer.seal(OPTIONS_PLACE, &id.to_string(), &text)?))
}

fn open_options(sealer: &Sealer, id: EndpointId, sealed: Option<Vec<u8>>) -> Result<Options, StoreError> {
    let Some(sealed) = sealed else { return Ok(Options::default()) };
    let text = sealer.open(OPTIONS_PLACE, &id.to_string(), &sealed)?;
    serde_json::from_str(text.reveal()).map_err(|_| StoreError::Corrupt("options"))
}

pub(super) fn add_secret(
    connection: &Connection,
    sealer: &Sealer,
    id: EndpointId,
    secret: &SigningSecret,
) -> Result<(), StoreError> {
    let SigningSecret { secret, expires_at } = secret;
    connection
        .prepare_cached(
            "INSERT INTO endpoint_secrets (endpoint, number, sealed, expires_at) VALUES (?1, \
             (SELECT coalesce(max(number), 0) + 1 FROM endpoint_secrets WHERE endpoint = ?1), ?2, ?3)",
        )?
        .execute(params![
            id.to_string(),
            sealer.seal(SECRET_PLACE, &id.to_string(), secret.reveal())?,
            expires_at.map(Timestamp::as_millis)
        ])?;
    Ok(())
}

fn read(connection: &Connection, row: &Row<'_>, sealer: &Sealer) -> Result<Endpoint, StoreError> {
    let id: EndpointId = row::id(row, "id")?;
    let sealed_url: Vec<u8> = row.get("sealed_url")?;
    let mut statement = connection
        .prepare_cached("SELECT sealed, expires_at FROM endpoint_secrets WHERE endpoint = ?1 ORDER BY number DESC")?;
    let mut rows = statement.query([id.to_string()])?;
    let mut secrets = Vec::new();
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get("sealed")?;
        secrets.push(SigningSecret {
            secret: sealer.open(SECRET_PLACE, &id.to_string(), &sealed)?,
            expires_at: row::optional_time(row, "expires_at")?,
        });
    }
    Ok(Endpoint {
        id,
        project: row::id(row, "project")?,
        url: sealer.open(URL_PLACE, &id.to_string(), &sealed_url)?,
        format: row::parsed(row, "format", Format::from_name)?,
        events: row::parsed(row, "events", parse_events)?,
        severity_min: row::parsed(row, "severity_min", parse_severity)?,
        signature: row::parsed(row, "signature", SignatureProfile::from_name)?,
        retry: row::parsed(row, "retry", RetryProfile::from_name)?,
        enabled: row.get("enabled")?,
        secrets,
        created_at: row::time(row, "created_at")?,
        options: open_options(sealer, id, row.get("sealed_options")?)?,
        health: Health {
            state: row::parsed(row, "health", HealthState::from_name)?,
            since: row::time(row, "health_since")?,
            failures: row.get("failures")?,
            reason: row.get("health_reason")?,
        },
        declared: row.get("declared_in")?,
        is_secret_declared: row.get("secret_declared")?,
    })
}

fn events_text(events: &Events) -> Result<String, StoreError> {
    match events {
        Events::All => Ok("*".to_owned()),
        Events::Only(patterns) => {
            let names: Vec<_> = patterns.iter().map(|pattern| pattern.name()).collect();
            serde_json::to_string(&names).map_err(|_| StoreError::Corrupt("events"))
        }
    }
}

fn parse_events(text: &str) -> Option<Events> {
    if text == "*" {
        return Some(Events::All);
    }
    let names: Vec<String> = serde_json::from_str(text).ok()?;
    // A kind that this version does not know is one that it never raises.
    Some(Events::Only(names.iter().filter_map(|name| Pattern::from_name(name)).collect()))
}

fn parse_severity(text: &str) -> Option<Severity> {
    [Severity::Low, Severity::Medium, Severity::High, Severity::Critical]
        .into_iter()
        .find(|severity| severity.as_str() == text)
}
