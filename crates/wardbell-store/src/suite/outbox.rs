use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use wardbell_core::alert::{AlertKind, Severity};
use wardbell_core::id::{DeliveryId, ProjectId};
use wardbell_core::time::Timestamp;

use crate::activity::ActivityFilter;
use crate::endpoint::{Events, Pattern};
use crate::error::StoreError;
use crate::outbox::{AlertFilter, Attempt, AttemptPhases, DeliveryFilter, DeliveryState, Next};
use crate::page::PageQuery;
use crate::store::{CALLER_ID_WINDOW, Store};
use crate::suite::{activity_of, alert_of, endpoint_of, new_project, tick, up_to};

const LEASE: Duration = Duration::from_secs(30);

async fn raise(store: &dyn Store, project: ProjectId) -> Vec<DeliveryId> {
    let row = activity_of(project);
    let alert = alert_of(&row, AlertKind::PiiBlocked);
    store.record_alert(row, alert).await.unwrap().unwrap()
}

async fn claimed(store: &dyn Store, now: Timestamp) -> Vec<DeliveryId> {
    store.claim(now, now.after(LEASE), up_to(100)).await.unwrap().iter().map(|claim| claim.delivery.id).collect()
}

fn attempt(number: u32, status: u16) -> Attempt {
    Attempt {
        number,
        at: tick(),
        status: Some(status),
        error: (status != 200).then(|| format!("answered {status}")),
        phases: AttemptPhases {
            dns: Duration::from_micros(7),
            total: Duration::from_micros(99),
            ..AttemptPhases::default()
        },
        excerpt: Some("ok".to_owned()),
    }
}

pub(super) async fn an_alert_reaches_those_who_want_it(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let everything = endpoint_of(project);
    let mut injections = endpoint_of(project);
    injections.events = Events::Only(vec![Pattern::Kind(AlertKind::InjectionBlocked)]);
    let mut urgent = endpoint_of(project);
    urgent.severity_min = Severity::High;
    let mut off = endpoint_of(project);
    off.enabled = false;
    for endpoint in [&everything, &injections, &urgent, &off, &endpoint_of(other)] {
        store.create_endpoint(endpoint.clone(), 5).await.unwrap();
    }
    let told = async |kind| {
        let row = activity_of(project);
        let deliveries = store.record_alert(row.clone(), alert_of(&row, kind)).await.unwrap().unwrap();
        let now = tick();
        let claims = store.claim(now, now.after(LEASE), up_to(100)).await.unwrap();
        assert_eq!(claims.len(), deliveries.len());
        for claim in &claims {
            assert_eq!((claim.alert.kind, claim.endpoint.project), (kind, project));
        }
        claims.iter().map(|claim| claim.endpoint.id).collect::<HashSet<_>>()
    };
    assert_eq!(told(AlertKind::PiiRedacted).await, HashSet::from([everything.id]));
    assert_eq!(told(AlertKind::PiiBlocked).await, HashSet::from([everything.id, urgent.id]));
    assert_eq!(told(AlertKind::InjectionBlocked).await, HashSet::from([everything.id, injections.id, urgent.id]));
}

pub(super) async fn a_repeat_of_a_callers_id_raises_once(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    let send = async |project, kind, id: &str, at: Timestamp| {
        let mut row = activity_of(project);
        row.at = at;
        let mut alert = alert_of(&row, kind);
        id.clone_into(&mut alert.request_id);
        store.record_alert(row, alert).await.unwrap().is_some()
    };
    let at = tick();
    assert!(send(project, AlertKind::PiiBlocked, "same", at).await);
    assert!(!send(project, AlertKind::PiiBlocked, "same", at.after(Duration::from_secs(1))).await);
    assert!(send(project, AlertKind::InjectionBlocked, "same", at).await, "another kind is another alert");
    assert!(send(project, AlertKind::PiiBlocked, "other", at).await);
    assert!(send(other, AlertKind::PiiBlocked, "same", at).await, "another project is another caller");
    assert!(send(project, AlertKind::PiiBlocked, "same", at.after(CALLER_ID_WINDOW)).await);
    // The activity of a repeat is kept all the same.
    assert_eq!(store.activity(project, ActivityFilter::default(), PageQuery::default()).await.unwrap().items.len(), 5);
}

pub(super) async fn a_claim_holds_until_it_is_finished_or_its_lease_ends(store: &dyn Store) {
    let project = new_project(store).await;
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    assert_eq!(store.next_due(Vec::new()).await.unwrap(), None);
    let id = raise(store, project).await[0];
    let now = tick();
    assert!(store.next_due(Vec::new()).await.unwrap().is_some_and(|due| due <= now));
    assert_eq!(claimed(store, now).await, [id]);
    assert!(claimed(store, now).await.is_empty(), "claimed once");
    assert_eq!(store.next_due(Vec::new()).await.unwrap(), Some(now.after(LEASE)));
    let (delivery, _) = store.delivery(project, id).await.unwrap();
    assert_eq!((delivery.state, delivery.next_at), (DeliveryState::Pending, None), "an attempt is under way");
    assert_eq!(claimed(store, now.after(LEASE)).await, [id], "due again when the lease ends");
}

pub(super) async fn an_attempt_decides_what_becomes_of_a_delivery(store: &dyn Store) {
    let project = new_project(store).await;
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    let id = raise(store, project).await[0];
    let now = tick();
    claimed(store, now).await;
    let due = now.after(Duration::from_secs(1));
    store.finish_attempt(id, attempt(1, 500), Next::RetryAt(due)).await.unwrap();
    assert!(claimed(store, now).await.is_empty());
    assert_eq!(store.next_due(Vec::new()).await.unwrap(), Some(due));
    assert_eq!(claimed(store, due).await, [id]);
    store.finish_attempt(id, attempt(2, 200), Next::Delivered).await.unwrap();
    let (delivery, attempts) = store.delivery(project, id).await.unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Delivered, 2));
    assert!(delivery.finished_at.is_some() && delivery.reason.is_none());
    assert_eq!(attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [Some(500), Some(200)]);
    assert_eq!(attempts[0].phases.dns, Duration::from_micros(7));
    let late = store.finish_attempt(id, attempt(3, 500), Next::Dead("late".to_owned())).await;
    assert!(matches!(late, Err(StoreError::NotFound(_))), "a late word changes nothing");
    assert_eq!(store.delivery(project, id).await.unwrap().1.len(), 2);
    assert_eq!(store.next_due(Vec::new()).await.unwrap(), None);
}

pub(super) async fn a_replay_starts_again_under_the_same_id(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let endpoint = endpoint_of(project);
    store.create_endpoint(endpoint.clone(), 5).await.unwrap();
    let id = raise(store, project).await[0];
    assert!(store.replay(project, id, tick()).await.is_err(), "still pending");
    claimed(store, tick()).await;
    store.finish_attempt(id, attempt(1, 500), Next::Dead("answered 500".to_owned())).await.unwrap();
    assert!(store.replay(other, id, tick()).await.is_err());
    store.replay(project, id, tick()).await.unwrap();
    let (delivery, attempts) = store.delivery(project, id).await.unwrap();
    assert_eq!((delivery.state, delivery.attempts, delivery.reason), (DeliveryState::Pending, 0, None));
    assert_eq!(attempts.len(), 1, "what was tried is kept");
    assert_eq!(claimed(store, tick()).await, [id]);
    store.finish_attempt(id, attempt(1, 500), Next::Dead("again".to_owned())).await.unwrap();
    store.delete_endpoint(project, endpoint.id, tick()).await.unwrap();
    assert!(store.replay(project, id, tick()).await.is_err(), "there is nobody to send it to");
}

pub(super) async fn what_is_gone_is_not_delivered(store: &dyn Store) {
    let project = new_project(store).await;
    let endpoint = endpoint_of(project);
    store.create_endpoint(endpoint.clone(), 5).await.unwrap();
    let id = raise(store, project).await[0];
    store.delete_endpoint(project, endpoint.id, tick()).await.unwrap();
    assert!(claimed(store, tick()).await.is_empty());
    let (delivery, _) = store.delivery(project, id).await.unwrap();
    assert_eq!((delivery.state, delivery.reason.as_deref()), (DeliveryState::Dead, Some("the webhook was deleted")));

    let doomed = new_project(store).await;
    store.create_endpoint(endpoint_of(doomed), 5).await.unwrap();
    raise(store, doomed).await;
    store.delete_project(doomed, tick()).await.unwrap();
    assert!(claimed(store, tick()).await.is_empty());
}

pub(super) async fn lists_filter_and_stay_within_their_project(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let (first, second) = (endpoint_of(project), endpoint_of(project));
    for endpoint in [&first, &second, &endpoint_of(other)] {
        store.create_endpoint(endpoint.clone(), 5).await.unwrap();
    }
    let early = raise(store, project).await;
    raise(store, other).await;
    let since = tick();
    let late = raise(store, project).await;
    store.finish_attempt(early[0], attempt(1, 200), Next::Delivered).await.unwrap();

    let count = async |filter| store.deliveries(project, filter, PageQuery::default()).await.unwrap().items.len();
    assert_eq!(count(DeliveryFilter::default()).await, 4);
    assert_eq!(count(DeliveryFilter { state: Some(DeliveryState::Pending), ..DeliveryFilter::default() }).await, 3);
    assert_eq!(count(DeliveryFilter { endpoint: Some(second.id), ..DeliveryFilter::default() }).await, 2);
    let alerts = store.alerts(project, AlertFilter::default(), PageQuery::default()).await.unwrap().items;
    assert_eq!(alerts.len(), 2);
    assert_eq!(count(DeliveryFilter { alert: Some(alerts[0].id), ..DeliveryFilter::default() }).await, late.len());
    assert_eq!(store.alert(project, alerts[0].id).await.unwrap(), alerts[0]);
    assert!(store.alert(other, alerts[0].id).await.is_err());
    assert!(store.delivery(other, early[0]).await.is_err());
    let filtered = async |filter| store.alerts(project, filter, PageQuery::default()).await.unwrap().items.len();
    assert_eq!(filtered(AlertFilter { since: Some(since), ..AlertFilter::default() }).await, 1);
    assert_eq!(filtered(AlertFilter { kind: Some(AlertKind::InjectionBlocked), ..AlertFilter::default() }).await, 0);
}

pub(super) async fn many_writers_at_once_lose_nothing(store: Arc<dyn Store>) {
    let project = new_project(&*store).await;
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut made = Vec::new();
            for _ in 0..8 {
                made.extend(raise(&*store, project).await);
            }
            made
        });
    }
    let made: HashSet<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(made.len(), 512);
    let mut found = HashSet::new();
    loop {
        let now = tick();
        let batch = store.claim(now, now.after(LEASE), up_to(100)).await.unwrap();
        if batch.is_empty() {
            break;
        }
        found.extend(batch.iter().map(|claim| claim.delivery.id));
    }
    assert_eq!(found, made);
}
