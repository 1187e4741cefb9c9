//! `wardbell generate`: files that are made from the code.

use std::fmt::Write as _;

use clap::ValueEnum;
use wardbell_telemetry::metrics::{AlertLabels, AttemptLabels, LossLabels, ReloadLabels, RequestLabels, metrics};

use crate::cli::print;
use crate::config::file;

/// A generated file.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Generated {
    /// openapi.json
    Openapi,
    /// wardbell.default.toml
    Config,
    /// docs/metrics.md
    Metrics,
}

impl Generated {
    pub(crate) fn run(self) {
        match self {
            Self::Openapi => print::text(&wardbell_api::openapi()),
            Self::Config => print::text(&file::default_file()),
            Self::Metrics => print::text(&metrics_page()),
        }
    }
}

/// What `/metrics` tells, as a page: read off what a process renders once each metric was touched.
fn metrics_page() -> String {
    let all = metrics();
    drop(all.requests.get_or_create(&RequestLabels { verdict: "allow", outcome: "served" }));
    drop(all.alerts.get_or_create(&AlertLabels { kind: "loop.detected" }));
    drop(all.attempts.get_or_create(&AttemptLabels { result: "delivered" }));
    drop(all.reloads.get_or_create(&ReloadLabels { result: "applied" }));
    drop(all.write_failures.get_or_create(&LossLabels { what: "activity" }));
    let rendered = all.render();
    let mut page = "# Metrics\n\n`/metrics` tells these in the OpenMetrics text format. This page is made by \
                    `cargo xtask generate`.\n\n| metric | type | labels | what |\n|---|---|---|---|\n"
        .to_owned();
    let (mut help, mut sort) = ("", "");
    for line in rendered.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            sort = rest.split_once(' ').map_or("", |(_, sort)| sort);
        } else if let Some((sample, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let pairs = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
            let labels: Vec<_> = pairs.map(|(label, _)| format!("`{label}`")).collect();
            // Writing to a string does not fail.
            let _ = writeln!(page, "| `{name}` | {sort} | {} | {help} |", labels.join(", "));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_row_for_each_metric() {
        let page = metrics_page();
        for row in [
            "| `wardbell_requests_total` | counter | `verdict`, `outcome` | Requests that presented a good key. |",
            "| `wardbell_requests_in_flight` | gauge |  | Requests under way. |",
        ] {
            assert!(page.contains(row), "{row} in:\n{page}");
        }
        let told = metrics().render().lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), told);
    }
}
