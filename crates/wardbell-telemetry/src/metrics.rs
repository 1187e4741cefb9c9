//! The metric catalogue: every metric there is, with its unit and its closed set of labels.
//!
//! **Bounds.** A label's values come from code, never from a caller: words of enums and names of surfaces. No project, key,
//! user or model is a label; the management API counts those (`/api/v1/counts`).
//!
//! **Gauges of the outbox** are read from the store when somebody asks for `/metrics`; everything else is counted as it
//! happens. Counters whose labels are known beforehand stand at 0 from the start, so that a first failure is a rise.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use wardbell_core::alert::AlertKind;
use wardbell_core::entity::EntityType;
use wardbell_core::loops::Detector;

/// The upper bounds of a request's time, in seconds. Source: ours; from an answer out of memory to a long stream.
const REQUEST_SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The upper bounds of our own time, in seconds. Source: ours; the promise is milliseconds, and the model may take a second.
const OWN_SECONDS: [f64; 14] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The upper bounds of writes in one commit; the store takes 256 at most.
const COMMIT_WRITES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The surface, the verdict's word and how the request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The call, such as `chat.completions` or `scan`.
    pub surface: &'static str,
    /// As `Verdict::word` says it, or `none` where no verdict was reached.
    pub verdict: &'static str,
    /// As `Outcome::as_str` says it.
    pub outcome: &'static str,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FindingLabels {
    /// As `EntityType::group` says it: `personal`, `secret` or `injection`.
    pub group: &'static str,
    /// As `EntityType::as_str` says it.
    pub entity_type: &'static str,
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

/// Whose budget did not reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BudgetLabels {
    /// As `Scope::kind` says it.
    pub scope: &'static str,
}

/// What found a loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LoopLabels {
    /// As `Detector::as_str` says it.
    pub detector: &'static str,
}

/// Why something did not work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabels {
    /// As `DetectionFailure::word` says it.
    pub reason: &'static str,
}

/// What became of a window that the injection model was to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WindowLabels {
    /// `read`, `no_room`, `left` (nobody waited any more) or `failed`.
    pub result: &'static str,
}

/// Where the store failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StoreLabels {
    /// `begin`, `write` or `commit`.
    pub step: &'static str,
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

/// A gauge of something that is no whole number.
pub type Amount = Gauge<f64, AtomicU64>;

/// Every metric of the process.
pub struct Metrics {
    registry: Registry,
    /// Requests to guarded surfaces that presented a good key, by surface, verdict and outcome.
    pub requests: Family<RequestLabels, Counter>,
    /// Requests refused for a missing or wrong key.
    pub unauthenticated: Counter,
    /// Requests to guarded surfaces under way.
    pub requests_in_flight: Gauge,
    /// From the first byte of a request to the last byte of its answer, in seconds.
    pub request_seconds: Histogram,
    /// What Wardbell itself took for a request, in seconds.
    pub own_seconds: Histogram,
    /// What detectors took for a request, in seconds.
    pub detect_seconds: Histogram,
    /// Findings that counted under a policy, by type.
    pub findings: Family<FindingLabels, Counter>,
    /// Texts that detectors did not finish, by the reason.
    pub detection_failures: Family<FailureLabels, Counter>,
    /// Requests that a budget refused, by whose.
    pub budget_refusals: Family<BudgetLabels, Counter>,
    /// Requests and answers that the loop guard stopped, by what found the loop.
    pub loop_stops: Family<LoopLabels, Counter>,
    /// Windows that wait for the injection model.
    pub model_windows_waiting: Gauge,
    /// Windows for the injection model, by what became of them.
    pub model_windows: Family<WindowLabels, Counter>,
    /// What the injection model took for a window, in seconds.
    pub model_window_seconds: Histogram,
    /// Alerts committed, by kind.
    pub alerts: Family<AlertLabels, Counter>,
    /// Delivery attempts, by result.
    pub attempts: Family<AttemptLabels, Counter>,
    /// What delivery attempts took, in seconds.
    pub attempt_seconds: Histogram,
    /// Deliveries that are not finished.
    pub deliveries_pending: Gauge,
    /// The age of the oldest of them, in seconds; 0 where there is none.
    pub oldest_delivery_seconds: Amount,
    /// Deliveries that were given up and are still kept.
    pub dead_letters: Gauge,
    /// Writes in one commit of the store.
    pub commit_writes: Histogram,
    /// What a commit took with its writes, in seconds.
    pub commit_seconds: Histogram,
    /// Failures of the database while writing, by step.
    pub store_errors: Family<StoreLabels, Counter>,
    /// Rows that could not be written, by what they were.
    pub write_failures: Family<LossLabels, Counter>,
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
        let metrics = Self {
            registry: Registry::with_prefix("wardbell"),
            requests: Family::default(),
            unauthenticated: Counter::default(),
            requests_in_flight: Gauge::default(),
            request_seconds: Histogram::new(REQUEST_SECONDS),
            own_seconds: Histogram::new(OWN_SECONDS),
            detect_seconds: Histogram::new(OWN_SECONDS),
            findings: Family::default(),
            detection_failures: Family::default(),
            budget_refusals: Family::default(),
            loop_stops: Family::default(),
            model_windows_waiting: Gauge::default(),
            model_windows: Family::default(),
            model_window_seconds: Histogram::new(OWN_SECONDS),
            alerts: Family::default(),
            attempts: Family::default(),
            attempt_seconds: Histogram::new(REQUEST_SECONDS),
            deliveries_pending: Gauge::default(),
            oldest_delivery_seconds: Gauge::default(),
            dead_letters: Gauge::default(),
            commit_writes: Histogram::new(COMMIT_WRITES),
            commit_seconds: Histogram::new(OWN_SECONDS),
            store_errors: Family::default(),
            write_failures: Family::default(),
            reloads: Family::default(),
        };
        metrics.stand_at_zero();
        metrics.registered()
    }

    /// Makes the counters whose labels are all known.
    fn stand_at_zero(&self) {
        for entity in EntityType::ALL {
            let labels = FindingLabels { group: entity.group(), entity_type: entity.as_str() };
            drop(self.findings.get_or_create(&labels));
        }
        for kind in AlertKind::ALL {
            drop(self.alerts.get_or_create(&AlertLabels { kind: kind.as_str() }));
        }
        for detector in Detector::ALL {
            drop(self.loop_stops.get_or_create(&LoopLabels { detector: detector.as_str() }));
        }
        for result in ["delivered", "retry", "dead"] {
            drop(self.attempts.get_or_create(&AttemptLabels { result }));
        }
        for result in ["read", "no_room", "left", "failed"] {
            drop(self.model_windows.get_or_create(&WindowLabels { result }));
        }
        for scope in ["project", "key", "user", "session", "model"] {
            drop(self.budget_refusals.get_or_create(&BudgetLabels { scope }));
        }
        for step in ["begin", "write", "commit"] {
            drop(self.store_errors.get_or_create(&StoreLabels { step }));
        }
        for what in ["alert", "activity"] {
            drop(self.write_failures.get_or_create(&LossLabels { what }));
        }
    }

    fn registered(mut self) -> Self {
        let mut registry = std::mem::take(&mut self.registry);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        registry.register("requests", "Requests that presented a good key", self.requests.clone());
        registry.register(
            "unauthenticated_requests",
            "Requests refused for a missing or wrong key",
            self.unauthenticated.clone(),
        );
        registry.register("requests_in_flight", "Requests under way", self.requests_in_flight.clone());
        let seconds = [
            (
                "request_duration",
                "From the first byte of a request to the last byte of its answer",
                &self.request_seconds,
            ),
            (
                "own_duration",
                "What Wardbell itself took for a request: all but the wait for the provider",
                &self.own_seconds,
            ),
            ("detection_duration", "What detectors took for a request", &self.detect_seconds),
            ("model_window_duration", "What the injection model took for a window", &self.model_window_seconds),
            ("delivery_attempt_duration", "What a delivery attempt took", &self.attempt_seconds),
            ("store_commit_duration", "What a commit of the store took with its writes", &self.commit_seconds),
        ];
        for (name, help, histogram) in seconds {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        registry.register("findings", "Findings that counted under a policy", self.findings.clone());
        registry.register(
            "detection_failures",
            "Requests whose texts the detectors did not finish; the policy says open or closed",
            self.detection_failures.clone(),
        );
        registry.register("budget_refusals", "Requests that a budget did not cover", self.budget_refusals.clone());
        registry.register("loop_stops", "Requests and answers that the loop guard stopped", self.loop_stops.clone());
        registry.register(
            "model_windows_waiting",
            "Windows that wait for the injection model",
            self.model_windows_waiting.clone(),
        );
        registry.register(
            "model_windows",
            "Windows for the injection model, by what became of them",
            self.model_windows.clone(),
        );
        registry.register("alerts", "Alerts committed", self.alerts.clone());
        registry.register("delivery_attempts", "Delivery attempts", self.attempts.clone());
        registry.register("deliveries_pending", "Deliveries that are not finished", self.deliveries_pending.clone());
        registry.register_with_unit(
            "oldest_delivery_age",
            "Since when the oldest unfinished delivery waits",
            Unit::Seconds,
            self.oldest_delivery_seconds.clone(),
        );
        registry.register(
            "dead_letters",
            "Deliveries that were given up, as long as they are kept",
            self.dead_letters.clone(),
        );
        registry.register("store_commit_writes", "Writes in one commit of the store", self.commit_writes.clone());
        registry.register("store_errors", "Failures of the database while writing", self.store_errors.clone());
        registry.register("write_failures", "Rows that could not be written", self.write_failures.clone());
        registry.register("configuration_reloads", "Reloads of the configuration", self.reloads.clone());
        Self { registry, ..self }
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
        metrics.requests.get_or_create(&RequestLabels { surface: "scan", verdict: "allow", outcome: "served" }).inc();
        let sample = "wardbell_requests_total{surface=\"scan\",verdict=\"allow\",outcome=\"served\"} 1";
        assert!(metrics.render().contains(sample), "{}", metrics.render());
    }

    #[test]
    fn what_is_known_beforehand_stands_at_zero() {
        let text = Metrics::new().render();
        for sample in [
            "wardbell_findings_total{group=\"personal\",entity_type=\"CREDIT_CARD\"} 0",
            "wardbell_loop_stops_total{detector=\"repeated_request\"} 0",
            "wardbell_store_errors_total{step=\"commit\"} 0",
            "wardbell_own_duration_seconds_count 0",
            &format!("wardbell_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
        ] {
            assert!(text.contains(sample), "{sample} in:\n{text}");
        }
    }
}
