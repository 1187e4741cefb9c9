//! Budgets as stored, and the one step in which a node borrows, accounts and gives back.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wardbell_core::budget::{Account, Period, Scope, Shortfall, Terms};
use wardbell_core::id::{KeyId, ProjectId, RequestId};
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;

/// After so long without a word from the node that borrowed it, a lease lapses and its money can be spent again. Source:
/// our choice; longer than any request may take by default, so that what a dead node's requests did cost was billed.
pub const LEASE_LAPSE: Duration = Duration::from_mins(15);

/// What part of what is left a node borrows at once: few commits while there is much, and little that is idle elsewhere
/// when it runs out. Source: our choice.
pub const LEASE_SHARE: i64 = 16;

/// What a node borrows of a budget without a limit: one dollar.
pub const LEASE_UNLIMITED: Usd = Usd::from_nanos(1_000_000_000);

/// A budget as nodes know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// How much, over what time.
    pub terms: Terms,
    /// One more at each change and top-up.
    pub revision: u64,
}

/// The budgets of one project.
#[derive(Debug, Default)]
pub struct ProjectBudgets {
    /// Each by its scope; those for each user and the like among them.
    pub scopes: HashMap<Scope, Budget>,
}

impl ProjectBudgets {
    /// The budget of a scope: its own, or the one for each of its kind.
    pub fn of(&self, scope: &Scope) -> Option<&Budget> {
        self.scopes.get(scope).or_else(|| self.scopes.get(&scope.each()?))
    }
}

/// How much a budget is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// No limit; spending is counted.
    Unlimited,
    /// So much is left from now on, for ever.
    Balance(Usd),
    /// So much in each period.
    Limit(Usd, Period),
}

/// What is to change of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetChange {
    /// It is set anew; what was spent stays.
    Set {
        /// How much.
        sum: Sum,
        /// What must stay.
        minimum: Usd,
        /// The shares at which somebody is told, in percent.
        alert_at: Vec<u8>,
    },
    /// So much is added to its balance.
    TopUp(Usd),
}

/// A budget and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStatus {
    /// The budget.
    pub terms: Terms,
    /// What was spent in the present period.
    pub spent: Usd,
    /// What is lent to nodes: held for requests, or ready for the next ones.
    pub reserved: Usd,
    /// When the period ends.
    pub resets_at: Option<Timestamp>,
}

/// Who spends, for the scopes that count and for alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spender {
    /// The project.
    pub project: ProjectId,
    /// The key.
    pub key: KeyId,
    /// The end user, if known.
    pub user: Option<Arc<str>>,
    /// The session, if known.
    pub session: Option<Arc<str>>,
    /// The model that the caller asked for.
    pub model: Arc<str>,
    /// The request's id, as alerts tell it.
    pub request: RequestName,
}

/// A request's id, as alerts tell it. It becomes a text only where an alert does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestName {
    /// Ours.
    Ours(RequestId),
    /// The caller's own.
    Callers(Arc<str>),
}

impl fmt::Display for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(id) => id.fmt(f),
            Self::Callers(name) => f.write_str(name),
        }
    }
}

/// What a node tells of one scope.
#[derive(Debug, Clone)]
pub struct Report {
    /// The scope.
    pub account: Account,
    /// When the period began for which it was borrowed.
    pub period: Timestamp,
    /// What was spent since the last report.
    pub spent: Usd,
    /// What is given back.
    pub given_back: Usd,
    /// Who spent last.
    pub cause: Option<Arc<Spender>>,
}

/// What a node wants of one scope.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The scope.
    pub account: Account,
    /// The budget's revision that the node knows.
    pub revision: u64,
    /// What it needs; nothing is lent unless there is so much.
    pub must: Usd,
    /// What the request may cost, for the refusal; the rest is at hand already.
    pub needed: Usd,
}

/// One step of a node: reports, then asks, in one transaction.
#[derive(Debug, Clone)]
pub struct Step {
    /// The node.
    pub node: Arc<str>,
    /// The time.
    pub now: Timestamp,
    /// What it tells.
    pub reports: Vec<Report>,
    /// What it asks for: all or nothing.
    pub asks: Vec<Ask>,
    /// Who asks; needed where something is asked.
    pub cause: Option<Arc<Spender>>,
    /// Who asks may ask for less: a shortfall is not told as an exhaustion.
    pub may_lower: bool,
    /// The node stops and holds nothing: whatever else stands in its name is given back.
    pub is_leaving: bool,
}

/// What came of the asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lent {
    /// All were granted, in their order: at least what was needed.
    All(Vec<Loan>),
    /// One was not, so none was.
    Short(Box<Shortfall>),
    /// The node knows an older revision of a budget, so none was.
    Stale,
}

/// What was lent of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loan {
    /// How much.
    pub amount: Usd,
    /// Whether so little is left that only what was needed was lent.
    pub is_tight: bool,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    /// Of the asks.
    pub lent: Lent,
    /// For each report, whether its lease still stood. Where it did not, what the node has of it is no longer its own.
    pub stood: Vec<bool>,
}
