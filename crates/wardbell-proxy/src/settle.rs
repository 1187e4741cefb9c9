//! The answer: looked at where the policy says so, passed on, and taken down for what it used.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;
use wardbell_core::alert::DlpAction;
use wardbell_core::outcome::Outcome;
use wardbell_core::policy::{FailMode, LoopMode, ResponseMode};
use wardbell_core::verdict::{DetectionFailure, Refusal};
use wardbell_guard::policy::decide::is_wanted;
use wardbell_guard::policy::rules::Rules;
use wardbell_llm::answer as llm_answer;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::openai::answer as openai_answer;
use wardbell_store::directory::ProjectView;

use crate::answer::{AnswerBody, StreamParts};
use crate::ask_usage::Strip;
use crate::body::{self, BodyError};
use crate::edge::{Ask, Edge};
use crate::flight::Flight;
use crate::gateway::{Gateway, Limits};
use crate::guarded::Guarded;
use crate::inspect;
use crate::loops::{ChantWatch, LoopGuard};
use crate::pipeline::{Answer, AnswerSource, Cleared, media_type, refuse};
use crate::refused::Refused;
use crate::respond;
use crate::upstream::{self, ForwardError};

/// The header that warns a caller of a loop.
const LOOP_HEADER: HeaderName = HeaderName::from_static("x-wardbell-loop");

/// The header that tells a caller the cap that a budget put on the answer, in tokens.
const TOKENS_HEADER: HeaderName = HeaderName::from_static("x-wardbell-max-tokens");

/// Passes the answer on, looks at its text where the policy says so, takes down what it used, and ends the flight with it.
pub(crate) async fn settle(
    gateway: &Gateway,
    project: &ProjectView,
    mut flight: Flight,
    ask: &Ask,
    cleared: Cleared,
    answer: Answer,
) -> Response<AnswerBody> {
    let Answer { status, headers: given, body, provider } = answer;
    let policy = &project.project.policy;
    let rules = match ask.edge {
        Edge::Gateway => Rules::gateway(policy),
        Edge::Proxy => Rules::proxy(policy, &cleared.wishes),
    };
    // A provider's own error is no answer of a model.
    let mode = if status.is_success() { policy.response.scan } else { ResponseMode::Off };
    let mut headers = upstream::answer_headers(&given);
    if let Some(warning) = cleared.warning.as_deref().and_then(|warning| HeaderValue::try_from(warning).ok()) {
        headers.insert(LOOP_HEADER, warning);
    }
    if let Some(tokens) = cleared.tokens_max {
        headers.insert(TOKENS_HEADER, HeaderValue::from(tokens));
    }
    let readable = !given.contains_key(CONTENT_ENCODING);
    if readable && is_stream(&given, ask.dialect(), cleared.stream) {
        flight.streamed();
        respond::unbuffered(&mut headers);
        let guarded = Guarded::new(&gateway.engine, ask.dialect(), mode, &rules);
        let parts = match body {
            AnswerSource::Here(bytes) => return settle_echo(flight, headers, bytes, guarded, ask.dialect()).await,
            AnswerSource::Remote(upstream) => StreamParts {
                upstream,
                dialect: ask.dialect(),
                guarded,
                chant: chant(gateway, project, ask),
                strip: cleared.strips_usage.then(Strip::default),
                idle_time_max: gateway.limits.idle_time_max,
                drains: gateway.drains.clone(),
            },
        };
        return respond::serve(flight, status, headers, |flight| AnswerBody::stream(parts, flight));
    }
    let bytes = match whole(gateway, &mut flight, body, &provider).await {
        Ok(bytes) => bytes,
        Err(refused) => return refuse(flight, &refused).await,
    };
    if readable {
        flight.used(llm_answer::usage(ask.dialect(), &bytes));
    }
    let looked = look_at_answer(gateway, &mut flight, ask, &rules, mode, (bytes, readable)).await;
    let bytes = match looked {
        Ok(bytes) => bytes,
        Err(refused) => return refuse(flight, &refused).await,
    };
    flight.alerts_committed().await;
    let annotates = readable && ask.edge == Edge::Gateway && ask.dialect() == Dialect::ChatCompletions;
    let bytes = if annotates { annotate(&flight, &cleared, &provider, bytes) } else { bytes };
    respond::serve(flight, status, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
}

/// What watches a stream for an answer that says the same again and again.
fn chant(gateway: &Gateway, project: &ProjectView, ask: &Ask) -> Option<(ChantWatch, Arc<LoopGuard>)> {
    let policy = &project.project.policy.loops;
    let watches = policy.enabled && policy.mode == LoopMode::Block && ask.edge == Edge::Gateway;
    let repeats = policy.chant_repeats.filter(|_| watches)?;
    Some((ChantWatch::new(ask.dialect(), repeats), Arc::clone(&gateway.loops)))
}

/// All bytes of an answer that is not a stream.
async fn whole(gateway: &Gateway, flight: &mut Flight, body: AnswerSource, provider: &str) -> Result<Bytes, Refused> {
    let incoming = match body {
        AnswerSource::Here(bytes) => return Ok(bytes),
        AnswerSource::Remote(incoming) => incoming,
    };
    let Limits { answer_bytes_max, idle_time_max, .. } = gateway.limits;
    let room = gateway.answers.room();
    let started = Instant::now();
    let collected = body::collect(incoming, answer_bytes_max, idle_time_max, room).await;
    flight.upstream_finished(started.elapsed());
    collected.map_err(|error| {
        if error == BodyError::Overloaded {
            return Refused::Overloaded;
        }
        tracing::warn!(%error, provider, request = %flight.arrival.request, "provider broke off");
        Refused::Forward(ForwardError::BrokenOff(error))
    })
}

/// Looks at the text of a whole answer, and acts on it as the policy says.
async fn look_at_answer(
    gateway: &Gateway,
    flight: &mut Flight,
    ask: &Ask,
    rules: &Rules<'_>,
    mode: ResponseMode,
    (bytes, readable): (Bytes, bool),
) -> Result<Bytes, Refused> {
    let action = match mode {
        ResponseMode::Off => return Ok(bytes),
        ResponseMode::Detect => DlpAction::Detect,
        ResponseMode::Redact => DlpAction::Redact,
        ResponseMode::Block => DlpAction::Block,
    };
    let started = Instant::now();
    let seen = if readable {
        inspect::inspect_answer(&gateway.engine, ask.dialect(), &bytes, gateway.limits.detect_time_max).await
    } else {
        Err(DetectionFailure::Unreadable)
    };
    let mut seen = match (seen, rules.fail) {
        (Ok(seen), _) => seen,
        (Err(failure), fail) => {
            flight.answer_failed(failure, fail);
            return match fail {
                FailMode::Open => Ok(bytes),
                FailMode::Closed => Err(Refused::Answer(Refusal::FailedClosed(failure))),
            };
        }
    };
    seen.retain(|sighting| is_wanted(&sighting.located.finding, rules));
    if seen.is_empty() {
        return Ok(bytes);
    }
    let found: Vec<_> = seen.iter().map(|sighting| sighting.located.clone()).collect();
    flight.answer_decided(&found, found.len(), action, started.elapsed());
    match action {
        DlpAction::Detect => Ok(bytes),
        DlpAction::Redact => {
            let cut: Vec<_> = found.iter().map(|located| (located.segment, located.finding.span.clone())).collect();
            // It was read just now, so it can be read again.
            let redacted = llm_answer::redact(ask.dialect(), &bytes, &cut, respond::PLACEHOLDER);
            Ok(redacted.map_or_else(Bytes::new, Bytes::from))
        }
        DlpAction::Block => Err(Refused::Answer(Refusal::Pii(found))),
    }
}

/// The built-in provider's stream, which is there as a whole.
async fn settle_echo(
    mut flight: Flight,
    headers: HeaderMap,
    bytes: Bytes,
    guarded: Option<Guarded>,
    dialect: Dialect,
) -> Response<AnswerBody> {
    let mut observer = wardbell_llm::stream::StreamObserver::new(dialect);
    observer.push(&bytes);
    flight.used(observer.usage());
    let bytes = match guarded {
        None => bytes,
        Some(mut guarded) => {
            let first = guarded.push(&bytes);
            let mut passed = first.bytes;
            if !first.ended {
                passed.extend(guarded.finish().bytes);
            }
            guarded.report(&mut flight);
            Bytes::from(passed)
        }
    };
    flight.alerts_committed().await;
    respond::serve(flight, StatusCode::OK, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
}

/// Adds `x_request_id` and `aisg_metadata`, and gives the model the name that was asked for. An answer that is not a
/// JSON object passes as it is.
fn annotate(flight: &Flight, cleared: &Cleared, provider: &str, bytes: Bytes) -> Bytes {
    let id = Value::from(flight.arrival.shown_id()).to_string();
    let metadata = respond::metadata(flight, &cleared.verdict, &cleared.model, provider);
    let fields = [("x_request_id", id.as_str()), ("aisg_metadata", metadata.as_str())];
    openai_answer::annotate(&bytes, &cleared.model, &fields).map_or(bytes, Bytes::from)
}

/// Whether an answer is a stream: of events, of JSON lines as Cohere's version 1 sends them, or of the items of a JSON list
/// as Gemini sends them without `alt=sse`.
fn is_stream(headers: &HeaderMap, dialect: Dialect, asked: bool) -> bool {
    let kind = media_type(headers);
    let is = |name: &[u8]| kind.eq_ignore_ascii_case(name);
    is(b"text/event-stream")
        || is(b"application/stream+json")
        || is(b"application/x-ndjson")
        || (asked && dialect == Dialect::Gemini && is(b"application/json"))
}
