use rusqlite::{Connection, Row, params};
use wardbell_core::activity::Activity;
use wardbell_core::id::ProjectId;
use wardbell_core::money::Usd;

use crate::activity::ActivityRow;
use crate::error::StoreError;
use crate::page::{Page, PageQuery};
use crate::sqlite::query::Query;
use crate::sqlite::row;

/// What happens when the request has a row already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Present {
    /// The new row is the final one and replaces it.
    Replace,
    /// The row that is there is final and stays; this one was written while the request was in flight.
    Keep,
}

pub(super) fn put(connection: &Connection, activity: &Activity, present: Present) -> Result<(), StoreError> {
    let Activity {
        request,
        caller_request,
        at,
        project,
        key,
        surface,
        model,
        provider,
        verdict,
        outcome,
        status,
        entity_types,
        violation_count,
        injection_score,
        streamed,
        latency,
        detect_latency,
        upstream_latency,
        usage,
        cost,
        policy_version,
    } = activity;
    let entity_types = entity_types.iter().map(|entity| entity.as_str()).collect::<Vec<_>>().join(",");
    let tokens = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let or = match present {
        Present::Replace => "REPLACE",
        Present::Keep => "IGNORE",
    };
    connection
        .prepare_cached(&format!(
            "INSERT OR {or} INTO activity (request, caller_request, at, project, key, surface, model, provider, \
             verdict, outcome, status, entity_types, violation_count, injection_score, streamed, latency_us, \
             detect_us, upstream_us, input_tokens, output_tokens, policy_version, cost) VALUES \
             (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)"
        ))?
        .execute(params![
            request.to_string(),
            caller_request,
            at.as_millis(),
            project.to_string(),
            key.to_string(),
            surface,
            model,
            provider,
            verdict,
            outcome.as_str(),
            status,
            entity_types,
            violation_count,
            f64::from(*injection_score),
            streamed,
            row::as_micros(*latency),
            row::as_micros(*detect_latency),
            row::as_micros(*upstream_latency),
            usage.map(|usage| tokens(usage.input_tokens)),
            usage.map(|usage| tokens(usage.output_tokens)),
            policy_version,
            cost.map(Usd::as_nanos)
        ])?;
    Ok(())
}

pub(super) fn page(
    connection: &Connection,
    project: ProjectId,
    page: &PageQuery,
) -> Result<Page<ActivityRow>, StoreError> {
    let query = Query::new("SELECT * FROM activity WHERE project = ?1", project);
    let rows = query.page_by(connection, "request", page, read)?;
    Ok(Page::cut(rows, page.limit, |row| row.request.to_string()))
}

fn read(row: &Row<'_>) -> Result<ActivityRow, StoreError> {
    let entity_types: String = row.get("entity_types")?;
    let tokens = |column: &'static str| -> Result<Option<u64>, StoreError> {
        Ok(row.get::<_, Option<i64>>(column)?.and_then(|count| u64::try_from(count).ok()))
    };
    #[expect(clippy::cast_possible_truncation, reason = "written from an f32")]
    let injection_score = row.get::<_, f64>("injection_score")? as f32;
    Ok(ActivityRow {
        request: row::id(row, "request")?,
        caller_request: row.get("caller_request")?,
        at: row::time(row, "at")?,
        project: row::id(row, "project")?,
        key: row::id(row, "key")?,
        surface: row.get("surface")?,
        model: row.get("model")?,
        provider: row.get("provider")?,
        verdict: row.get("verdict")?,
        outcome: row.get("outcome")?,
        status: row.get("status")?,
        entity_types: entity_types.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        violation_count: row.get("violation_count")?,
        injection_score,
        streamed: row.get("streamed")?,
        latency: row::micros(row, "latency_us")?,
        detect_latency: row::micros(row, "detect_us")?,
        upstream_latency: row::micros(row, "upstream_us")?,
        input_tokens: tokens("input_tokens")?,
        output_tokens: tokens("output_tokens")?,
        cost: row.get::<_, Option<i64>>("cost")?.map(Usd::from_nanos),
        policy_version: row.get("policy_version")?,
    })
}
