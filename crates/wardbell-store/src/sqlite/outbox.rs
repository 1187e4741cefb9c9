use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::mpsc;
use wardbell_core::alert::Alert;
use wardbell_core::fold::Fold;
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, ProjectId};
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::endpoint::Endpoint;
use crate::error::StoreError;
use crate::happening::Happening;
use crate::outbox::{Attempt, AttemptPhases, Backlog, Claim, ClaimRoom, Delivery, DeliveryFilter, DeliveryState, Next};
use crate::page::{Page, PageQuery};
use crate::seal::Sealer;
use crate::sqlite::query::Query;
use crate::sqlite::route::Routes;
use crate::sqlite::{alert, endpoint, fold, health, row};

/// Where deliveries go that are made already claimed.
#[derive(Clone)]
pub(super) struct Feed {
    pub(super) claims: mpsc::Sender<Claim>,
    pub(super) lease: Duration,
}

/// What raising an alert needs beside the connection.
#[derive(Clone, Copy)]
pub(super) struct Raiser<'a> {
    pub(super) sealer: &'a Sealer,
    pub(super) feed: Option<&'a Feed>,
    pub(super) routes: &'a Routes,
    /// Whether somebody looks on.
    pub(super) is_watched: bool,
}

/// What a transaction has made and what is to be handed over once it is committed.
#[derive(Default)]
pub(super) struct Made {
    pub(super) deliveries: Vec<DeliveryId>,
    /// What is to be told to whoever looks on.
    pub(super) happenings: Vec<Happening>,
    handed: Vec<(mpsc::OwnedPermit<Claim>, Claim)>,
    /// Something is due that was not handed over.
    is_due: bool,
}

impl Made {
    /// Adds what the same transaction has made besides.
    pub(super) fn add(&mut self, other: Self) {
        let Self { deliveries, happenings, handed, is_due } = other;
        self.deliveries.extend(deliveries);
        self.happenings.extend(happenings);
        self.handed.extend(handed);
        self.is_due |= is_due;
    }

    /// Hands over what was made; whether something else is due. Only after the commit.
    pub(super) fn hand_over(self) -> bool {
        for (permit, claim) in self.handed {
            permit.send(claim);
        }
        self.is_due
    }
}

/// Writes an alert and its deliveries, unless it repeats one of the same request id and the same particulars.
pub(super) fn raise(connection: &Connection, raiser: &Raiser<'_>, alert: &Alert) -> Result<Option<Made>, StoreError> {
    let Raiser { sealer, feed, routes, is_watched } = *raiser;
    if !alert::insert(connection, sealer, alert)? {
        return Ok(None);
    }
    let route = routes.of(connection, sealer, alert.project)?;
    let mut made = Made::default();
    if is_watched {
        made.happenings.push(Happening::Alert(alert.clone()));
    }
    for endpoint in route.endpoints.iter().filter(|endpoint| endpoint.wants(alert)) {
        if let fold::Route::Send = fold::route(connection, &route.silences, endpoint, alert)? {
            make(connection, feed, endpoint, alert, &mut made)?;
        } else {
            // The fold may be the first thing that falls due.
            made.is_due = true;
        }
    }
    Ok(Some(made))
}

/// How much waits, and how much was given up.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, StoreError> {
    let (pending, oldest): (i64, Option<i64>) = connection
        .prepare_cached("SELECT count(*), min(created_at) FROM deliveries WHERE state = 'pending'")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let dead: i64 = connection
        .prepare_cached("SELECT count(*) FROM deliveries WHERE state = 'dead' AND finished_at IS NOT NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(Backlog {
        pending: u64::try_from(pending).unwrap_or(0),
        oldest_at: oldest.map(Timestamp::from_millis),
        dead: u64::try_from(dead).unwrap_or(0),
    })
}

/// Makes a delivery of an alert, claimed at once if the dispatcher has room for it.
fn make(
    connection: &Connection,
    feed: Option<&Feed>,
    endpoint: &Endpoint,
    alert: &Alert,
    made: &mut Made,
) -> Result<(), StoreError> {
    let mut delivery = delivery_of(alert, endpoint.id, None);
    made.deliveries.push(delivery.id);
    let place = feed.and_then(|feed| Some((feed.lease, feed.claims.clone().try_reserve_owned().ok()?)));
    let Some((lease, permit)) = place else {
        made.is_due = true;
        return insert(connection, &delivery, None);
    };
    let lease_until = alert.at.max(ambient::now()).after(lease);
    insert(connection, &delivery, Some(lease_until))?;
    delivery.next_at = None;
    made.handed.push((permit, Claim { delivery, alert: alert.clone(), endpoint: endpoint.clone(), lease_until }));
    Ok(())
}

/// A new delivery, due at once.
pub(super) fn delivery_of(alert: &Alert, endpoint: EndpointId, fold: Option<Fold>) -> Delivery {
    let at = fold.as_ref().map_or(alert.at, |fold| fold.last_at);
    Delivery {
        id: DeliveryId::mint(at, ambient::entropy()),
        alert: alert.id,
        endpoint,
        project: alert.project,
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: Some(at),
        reason: None,
        fold,
        replays: 0,
        is_plain: false,
        created_at: at,
        finished_at: None,
    }
}

pub(super) fn insert(
    connection: &Connection,
    delivery: &Delivery,
    lease_until: Option<Timestamp>,
) -> Result<(), StoreError> {
    let Delivery { id, alert, endpoint, project, next_at, fold, replays, created_at, .. } = delivery;
    let fold = fold.as_ref().map(serde_json::to_string).transpose().map_err(|_| StoreError::Corrupt("fold"))?;
    connection
        .prepare_cached(
            "INSERT INTO deliveries (id, alert, endpoint, project, state, attempts, due_at, created_at, leased, fold, \
             replays) VALUES (?1, ?2, ?3, ?4, 'pending', 0, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            id.to_string(),
            alert.to_string(),
            endpoint.to_string(),
            project.to_string(),
            lease_until.or(*next_at).map(Timestamp::as_millis),
            created_at.as_millis(),
            lease_until.is_some(),
            fold,
            replays
        ])?;
    Ok(())
}

pub(super) fn claim(
    connection: &Connection,
    sealer: &Sealer,
    now: Timestamp,
    lease_until: Timestamp,
    room: &ClaimRoom,
) -> Result<Vec<Claim>, StoreError> {
    fold::flush(connection, sealer, now)?;
    let ClaimRoom { total, per_endpoint, except } = room;
    let mut claims = Vec::new();
    for (endpoint, due) in earliest(connection, except)? {
        let left = total.saturating_sub(u32::try_from(claims.len()).unwrap_or(u32::MAX));
        if left == 0 || due > now {
            break;
        }
        claim_of(connection, sealer, endpoint, now, lease_until, left.min(*per_endpoint), &mut claims)?;
    }
    Ok(claims)
}

/// Every endpoint with something pending and when its first is due, soonest first. Goes from one run of the index to the
/// next, so a long backlog costs no more than a short one.
fn earliest(connection: &Connection, except: &[EndpointId]) -> Result<Vec<(EndpointId, Timestamp)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE run (endpoint) AS ( \
           SELECT min(endpoint) FROM deliveries WHERE state = 'pending' UNION ALL \
           SELECT (SELECT min(d.endpoint) FROM deliveries d WHERE d.state = 'pending' AND d.endpoint > run.endpoint) \
           FROM run WHERE run.endpoint IS NOT NULL) \
         SELECT endpoint, (SELECT min(d.due_at) FROM deliveries d WHERE d.state = 'pending' \
           AND d.endpoint = run.endpoint) AS due FROM run WHERE endpoint IS NOT NULL",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let endpoint: EndpointId = row::id(row, "endpoint")?;
        if let (Some(due), false) = (row::optional_time(row, "due")?, except.contains(&endpoint)) {
            found.push((endpoint, due));
        }
    }
    found.sort_unstable_by_key(|(_, due)| *due);
    Ok(found)
}

fn claim_of(
    connection: &Connection,
    sealer: &Sealer,
    of: EndpointId,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
    claims: &mut Vec<Claim>,
) -> Result<(), StoreError> {
    // One row that cannot be read must not hold up all the others: it becomes a dead letter with its reason.
    let endpoint = match endpoint::by_id(connection, sealer, of) {
        Ok(Some(endpoint)) if endpoint.enabled => endpoint,
        Ok(Some(_)) => return bury(connection, "endpoint", &of.to_string(), WEBHOOK_OFF, now),
        Ok(None) => return bury(connection, "endpoint", &of.to_string(), WEBHOOK_GONE, now),
        Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
        Err(error) => return bury(connection, "endpoint", &of.to_string(), &format!("the webhook: {error}"), now),
    };
    let mut due = Vec::new();
    {
        let mut statement = connection.prepare_cached(
            "SELECT * FROM deliveries WHERE state = 'pending' AND endpoint = ?1 AND due_at <= ?2 ORDER BY due_at LIMIT ?3",
        )?;
        let mut rows = statement.query(params![of.to_string(), now.as_millis(), limit])?;
        while let Some(row) = rows.next()? {
            due.push((row::id::<DeliveryId>(row, "id")?, read_delivery(row)));
        }
    }
    for (id, delivery) in due {
        let read = delivery.and_then(|delivery| {
            let alert = alert::one(connection, sealer, delivery.project, delivery.alert)?;
            Ok((delivery, alert))
        });
        let (mut delivery, alert) = match read {
            Ok(read) => read,
            Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
            Err(error) => {
                bury(connection, "id", &id.to_string(), &format!("the alert: {error}"), now)?;
                continue;
            }
        };
        connection
            .prepare_cached("UPDATE deliveries SET due_at = ?2, leased = 1 WHERE id = ?1")?
            .execute(params![id.to_string(), lease_until.as_millis()])?;
        delivery.next_at = None;
        claims.push(Claim { delivery, alert, endpoint: endpoint.clone(), lease_until });
    }
    Ok(())
}

const WEBHOOK_OFF: &str = "the webhook is off; replay the delivery once it is on";
const WEBHOOK_GONE: &str = "the webhook was deleted";

pub(super) fn next_due(connection: &Connection, except: &[EndpointId]) -> Result<Option<Timestamp>, StoreError> {
    let pending = earliest(connection, except)?.first().map(|(_, due)| *due);
    let folds = fold::next_due(connection)?;
    Ok([pending, folds].into_iter().flatten().min())
}

pub(super) fn release(connection: &Connection, claims: &[(DeliveryId, Timestamp)]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "UPDATE deliveries SET due_at = ?2, leased = 0 WHERE id = ?1 AND state = 'pending' AND leased",
    )?;
    for (id, due) in claims {
        statement.execute(params![id.to_string(), due.as_millis()])?;
    }
    Ok(())
}

pub(super) fn finish(
    connection: &Connection,
    raiser: &Raiser<'_>,
    id: DeliveryId,
    attempt: &Attempt,
    next: &Next,
) -> Result<Made, StoreError> {
    let Attempt { number, at, status, error, phases, excerpt } = attempt;
    let AttemptPhases { dns, connect, tls, first_byte, total } = *phases;
    let (state, due_at, reason) = match next {
        Next::Delivered => (DeliveryState::Delivered, None, None),
        Next::RetryAt(due) | Next::RetryPlainAt(due) => (DeliveryState::Pending, Some(due.as_millis()), None),
        Next::Dead(reason) | Next::Disable(reason) => (DeliveryState::Dead, None, Some(reason.as_str())),
    };
    let end = at.after(total);
    let finished_at = if due_at.is_none() { Some(end.as_millis()) } else { None };
    let endpoint: Option<String> = connection
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, due_at = ?3, reason = ?4, finished_at = ?5, attempts = attempts + 1, \
             leased = 0, plain = plain OR ?6 WHERE id = ?1 AND state = 'pending' RETURNING endpoint",
        )?
        .query_row(
            params![id.to_string(), state.as_str(), due_at, reason, finished_at, matches!(next, Next::RetryPlainAt(_))],
            |row| row.get(0),
        )
        .optional()?;
    let endpoint = endpoint.ok_or(StoreError::NotFound("pending delivery"))?;
    connection
        .prepare_cached(
            "INSERT INTO attempts (delivery, number, at, status, error, dns_us, connect_us, tls_us, first_us, \
             total_us, excerpt) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            id.to_string(),
            number,
            at.as_millis(),
            status,
            error,
            row::as_micros(dns),
            row::as_micros(connect),
            row::as_micros(tls),
            row::as_micros(first_byte),
            row::as_micros(total),
            excerpt
        ])?;
    let endpoint = endpoint.parse().map_err(|_| StoreError::Corrupt("endpoint"))?;
    health::after(connection, raiser, endpoint, attempt, next, end)
}

pub(super) fn void_leases(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute("UPDATE deliveries SET due_at = created_at, leased = 0 WHERE state = 'pending' AND leased", [])?;
    Ok(())
}

pub(super) fn bury_of_endpoint(
    connection: &Connection,
    id: EndpointId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    bury(connection, "endpoint", &id.to_string(), reason, now)
}

pub(super) fn bury_of_project(connection: &Connection, id: ProjectId, now: Timestamp) -> Result<(), StoreError> {
    bury(connection, "project", &id.to_string(), "the project was deleted", now)
}

pub(super) fn bury_of_alert(
    connection: &Connection,
    id: AlertId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    bury(connection, "alert", &id.to_string(), reason, now)
}

/// Makes pending deliveries dead letters. `column` is one of this file's own words.
fn bury(
    connection: &Connection,
    column: &'static str,
    value: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!(
            "UPDATE deliveries SET state = 'dead', due_at = NULL, reason = ?2, finished_at = ?3, leased = 0 \
             WHERE {column} = ?1 AND state = 'pending'"
        ))?
        .execute(params![value, reason, now.as_millis()])?;
    Ok(())
}

pub(super) fn deliveries(
    connection: &Connection,
    project: ProjectId,
    filter: DeliveryFilter,
    page: &PageQuery,
) -> Result<Page<Delivery>, StoreError> {
    let DeliveryFilter { state, endpoint, alert, since } = filter;
    let mut query = Query::new("SELECT * FROM deliveries WHERE project = ?1", project);
    query.and("state =", state.map(|state| Value::from(state.as_str().to_owned())));
    query.and("endpoint =", endpoint.map(|endpoint| Value::from(endpoint.to_string())));
    query.and("alert =", alert.map(|alert| Value::from(alert.to_string())));
    query.and("created_at >=", since.map(|since| Value::from(since.as_millis())));
    let rows = query.page(connection, page, read_delivery)?;
    Ok(Page::cut(rows, page.limit, |delivery| delivery.id.to_string()))
}

pub(super) fn delivery(
    connection: &Connection,
    project: ProjectId,
    id: DeliveryId,
) -> Result<(Delivery, Vec<Attempt>), StoreError> {
    let delivery = connection
        .prepare_cached("SELECT * FROM deliveries WHERE project = ?1 AND id = ?2")?
        .query_row([project.to_string(), id.to_string()], |row| Ok(read_delivery(row)))
        .optional()?
        .ok_or(StoreError::NotFound("delivery"))??;
    let mut statement = connection.prepare_cached("SELECT * FROM attempts WHERE delivery = ?1 ORDER BY rowid")?;
    let mut rows = statement.query([id.to_string()])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        attempts.push(read_attempt(row)?);
    }
    Ok((delivery, attempts))
}

/// A delivery that is there.
pub(super) fn by_id(connection: &Connection, id: DeliveryId) -> Result<Delivery, StoreError> {
    connection
        .prepare_cached("SELECT * FROM deliveries WHERE id = ?1")?
        .query_row([id.to_string()], |row| Ok(read_delivery(row)))
        .optional()?
        .ok_or(StoreError::NotFound("delivery"))?
}

pub(super) fn read_delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let leased: bool = row.get("leased")?;
    let due = row::optional_time(row, "due_at")?;
    let fold: Option<String> = row.get("fold")?;
    let fold = fold.map(|text| serde_json::from_str(&text)).transpose().map_err(|_| StoreError::Corrupt("fold"))?;
    Ok(Delivery {
        id: row::id(row, "id")?,
        alert: row::id(row, "alert")?,
        endpoint: row::id(row, "endpoint")?,
        project: row::id(row, "project")?,
        state: row::parsed(row, "state", DeliveryState::from_name)?,
        attempts: row.get("attempts")?,
        next_at: if leased { None } else { due },
        reason: row.get("reason")?,
        fold,
        replays: row.get("replays")?,
        is_plain: row.get("plain")?,
        created_at: row::time(row, "created_at")?,
        finished_at: row::optional_time(row, "finished_at")?,
    })
}

fn read_attempt(row: &Row<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        number: row.get("number")?,
        at: row::time(row, "at")?,
        status: row.get("status")?,
        error: row.get("error")?,
        phases: AttemptPhases {
            dns: row::micros(row, "dns_us")?,
            connect: row::micros(row, "connect_us")?,
            tls: row::micros(row, "tls_us")?,
            first_byte: row::micros(row, "first_us")?,
            total: row::micros(row, "total_us")?,
        },
        excerpt: row.get("excerpt")?,
    })
}
