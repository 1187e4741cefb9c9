//! What is told of a budget, once: a mark is written in the transaction that raises the alert, whichever node causes it.

use rusqlite::{Connection, params};
use wardbell_core::alert::{Alert, AlertData, AlertKind, BudgetData, Source};
use wardbell_core::budget::{Account, Period};
use wardbell_core::id::AlertId;
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use super::Stored;
use crate::budget::Spender;
use crate::error::StoreError;
use crate::sqlite::outbox::{self, Made, Raiser};

/// The mark of an exhaustion among those of percents.
const EXHAUSTED: u8 = 0;

/// A rolling budget can be exhausted anew once so much of it is free, in percent. Source: our choice, so that one that
/// hovers at its limit tells once.
const REARM_PERCENT: i128 = 5;

/// What an alert about a budget needs.
pub(super) struct Told<'a> {
    pub(super) account: &'a Account,
    pub(super) stored: &'a Stored,
    pub(super) spent: Usd,
    pub(super) now: Timestamp,
    pub(super) cause: Option<&'a Spender>,
}

/// Tells of the shares that the budget has reached and that nobody was told of in this period.
pub(super) fn thresholds(
    connection: &Connection,
    raiser: &Raiser<'_>,
    told: &Told<'_>,
    made: &mut Made,
) -> Result<(), StoreError> {
    let Some(share) = share(told) else { return Ok(()) };
    let terms = &told.stored.budget.terms;
    if let Period::Rolling(_) = terms.period {
        let (project, scope) = names(told.account);
        connection
            .prepare_cached(
                "DELETE FROM budget_marks WHERE project = ?1 AND scope = ?2 \
                 AND (percent > ?3 OR (percent = 0 AND ?3 <= ?4))",
            )?
            .execute(params![
                project,
                scope,
                i64::try_from(share).unwrap_or(i64::MAX),
                i64::try_from(100 - REARM_PERCENT).unwrap_or(0)
            ])?;
    }
    for percent in terms.alert_at.iter().copied().filter(|percent| i128::from(*percent) <= share) {
        if mark(connection, told, percent)? {
            raise(connection, raiser, told, AlertKind::BudgetThreshold, Some(percent), made)?;
        }
    }
    Ok(())
}

/// Tells that a request was refused, unless that was told already.
pub(super) fn exhausted(
    connection: &Connection,
    raiser: &Raiser<'_>,
    told: &Told<'_>,
    made: &mut Made,
) -> Result<(), StoreError> {
    if mark(connection, told, EXHAUSTED)? {
        raise(connection, raiser, told, AlertKind::BudgetExhausted, None, made)?;
    }
    Ok(())
}

/// Forgets what was told: the budget was changed or topped up. A budget for each of many forgets for all of them.
pub(super) fn rearm(connection: &Connection, account: &Account) -> Result<(), StoreError> {
    let (project, scope) = names(account);
    match scope.strip_suffix('*').filter(|_| account.scope.is_each()) {
        Some(prefix) => connection
            .prepare_cached("DELETE FROM budget_marks WHERE project = ?1 AND substr(scope, 1, length(?2)) = ?2")?
            .execute(params![project, prefix])?,
        None => connection
            .prepare_cached("DELETE FROM budget_marks WHERE project = ?1 AND scope = ?2")?
            .execute(params![project, scope])?,
    };
    Ok(())
}

/// How much of the budget is spent, in percent, rounded down; of a balance, since it was last filled.
fn share(told: &Told<'_>) -> Option<i128> {
    let limit = told.stored.budget.terms.limit?;
    let whole = i128::from(limit.minus(told.stored.baseline).as_nanos());
    let spent = i128::from(told.spent.minus(told.stored.baseline).as_nanos());
    Some(if whole > 0 { spent * 100 / whole } else { 100 })
}

/// Writes a mark; whether it was not there.
fn mark(connection: &Connection, told: &Told<'_>, percent: u8) -> Result<bool, StoreError> {
    let (project, scope) = names(told.account);
    let period = told.stored.budget.terms.period.began(told.now).as_millis();
    let (mut forget, mut write) = (
        connection.prepare_cached("DELETE FROM budget_marks WHERE project = ?1 AND scope = ?2 AND period < ?3")?,
        connection.prepare_cached(
            "INSERT OR IGNORE INTO budget_marks (project, scope, period, percent) VALUES (?1, ?2, ?3, ?4)",
        )?,
    );
    forget.execute(params![project, scope, period])?;
    Ok(write.execute(params![project, scope, period, percent])? > 0)
}

fn raise(
    connection: &Connection,
    raiser: &Raiser<'_>,
    told: &Told<'_>,
    kind: AlertKind,
    percent: Option<u8>,
    made: &mut Made,
) -> Result<(), StoreError> {
    let Told { account, stored, spent, now, cause } = told;
    let limit = stored.budget.terms.limit;
    let alert = Alert {
        id: AlertId::mint(*now, ambient::entropy()),
        project: account.project,
        request_id: cause.map(|cause| cause.request.to_string()).unwrap_or_default(),
        at: *now,
        kind,
        data: AlertData::Budget(BudgetData {
            balance: limit.unwrap_or(Usd::ZERO).minus(*spent),
            spent: *spent,
            limit,
            percent,
            scope: account.scope.to_string(),
            model: cause.map(|cause| cause.model.to_string()).unwrap_or_default(),
            resolved: false,
        }),
        source: Source {
            key: cause.map(|cause| cause.key),
            user: cause.and_then(|cause| cause.user.as_deref().map(str::to_owned)),
            ..Source::default()
        },
        preview: None,
        is_test: false,
    };
    if let Some(more) = outbox::raise(connection, raiser, &alert)? {
        made.add(more);
    }
    Ok(())
}

fn names(account: &Account) -> (String, String) {
    (account.project.to_string(), account.scope.to_string())
}
