//! Counts of requests by minute and by hour, written with the rows that they count.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, params};
use wardbell_core::activity::Activity;
use wardbell_core::id::ProjectId;
use wardbell_core::money::Usd;
use wardbell_core::outcome::Outcome;
use wardbell_core::time::Timestamp;

use crate::counts::{Counts, CountsOverTime, CountsQuery, HOUR, LastUsed, MINUTE, TOP_MAX, Top};
use crate::error::StoreError;
use crate::sqlite::row;

const STEPS: [Duration; 2] = [MINUTE, HOUR];

/// Whose, of what sort, its name, and the hour.
type Seen = (ProjectId, &'static str, String, i64);

/// Counts rows of ended requests. A batch is summed first, so that a busy minute is one write and not a thousand.
pub(super) fn add(connection: &Connection, rows: &[Activity]) -> Result<(), StoreError> {
    let mut counts: BTreeMap<(ProjectId, Duration, i64), Counts> = BTreeMap::new();
    let mut tops: BTreeMap<Seen, (u64, Usd, Timestamp)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.outcome != Outcome::InFlight) {
        let one = of(row);
        for step in STEPS {
            let at = begin(row.at, step);
            let sum = counts.entry((row.project, step, at)).or_default();
            *sum = sum.plus(one);
        }
        let hour = begin(row.at, HOUR);
        let entities = row.entity_types.iter().map(|entity| ("entity", entity.as_str().to_owned()));
        let model = Some(("model", row.model.clone())).filter(|(_, model)| !model.is_empty());
        for (what, name) in entities.chain([("key", row.key.to_string())]).chain(model) {
            let (requests, cost, last) = tops.entry((row.project, what, name, hour)).or_insert((0, Usd::ZERO, row.at));
            (*requests, *cost, *last) = (*requests + 1, cost.plus(one.cost), (*last).max(row.at));
        }
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO activity_counts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO UPDATE SET \
         requests = requests + excluded.requests, blocked = blocked + excluded.blocked, \
         redacted = redacted + excluded.redacted, injections = injections + excluded.injections, \
         failed = failed + excluded.failed, cost = cost + excluded.cost, own_us = own_us + excluded.own_us",
    )?;
    for ((project, step, at), counts) in counts {
        let Counts { at: _, requests, blocked, redacted, injections, failed, cost, own } = counts;
        put.execute(params![
            project.to_string(),
            row::as_count(step.as_secs()),
            at,
            row::as_count(requests),
            row::as_count(blocked),
            row::as_count(redacted),
            row::as_count(injections),
            row::as_count(failed),
            cost.as_nanos(),
            row::as_micros(own)
        ])?;
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO activity_tops VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET \
         requests = requests + excluded.requests, cost = cost + excluded.cost, last_at = max(last_at, excluded.last_at)",
    )?;
    for ((project, what, name, at), (requests, cost, last)) in tops {
        put.execute(params![
            project.to_string(),
            what,
            name,
            at,
            row::as_count(requests),
            cost.as_nanos(),
            last.as_millis()
        ])?;
    }
    Ok(())
}

fn of(row: &Activity) -> Counts {
    Counts {
        at: row.at,
        requests: 1,
        // `failed_closed` stopped the request as well: a guard that broke has not said yes.
        blocked: u64::from(row.verdict.starts_with("block") || row.verdict == "failed_closed"),
        redacted: u64::from(row.verdict.starts_with("redact")),
        injections: u64::from(row.entity_types.iter().any(|entity| entity.is_injection())),
        failed: u64::from(row.outcome == Outcome::UpstreamFailed),
        cost: row.cost.unwrap_or(Usd::ZERO),
        own: row.own_latency,
    }
}

/// When the step began that a time is in, in milliseconds.
fn begin(at: Timestamp, step: Duration) -> i64 {
    let step = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    at.as_millis().div_euclid(step) * step
}

pub(super) fn over_time(connection: &Connection, query: &CountsQuery) -> Result<CountsOverTime, StoreError> {
    let CountsQuery { project, since, until, step } = *query;
    let kept = if step >= HOUR { HOUR } else { MINUTE };
    let millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    let (first, last) = (begin(since, step), begin(until, step));
    let mut found: BTreeMap<i64, Counts> = BTreeMap::new();
    let project = project.map(|project| project.to_string());
    // Each project is its own run of the index; without one, every project's run is read.
    let whose = if project.is_some() { "= ?1" } else { "IN (SELECT id FROM projects WHERE ?1 IS NULL)" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT at / ?5 * ?5 AS begin, sum(requests) AS requests, sum(blocked) AS blocked, sum(redacted) AS redacted, \
         sum(injections) AS injections, sum(failed) AS failed, sum(cost) AS cost, sum(own_us) AS own_us \
         FROM activity_counts WHERE project {whose} AND step = ?2 AND at >= ?3 AND at < ?4 + ?5 GROUP BY begin"
    ))?;
    let mut rows = statement.query(params![project, row::as_count(kept.as_secs()), first, last, millis])?;
    while let Some(row) = rows.next()? {
        let begin: i64 = row.get("begin")?;
        found.insert(
            begin,
            Counts {
                at: Timestamp::from_millis(begin),
                requests: row::count(row, "requests")?,
                blocked: row::count(row, "blocked")?,
                redacted: row::count(row, "redacted")?,
                injections: row::count(row, "injections")?,
                failed: row::count(row, "failed")?,
                cost: Usd::from_nanos(row.get("cost")?),
                own: row::micros(row, "own_us")?,
            },
        );
    }
    let mut points = Vec::new();
    let mut at = first;
    while at <= last {
        let empty = Counts { at: Timestamp::from_millis(at), ..Counts::default() };
        points.push(found.get(&at).copied().unwrap_or(empty));
        at += millis;
    }
    let top = |what| top(connection, project.as_deref(), what, begin(since, HOUR), until.as_millis());
    Ok(CountsOverTime { points, entities: top("entity")?, keys: top("key")?, models: top("model")? })
}

fn top(
    connection: &Connection,
    project: Option<&str>,
    what: &str,
    since: i64,
    until: i64,
) -> Result<Vec<Top>, StoreError> {
    let whose = if project.is_some() { "= ?1" } else { "IN (SELECT id FROM projects WHERE ?1 IS NULL)" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT name, sum(requests) AS requests, sum(cost) AS cost FROM activity_tops \
         WHERE project {whose} AND what = ?2 AND at >= ?3 AND at <= ?4 \
         GROUP BY name ORDER BY requests DESC, name LIMIT ?5"
    ))?;
    let mut rows = statement.query(params![project, what, since, until, TOP_MAX])?;
    let mut tops = Vec::new();
    while let Some(row) = rows.next()? {
        tops.push(Top {
            name: row.get("name")?,
            requests: row::count(row, "requests")?,
            cost: Usd::from_nanos(row.get("cost")?),
        });
    }
    Ok(tops)
}

pub(super) fn keys_last_used(connection: &Connection, project: ProjectId) -> Result<Vec<LastUsed>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, max(last_at) AS last_at FROM activity_tops WHERE project = ?1 AND what = 'key' GROUP BY name",
    )?;
    let mut rows = statement.query([project.to_string()])?;
    let mut used = Vec::new();
    while let Some(row) = rows.next()? {
        used.push((row::id(row, "name")?, row::time(row, "last_at")?));
    }
    Ok(used)
}
