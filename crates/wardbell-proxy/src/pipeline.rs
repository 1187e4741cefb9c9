//! The way of a request, top to bottom. Each phase is a noun that has a file of its own.
//!
//! ```text
//! authenticate → pace → read & segment → detect → loops → money → decide → forward → settle → record
//!     auth        pace       inspect      inspect   loops    money   decide   upstream  settle   flight
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;
use wardbell_core::finding::Located;
use wardbell_core::principal::Principal;
use wardbell_core::verdict::{DetectionFailure, Verdict};
use wardbell_egress::upstream::AnswerStream;
use wardbell_guard::auth;
use wardbell_guard::policy::decide::{Beside, decide};
use wardbell_guard::policy::rules::Rules;
use wardbell_guard::wishes::Wishes;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::edit::{self, Edit};
use wardbell_llm::request::Limits as ReadLimits;
use wardbell_llm::transcript::{self, Transcript};
use wardbell_store::directory::ProjectView;
use wardbell_telemetry::metrics::metrics;

use crate::answer::AnswerBody;
use crate::ask_usage;
use crate::body;
use crate::body_budget::Room;
use crate::echo;
use crate::edge::{Ask, Edge};
use crate::eyes::{self, Eyes};
use crate::flight::{Arrival, Evidence, Flight, Tower};
use crate::gateway::{Gateway, Limits};
use crate::injection::{Sent, Watch};
use crate::inspect::{self, Inspected, Observed, Reading, inspect};
use crate::loops::Caller;
use crate::money;
use crate::provider::{Choice, Remote, Target};
use crate::refused::{Refused, UpstreamRefusal};
use crate::report::Report;
use crate::respond;
use crate::settle::settle;
use crate::sighting::Sighting;
use crate::upstream::{self, Outgoing};

/// The header that Wardbell's own deliveries carry, so that a webhook that points at the gateway makes no circle.
pub(crate) const DELIVERY_HEADER: &str = "x-wardbell-delivery";

/// The header in which a caller names its session.
const SESSION_HEADER: &str = "x-wardbell-session";

/// How much of a provider's error body is read for its `error` object.
const UPSTREAM_ERROR_BYTES_MAX: usize = 64 * 1024;

/// Carries a request to a provider and its answer back.
pub(crate) async fn carry(gateway: &Arc<Gateway>, ask: Ask, request: &mut Request<Incoming>) -> Response<AnswerBody> {
    let (mut flight, project, hurry) = match admit(gateway, request.headers(), ask.edge, ask.surface()).await {
        Ok(admitted) => admitted,
        Err(told) => return told,
    };
    match guard(gateway, &project, &mut flight, &ask, hurry, request).await {
        Ok(cleared) => {
            let gateway_too = Arc::clone(gateway);
            // Once a provider works on it, the exchange goes on without its caller, for what it costs.
            gateway.drains.keep(async move { exchange(&gateway_too, &project, flight, ask, cleared).await }).await
        }
        Err(refused) => refuse(flight, &refused).await,
    }
}

async fn exchange(
    gateway: &Gateway,
    project: &ProjectView,
    mut flight: Flight,
    ask: Ask,
    cleared: Cleared,
) -> Response<AnswerBody> {
    match forward(gateway, &mut flight, &ask, &cleared).await {
        Ok(answer) => settle(gateway, project, flight, &ask, cleared, answer).await,
        Err(refused) => refuse(flight, &refused).await,
    }
}

/// A request that may go on, as it goes on.
pub(crate) struct Cleared {
    pub(crate) headers: HeaderMap,
    pub(crate) wishes: Wishes,
    pub(crate) body: Bytes,
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) verdict: Verdict,
    pub(crate) target: Target,
    /// What the caller is warned of in a header.
    pub(crate) warning: Option<String>,
    /// The most tokens that the answer may have, where a budget lowered it.
    pub(crate) tokens_max: Option<u64>,
    /// Whether the stream has an event with the usage that the caller did not ask for.
    pub(crate) strips_usage: bool,
}

/// A provider's answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: AnswerSource,
    /// The name of the provider that gave it.
    pub(crate) provider: String,
}

/// Where the bytes of an answer come from.
pub(crate) enum AnswerSource {
    /// They are here: the built-in provider's.
    Here(Bytes),
    /// They come.
    Remote(AnswerStream),
}

/// Authenticates, takes a place for the record, and counts the call; from here on the request leaves one row. Returns how
/// hurried the caller is, too. `Err` is the answer to a request that presents no good key or comes too fast.
pub(crate) async fn admit(
    gateway: &Gateway,
    headers: &HeaderMap,
    edge: Edge,
    surface: &'static str,
) -> Result<(Flight, Arc<ProjectView>, f32), Response<AnswerBody>> {
    let arrival = Arrival::of(headers);
    let (principal, project) =
        authenticate(gateway, headers).map_err(|refused| respond::stranger(&arrival, edge, &refused))?;
    let Some(place) = gateway.recorder.place().await else {
        return Err(respond::stranger(&arrival, edge, &Refused::Stopping));
    };
    let tower = Tower { store: &gateway.store, recorder: &gateway.recorder, place, pricing: &gateway.pricing };
    let flight = Flight::begin(arrival, tower, &principal, project.project.policy_version, (edge, surface));
    match gateway.keys.call(principal.key, &project.project.policy.rate, edge) {
        Ok(hurry) => Ok((flight, project, hurry)),
        Err(too_fast) => Err(respond::refuse(flight, &Refused::TooFast { retry_after: too_fast.retry_after })),
    }
}

fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> Result<(Arc<Principal>, Arc<ProjectView>), Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let known = auth::presented_key(header)
        .ok_or(Refused::NoKey)
        .and_then(|key| gateway.directory.authenticate(key).ok_or(Refused::WrongKey));
    if known.is_err() {
        metrics().unauthenticated.inc();
    }
    known
}

/// The caller's wishes, on the surface that takes them.
pub(crate) fn wishes(edge: Edge, headers: &HeaderMap) -> Result<Wishes, Refused> {
    match edge {
        Edge::Gateway => Ok(Wishes::default()),
        Edge::Proxy => Wishes::read(|name| headers.get(name).map(HeaderValue::as_bytes)).map_err(Refused::Wish),
    }
}

/// Reads, segments, detects and decides; redacts where the verdict says so.
async fn guard(
    gateway: &Gateway,
    project: &Arc<ProjectView>,
    flight: &mut Flight,
    ask: &Ask,
    hurry: f32,
    request: &mut Request<Incoming>,
) -> Result<Cleared, Refused> {
    let headers = std::mem::take(request.headers_mut());
    let incoming = request.body_mut();
    if headers.contains_key(DELIVERY_HEADER) {
        return Err(Refused::OwnDelivery);
    }
    let wishes = wishes(ask.edge, &headers)?;
    let policy = &project.project.policy;
    let rules = match ask.edge {
        Edge::Gateway => Rules::gateway(policy),
        Edge::Proxy => Rules::proxy(policy, &wishes),
    };
    let Limits { body_bytes_max, body_time_max, .. } = gateway.limits;
    let room = gateway.bodies.room();
    let body = body::read(&headers, incoming, body_bytes_max, body_time_max, room).await.map_err(Refused::of_body)?;
    let mut seen = see(gateway, project, ask, &rules, &headers, &body).await?;
    if let Ok(observed) = &mut seen.observed {
        eyes::with_hurry(&mut observed.beside, hurry);
    }

    let asked = asked_model(ask, &headers);
    let named = seen.model.as_ref().map(|model| model.name.clone());
    let model = asked.clone().or(named).or_else(|| ask.call.model.clone()).unwrap_or_default();
    flight.asked(&model);
    let choice = Choice { project, headers: &headers, ask, read_key: gateway.provider_key };
    let target = choice.target().map_err(Refused::Provider)?;
    flight.sent_to(target.name(), target.kind());
    let session = headers.get(SESSION_HEADER).and_then(|name| name.to_str().ok()).filter(|name| !name.is_empty());
    let call = Spoken { ask, body: &body, model: &model, target: &target, session };
    let Passed { warning, cap } = circle_and_spend(gateway, project, flight, &call).await?;

    let verdict = judge(flight, &seen, &rules, &wishes);
    let mut edits = match &verdict {
        Verdict::Block(refusal) => return Err(Refused::Guard(refusal.clone())),
        Verdict::Redact(redaction) => {
            redact(&redaction.cut, seen.observed.as_ref().map_or(&[], |observed| &observed.sightings), ask.edge)
        }
        Verdict::Allow(_) => Vec::new(),
    };
    if let (Some(asked), Some(named)) = (asked, &seen.model) {
        edits.push(edit::replace(named.place.clone(), &asked));
    }
    let stream = ask.call.stream.unwrap_or(seen.stream);
    let asks_usage = if flight.is_held() { ask_usage::ask(ask.dialect(), stream, &body) } else { None };
    let strips_usage = asks_usage.is_some();
    edits.extend(asks_usage);
    let tokens_max = cap.as_ref().map(|cap| cap.tokens);
    edits.extend(cap.into_iter().flat_map(|cap| cap.edits));
    let body = if edits.is_empty() { body } else { Bytes::from(edit::splice(&body, &edits)) };
    Ok(Cleared { headers, wishes, body, model, stream, verdict, target, warning, tokens_max, strips_usage })
}

/// A call as the guards of loops and money see it.
struct Spoken<'c> {
    ask: &'c Ask,
    body: &'c Bytes,
    model: &'c str,
    target: &'c Target,
    /// The session that the caller names.
    session: Option<&'c str>,
}

/// What becomes of a call that the guards of loops and money let through.
#[derive(Default)]
struct Passed {
    /// What the caller is to be warned of.
    warning: Option<String>,
    /// What its answer is capped at to fit a budget.
    cap: Option<money::Cap>,
}

/// Refuses a call that goes in circles or that a budget does not cover; holds the money of one that goes on.
async fn circle_and_spend(
    gateway: &Gateway,
    project: &ProjectView,
    flight: &mut Flight,
    call: &Spoken<'_>,
) -> Result<Passed, Refused> {
    let Spoken { ask, body, model, target, session } = *call;
    let policy = &project.project.policy;
    let watches = policy.loops.enabled && ask.edge == Edge::Gateway;
    let has_budget = gateway.directory.current().budgets.contains_key(&flight.project());
    if !watches && !has_budget {
        return Ok(Passed::default());
    }
    let transcript = off_the_runtime(body.len(), || transcript::read(ask.dialect(), body));
    let mut passed = Passed::default();
    if let (true, Some(transcript)) = (watches, &transcript) {
        let caller = Caller { key: flight.key(), model, session };
        let judged = off_the_runtime(body.len(), || gateway.loops.judge(caller, transcript, &policy.loops));
        let (watch, circle) = judged;
        if let Some(circle) = circle {
            flight.circles(&circle);
            if circle.refuses() {
                return Err(Refused::Loop(Box::new(circle)));
            }
            passed.warning = circle.warning();
        }
        flight.watched(watch);
    }
    if has_budget {
        let read = if transcript.is_none() { transcript::read_asked(body) } else { None };
        let call = money::Call {
            target,
            dialect: ask.dialect(),
            model,
            body,
            asked: transcript.as_ref().map(Transcript::asked).or(read.as_ref()),
            session: session.or_else(|| transcript.as_ref().and_then(Transcript::session)),
        };
        if let Some((held, cap)) = money::hold(gateway, flight, &call, &policy.budget).await? {
            flight.holds(held);
            passed.cap = cap;
        }
    }
    Ok(passed)
}

/// Runs something that takes long where the text is long: other tasks of this thread go on elsewhere meanwhile.
fn off_the_runtime<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes <= inspect::INLINE_BYTES_MAX { work() } else { tokio::task::block_in_place(work) }
}

/// The model that the caller wants in place of the body's: the gateway surface takes it from `x-model`.
fn asked_model(ask: &Ask, headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-model").filter(|_| ask.edge == Edge::Gateway)?;
    name.to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Reads a body and looks at its texts. A call without a body has none; a body that is no JSON cannot be read.
async fn see(
    gateway: &Gateway,
    project: &Arc<ProjectView>,
    ask: &Ask,
    rules: &Rules<'_>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Inspected, Refused> {
    let nothing =
        |observed| Inspected { model: None, stream: false, observed, preview: None, detect_latency: Duration::ZERO };
    if body.is_empty() && (ask.method != Method::POST || ask.dialect() == Dialect::Generic) {
        return Ok(nothing(Ok(Observed::default())));
    }
    if ask.dialect() == Dialect::Generic && !is_json(headers) {
        return Ok(nothing(Err(DetectionFailure::Unreadable)));
    }
    let content = match rules.content {
        Some(_) => gateway.contents.of(&project.project),
        None => Ok(None),
    };
    let limits = ReadLimits { depth_max: gateway.limits.depth_max, messages_max: gateway.limits.messages_max };
    let reading = Reading { call: ask.call.clone(), limits, preview: project.wants_preview };
    let (content, unready) = match content {
        Ok(content) => (content, None),
        Err(failure) => (None, Some(failure)),
    };
    let watch = Some(Watch::new(gateway, project, rules, Sent::InRequest));
    let eyes = Eyes { engine: Arc::clone(&gateway.engine), content, abuse: rules.abuse.is_some(), watch };
    let mut seen = inspect(&eyes, body, &reading, gateway.limits.detect_time_max).await.map_err(Refused::Request)?;
    if let Some(failure) = unready {
        seen.observed = Err(failure);
    }
    Ok(seen)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind.is_empty() || kind.eq_ignore_ascii_case(b"application/json") || kind.to_ascii_lowercase().ends_with(b"+json")
}

/// Decides, takes down the verdict, and says on the surface that tells of it what was seen.
fn judge(flight: &mut Flight, seen: &Inspected, rules: &Rules<'_>, wishes: &Wishes) -> Verdict {
    let nothing = Beside::default();
    let beside = seen.observed.as_ref().map_or(&nothing, |observed| &observed.beside);
    let located = seen
        .observed
        .as_ref()
        .map_err(|failure| *failure)
        .map(|observed| observed.sightings.iter().map(|sighting| sighting.located.clone()).collect());
    let verdict = decide(located, beside, rules);
    if flight.edge() == Edge::Proxy {
        flight.report = Some(match &seen.observed {
            Ok(observed) => {
                let found: Vec<_> = observed.sightings.iter().map(|sighting| &sighting.located).collect();
                Report::of(&found, beside, rules, wishes)
            }
            Err(_) => Report::unscanned(rules, wishes),
        });
    }
    let fingerprint = seen.observed.as_ref().ok().and_then(|observed| observed.fingerprint.clone());
    let evidence = Evidence { sensitivity: rules.sensitivity, preview: seen.preview.clone(), fingerprint };
    flight.decided(&verdict, beside, seen.detect_latency, evidence);
    verdict
}

/// The edits that cut these findings out. `cut` is a part of `seen`, in the same order, so one walk over both finds them.
pub(crate) fn redact(cut: &[Located], seen: &[Sighting], edge: Edge) -> Vec<Edit> {
    let mut cut = cut.iter().peekable();
    seen.iter()
        .filter(|sighting| cut.next_if(|wanted| **wanted == sighting.located).is_some())
        .map(|sighting| edit::replace(sighting.place.clone(), placeholder(&sighting.located, edge)))
        .collect()
}

/// What stands where a finding was, in the words of an edge.
pub(crate) fn placeholder(located: &Located, edge: Edge) -> &'static str {
    match edge {
        Edge::Gateway => respond::PLACEHOLDER,
        Edge::Proxy => located.finding.entity.placeholder(),
    }
}

async fn forward(gateway: &Gateway, flight: &mut Flight, ask: &Ask, cleared: &Cleared) -> Result<Answer, Refused> {
    let Cleared { headers, body, model, stream, target, .. } = cleared;
    let remotes = match target {
        Target::Echo => return Ok(echoed(flight, ask, body, model, *stream)),
        Target::Remote(remotes) => remotes,
    };
    let outgoing = Outgoing { method: &ask.method, path: &ask.path, query: ask.query.as_deref(), headers, body };
    let time_max = gateway.limits.first_byte_time_max;
    flight.billable(true);
    let sent = upstream::forward(&gateway.upstream, remotes, &outgoing, time_max).await;
    let word = sent.map_err(|error| {
        flight.billable(error.may_have_cost());
        Refused::Forward(error)
    })?;
    flight.upstream_answered(word.latency);
    let by = remotes.get(word.by);
    let provider = by.map(|remote: &Remote| remote.name.clone()).unwrap_or_default();
    flight.sent_to(&provider, by.map(|remote| remote.kind));
    let status = word.answer.status();
    // A provider that refuses bills nothing.
    flight.billable(status.is_success());
    // A rejected key's error text may quote the key. On the proxy surface every other answer is the caller's as it came.
    let passes = match ask.edge {
        Edge::Gateway => status.is_success(),
        Edge::Proxy => !matches!(status.as_u16(), 401 | 403),
    };
    if !passes {
        let room = gateway.answers.room();
        return Err(Refused::Upstream(Box::new(read_refusal(word.answer, model, time_max, room).await)));
    }
    let (head, incoming) = word.answer.into_parts();
    Ok(Answer { status, headers: head.headers, body: AnswerSource::Remote(incoming), provider })
}

/// The built-in provider's answer.
fn echoed(flight: &Flight, ask: &Ask, body: &Bytes, model: &str, stream: bool) -> Answer {
    let at = wardbell_telemetry::ambient::now();
    let (content_type, bytes) = echo::answer(ask.dialect(), body, model, stream, flight.arrival.request, at);
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    let provider = crate::provider::ECHO.to_owned();
    Answer { status: StatusCode::OK, headers, body: AnswerSource::Here(bytes), provider }
}

async fn read_refusal(answer: Response<AnswerStream>, model: &str, time_max: Duration, room: Room) -> UpstreamRefusal {
    let (head, incoming) = answer.into_parts();
    let read = tokio::time::timeout(time_max, body::collect(incoming, UPSTREAM_ERROR_BYTES_MAX, time_max, room)).await;
    let error = read
        .ok()
        .and_then(Result::ok)
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|mut body| body.get_mut("error").map(Value::take))
        .filter(Value::is_object);
    UpstreamRefusal { status: head.status, headers: head.headers, error, model: model.to_owned() }
}

/// Answers in place of the provider, once the request's alerts are committed.
pub(crate) async fn refuse(mut flight: Flight, refused: &Refused) -> Response<AnswerBody> {
    flight.alerts_committed().await;
    respond::refuse(flight, refused)
}

/// The media type of a body, without its parameters; empty where it is not told.
pub(crate) fn media_type(headers: &HeaderMap) -> &[u8] {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}
