//! The way of a request, top to bottom. Each phase is a noun that has a file of its own.
//!
//! ```text
//! authenticate → read & segment → detect → decide → forward → settle → record
//!     auth           inspect       inspect   decide   upstream    answer    flight
//! ```

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;
use wardbell_core::finding::Located;
use wardbell_core::outcome::Outcome;
use wardbell_core::policy::Policy;
use wardbell_core::principal::Principal;
use wardbell_core::verdict::Verdict;
use wardbell_guard::auth;
use wardbell_guard::policy::decide::decide;
use wardbell_llm::answer as llm_answer;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::edit::{self, Edit};
use wardbell_llm::openai::chat;
use wardbell_store::directory::ProjectView;
use wardbell_telemetry::metrics::metrics;

use crate::answer::AnswerBody;
use crate::body::{self, BodyError};
use crate::flight::{Arrival, Evidence, Flight};
use crate::gateway::{Gateway, Limits};
use crate::inspect::{Inspected, Sighting, Wanted, inspect};
use crate::provider::{self, Remote, Target};
use crate::respond::{self, Refused, UpstreamRefusal};
use crate::upstream::{self, ForwardError};
use crate::{echo, provider::ECHO};

/// The header that Wardbell's own deliveries carry, so that a webhook that points at the gateway makes no circle.
pub const DELIVERY_HEADER: &str = "x-wardbell-delivery";

/// How much of a provider's error body is read for its `error` object.
const UPSTREAM_ERROR_BYTES_MAX: usize = 64 * 1024;

/// `POST /v1/chat/completions`.
pub async fn chat_completions(gateway: &Gateway, request: Request<Incoming>) -> Response<AnswerBody> {
    let (mut flight, project) = match admit(gateway, request.headers(), "chat.completions").await {
        Ok(admitted) => admitted,
        Err(told) => return told,
    };
    match guard(gateway, &project, &mut flight, request).await {
        Ok(cleared) => match forward(gateway, &mut flight, &cleared).await {
            Ok(answer) => settle(gateway, flight, &cleared, answer).await,
            Err(refused) => refuse(flight, &refused).await,
        },
        Err(refused) => refuse(flight, &refused).await,
    }
}

/// A request that may go on, as it goes on.
struct Cleared {
    headers: HeaderMap,
    body: Bytes,
    model: String,
    stream: bool,
    verdict: Verdict,
    target: Target,
}

/// A provider's answer.
enum Answer {
    Echo(Bytes),
    Remote(Response<Incoming>),
}

/// Authenticates and takes a place for the record; from here on the request leaves one row. `Err` is the answer to a
/// request that presents no good key.
pub(crate) async fn admit(
    gateway: &Gateway,
    headers: &HeaderMap,
    surface: &'static str,
) -> Result<(Flight, Arc<ProjectView>), Response<AnswerBody>> {
    let arrival = Arrival::of(headers);
    let (principal, project) =
        authenticate(gateway, headers).map_err(|refused| respond::stranger(&arrival, &refused))?;
    let Some(place) = gateway.recorder.place().await else {
        return Err(respond::stranger(&arrival, &Refused::Stopping));
    };
    let flight = Flight::begin(arrival, place, &principal, project.project.policy_version, surface);
    Ok((flight, project))
}

fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> Result<(Arc<Principal>, Arc<ProjectView>), Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let known = auth::presented_key(header("x-lockllm-key"), header("authorization"), header("x-api-key"))
        .ok_or(Refused::NoKey)
        .and_then(|key| gateway.directory.authenticate(key).ok_or(Refused::WrongKey));
    if known.is_err() {
        metrics().unauthenticated.inc();
    }
    known
}

/// Reads, segments, detects and decides; redacts where the verdict says so.
async fn guard(
    gateway: &Gateway,
    project: &ProjectView,
    flight: &mut Flight,
    request: Request<Incoming>,
) -> Result<Cleared, Refused> {
    let (head, incoming) = request.into_parts();
    let headers = head.headers;
    if headers.contains_key(DELIVERY_HEADER) {
        return Err(Refused::OwnDelivery);
    }
    let Limits { body_bytes_max, body_time_max, detect_time_max, .. } = gateway.limits;
    let body = body::read(&headers, incoming, body_bytes_max, body_time_max).await.map_err(Refused::Body)?;
    let limits = chat::Limits { depth_max: gateway.limits.depth_max, messages_max: gateway.limits.messages_max };
    let wanted = Wanted { limits, preview: project.wants_preview };
    let inspected = inspect(&gateway.engine, &body, &wanted, detect_time_max).await.map_err(Refused::Request)?;
    let Inspected { model, stream, model_place, observed, preview, detect_latency } = inspected;
    let asked = headers.get("x-model").and_then(|name| name.to_str().ok()).filter(|name| !name.is_empty());
    let model = asked.map_or(model, str::to_owned);
    flight.asked(&model);
    let target = provider::choose(project, &headers, gateway.provider_key).map_err(Refused::Provider)?;
    flight.sent_to(target.name());

    let Policy { fail, injection, .. } = &project.project.policy;
    let located =
        observed.as_ref().map_err(|failure| *failure).map(|seen| seen.iter().map(|s| s.located.clone()).collect());
    let verdict = decide(located, &project.project.policy, fail.gateway);
    let evidence = Evidence { sensitivity: injection.sensitivity, preview };
    flight.decided(&verdict, detect_latency, evidence, &gateway.store, &gateway.recorder);

    let mut edits = match &verdict {
        Verdict::Block(refusal) => return Err(Refused::Guard(refusal.clone())),
        Verdict::Redact(redaction) => redact(&redaction.cut, &observed.unwrap_or_default()),
        Verdict::Allow(_) => Vec::new(),
    };
    if asked.is_some() {
        edits.push(edit::replace(model_place, &model));
    }
    let body = if edits.is_empty() { body } else { Bytes::from(edit::splice(&body, &edits)) };
    Ok(Cleared { headers, body, model, stream, verdict, target })
}

/// The edits that cut these findings out. `cut` is a part of `seen`, in the same order, so one walk over both finds them.
fn redact(cut: &[Located], seen: &[Sighting]) -> Vec<Edit> {
    let mut cut = cut.iter().peekable();
    seen.iter()
        .filter(|sighting| cut.next_if(|wanted| **wanted == sighting.located).is_some())
        .map(|sighting| edit::replace(sighting.place.clone(), respond::PLACEHOLDER))
        .collect()
}

async fn forward(gateway: &Gateway, flight: &mut Flight, cleared: &Cleared) -> Result<Answer, Refused> {
    let Cleared { headers, body, model, stream, target, .. } = cleared;
    let remote = match target {
        Target::Echo => {
            let at = wardbell_telemetry::ambient::now();
            let request = flight.arrival.request;
            return Ok(Answer::Echo(echo::answer(Dialect::ChatCompletions, body, model, *stream, request, at).1));
        }
        Target::Remote(remote) => remote,
    };
    let time_max = gateway.limits.first_byte_time_max;
    let sent = upstream::forward(&gateway.upstream, remote, "/chat/completions", headers, body.clone(), time_max).await;
    let (answer, latency) = sent.map_err(|error| {
        log_failure(flight, remote, &error);
        Refused::Forward(error)
    })?;
    flight.upstream_answered(latency);
    if answer.status().is_success() {
        return Ok(Answer::Remote(answer));
    }
    Err(Refused::Upstream(read_refusal(answer, gateway.limits.first_byte_time_max).await))
}

fn log_failure(flight: &Flight, remote: &Remote, error: &ForwardError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        provider = %remote.name,
        request = %flight.arrival.request,
        "provider failed"
    );
}

async fn read_refusal(answer: Response<Incoming>, time_max: std::time::Duration) -> UpstreamRefusal {
    let (head, incoming) = answer.into_parts();
    let read = tokio::time::timeout(time_max, body::collect(incoming, UPSTREAM_ERROR_BYTES_MAX)).await;
    let error = read
        .ok()
        .and_then(Result::ok)
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|mut body| body.get_mut("error").map(Value::take))
        .filter(Value::is_object);
    UpstreamRefusal { status: head.status, retry_after: head.headers.get(RETRY_AFTER).cloned(), error }
}

/// Passes the answer on, takes down what it used, and ends the flight with it.
async fn settle(gateway: &Gateway, mut flight: Flight, cleared: &Cleared, answer: Answer) -> Response<AnswerBody> {
    let answer = match answer {
        Answer::Echo(bytes) => return settle_echo(flight, cleared, bytes).await,
        Answer::Remote(answer) => answer,
    };
    let (head, incoming) = answer.into_parts();
    let mut headers = upstream::answer_headers(&head.headers);
    if is_event_stream(&head.headers) {
        flight.streamed();
        respond::unbuffered(&mut headers);
        let idle = gateway.limits.idle_time_max;
        return respond::serve(flight, head.status, headers, |flight| AnswerBody::stream(incoming, flight, idle));
    }
    let Limits { answer_bytes_max, idle_time_max, .. } = gateway.limits;
    let collected = tokio::time::timeout(idle_time_max, body::collect(incoming, answer_bytes_max)).await;
    let bytes = match collected.unwrap_or(Err(BodyError::TooSlow(idle_time_max))) {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!(%error, provider = cleared.target.name(), request = %flight.arrival.request, "provider broke off");
            let broken = UpstreamRefusal { status: StatusCode::BAD_GATEWAY, retry_after: None, error: None };
            return refuse(flight, &Refused::Upstream(broken)).await;
        }
    };
    let readable = !head.headers.contains_key(CONTENT_ENCODING);
    flight.used(if readable { llm_answer::usage(Dialect::ChatCompletions, &bytes) } else { None });
    flight.alerts_committed().await;
    let bytes = if readable { annotate(&flight, cleared, bytes) } else { bytes };
    respond::serve(flight, head.status, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
}

async fn settle_echo(mut flight: Flight, cleared: &Cleared, bytes: Bytes) -> Response<AnswerBody> {
    let mut headers = HeaderMap::new();
    let bytes = if cleared.stream {
        flight.streamed();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        respond::unbuffered(&mut headers);
        bytes
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        flight.used(llm_answer::usage(Dialect::ChatCompletions, &bytes));
        annotate(&flight, cleared, bytes)
    };
    flight.alerts_committed().await;
    respond::serve(flight, StatusCode::OK, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
}

/// Adds `x_request_id` and `aisg_metadata`, and gives the model the name that was asked for. An answer that is not a
/// JSON object passes as it is.
fn annotate(flight: &Flight, cleared: &Cleared, bytes: Bytes) -> Bytes {
    let provider = match &cleared.target {
        Target::Echo => ECHO,
        Target::Remote(remote) => &remote.name,
    };
    let id = Value::from(flight.arrival.shown_id()).to_string();
    let metadata = respond::metadata(flight, &cleared.verdict, &cleared.model, provider);
    let fields = [("x_request_id", id.as_str()), ("aisg_metadata", metadata.as_str())];
    llm_answer::annotate(&bytes, &cleared.model, &fields).map_or(bytes, Bytes::from)
}

/// Answers in place of the provider, once the request's alerts are committed.
pub(crate) async fn refuse(mut flight: Flight, refused: &Refused) -> Response<AnswerBody> {
    flight.alerts_committed().await;
    respond::refuse(flight, refused)
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    content_type.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
}
