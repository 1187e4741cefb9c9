//! `POST /v1/scan`: whether a text is an attack, by LockLLM's wire (`spec/wire-lockllm.md` 2.3 to 2.5). Nothing is
//! forwarded.
//!
//! The detectors read a text of any length as one, so `chunk` is taken and changes nothing. One field is ours: `origin`, who
//! says the text.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use wardbell_core::finding::Located;
use wardbell_core::origin::Origin;
use wardbell_core::outcome::Outcome;
use wardbell_core::verdict::{DetectionFailure, Refusal, Verdict};
use wardbell_guard::policy::decide::decide;
use wardbell_guard::policy::rules::Rules;
use wardbell_guard::wishes::{MODES, PiiWish, SENSITIVITIES, Wishes, scan_mode, sensitivity_named};
use wardbell_llm::edit::{Edit, splice};
use wardbell_store::directory::ProjectView;

use crate::answer::AnswerBody;
use crate::body;
use crate::edge::Edge;
use crate::eyes::{self, Eyes};
use crate::flight::{Evidence, Flight};
use crate::gateway::Gateway;
use crate::injection::{Sent, Watch};
use crate::inspect;
use crate::pipeline::{DELIVERY_HEADER, admit, placeholder, refuse, wishes};
use crate::preview::preview;
use crate::refused::Refused;
use crate::report::Report;
use crate::respond;

/// The names that the text goes by (the same page, 2.3).
const INPUTS: [&str; 3] = ["input", "inputs", "text"];

/// The words of the field `origin`, and what they mean.
const ORIGINS: [(&str, Origin); 3] =
    [("user", Origin::User), ("document", Origin::Document), ("tool_result", Origin::ToolResult)];

/// What is to be scanned.
#[derive(Debug, PartialEq)]
struct Asked {
    text: String,
    /// Who says it, where the caller tells.
    origin: Option<Origin>,
}

/// `POST /v1/scan`.
pub(crate) async fn scan(gateway: &Gateway, request: &mut Request<Incoming>) -> Response<AnswerBody> {
    let (mut flight, project, hurry) = match admit(gateway, request.headers(), Edge::Proxy, "scan").await {
        Ok(admitted) => admitted,
        Err(told) => return told,
    };
    match answer(gateway, &project, &mut flight, hurry, request).await {
        Ok(fields) => {
            // What a caller is told of, its receivers are told of.
            flight.alerts_committed().await;
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let bytes = Bytes::from(Value::Object(fields).to_string());
            // The headers are of proxied answers; a scan says all in its body.
            flight.report = None;
            respond::serve(flight, StatusCode::OK, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
        }
        Err(refused) => refuse(flight, &refused).await,
    }
}

async fn answer(
    gateway: &Gateway,
    project: &Arc<ProjectView>,
    flight: &mut Flight,
    hurry: f32,
    request: &mut Request<Incoming>,
) -> Result<Map<String, Value>, Refused> {
    let headers = std::mem::take(request.headers_mut());
    if headers.contains_key(DELIVERY_HEADER) {
        return Err(Refused::OwnDelivery);
    }
    let mut wishes = wishes(Edge::Proxy, &headers)?;
    let limits = &gateway.limits;
    let room = gateway.bodies.room();
    let body = body::read(&headers, request.body_mut(), limits.body_bytes_max, limits.body_time_max, room).await;
    let Asked { text, origin } = read(&body.map_err(Refused::of_body)?, &headers, &mut wishes)?;
    let text: Arc<str> = text.into();
    let rules = Rules::proxy(&project.project.policy, &wishes);
    let content = match rules.content {
        Some(_) => gateway.contents.of(&project.project),
        None => Ok(None),
    };
    // A scan that did not finish has no answer to give, whatever the project's fail mode is.
    let failed = |failure| Refused::Guard(Refusal::FailedClosed(failure));
    let content = content.map_err(failed)?;
    let sent = if origin.is_some() { Sent::ToScan } else { Sent::Bare };
    let watch = Some(Watch::new(gateway, project, &rules, sent));
    let eyes = Eyes { engine: Arc::clone(&gateway.engine), content, abuse: rules.abuse.is_some(), watch };
    let mut looked =
        inspect::look(&eyes, &text, origin.unwrap_or(Origin::User), limits.detect_time_max).await.map_err(failed)?;
    // A long text is read as far as it goes; the policy says whether that is enough.
    if let Some(failure) = looked.beside.unread.filter(|failure| *failure != DetectionFailure::TooLong) {
        return Err(failed(failure));
    }
    eyes::with_hurry(&mut looked.beside, hurry);

    let report = Report::of(&looked.found.iter().collect::<Vec<_>>(), &looked.beside, &rules, &wishes);
    flight.report = Some(report.clone());
    let shown = if project.wants_preview {
        Some(preview(&text, looked.found.iter().map(|located| &located.finding)))
    } else {
        None
    };
    let verdict = decide(Ok(looked.found), &looked.beside, &rules);
    let evidence = Evidence { sensitivity: rules.sensitivity, preview: shown, fingerprint: looked.fingerprint };
    flight.decided(&verdict, &looked.beside, looked.latency, evidence);
    if let Verdict::Block(refusal) = verdict {
        return Err(Refused::Guard(refusal));
    }
    let mut fields = Map::from_iter([("request_id".to_owned(), json!(flight.arrival.shown_id()))]);
    fields.extend(report.fields(text.chars().count()));
    if let Some(pii) = &report.pii {
        let stripped = match (pii.action, &verdict) {
            (PiiWish::Strip, Verdict::Redact(redaction)) => Some(stripped(&text, &redaction.cut)),
            (PiiWish::Strip, _) => Some(text.to_string()),
            (PiiWish::Block | PiiWish::Warn, _) => None,
        };
        fields.insert("pii_result".to_owned(), pii.result(stripped.as_deref()));
    }
    if let Some(way) = wishes.compression {
        let length = text.chars().count();
        // Wardbell shortens nothing, and says so: the text as it came, at its own length.
        let result = json!({
            "method": way.as_str(),
            "compressed_input": &*text,
            "original_length": length,
            "compressed_length": length,
            "compression_ratio": 1.0,
        });
        fields.insert("compression_result".to_owned(), result);
    }
    Ok(fields)
}

/// Reads the body: the text, and the wishes that stand in it. A header beats the body where both say something.
fn read(body: &[u8], headers: &HeaderMap, wishes: &mut Wishes) -> Result<Asked, Refused> {
    let wrong = |field, must| Refused::Field { field, must };
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return Err(wrong("input", "in a JSON object, such as {\"input\": \"…\"}"));
    };
    let mut text = None;
    for name in INPUTS {
        match fields.remove(name) {
            None => {}
            Some(Value::String(_)) if text.is_some() => {
                return Err(wrong(name, "left out where another of input, inputs and text is sent"));
            }
            Some(Value::String(value)) => text = Some(value),
            Some(_) => return Err(wrong(name, "a string")),
        }
    }
    let text = text.ok_or(wrong("input", "there, and a string"))?;
    if text.is_empty() {
        return Err(wrong("input", "a string that is not empty"));
    }
    if let Some(value) = present(&mut fields, "sensitivity") {
        let level = value.as_str().and_then(sensitivity_named).ok_or(wrong("sensitivity", SENSITIVITIES))?;
        wishes.sensitivity = wishes.sensitivity.or(Some(level));
    }
    if let Some(value) = present(&mut fields, "mode") {
        let mode = value.as_str().and_then(scan_mode).ok_or(wrong("mode", MODES))?;
        if !headers.contains_key("x-lockllm-scan-mode") {
            wishes.mode = mode;
        }
    }
    if let Some(value) = present(&mut fields, "chunk") {
        let chunk = value.as_bool().ok_or(wrong("chunk", "true or false"))?;
        wishes.chunk = wishes.chunk.or(Some(chunk));
    }
    let origin = match present(&mut fields, "origin") {
        None => None,
        Some(value) => {
            let known = ORIGINS.iter().find(|(word, _)| value.as_str() == Some(word));
            Some(known.ok_or(wrong("origin", "user, document or tool_result"))?.1)
        }
    };
    // Fields that nobody knows are left alone: newer clients may send more.
    Ok(Asked { text, origin })
}

/// A field that is there and not null.
fn present(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

/// The text with personal data and secrets cut out.
fn stripped(text: &str, cut: &[Located]) -> String {
    let edits: Vec<_> = cut
        .iter()
        .map(|located| Edit { range: located.finding.span.clone(), with: placeholder(located, Edge::Proxy).to_owned() })
        .collect();
    // Spans lie on character boundaries, so the pieces are whole.
    String::from_utf8_lossy(&splice(text.as_bytes(), &edits)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;
    use wardbell_core::policy::Sensitivity;
    use wardbell_guard::wishes::ScanMode;

    fn asked(body: &str, headers: &[(&'static str, &str)]) -> Result<(String, Wishes), String> {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        let Ok(mut wishes) = super::wishes(Edge::Proxy, &headers) else { return Err("header".to_owned()) };
        match read(body.as_bytes(), &headers, &mut wishes) {
            Ok(Asked { text, .. }) => Ok((text, wishes)),
            Err(Refused::Field { field, .. }) => Err(field.to_owned()),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_text_goes_by_three_names_and_is_sent_once() {
        for name in INPUTS {
            assert_eq!(asked(&format!("{{\"{name}\":\"hello\"}}"), &[]).unwrap().0, "hello");
        }
        for (body, field) in [
            ("", "input"),
            ("[]", "input"),
            ("{}", "input"),
            (r#"{"input":""}"#, "input"),
            (r#"{"input":7}"#, "input"),
            (r#"{"inputs":["a"]}"#, "inputs"),
            (r#"{"input":"a","text":"b"}"#, "text"),
            (r#"{"input":"a","sensitivity":"extreme"}"#, "sensitivity"),
            (r#"{"input":"a","mode":7}"#, "mode"),
            (r#"{"input":"a","chunk":"yes"}"#, "chunk"),
            (r#"{"input":"a","origin":"system"}"#, "origin"),
            (r#"{"input":"a","origin":["user"]}"#, "origin"),
        ] {
            assert_eq!(asked(body, &[]).unwrap_err(), field, "{body}");
        }
    }

    #[test]
    fn the_body_says_who_says_a_text_or_nobody_does() {
        for (origin, expected) in [
            ("null", None),
            ("\"user\"", Some(Origin::User)),
            ("\"document\"", Some(Origin::Document)),
            ("\"tool_result\"", Some(Origin::ToolResult)),
        ] {
            let body = format!("{{\"input\":\"a\",\"origin\":{origin}}}");
            let asked =
                read(body.as_bytes(), &HeaderMap::new(), &mut super::wishes(Edge::Proxy, &HeaderMap::new()).unwrap());
            assert_eq!(asked.unwrap(), Asked { text: "a".to_owned(), origin: expected }, "{body}");
        }
        assert_eq!(
            read(b"{\"text\":\"a\"}", &HeaderMap::new(), &mut super::wishes(Edge::Proxy, &HeaderMap::new()).unwrap())
                .unwrap()
                .origin,
            None
        );
    }

    #[test]
    fn a_header_beats_the_body() {
        let body = r#"{"input":"a","sensitivity":"low","mode":"normal","chunk":true,"more":1}"#;
        let (_, wishes) = asked(body, &[]).unwrap();
        assert_eq!((wishes.sensitivity, wishes.mode), (Some(Sensitivity::Low), ScanMode::Normal));
        let headers = [("x-lockllm-sensitivity", "high"), ("x-lockllm-scan-mode", "combined")];
        let (_, wishes) = asked(body, &headers).unwrap();
        assert_eq!((wishes.sensitivity, wishes.mode), (Some(Sensitivity::High), ScanMode::Combined));
        assert!(asked(body, &[("x-lockllm-sensitivity", "extreme")]).is_err());
    }
}
