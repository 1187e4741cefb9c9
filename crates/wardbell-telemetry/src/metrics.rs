//! The metric catalogue: every metric there is, with its unit and its closed set of labels.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The verdict's word and how the request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// As `Verdict::word` says it, or `none` where no verdict was reached.
    pub verdict: &'static str,
    /// As `Outcome::as_str` says it.
    pub outcome: &'static str,
}

/// The kind of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AlertLabels {
    /// As `AlertKind::as_str` says it.
    pub kind: &'static str,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct AttemptLabels {
    /// `delivered`, `retry` or `dead`.
    pub result: &'static str,
}

/// Why something was lost or skipped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LossLabels {
    /// What was not written: `alert` or `activity`.
    pub what: &'static str,
}

/// What came of reading the configuration anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReloadLabels {
    /// `applied`, `refused` (what was in force stays) or `failed` (the store did).
    pub result: &'static str,
}

/// Every metric of the process.
pub struct Metrics {
    registry: Registry,
    /// Requests to guarded surfaces that presented a good key, by verdict and outcome.
    pub requests: Family<RequestLabels, Counter>,
    /// Requests refused for a missing or wrong key.
    pub unauthenticated: Counter,
    /// Alerts committed, by kind.
    pub alerts: Family<AlertLabels, Counter>,
    /// Delivery attempts, by result.
    pub attempts: Family<AttemptLabels, Counter>,
    /// Rows that could not be written, by what they were.
    pub write_failures: Family<LossLabels, Counter>,
    /// Requests to guarded surfaces under way.
    pub requests_in_flight: Gauge,
    /// Reloads of the configuration, by result.
    pub reloads: Family<ReloadLabels, Counter>,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The process's metrics.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("wardbell");
        let metrics = Self {
            requests: Family::default(),
            unauthenticated: Counter::default(),
            alerts: Family::default(),
            attempts: Family::default(),
            write_failures: Family::default(),
            requests_in_flight: Gauge::default(),
            reloads: Family::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests that presented a good key", metrics.requests.clone());
        registry.register(
            "unauthenticated_requests",
            "Requests refused for a missing or wrong key",
            metrics.unauthenticated.clone(),
        );
        registry.register("alerts", "Alerts committed", metrics.alerts.clone());
        registry.register("delivery_attempts", "Delivery attempts", metrics.attempts.clone());
        registry.register("write_failures", "Rows that could not be written", metrics.write_failures.clone());
        registry.register("requests_in_flight", "Requests under way", metrics.requests_in_flight.clone());
        registry.register("configuration_reloads", "Reloads of the configuration", metrics.reloads.clone());
        Self { registry, ..metrics }
    }

    /// The metrics in the OpenMetrics text format, served at `/metrics`.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_request_is_rendered() {
        let metrics = Metrics::new();
        metrics.requests.get_or_create(&RequestLabels { verdict: "allow", outcome: "served" }).inc();
        assert!(metrics.render().contains("wardbell_requests_total{verdict=\"allow\",outcome=\"served\"} 1"));
    }
}
