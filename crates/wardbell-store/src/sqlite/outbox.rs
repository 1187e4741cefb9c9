use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use wardbell_core::alert::{Alert, AlertData, AlertKind};
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, ProjectId};
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::error::StoreError;
use crate::outbox::{AlertFilter, Attempt, AttemptPhases, Claim, Delivery, DeliveryFilter, DeliveryState, Next};
use crate::page::{Page, PageQuery};
use crate::seal::Sealer;
use crate::sqlite::{endpoint, row};
use crate::store::CALLER_ID_WINDOW;

/// Writes an alert and its deliveries, unless it repeats one of the same request id and the same particulars.
pub(super) fn raise(
    connection: &Connection,
    sealer: &Sealer,
    alert: &Alert,
) -> Result<Option<Vec<DeliveryId>>, StoreError> {
    let Alert { id, project, request_id, at, kind, data } = alert;
    let data = serde_json::to_string(data).map_err(|_| StoreError::Corrupt("alert"))?;
    let repeated = connection
        .prepare_cached(
            "SELECT 1 FROM alerts WHERE project = ?1 AND request_id = ?2 AND kind = ?3 AND data = ?4 AND at > ?5",
        )?
        .exists(params![
            project.to_string(),
            request_id,
            kind.as_str(),
            data,
            at.before(CALLER_ID_WINDOW).as_millis()
        ])?;
    if repeated {
        return Ok(None);
    }
    connection
        .prepare_cached("INSERT INTO alerts (id, project, request_id, at, kind, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![id.to_string(), project.to_string(), request_id, at.as_millis(), kind.as_str(), data])?;
    let mut deliveries = Vec::new();
    for endpoint in endpoint::of_project(connection, sealer, *project)? {
        if endpoint.wants(*kind) {
            let delivery = DeliveryId::mint(*at, ambient::entropy());
            connection
                .prepare_cached(
                    "INSERT INTO deliveries (id, alert, endpoint, project, state, attempts, due_at, created_at) \
                     VALUES (?1, ?2, ?3, ?4, 'pending', 0, ?5, ?5)",
                )?
                .execute(params![
                    delivery.to_string(),
                    id.to_string(),
                    endpoint.id.to_string(),
                    project.to_string(),
                    at.as_millis()
                ])?;
            deliveries.push(delivery);
        }
    }
    Ok(Some(deliveries))
}

pub(super) fn claim(
    connection: &Connection,
    sealer: &Sealer,
    now: Timestamp,
    lease_until: Timestamp,
    limit: u32,
) -> Result<Vec<Claim>, StoreError> {
    let mut due = Vec::new();
    {
        let mut statement = connection.prepare_cached(
            "SELECT * FROM deliveries WHERE state = 'pending' AND due_at <= ?1 ORDER BY due_at LIMIT ?2",
        )?;
        let mut rows = statement.query(params![now.as_millis(), limit])?;
        while let Some(row) = rows.next()? {
            due.push(read_delivery(row)?);
        }
    }
    let mut claims = Vec::with_capacity(due.len());
    for mut delivery in due {
        // One row that cannot be read must not hold up all the others: it becomes a dead letter with its reason.
        let endpoint = match endpoint::by_id(connection, sealer, delivery.endpoint) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => {
                bury(connection, "id", &delivery.id.to_string(), "the webhook was deleted", now)?;
                continue;
            }
            Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
            Err(error) => {
                bury(connection, "id", &delivery.id.to_string(), &format!("the webhook: {error}"), now)?;
                continue;
            }
        };
        let alert = match alert(connection, delivery.project, delivery.alert) {
            Ok(alert) => alert,
            Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
            Err(error) => {
                bury(connection, "id", &delivery.id.to_string(), &format!("the alert: {error}"), now)?;
                continue;
            }
        };
        connection
            .prepare_cached("UPDATE deliveries SET due_at = ?2, leased = 1 WHERE id = ?1")?
            .execute(params![delivery.id.to_string(), lease_until.as_millis()])?;
        delivery.next_at = None;
        claims.push(Claim { delivery, alert, endpoint });
    }
    Ok(claims)
}

pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<i64> = connection
        .prepare_cached("SELECT min(due_at) FROM deliveries WHERE state = 'pending'")?
        .query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

pub(super) fn finish(
    connection: &Connection,
    id: DeliveryId,
    attempt: &Attempt,
    next: &Next,
) -> Result<(), StoreError> {
    let Attempt { number, at, status, error, phases, excerpt } = attempt;
    let AttemptPhases { dns, connect, tls, first_byte, total } = *phases;
    let (state, due_at, reason) = match next {
        Next::Delivered => (DeliveryState::Delivered, None, None),
        Next::RetryAt(due) => (DeliveryState::Pending, Some(due.as_millis()), None),
        Next::Dead(reason) => (DeliveryState::Dead, None, Some(reason.as_str())),
    };
    let end = at.after(total);
    let finished_at = if due_at.is_none() { Some(end.as_millis()) } else { None };
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, due_at = ?3, reason = ?4, finished_at = ?5, attempts = attempts + 1, \
             leased = 0 WHERE id = ?1 AND state = 'pending'",
        )?
        .execute(params![id.to_string(), state.as_str(), due_at, reason, finished_at])?;
    row::found(changed, "pending delivery")?;
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
    Ok(())
}

pub(super) fn void_leases(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute("UPDATE deliveries SET due_at = created_at, leased = 0 WHERE state = 'pending' AND leased", [])?;
    Ok(())
}

pub(super) fn replay(
    connection: &Connection,
    project: ProjectId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries SET state = 'pending', due_at = ?3, attempts = 0, reason = NULL, finished_at = NULL, \
             leased = 0 WHERE project = ?1 AND id = ?2 AND state <> 'pending' \
             AND endpoint IN (SELECT id FROM endpoints WHERE project = ?1)",
        )?
        .execute(params![project.to_string(), id.to_string(), now.as_millis()])?;
    row::found(changed, "finished delivery with a webhook")
}

pub(super) fn bury_of_endpoint(connection: &Connection, id: EndpointId, now: Timestamp) -> Result<(), StoreError> {
    bury(connection, "endpoint", &id.to_string(), "the webhook was deleted", now)
}

pub(super) fn bury_of_project(connection: &Connection, id: ProjectId, now: Timestamp) -> Result<(), StoreError> {
    bury(connection, "project", &id.to_string(), "the project was deleted", now)
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

pub(super) fn alerts(
    connection: &Connection,
    project: ProjectId,
    filter: AlertFilter,
    page: &PageQuery,
) -> Result<Page<Alert>, StoreError> {
    let AlertFilter { kind, since } = filter;
    let mut query = Query::new("SELECT * FROM alerts WHERE project = ?1", project);
    query.and("kind =", kind.map(|kind| Value::from(kind.as_str().to_owned())));
    query.and("at >=", since.map(|since| Value::from(since.as_millis())));
    let rows = query.page(connection, page, read_alert)?;
    Ok(Page::cut(rows, page.limit, |alert| alert.id.to_string()))
}

pub(super) fn alert(connection: &Connection, project: ProjectId, id: AlertId) -> Result<Alert, StoreError> {
    connection
        .prepare_cached("SELECT * FROM alerts WHERE project = ?1 AND id = ?2")?
        .query_row([project.to_string(), id.to_string()], |row| Ok(read_alert(row)))
        .optional()?
        .ok_or(StoreError::NotFound("alert"))?
}

pub(super) fn deliveries(
    connection: &Connection,
    project: ProjectId,
    filter: DeliveryFilter,
    page: &PageQuery,
) -> Result<Page<Delivery>, StoreError> {
    let DeliveryFilter { state, endpoint, alert } = filter;
    let mut query = Query::new("SELECT * FROM deliveries WHERE project = ?1", project);
    query.and("state =", state.map(|state| Value::from(state.as_str().to_owned())));
    query.and("endpoint =", endpoint.map(|endpoint| Value::from(endpoint.to_string())));
    query.and("alert =", alert.map(|alert| Value::from(alert.to_string())));
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

/// A newest-first listing of one project: ids sort by time, so the cursor is the last id of the page before.
pub(super) struct Query {
    text: String,
    values: Vec<Value>,
}

impl Query {
    pub(super) fn new(select: &str, project: ProjectId) -> Self {
        Self { text: select.to_owned(), values: vec![Value::from(project.to_string())] }
    }

    /// Adds a condition if there is a value for it. `condition` is one of this crate's own words.
    pub(super) fn and(&mut self, condition: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.text += &[" AND ", condition, " ?", &self.values.len().to_string()].concat();
        }
    }

    fn page<T>(
        self,
        connection: &Connection,
        page: &PageQuery,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.page_by(connection, "id", page, read)
    }

    /// Reads up to `limit + 1` rows after the cursor, ordered by the id column `by`.
    pub(super) fn page_by<T>(
        mut self,
        connection: &Connection,
        by: &'static str,
        page: &PageQuery,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        if let Some(cursor) = &page.cursor {
            self.values.push(Value::from(cursor.clone()));
            self.text += &[" AND ", by, " < ?", &self.values.len().to_string()].concat();
        }
        self.values.push(Value::from(i64::from(page.limit) + 1));
        self.text += &[" ORDER BY ", by, " DESC LIMIT ?", &self.values.len().to_string()].concat();
        let mut statement = connection.prepare_cached(&self.text)?;
        let mut rows = statement.query(params_from_iter(self.values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(read(row)?);
        }
        Ok(items)
    }
}

fn read_alert(row: &Row<'_>) -> Result<Alert, StoreError> {
    let kind = row::parsed(row, "kind", AlertKind::from_name)?;
    let data = row::parsed(row, "data", |text| match kind {
        AlertKind::PiiBlocked | AlertKind::PiiRedacted | AlertKind::InjectionBlocked | AlertKind::InjectionDetected => {
            serde_json::from_str(text).ok().map(AlertData::Dlp)
        }
        AlertKind::WebhookTest => serde_json::from_str(text).ok().map(AlertData::Test),
    })?;
    Ok(Alert {
        id: row::id(row, "id")?,
        project: row::id(row, "project")?,
        request_id: row.get("request_id")?,
        at: row::time(row, "at")?,
        kind,
        data,
    })
}

fn read_delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    let leased: bool = row.get("leased")?;
    let due = row::optional_time(row, "due_at")?;
    Ok(Delivery {
        id: row::id(row, "id")?,
        alert: row::id(row, "alert")?,
        endpoint: row::id(row, "endpoint")?,
        project: row::id(row, "project")?,
        state: row::parsed(row, "state", DeliveryState::from_name)?,
        attempts: row.get("attempts")?,
        next_at: if leased { None } else { due },
        reason: row.get("reason")?,
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
