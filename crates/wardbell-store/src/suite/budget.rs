use std::sync::Arc;

use wardbell_core::alert::{AlertData, AlertKind};
use wardbell_core::budget::{Account, Period, Scope};
use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::budget::{Ask, BudgetChange, LEASE_LAPSE, Lent, Report, RequestName, Spender, Step, Stepped, Sum};
use crate::error::StoreError;
use crate::outbox::AlertFilter;
use crate::page::PageQuery;
use crate::store::Store;
use crate::suite::{new_project, project_named, tick};

pub(crate) const fn usd(nanos: i64) -> Usd {
    Usd::from_nanos(nanos)
}

pub(crate) fn set(sum: Sum) -> BudgetChange {
    BudgetChange::Set { sum, minimum: Usd::ZERO, alert_at: vec![50, 80, 95] }
}

pub(crate) fn spender(project: ProjectId) -> Arc<Spender> {
    let key = KeyId::mint(tick(), ambient::entropy());
    Arc::new(Spender {
        project,
        key,
        user: Some("ann".into()),
        session: None,
        model: "m".into(),
        request: RequestName::Callers(tick().to_string().into()),
    })
}

fn step(node: &str, now: Timestamp, project: ProjectId) -> Step {
    Step {
        node: node.into(),
        now,
        reports: Vec::new(),
        asks: Vec::new(),
        cause: Some(spender(project)),
        may_lower: false,
        is_leaving: false,
    }
}

async fn ask(store: &dyn Store, node: &str, now: Timestamp, accounts: &[(&Account, u64)], must: i64) -> Lent {
    let project = accounts[0].0.project;
    let asks = accounts.iter().map(|(account, revision)| Ask {
        account: (*account).clone(),
        revision: *revision,
        must: usd(must),
        needed: usd(must),
    });
    store.step(Step { asks: asks.collect(), ..step(node, now, project) }).await.unwrap().lent
}

async fn report(store: &dyn Store, node: &str, now: Timestamp, account: &Account, amounts: (i64, i64)) -> Stepped {
    let period = store.budget(account.project, account.scope.clone(), now).await.unwrap().unwrap().terms.period;
    let report = Report {
        account: account.clone(),
        period: period.began(now),
        spent: usd(amounts.0),
        given_back: usd(amounts.1),
        cause: Some(spender(account.project)),
    };
    store.step(Step { reports: vec![report], ..step(node, now, account.project) }).await.unwrap()
}

/// Kinds and percents of the project's budget alerts, oldest first.
pub(crate) async fn told(store: &dyn Store, project: ProjectId) -> Vec<(AlertKind, Option<u8>)> {
    let page = PageQuery { cursor: None, limit: 100 };
    let alerts = store.alerts(project, AlertFilter::default(), page).await.unwrap().items;
    let mut told: Vec<_> = alerts
        .iter()
        .map(|alert| match &alert.data {
            AlertData::Budget(data) => (alert.at, alert.kind, data.percent),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort();
    told.into_iter().map(|(_, kind, percent)| (kind, percent)).collect()
}

pub(super) async fn what_is_spent_and_lent_never_passes_the_limit(store: &dyn Store) {
    let project = new_project(store).await;
    let account = Account { project, scope: Scope::Project };
    store.change_budget(project, Scope::Project, set(Sum::Balance(usd(1600))), tick()).await.unwrap();
    let Lent::All(loans) = ask(store, "a", tick(), &[(&account, 1)], 10).await else { panic!() };
    assert_eq!((loans[0].amount, loans[0].is_tight), (usd(100), false), "a sixteenth of what is left");
    let Lent::All(loans) = ask(store, "b", tick(), &[(&account, 1)], 1500).await else { panic!() };
    assert_eq!((loans[0].amount, loans[0].is_tight), (usd(1500), true));
    let Lent::Short(short) = ask(store, "b", tick(), &[(&account, 1)], 1).await else { panic!() };
    assert_eq!((short.limit, short.spent, short.reserved, short.room()), (usd(1600), usd(0), usd(1600), usd(0)));
    assert_eq!(ask(store, "b", tick(), &[(&account, 0)], 1).await, Lent::Stale);

    assert_eq!(report(store, "a", tick(), &account, (60, 40)).await.stood, [true]);
    let status = store.budget(project, Scope::Project, tick()).await.unwrap().unwrap();
    assert_eq!((status.spent, status.reserved), (usd(60), usd(1500)));
    let Lent::All(loans) = ask(store, "a", tick(), &[(&account, 1)], 40).await else { panic!() };
    assert_eq!(loans[0].amount, usd(40), "the last cent is usable");

    let nobody = project_named("x").id;
    let missing = store.change_budget(nobody, Scope::Project, set(Sum::Unlimited), tick()).await;
    assert!(matches!(missing, Err(StoreError::NotFound(_))));
    assert!(store.budget(project, Scope::Model("m".into()), tick()).await.unwrap().is_none());
}

pub(super) async fn all_scopes_are_lent_or_none(store: &dyn Store) {
    let project = new_project(store).await;
    let ann = Account { project, scope: Scope::User("ann".into()) };
    let whole = Account { project, scope: Scope::Project };
    let unlimited = Account { project, scope: Scope::Model("m".into()) };
    store.change_budget(project, Scope::Project, set(Sum::Balance(usd(100))), tick()).await.unwrap();
    store.change_budget(project, Scope::EachUser, set(Sum::Limit(usd(20), Period::Day)), tick()).await.unwrap();
    store.change_budget(project, unlimited.scope.clone(), set(Sum::Unlimited), tick()).await.unwrap();
    let accounts = [(&whole, 1), (&unlimited, 1), (&ann, 1)];
    let Lent::Short(short) = ask(store, "a", tick(), &accounts, 21).await else { panic!() };
    assert_eq!((&short.scope, short.resets_at.is_some()), (&ann.scope, true));
    let status = store.budget(project, Scope::Project, tick()).await.unwrap().unwrap();
    assert_eq!(status.reserved, Usd::ZERO, "nothing was lent");
    assert!(matches!(ask(store, "a", tick(), &accounts, 20).await, Lent::All(_)));
    let bob = Account { project, scope: Scope::User("bob".into()) };
    assert!(matches!(ask(store, "a", tick(), &[(&bob, 1)], 20).await, Lent::All(_)), "each user has their own");
    let tomorrow = tick().after(std::time::Duration::from_hours(24));
    assert!(matches!(ask(store, "a", tomorrow, &[(&ann, 1)], 20).await, Lent::All(_)), "a new day is a new budget");
}

pub(super) async fn a_removed_budget_limits_nothing_and_its_revision_goes_on(store: &dyn Store) {
    let project = new_project(store).await;
    let account = Account { project, scope: Scope::User("ann".into()) };
    let scope = || account.scope.clone();
    let page = |cursor: Option<&str>, limit| PageQuery { cursor: cursor.map(str::to_owned), limit };
    store.change_budget(project, scope(), set(Sum::Limit(usd(100), Period::Day)), tick()).await.unwrap();
    store.change_budget(project, Scope::EachUser, set(Sum::Balance(usd(9))), tick()).await.unwrap();
    assert!(matches!(ask(store, "a", tick(), &[(&account, 1)], 50).await, Lent::All(_)));
    report(store, "a", tick(), &account, (30, 20)).await;
    let listed = store.budgets(project, page(None, 1), tick()).await.unwrap();
    assert_eq!((listed.items.len(), &listed.items[0].0), (1, &Scope::EachUser));
    let listed = store.budgets(project, page(listed.next_cursor.as_deref(), 1), tick()).await.unwrap();
    assert_eq!((&listed.items[0].0, listed.items[0].1.spent, listed.next_cursor), (&scope(), usd(30), None));

    store.remove_budget(project, scope()).await.unwrap();
    assert!(matches!(store.remove_budget(project, scope()).await, Err(StoreError::NotFound("budget"))));
    assert_eq!(store.snapshot().await.unwrap().budgets[&project].scopes.len(), 1);
    let status = store.budget(project, scope(), tick()).await.unwrap().unwrap();
    assert_eq!(status.terms.limit, Some(usd(9)), "the one for each of its kind covers it now");
    store.remove_budget(project, Scope::EachUser).await.unwrap();
    assert_eq!(store.budget(project, scope(), tick()).await.unwrap(), None);
    assert_eq!(ask(store, "a", tick(), &[(&account, 1)], 1).await, Lent::Stale, "who knows the old terms asks anew");

    store.change_budget(project, scope(), set(Sum::Limit(usd(100), Period::Day)), tick()).await.unwrap();
    assert_eq!(ask(store, "a", tick(), &[(&account, 1)], 1).await, Lent::Stale);
    let status = store.budget(project, scope(), tick()).await.unwrap().unwrap();
    assert_eq!(status.spent, usd(30), "what was spent stayed counted");
    assert!(matches!(ask(store, "a", tick(), &[(&account, 3)], 70).await, Lent::All(_)));
    let nobody = project_named("x").id;
    assert!(matches!(store.budgets(nobody, page(None, 1), tick()).await, Err(StoreError::NotFound(_))));
}

pub(super) async fn a_budget_tells_once_and_anew_after_a_top_up(store: &dyn Store) {
    let project = new_project(store).await;
    let account = Account { project, scope: Scope::Project };
    store.change_budget(project, Scope::Project, set(Sum::Balance(usd(100))), tick()).await.unwrap();
    assert!(matches!(ask(store, "a", tick(), &[(&account, 1)], 90).await, Lent::All(_)));
    for _ in 0..3 {
        // Two nodes are refused, again and again.
        assert!(matches!(ask(store, "a", tick(), &[(&account, 1)], 50).await, Lent::Short(_)));
        assert!(matches!(ask(store, "b", tick(), &[(&account, 1)], 50).await, Lent::Short(_)));
    }
    report(store, "a", tick(), &account, (49, 0)).await;
    report(store, "a", tick(), &account, (1, 0)).await;
    report(store, "a", tick(), &account, (33, 0)).await;
    let (exhausted, threshold) = (AlertKind::BudgetExhausted, AlertKind::BudgetThreshold);
    let first = [(exhausted, None), (threshold, Some(50)), (threshold, Some(80))];
    assert_eq!(told(store, project).await, first);

    // 17 are left and 83 are paid in: the whole is 100 again.
    store.change_budget(project, Scope::Project, BudgetChange::TopUp(usd(83)), tick()).await.unwrap();
    assert!(matches!(ask(store, "a", tick(), &[(&account, 2)], 93).await, Lent::All(_)));
    report(store, "a", tick(), &account, (49, 0)).await;
    assert_eq!(told(store, project).await, first, "49 % of what there was after the top-up");
    report(store, "a", tick(), &account, (1, 0)).await;
    assert!(matches!(ask(store, "a", tick(), &[(&account, 2)], 93).await, Lent::Short(_)));
    assert_eq!(told(store, project).await[3..], [(threshold, Some(50)), (exhausted, None)]);

    let model = Scope::Model("m".into());
    store.change_budget(project, model.clone(), set(Sum::Limit(usd(5), Period::Day)), tick()).await.unwrap();
    let top_up = store.change_budget(project, model, BudgetChange::TopUp(usd(1)), tick()).await;
    assert!(matches!(top_up, Err(StoreError::NotFound("balance"))), "a limit is no balance");
}

pub(super) async fn a_dead_nodes_lease_counts_until_it_lapses_or_is_released(store: &dyn Store) {
    let project = new_project(store).await;
    let account = Account { project, scope: Scope::Project };
    store.change_budget(project, Scope::Project, set(Sum::Balance(usd(100))), tick()).await.unwrap();
    let start = tick();
    assert!(matches!(ask(store, "dead", start, &[(&account, 1)], 60).await, Lent::All(_)));
    let soon = start.after(LEASE_LAPSE / 2);
    assert!(matches!(ask(store, "b", soon, &[(&account, 1)], 41).await, Lent::Short(_)));
    assert_eq!(store.release_leases(project, start).await.unwrap(), Usd::ZERO, "it was heard of since");
    assert_eq!(store.release_leases(project, soon).await.unwrap(), usd(60));
    assert!(matches!(ask(store, "dead", soon, &[(&account, 1)], 100).await, Lent::All(_)));
    let late = soon.after(LEASE_LAPSE + std::time::Duration::from_millis(1));
    assert!(matches!(ask(store, "b", late, &[(&account, 1)], 30).await, Lent::All(_)));
    // What a node did spend counts, whatever became of its lease; the rest is not its own.
    assert_eq!(report(store, "dead", late, &account, (70, 30)).await.stood, [false]);
    let status = store.budget(project, Scope::Project, late).await.unwrap().unwrap();
    assert_eq!((status.spent, status.reserved), (usd(70), usd(30)));
}

pub(super) async fn what_is_long_past_leaves_a_rolling_budget(store: &dyn Store) {
    let project = new_project(store).await;
    let account = Account { project, scope: Scope::Project };
    let period = Period::Rolling(3600);
    store.change_budget(project, Scope::Project, set(Sum::Limit(usd(100), period)), tick()).await.unwrap();
    let start = tick();
    assert!(matches!(ask(store, "a", start, &[(&account, 1)], 100).await, Lent::All(_)));
    report(store, "a", start, &account, (100, 0)).await;
    let within = start.after(std::time::Duration::from_secs(3599));
    assert!(matches!(ask(store, "a", within, &[(&account, 1)], 1).await, Lent::Short(_)));
    let after = start.after(std::time::Duration::from_mins(61));
    assert!(matches!(ask(store, "a", after, &[(&account, 1)], 100).await, Lent::All(_)));
    assert_eq!(told(store, project).await.len(), 4, "three shares and the exhaustion");
}
