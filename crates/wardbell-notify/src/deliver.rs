//! One attempt: render, sign, send, and say what the answer means.
//!
//! **Theory of operation.** The URL is parsed anew for every attempt, so a change of the operator's egress settings
//! holds at once, and the address is judged again when it is resolved. The whole attempt, from the name to the last byte
//! of the answer, has one deadline, the profile's. Redirects are not followed.
//!
//! **The receiver is a stranger.** Of its answer we use the status, `Retry-After` and `webhook-delivery`; its body is
//! kept as an escaped [`excerpt`], for operators. Error texts are our own words: no URL, no header and
//! no body gets into them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::sync::Semaphore;
use wardbell_core::alert::{Alert, AlertData, AlertKind, TestData};
use wardbell_core::id::{AlertId, DeliveryId, RequestId, WebhookId};
use wardbell_core::time::Timestamp;
use wardbell_egress::phases::{Phase, Phases};
use wardbell_egress::refused::Refused;
use wardbell_egress::resolve::ResolveError;
use wardbell_egress::send::{Answer, Outgoing, SendError, SendErrorKind, SendLimits};
use wardbell_egress::{Egress, url};
use wardbell_store::endpoint::Endpoint;
use wardbell_store::outbox::{Attempt, AttemptPhases, Claim, Next};
use wardbell_telemetry::ambient;

use crate::excerpt::{self, EXCERPT_BYTES_MAX};
use crate::render::{Rendered, render};
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

    /// Makes one attempt at a claimed delivery. It ends within the profile's deadline, whatever the receiver does. To an
    /// endpoint that was switched off in the meantime nothing is sent: its deliveries become dead letters.
    pub async fn attempt(&self, claim: &Claim) -> (Attempt, Next) {
        let at = ambient::now();
        let Claim { delivery, alert, endpoint } = claim;
        if !endpoint.enabled {
            let sent = Sent::failed(AttemptOutcome::Internal, "not sent: the webhook is off".to_owned());
            let (attempt, _) = conclude(claim, at, at, sent);
            return (attempt, Next::Dead("the webhook is off; replay the delivery once it is on".to_owned()));
        }
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
            error: sent.tenant_error.or(sent.error),
            excerpt: sent.excerpt,
        }
    }
}

/// What one send came to.
struct Sent {
    outcome: AttemptOutcome,
    hint: Option<Duration>,
    /// For operators.
    error: Option<String>,
    /// For the project's people, where they may not be told what operators are.
    tenant_error: Option<String>,
    phases: AttemptPhases,
    excerpt: Option<String>,
}

impl Sent {
    /// A send without an answer.
    fn failed(outcome: AttemptOutcome, error: String) -> Self {
        let phases = AttemptPhases::default();
        Self { outcome, hint: None, error: Some(error), tenant_error: None, phases, excerpt: None }
    }

    /// A send that the egress policy stopped.
    fn refused(refused: &Refused) -> Self {
        let error = format!("the destination is not allowed: {refused}");
        Self { tenant_error: Some(refused.tenant_text()), ..Self::failed(AttemptOutcome::Refused, error) }
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
    let Sent { outcome: _, hint: _, error, tenant_error: _, phases, excerpt } = sent;
    (Attempt { number, at, status, error, phases, excerpt }, next)
}

/// An attempt that a fault of ours ended.
pub(crate) fn broken(claim: &Claim, at: Timestamp, now: Timestamp, error: &str) -> (Attempt, Next) {
    let mut sent = Sent::failed(AttemptOutcome::Internal, error.to_owned());
    sent.phases.total = now.since(at);
    conclude(claim, at, now, sent)
}

/// A number drawn evenly from 0 to 1.
fn dice() -> f64 {
    f64::from(u32::from_be_bytes(ambient::entropy())) / f64::from(u32::MAX)
}

/// Renders, signs and sends an alert once.
async fn send(egress: &Egress, endpoint: &Endpoint, id: WebhookId, alert: &Alert, at: Timestamp) -> Sent {
    let destination = match url::parse(endpoint.url.reveal(), egress.policy()) {
        Ok(destination) => destination,
        Err(refused) => return Sent::refused(&refused),
    };
    let Rendered { content_type, body } = match render(endpoint.format, id, alert) {
        Ok(rendered) => rendered,
        Err(fault) => return Sent::failed(AttemptOutcome::Internal, fault.to_string()),
    };
    let mut headers = match sign(endpoint.signature, &id.to_string(), at, &body, &endpoint.secrets) {
        Ok(headers) => headers,
        Err(fault) => return Sent::failed(AttemptOutcome::Internal, fault.to_string()),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(DELIVERY_MARK, HeaderValue::from_static("1"));
    let deadline = schedule::of(endpoint.retry).attempt_max;
    let limits = SendLimits { deadline, response_bytes_max: RESPONSE_BYTES_MAX };
    match egress.send(Outgoing { destination, method: Method::POST, headers, body }, limits).await {
        Ok(answer) => answered(&answer),
        Err(fault) => unanswered(&fault),
    }
}

/// What an answer comes to.
fn answered(answer: &Answer) -> Sent {
    let Answer { status, headers, excerpt, truncated: _, phases } = answer;
    let outcome = AttemptOutcome::Answered { status: status.as_u16(), wish: wish(headers) };
    Sent {
        outcome,
        hint: retry_after(headers, ambient::now()),
        error: if status.is_success() { None } else { Some(schedule::describe(outcome)) },
        tenant_error: None,
        phases: times(*phases),
        excerpt: if excerpt.is_empty() { None } else { Some(excerpt::escape(excerpt, EXCERPT_BYTES_MAX)) },
    }
}

/// What a call without a whole answer comes to. A receiver that said its status and broke off in the body has answered:
/// nothing in the body changes what it said, and sending again would only repeat the delivery.
fn unanswered(fault: &SendError) -> Sent {
    let SendError { kind, status, phases } = fault;
    let sent = if let Some(status) = status {
        let outcome = AttemptOutcome::Answered { status: status.as_u16(), wish: None };
        let error = if status.is_success() { None } else { Some(schedule::describe(outcome)) };
        Sent { error, ..Sent::failed(outcome, String::new()) }
    } else {
        classify(kind)
    };
    Sent { phases: times(*phases), ..sent }
}

fn classify(kind: &SendErrorKind) -> Sent {
    let (outcome, error) = match kind {
        SendErrorKind::Refused(refused) => return Sent::refused(refused),
        SendErrorKind::Dns(ResolveError::Empty) => (AttemptOutcome::NoSuchName, "the receiver's name has no address"),
        // The system's resolver does not tell a missing name from a name server that is down.
        SendErrorKind::Dns(ResolveError::Failed(_)) => {
            (AttemptOutcome::Network, "the receiver's name could not be resolved")
        }
        SendErrorKind::Dns(ResolveError::TooMany) => {
            (AttemptOutcome::Network, "the receiver's name has too many addresses")
        }
        SendErrorKind::Connect(_) => (AttemptOutcome::Network, "the receiver did not accept the connection"),
        SendErrorKind::TlsCertificate(_) => (AttemptOutcome::Certificate, "the receiver's certificate is not trusted"),
        SendErrorKind::Tls(_) => (AttemptOutcome::Network, "the TLS handshake with the receiver failed"),
        SendErrorKind::Protocol(_) => (AttemptOutcome::Network, "the receiver's answer is not acceptable HTTP"),
        SendErrorKind::Closed(_) => (AttemptOutcome::Network, "the receiver closed the connection before it answered"),
        SendErrorKind::Timeout { phase } => (AttemptOutcome::Timeout, late(*phase)),
    };
    Sent::failed(outcome, error.to_owned())
}

/// What a deadline cut short.
const fn late(phase: Phase) -> &'static str {
    match phase {
        Phase::Dns => "the receiver's name was not resolved in time",
        Phase::Connect => "the receiver did not accept the connection in time",
        Phase::Tls => "the TLS handshake with the receiver did not end in time",
        Phase::Head | Phase::Body => "the receiver did not answer in time",
    }
}

fn wish(headers: &HeaderMap) -> Option<Wish> {
    headers.get(WISH)?.to_str().ok().and_then(Wish::from_name)
}

fn times(phases: Phases) -> AttemptPhases {
    let Phases { dns, connect, tls, first_byte, total } = phases;
    AttemptPhases {
        dns: dns.unwrap_or_default(),
        connect: connect.unwrap_or_default(),
        tls: tls.unwrap_or_default(),
        first_byte: first_byte.unwrap_or_default(),
        total,
    }
}
