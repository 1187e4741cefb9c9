//! A request on its way: what will be recorded of it. It records exactly once, even when it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use tokio::task::JoinHandle;
use wardbell_core::activity::Activity;
use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, LoopData};
use wardbell_core::entity::EntityType;
use wardbell_core::finding::Located;
use wardbell_core::id::{KeyId, ProjectId, RequestId};
use wardbell_core::money::Usd;
use wardbell_core::outcome::Outcome;
use wardbell_core::policy::{FailMode, Sensitivity};
use wardbell_core::principal::Principal;
use wardbell_core::provider::ProviderKind;
use wardbell_core::time::Timestamp;
use wardbell_core::usage::Usage;
use wardbell_core::verdict::{DetectionFailure, Verdict};
use wardbell_guard::policy::decide::Beside;
use wardbell_store::budget::RequestName;
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;
use wardbell_telemetry::metrics::{
    AlertLabels, FailureLabels, FindingLabels, LoopLabels, LossLabels, RequestLabels, metrics,
};

use crate::cause::{self, Cause};
use crate::edge::Edge;
use crate::loops::{Circle, Watch};
use crate::money::{Held, Pricing};
use crate::record::{Place, Recorder};
use crate::report::Report;

/// The longest caller-sent request id, and the shortest: long enough not to clash by chance.
const CALLER_ID_LENGTHS: std::ops::RangeInclusive<usize> = 8..=128;

/// How much of a model's name is kept in rows and alerts, in characters.
const MODEL_CHARACTERS_MAX: usize = 128;

/// The moment a request arrives, before anybody knows whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) request: RequestId,
    caller_request: Option<String>,
    at: Timestamp,
    started: Instant,
}

impl Arrival {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let at = ambient::now();
        Self {
            request: RequestId::mint(at, ambient::entropy()),
            caller_request: headers.get("x-request-id").and_then(|id| id.to_str().ok()).and_then(well_formed),
            at,
            started: Instant::now(),
        }
    }

    /// The id that the caller and the receivers of alerts see: the caller's own, if it is well formed.
    pub(crate) fn name(&self) -> RequestName {
        self.caller_request.as_deref().map_or(RequestName::Ours(self.request), |name| RequestName::Callers(name.into()))
    }

    /// The same as a text.
    pub(crate) fn shown_id(&self) -> String {
        self.caller_request.clone().unwrap_or_else(|| self.request.to_string())
    }
}

fn well_formed(id: &str) -> Option<String> {
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    (CALLER_ID_LENGTHS.contains(&id.len()) && plain).then(|| id.to_owned())
}

/// A request on its way.
pub(crate) struct Flight {
    pub(crate) arrival: Arrival,
    row: Activity,
    /// The end user that the key was made for.
    user: Option<String>,
    place: Option<Place>,
    /// Commits under way.
    alerts: Vec<JoinHandle<()>>,
    /// Where alerts are committed.
    store: Arc<dyn Store>,
    /// Held by every commit; see [`Flight::commit`].
    recorder: Recorder,
    preview: Option<String>,
    sensitivity: Sensitivity,
    /// The fingerprint of the text that holds an injection.
    fingerprint: Option<String>,
    edge: Edge,
    /// The kind of the provider that it was sent to last.
    kind: Option<ProviderKind>,
    /// Whether a provider may bill it.
    is_billable: bool,
    /// Money that is held for it.
    money: Option<Held>,
    /// The loop guard's memory of it.
    watch: Option<Watch>,
    pricing: Arc<Pricing>,
    /// What the caller is told of what was seen, on the scan and proxy surface.
    pub(crate) report: Option<Report>,
    /// The wait for the upstream after its first byte, for the rest of an answer that is read whole.
    body_wait: Duration,
}

/// What a flight needs of the gateway.
pub(crate) struct Tower<'g> {
    pub(crate) store: &'g Arc<dyn Store>,
    pub(crate) recorder: &'g Recorder,
    pub(crate) place: Place,
    /// What calls cost.
    pub(crate) pricing: &'g Arc<Pricing>,
}

/// What alerts tell beside what was found.
pub(crate) struct Evidence {
    /// How low a score counted as an injection.
    pub(crate) sensitivity: Sensitivity,
    /// The masked beginning of the text, where somebody wants it.
    pub(crate) preview: Option<String>,
    /// The fingerprint of the text that holds an injection.
    pub(crate) fingerprint: Option<String>,
}

impl Flight {
    pub(crate) fn begin(
        arrival: Arrival,
        tower: Tower<'_>,
        principal: &Principal,
        policy_version: u32,
        (edge, surface): (Edge, &'static str),
    ) -> Self {
        metrics().requests_in_flight.inc();
        let row = Activity {
            request: arrival.request,
            caller_request: arrival.caller_request.clone(),
            at: arrival.at,
            project: principal.project,
            key: principal.key,
            surface,
            model: String::new(),
            provider: String::new(),
            verdict: "none",
            outcome: Outcome::InFlight,
            status: 0,
            entity_types: Vec::new(),
            violation_count: 0,
            injection_score: 0.0,
            streamed: false,
            latency: Duration::ZERO,
            detect_latency: Duration::ZERO,
            upstream_latency: Duration::ZERO,
            own_latency: Duration::ZERO,
            usage: None,
            cost: None,
            policy_version,
        };
        let Tower { store, recorder, place, pricing } = tower;
        Self {
            arrival,
            row,
            user: principal.user.clone(),
            place: Some(place),
            alerts: Vec::new(),
            store: Arc::clone(store),
            recorder: recorder.clone(),
            preview: None,
            sensitivity: Sensitivity::Medium,
            fingerprint: None,
            edge,
            kind: None,
            is_billable: false,
            money: None,
            watch: None,
            pricing: Arc::clone(pricing),
            report: None,
            body_wait: Duration::ZERO,
        }
    }

    pub(crate) fn edge(&self) -> Edge {
        self.edge
    }

    pub(crate) fn provider(&self) -> &str {
        &self.row.provider
    }

    pub(crate) fn model(&self) -> &str {
        &self.row.model
    }

    /// Notes what the caller asked for. The name is the caller's text: it is cut, and control characters are taken out.
    pub(crate) fn asked(&mut self, model: &str) {
        self.row.model = model.chars().filter(|c| !c.is_control()).take(MODEL_CHARACTERS_MAX).collect();
    }

    pub(crate) fn sent_to(&mut self, provider: &str, kind: Option<ProviderKind>) {
        provider.clone_into(&mut self.row.provider);
        self.kind = kind;
    }

    /// Takes over money that is held for the request. It is settled when the flight ends, whatever its end.
    pub(crate) fn holds(&mut self, money: Held) {
        self.money = Some(money);
    }

    /// Whether money is held for the request.
    pub(crate) fn is_held(&self) -> bool {
        self.money.is_some()
    }

    /// From here on a provider may bill the request.
    pub(crate) fn billable(&mut self, is_billable: bool) {
        self.is_billable = is_billable;
    }

    /// Takes over the loop guard's memory of the request, until its end.
    pub(crate) fn watched(&mut self, watch: Option<Watch>) {
        self.watch = watch;
    }

    /// Takes down a loop, and starts to commit its alert where it is news.
    pub(crate) fn circles(&mut self, circle: &Circle) {
        if circle.refuses() {
            self.loop_stopped(&circle.data);
        }
        if circle.is_news {
            self.loop_found(circle.data.clone());
        }
    }

    /// Starts to commit an alert of a loop.
    pub(crate) fn loop_found(&mut self, data: LoopData) {
        let mut alert = self.cause().alert(AlertKind::LoopDetected, &[], DlpAction::Block);
        alert.data = AlertData::Loop(data);
        alert.source.injection = None;
        alert.source.sensitivity = None;
        alert.preview = None;
        self.commit(vec![alert]);
    }

    /// The answer was stopped because it said the same again and again.
    pub(crate) fn chanted(&mut self, data: LoopData) {
        self.loop_stopped(&data);
        self.loop_found(data);
    }

    fn loop_stopped(&mut self, data: &LoopData) {
        self.row.verdict = "block_loop";
        metrics().loop_stops.get_or_create(&LoopLabels { detector: data.detector.as_str() }).inc();
    }

    pub(crate) fn key(&self) -> KeyId {
        self.row.key
    }

    pub(crate) fn project(&self) -> ProjectId {
        self.row.project
    }

    /// The end user that the key was made for.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    pub(crate) fn streamed(&mut self) {
        self.row.streamed = true;
    }

    pub(crate) fn used(&mut self, usage: Option<Usage>) {
        self.row.usage = usage.or(self.row.usage);
    }

    pub(crate) fn upstream_answered(&mut self, after: Duration) {
        self.row.upstream_latency = after;
    }

    pub(crate) fn upstream_finished(&mut self, after: Duration) {
        self.body_wait = after;
    }

    pub(crate) fn detect_latency(&self) -> Duration {
        self.row.detect_latency
    }

    /// What the gateway itself took so far: everything but the wait for the upstream.
    pub(crate) fn own_latency(&self) -> Duration {
        self.arrival.started.elapsed().saturating_sub(self.row.upstream_latency).saturating_sub(self.body_wait)
    }

    pub(crate) fn upstream_latency(&self) -> Duration {
        self.row.upstream_latency
    }

    /// Takes down the verdict and starts to commit its alerts, if it raises any. They travel while the request goes on;
    /// [`Flight::alerts_committed`] waits for them.
    pub(crate) fn decided(&mut self, verdict: &Verdict, beside: &Beside, detect_latency: Duration, evidence: Evidence) {
        self.saw(verdict.word(), &verdict.findings(), detect_latency);
        if let Some(failure) = verdict.failure() {
            count_failure(failure);
        }
        Evidence { sensitivity: self.sensitivity, preview: self.preview, fingerprint: self.fingerprint } = evidence;
        let alerts = self.cause().alerts_of(verdict, beside);
        self.commit(alerts);
    }

    /// Takes down what was found in the answer and what was done about it, and starts to commit its alert.
    pub(crate) fn answer_decided(&mut self, found: &[Located], total: usize, action: DlpAction, detect: Duration) {
        self.row.detect_latency += detect;
        count_findings(found.iter());
        self.row.violation_count = self.row.violation_count.saturating_add(count(total));
        let mut types = entity_types(found);
        types.extend(self.row.entity_types.iter().copied());
        types.sort_unstable_by_key(|entity| entity.as_str());
        types.dedup();
        self.row.entity_types = types;
        let kind = match action {
            DlpAction::Block => {
                self.row.verdict = "block_answer";
                AlertKind::PiiBlocked
            }
            DlpAction::Redact => {
                self.row.verdict = "redact_answer";
                AlertKind::PiiRedacted
            }
            DlpAction::Detect => {
                if matches!(self.row.verdict, "allow" | "none") {
                    self.row.verdict = "observe";
                }
                return;
            }
        };
        // The preview is of the request.
        self.preview = None;
        let mut alert = self.cause().alert(kind, found, action);
        if let AlertData::Dlp(data) = &mut alert.data {
            data.violation_count = count(total);
        }
        self.commit(vec![alert]);
    }

    /// The answer could not be checked.
    pub(crate) fn answer_failed(&mut self, failure: DetectionFailure, fail: FailMode) {
        count_failure(failure);
        self.row.verdict = match fail {
            FailMode::Open => "failed_open",
            FailMode::Closed => "failed_closed",
        };
    }

    fn commit(&mut self, alerts: Vec<Alert>) {
        if alerts.is_empty() {
            return;
        }
        let (row, store) = (self.row.clone(), Arc::clone(&self.store));
        // The commit goes on if the caller leaves. It holds the recorder, whose end a stop awaits before it closes the
        // store: so a stop waits for it, too.
        let recorder = self.recorder.clone();
        self.alerts.push(tokio::spawn(async move {
            for alert in alerts {
                commit(&*store, &row, alert).await;
            }
            drop(recorder);
        }));
    }

    /// Takes down what was found, and the word for what is made of it.
    pub(crate) fn saw(&mut self, verdict: &'static str, findings: &[&Located], detect_latency: Duration) {
        self.row.verdict = verdict;
        self.row.detect_latency = detect_latency;
        self.row.violation_count = count(findings.len());
        count_findings(findings.iter().copied());
        self.row.entity_types = entity_types(findings.iter().copied());
        self.row.injection_score = cause::injection_score(findings);
    }

    fn cause(&self) -> Cause<'_> {
        Cause {
            project: self.row.project,
            request_id: self.arrival.shown_id(),
            at: self.arrival.at,
            model: &self.row.model,
            key: Some(self.row.key),
            user: self.user.as_deref(),
            injection: self.row.injection_score,
            sensitivity: self.sensitivity,
            preview: self.preview.as_deref(),
            fingerprint: self.fingerprint.as_deref(),
        }
    }

    /// Waits until the request's alerts are committed. Cancel-safe.
    pub(crate) async fn alerts_committed(&mut self) {
        while let Some(committing) = self.alerts.last_mut() {
            if committing.await.is_err() {
                tracing::error!(request = %self.arrival.request, "committing an alert stopped unexpectedly");
            }
            self.alerts.pop();
        }
    }

    /// Records how the request ended.
    pub(crate) fn end(mut self, outcome: Outcome, status: u16) {
        self.close(outcome, status);
    }

    /// Notes the status that the caller gets, for a flight that is dropped later.
    pub(crate) fn answered(&mut self, status: u16) {
        self.row.status = status;
    }

    pub(crate) fn status(&self) -> u16 {
        self.row.status
    }

    /// Settles the money, takes down what the request did cost, and tells the loop guard.
    fn pay(&mut self) {
        let (money, watch) = (self.money.take(), self.watch.take());
        let Some(kind) = self.kind.filter(|_| self.is_billable) else {
            if let Some(money) = money {
                money.release();
            }
            return;
        };
        let (model, usage) = (&self.row.model, self.row.usage.as_ref());
        self.row.cost = match money {
            Some(money) => Some(money.settle(kind, model, usage)),
            None => usage.and_then(|usage| self.pricing.cost(kind, model, usage)),
        };
        if let (Some(mut watch), Some(cost)) = (watch, self.row.cost) {
            watch.cost(cost);
        }
    }

    /// What the request has cost so far, as far as its provider has told; nothing is settled yet.
    pub(crate) fn cost_so_far(&self) -> Option<Usd> {
        let kind = self.kind.filter(|_| self.is_billable)?;
        self.pricing.cost(kind, &self.row.model, self.row.usage.as_ref()?)
    }

    fn close(&mut self, outcome: Outcome, status: u16) {
        let Some(place) = self.place.take() else { return };
        self.pay();
        self.row.outcome = outcome;
        self.row.status = status;
        self.row.latency = self.arrival.started.elapsed();
        self.row.own_latency = self.own_latency();
        let Activity { surface, verdict, latency, detect_latency, own_latency, .. } = self.row;
        let metrics = metrics();
        metrics.requests.get_or_create(&RequestLabels { surface, verdict, outcome: outcome.as_str() }).inc();
        metrics.requests_in_flight.dec();
        metrics.request_seconds.observe(latency.as_secs_f64());
        metrics.own_seconds.observe(own_latency.as_secs_f64());
        // A call that was refused at its door was not looked at.
        if verdict != "none" {
            metrics.detect_seconds.observe(detect_latency.as_secs_f64());
        }
        tracing::debug!(
            request = %self.row.request,
            verdict = self.row.verdict,
            outcome = outcome.as_str(),
            status,
            "request ended"
        );
        place.fill(self.row.clone());
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Whoever held the flight went away: the caller left.
        let status = self.row.status;
        self.close(Outcome::Abandoned, status);
    }
}

async fn commit(store: &dyn Store, row: &Activity, alert: Alert) {
    let (id, kind) = (alert.id, alert.kind);
    match store.record_alert(row.clone(), alert).await {
        Ok(Some(deliveries)) => {
            metrics().alerts.get_or_create(&AlertLabels { kind: kind.as_str() }).inc();
            tracing::debug!(alert = %id, kind = kind.as_str(), deliveries = deliveries.len(), "alert committed");
        }
        Ok(None) => tracing::debug!(kind = kind.as_str(), "alert repeats one of the same caller's request id"),
        Err(error) => {
            metrics().write_failures.get_or_create(&LossLabels { what: "alert" }).inc();
            tracing::error!(
                error = &error as &dyn std::error::Error,
                alert = %id,
                kind = kind.as_str(),
                request = %row.request,
                "alert could not be committed"
            );
        }
    }
}

fn count_failure(failure: DetectionFailure) {
    metrics().detection_failures.get_or_create(&FailureLabels { reason: failure.word() }).inc();
}

fn count_findings<'a>(found: impl Iterator<Item = &'a Located>) {
    for Located { finding, .. } in found {
        let labels = FindingLabels { group: finding.entity.group(), entity_type: finding.entity.as_str() };
        metrics().findings.get_or_create(&labels).inc();
    }
}

/// The entity types of findings, sorted by name, each once.
pub(crate) fn entity_types<'a>(found: impl IntoIterator<Item = &'a Located>) -> Vec<EntityType> {
    let mut types: Vec<_> = found.into_iter().map(|located| located.finding.entity).collect();
    types.sort_unstable_by_key(|entity| entity.as_str());
    types.dedup();
    types
}

pub(crate) fn count(findings: usize) -> u32 {
    u32::try_from(findings).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_caller_id_of_fair_length_counts() {
        for good in ["0123456789abcdef", "req_1700000000000_ab12cd", "a.b-c_d1"] {
            assert_eq!(well_formed(good), Some(good.to_owned()));
        }
        for bad in ["", "short", "has space in it", "new\nline1234", "<script>alert", &"x".repeat(129)] {
            assert_eq!(well_formed(bad), None, "{bad:?}");
        }
    }
}
