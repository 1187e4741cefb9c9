//! Read, segment and detect: bytes in, what was asked and what was found out.
//!
//! A small body is inspected where it is; a large one on a blocking thread, so that the runtime's threads stay free, and
//! within [`crate::gateway::Limits::detect_time_max`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wardbell_core::finding::{Finding, Located};
use wardbell_core::origin::Origin;
use wardbell_core::policy::Sensitivity;
use wardbell_core::verdict::DetectionFailure;
use wardbell_detect::engine::Engine;
use wardbell_guard::policy::decide::Beside;
use wardbell_llm::dialect::{Call, Dialect};
use wardbell_llm::request::{self, Limits, RequestError};
use wardbell_llm::segment::Segment;

use crate::eyes::Eyes;
use crate::injection::{Looks, Watch};
use crate::preview::preview;
use crate::sighting::{Characters, Sighting, beyond, counts, is_injection, place, sight, surest};

/// Bodies up to this many bytes are inspected on the runtime's own thread: about half a millisecond of work.
pub(crate) const INLINE_BYTES_MAX: usize = 64 * 1024;

/// A request as the guards see it.
#[derive(Debug)]
pub(crate) struct Inspected {
    /// The model that the body names.
    pub(crate) model: Option<Model>,
    pub(crate) stream: bool,
    /// What the detectors saw, or why they did not finish.
    pub(crate) observed: Result<Observed, DetectionFailure>,
    /// The beginning of the text that the first finding is in, masked; the surest injection's before others. `None` where
    /// nothing was found or nobody wants it.
    pub(crate) preview: Option<String>,
    /// Time spent in detectors.
    pub(crate) detect_latency: Duration,
}

/// The model that a body names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// Where it stands between its quotes.
    pub(crate) place: Range<usize>,
}

/// What the detectors saw.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Observed {
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) beside: Beside,
    /// The fingerprint of the text, or of the run of texts, that the surest injection is in, if it counts.
    pub(crate) fingerprint: Option<String>,
}

/// How to read a request.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// The dialect, and what the path says of the model.
    pub(crate) call: Call,
    pub(crate) limits: Limits,
    /// Whether somebody wants a preview of what is found.
    pub(crate) preview: bool,
}

/// Reads, segments and detects.
///
/// # Errors
/// When the body is not a request of its dialect.
pub(crate) async fn inspect(
    eyes: &Eyes,
    body: &Bytes,
    reading: &Reading,
    time_max: Duration,
) -> Result<Inspected, RequestError> {
    let started = Instant::now();
    let (mut inspected, mut looks) = first(eyes, body, reading, time_max).await?;
    let (Some(watch), Ok(_)) = (&eyes.watch, &inspected.observed) else { return Ok(inspected) };
    let left = time_max.saturating_sub(started.elapsed());
    let unread = watch.read(&mut looks, left).await;
    if let Ok(observed) = &mut inspected.observed {
        observed.beside.unread = unread;
    }
    if inspected.has_injection() || looks.judged.iter().any(|(_, judged)| !judged.findings().is_empty()) {
        inspected = again(eyes, body, reading, inspected, looks)?;
    }
    inspected.detect_latency = started.elapsed();
    Ok(inspected)
}

/// Reads the body and looks at it, without the encoder.
async fn first(
    eyes: &Eyes,
    body: &Bytes,
    reading: &Reading,
    time_max: Duration,
) -> Result<(Inspected, Looks), RequestError> {
    if body.len() <= INLINE_BYTES_MAX {
        return inspect_now(body, reading, eyes, |text| eyes.engine.scan(text));
    }
    let (eyes, bytes, owned) = (eyes.clone(), body.clone(), reading.clone());
    let work = tokio::task::spawn_blocking(move || inspect_now(&bytes, &owned, &eyes, |text| eyes.engine.scan(text)));
    let failed = |failure, after| Ok((failed(body, reading, failure, after)?, Looks::default()));
    match tokio::time::timeout(time_max, work).await {
        Ok(Ok(inspected)) => inspected,
        // What was asked is still wanted for the record; reading alone is quick.
        Ok(Err(_)) => failed(DetectionFailure::Panicked, Duration::ZERO),
        Err(_) => failed(DetectionFailure::TimedOut, time_max),
    }
}

/// Reads the body once more, where an injection was found: to say where it stands, and to take out what the project allows.
/// Few requests come here.
fn again(
    eyes: &Eyes,
    body: &Bytes,
    reading: &Reading,
    mut inspected: Inspected,
    looks: Looks,
) -> Result<Inspected, RequestError> {
    let (eyes, body, reading) = (eyes.clone(), body.clone(), reading.clone());
    let long = body.len() > INLINE_BYTES_MAX;
    let work = move || {
        let request = request::read_call(&reading.call, &body, &reading.limits)?;
        let Ok(observed) = &mut inspected.observed else { return Ok(inspected) };
        let settled = catch_unwind(AssertUnwindSafe(|| settle(&request.segments, &eyes, &looks, observed)));
        if settled.is_err() {
            inspected.observed = Err(DetectionFailure::Panicked);
            return Ok(inspected);
        }
        if reading.preview {
            inspected.preview = preview_of(&request.segments, &observed.sightings);
        }
        Ok(inspected)
    };
    if !long {
        return work();
    }
    tokio::task::block_in_place(work)
}

/// The longest run of texts that is looked at as one, in bytes. Source: ours; what is cut to pass unseen is short.
const RUN_BYTES_MAX: usize = 8 * 1024;

/// Texts of the user that follow one another, two or more: parts of a message, or messages without an answer between them. Together they may
/// say what none of them says. The model's look at the run `n` stands at the number of the segments and `n`.
fn runs(segments: &[Segment<'_>]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in segments.chunk_by(|one, other| one.origin == other.origin) {
        let end = start + run.len();
        let bytes: usize = run.iter().map(|segment| segment.text.len()).sum();
        if run.len() > 1 && run.iter().all(|segment| segment.origin == Origin::User) && bytes <= RUN_BYTES_MAX {
            runs.push(start..end);
        }
        start = end;
    }
    runs
}

/// The texts of a run as one, but for those that the project allows: what is allowed would be found again in it, and each text is
/// looked at for itself all the same. One text alone is itself.
fn joined<'s>(run: &'s [Segment<'_>], watch: &Watch) -> Cow<'s, str> {
    if let [one] = run {
        return Cow::Borrowed(&*one.text);
    }
    let said = run.iter().map(|segment| &*segment.text).filter(|text| !watch.allows(text));
    Cow::Owned(said.collect::<Vec<_>>().join(" "))
}

/// A finding of a run of texts as one of the whole of its last text.
fn as_whole(finding: &Finding, text: &str) -> Finding {
    let Finding { entity, rule, span: _, score } = *finding;
    Finding { entity, rule, span: 0..text.len(), score }
}

/// Adds what the model found, takes out what the project allows, and keeps the fingerprint of what is surest.
fn settle(segments: &[Segment<'_>], eyes: &Eyes, looks: &Looks, observed: &mut Observed) {
    let (of_texts, of_runs) = looks.judged.split_at(looks.judged.partition_point(|(index, _)| *index < segments.len()));
    for (index, judged) in of_texts {
        let texts = *index..*index + 1;
        add(segments, &texts, judged.findings(), &mut observed.sightings);
    }
    drop_allowed(segments, eyes, &mut observed.sightings);
    let runs = runs(segments);
    for (index, judged) in of_runs {
        let Some(texts) = runs.get(index - segments.len()) else { continue };
        // Its texts come first, and each says more exactly where it stands.
        let is_known = |seen: &Sighting| {
            texts.contains(&seen.segment()) && is_injection(seen) && seen.located.finding.score >= judged.score
        };
        let Some(last) = segments.get(texts.end - 1) else { continue };
        let mut findings = judged.findings();
        findings.truncate(usize::from(!observed.sightings.iter().any(is_known)));
        let findings = findings.iter().map(|finding| as_whole(finding, &last.text)).collect();
        add(segments, texts, findings, &mut observed.sightings);
    }
    drop_allowed(segments, eyes, &mut observed.sightings);
    observed.sightings.sort_by_key(|seen| (seen.located.segment, seen.located.finding.span.start));
    if let (Some(watch), Some(seen)) = (&eyes.watch, surest(&observed.sightings)) {
        let texts = segments.get(seen.texts.clone()).unwrap_or_default();
        observed.fingerprint = Some(watch.fingerprint(&joined(texts, watch)).0);
    }
}

/// Adds what the model found in some texts to what rules found there.
fn add(segments: &[Segment<'_>], texts: &Range<usize>, findings: Vec<Finding>, sightings: &mut Vec<Sighting>) {
    let Some(last) = segments.get(texts.end - 1) else { return };
    let of_rules = sightings.iter_mut().filter(|seen| seen.texts == *texts);
    let news = beyond(findings, of_rules.map(|seen| &mut seen.located.finding));
    place(texts.clone(), last, news, sightings);
}

/// Takes out injections in texts, and runs of texts, that the project allows.
fn drop_allowed(segments: &[Segment<'_>], eyes: &Eyes, sightings: &mut Vec<Sighting>) {
    let Some(watch) = &eyes.watch else { return };
    let hostile: HashSet<Range<usize>> =
        sightings.iter().filter(|seen| counts(seen)).map(|seen| seen.texts.clone()).collect();
    let is_allowed = |texts: &Range<usize>| {
        let texts = segments.get(texts.clone()).unwrap_or_default();
        watch.allows(&joined(texts, watch))
    };
    let allowed: HashSet<Range<usize>> = hostile.into_iter().filter(is_allowed).collect();
    sightings.retain(|seen| !is_injection(seen) || !allowed.contains(&seen.texts));
}

impl Inspected {
    fn has_injection(&self) -> bool {
        self.observed.as_ref().is_ok_and(|observed| observed.sightings.iter().any(is_injection))
    }
}

fn failed(
    body: &[u8],
    reading: &Reading,
    failure: DetectionFailure,
    detect_latency: Duration,
) -> Result<Inspected, RequestError> {
    let request = request::read_call(&reading.call, body, &reading.limits)?;
    Ok(Inspected {
        model: request.model.map(|model| Model { name: model.name.into_owned(), place: model.place }),
        stream: request.stream,
        observed: Err(failure),
        preview: None,
        detect_latency,
    })
}

fn inspect_now(
    body: &[u8],
    reading: &Reading,
    eyes: &Eyes,
    scan: impl Fn(&str) -> Vec<Finding>,
) -> Result<(Inspected, Looks), RequestError> {
    let request = request::read_call(&reading.call, body, &reading.limits)?;
    let started = Instant::now();
    let looked = catch_unwind(AssertUnwindSafe(|| {
        let (mut observed, mut looks) = (Observed::default(), Looks::default());
        for (index, segment) in request.segments.iter().enumerate() {
            sight(index, segment, &scan, &mut observed.sightings);
            if let Some(watch) = &eyes.watch {
                watch.look(index, segment.origin, &segment.text, &mut looks);
            }
            // Content and abuse are about what is said to the model, not about the application's own words and fields.
            let said = matches!(segment.origin, Origin::User | Origin::ToolResult | Origin::Document);
            let anybody = segment.origin == Origin::Other && reading.call.dialect == Dialect::Generic;
            if said || anybody {
                eyes.beside(&segment.text, segment.origin == Origin::User || anybody, &mut observed.beside);
            }
        }
        if let Some(watch) = &eyes.watch {
            for (number, run) in runs(&request.segments).into_iter().enumerate() {
                let parts = request.segments.get(run.clone()).unwrap_or_default();
                if parts.iter().filter(|segment| !watch.allows(&segment.text)).count() < 2 {
                    continue;
                }
                let joined = joined(parts, watch);
                let mut found = scan(&joined);
                found.retain(|finding| finding.entity.is_injection());
                let is_news = |seen: &Sighting| {
                    let is_allowed =
                        || request.segments.get(seen.segment()).is_some_and(|text| watch.allows(&text.text));
                    !run.contains(&seen.segment()) || !is_injection(seen) || is_allowed()
                };
                if observed.sightings.iter().all(is_news)
                    && let Some(last) = parts.last()
                {
                    let found = found.iter().map(|one| as_whole(one, &last.text)).collect();
                    place(run, last, found, &mut observed.sightings);
                }
                watch.look(request.segments.len() + number, Origin::User, &joined, &mut looks);
            }
        }
        let preview = if reading.preview { preview_of(&request.segments, &observed.sightings) } else { None };
        (observed, looks, preview)
    }));
    let (observed, looks, preview) = match looked {
        Ok((observed, looks, preview)) => (Ok(observed), looks, preview),
        Err(_) => (Err(DetectionFailure::Panicked), Looks::default(), None),
    };
    let inspected = Inspected {
        model: request.model.map(|model| Model { name: model.name.into_owned(), place: model.place }),
        stream: request.stream,
        observed,
        preview,
        detect_latency: started.elapsed(),
    };
    Ok((inspected, looks))
}

/// The preview of what was found: of the segment with the surest injection, or else with the first finding.
fn preview_of(segments: &[Segment<'_>], sightings: &[Sighting]) -> Option<String> {
    let data = || sightings.iter().find(|seen| !is_injection(seen));
    let shown = surest(sightings).or_else(data)?.located.segment;
    let text = &segments.get(shown)?.text;
    let mut findings: Vec<&Finding> =
        sightings.iter().filter(|seen| seen.located.segment == shown).map(|seen| &seen.located.finding).collect();
    findings.sort_by_key(|finding| finding.span.start);
    Some(preview(text, findings.into_iter()))
}

/// What was seen in one text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Looked {
    pub(crate) found: Vec<Located>,
    pub(crate) beside: Beside,
    /// The fingerprint of the text, where it holds an injection.
    pub(crate) fingerprint: Option<String>,
    pub(crate) latency: Duration,
}

/// Detects in one text that is sent to be scanned.
///
/// # Errors
/// When the detectors did not finish.
pub(crate) async fn look(
    eyes: &Eyes,
    text: &Arc<str>,
    origin: Origin,
    time_max: Duration,
) -> Result<Looked, DetectionFailure> {
    let started = Instant::now();
    let (owned, shared) = (eyes.clone(), Arc::clone(text));
    let long = text.len() > INLINE_BYTES_MAX;
    let (mut findings, mut beside, mut looks) = bounded(long, time_max, move || {
        let findings = owned.engine.scan(&shared);
        let mut beside = Beside::default();
        owned.beside(&shared, origin == Origin::User, &mut beside);
        let mut looks = Looks::default();
        if let Some(watch) = &owned.watch {
            watch.look(0, origin, &shared, &mut looks);
        }
        (findings, beside, looks)
    })
    .await?;
    let mut fingerprint = None;
    if let Some(watch) = &eyes.watch {
        let left = time_max.saturating_sub(started.elapsed());
        beside.unread = watch.read(&mut looks, left).await;
        let model = looks.judged.iter().flat_map(|(_, judged)| judged.findings()).collect();
        let news = beyond(model, findings.iter_mut());
        findings.extend(news);
        findings.sort_by_key(|finding| finding.span.start);
        let hostile =
            |finding: &Finding| finding.entity.is_injection() && finding.score >= Sensitivity::High.threshold();
        if findings.iter().any(hostile) {
            let (of_text, is_allowed) = watch.fingerprint(text);
            if is_allowed {
                findings.retain(|finding| !finding.entity.is_injection());
            } else {
                fingerprint = Some(of_text);
            }
        }
    }
    let mut characters = Characters::of(text);
    let locate = |finding: Finding| {
        let characters = characters.span(&finding.span);
        Located { segment: 0, origin, finding, characters }
    };
    let found = findings.into_iter().map(locate).collect();
    Ok(Looked { found, beside, fingerprint, latency: started.elapsed() })
}

/// What was found in a whole answer.
///
/// # Errors
/// When the answer is not one of its dialect, or the detectors did not finish.
pub(crate) async fn inspect_answer(
    engine: &Arc<Engine>,
    dialect: Dialect,
    body: &Bytes,
    time_max: Duration,
) -> Result<Vec<Sighting>, DetectionFailure> {
    let (engine, body) = (Arc::clone(engine), body.clone());
    let long = body.len() > INLINE_BYTES_MAX;
    bounded(long, time_max, move || {
        let segments = wardbell_llm::answer::texts(dialect, &body).ok_or(DetectionFailure::Unreadable)?;
        let mut sightings = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            sight(index, segment, &|text: &str| engine.scan(text), &mut sightings);
        }
        Ok(sightings)
    })
    .await?
}

/// Runs detectors: here, or where the text is long, on a blocking thread and within `time_max`.
async fn bounded<T: Send + 'static>(
    long: bool,
    time_max: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DetectionFailure> {
    let caught = move || catch_unwind(AssertUnwindSafe(work)).map_err(|_| DetectionFailure::Panicked);
    if !long {
        return caught();
    }
    match tokio::time::timeout(time_max, tokio::task::spawn_blocking(caught)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(DetectionFailure::Panicked),
        Err(_) => Err(DetectionFailure::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::entity::EntityType;

    const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"\u00e9 4111"}]}"#;

    fn reading() -> Reading {
        Reading { call: wardbell_llm::dialect::call("chat/completions"), limits: Limits::default(), preview: true }
    }

    fn eyes() -> Eyes {
        let settings = wardbell_detect::engine::EngineSettings::default();
        Eyes { engine: Arc::new(Engine::new(&settings).unwrap()), content: None, abuse: true, watch: None }
    }

    fn find_digits(text: &str) -> Vec<Finding> {
        text.find("4111")
            .map(|at| Finding { entity: EntityType::CreditCard, rule: "test", span: at..at + 4, score: 1.0 })
            .into_iter()
            .collect()
    }

    #[test]
    fn a_finding_knows_its_characters_and_its_bytes_in_the_body() {
        let (inspected, _) = inspect_now(BODY.as_bytes(), &reading(), &eyes(), find_digits).unwrap();
        let observed = inspected.observed.unwrap().sightings;
        assert_eq!(observed.len(), 1);
        assert_eq!(observed[0].located.characters, 2..6);
        assert_eq!(BODY.get(observed[0].place.clone()), Some("4111"));
        assert_eq!(BODY.get(inspected.model.unwrap().place), Some("m"));
    }

    #[test]
    fn a_panic_in_a_detector_is_a_failure_and_not_a_yes() {
        let (inspected, _) =
            inspect_now(BODY.as_bytes(), &reading(), &eyes(), |_| panic!("a broken detector")).unwrap();
        assert_eq!(inspected.observed, Err(DetectionFailure::Panicked));
        assert_eq!(inspected.model.unwrap().name, "m");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_is_inspected_off_the_runtime_and_gives_the_same() {
        let filler = "plain words ".repeat(INLINE_BYTES_MAX / 12 + 1);
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{filler} card 4111 1111 1111 1111"}}]}}"#);
        let inspected = inspect(&eyes(), &body.into(), &reading(), Duration::from_mins(1)).await.unwrap();
        let observed = inspected.observed.unwrap().sightings;
        assert_eq!(observed.len(), 1);
        assert_eq!(observed[0].located.finding.entity, EntityType::CreditCard);
    }
}
