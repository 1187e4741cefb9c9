//! Budgets in the database: terms, what was spent, what is lent, what was told.

mod tell;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use wardbell_core::budget::{Account, Period, Scope, Shortfall, Terms};
use wardbell_core::id::ProjectId;
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;

use crate::budget::{
    Ask, Budget, BudgetChange, BudgetStatus, LEASE_LAPSE, LEASE_SHARE, LEASE_UNLIMITED, Lent, Loan, ProjectBudgets,
    Report, Step, Stepped, Sum,
};
use crate::error::StoreError;
use crate::page::{Page, PageQuery};
use crate::sqlite::outbox::{Made, Raiser};
use crate::sqlite::{project, row};

/// A budget's row.
struct Stored {
    budget: Budget,
    baseline: Usd,
}

pub(super) fn all(connection: &Connection) -> Result<HashMap<ProjectId, Arc<ProjectBudgets>>, StoreError> {
    let mut budgets: HashMap<ProjectId, ProjectBudgets> = HashMap::new();
    let mut statement = connection.prepare_cached("SELECT * FROM budgets WHERE NOT removed")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let scope = row::id(row, "scope")?;
        budgets.entry(row::id(row, "project")?).or_default().scopes.insert(scope, read(row)?.budget);
    }
    Ok(budgets.into_iter().map(|(project, budgets)| (project, Arc::new(budgets))).collect())
}

pub(super) fn status(
    connection: &Connection,
    project: ProjectId,
    scope: Scope,
    now: Timestamp,
) -> Result<Option<BudgetStatus>, StoreError> {
    let account = Account { project, scope };
    find(connection, &account)?.map(|stored| stand(connection, &account, stored, now)).transpose()
}

/// Where a budget stands.
fn stand(
    connection: &Connection,
    account: &Account,
    stored: Stored,
    now: Timestamp,
) -> Result<BudgetStatus, StoreError> {
    let Stored { budget: Budget { terms, .. }, .. } = stored;
    let spent = spent(connection, account, terms.period, now)?;
    let reserved = lent(connection, account, terms.period, now)?;
    let resets_at = terms.period.ends(now);
    Ok(BudgetStatus { terms, spent, reserved, resets_at })
}

/// A page of a project's budgets, in the order of their scopes' names.
pub(super) fn page(
    connection: &Connection,
    project: ProjectId,
    page: &PageQuery,
    now: Timestamp,
) -> Result<Page<(Scope, BudgetStatus)>, StoreError> {
    project::require(connection, project)?;
    let after = page.cursor.as_deref().unwrap_or_default();
    let mut statement = connection.prepare_cached(
        "SELECT * FROM budgets WHERE project = ?1 AND scope > ?2 AND NOT removed ORDER BY scope LIMIT ?3",
    )?;
    let mut rows = statement.query(params![project.to_string(), after, page.limit.saturating_add(1)])?;
    let mut budgets = Vec::new();
    while let Some(row) = rows.next()? {
        let account = Account { project, scope: row::id(row, "scope")? };
        let status = stand(connection, &account, read(row)?, now)?;
        budgets.push((account.scope, status));
    }
    Ok(Page::cut(budgets, page.limit, |(scope, _)| scope.to_string()))
}

/// Removes a budget. What was spent and what is lent stay on record.
pub(super) fn remove(connection: &Connection, project: ProjectId, scope: Scope) -> Result<(), StoreError> {
    project::require(connection, project)?;
    let account = Account { project, scope };
    let changed = connection
        .prepare_cached(
            "UPDATE budgets SET removed = 1, revision = revision + 1 WHERE project = ?1 AND scope = ?2 AND NOT removed",
        )?
        .execute([account.project.to_string(), account.scope.to_string()])?;
    row::found(changed, "budget")?;
    tell::rearm(connection, &account)
}

pub(super) fn change(
    connection: &Connection,
    project: ProjectId,
    scope: Scope,
    change: BudgetChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    project::require(connection, project)?;
    let account = Account { project, scope };
    let present = own(connection, &account)?;
    let mut stored = match (change, present) {
        (BudgetChange::Set { sum, minimum, alert_at }, _) => {
            let revision = revision(connection, &account)?;
            // Of a balance for each of many nobody has spent anything.
            let total =
                if account.scope.is_each() { Usd::ZERO } else { spent(connection, &account, Period::Total, now)? };
            let (limit, is_balance, period, baseline) = match sum {
                Sum::Unlimited => (None, false, Period::Total, Usd::ZERO),
                Sum::Balance(balance) => (Some(total.plus(balance)), true, Period::Total, total),
                Sum::Limit(limit, period) => (Some(limit), false, period, Usd::ZERO),
            };
            let terms = Terms { limit, minimum, is_balance, period, alert_at };
            Stored { budget: Budget { terms, revision }, baseline }
        }
        (BudgetChange::TopUp(amount), Some(mut stored)) if stored.budget.terms.is_balance => {
            stored.budget.terms.limit = stored.budget.terms.limit.map(|limit| limit.plus(amount));
            stored.baseline = spent(connection, &account, Period::Total, now)?;
            connection
                .prepare_cached("INSERT INTO budget_top_ups (project, scope, at, amount) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    account.project.to_string(),
                    account.scope.to_string(),
                    now.as_millis(),
                    amount.as_nanos()
                ])?;
            stored
        }
        (BudgetChange::TopUp(_), _) => return Err(StoreError::NotFound("balance")),
    };
    stored.budget.revision += 1;
    put(connection, &account, &stored, now)?;
    tell::rearm(connection, &account)
}

/// Makes leases lapse whose nodes have said nothing since a time, and returns how much that freed.
pub(super) fn release(
    connection: &Connection,
    project: ProjectId,
    renewed_before: Timestamp,
) -> Result<Usd, StoreError> {
    project::require(connection, project)?;
    let values = params![project.to_string(), renewed_before.as_millis()];
    let freed: i64 = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(MAX(amount, 0)), 0) FROM budget_leases \
             WHERE project = ?1 AND scope = 'project' AND renewed_at < ?2",
        )?
        .query_row(values, |row| row.get(0))?;
    let others: i64 = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(MAX(amount, 0)), 0) FROM budget_leases \
             WHERE project = ?1 AND scope <> 'project' AND renewed_at < ?2",
        )?
        .query_row(values, |row| row.get(0))?;
    connection.prepare_cached("DELETE FROM budget_leases WHERE project = ?1 AND renewed_at < ?2")?.execute(values)?;
    // One request is lent by several scopes: what the project's own budget gets back is the money itself.
    Ok(Usd::from_nanos(if freed > 0 { freed } else { others }))
}

/// Runs one step of a node.
pub(super) fn step(connection: &Connection, raiser: &Raiser<'_>, step: &Step) -> Result<(Stepped, Made), StoreError> {
    let mut made = Made::default();
    let mut stood = Vec::with_capacity(step.reports.len());
    for report in &step.reports {
        stood.push(take_report(connection, raiser, step, report, &mut made)?);
    }
    if step.is_leaving {
        connection.prepare_cached("DELETE FROM budget_leases WHERE node = ?1")?.execute([&*step.node])?;
    }
    let lent = lend(connection, raiser, step, &mut made)?;
    Ok((Stepped { lent, stood }, made))
}

fn take_report(
    connection: &Connection,
    raiser: &Raiser<'_>,
    step: &Step,
    report: &Report,
    made: &mut Made,
) -> Result<bool, StoreError> {
    let Report { account, period, spent: newly, given_back, cause } = report;
    // The project may be gone, and its money with it.
    let Some(stored) = find(connection, account)? else { return Ok(false) };
    let (project, scope) = (account.project.to_string(), account.scope.to_string());
    let gone = newly.plus(*given_back).as_nanos();
    let stands = connection
        .prepare_cached(
            "UPDATE budget_leases SET amount = amount - ?5, renewed_at = ?6 \
             WHERE project = ?1 AND scope = ?2 AND node = ?3 AND period = ?4",
        )?
        .execute(params![project, scope, step.node, period.as_millis(), gone, step.now.as_millis()])?
        > 0;
    if stands {
        connection
            .prepare_cached(
                "DELETE FROM budget_leases WHERE project = ?1 AND scope = ?2 AND node = ?3 AND period = ?4 AND amount = 0",
            )?
            .execute(params![project, scope, step.node, period.as_millis()])?;
    }
    if *newly != Usd::ZERO {
        let terms = &stored.budget.terms;
        let part = if let Period::Rolling(_) = terms.period { terms.period.part(step.now) } else { *period };
        connection
            .prepare_cached(
                "INSERT INTO budget_spend (project, scope, part, spent, at) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (project, scope, part) DO UPDATE SET spent = spent + excluded.spent, at = excluded.at",
            )?
            .execute(params![project, scope, part.as_millis(), newly.as_nanos(), step.now.as_millis()])?;
        let from = terms.period.counts_from(step.now);
        connection
            .prepare_cached("DELETE FROM budget_spend WHERE project = ?1 AND scope = ?2 AND part < ?3")?
            .execute(params![project, scope, from.min(*period).as_millis()])?;
        let spent = spent(connection, account, terms.period, step.now)?;
        let told = tell::Told { account, stored: &stored, spent, now: step.now, cause: cause.as_deref() };
        tell::thresholds(connection, raiser, &told, made)?;
    }
    Ok(stands)
}

fn lend(connection: &Connection, raiser: &Raiser<'_>, step: &Step, made: &mut Made) -> Result<Lent, StoreError> {
    let mut loans = Vec::with_capacity(step.asks.len());
    for ask in &step.asks {
        let Ask { account, revision, must, needed } = ask;
        // One that is gone is as stale as one that has changed.
        let Some(stored) = find(connection, account)?.filter(|stored| stored.budget.revision == *revision) else {
            return Ok(Lent::Stale);
        };
        let terms = &stored.budget.terms;
        lapse(connection, account, step.now)?;
        let Some(limit) = terms.limit else {
            loans.push((Loan { amount: LEASE_UNLIMITED.max(*must), is_tight: false }, terms.period));
            continue;
        };
        let spent = spent(connection, account, terms.period, step.now)?;
        let lent = lent(connection, account, terms.period, step.now)?;
        let room = limit.minus(terms.minimum).minus(spent).minus(lent);
        if *must > room {
            if !step.may_lower {
                let told = tell::Told { account, stored: &stored, spent, now: step.now, cause: step.cause.as_deref() };
                tell::exhausted(connection, raiser, &told, made)?;
            }
            return Ok(Lent::Short(Box::new(Shortfall {
                scope: account.scope.clone(),
                limit,
                spent,
                // What is at hand for this very request stands in its way not.
                reserved: lent.minus(needed.minus(*must)).max(Usd::ZERO),
                minimum: terms.minimum,
                needed: *needed,
                resets_at: terms.period.ends(step.now),
            })));
        }
        let slice = Usd::from_nanos(room.as_nanos() / LEASE_SHARE);
        loans.push((Loan { amount: slice.max(*must), is_tight: slice < *must }, terms.period));
    }
    for (ask, (loan, period)) in step.asks.iter().zip(&loans) {
        connection
            .prepare_cached(
                "INSERT INTO budget_leases (project, scope, node, period, amount, renewed_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (project, scope, node, period) \
                 DO UPDATE SET amount = amount + excluded.amount, renewed_at = excluded.renewed_at",
            )?
            .execute(params![
                ask.account.project.to_string(),
                ask.account.scope.to_string(),
                step.node,
                period.began(step.now).as_millis(),
                loan.amount.as_nanos(),
                step.now.as_millis()
            ])?;
    }
    Ok(Lent::All(loans.into_iter().map(|(loan, _)| loan).collect()))
}

fn lapse(connection: &Connection, account: &Account, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM budget_leases WHERE project = ?1 AND scope = ?2 AND renewed_at < ?3")?
        .execute(params![
            account.project.to_string(),
            account.scope.to_string(),
            now.before(LEASE_LAPSE).as_millis()
        ])?;
    Ok(())
}

fn spent(connection: &Connection, account: &Account, period: Period, now: Timestamp) -> Result<Usd, StoreError> {
    let nanos = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(spent), 0) FROM budget_spend WHERE project = ?1 AND scope = ?2 AND part >= ?3",
        )?
        .query_row(
            params![account.project.to_string(), account.scope.to_string(), period.counts_from(now).as_millis()],
            |row| row.get(0),
        )?;
    Ok(Usd::from_nanos(nanos))
}

fn lent(connection: &Connection, account: &Account, period: Period, now: Timestamp) -> Result<Usd, StoreError> {
    let nanos = connection
        .prepare_cached(
            "SELECT COALESCE(SUM(MAX(amount, 0)), 0) FROM budget_leases \
             WHERE project = ?1 AND scope = ?2 AND period >= ?3 AND renewed_at >= ?4",
        )?
        .query_row(
            params![
                account.project.to_string(),
                account.scope.to_string(),
                period.began(now).as_millis(),
                now.before(LEASE_LAPSE).as_millis()
            ],
            |row| row.get(0),
        )?;
    Ok(Usd::from_nanos(nanos))
}

/// The budget that holds for a scope: its own or the one for each of its kind.
fn find(connection: &Connection, account: &Account) -> Result<Option<Stored>, StoreError> {
    if let Some(stored) = own(connection, account)? {
        return Ok(Some(stored));
    }
    match account.scope.each() {
        Some(scope) => own(connection, &Account { project: account.project, scope }),
        None => Ok(None),
    }
}

fn own(connection: &Connection, account: &Account) -> Result<Option<Stored>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM budgets WHERE project = ?1 AND scope = ?2 AND NOT removed")?
        .query_row([account.project.to_string(), account.scope.to_string()], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

/// The last revision of a scope's budget, removed or not; 0 if it never had one.
fn revision(connection: &Connection, account: &Account) -> Result<u64, StoreError> {
    let revision: Option<i64> = connection
        .prepare_cached("SELECT revision FROM budgets WHERE project = ?1 AND scope = ?2")?
        .query_row([account.project.to_string(), account.scope.to_string()], |row| row.get(0))
        .optional()?;
    u64::try_from(revision.unwrap_or(0)).map_err(|_| StoreError::Corrupt("revision"))
}

fn put(connection: &Connection, account: &Account, stored: &Stored, now: Timestamp) -> Result<(), StoreError> {
    let Stored { budget: Budget { terms, revision }, baseline } = stored;
    let Terms { limit, minimum, is_balance, period, alert_at } = terms;
    let alert_at = serde_json::to_string(alert_at).map_err(|_| StoreError::Corrupt("alert_at"))?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO budgets \
             (project, scope, limit_usd, minimum, is_balance, baseline, period, alert_at, revision, changed_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            account.project.to_string(),
            account.scope.to_string(),
            limit.map(Usd::as_nanos),
            minimum.as_nanos(),
            is_balance,
            baseline.as_nanos(),
            period.to_string(),
            alert_at,
            i64::try_from(*revision).unwrap_or(i64::MAX),
            now.as_millis()
        ])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Stored, StoreError> {
    let terms = Terms {
        limit: row.get::<_, Option<i64>>("limit_usd")?.map(Usd::from_nanos),
        minimum: Usd::from_nanos(row.get("minimum")?),
        is_balance: row.get("is_balance")?,
        period: row::id(row, "period")?,
        alert_at: row::parsed(row, "alert_at", |text| serde_json::from_str(text).ok())?,
    };
    let revision = u64::try_from(row.get::<_, i64>("revision")?).map_err(|_| StoreError::Corrupt("revision"))?;
    Ok(Stored { budget: Budget { terms, revision }, baseline: Usd::from_nanos(row.get("baseline")?) })
}
