//! The health of endpoints: how attempts change it, and the alerts about it.

use rusqlite::{Connection, params};
use wardbell_core::alert::{Alert, AlertData, AlertKind, EndpointData, Source};
use wardbell_core::id::{AlertId, EndpointId};
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::endpoint::{Endpoint, Health, HealthState};
use crate::error::StoreError;
use crate::outbox::{Attempt, Next};
use crate::sqlite::outbox::{self, Made, Raiser};
use crate::sqlite::{endpoint, row};

/// So many failed attempts in a row mean that an endpoint is failing; a dead letter means it at once.
const FAILING_AFTER: u32 = 3;

/// Takes an attempt into account. Returns what the alerts about it made.
pub(super) fn after(
    connection: &Connection,
    raiser: &Raiser<'_>,
    id: EndpointId,
    attempt: &Attempt,
    next: &Next,
    now: Timestamp,
) -> Result<Made, StoreError> {
    let Some((state, failures)) = read(connection, id)? else {
        return Ok(Made::default());
    };
    if state == HealthState::Disabled {
        return Ok(Made::default());
    }
    if let Next::Delivered = next {
        if state == HealthState::Healthy && failures == 0 {
            return Ok(Made::default());
        }
        let Some(endpoint) = endpoint::by_id(connection, raiser.sealer, id)? else { return Ok(Made::default()) };
        let since = if state == HealthState::Failing { now } else { endpoint.health.since };
        let health = Health { state: HealthState::Healthy, since, failures: 0, reason: None };
        write(connection, id, &health)?;
        return match state {
            HealthState::Failing => {
                let reason =
                    attempt.status.map_or_else(|| "it answered".to_owned(), |status| format!("it answered {status}"));
                tell(connection, raiser, &endpoint, AlertKind::EndpointRecovered, &health, reason, now)
            }
            HealthState::Healthy | HealthState::Disabled => Ok(Made::default()),
        };
    }
    let Some(endpoint) = endpoint::by_id(connection, raiser.sealer, id)? else { return Ok(Made::default()) };
    let reason = attempt.error.clone().unwrap_or_else(|| "the attempt failed".to_owned());
    let failures = failures.saturating_add(1);
    if let Next::Disable(reason) = next {
        return disable(connection, raiser, &endpoint, reason.clone(), failures, now);
    }
    let begins = state == HealthState::Healthy && (failures >= FAILING_AFTER || matches!(next, Next::Dead(_)));
    let since = if begins { now } else { endpoint.health.since };
    let state = if begins { HealthState::Failing } else { state };
    let lasted = now.since(since);
    if state == HealthState::Failing && endpoint.options.disable_after.is_some_and(|after| lasted >= after) {
        let reason = format!("it kept failing for {} minutes; the last: {reason}", lasted.as_secs() / 60);
        return disable(connection, raiser, &endpoint, reason, failures, now);
    }
    let health = Health { state, since, failures, reason: Some(reason.clone()) };
    write(connection, id, &health)?;
    if begins {
        return tell(connection, raiser, &endpoint, AlertKind::EndpointFailing, &health, reason, now);
    }
    Ok(Made::default())
}

/// Switches an endpoint off, with all that waits for it.
fn disable(
    connection: &Connection,
    raiser: &Raiser<'_>,
    endpoint: &Endpoint,
    reason: String,
    failures: u32,
    now: Timestamp,
) -> Result<Made, StoreError> {
    let health = Health { state: HealthState::Disabled, since: now, failures, reason: Some(reason.clone()) };
    write(connection, endpoint.id, &health)?;
    connection.prepare_cached("UPDATE endpoints SET enabled = 0 WHERE id = ?1")?.execute([endpoint.id.to_string()])?;
    raiser.routes.forget();
    outbox::bury_of_endpoint(connection, endpoint.id, &format!("the webhook was switched off: {reason}"), now)?;
    tell(connection, raiser, endpoint, AlertKind::EndpointDisabled, &health, reason, now)
}

/// Raises an alert about an endpoint; it goes to the project's others only.
fn tell(
    connection: &Connection,
    raiser: &Raiser<'_>,
    endpoint: &Endpoint,
    kind: AlertKind,
    health: &Health,
    reason: String,
    now: Timestamp,
) -> Result<Made, StoreError> {
    let alert = Alert {
        id: AlertId::mint(now, ambient::entropy()),
        project: endpoint.project,
        request_id: String::new(),
        at: now,
        kind,
        data: AlertData::Endpoint(EndpointData {
            endpoint_id: endpoint.id,
            format: endpoint.format,
            reason,
            failures: health.failures,
            since: health.since,
        }),
        source: Source::default(),
        preview: None,
        is_test: false,
    };
    Ok(outbox::raise(connection, raiser, &alert)?.unwrap_or_default())
}

fn read(connection: &Connection, id: EndpointId) -> Result<Option<(HealthState, u32)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT health, failures FROM endpoints WHERE id = ?1")?;
    let mut rows = statement.query([id.to_string()])?;
    match rows.next()? {
        None => Ok(None),
        Some(row) => Ok(Some((row::parsed(row, "health", HealthState::from_name)?, row.get("failures")?))),
    }
}

pub(super) fn write(connection: &Connection, id: EndpointId, health: &Health) -> Result<(), StoreError> {
    let Health { state, since, failures, reason } = health;
    connection
        .prepare_cached(
            "UPDATE endpoints SET health = ?2, health_since = ?3, failures = ?4, health_reason = ?5 WHERE id = ?1",
        )?
        .execute(params![id.to_string(), state.as_str(), since.as_millis(), failures, reason])?;
    Ok(())
}
