//! What the gateway promises of its speed, beside what was measured.

use std::fmt;

use serde_json::{Value, json};

use super::report::{Report, StreamRow, number};

/// A figure and its promise. The promises are for one core, beside an nginx hop in the same run.
pub(super) struct Goal {
    what: &'static str,
    /// `None` where there is nothing to compare with.
    measured: Option<f64>,
    target: Target,
}

enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// All promises. Source: our own.
pub(super) fn goals(report: &Report) -> Vec<Goal> {
    let goal = |what, measured, target| Goal { what, measured, target };
    let at_64 = report.rows.iter().find(|row| row.way == "wardbell" && row.concurrency == 64);
    let guards = report.rows.iter().find(|row| row.way == super::GUARDS && row.concurrency == 64);
    let by_guards =
        guards.and_then(|row| row.cpu).zip(at_64.and_then(|row| row.cpu)).map(|(with, without)| with - without);
    let first = |figure: fn(&StreamRow) -> f64| Report::above(&report.first, "wardbell", "nginx", figure);
    let lost = report.held.iter().find(|row| row.way == "wardbell").map(|row| row.lost as f64);
    vec![
        goal("requests a second at 64 connections", at_64.map(|row| row.per_second), Target::AtLeast(12_000.0)),
        goal("µs of processor time a request at 64 connections", at_64.and_then(|row| row.cpu), Target::AtMost(60.0)),
        goal("µs of it for the guards of loops and money", by_guards, Target::AtMost(10.0)),
        goal("added p50 at 1 connection, times nginx's", report.ratio_at_one(), Target::AtMost(1.5)),
        goal("µs to the first event above nginx, p50", first(|row| row.first.0), Target::AtMost(300.0)),
        goal("µs to the first event above nginx, p99", first(|row| row.first.1), Target::AtMost(300.0)),
        goal("events lost of the streams held at once", lost, Target::AtMost(0.0)),
    ]
}

impl Goal {
    /// Whether the promise is kept; `None` where that was not measured.
    fn is_met(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.target {
            Target::AtLeast(target) => measured >= target,
            Target::AtMost(target) => measured <= target,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let (kind, target) = match self.target {
            Target::AtLeast(target) => ("at_least", target),
            Target::AtMost(target) => ("at_most", target),
        };
        json!({ "what": self.what, "measured": self.measured, kind: target, "met": self.is_met() })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, target) = match self.target {
            Target::AtLeast(target) => ("≥", target),
            Target::AtMost(target) => ("≤", target),
        };
        let digits = |number: f64| if number < 100.0 && number.fract() != 0.0 { 2 } else { 0 };
        let measured = number(self.measured, self.measured.map_or(0, digits));
        let word = match self.is_met() {
            Some(true) => "",
            Some(false) => "  missed",
            None => "  not measured",
        };
        write!(
            f,
            "{:<56} {measured:>10} {:>10}{word}",
            self.what,
            format!("{sign} {}", number(Some(target), digits(target)))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_says_whether_it_is_met() {
        let goal = |measured, target| Goal { what: "figure", measured, target };
        let table = [
            (goal(Some(12_000.0), Target::AtLeast(12_000.0)), Some(true), "12000    ≥ 12000"),
            (goal(Some(11_999.0), Target::AtLeast(12_000.0)), Some(false), "11999    ≥ 12000  missed"),
            (goal(Some(1.504), Target::AtMost(1.5)), Some(false), "1.50     ≤ 1.50  missed"),
            (goal(Some(0.0), Target::AtMost(0.0)), Some(true), "0        ≤ 0"),
            (goal(None, Target::AtMost(1.5)), None, "-     ≤ 1.50  not measured"),
        ];
        for (goal, met, text) in table {
            assert_eq!(goal.is_met(), met);
            assert!(goal.to_string().ends_with(text), "{goal}");
        }
    }
}
