//! Sending again what was delivered, was given up, or was never tried.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use wardbell_core::id::{AlertId, DeliveryId, ProjectId};
use wardbell_core::time::Timestamp;

use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::outbox::{DeliveryState, REPLAY_MAX, ReplayFilter, ReplayPlan, Replayed};
use crate::seal::Sealer;
use crate::sqlite::{alert, endpoint, outbox, row};

pub(super) fn one(
    connection: &Connection,
    project: ProjectId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'pending', due_at = ?3, attempts = 0, reason = NULL, finished_at = NULL, \
             leased = 0, plain = 0, replays = replays + 1 WHERE project = ?1 AND id = ?2 AND state <> 'pending' \
             AND endpoint IN (SELECT id FROM endpoints WHERE project = ?1)",
        )?
        .execute(params![project.to_string(), id.to_string(), now.as_millis()])?;
    row::found(changed, "finished delivery with a webhook")
}

pub(super) fn many(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    filter: ReplayFilter,
    plan: ReplayPlan,
    now: Timestamp,
) -> Result<Replayed, StoreError> {
    let ReplayPlan { to, per_second, dry_run } = plan;
    let to = to.map(|id| endpoint::one(connection, sealer, project, id)).transpose()?;
    let named = filter.endpoint.map(|id| endpoint::one(connection, sealer, project, id)).transpose()?;
    let finished = finished(connection, project, filter)?;
    let missed = match (&named, filter.never_attempted) {
        (Some(endpoint), true) => missed(connection, sealer, endpoint, filter)?,
        _ => Vec::new(),
    };
    let found = finished.len() + missed.len();
    let max = REPLAY_MAX as usize;
    let count = u32::try_from(found.min(max)).unwrap_or(REPLAY_MAX);
    let replayed = Replayed { count, has_more: found > max };
    if dry_run {
        return Ok(replayed);
    }
    let mut pace = Pace { now, per_second: per_second.max(1), made: 0 };
    for (delivery, alert) in finished.into_iter().take(max) {
        match &to {
            Some(endpoint) => again(connection, sealer, project, alert, endpoint, pace.next())?,
            None => one(connection, project, delivery, pace.next())?,
        }
    }
    let room = max.saturating_sub(pace.made as usize);
    if let Some(endpoint) = to.as_ref().or(named.as_ref()) {
        for alert in missed.into_iter().take(room) {
            again(connection, sealer, project, alert, endpoint, pace.next())?;
        }
    }
    Ok(replayed)
}

/// Spreads replays over time, so that a receiver that has just come back is not run over.
struct Pace {
    now: Timestamp,
    per_second: u32,
    made: u32,
}

impl Pace {
    fn next(&mut self) -> Timestamp {
        let millis = u64::from(self.made) * 1000 / u64::from(self.per_second);
        self.made += 1;
        self.now.after(std::time::Duration::from_millis(millis))
    }
}

/// The finished deliveries that a filter names, oldest first, one more than may be replayed at a time.
fn finished(
    connection: &Connection,
    project: ProjectId,
    filter: ReplayFilter,
) -> Result<Vec<(DeliveryId, AlertId)>, StoreError> {
    let ReplayFilter { state, endpoint, alert, kind, since, until, never_attempted } = filter;
    let mut text = "SELECT d.id AS id, d.alert AS alert FROM deliveries d JOIN alerts a ON a.id = d.alert \
                    WHERE d.project = ?1 AND d.state <> 'pending' \
                    AND d.endpoint IN (SELECT id FROM endpoints WHERE project = ?1)"
        .to_owned();
    let mut values = vec![Value::from(project.to_string())];
    let mut and = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            text += &format!(" AND {condition} ?{}", values.len());
        }
    };
    let state = if never_attempted { Some(DeliveryState::Dead) } else { state };
    and("d.state =", state.map(|state| Value::from(state.as_str().to_owned())));
    and("d.endpoint =", endpoint.map(|id| Value::from(id.to_string())));
    and("d.alert =", alert.map(|id| Value::from(id.to_string())));
    and("a.kind =", kind.map(|kind| Value::from(kind.as_str().to_owned())));
    and("a.at >=", since.map(|since| Value::from(since.as_millis())));
    and("a.at <", until.map(|until| Value::from(until.as_millis())));
    if never_attempted {
        text += " AND NOT EXISTS (SELECT 1 FROM attempts t WHERE t.delivery = d.id)";
    }
    text += &format!(" ORDER BY d.id LIMIT {}", REPLAY_MAX + 1);
    let mut statement = connection.prepare_cached(&text)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row::id(row, "id")?, row::id(row, "alert")?));
    }
    Ok(found)
}

/// Alerts that an endpoint's filters let through and of which it has no delivery, oldest first.
fn missed(
    connection: &Connection,
    sealer: &Sealer,
    endpoint: &Endpoint,
    filter: ReplayFilter,
) -> Result<Vec<AlertId>, StoreError> {
    let ReplayFilter { alert: only, kind, since, until, .. } = filter;
    let mut statement = connection.prepare_cached(
        "SELECT * FROM alerts a WHERE a.project = ?1 AND a.at >= ?2 AND a.at < ?3 AND a.expunged_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.alert = a.id AND d.endpoint = ?4) ORDER BY a.id",
    )?;
    let mut rows = statement.query(params![
        endpoint.project.to_string(),
        since.map_or(i64::MIN, Timestamp::as_millis),
        until.map_or(i64::MAX, Timestamp::as_millis),
        endpoint.id.to_string()
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let alert = alert::read(row, sealer)?;
        let is_wanted = only.is_none_or(|id| id == alert.id) && kind.is_none_or(|kind| kind == alert.kind);
        if is_wanted && endpoint.matches(&alert) && alert.rule() != endpoint.id.to_string() {
            found.push(alert.id);
            if found.len() > REPLAY_MAX as usize {
                break;
            }
        }
    }
    Ok(found)
}

/// A new delivery of an old alert.
fn again(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    id: AlertId,
    to: &Endpoint,
    due: Timestamp,
) -> Result<(), StoreError> {
    let alert = alert::one(connection, sealer, project, id)?;
    let mut delivery = outbox::delivery_of(&alert, to.id, None);
    delivery.id = DeliveryId::mint(due, wardbell_telemetry::ambient::entropy());
    delivery.next_at = Some(due);
    delivery.created_at = due;
    delivery.replays = 1;
    outbox::insert(connection, &delivery, None)
}
