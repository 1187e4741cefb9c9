use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use wardbell_core::alert::{Alert, AlertData, AlertKind, Severity};
use wardbell_core::id::{AlertId, ProjectId};

use crate::error::StoreError;
use crate::outbox::AlertFilter;
use crate::page::{Page, PageQuery};
use crate::seal::Sealer;
use crate::sqlite::query::Query;
use crate::sqlite::row;
use crate::store::CALLER_ID_WINDOW;

/// The place that a preview is sealed for.
const PREVIEW_PLACE: &str = "alert.preview";

/// Writes an alert. `false`, and nothing written, if it repeats one of the same request id and the same particulars.
pub(super) fn insert(connection: &Connection, sealer: &Sealer, alert: &Alert) -> Result<bool, StoreError> {
    let Alert { id, project, request_id, at, kind, data, source, preview, is_test: _ } = alert;
    let data = serde_json::to_string(data).map_err(|_| StoreError::Corrupt("alert"))?;
    let source = serde_json::to_string(source).map_err(|_| StoreError::Corrupt("alert"))?;
    if !request_id.is_empty() {
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
            return Ok(false);
        }
    }
    let sealed = preview.as_ref().map(|text| sealer.seal(PREVIEW_PLACE, &id.to_string(), text)).transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO alerts (id, project, request_id, at, kind, data, source, sealed_preview) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id.to_string(),
            project.to_string(),
            request_id,
            at.as_millis(),
            kind.as_str(),
            data,
            source,
            sealed
        ])?;
    Ok(true)
}

pub(super) fn page(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    filter: AlertFilter,
    page: &PageQuery,
) -> Result<Page<Alert>, StoreError> {
    let AlertFilter { kind, severity_min, since } = filter;
    let mut query = Query::new("SELECT * FROM alerts WHERE project = ?1", project);
    query.and("kind =", kind.map(|kind| Value::from(kind.as_str().to_owned())));
    query.and("at >=", since.map(|since| Value::from(since.as_millis())));
    if let Some(least) = severity_min {
        query.among("kind", &kinds_from(least));
    }
    let rows = query.page(connection, page, |row| read(row, sealer))?;
    Ok(Page::cut(rows, page.limit, |alert| alert.id.to_string()))
}

/// The kinds of this severity or more.
fn kinds_from(least: Severity) -> Vec<&'static str> {
    AlertKind::ALL.iter().filter(|kind| kind.severity() >= least).map(|kind| kind.as_str()).collect()
}

pub(super) fn one(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    id: AlertId,
) -> Result<Alert, StoreError> {
    connection
        .prepare_cached("SELECT * FROM alerts WHERE project = ?1 AND id = ?2")?
        .query_row([project.to_string(), id.to_string()], |row| Ok(read(row, sealer)))
        .optional()?
        .ok_or(StoreError::NotFound("alert"))?
}

pub(super) fn read(row: &Row<'_>, sealer: &Sealer) -> Result<Alert, StoreError> {
    let id: AlertId = row::id(row, "id")?;
    let kind = row::parsed(row, "kind", AlertKind::from_name)?;
    let sealed: Option<Vec<u8>> = row.get("sealed_preview")?;
    let open = |sealed: Vec<u8>| sealer.open(PREVIEW_PLACE, &id.to_string(), &sealed).map(|text| text.reveal().clone());
    Ok(Alert {
        id,
        project: row::id(row, "project")?,
        request_id: row.get("request_id")?,
        at: row::time(row, "at")?,
        kind,
        data: row::parsed(row, "data", |text| {
            AlertData::read(kind, &mut serde_json::Deserializer::from_str(text)).ok()
        })?,
        source: row::parsed(row, "source", |text| serde_json::from_str(text).ok())?,
        preview: sealed.map(open).transpose()?,
        is_test: false,
    })
}
