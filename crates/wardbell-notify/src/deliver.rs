//! One attempt: render, sign, send, and say what the answer means.
//!
//! **Theory of operation.** The URL is parsed anew for every attempt, so a change of the operator's egress settings
//! holds at once, and the address is judged again when it is resolved. The whole attempt, from the name to the last byte
//! of the answer, has one deadline, the profile's. Redirects are not followed.
//!
//! **The receiver is a stranger.** Of its answer we use the status, `Retry-After` and `webhook-delivery`; its body is
//! kept as an escaped [`excerpt`](crate::excerpt), for operators. Error texts are our own words: no URL, no header and
//! no body gets into them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wardbell_core::alert::{Alert, AlertData, AlertKind, TestData};
use wardbell_core::id::{AlertId, DeliveryId, RequestId, WebhookId};
use wardbell_core::time::Timestamp;
use wardbell_egress::Egress;
use wardbell_store::endpoint::Endpoint;
use wardbell_store::outbox::{Attempt, AttemptPhases, Claim, Next};
use wardbell_telemetry::ambient;

use crate::excerpt::{self, EXCERPT_BYTES_MAX};
use crate::render::render;
use crate::retry_after::retry_after;
use crate::schedule::{self, AttemptOutcome, Wish, next_attempt};
use crate::sign::sign;

/// What deliveries call themselves.
pub const USER_AGENT: &str = concat!("Wardbell/", env!("CARGO_PKG_VERSION"));
/// Marks a delivery, so that our own ingress can refuse a webhook that points at the gateway (`spec/egress.md` 5.3).
pub const DELIVERY_MARK: HeaderName = HeaderName::from_static("x-wardbell-delivery");
/// What a receiver wishes (`spec/alert-contracts.md` 1a).
const WISH: HeaderName = HeaderName::from_static("webhook-delivery");
/// The most bytes of an answer that are read.
const RESPONSE_BYTES_MAX: usize = EXCERPT_BYTES_MAX;
/// The most test alerts under way; more wait.
const TESTS_MAX: usize = 4;

/// Makes attempts.
#[derive(Clone)]
pub struct Courier {
    egress: Arc<Egress>,
}

impl Courier {
    /// Makes a courier that sends through this egress guard.
    pub const fn new(egress: Arc<Egress>) -> Self {
        Self { egress }
    }

    /// Makes one attempt at a claimed delivery. It ends within the profile's deadline, whatever the receiver does.
    pub async fn attempt(&self, claim: &Claim) -> (Attempt, Next) {
        let at = ambient::now();
        let Claim { delivery, alert, endpoint } = claim;
        let sent = send(&self.egress, endpoint, delivery.id.webhook_id(), alert, at).await;
        conclude(claim, at, ambient::now(), sent)
    }
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// Whether the receiver said yes.
    pub delivered: bool,
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
    /// What went wrong, in words fit for the project's people: a refused destination is told without its reason.
    pub error: Option<String>,
    /// The beginning of the answer's body, escaped, at most 1 KiB. For operators only: shown to anybody else it would
    /// make the test a reader of other people's servers.
    pub excerpt: Option<String>,
}

/// Sends test alerts.
#[derive(Clone)]
pub struct Tester {
    egress: Arc<Egress>,
    slots: Arc<Semaphore>,
}

impl Tester {
    /// Makes a tester that sends through this egress guard.
    pub fn new(egress: Arc<Egress>) -> Self {
        Self { egress, slots: Arc::new(Semaphore::new(TESTS_MAX)) }
    }

    /// Sends a `webhook.test` at once, signed like any other alert, and tells what came of it. It is not stored, not
    /// tried again, and goes out even if the endpoint is off. Dropping the future ends the test.
    pub async fn test(&self, endpoint: &Endpoint) -> TestOutcome {
        // The semaphore is never closed; without a permit the test goes out all the same.
        let _slot = self.slots.acquire().await;
        let at = ambient::now();
        let alert = Alert {
            id: AlertId::mint(at, ambient::entropy()),
            project: endpoint.project,
            request_id: RequestId::mint(at, ambient::entropy()).to_string(),
            at,
            kind: AlertKind::WebhookTest,
            data: AlertData::Test(TestData { test: true }),
        };
        let id = DeliveryId::mint(at, ambient::entropy()).webhook_id();
        let sent = send(&self.egress, endpoint, id, &alert, at).await;
        TestOutcome {
            delivered: matches!(sent.outcome, AttemptOutcome::Answered { status: 200..=299, .. }),
            status: sent.status(),
            duration: sent.phases.total,
            error: match sent.outcome {
                AttemptOutcome::Refused => Some(schedule::describe(sent.outcome)),
                _ => sent.error,
            },
            excerpt: sent.excerpt,
        }
    }
}

/// What one send came to.
struct Sent {
    outcome: AttemptOutcome,
    hint: Option<Duration>,
    error: Option<String>,
    phases: AttemptPhases,
    excerpt: Option<String>,
}

impl Sent {
    /// A send that did not get as far as the network.
    fn unsent(outcome: AttemptOutcome, error: String) -> Self {
        Self { outcome, hint: None, error: Some(error), phases: AttemptPhases::default(), excerpt: None }
    }

    const fn status(&self) -> Option<u16> {
        match self.outcome {
            AttemptOutcome::Answered { status, .. } => Some(status),
            _ => None,
        }
    }
}

/// The attempt and what follows from it.
fn conclude(claim: &Claim, at: Timestamp, now: Timestamp, sent: Sent) -> (Attempt, Next) {
    let number = claim.delivery.attempts.saturating_add(1);
    let age = now.since(claim.delivery.created_at);
    let next = next_attempt(claim.endpoint.retry, number, age, sent.outcome, sent.hint, now, dice());
    let status = sent.status();
    let Sent { outcome: _, hint: _, error, phases, excerpt } = sent;
    (Attempt { number, at, status, error, phases, excerpt }, next)
}

/// An attempt that a fault of ours ended.
pub(crate) fn broken(claim: &Claim, at: Timestamp, now: Timestamp, error: &str) -> (Attempt, Next) {
    let mut sent = Sent::unsent(AttemptOutcome::Internal, error.to_owned());
    sent.phases.total = now.since(at);
    conclude(claim, at, now, sent)
}

/// A number drawn evenly from 0 to 1.
fn dice() -> f64 {
    f64::from(u32::from_be_bytes(ambient::entropy())) / f64::from(u32::MAX)
}

async fn send(_: &Egress, _: &Endpoint, _: WebhookId, _: &Alert, _: Timestamp) -> Sent {
    Sent::unsent(AttemptOutcome::Network, String::new())
}
