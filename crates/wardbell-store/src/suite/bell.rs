use std::time::Duration;

use wardbell_core::alert::{Alert, AlertData, AlertKind};
use wardbell_core::entity::EntityType;
use wardbell_core::fold::{Fold, FoldReason};
use wardbell_core::id::{KeyId, ProjectId, SilenceId};
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use super::{activity_of, alert_of, endpoint_of, new_project, tick, up_to};
use crate::endpoint::{Endpoint, EndpointChange, Events, Filter, Format, Grouping, HealthState, Pattern};
use crate::outbox::{
    AlertFilter, Attempt, AttemptPhases, Claim, ClaimRoom, DeliveryFilter, DeliveryState, Expunge, Next, ReplayFilter,
    ReplayPlan, Retention,
};
use crate::page::PageQuery;
use crate::silence::{Matcher, Period, Silence};
use crate::store::Store;

const LEASE: Duration = Duration::from_secs(30);
const NOW: ReplayPlan = ReplayPlan { to: None, per_second: 1000, dry_run: false };

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn add(store: &dyn Store, endpoint: &Endpoint) {
    store.create_endpoint(endpoint.clone(), 10).await.unwrap();
}

fn slack(project: ProjectId) -> Endpoint {
    Endpoint { format: Format::Slack, ..endpoint_of(project) }
}

/// Raises an alert of this kind at a time, with a request of its own.
async fn raise(store: &dyn Store, project: ProjectId, kind: AlertKind, at: Timestamp, key: Option<KeyId>) -> Alert {
    let row = activity_of(project);
    let mut alert = alert_of(&row, kind);
    alert.at = at;
    alert.source.key = key;
    store.record_alert(row, alert.clone()).await.unwrap();
    alert
}

async fn due(store: &dyn Store, now: Timestamp) -> Vec<Claim> {
    store.claim(now, now.after(LEASE), up_to(1000)).await.unwrap()
}

async fn finish(store: &dyn Store, claim: &Claim, at: Timestamp, next: Next) {
    let failed = next != Next::Delivered;
    let attempt = Attempt {
        number: claim.delivery.attempts + 1,
        at,
        status: Some(if failed { 503 } else { 200 }),
        error: failed.then(|| "the receiver answered 503".to_owned()),
        phases: AttemptPhases::default(),
        excerpt: Some("what it said".to_owned()),
    };
    store.finish_attempt(claim.delivery.id, attempt, next).await.unwrap();
}

/// Delivers all that is due and returns it.
async fn deliver(store: &dyn Store, now: Timestamp) -> Vec<Claim> {
    let claims = due(store, now).await;
    for claim in &claims {
        finish(store, claim, now, Next::Delivered).await;
    }
    claims
}

async fn kinds_of(store: &dyn Store, project: ProjectId) -> Vec<AlertKind> {
    let page = store.alerts(project, AlertFilter::default(), PageQuery::default()).await.unwrap();
    page.items.iter().rev().map(|alert| alert.kind).collect()
}

pub(super) async fn a_delivery_is_handed_over_claimed_after_its_commit(store: &dyn Store) {
    let project = new_project(store).await;
    add(store, &endpoint_of(project)).await;
    let mut feed = store.subscribe(LEASE, 4);
    let at = ambient::now();
    let alert = raise(store, project, AlertKind::PiiBlocked, at, None).await;
    let claim = feed.try_recv().expect("handed over when the write has returned");
    assert_eq!((claim.alert.id, claim.delivery.next_at), (alert.id, None));
    assert!(claim.lease_until >= at.after(LEASE));
    assert!(due(store, at).await.is_empty(), "it is claimed");
    finish(store, &claim, at, Next::Delivered).await;
    assert_eq!(store.next_due(Vec::new()).await.unwrap(), None);

    let alert = raise(store, project, AlertKind::PiiBlocked, at, None).await;
    let claim = feed.try_recv().unwrap();
    store.release(vec![(claim.delivery.id, at.after(seconds(5)))]).await.unwrap();
    assert!(due(store, at).await.is_empty());
    assert_eq!(due(store, at.after(seconds(5))).await[0].alert.id, alert.id, "given back, it is due when it was said");
}

pub(super) async fn without_room_a_delivery_waits_to_be_claimed(store: &dyn Store) {
    let project = new_project(store).await;
    add(store, &endpoint_of(project)).await;
    let mut feed = store.subscribe(LEASE, 2);
    let at = tick();
    for _ in 0..5 {
        raise(store, project, AlertKind::PiiBlocked, at, None).await;
    }
    let handed: Vec<_> = std::iter::from_fn(|| feed.try_recv().ok()).map(|claim| claim.delivery.id).collect();
    let claimed: Vec<_> = due(store, at).await.iter().map(|claim| claim.delivery.id).collect();
    assert_eq!((handed.len(), claimed.len()), (2, 3));
    assert!(handed.iter().all(|id| !claimed.contains(id)));
    drop(feed);
    raise(store, project, AlertKind::PiiBlocked, at, None).await;
    assert_eq!(due(store, at).await.len(), 1, "a subscriber that has gone loses nothing");
}

pub(super) async fn a_claim_takes_turns_and_leaves_out_whom_it_is_told(store: &dyn Store) {
    let project = new_project(store).await;
    let (busy, quiet) = (endpoint_of(project), endpoint_of(project));
    add(store, &busy).await;
    let start = tick();
    for _ in 0..50 {
        raise(store, project, AlertKind::PiiBlocked, start, None).await;
    }
    add(store, &quiet).await;
    raise(store, project, AlertKind::PiiBlocked, start.after(seconds(1)), None).await;
    let now = start.after(seconds(2));
    let room = ClaimRoom { total: 1000, per_endpoint: 3, except: Vec::new() };
    let claims = store.claim(now, now.after(LEASE), room).await.unwrap();
    assert_eq!(claims.iter().filter(|claim| claim.endpoint.id == busy.id).count(), 3);
    assert_eq!(claims.iter().filter(|claim| claim.endpoint.id == quiet.id).count(), 1);
    let room = ClaimRoom { total: 1000, per_endpoint: 1000, except: vec![busy.id] };
    assert!(store.claim(now, now.after(LEASE), room).await.unwrap().is_empty());
    assert_eq!(store.next_due(vec![busy.id]).await.unwrap(), Some(now.after(LEASE)));
    assert!(store.next_due(Vec::new()).await.unwrap() < Some(now));
}

pub(super) async fn a_group_is_told_at_once_and_then_in_updates(store: &dyn Store) {
    let project = new_project(store).await;
    let (chat, machine) = (slack(project), endpoint_of(project));
    add(store, &chat).await;
    add(store, &machine).await;
    let start = tick();
    let mut alerts = Vec::new();
    for second in 0..20 {
        alerts.push(raise(store, project, AlertKind::PiiBlocked, start.after(seconds(second)), None).await);
    }
    let first = deliver(store, start.after(seconds(20))).await;
    assert_eq!(first.iter().filter(|claim| claim.endpoint.id == machine.id).count(), 20, "a machine gets every alert");
    let told: Vec<_> = first.iter().filter(|claim| claim.endpoint.id == chat.id).collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].alert.id, &told[0].delivery.fold), (alerts[0].id, &None));

    // The first update comes 30 s after the first alert, with the number of those after it.
    assert_eq!(store.next_due(Vec::new()).await.unwrap(), Some(start.after(seconds(30))));
    let update = deliver(store, start.after(seconds(30))).await;
    assert_eq!(update.len(), 1);
    let fold = update[0].delivery.fold.clone().unwrap();
    assert_eq!((fold.reason, fold.count), (FoldReason::Group, 19));
    assert_eq!((fold.first_at, fold.last_at), (alerts[1].at, alerts[19].at));
    assert_eq!(fold.samples, alerts[1..6].iter().map(|alert| alert.id).collect::<Vec<_>>());
    assert_eq!(fold.kinds, vec![(AlertKind::PiiBlocked, 19)]);
    assert_eq!(update[0].alert.id, alerts[19].id);

    // Each further update waits twice as long; when nothing came, the group is over and the next alert goes at once.
    raise(store, project, AlertKind::PiiBlocked, start.after(seconds(31)), None).await;
    assert!(chat_of(deliver(store, start.after(seconds(89))).await, &chat).is_empty());
    let update = chat_of(deliver(store, start.after(seconds(90))).await, &chat);
    assert_eq!(update[0].delivery.fold.as_ref().map(|fold| fold.count), Some(1));
    assert!(deliver(store, start.after(seconds(90 + 119))).await.is_empty());
    assert!(deliver(store, start.after(seconds(90 + 120))).await.is_empty());
    let late = raise(store, project, AlertKind::PiiBlocked, start.after(seconds(400)), None).await;
    let told = chat_of(deliver(store, start.after(seconds(400))).await, &chat);
    assert_eq!((told[0].alert.id, &told[0].delivery.fold), (late.id, &None));
}

fn chat_of(claims: Vec<Claim>, endpoint: &Endpoint) -> Vec<Claim> {
    claims.into_iter().filter(|claim| claim.endpoint.id == endpoint.id).collect()
}

pub(super) async fn a_storm_of_groups_stays_under_the_ceiling_and_counts_exactly(store: &dyn Store) {
    let project = new_project(store).await;
    let chat = slack(project);
    add(store, &chat).await;
    let start = tick();
    // 200 alerts of 100 groups within 50 seconds, flushed every second as a dispatcher does.
    let mut told = Vec::new();
    for number in 0..200_u64 {
        let at = start.after(Duration::from_millis(number * 250));
        let key = KeyId::mint(start, [u8::try_from(number % 100).unwrap(); 10]);
        raise(store, project, AlertKind::PiiBlocked, at, Some(key)).await;
        for claim in deliver(store, at).await {
            told.push((at, claim.delivery.fold));
        }
    }
    for second in 50..600 {
        let at = start.after(seconds(second));
        for claim in deliver(store, at).await {
            told.push((at, claim.delivery.fold));
        }
    }
    let within_a_minute = told.iter().filter(|(at, _)| at.since(start) < seconds(60)).count();
    assert!(within_a_minute <= 5, "{within_a_minute}");
    let count: u64 = told.iter().map(|(_, fold)| fold.as_ref().map_or(1, |fold| fold.count)).sum();
    assert_eq!(count, 200, "no alert goes uncounted, none is counted twice");
    assert!(told.iter().flat_map(|(_, fold)| fold).any(|fold: &Fold| fold.reason == FoldReason::Ceiling));
    for pair in told.windows(6) {
        assert!(pair[5].0.since(pair[0].0) > seconds(29), "a burst across two minutes");
    }
}

pub(super) async fn a_silence_holds_back_and_tells_at_its_end(store: &dyn Store) {
    let project = new_project(store).await;
    let (chat, machine) = (slack(project), endpoint_of(project));
    add(store, &chat).await;
    add(store, &machine).await;
    let start = tick();
    let silence = |matcher, ends: Timestamp| Silence {
        id: SilenceId::mint(tick(), ambient::entropy()),
        project,
        author: "ann".to_owned(),
        reason: "load test".to_owned(),
        created_at: start,
        matcher,
        period: Period::Once { starts_at: start.as_millis(), ends_at: ends.as_millis() },
    };
    let matcher = Matcher { events: vec!["dlp.pii_*".to_owned(), "dlp.pii_blocked".to_owned()], ..Matcher::default() };
    store.create_silence(silence(matcher, start.after(seconds(100)))).await.unwrap();
    let named = Matcher { endpoint: Some(machine.id), ..Matcher::default() };
    let named = silence(named, start.after(seconds(10_000)));
    for at in [1, 2, 3] {
        raise(store, project, AlertKind::PiiBlocked, start.after(seconds(at)), None).await;
    }
    raise(store, project, AlertKind::InjectionBlocked, start.after(seconds(4)), None).await;
    let told = deliver(store, start.after(seconds(5))).await;
    assert_eq!(told.iter().filter(|claim| claim.endpoint.id == machine.id).count(), 4, "machines hear it all");
    let told = chat_of(told, &chat);
    assert_eq!(told.iter().map(|claim| claim.alert.kind).collect::<Vec<_>>(), vec![AlertKind::InjectionBlocked]);

    let told = chat_of(deliver(store, start.after(seconds(100))).await, &chat);
    let fold = told[0].delivery.fold.clone().unwrap();
    assert_eq!((fold.reason, fold.count), (FoldReason::Silence, 3));
    assert_eq!(fold.note.as_deref(), Some("silenced by ann: load test"));

    // A silence that names an endpoint holds for a machine as well, and tells at once when it is removed.
    store.create_silence(named.clone()).await.unwrap();
    raise(store, project, AlertKind::PiiBlocked, start.after(seconds(200)), None).await;
    assert!(deliver(store, start.after(seconds(201))).await.iter().all(|claim| claim.endpoint.id != machine.id));
    store.delete_silence(project, named.id, start.after(seconds(202))).await.unwrap();
    let told = deliver(store, start.after(seconds(202))).await;
    assert_eq!(told.iter().filter(|claim| claim.endpoint.id == machine.id).count(), 1);
    assert_eq!(store.silences(project).await.unwrap().len(), 1);
    assert!(store.delete_silence(project, named.id, start).await.is_err());
}

pub(super) async fn an_endpoint_fails_and_recovers_and_others_are_told(store: &dyn Store) {
    let project = new_project(store).await;
    let (bad, other) = (endpoint_of(project), endpoint_of(project));
    add(store, &bad).await;
    let start = tick();
    raise(store, project, AlertKind::PiiBlocked, start, None).await;
    add(store, &other).await;
    for attempt in 0..3_u64 {
        let now = start.after(seconds(attempt));
        let claims = chat_of(due(store, now).await, &bad);
        assert_eq!(claims.len(), 1);
        finish(store, &claims[0], now, Next::RetryAt(now.after(seconds(1)))).await;
    }
    let health = store.endpoint(project, bad.id).await.unwrap().health;
    assert_eq!((health.state, health.failures), (HealthState::Failing, 3));
    assert_eq!(health.reason.as_deref(), Some("the receiver answered 503"));
    assert_eq!(kinds_of(store, project).await, [AlertKind::PiiBlocked, AlertKind::EndpointFailing]);

    let now = start.after(seconds(10));
    let claims = due(store, now).await;
    assert_eq!(claims.len(), 2, "the retry, and the news for the other endpoint only");
    let news = claims.iter().find(|claim| claim.endpoint.id == other.id).unwrap();
    assert_eq!(news.alert.kind, AlertKind::EndpointFailing);
    for claim in &claims {
        finish(store, claim, now, Next::Delivered).await;
    }
    assert_eq!(store.endpoint(project, bad.id).await.unwrap().health.state, HealthState::Healthy);
    let told = deliver(store, now).await;
    assert_eq!(
        told.iter().map(|claim| (claim.endpoint.id, claim.alert.kind)).collect::<Vec<_>>(),
        [(other.id, AlertKind::EndpointRecovered)]
    );
    assert_eq!(told[0].alert.group(), news.alert.group(), "what begins and what ends are one group");
}

pub(super) async fn a_gone_receiver_is_switched_off_with_its_queue(store: &dyn Store) {
    let project = new_project(store).await;
    let (gone, other) = (endpoint_of(project), endpoint_of(project));
    add(store, &gone).await;
    let start = tick();
    for _ in 0..3 {
        raise(store, project, AlertKind::PiiBlocked, start, None).await;
    }
    add(store, &other).await;
    let claims = store.claim(start, start.after(LEASE), up_to(1)).await.unwrap();
    finish(store, &claims[0], start, Next::Disable("the receiver is gone (410)".to_owned())).await;
    let endpoint = store.endpoint(project, gone.id).await.unwrap();
    assert_eq!((endpoint.enabled, endpoint.health.state), (false, HealthState::Disabled));
    let dead = DeliveryFilter { state: Some(DeliveryState::Dead), ..DeliveryFilter::default() };
    let dead = store.deliveries(project, dead, PageQuery::default()).await.unwrap().items;
    assert_eq!(dead.len(), 3);
    assert!(dead.iter().all(|delivery| delivery.reason.as_ref().is_some_and(|reason| reason.contains("410"))));
    let told = deliver(store, start).await;
    assert_eq!(
        told.iter().map(|claim| (claim.endpoint.id, claim.alert.kind)).collect::<Vec<_>>(),
        [(other.id, AlertKind::EndpointDisabled)]
    );
    let on = EndpointChange { enabled: Some(true), ..EndpointChange::default() };
    let endpoint = store.update_endpoint(project, gone.id, on, start).await.unwrap();
    assert_eq!((endpoint.enabled, endpoint.health.state), (true, HealthState::Healthy));
}

pub(super) async fn an_endpoint_that_fails_for_long_is_switched_off_if_so_set(store: &dyn Store) {
    let project = new_project(store).await;
    let mut patient = endpoint_of(project);
    patient.options.disable_after = Some(Duration::from_hours(1));
    let endless = endpoint_of(project);
    add(store, &patient).await;
    add(store, &endless).await;
    let start = tick();
    raise(store, project, AlertKind::PiiBlocked, start, None).await;
    for minute in [0, 1, 2, 30, 61, 62, 63] {
        let now = start.after(Duration::from_mins(minute));
        for claim in due(store, now).await {
            if claim.alert.kind == AlertKind::PiiBlocked {
                finish(store, &claim, now, Next::RetryAt(now)).await;
            }
        }
    }
    assert_eq!(store.endpoint(project, patient.id).await.unwrap().health.state, HealthState::Disabled);
    assert_eq!(store.endpoint(project, endless.id).await.unwrap().health.state, HealthState::Failing);
}

pub(super) async fn filters_and_families_choose(store: &dyn Store) {
    let project = new_project(store).await;
    let key = KeyId::mint(tick(), ambient::entropy());
    let with = |change: &dyn Fn(&mut Endpoint)| {
        let mut endpoint = endpoint_of(project);
        change(&mut endpoint);
        endpoint
    };
    let filter = |filter: Filter| with(&move |endpoint| endpoint.options.filter = filter.clone());
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let endpoints = [
        (with(&|endpoint| endpoint.events = Events::Only(vec![Pattern::from_name("dlp.*").unwrap()])), true),
        (with(&|endpoint| endpoint.events = Events::Only(vec![Pattern::from_name("budget.*").unwrap()])), false),
        (filter(Filter { models: names(&["gpt-*", "m*"]), ..Filter::default() }), true),
        (filter(Filter { models: names(&["gpt-*"]), ..Filter::default() }), false),
        (filter(Filter { keys: vec![key], ..Filter::default() }), true),
        (filter(Filter { keys: vec![KeyId::mint(tick(), ambient::entropy())], ..Filter::default() }), false),
        (filter(Filter { entity_types: names(&["US_*", "CREDIT_CARD"]), ..Filter::default() }), true),
        (filter(Filter { entity_types: names(&["US_*"]), ..Filter::default() }), false),
    ];
    for (endpoint, _) in &endpoints {
        add(store, endpoint).await;
    }
    let at = tick();
    let alert = raise(store, project, AlertKind::PiiBlocked, at, Some(key)).await;
    assert_eq!(alert.entity_types(), [EntityType::CreditCard]);
    let told: Vec<_> = deliver(store, at).await.iter().map(|claim| claim.endpoint.id).collect();
    for (number, (endpoint, wants)) in endpoints.iter().enumerate() {
        assert_eq!(told.contains(&endpoint.id), *wants, "endpoint {number}");
    }
    assert_eq!(Pattern::from_name("webhook.*"), None, "a test goes to nobody who did not ask");
}

pub(super) async fn replays_are_counted_paced_marked_and_redirected(store: &dyn Store) {
    let project = new_project(store).await;
    let (from, to) = (endpoint_of(project), endpoint_of(project));
    add(store, &from).await;
    let start = tick();
    for second in 0..10 {
        raise(store, project, AlertKind::PiiBlocked, start.after(seconds(second)), None).await;
    }
    raise(store, project, AlertKind::InjectionBlocked, start.after(seconds(10)), None).await;
    add(store, &to).await;
    let now = start.after(seconds(20));
    for claim in chat_of(due(store, now).await, &from) {
        finish(store, &claim, now, Next::Dead("no".to_owned())).await;
    }
    deliver(store, now).await;
    let dead = ReplayFilter { state: Some(DeliveryState::Dead), endpoint: Some(from.id), ..ReplayFilter::default() };
    let count = async |filter| {
        let dry = ReplayPlan { dry_run: true, ..NOW };
        store.replay_many(project, filter, dry, now).await.unwrap().count
    };
    assert_eq!(count(dead).await, 11);
    assert_eq!(count(ReplayFilter { kind: Some(AlertKind::InjectionBlocked), ..dead }).await, 1);
    assert_eq!(count(ReplayFilter { since: Some(start.after(seconds(8))), ..dead }).await, 3);
    assert_eq!(count(ReplayFilter { until: Some(start.after(seconds(2))), ..dead }).await, 2);
    assert!(due(store, now).await.is_empty(), "a dry run changes nothing");

    let paced = ReplayPlan { per_second: 2, ..NOW };
    assert_eq!(store.replay_many(project, dead, paced, now).await.unwrap().count, 11);
    assert_eq!(deliver(store, now).await.len(), 1, "two in a second, and not all at once");
    let rest = chat_of(deliver(store, now.after(seconds(5))).await, &from);
    assert_eq!(rest.len(), 10);
    assert!(rest.iter().all(|claim| claim.delivery.replays == 1 && claim.delivery.attempts == 0));
    assert_eq!(count(dead).await, 0);

    let delivered = ReplayFilter { state: Some(DeliveryState::Delivered), ..dead };
    let elsewhere = ReplayPlan { to: Some(to.id), ..NOW };
    assert_eq!(store.replay_many(project, delivered, elsewhere, now).await.unwrap().count, 11);
    let moved = deliver(store, now.after(seconds(6))).await;
    assert_eq!(moved.len(), 11);
    assert!(moved.iter().all(|claim| claim.endpoint.id == to.id && claim.delivery.replays == 1));
    let strange = ReplayPlan { to: Some(endpoint_of(project).id), ..NOW };
    assert!(store.replay_many(project, delivered, strange, now).await.is_err());
}

pub(super) async fn what_was_never_attempted_can_be_sent(store: &dyn Store) {
    let project = new_project(store).await;
    let start = tick();
    let before = raise(store, project, AlertKind::PiiBlocked, start, None).await;
    let late = Endpoint { events: Events::Only(vec![Pattern::Kind(AlertKind::PiiBlocked)]), ..endpoint_of(project) };
    add(store, &late).await;
    raise(store, project, AlertKind::InjectionBlocked, start.after(seconds(1)), None).await;
    raise(store, project, AlertKind::PiiBlocked, start.after(seconds(2)), None).await;
    let off = EndpointChange { enabled: Some(false), ..EndpointChange::default() };
    store.update_endpoint(project, late.id, off, start.after(seconds(3))).await.unwrap();
    assert!(due(store, start.after(seconds(4))).await.is_empty(), "to an endpoint that is off nothing is sent");
    let missed = raise(store, project, AlertKind::PiiBlocked, start.after(seconds(5)), None).await;
    let on = EndpointChange { enabled: Some(true), ..EndpointChange::default() };
    store.update_endpoint(project, late.id, on, start.after(seconds(6))).await.unwrap();

    let filter = ReplayFilter { endpoint: Some(late.id), never_attempted: true, ..ReplayFilter::default() };
    let now = start.after(seconds(10));
    assert_eq!(store.replay_many(project, filter, NOW, now).await.unwrap().count, 3);
    let sent = deliver(store, now.after(seconds(1))).await;
    let ids: Vec<_> = sent.iter().map(|claim| claim.alert.id).collect();
    assert!(sent.len() == 3 && ids.contains(&before.id) && ids.contains(&missed.id));
    assert_eq!(store.replay_many(project, filter, NOW, now).await.unwrap().count, 0, "now it was attempted");
}

pub(super) async fn expunging_leaves_only_that_it_happened(store: &dyn Store) {
    let project = new_project(store).await;
    let endpoint = endpoint_of(project);
    add(store, &endpoint).await;
    let row = activity_of(project);
    let mut alert = alert_of(&row, AlertKind::PiiBlocked);
    alert.preview = Some("call me at [REDACTED]".to_owned());
    alert.source.user = Some("ann".to_owned());
    store.record_alert(row, alert.clone()).await.unwrap();
    assert_eq!(store.alert(project, alert.id).await.unwrap(), alert, "it reads back whole");
    let claims = due(store, alert.at).await;
    finish(store, &claims[0], alert.at, Next::RetryAt(alert.at.after(seconds(1)))).await;

    let now = alert.at.after(seconds(2));
    assert_eq!(store.expunge(project, Expunge::Alert(alert.id), now).await.unwrap(), 1);
    let left = store.alert(project, alert.id).await.unwrap();
    assert_eq!((left.preview, left.source.user), (None, None));
    match left.data {
        AlertData::Dlp(data) => {
            assert!(data.model.is_empty() && data.entity_types.is_empty() && data.violation_count == 1);
        }
        other => panic!("{other:?}"),
    }
    let (delivery, attempts) = store.delivery(project, claims[0].delivery.id).await.unwrap();
    assert_eq!(delivery.state, DeliveryState::Dead, "what is gone is not sent");
    assert_eq!(attempts[0].excerpt, None);
    assert_eq!(store.expunge(project, Expunge::Before(now), now).await.unwrap(), 0, "it is expunged already");
    let other = raise(store, project, AlertKind::PiiBlocked, now, None).await;
    assert_eq!(store.expunge(project, Expunge::Before(other.at.after(seconds(1))), now).await.unwrap(), 1);
    let stranger = new_project(store).await;
    assert!(store.expunge(stranger, Expunge::Alert(alert.id), now).await.is_err());
}

pub(super) async fn retention_removes_what_is_old_and_finished(store: &dyn Store) {
    let project = new_project(store).await;
    add(store, &endpoint_of(project)).await;
    let start = tick();
    for _ in 0..3 {
        raise(store, project, AlertKind::PiiBlocked, start, None).await;
    }
    let claims = due(store, start).await;
    finish(store, &claims[0], start, Next::Delivered).await;
    finish(store, &claims[1], start, Next::Dead("no".to_owned())).await;
    finish(store, &claims[2], start, Next::RetryAt(start.after(seconds(1)))).await;
    let later = start.after(seconds(60));
    let all = Retention { alerts_before: later, attempts_before: later, dead_before: start, activity_before: start };
    while store.prune(all, 1).await.unwrap() > 0 {}
    let kept = store.deliveries(project, DeliveryFilter::default(), PageQuery::default()).await.unwrap().items;
    let states: Vec<_> = kept.iter().map(|delivery| delivery.state).collect();
    assert_eq!(kept.len(), 2, "{states:?}");
    assert!(states.contains(&DeliveryState::Pending) && states.contains(&DeliveryState::Dead));
    assert_eq!(kinds_of(store, project).await.iter().filter(|kind| **kind == AlertKind::PiiBlocked).count(), 2);
    let all = Retention { dead_before: later, ..all };
    while store.prune(all, 100).await.unwrap() > 0 {}
    let kept = store.deliveries(project, DeliveryFilter::default(), PageQuery::default()).await.unwrap().items;
    assert_eq!(kept.len(), 1, "what is pending stays, however old");
    assert_eq!(store.delivery(project, kept[0].id).await.unwrap().1.len(), 1, "with its attempts");
    assert_eq!(deliver(store, later).await.len(), 1);
}

#[test]
fn grouping_follows_the_form() {
    let project = ProjectId::mint(tick(), ambient::entropy());
    assert_eq!(slack(project).grouping(), Grouping::FOR_PEOPLE);
    assert_eq!(endpoint_of(project).grouping(), Grouping::OFF);
}
