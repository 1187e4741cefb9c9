//! `wardbell generate`: files that are made from the code.

use std::fmt::Write as _;

use clap::ValueEnum;
use wardbell_telemetry::metrics::{FailureLabels, ReloadLabels, RequestLabels, metrics};

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
    drop(all.requests.get_or_create(&RequestLabels { surface: "scan", verdict: "allow", outcome: "served" }));
    drop(all.detection_failures.get_or_create(&FailureLabels { reason: "timed_out" }));
    drop(all.reloads.get_or_create(&ReloadLabels { result: "applied" }));
    let rendered = all.render();
    let mut page = PAGE_HEAD.to_owned();
    let (mut help, mut sort, mut is_told) = ("", "", false);
    for line in rendered.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map_or("", |(_, help)| help);
            is_told = false;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            sort = rest.split_once(' ').map_or("", |(_, sort)| sort);
        } else if let Some((sample, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#') && !is_told) {
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            // A histogram is one metric of several samples.
            let name = if sort == "histogram" { name.trim_end_matches("_sum") } else { name };
            let pairs = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
            let labels: Vec<_> = pairs.map(|(label, _)| format!("`{label}`")).collect();
            // Writing to a string does not fail.
            let _ = writeln!(page, "| `{name}` | {sort} | {} | {help} |", labels.join(", "));
            is_told = true;
        }
    }
    page
}

const PAGE_HEAD: &str = "# Metrics

`/metrics` tells these in the OpenMetrics text format, without a key: keep it from the public as you keep the API. This page is
made by `cargo xtask generate`.

Values of labels are words of Wardbell's own, so there are only so many series: no project, key, user or model is a label. Who
used what is in the activity and in `/api/v1/counts`.

| metric | type | labels | what |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_row_for_each_metric() {
        let page = metrics_page();
        for row in [
            "| `wardbell_requests_total` | counter | `surface`, `verdict`, `outcome` | Requests that presented a good key. |",
            "| `wardbell_own_duration_seconds` | histogram |  | What Wardbell itself took for a request: all but the wait for \
             the provider. |",
            "| `wardbell_requests_in_flight` | gauge |  | Requests under way. |",
        ] {
            assert!(page.contains(row), "{row} in:\n{page}");
        }
        let told = metrics().render().lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), told);
    }
}
