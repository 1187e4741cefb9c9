//! `POST /v1/dlp/scan`: what the detectors find in one text. Nothing is forwarded, and no alert is raised.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use wardbell_core::finding::Located;
use wardbell_core::origin::Origin;
use wardbell_core::outcome::Outcome;
use wardbell_core::policy::FailMode;
use wardbell_core::verdict::Refusal;
use wardbell_guard::policy::decide::counts;
use wardbell_guard::policy::rules::Rules;
use wardbell_llm::edit::{Edit, splice};
use wardbell_store::directory::ProjectView;

use crate::answer::AnswerBody;
use crate::body;
use crate::edge::Edge;
use crate::eyes::Eyes;
use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::injection::{Sent, Watch};
use crate::inspect::{Looked, look};
use crate::pipeline::{admit, refuse};
use crate::refused::Refused;
use crate::respond::{self, PLACEHOLDER};

/// What the caller wants back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    /// What was found and where.
    Detect,
    /// The text with personal data and secrets cut out, too.
    Redact,
}

/// `POST /v1/dlp/scan`: `{text, action?}` with `action` `detect` (the default) or `redact`. Findings are those that the
/// project's policy counts; offsets are in Unicode scalar values.
pub(crate) async fn dlp_scan(gateway: &Gateway, request: &mut Request<Incoming>) -> Response<AnswerBody> {
    let (mut flight, project, _) = match admit(gateway, request.headers(), Edge::Gateway, "dlp.scan").await {
        Ok(admitted) => admitted,
        Err(told) => return told,
    };
    match scan(gateway, &project, &mut flight, request).await {
        Ok(answer) => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let bytes = Bytes::from(answer.to_string());
            respond::serve(flight, StatusCode::OK, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
        }
        Err(refused) => refuse(flight, &refused).await,
    }
}

async fn scan(
    gateway: &Gateway,
    project: &Arc<ProjectView>,
    flight: &mut Flight,
    request: &mut Request<Incoming>,
) -> Result<Value, Refused> {
    let headers = std::mem::take(request.headers_mut());
    let limits = &gateway.limits;
    let room = gateway.bodies.room();
    let body = body::read(&headers, request.body_mut(), limits.body_bytes_max, limits.body_time_max, room).await;
    let (text, action) = read(&body.map_err(Refused::of_body)?)?;
    let text: Arc<str> = text.into();
    // A scan that did not finish has no answer to give, whatever the project's fail mode is.
    let rules = Rules::gateway(&project.project.policy);
    let watch = Some(Watch::new(gateway, project, &rules, Sent::Bare));
    let eyes = Eyes { engine: Arc::clone(&gateway.engine), content: None, abuse: false, watch };
    let Looked { found, beside, fingerprint: _, latency } = look(&eyes, &text, Origin::User, limits.detect_time_max)
        .await
        .map_err(|failure| Refused::Guard(Refusal::FailedClosed(failure)))?;
    if let Some(failure) = beside.unread.filter(|failure| rules.fail_of(*failure) == FailMode::Closed) {
        return Err(Refused::Guard(Refusal::FailedClosed(failure)));
    }
    let found: Vec<Located> = found.into_iter().filter(|located| counts(located, &rules)).collect();
    flight.saw(if found.is_empty() { "allow" } else { "observe" }, &found.iter().collect::<Vec<_>>(), latency);
    let mut answer = Map::new();
    answer.insert("entities".to_owned(), found.iter().map(entity).collect());
    if action == Action::Redact {
        answer.insert("redacted_text".to_owned(), json!(redacted(&text, &found)));
    }
    Ok(Value::Object(answer))
}

fn read(body: &[u8]) -> Result<(String, Action), Refused> {
    let wrong = |field, must| Refused::Field { field, must };
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err(wrong("text", "in a JSON object, such as {\"text\": \"…\"}"));
    };
    let Some(Value::String(text)) = fields.remove("text") else {
        return Err(wrong("text", "there, and a string"));
    };
    let action = match fields.remove("action").as_ref().map(Value::as_str) {
        None | Some(Some("detect")) => Action::Detect,
        Some(Some("redact")) => Action::Redact,
        Some(_) => return Err(wrong("action", "detect or redact")),
    };
    if fields.is_empty() { Ok((text, action)) } else { Err(wrong("body", "an object with `text` and `action` only")) }
}

fn entity(located: &Located) -> Value {
    json!({
        "type": located.finding.entity,
        "start": located.characters.start,
        "end": located.characters.end,
        "score": (f64::from(located.finding.score) * 100.0).round() / 100.0,
    })
}

/// The text with personal data and secrets cut out; an injection is no data and stays.
fn redacted(text: &str, found: &[Located]) -> String {
    let data = found.iter().filter(|located| !located.finding.entity.is_injection());
    let edits: Vec<_> =
        data.map(|located| Edit { range: located.finding.span.clone(), with: PLACEHOLDER.to_owned() }).collect();
    // Spans lie on character boundaries, so the pieces are whole.
    String::from_utf8_lossy(&splice(text.as_bytes(), &edits)).into_owned()
}
