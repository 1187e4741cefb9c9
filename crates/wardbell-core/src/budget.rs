//! Budgets: how much may be spent, by whom, over what time.
//!
//! **Cast.** A [`Scope`] is who or what spends; its [`Terms`] say how much, over a [`Period`]. A node borrows slices of the
//! limit into a [`purse::Purse`] and takes from it what a request may cost at most; the [`reservation::Reservation`] that
//! comes of it settles exactly once. A [`Shortfall`] is the refusal.
//!
//! **Invariant.** In every scope `spent + lent <= limit`, and in every purse `free + held + spent = lent`.

pub mod purse;
pub mod reservation;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::id::{KeyId, ProjectId};
use crate::money::Usd;
use crate::time::Timestamp;

/// The shares of a budget at which somebody is told unless the budget says otherwise, in percent.
pub const ALERT_AT_DEFAULT: &[u8] = &[50, 80, 95];

/// The longest name of a user, session or model that has a budget of its own, in characters.
pub const SCOPE_CHARS_MAX: usize = 200;

/// Who or what spends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole project.
    Project,
    /// One key.
    Key(KeyId),
    /// One end user.
    User(Arc<str>),
    /// One session.
    Session(Arc<str>),
    /// One model.
    Model(Arc<str>),
    /// Each end user that has no budget of its own.
    EachUser,
    /// Each session that has no budget of its own.
    EachSession,
    /// Each key that has no budget of its own.
    EachKey,
}

impl Scope {
    /// What stands for the scope where it has no budget of its own.
    pub const fn each(&self) -> Option<Self> {
        match self {
            Self::Key(_) => Some(Self::EachKey),
            Self::User(_) => Some(Self::EachUser),
            Self::Session(_) => Some(Self::EachSession),
            Self::Project | Self::Model(_) | Self::EachUser | Self::EachSession | Self::EachKey => None,
        }
    }

    /// The word for who or what it is of: what stands before the colon.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Key(_) | Self::EachKey => "key",
            Self::User(_) | Self::EachUser => "user",
            Self::Session(_) | Self::EachSession => "session",
            Self::Model(_) => "model",
        }
    }

    /// Whether it stands for many: it has terms and spends nothing itself.
    pub const fn is_each(&self) -> bool {
        matches!(self, Self::EachUser | Self::EachSession | Self::EachKey)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project => f.write_str("project"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Session(name) => write!(f, "session:{name}"),
            Self::Model(name) => write!(f, "model:{name}"),
            Self::EachUser => f.write_str("user:*"),
            Self::EachSession => f.write_str("session:*"),
            Self::EachKey => f.write_str("key:*"),
        }
    }
}

/// The text names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be project, key:<id>, user:<id>, session:<id>, model:<name>, or key:*, user:* or session:*")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text == "project" {
            return Ok(Self::Project);
        }
        let (kind, name) = text.split_once(':').ok_or(ScopeError)?;
        if name.is_empty() || name.chars().count() > SCOPE_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(ScopeError);
        }
        match (kind, name) {
            ("key", "*") => Ok(Self::EachKey),
            ("user", "*") => Ok(Self::EachUser),
            ("session", "*") => Ok(Self::EachSession),
            ("key", id) => id.parse().map(Self::Key).map_err(|_| ScopeError),
            ("user", name) => Ok(Self::User(name.into())),
            ("session", name) => Ok(Self::Session(name.into())),
            ("model", name) => Ok(Self::Model(name.into())),
            _ => Err(ScopeError),
        }
    }
}

/// A scope of a project: what has a limit and a sum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The project.
    pub project: ProjectId,
    /// The scope.
    pub scope: Scope,
}

/// The time over which spending counts. Days, weeks and months are those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// For ever.
    Total,
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month of the calendar.
    Month,
    /// The last so many seconds.
    Rolling(u32),
}

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// The Monday before 1970-01-01, which was a Thursday, in milliseconds.
const FIRST_MONDAY_MS: i64 = -3 * DAY_MS;

/// A rolling period is kept in so many parts; a part counts until all of it is past, so up to one part too long.
const ROLLING_PARTS: i64 = 60;

/// The longest rolling period, in seconds: 366 days.
pub const ROLLING_SECONDS_MAX: u32 = 31_622_400;

impl Period {
    /// When the present period began; the beginning of time for one without end, and for a rolling one, which has no
    /// beginning.
    pub fn began(self, now: Timestamp) -> Timestamp {
        let now = now.as_millis();
        Timestamp::from_millis(match self {
            Self::Total | Self::Rolling(_) => 0,
            Self::Day => now.div_euclid(DAY_MS) * DAY_MS,
            Self::Week => (now - FIRST_MONDAY_MS).div_euclid(7 * DAY_MS) * (7 * DAY_MS) + FIRST_MONDAY_MS,
            Self::Month => month(now, 0),
        })
    }

    /// When the present period ends and a new one begins; `None` for those that do not.
    pub fn ends(self, now: Timestamp) -> Option<Timestamp> {
        let millis = now.as_millis();
        match self {
            Self::Total | Self::Rolling(_) => None,
            Self::Day => Some(self.began(now).as_millis() + DAY_MS),
            Self::Week => Some(self.began(now).as_millis() + 7 * DAY_MS),
            Self::Month => Some(month(millis, 1)),
        }
        .map(Timestamp::from_millis)
    }

    /// The part of the period to which spending of this moment belongs, by its beginning.
    pub fn part(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Rolling(seconds) => {
                let part = part_ms(seconds);
                Timestamp::from_millis(now.as_millis().div_euclid(part) * part)
            }
            Self::Total | Self::Day | Self::Week | Self::Month => self.began(now),
        }
    }

    /// The earliest part that counts now, by its beginning.
    pub fn counts_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Rolling(seconds) => {
                let part = part_ms(seconds);
                let from = now.as_millis() - i64::from(seconds) * 1000;
                Timestamp::from_millis(from.div_euclid(part) * part)
            }
            Self::Total | Self::Day | Self::Week | Self::Month => self.began(now),
        }
    }
}

fn part_ms(seconds: u32) -> i64 {
    (i64::from(seconds) * 1000 / ROLLING_PARTS).max(1000)
}

/// When the month of a time began, or one so many months later, in milliseconds.
fn month(millis: i64, later: i32) -> i64 {
    let start = || -> Option<i64> {
        let date = jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date();
        let first = date.first_of_month().checked_add(jiff::Span::new().months(later)).ok()?;
        Some(first.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
    };
    // Only times beyond the year 9999 get here; they share one month.
    start().unwrap_or(if later == 0 { 0 } else { i64::MAX })
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => f.write_str("total"),
            Self::Day => f.write_str("day"),
            Self::Week => f.write_str("week"),
            Self::Month => f.write_str("month"),
            Self::Rolling(seconds) => write!(f, "rolling:{seconds}"),
        }
    }
}

/// The text names no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be total, day, week, month, or rolling:<seconds> with 1 to {ROLLING_SECONDS_MAX} seconds")]
pub struct PeriodError;

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        match text {
            "total" => Ok(Self::Total),
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => text
                .strip_prefix("rolling:")
                .and_then(|seconds| seconds.parse().ok())
                .filter(|seconds| (1..=ROLLING_SECONDS_MAX).contains(seconds))
                .map(Self::Rolling)
                .ok_or(PeriodError),
        }
    }
}

/// How much may be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The limit; `None` only counts. Of a balance: all that was ever paid in.
    pub limit: Option<Usd>,
    /// What must stay: nothing is reserved below it.
    pub minimum: Usd,
    /// Whether it is a balance, which is topped up, rather than a limit of a period.
    pub is_balance: bool,
    /// The time over which spending counts; a balance counts for ever.
    pub period: Period,
    /// The shares at which somebody is told, in percent, each 1 to 100.
    pub alert_at: Vec<u8>,
}

/// A budget does not reach: which, and by how much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the budget of {scope} does not cover this request: it may cost {needed} USD, and {spent} of {limit} USD are spent and {reserved} reserved"
)]
pub struct Shortfall {
    /// Whose budget it is.
    pub scope: Scope,
    /// The limit; of a balance, all that was paid in.
    pub limit: Usd,
    /// What was spent of it.
    pub spent: Usd,
    /// What is lent to nodes or held for requests under way.
    pub reserved: Usd,
    /// What must stay.
    pub minimum: Usd,
    /// What the request may cost at most.
    pub needed: Usd,
    /// When the period ends; `None` if only a top-up or time within a rolling period helps.
    pub resets_at: Option<Timestamp>,
}

impl Shortfall {
    /// What is left: the limit without what was spent.
    pub const fn balance(&self) -> Usd {
        self.limit.minus(self.spent)
    }

    /// The most that a request could reserve now, for lowering what it asks for; never negative.
    pub fn room(&self) -> Usd {
        self.limit.minus(self.minimum).minus(self.spent).minus(self.reserved).max(Usd::ZERO)
    }
}

#[cfg(test)]
mod tests;
