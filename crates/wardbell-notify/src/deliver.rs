//! One attempt: render, sign, send, and say what the answer means.
//!
//! **Theory of operation.** The URL is parsed anew for every attempt, so a change of the operator's egress settings
//! holds at once, and the address is judged again when it is resolved. The whole attempt, from the name to the last byte
//! of the answer, has one deadline, the profile's. Redirects are not followed.
//!
//! **The receiver is a stranger.** Of its answer we use the status, `Retry-After`, `webhook-delivery` and what `receiver.rs`
//! knows of its kind; its body is kept as an escaped [`excerpt`], for operators. Error texts are our own words: no URL, no
//! header and no body gets into them.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::sync::Semaphore;
use wardbell_core::alert::{self, Alert, AlertKind};
use wardbell_core::fold::Fold;
use wardbell_core::id::{AlertId, DeliveryId, RequestId, WebhookId};
use wardbell_core::time::Timestamp;
use wardbell_egress::phases::{Phase, Phases};
use wardbell_egress::refused::Refused;
use wardbell_egress::resolve::ResolveError;
use wardbell_egress::send::{Answer, Outgoing, SendError, SendErrorKind, SendLimits};
use wardbell_egress::url::Destination;
use wardbell_egress::{Egress, url};
use wardbell_render::{Notice, Rendered, render};
use wardbell_store::endpoint::{Endpoint, Format};
use wardbell_store::outbox::{Attempt, AttemptPhases, Claim, Delivery, Next};
use wardbell_telemetry::ambient;

use crate::dispatch::{Clock, LEASE, Made};
use crate::excerpt::{self, EXCERPT_BYTES_MAX};
use crate::lanes::{Ended, Rate, Way};
use crate::mail::Mailer;
use crate::receiver;
use crate::retry_after::retry_after;
use crate::schedule::{self, AttemptOutcome, Wish, next_attempt};
use crate::sign::sign;

/// What deliveries call themselves.
pub const USER_AGENT: &str = concat!("Wardbell/", env!("CARGO_PKG_VERSION"));
/// Marks a delivery, so that our own ingress can refuse a webhook that points at the gateway (`spec/egress.md` 5.3).
pub const DELIVERY_MARK: HeaderName = HeaderName::from_static("x-wardbell-delivery");
/// On a delivery that was replayed: how often.
pub const REPLAY_MARK: HeaderName = HeaderName::from_static("x-wardbell-replay");
/// What a receiver wishes (`spec/alert-contracts.md` 1a).
const WISH: HeaderName = HeaderName::from_static("webhook-delivery");
/// The most bytes of an answer that are read; [`EXCERPT_BYTES_MAX`] of them are kept.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024;
/// The most test alerts under way; more wait.
const TESTS_MAX: usize = 4;

/// Where an endpoint's deliveries go, and how fast they may. Endpoints whose URL no longer reads share no host.
pub(crate) fn way(endpoint: &Endpoint) -> Way {
    let url = endpoint.url.reveal();
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    let host = host.find(['/', '?', '#']).map_or(host, |end| host.get(..end).unwrap_or(host)).to_ascii_lowercase();
    let own = endpoint.options.per_second.filter(|rate| rate.is_finite() && *rate > 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the API allows up to 1000")]
    let own = own.map(|per_second| Rate { per_second, burst: (per_second / 2.0).ceil() as u32 });
    Way {
        endpoint: endpoint.id,
        host: if host.is_empty() { endpoint.id.to_string() } else { host },
        rate: own.or_else(|| receiver::rate(endpoint.format)),
    }
}

/// Makes attempts.
#[derive(Clone)]
pub struct Courier {
    egress: Arc<Egress>,
    mailer: Option<Arc<Mailer>>,
    clock: Clock,
}

impl Courier {
    /// Makes a courier that sends through this egress guard, and mail through this mailer.
    pub(crate) fn new(egress: Arc<Egress>, mailer: Option<Arc<Mailer>>, clock: Clock) -> Self {
        Self { egress, mailer, clock }
    }

    /// Makes one attempt at a claimed delivery. It ends within the profile's deadline, whatever the receiver does.
    pub(crate) async fn attempt(&self, claim: &Claim) -> Made {
        let at = (self.clock)();
        let Claim { delivery, alert, endpoint, lease_until: _ } = claim;
        let Delivery { id, fold, replays, is_plain, .. } = delivery;
        let told = Told { id: id.webhook_id(), alert, fold: fold.as_ref(), replays: *replays, is_plain: *is_plain, at };
        let sent = self.send(endpoint, &told).await;
        conclude(claim, at, (self.clock)(), sent)
    }

    /// Renders, signs and sends once.
    async fn send(&self, endpoint: &Endpoint, told: &Told<'_>) -> Sent {
        let options = &endpoint.options;
        let wish = wardbell_render::Wish {
            custom_message: options.custom_message.as_deref(),
            include_preview: options.include_preview,
            routing_key: options.routing_key.as_ref().map(|key| key.reveal().as_str()),
            mail_from: self.mailer.as_ref().map(|mailer| mailer.from()),
            mail_to: &options.to,
            is_plain: told.is_plain,
        };
        let notice = Notice { id: told.id, alert: told.alert, fold: told.fold, wish };
        let rendered = match render(endpoint.format, &notice) {
            Ok(rendered) => rendered,
            Err(fault) => return Sent::failed(AttemptOutcome::Internal, fault.to_string()),
        };
        let deadline = schedule::of(endpoint.retry).attempt_max;
        if endpoint.format == Format::Email {
            return match &self.mailer {
                Some(mailer) => mailer.send(&options.to, &rendered.body, deadline.max(MAIL_TIME_MIN)).await,
                None => Sent::failed(AttemptOutcome::Internal, "no mail server is set; set smtp.host".to_owned()),
            };
        }
        self.post(endpoint, told, rendered, deadline).await
    }

    async fn post(&self, endpoint: &Endpoint, told: &Told<'_>, rendered: Rendered, deadline: Duration) -> Sent {
        let Rendered { content_type, body } = rendered;
        let destination = match destination(endpoint, &self.egress) {
            Ok(destination) => destination,
            Err(refused) => return Sent::refused(&refused),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &endpoint.options.headers {
            // They were checked when they were set.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value.reveal())) {
                headers.insert(name, value);
            }
        }
        match sign(endpoint.signature, &told.id.to_string(), told.at, &body, &endpoint.secrets) {
            Ok(signed) => headers.extend(signed),
            Err(fault) => return Sent::failed(AttemptOutcome::Internal, fault.to_string()),
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(DELIVERY_MARK, HeaderValue::from_static("1"));
        if told.replays > 0 {
            headers.insert(REPLAY_MARK, HeaderValue::from(told.replays));
        }
        let limits = SendLimits { deadline, response_bytes_max: RESPONSE_BYTES_MAX };
        match self.egress.send(Outgoing { destination, method: Method::POST, headers, body }, limits).await {
            Ok(answer) => answered(endpoint.format, &answer),
            Err(fault) => unanswered(&fault),
        }
    }
}

/// A mail server greets, asks and answers several times: a profile's second is too short for it.
const MAIL_TIME_MIN: Duration = Duration::from_secs(10);

/// What one send tells.
struct Told<'a> {
    id: WebhookId,
    alert: &'a Alert,
    fold: Option<&'a Fold>,
    replays: u32,
    is_plain: bool,
    at: Timestamp,
}

/// The URL, judged, as it is called. Discord says whether it has kept a message only when it is asked to wait.
fn destination(endpoint: &Endpoint, egress: &Egress) -> Result<Destination, Refused> {
    let text = endpoint.url.reveal();
    let destination = url::parse(text, egress.policy())?;
    let query = destination.query().unwrap_or_default();
    if endpoint.format != Format::Discord || query.split('&').any(|part| part.starts_with("wait=")) {
        return Ok(destination);
    }
    let joint = if text.contains('?') { '&' } else { '?' };
    url::parse(&format!("{text}{joint}wait=true"), egress.policy())
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestOutcome {
    /// Whether the receiver said yes.
    pub delivered: bool,
    /// The HTTP status, or a mail server's reply code, if one came.
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
    courier: Courier,
    slots: Arc<Semaphore>,
}

impl Tester {
    /// Makes a tester that sends through this egress guard, and mail through this mailer.
    pub(crate) fn new(egress: Arc<Egress>, mailer: Option<Arc<Mailer>>, clock: Clock) -> Self {
        Self { courier: Courier::new(egress, mailer, clock), slots: Arc::new(Semaphore::new(TESTS_MAX)) }
    }

    /// Sends a sample alert of a kind at once, signed like any other, and tells what came of it. It is not stored, not
    /// tried again, and goes out even if the endpoint is off. Dropping the future ends the test.
    pub async fn test(&self, endpoint: &Endpoint, kind: AlertKind) -> TestOutcome {
        // The semaphore is never closed; without a permit the test goes out all the same.
        let _slot = self.slots.acquire().await;
        let at = ambient::now();
        let request = RequestId::mint(at, ambient::entropy()).to_string();
        let alert =
            alert::sample(kind, AlertId::mint(at, ambient::entropy()), endpoint.project, endpoint.id, request, at);
        let id = DeliveryId::mint(at, ambient::entropy()).webhook_id();
        let told = Told { id, alert: &alert, fold: None, replays: 0, is_plain: false, at };
        let sent = self.courier.send(endpoint, &told).await;
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
pub(crate) struct Sent {
    pub(crate) outcome: AttemptOutcome,
    /// The receiver's `Retry-After`.
    hint: Option<Duration>,
    /// How long the whole endpoint is to be left alone.
    hold: Option<Duration>,
    /// For operators.
    error: Option<String>,
    /// For the project's people, where they may not be told what operators are.
    tenant_error: Option<String>,
    pub(crate) phases: AttemptPhases,
    pub(crate) excerpt: Option<String>,
}

impl Sent {
    /// A send without an answer.
    pub(crate) fn failed(outcome: AttemptOutcome, error: String) -> Self {
        let phases = AttemptPhases::default();
        Self { outcome, hint: None, hold: None, error: Some(error), tenant_error: None, phases, excerpt: None }
    }

    /// A send that was answered with success.
    pub(crate) fn taken(status: u16) -> Self {
        let outcome = AttemptOutcome::Answered { status, wish: None };
        Self { error: None, ..Self::failed(outcome, String::new()) }
    }

    /// A send that the egress policy stopped.
    pub(crate) fn refused(refused: &Refused) -> Self {
        let error = format!("the destination is not allowed: {refused}");
        Self { tenant_error: Some(refused.tenant_text()), ..Self::failed(AttemptOutcome::Refused, error) }
    }

    const fn status(&self) -> Option<u16> {
        match self.outcome {
            AttemptOutcome::Answered { status, .. }
            | AttemptOutcome::Denied { status }
            | AttemptOutcome::Busy { status } => Some(status),
            _ => None,
        }
    }
}

/// The attempt and what follows from it.
fn conclude(claim: &Claim, at: Timestamp, now: Timestamp, sent: Sent) -> Made {
    let Claim { delivery, endpoint, .. } = claim;
    let number = delivery.attempts.saturating_add(1);
    let age = now.since(delivery.created_at);
    let status = sent.status();
    let Sent { outcome, hint, hold, error, tenant_error: _, phases, excerpt } = sent;
    let next = if !delivery.is_plain && receiver::has_plain(endpoint.format) && schedule::is_about_body(outcome) {
        Next::RetryPlainAt(now)
    } else {
        next_attempt(endpoint.retry, number, age, outcome, hint.max(hold), now, dice())
    };
    // A profile that gives up within seconds does not wait for longer than it ever does.
    let hold = hold.map(|hold| hold.min(schedule::of(endpoint.retry).pause_max()));
    // What is parked for an endpoint that is being switched off must not go out.
    let hold = if matches!(next, Next::Disable(_)) { Some(LEASE) } else { hold };
    let ended = Ended { is_trouble: schedule::is_trouble(outcome), hold };
    Made { attempt: Attempt { number, at, status, error, phases, excerpt }, next, ended }
}

/// An attempt that a fault of ours ended.
pub(crate) fn broken(claim: &Claim, at: Timestamp, now: Timestamp, error: &str) -> Made {
    let mut sent = Sent::failed(AttemptOutcome::Internal, error.to_owned());
    sent.phases.total = now.since(at);
    conclude(claim, at, now, sent)
}

/// A number drawn evenly from 0 to 1.
fn dice() -> f64 {
    f64::from(u32::from_be_bytes(ambient::entropy())) / f64::from(u32::MAX)
}

/// What an answer comes to.
fn answered(format: Format, answer: &Answer) -> Sent {
    let Answer { status, headers, excerpt, truncated: _, phases } = answer;
    let now = ambient::now();
    let outcome = if status.is_success() && receiver::denies(format, excerpt) {
        AttemptOutcome::Denied { status: status.as_u16() }
    } else {
        AttemptOutcome::Answered { status: status.as_u16(), wish: wish(headers) }
    };
    let is_taken = matches!(outcome, AttemptOutcome::Answered { status: 200..=299, .. });
    Sent {
        outcome,
        hint: retry_after(headers, now),
        hold: receiver::hold(format, status.as_u16(), headers, excerpt, now),
        error: if is_taken { None } else { Some(schedule::describe(outcome)) },
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

pub(crate) fn classify(kind: &SendErrorKind) -> Sent {
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
