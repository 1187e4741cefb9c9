//! The tables and target/bench.json.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Options;
use super::goal::{Goal, goals};
use super::load::Cell;
use super::stream::Came;
use crate::program::target_dir;

/// All that a run measured.
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    /// (way, (KiB now, KiB at most)), before the streams.
    pub(super) memory: Vec<(&'static str, (u64, u64))>,
    /// Streams one after the other, for their first events.
    pub(super) first: Vec<StreamRow>,
    /// Streams held at once.
    pub(super) held: Vec<StreamRow>,
    /// How many.
    pub(super) streams: u32,
    /// How many threads of the whole machine ran or wanted to over the last minute, before the run: with more than a few,
    /// others took their share of both cores, and the figures are of a busy machine.
    pub(super) load_before: Option<f64>,
}

/// The streams of one way, over all rounds.
pub(super) struct StreamRow {
    pub(super) way: &'static str,
    /// Those that had a first event.
    streams: usize,
    /// Events that were due, lost, or came twice or late; and streams without an end.
    due: usize,
    pub(super) lost: usize,
    astray: usize,
    unended: usize,
    broken: Option<String>,
    whole: bool,
    /// Until the first event, p50 and p99.
    pub(super) first: (f64, f64),
    /// How late an event was: p50, p99, and the worst.
    pub(super) late: (f64, f64, f64),
    /// Microseconds of the hop's processor time per event.
    pub(super) cpu: Option<f64>,
}

/// One way at one concurrency, over all rounds.
pub(super) struct Row {
    pub(super) way: &'static str,
    pub(super) concurrency: usize,
    requests: usize,
    pub(super) per_second: f64,
    pub(super) p50: f64,
    p99: f64,
    /// The smallest and the largest median of a round: how much the machine scatters.
    p50_of_rounds: (f64, f64),
    /// Microseconds of the hop's processor time per request.
    pub(super) cpu: Option<f64>,
}

impl StreamRow {
    pub(super) fn new(way: &'static str, mut came: Came) -> StreamRow {
        StreamRow {
            way,
            streams: came.first.len(),
            due: came.due,
            lost: came.lost(),
            astray: came.astray,
            unended: came.unended,
            whole: came.is_whole(),
            first: (quantile(&mut came.first, 0.5), quantile(&mut came.first, 0.99)),
            late: (quantile(&mut came.late, 0.5), quantile(&mut came.late, 0.99), quantile(&mut came.late, 1.0)),
            cpu: came.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / came.due.max(1) as f64),
            broken: came.broken,
        }
    }
}

impl Row {
    pub(super) fn new(way: &'static str, concurrency: usize, mut cells: Vec<Cell>) -> Row {
        let medians: Vec<f64> = cells.iter_mut().map(|cell| quantile(&mut cell.latencies, 0.5)).collect();
        let elapsed: Duration = cells.iter().map(|cell| cell.elapsed).sum();
        let cpu: Option<Duration> = cells.iter().map(|cell| cell.cpu).sum();
        let mut all: Vec<Duration> = cells.into_iter().flat_map(|cell| cell.latencies).collect();
        let requests = all.len();
        Row {
            way,
            concurrency,
            requests,
            per_second: requests as f64 / elapsed.as_secs_f64(),
            p50: quantile(&mut all, 0.5),
            p99: quantile(&mut all, 0.99),
            p50_of_rounds: (
                medians.iter().copied().fold(f64::INFINITY, f64::min),
                medians.iter().copied().fold(0.0, f64::max),
            ),
            cpu: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / requests as f64),
        }
    }
}

/// The nearest-rank quantile in microseconds; 0 of nothing.
fn quantile(latencies: &mut [Duration], at: f64) -> f64 {
    latencies.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank between 0 and the length")]
    let rank = (latencies.len() as f64 * at).ceil() as usize;
    latencies.get(rank.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
}

/// What a row adds to the direct way at the same concurrency, (p50, p99) in microseconds.
fn added(rows: &[Row], row: &Row) -> Option<(f64, f64)> {
    let direct = rows.iter().find(|other| other.way == "direct" && other.concurrency == row.concurrency)?;
    (row.way != "direct").then_some((row.p50 - direct.p50, row.p99 - direct.p99))
}

/// How many times what nginx adds to the median a row adds; `None` where nginx adds nothing that can be measured.
fn ratio(rows: &[Row], row: &Row) -> Option<f64> {
    let nginx = rows.iter().find(|other| other.way == "nginx" && other.concurrency == row.concurrency)?;
    let by_nginx = added(rows, nginx)?.0;
    (row.way == "wardbell" && by_nginx > 1.0).then_some(added(rows, row)?.0 / by_nginx)
}

impl Report {
    /// What a row's figure is above the same figure of another way.
    pub(super) fn above(rows: &[StreamRow], way: &str, other: &str, figure: impl Fn(&StreamRow) -> f64) -> Option<f64> {
        let of = |way| rows.iter().find(|row| row.way == way).map(&figure);
        Some(of(way)? - of(other)?)
    }

    /// How many times what nginx adds to the median at one connection Wardbell adds.
    pub(super) fn ratio_at_one(&self) -> Option<f64> {
        self.rows
            .iter()
            .find(|row| row.way == "wardbell" && row.concurrency == 1)
            .and_then(|row| ratio(&self.rows, row))
    }

    pub(super) fn show(&self, smoke: bool) {
        self.show_requests();
        self.show_streams();
        if smoke {
            return println!("\nthe numbers of a smoke run mean nothing");
        }
        println!("\n{:<56} {:>10} {:>10}", "wardbell", "measured", "target");
        for goal in goals(self) {
            println!("{goal}");
        }
    }

    fn show_requests(&self) {
        println!("\nlatencies in µs; 1 KiB chat request, closed loop; cpu is of the hop alone");
        println!(
            "{:>5} {:<9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} {:>16}",
            "conns", "way", "req/s", "p50", "p99", "added p50", "added p99", "x nginx", "cpu/req", "p50 of rounds"
        );
        for row in &self.rows {
            let added = added(&self.rows, row);
            println!(
                "{:>5} {:<9} {:>9.0} {:>8.0} {:>8.0} {:>10} {:>10} {:>8} {:>8} {:>16}",
                row.concurrency,
                row.way,
                row.per_second,
                row.p50,
                row.p99,
                number(added.map(|added| added.0), 0),
                number(added.map(|added| added.1), 0),
                number(ratio(&self.rows, row), 2),
                number(row.cpu, 1),
                format!("{:.0} to {:.0}", row.p50_of_rounds.0, row.p50_of_rounds.1),
            );
        }
        for (way, (now, most)) in &self.memory {
            println!("{way}: {:.1} MiB resident, {:.1} at most", *now as f64 / 1024.0, *most as f64 / 1024.0);
        }
        println!("load of the machine before the run: {}", number(self.load_before, 1));
    }

    fn show_streams(&self) {
        println!("\nµs from the request to the first event, one stream after the other");
        println!("{:<9} {:>8} {:>8} {:>8} {:>16} {:>16}", "way", "streams", "p50", "p99", "p50 above nginx", "p99");
        for row in &self.first {
            let above = |figure: fn(&StreamRow) -> f64| {
                Self::above(&self.first, row.way, "nginx", figure).filter(|_| row.way == "wardbell")
            };
            println!(
                "{:<9} {:>8} {:>8.0} {:>8.0} {:>16} {:>16}",
                row.way,
                row.streams,
                row.first.0,
                row.first.1,
                number(above(|row| row.first.0), 0),
                number(above(|row| row.first.1), 0),
            );
        }
        println!("\n{} streams at once; lateness in µs behind the provider's pace", self.streams);
        println!(
            "{:<9} {:>8} {:>6} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9}",
            "way", "events", "lost", "astray", "unended", "late p50", "late p99", "latest", "cpu/event"
        );
        for row in &self.held {
            println!(
                "{:<9} {:>8} {:>6} {:>7} {:>8} {:>9.0} {:>9.0} {:>9.0} {:>9}",
                row.way,
                row.due,
                row.lost,
                row.astray,
                row.unended,
                row.late.0,
                row.late.1,
                row.late.2,
                number(row.cpu, 1),
            );
        }
    }

    /// # Errors
    /// When an event did not come through Wardbell in its place, or a stream did not end.
    pub(super) fn nothing_lost(&self) -> Result<()> {
        let mut rows = self.first.iter().chain(&self.held);
        let Some(row) = rows.find(|row| row.way == "wardbell" && !row.whole) else { return Ok(()) };
        let why = row.broken.as_deref().unwrap_or("no connection broke");
        bail!(
            "of {} events {} were lost and {} came twice or late, and {} streams had no end: {why}",
            row.due,
            row.lost,
            row.astray,
            row.unended
        );
    }

    pub(super) fn write(&self, options: &Options, pinned: bool) -> Result<()> {
        let cells: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let added = added(&self.rows, row);
                json!({
                    "way": row.way,
                    "concurrency": row.concurrency,
                    "requests": row.requests,
                    "requests_per_second": row.per_second,
                    "p50_us": row.p50,
                    "p99_us": row.p99,
                    "p50_us_of_rounds": [row.p50_of_rounds.0, row.p50_of_rounds.1],
                    "added_p50_us": added.map(|added| added.0),
                    "added_p99_us": added.map(|added| added.1),
                    "added_p50_ratio_to_nginx": ratio(&self.rows, row),
                    "cpu_us_per_request": row.cpu,
                })
            })
            .collect();
        let memory: Vec<Value> = self
            .memory
            .iter()
            .map(|(way, (now, most))| json!({ "way": way, "resident_kib": now, "resident_kib_max": most }))
            .collect();
        let report = json!({
            "smoke": options.smoke,
            "seconds": options.seconds,
            "pinned": pinned,
            "load_before": self.load_before,
            "cores": cpuinfo("processor").len(),
            "processor": cpuinfo("model name").first(),
            "cells": cells,
            "memory": memory,
            "first_events": self.first.iter().map(StreamRow::to_json).collect::<Vec<_>>(),
            "streams_at_once": self.streams,
            "held": self.held.iter().map(StreamRow::to_json).collect::<Vec<_>>(),
            "goals": goals(self).iter().map(Goal::to_json).collect::<Vec<_>>(),
        });
        let path = target_dir().join("bench.json");
        std::fs::write(&path, serde_json::to_string_pretty(&report)?).context("could not write target/bench.json")?;
        println!("written to {}", path.display());
        Ok(())
    }
}

impl StreamRow {
    fn to_json(&self) -> Value {
        json!({
            "way": self.way,
            "events": self.due,
            "lost": self.lost,
            "astray": self.astray,
            "streams": self.streams,
            "streams_unended": self.unended,
            "first_event_p50_us": self.first.0,
            "first_event_p99_us": self.first.1,
            "late_p50_us": self.late.0,
            "late_p99_us": self.late.1,
            "late_max_us": self.late.2,
            "cpu_us_per_event": self.cpu,
        })
    }
}

/// A number of so many digits, or a dash.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
}

/// The load average of the last minute (proc_loadavg(5)).
pub(super) fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// Every value of a field of /proc/cpuinfo: one for each core of the machine, whatever this program is bound to.
fn cpuinfo(field: &str) -> Vec<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(name, _)| name.trim() == field).map(|(_, value)| value.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let mut latencies: Vec<Duration> = (1..=100).rev().map(Duration::from_micros).collect();
        for (at, micros) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            assert!((quantile(&mut latencies, at) - micros).abs() < 0.001);
        }
        assert!(quantile(&mut [], 0.5).abs() < 0.001);
    }
}
