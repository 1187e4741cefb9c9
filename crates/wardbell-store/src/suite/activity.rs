use std::time::Duration;

use wardbell_core::outcome::Outcome;
use wardbell_core::usage::Usage;

use crate::activity::ActivityFilter;
use crate::page::PageQuery;
use crate::store::Store;
use crate::suite::{activity_of, alert_of, new_project};

pub(super) async fn a_row_reads_back_and_its_end_replaces_its_beginning(store: &dyn Store) {
    let project = new_project(store).await;
    let mut row = activity_of(project);
    store.record_alert(row.clone(), alert_of(&row, wardbell_core::alert::AlertKind::PiiBlocked)).await.unwrap();
    let read = async || store.activity(project, ActivityFilter::default(), PageQuery::default()).await.unwrap().items;
    assert_eq!(read().await[0].outcome, "in_flight");
    row.outcome = Outcome::Served;
    row.status = 200;
    row.usage = Some(Usage { input_tokens: 7, output_tokens: 9, ..Usage::default() });
    store.record(vec![row.clone()]).await.unwrap();
    let rows = read().await;
    assert_eq!(rows.len(), 1);
    let shown = &rows[0];
    assert_eq!((shown.request, shown.at, shown.status, shown.outcome.as_str()), (row.request, row.at, 200, "served"));
    assert_eq!(shown.entity_types, ["CREDIT_CARD", "US_SSN"]);
    assert_eq!((shown.input_tokens, shown.output_tokens), (Some(7), Some(9)));
    assert_eq!((shown.latency, shown.detect_latency), (Duration::from_micros(1_234), Duration::from_micros(5)));
    assert!((shown.injection_score - 0.85).abs() < f32::EPSILON && shown.streamed && shown.policy_version == 3);
    // An alert that is committed after the end does not bring the beginning back.
    let mut late = row.clone();
    late.outcome = Outcome::InFlight;
    store.record_alert(late, alert_of(&row, wardbell_core::alert::AlertKind::PiiRedacted)).await.unwrap();
    assert_eq!(read().await[0].outcome, "served");
}

pub(super) async fn pages_lose_and_repeat_nothing(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let rows: Vec<_> = (0..1_001).map(|_| activity_of(project)).collect();
    store.record(rows.clone()).await.unwrap();
    store.record(vec![activity_of(other)]).await.unwrap();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.activity(project, ActivityFilter::default(), PageQuery { cursor, limit: 100 }).await.unwrap();
        assert!(page.items.len() <= 100);
        seen.extend(page.items.iter().map(|row| row.request));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = rows.iter().rev().map(|row| row.request).collect();
    assert_eq!(seen, newest_first);
}
