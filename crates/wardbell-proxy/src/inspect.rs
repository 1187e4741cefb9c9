//! Read, segment and detect: bytes in, what was asked and what was found out.
//!
//! A small body is inspected where it is; a large one on a blocking thread, so that the runtime's threads stay free, and
//! within [`crate::gateway::Limits::detect_time_max`].

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wardbell_core::finding::{Finding, Located};
use wardbell_core::origin::Origin;
use wardbell_core::verdict::DetectionFailure;
use wardbell_detect::engine::Engine;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::request::{self, RequestError};
use wardbell_llm::segment::Segment;

use crate::preview::preview;

/// Bodies up to this many bytes are inspected on the runtime's own thread: about half a millisecond of work.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// A request as the guards see it.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Where the model's name stands between its quotes.
    pub(crate) model_place: Range<usize>,
    /// What the detectors saw, or why they did not finish.
    pub(crate) observed: Result<Vec<Sighting>, DetectionFailure>,
    /// The beginning of the text that the first finding is in, masked; the first injection's before others. `None` where
    /// nothing was found or nobody wants it.
    pub(crate) preview: Option<String>,
    /// Time spent in detectors.
    pub(crate) detect_latency: Duration,
}

/// What to read a request for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) limits: request::Limits,
    /// Whether somebody wants a preview of what is found.
    pub(crate) preview: bool,
}

/// A finding and where it stands in the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) located: Located,
    /// The bytes of the body that spell it.
    pub(crate) place: Range<usize>,
}

/// Reads, segments and detects.
///
/// # Errors
/// When the body is not a chat request.
pub(crate) async fn inspect(
    engine: &Arc<Engine>,
    body: &Bytes,
    wanted: &Wanted,
    time_max: Duration,
) -> Result<Inspected, RequestError> {
    if body.len() <= INLINE_BYTES_MAX {
        return inspect_now(body, wanted, |text| engine.scan(text));
    }
    let (engine, bytes, owned) = (Arc::clone(engine), body.clone(), wanted.clone());
    let work = tokio::task::spawn_blocking(move || inspect_now(&bytes, &owned, |text| engine.scan(text)));
    match tokio::time::timeout(time_max, work).await {
        Ok(Ok(inspected)) => inspected,
        // What was asked is still wanted for the record; reading alone is quick.
        Ok(Err(_)) => failed(body, wanted, DetectionFailure::Panicked, Duration::ZERO),
        Err(_) => failed(body, wanted, DetectionFailure::TimedOut, time_max),
    }
}

fn failed(
    body: &[u8],
    wanted: &Wanted,
    failure: DetectionFailure,
    detect_latency: Duration,
) -> Result<Inspected, RequestError> {
    let inspected = inspect_now(body, wanted, |_| Vec::new())?;
    Ok(Inspected { observed: Err(failure), detect_latency, ..inspected })
}

fn inspect_now(body: &[u8], wanted: &Wanted, scan: impl Fn(&str) -> Vec<Finding>) -> Result<Inspected, RequestError> {
    let request = request::read(Dialect::ChatCompletions, body, &wanted.limits)?;
    // A chat request always names its model.
    let model = request.model.ok_or(RequestError::Missing("model"))?;
    let started = Instant::now();
    let observed = catch_unwind(AssertUnwindSafe(|| {
        let mut sightings = Vec::new();
        for (index, segment) in request.segments.iter().enumerate() {
            let mut characters = Characters::of(&segment.text);
            for finding in scan(&segment.text) {
                let place = segment.to_body(finding.span.clone());
                let characters = characters.span(&finding.span);
                sightings.push(Sighting {
                    located: Located { segment: index, origin: segment.origin, finding, characters },
                    place,
                });
            }
        }
        let preview = if wanted.preview { preview_of(&request.segments, &sightings) } else { None };
        (sightings, preview)
    }));
    let (observed, preview) = match observed {
        Ok((sightings, preview)) => (Ok(sightings), preview),
        Err(_) => (Err(DetectionFailure::Panicked), None),
    };
    Ok(Inspected {
        model: model.name.into_owned(),
        model_place: model.place,
        stream: request.stream,
        observed,
        preview,
        detect_latency: started.elapsed(),
    })
}

/// The preview of what was found: of the segment with the first injection, or else with the first finding.
fn preview_of(segments: &[Segment<'_>], sightings: &[Sighting]) -> Option<String> {
    let is_injection = |seen: &&Sighting| seen.located.finding.entity.is_injection();
    let shown = sightings.iter().find(is_injection).or_else(|| sightings.first())?.located.segment;
    let text = &segments.get(shown)?.text;
    let mut findings: Vec<&Finding> =
        sightings.iter().filter(|seen| seen.located.segment == shown).map(|seen| &seen.located.finding).collect();
    findings.sort_by_key(|finding| finding.span.start);
    Some(preview(text, findings.into_iter()))
}

/// Detects in one text.
///
/// # Errors
/// When the detectors did not finish.
pub(crate) async fn scan_text(
    engine: &Arc<Engine>,
    text: &Arc<str>,
    time_max: Duration,
) -> Result<(Vec<Located>, Duration), DetectionFailure> {
    let (engine, text) = (Arc::clone(engine), Arc::clone(text));
    let long = text.len() > INLINE_BYTES_MAX;
    let scan = move || {
        let started = Instant::now();
        let mut characters = Characters::of(&text);
        let locate = |finding: Finding| {
            let characters = characters.span(&finding.span);
            Located { segment: 0, origin: Origin::User, finding, characters }
        };
        let found = catch_unwind(AssertUnwindSafe(|| engine.scan(&text).into_iter().map(locate).collect()));
        found.map(|found| (found, started.elapsed())).map_err(|_| DetectionFailure::Panicked)
    };
    if !long {
        return scan();
    }
    match tokio::time::timeout(time_max, tokio::task::spawn_blocking(scan)).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => Err(DetectionFailure::Panicked),
        Err(_) => Err(DetectionFailure::TimedOut),
    }
}

/// Tells spans of bytes as spans of Unicode scalar values. It counts each character once for spans that come in the order
/// of their starts, as findings do, so that many findings in a long text cost no more than the text.
struct Characters<'t> {
    text: &'t str,
    byte: usize,
    count: usize,
}

impl<'t> Characters<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, byte: 0, count: 0 }
    }

    fn span(&mut self, span: &Range<usize>) -> Range<usize> {
        if span.start < self.byte {
            (self.byte, self.count) = (0, 0);
        }
        let within = |range: Range<usize>| self.text.get(range).map_or(0, |text| text.chars().count());
        let start = self.count + within(self.byte..span.start);
        let end = start + within(span.clone());
        (self.byte, self.count) = (span.start, start);
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::entity::EntityType;

    const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"\u00e9 4111"}]}"#;

    fn wanted() -> Wanted {
        Wanted { limits: request::Limits::default(), preview: true }
    }

    fn find_digits(text: &str) -> Vec<Finding> {
        text.find("4111")
            .map(|at| Finding { entity: EntityType::CreditCard, rule: "test", span: at..at + 4, score: 1.0 })
            .into_iter()
            .collect()
    }

    #[test]
    fn a_finding_knows_its_characters_and_its_bytes_in_the_body() {
        let inspected = inspect_now(BODY.as_bytes(), &wanted(), find_digits).unwrap();
        let observed = inspected.observed.unwrap();
        assert_eq!(observed.len(), 1);
        assert_eq!(observed[0].located.characters, 2..6);
        assert_eq!(BODY.get(observed[0].place.clone()), Some("4111"));
        assert_eq!(BODY.get(inspected.model_place), Some("m"));
    }

    #[test]
    fn a_panic_in_a_detector_is_a_failure_and_not_a_yes() {
        let inspected = inspect_now(BODY.as_bytes(), &wanted(), |_| panic!("a broken detector")).unwrap();
        assert_eq!(inspected.observed, Err(DetectionFailure::Panicked));
        assert_eq!(inspected.model, "m");
    }

    #[test]
    fn characters_are_counted_once_however_many_findings_there_are() {
        let text = "é4111 ".repeat(200_000);
        let started = Instant::now();
        let mut characters = Characters::of(&text);
        for index in 0..200_000 {
            let at = index * 7 + 2;
            assert_eq!(characters.span(&(at..at + 4)), index * 6 + 1..index * 6 + 5);
        }
        // Counting from the start each time would take minutes.
        assert!(started.elapsed() < Duration::from_secs(10));
        assert_eq!(characters.span(&(2..6)), 1..5, "out of order is right, if not quick");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_is_inspected_off_the_runtime_and_gives_the_same() {
        let engine = Arc::new(Engine::new(&wardbell_detect::engine::EngineSettings::default()).unwrap());
        let filler = "plain words ".repeat(INLINE_BYTES_MAX / 12 + 1);
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{filler} card 4111 1111 1111 1111"}}]}}"#);
        let inspected = inspect(&engine, &body.into(), &wanted(), Duration::from_mins(1)).await.unwrap();
        let observed = inspected.observed.unwrap();
        assert_eq!(observed.len(), 1);
        assert_eq!(observed[0].located.finding.entity, EntityType::CreditCard);
    }
}
