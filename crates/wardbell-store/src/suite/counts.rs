use std::time::Duration;

use wardbell_core::entity::EntityType;
use wardbell_core::money::Usd;
use wardbell_core::outcome::Outcome;
use wardbell_core::time::Timestamp;

use crate::activity::{ActivityFilter, VerdictGroup};
use crate::counts::{Counts, CountsQuery, HOUR, MINUTE};
use crate::happening::Happening;
use crate::page::PageQuery;
use crate::store::Store;
use crate::suite::{activity_of, alert_of, new_project};

/// 2025-11-24T16:00:00Z, the beginning of an hour.
const HOUR_BEGINS: i64 = 1_764_000_000_000;

pub(super) async fn requests_are_counted_by_minute_and_by_hour_once_they_ended(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let at = |minute: i64| Timestamp::from_millis(HOUR_BEGINS + minute * 60_000 + 1);
    let row = |minute: i64, verdict: &'static str, cost: i64| {
        let mut row = activity_of(project);
        (row.at, row.verdict, row.outcome) = (at(minute), verdict, Outcome::Served);
        (row.cost, row.own_latency) = (Some(Usd::from_nanos(cost)), Duration::from_micros(100));
        row
    };
    let mut injected = row(1, "block_injection", 0);
    injected.entity_types = vec![EntityType::PromptInjection];
    let mut under_way = row(1, "allow", 0);
    under_way.outcome = Outcome::InFlight;
    let mut elsewhere = row(1, "allow", 9);
    elsewhere.project = other;
    store.record(vec![row(0, "allow", 5), row(0, "redact", 7), injected, under_way, elsewhere]).await.unwrap();
    store.record(vec![row(0, "allow", 1), row(61, "failed_closed", 0)]).await.unwrap();

    let query = CountsQuery { project: Some(project), since: at(0), until: at(61), step: MINUTE };
    let found = store.counts(query).await.unwrap();
    assert_eq!(found.points.len(), 62, "a point for each minute");
    let first = Counts {
        at: Timestamp::from_millis(HOUR_BEGINS),
        requests: 3,
        redacted: 1,
        cost: Usd::from_nanos(13),
        own: Duration::from_micros(300),
        ..Counts::default()
    };
    assert_eq!(found.points[0], first);
    assert_eq!((found.points[1].requests, found.points[1].blocked, found.points[1].injections), (1, 1, 1));
    assert_eq!((found.points[2].requests, found.points[61].blocked), (0, 1));
    let hours = store.counts(CountsQuery { step: HOUR, ..query }).await.unwrap().points;
    assert_eq!(hours.iter().map(|hour| hour.requests).collect::<Vec<_>>(), [4, 1]);
    let all = store.counts(CountsQuery { project: None, step: HOUR, ..query }).await.unwrap();
    assert_eq!(all.points[0].requests, 5, "of all projects");
    let types: Vec<_> = found.entities.iter().map(|top| (top.name.as_str(), top.requests)).collect();
    assert_eq!(types, [("CREDIT_CARD", 4), ("US_SSN", 4), ("PROMPT_INJECTION", 1)]);
    assert_eq!((found.models[0].name.as_str(), found.models[0].cost), ("m", Usd::from_nanos(13)));
    assert_eq!(store.keys_last_used(project).await.unwrap().len(), 5, "each row has a key of its own");
}

pub(super) async fn activity_is_filtered(store: &dyn Store) {
    let project = new_project(store).await;
    let mut rows = Vec::new();
    for (verdict, model) in
        [("allow", "a"), ("redact", "b"), ("block_loop", "a"), ("failed_closed", "b"), ("observe", "a")]
    {
        let mut row = activity_of(project);
        (row.verdict, row.model, row.outcome) = (verdict, model.to_owned(), Outcome::Served);
        row.caller_request = Some(format!("caller-{verdict}"));
        rows.push(row);
    }
    rows[0].entity_types.clear();
    rows[4].outcome = Outcome::Abandoned;
    store.record(rows.clone()).await.unwrap();
    let count =
        async |filter: ActivityFilter| store.activity(project, filter, PageQuery::default()).await.unwrap().items.len();
    let any = ActivityFilter::default;
    for (group, expect) in
        [(VerdictGroup::Blocked, 2), (VerdictGroup::Redacted, 1), (VerdictGroup::Observed, 1), (VerdictGroup::Clean, 1)]
    {
        assert_eq!(count(ActivityFilter { verdict: Some(group), ..any() }).await, expect, "{group:?}");
    }
    assert_eq!(count(ActivityFilter { model: Some("a".to_owned()), ..any() }).await, 3);
    assert_eq!(count(ActivityFilter { entity: Some(EntityType::UsSsn), ..any() }).await, 4);
    assert_eq!(count(ActivityFilter { entity: Some(EntityType::IbanCode), ..any() }).await, 0);
    assert_eq!(count(ActivityFilter { outcome: Some(Outcome::Abandoned), ..any() }).await, 1);
    assert_eq!(count(ActivityFilter { key: Some(rows[1].key), ..any() }).await, 1);
    assert_eq!(count(ActivityFilter { request: Some(rows[2].request.to_string()), ..any() }).await, 1);
    assert_eq!(count(ActivityFilter { request: Some("caller-redact".to_owned()), ..any() }).await, 1);
    assert_eq!(count(ActivityFilter { since: Some(rows[2].at), until: Some(rows[4].at), ..any() }).await, 2);
    assert_eq!(count(ActivityFilter { surface: Some("nowhere".to_owned()), ..any() }).await, 0);
}

pub(super) async fn who_looks_on_is_told_what_was_committed(store: &dyn Store) {
    let project = new_project(store).await;
    let row = activity_of(project);
    store.record(vec![row.clone()]).await.unwrap();
    let mut happenings = store.happenings();
    store.record_alert(row.clone(), alert_of(&row, wardbell_core::alert::AlertKind::PiiBlocked)).await.unwrap();
    store.record(vec![row.clone()]).await.unwrap();
    assert!(matches!(happenings.recv().await.unwrap(), Happening::Alert(alert) if alert.project == project));
    assert!(matches!(happenings.recv().await.unwrap(), Happening::Request(told) if told.request == row.request));
    assert!(happenings.try_recv().is_err(), "nothing from before, and nothing twice");
}
