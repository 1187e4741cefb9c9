//! Silences and mute windows: who holds back which alerts, when, and why.
//!
//! What is held back is counted and told as one message when the silence ends: suppression is never silent. Endpoints
//! that get every alert on its own (grouping off) are held back only by a silence that names them.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use serde::{Deserialize, Serialize};
use wardbell_core::alert::{Alert, AlertKind, Severity};
use wardbell_core::id::{EndpointId, ProjectId, SilenceId};
use wardbell_core::time::Timestamp;

use crate::endpoint::{Endpoint, Events, Filter, Pattern};

/// A silence as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Its identity.
    pub id: SilenceId,
    /// The project whose alerts it holds back.
    pub project: ProjectId,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Which alerts it holds back.
    pub matcher: Matcher,
    /// When it holds.
    pub period: Period,
}

/// Which alerts a silence holds back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Matcher {
    /// Only on the way to this endpoint; `None` is every endpoint that folds.
    pub endpoint: Option<EndpointId>,
    /// Kinds, as an endpoint names them; empty is every kind.
    pub events: Vec<String>,
    /// The highest severity that is held back; `None` is every one.
    pub severity_max: Option<Severity>,
    /// Models, keys and entity types; an alert without the thing that is named is not held back.
    pub filter: Filter,
}

/// When a silence holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Period {
    /// Once.
    Once {
        /// From when.
        starts_at: Stamp,
        /// Until when.
        ends_at: Stamp,
    },
    /// Every week, as a mute window.
    Weekly(Weekly),
}

/// A time inside of stored JSON, in milliseconds.
pub type Stamp = i64;

/// A mute window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weekly {
    /// Days on which it begins: `mon` to `sun`.
    pub days: Vec<String>,
    /// When it begins, `HH:MM` in its time zone.
    pub from: String,
    /// When it ends, `HH:MM`; not later than `from` means on the next day.
    pub to: String,
    /// An IANA time zone, such as `Europe/Berlin`.
    pub time_zone: String,
    /// When the window is no longer kept.
    pub expires_at: Stamp,
}

/// Why a mute window cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No such day.
    #[error("`{0}` is no day; use mon, tue, wed, thu, fri, sat or sun")]
    Day(String),
    /// No day at all.
    #[error("a mute window needs at least one day")]
    NoDay,
    /// No such time.
    #[error("`{0}` is no time of day of the form HH:MM")]
    Time(String),
    /// No such zone.
    #[error("`{0}` is no IANA time zone, such as Europe/Berlin or UTC")]
    Zone(String),
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Silence {
    /// Until when an alert on its way to an endpoint is held back; `None` if it is not.
    pub fn holds(&self, endpoint: &Endpoint, alert: &Alert) -> Option<Timestamp> {
        let until = self.period.until(alert.at)?;
        self.matcher.contains(endpoint, alert).then_some(until)
    }

    /// What the message at its end says of it.
    pub fn note(&self) -> String {
        let Self { author, reason, .. } = self;
        format!("silenced by {author}: {reason}")
    }
}

impl Matcher {
    fn contains(&self, endpoint: &Endpoint, alert: &Alert) -> bool {
        let Self { endpoint: named, events, severity_max, filter } = self;
        let is_for = match named {
            Some(id) => *id == endpoint.id,
            None => endpoint.grouping().enabled,
        };
        is_for && is_of(events, alert.kind) && severity_max.is_none_or(|max| alert.kind.severity() <= max) && {
            let Filter { models, keys, entity_types } = filter;
            // An alert that has no model is not one of the models that somebody silenced.
            (models.is_empty() || alert.model().is_some())
                && (keys.is_empty() || alert.source.key.is_some())
                && (entity_types.is_empty() || !alert.entity_types().is_empty())
                && filter.contains(alert)
        }
    }
}

fn is_of(events: &[String], kind: AlertKind) -> bool {
    events.is_empty()
        || Events::Only(events.iter().filter_map(|name| Pattern::from_name(name)).collect()).contains(kind)
}

impl Period {
    /// Checks what a caller wrote.
    ///
    /// # Errors
    /// When a day, a time or the zone does not exist.
    pub fn check(&self) -> Result<(), WindowError> {
        match self {
            Self::Once { .. } => Ok(()),
            Self::Weekly(weekly) => weekly.parts().map(drop),
        }
    }

    /// Until when it holds, if it holds at that time.
    pub fn until(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { starts_at, ends_at } => {
                (*starts_at..*ends_at).contains(&at.as_millis()).then(|| Timestamp::from_millis(*ends_at))
            }
            Self::Weekly(weekly) if at.as_millis() < weekly.expires_at => {
                weekly.until(at).map(|until| until.min(Timestamp::from_millis(weekly.expires_at)))
            }
            Self::Weekly(_) => None,
        }
    }

    /// Whether it will never hold again.
    pub fn is_over(&self, at: Timestamp) -> bool {
        let (Self::Once { ends_at: end, .. } | Self::Weekly(Weekly { expires_at: end, .. })) = self;
        at.as_millis() >= *end
    }
}

impl Weekly {
    fn parts(&self) -> Result<(Vec<Weekday>, Time, Time, TimeZone), WindowError> {
        let Self { days, from, to, time_zone, expires_at: _ } = self;
        let day = |name: &String| {
            let found = DAYS.iter().find(|(known, _)| known == name);
            found.map(|(_, day)| *day).ok_or_else(|| WindowError::Day(name.clone()))
        };
        let days = days.iter().map(day).collect::<Result<Vec<_>, _>>()?;
        if days.is_empty() {
            return Err(WindowError::NoDay);
        }
        let time = |text: &String| time_of(text).ok_or_else(|| WindowError::Time(text.clone()));
        let zone = TimeZone::get(time_zone).map_err(|_| WindowError::Zone(time_zone.clone()))?;
        Ok((days, time(from)?, time(to)?, zone))
    }

    /// The end of the window that holds at that time: today's, or the one that began yesterday and goes past midnight.
    fn until(&self, at: Timestamp) -> Option<Timestamp> {
        let (days, from, to, zone) = self.parts().ok()?;
        let now = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?.to_zoned(zone.clone());
        let moment = |zoned: &Zoned| Timestamp::from_millis(zoned.timestamp().as_millisecond());
        let mut until = None;
        for back in [1, 0] {
            let begin = now.date().checked_sub(Span::new().days(back)).ok()?;
            let end = if to <= from { begin.checked_add(Span::new().days(1)).ok()? } else { begin };
            let begins = begin.to_datetime(from).to_zoned(zone.clone()).ok()?;
            let ends = end.to_datetime(to).to_zoned(zone.clone()).ok()?;
            if days.contains(&begin.weekday()) && (moment(&begins)..moment(&ends)).contains(&at) {
                until = until.max(Some(moment(&ends)));
            }
        }
        until
    }
}

/// Reads `HH:MM`.
fn time_of(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let part = |digits: &str| if digits.len() == 2 { digits.parse::<i8>().ok() } else { None };
    Time::new(part(hour)?, part(minute)?, 0, 0).ok()
}

/// How long a silence may be: longer than that is a setting of the endpoint.
pub const SILENCE_MAX: Duration = Duration::from_hours(24 * 366);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn nights() -> Weekly {
        Weekly {
            days: vec!["fri".to_owned()],
            from: "22:00".to_owned(),
            to: "06:30".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            expires_at: at("2027-01-01T00:00:00Z").as_millis(),
        }
    }

    #[test]
    fn a_window_past_midnight_begins_on_its_day_and_ends_on_the_next() {
        let period = Period::Weekly(nights());
        // 2026-11-27 is a Friday; Berlin is an hour ahead of UTC in winter.
        for (now, until) in [
            ("2026-11-27T20:59:59Z", None),
            ("2026-11-27T21:00:00Z", Some("2026-11-28T05:30:00Z")),
            ("2026-11-28T05:29:59Z", Some("2026-11-28T05:30:00Z")),
            ("2026-11-28T05:30:00Z", None),
            ("2026-11-28T21:30:00Z", None),
            ("2027-01-01T21:30:00Z", None),
        ] {
            assert_eq!(period.until(at(now)), until.map(at), "{now}");
        }
    }

    #[test]
    fn a_window_follows_the_change_of_clocks() {
        let period = Period::Weekly(nights());
        // In summer the same window is an hour earlier in UTC.
        assert_eq!(period.until(at("2026-07-03T20:00:00Z")), Some(at("2026-07-04T04:30:00Z")));
    }

    #[test]
    fn a_window_within_a_day_and_one_silence() {
        let lunch =
            Weekly { from: "12:00".to_owned(), to: "13:00".to_owned(), time_zone: "UTC".to_owned(), ..nights() };
        let period = Period::Weekly(lunch);
        assert_eq!(period.until(at("2026-11-27T12:30:00Z")), Some(at("2026-11-27T13:00:00Z")));
        assert_eq!(period.until(at("2026-11-28T12:30:00Z")), None);
        let once = Period::Once { starts_at: 10, ends_at: 20 };
        assert_eq!(once.until(Timestamp::from_millis(9)), None);
        assert_eq!(once.until(Timestamp::from_millis(10)), Some(Timestamp::from_millis(20)));
        assert_eq!(once.until(Timestamp::from_millis(20)), None);
        assert!(once.is_over(Timestamp::from_millis(20)));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for (weekly, expect) in [
            (Weekly { days: vec![], ..nights() }, WindowError::NoDay),
            (Weekly { days: vec!["Friday".to_owned()], ..nights() }, WindowError::Day("Friday".to_owned())),
            (Weekly { from: "24:00".to_owned(), ..nights() }, WindowError::Time("24:00".to_owned())),
            (Weekly { to: "6:30".to_owned(), ..nights() }, WindowError::Time("6:30".to_owned())),
            (Weekly { time_zone: "Mars/Olympus".to_owned(), ..nights() }, WindowError::Zone("Mars/Olympus".to_owned())),
        ] {
            assert_eq!(Period::Weekly(weekly).check(), Err(expect));
        }
        assert_eq!(Period::Weekly(nights()).check(), Ok(()));
    }
}
