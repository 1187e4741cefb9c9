//! Folding: which alert goes out at once, which is counted, and when what was counted is told.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use wardbell_core::alert::Alert;
use wardbell_core::fold::{Fold, FoldReason};
use wardbell_core::id::{AlertId, EndpointId, SilenceId};
use wardbell_core::time::Timestamp;

use crate::endpoint::{Endpoint, Grouping, WINDOW_MAX};
use crate::error::StoreError;
use crate::seal::Sealer;
use crate::silence::Silence;
use crate::sqlite::{alert, endpoint, outbox, row};

/// The key of what an endpoint's ceiling held back.
const CEILING: &str = "ceiling";

/// How long an endpoint's ceiling counts.
const MINUTE: Duration = Duration::from_mins(1);

/// What becomes of an alert on its way to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// It goes out on its own, at once.
    Send,
    /// It was counted.
    Folded,
}

/// Decides about an alert, and counts it if it does not go out on its own.
pub(super) fn route(
    connection: &Connection,
    silences: &[Silence],
    endpoint: &Endpoint,
    alert: &Alert,
) -> Result<Route, StoreError> {
    for silence in silences {
        if let Some(until) = silence.holds(endpoint, alert) {
            let fold = Fold::of(FoldReason::Silence, alert, Some(silence.note()));
            return add(connection, endpoint.id, &silence.id.to_string(), until, Duration::ZERO, alert.id, fold);
        }
    }
    let Grouping { enabled, window, per_minute } = endpoint.grouping();
    let group = alert.group();
    if enabled && is_open(connection, endpoint.id, &group)? {
        let fold = Fold::of(FoldReason::Group, alert, None);
        return add(connection, endpoint.id, &group, alert.at.after(window), window, alert.id, fold);
    }
    if per_minute > 0 {
        let flow = Flow::read(connection, endpoint.id, alert.at)?;
        // The last place of the minute is for the message that tells of the others.
        if flow.sent.saturating_add(1) >= per_minute.max(2) {
            let fold = Fold::of(FoldReason::Ceiling, alert, None);
            return add(connection, endpoint.id, CEILING, flow.ends(), Duration::ZERO, alert.id, fold);
        }
        flow.count(connection, endpoint.id)?;
    }
    if enabled {
        open(connection, endpoint.id, &group, alert.at.after(window), window)?;
    }
    Ok(Route::Send)
}

/// The messages that an endpoint has had in its present minute.
struct Flow {
    began_at: Timestamp,
    sent: u32,
}

impl Flow {
    fn read(connection: &Connection, endpoint: EndpointId, now: Timestamp) -> Result<Self, StoreError> {
        let stored: Option<(i64, u32)> = connection
            .prepare_cached("SELECT began_at, sent FROM flows WHERE endpoint = ?1")?
            .query_row([endpoint.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        Ok(match stored {
            // A clock that was set back begins a new minute as well.
            Some((began, sent)) if (began..began.saturating_add(60_000)).contains(&now.as_millis()) => {
                Self { began_at: Timestamp::from_millis(began), sent }
            }
            _ => Self { began_at: now, sent: 0 },
        })
    }

    fn ends(&self) -> Timestamp {
        self.began_at.after(MINUTE)
    }

    fn count(self, connection: &Connection, endpoint: EndpointId) -> Result<(), StoreError> {
        connection
            .prepare_cached("INSERT OR REPLACE INTO flows (endpoint, began_at, sent) VALUES (?1, ?2, ?3)")?
            .execute(params![endpoint.to_string(), self.began_at.as_millis(), self.sent.saturating_add(1)])?;
        Ok(())
    }
}

fn is_open(connection: &Connection, endpoint: EndpointId, key: &str) -> Result<bool, StoreError> {
    let found = connection
        .prepare_cached("SELECT 1 FROM folds WHERE endpoint = ?1 AND key = ?2")?
        .exists([&endpoint.to_string(), key])?;
    Ok(found)
}

/// Opens a group whose first alert goes out.
fn open(
    connection: &Connection,
    endpoint: EndpointId,
    key: &str,
    flush_at: Timestamp,
    window: Duration,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO folds (endpoint, key, flush_at, window_ms) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![endpoint.to_string(), key, flush_at.as_millis(), millis(window)])?;
    Ok(())
}

/// Counts what `more` stands for.
fn add(
    connection: &Connection,
    endpoint: EndpointId,
    key: &str,
    flush_at: Timestamp,
    window: Duration,
    last: AlertId,
    more: Fold,
) -> Result<Route, StoreError> {
    let stored: Option<Option<String>> = connection
        .prepare_cached("SELECT fold FROM folds WHERE endpoint = ?1 AND key = ?2")?
        .query_row([&endpoint.to_string(), key], |row| row.get(0))
        .optional()?;
    let fold = match stored.as_ref().and_then(Option::as_deref) {
        Some(text) => {
            let mut fold = parse(text)?;
            fold.merge(more);
            fold
        }
        None => more,
    };
    let text = serde_json::to_string(&fold).map_err(|_| StoreError::Corrupt("fold"))?;
    let statement = if stored.is_some() {
        // What is open keeps its time.
        "UPDATE folds SET alert = ?5, fold = ?6 WHERE endpoint = ?1 AND key = ?2 AND ?3 IS NOT NULL AND ?4 IS NOT NULL"
    } else {
        "INSERT INTO folds (endpoint, key, flush_at, window_ms, alert, fold) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    };
    connection.prepare_cached(statement)?.execute(params![
        endpoint.to_string(),
        key,
        flush_at.as_millis(),
        millis(window),
        last.to_string(),
        text
    ])?;
    Ok(Route::Folded)
}

fn parse(text: &str) -> Result<Fold, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("fold"))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A row of `folds` that is due.
struct Due {
    endpoint: EndpointId,
    key: String,
    window: Duration,
    told: Option<(AlertId, Fold)>,
}

/// How many folds one call flushes: bounds its transaction; the next call does the rest.
const FLUSH_MAX: u32 = 256;

/// Tells what is due: each fold becomes a delivery, as far as the endpoint's ceiling allows. What it does not allow is
/// told together at the end of the endpoint's minute.
pub(super) fn flush(connection: &Connection, sealer: &Sealer, now: Timestamp) -> Result<(), StoreError> {
    for due in read_due(connection, now)? {
        let Due { endpoint: id, key, window, told } = due;
        let Some((alert, fold)) = told else {
            remove(connection, id, &key)?;
            continue;
        };
        let endpoint = endpoint::by_id(connection, sealer, id)?.filter(|endpoint| endpoint.enabled);
        let Some(endpoint) = endpoint else {
            tracing::warn!(endpoint = %id, count = fold.count, "folded alerts go untold: the webhook is off or gone");
            remove(connection, id, &key)?;
            continue;
        };
        let per_minute = endpoint.grouping().per_minute;
        let flow = Flow::read(connection, id, now)?;
        if per_minute > 0 && flow.sent >= per_minute {
            if key == CEILING {
                postpone(connection, id, &key, flow.ends())?;
            } else {
                let together = Fold { reason: FoldReason::Ceiling, ..fold };
                remove(connection, id, &key)?;
                add(connection, id, CEILING, flow.ends(), Duration::ZERO, alert, together)?;
            }
            continue;
        }
        flow.count(connection, id)?;
        match alert::one(connection, sealer, endpoint.project, alert) {
            Ok(alert) => {
                let mut delivery = outbox::delivery_of(&alert, id, Some(fold));
                (delivery.created_at, delivery.next_at) = (now, Some(now));
                outbox::insert(connection, &delivery, None)?;
            }
            Err(StoreError::Database(error)) => return Err(StoreError::Database(error)),
            Err(error) => tracing::error!(endpoint = %id, %error, count = fold.count, "folded alerts go untold"),
        }
        if window.is_zero() {
            remove(connection, id, &key)?;
        } else {
            let window = window.saturating_mul(2).min(WINDOW_MAX.max(window));
            open(connection, id, &key, now.after(window), window)?;
        }
    }
    Ok(())
}

fn read_due(connection: &Connection, now: Timestamp) -> Result<Vec<Due>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM folds WHERE flush_at <= ?1 ORDER BY flush_at LIMIT ?2")?;
    let mut rows = statement.query(params![now.as_millis(), FLUSH_MAX])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let window: i64 = row.get("window_ms")?;
        let fold: Option<String> = row.get("fold")?;
        let told = fold.map(|text| Ok::<_, StoreError>((row::id(row, "alert")?, parse(&text)?))).transpose()?;
        due.push(Due {
            endpoint: row::id(row, "endpoint")?,
            key: row.get("key")?,
            window: Duration::from_millis(u64::try_from(window).unwrap_or(0)),
            told,
        });
    }
    Ok(due)
}

fn remove(connection: &Connection, endpoint: EndpointId, key: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM folds WHERE endpoint = ?1 AND key = ?2")?
        .execute([&endpoint.to_string(), key])?;
    Ok(())
}

fn postpone(connection: &Connection, endpoint: EndpointId, key: &str, to: Timestamp) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE folds SET flush_at = ?3 WHERE endpoint = ?1 AND key = ?2")?.execute(params![
        endpoint.to_string(),
        key,
        to.as_millis()
    ])?;
    Ok(())
}

pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let due: Option<i64> =
        connection.prepare_cached("SELECT min(flush_at) FROM folds")?.query_row([], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

/// What a silence held back is due now.
pub(super) fn end_silence(connection: &Connection, silence: SilenceId, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE folds SET flush_at = min(flush_at, ?2) WHERE key = ?1")?
        .execute(params![silence.to_string(), now.as_millis()])?;
    Ok(())
}

/// Forgets what waits for an endpoint that is deleted.
pub(super) fn forget(connection: &Connection, endpoint: EndpointId) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM folds WHERE endpoint = ?1")?.execute([endpoint.to_string()])?;
    connection.prepare_cached("DELETE FROM flows WHERE endpoint = ?1")?.execute([endpoint.to_string()])?;
    Ok(())
}
