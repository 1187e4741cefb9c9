//! The table and target/bench.json.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Options;
use super::load::Cell;
use crate::program::target_dir;

/// One way at one concurrency, over all rounds.
pub(super) struct Row {
    way: &'static str,
    concurrency: usize,
    requests: usize,
    per_second: f64,
    p50: f64,
    p99: f64,
    /// The smallest and the largest median of a round: how much the machine scatters.
    p50_of_rounds: (f64, f64),
    /// Microseconds of the hop's processor time per request.
    cpu: Option<f64>,
}

/// (way, (KiB now, KiB at most)).
pub(super) type Memory = [(&'static str, (u64, u64))];

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

pub(super) fn show(rows: &[Row], memory: &Memory) {
    println!("\nlatencies in µs; 1 KiB chat request, closed loop; cpu is of the hop alone");
    println!(
        "{:>5} {:<9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} {:>16}",
        "conns", "way", "req/s", "p50", "p99", "added p50", "added p99", "x nginx", "cpu/req", "p50 of rounds"
    );
    let number = |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |n| format!("{n:.digits$}"));
    for row in rows {
        let added = added(rows, row);
        println!(
            "{:>5} {:<9} {:>9.0} {:>8.0} {:>8.0} {:>10} {:>10} {:>8} {:>8} {:>16}",
            row.concurrency,
            row.way,
            row.per_second,
            row.p50,
            row.p99,
            number(added.map(|added| added.0), 0),
            number(added.map(|added| added.1), 0),
            number(ratio(rows, row), 2),
            number(row.cpu, 1),
            format!("{:.0} to {:.0}", row.p50_of_rounds.0, row.p50_of_rounds.1),
        );
    }
    for (way, (now, most)) in memory {
        println!("{way}: {:.1} MiB resident, {:.1} at most", *now as f64 / 1024.0, *most as f64 / 1024.0);
    }
}

pub(super) fn write(rows: &[Row], memory: &Memory, options: &Options, pinned: bool) -> Result<()> {
    let cells: Vec<Value> = rows
        .iter()
        .map(|row| {
            let added = added(rows, row);
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
                "added_p50_ratio_to_nginx": ratio(rows, row),
                "cpu_us_per_request": row.cpu,
            })
        })
        .collect();
    let memory: Vec<Value> = memory
        .iter()
        .map(|(way, (now, most))| json!({ "way": way, "resident_kib": now, "resident_kib_max": most }))
        .collect();
    let report = json!({
        "smoke": options.smoke,
        "seconds": options.seconds,
        "pinned": pinned,
        "cores": cpuinfo("processor").len(),
        "processor": cpuinfo("model name").first(),
        "cells": cells,
        "memory": memory,
    });
    let path = target_dir().join("bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)?).context("could not write target/bench.json")?;
    println!("written to {}", path.display());
    Ok(())
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
