//! What happens about clients that go in circles.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::money::Usd;
use wardbell_core::policy::{
    LOOP_SECONDS_MAX, LOOP_THRESHOLD_MAX, LOOP_TOOLS_MAX, LoopMode, LoopPolicy, LoopPolicyError, SessionCaps,
    Thresholds, ToolClass, TranscriptPolicy,
};

use crate::error::FieldError;
use crate::fields::{Change, Fields, Given, required};

/// The highest cap of a session that counts something. Source: our choice; past it, none is meant.
const CAP_MAX: u64 = 1_000_000_000;

/// What happens about clients that go in circles.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoopAnswer {
    /// Whether anything is looked at.
    enabled: bool,
    /// What is done at most about a loop: `observe` records it, `warn` tells the caller in a header, `block` stops the
    /// request.
    #[schema(pattern = "^(observe|warn|block)$")]
    mode: &'static str,
    /// The time over which identical requests are counted.
    window_seconds: u32,
    /// How many identical requests are allowed within the window.
    threshold: u32,
    /// How long a loop is refused at first; doubles with each further one.
    cooldown_seconds: u32,
    /// The longest that a loop is refused.
    cooldown_seconds_max: u32,
    /// What counts as a loop within one transcript.
    transcript: LoopTranscriptAnswer,
    /// Tools that are meant to be called again and again. A `*` at the end stands for any rest.
    polling_tools: Vec<String>,
    /// Tools with thresholds of their own; the first class that names a tool holds.
    tool_classes: Vec<LoopToolClassAnswer>,
    /// How often a piece of an answer comes, close together, until it is chanting; null does not look.
    chant_repeats: Option<u32>,
    /// Where a session ends.
    session: LoopSessionAnswer,
}

/// Two numbers of repeats.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoopThresholdsAnswer {
    /// From so many on it is told.
    warn: u32,
    /// From so many on it is stopped.
    block: u32,
}

/// What counts as a loop within one transcript.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoopTranscriptAnswer {
    /// The same call with the same result, in a row.
    repeat: LoopThresholdsAnswer,
    /// The same call in a row, whatever comes of it.
    changing: LoopThresholdsAnswer,
    /// The same call of a polling tool with the same result, in a row.
    polling: LoopThresholdsAnswer,
    /// Rounds of a cycle of two to eight calls.
    cycle: LoopThresholdsAnswer,
    /// Other arguments, the same error or the same page, in a row.
    no_progress: LoopThresholdsAnswer,
    /// Answers of the model that say the same.
    near_duplicate: LoopThresholdsAnswer,
}

/// Tools that share thresholds; null is the transcript's.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoopToolClassAnswer {
    /// The tools. A `*` at the end stands for any rest.
    tools: Vec<String>,
    /// In place of `transcript.repeat`.
    repeat: Option<LoopThresholdsAnswer>,
    /// In place of `transcript.changing`.
    changing: Option<LoopThresholdsAnswer>,
    /// In place of `transcript.no_progress`.
    no_progress: Option<LoopThresholdsAnswer>,
}

/// Where a session ends; null is no cap.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoopSessionAnswer {
    /// The most requests.
    calls: Option<u64>,
    /// The most money, in dollars.
    spend_usd: Option<f64>,
    /// The longest time from its first request, in seconds.
    seconds: Option<u64>,
    /// The most tool calls in its transcript.
    tool_calls: Option<u64>,
}

/// What happens about clients that go in circles.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge` reads it")]
pub(super) struct LoopBody {
    /// Whether anything is looked at.
    enabled: Option<bool>,
    /// What is done at most about a loop.
    #[schema(pattern = "^(observe|warn|block)$")]
    mode: Option<String>,
    /// The time over which identical requests are counted.
    #[schema(minimum = 1, maximum = 3600)]
    window_seconds: Option<u32>,
    /// How many identical requests are allowed within the window; the next one is refused.
    #[schema(minimum = 1, maximum = 100)]
    threshold: Option<u32>,
    /// How long a loop is refused at first; doubles with each further one.
    #[schema(minimum = 1, maximum = 3600)]
    cooldown_seconds: Option<u32>,
    /// The longest that a loop is refused; `cooldown_seconds` or more.
    #[schema(minimum = 1, maximum = 3600)]
    cooldown_seconds_max: Option<u32>,
    /// What counts as a loop within one transcript.
    transcript: Option<LoopTranscriptBody>,
    /// Tools that are meant to be called again and again, such as `get_status`; the whole list, in place of the present
    /// one. A `*` at the end stands for any rest. Names have at most 256 bytes.
    #[schema(max_items = 100)]
    polling_tools: Option<Vec<String>>,
    /// Tools with thresholds of their own; the whole list, in place of the present one. The first class that names a tool
    /// holds.
    #[schema(max_items = 100)]
    tool_classes: Option<Vec<LoopToolClassBody>>,
    /// How often a piece of an answer comes, close together, until it is chanting; null does not look.
    #[schema(minimum = 3, maximum = 100)]
    chant_repeats: Option<u32>,
    /// Where a session ends.
    session: Option<LoopSessionBody>,
}

/// Two numbers of repeats.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge_thresholds` reads it")]
pub(super) struct LoopThresholdsBody {
    /// From so many on it is told; at most `block`.
    #[schema(minimum = 2, maximum = 100)]
    warn: Option<u32>,
    /// From so many on it is stopped.
    #[schema(minimum = 2, maximum = 100)]
    block: Option<u32>,
}

/// What counts as a loop within one transcript.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge_transcript` reads it")]
pub(super) struct LoopTranscriptBody {
    /// The same call with the same result, in a row.
    repeat: Option<LoopThresholdsBody>,
    /// The same call in a row, whatever comes of it.
    changing: Option<LoopThresholdsBody>,
    /// The same call of a polling tool with the same result, in a row.
    polling: Option<LoopThresholdsBody>,
    /// Rounds of a cycle of two to eight calls.
    cycle: Option<LoopThresholdsBody>,
    /// Other arguments, the same error or the same page, in a row.
    no_progress: Option<LoopThresholdsBody>,
    /// Answers of the model that say the same.
    near_duplicate: Option<LoopThresholdsBody>,
}

/// Tools that share thresholds; what is left out is the transcript's. Thresholds need both numbers.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `read_class` reads it")]
pub(super) struct LoopToolClassBody {
    /// The tools. A `*` at the end stands for any rest.
    #[schema(max_items = 100)]
    tools: Vec<String>,
    /// In place of `transcript.repeat`.
    repeat: Option<LoopThresholdsBody>,
    /// In place of `transcript.changing`.
    changing: Option<LoopThresholdsBody>,
    /// In place of `transcript.no_progress`.
    no_progress: Option<LoopThresholdsBody>,
}

/// Where a session ends; null is no cap.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `merge_session` reads it")]
pub(super) struct LoopSessionBody {
    /// The most requests.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    calls: Option<u64>,
    /// The most money, in dollars; at most 9 decimals.
    #[schema(exclusive_minimum = 0)]
    spend_usd: Option<f64>,
    /// The longest time from its first request, in seconds.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    seconds: Option<u64>,
    /// The most tool calls in its transcript.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    tool_calls: Option<u64>,
}

const MODES: &[LoopMode] = &[LoopMode::Observe, LoopMode::Warn, LoopMode::Block];

const fn mode_word(mode: LoopMode) -> &'static str {
    match mode {
        LoopMode::Observe => "observe",
        LoopMode::Warn => "warn",
        LoopMode::Block => "block",
    }
}

impl From<LoopPolicy> for LoopAnswer {
    fn from(policy: LoopPolicy) -> Self {
        let LoopPolicy {
            enabled,
            mode,
            window_seconds,
            threshold,
            cooldown_seconds,
            cooldown_seconds_max,
            transcript,
            polling_tools,
            tool_classes,
            chant_repeats,
            session,
        } = policy;
        let TranscriptPolicy { repeat, changing, polling, cycle, no_progress, near_duplicate } = transcript;
        let SessionCaps { calls, spend, seconds, tool_calls } = session;
        Self {
            enabled,
            mode: mode_word(mode),
            window_seconds,
            threshold,
            cooldown_seconds,
            cooldown_seconds_max,
            transcript: LoopTranscriptAnswer {
                repeat: repeat.into(),
                changing: changing.into(),
                polling: polling.into(),
                cycle: cycle.into(),
                no_progress: no_progress.into(),
                near_duplicate: near_duplicate.into(),
            },
            polling_tools,
            tool_classes: tool_classes.into_iter().map(LoopToolClassAnswer::from).collect(),
            chant_repeats,
            session: LoopSessionAnswer { calls, spend_usd: spend.map(Usd::as_dollars), seconds, tool_calls },
        }
    }
}

impl From<Thresholds> for LoopThresholdsAnswer {
    fn from(thresholds: Thresholds) -> Self {
        let Thresholds { warn, block } = thresholds;
        Self { warn, block }
    }
}

impl From<ToolClass> for LoopToolClassAnswer {
    fn from(class: ToolClass) -> Self {
        let ToolClass { tools, repeat, changing, no_progress } = class;
        Self {
            tools,
            repeat: repeat.map(LoopThresholdsAnswer::from),
            changing: changing.map(LoopThresholdsAnswer::from),
            no_progress: no_progress.map(LoopThresholdsAnswer::from),
        }
    }
}

pub(super) fn merge(mut body: Fields, base: LoopPolicy) -> Result<LoopPolicy, FieldError> {
    let LoopPolicy {
        enabled,
        mode,
        window_seconds,
        threshold,
        cooldown_seconds,
        cooldown_seconds_max,
        transcript,
        polling_tools,
        tool_classes,
        chant_repeats,
        session,
    } = base;
    let policy = LoopPolicy {
        enabled: body.boolean("enabled")?.unwrap_or(enabled),
        mode: body.word("mode", MODES, mode_word)?.unwrap_or(mode),
        window_seconds: whole(&mut body, "window_seconds", LOOP_SECONDS_MAX)?.unwrap_or(window_seconds),
        threshold: whole(&mut body, "threshold", LOOP_THRESHOLD_MAX)?.unwrap_or(threshold),
        cooldown_seconds: whole(&mut body, "cooldown_seconds", LOOP_SECONDS_MAX)?.unwrap_or(cooldown_seconds),
        cooldown_seconds_max: whole(&mut body, "cooldown_seconds_max", LOOP_SECONDS_MAX)?
            .unwrap_or(cooldown_seconds_max),
        transcript: match body.object("transcript")? {
            Some(fields) => merge_transcript(fields, transcript)?,
            None => transcript,
        },
        polling_tools: body.texts("polling_tools", LOOP_TOOLS_MAX)?.unwrap_or(polling_tools),
        tool_classes: match body.objects("tool_classes", LOOP_TOOLS_MAX)? {
            Some(classes) => classes.into_iter().map(read_class).collect::<Result<_, _>>()?,
            None => tool_classes,
        },
        chant_repeats: whole_or_null(&mut body, "chant_repeats", u64::from(LOOP_THRESHOLD_MAX))?
            // The bound is far below.
            .map(|repeats| u32::try_from(repeats).unwrap_or(u32::MAX))
            .apply(chant_repeats),
        session: match body.object("session")? {
            Some(fields) => merge_session(fields, session)?,
            None => session,
        },
    };
    if let Err(problems) = policy.check()
        && let Some(LoopPolicyError { field, wants }) = problems.into_iter().next()
    {
        let field = if field == "session.spend" { "session.spend_usd" } else { &field };
        return Err(body.invalid(field, wants));
    }
    body.finish()?;
    Ok(policy)
}

fn merge_transcript(mut body: Fields, base: TranscriptPolicy) -> Result<TranscriptPolicy, FieldError> {
    let TranscriptPolicy { repeat, changing, polling, cycle, no_progress, near_duplicate } = base;
    let policy = TranscriptPolicy {
        repeat: merge_thresholds(&mut body, "repeat", repeat)?,
        changing: merge_thresholds(&mut body, "changing", changing)?,
        polling: merge_thresholds(&mut body, "polling", polling)?,
        cycle: merge_thresholds(&mut body, "cycle", cycle)?,
        no_progress: merge_thresholds(&mut body, "no_progress", no_progress)?,
        near_duplicate: merge_thresholds(&mut body, "near_duplicate", near_duplicate)?,
    };
    body.finish()?;
    Ok(policy)
}

fn merge_thresholds(body: &mut Fields, name: &'static str, base: Thresholds) -> Result<Thresholds, FieldError> {
    let Some(mut fields) = body.object(name)? else { return Ok(base) };
    let Thresholds { warn, block } = base;
    let thresholds = Thresholds {
        warn: whole(&mut fields, "warn", LOOP_THRESHOLD_MAX)?.unwrap_or(warn),
        block: whole(&mut fields, "block", LOOP_THRESHOLD_MAX)?.unwrap_or(block),
    };
    fields.finish()?;
    Ok(thresholds)
}

fn read_class(mut body: Fields) -> Result<ToolClass, FieldError> {
    let class = ToolClass {
        tools: required(&body.path("tools"), body.texts("tools", LOOP_TOOLS_MAX)?)?,
        repeat: read_thresholds(&mut body, "repeat")?,
        changing: read_thresholds(&mut body, "changing")?,
        no_progress: read_thresholds(&mut body, "no_progress")?,
    };
    body.finish()?;
    Ok(class)
}

fn read_thresholds(body: &mut Fields, name: &'static str) -> Result<Option<Thresholds>, FieldError> {
    let Some(mut fields) = body.object(name)? else { return Ok(None) };
    let thresholds = Thresholds {
        warn: required(&fields.path("warn"), whole(&mut fields, "warn", LOOP_THRESHOLD_MAX)?)?,
        block: required(&fields.path("block"), whole(&mut fields, "block", LOOP_THRESHOLD_MAX)?)?,
    };
    fields.finish()?;
    Ok(Some(thresholds))
}

fn merge_session(mut body: Fields, base: SessionCaps) -> Result<SessionCaps, FieldError> {
    let SessionCaps { calls, spend, seconds, tool_calls } = base;
    let caps = SessionCaps {
        calls: whole_or_null(&mut body, "calls", CAP_MAX)?.apply(calls),
        spend: body.amount_or_null("spend_usd")?.apply(spend),
        seconds: whole_or_null(&mut body, "seconds", CAP_MAX)?.apply(seconds),
        tool_calls: whole_or_null(&mut body, "tool_calls", CAP_MAX)?.apply(tool_calls),
    };
    body.finish()?;
    Ok(caps)
}

/// A whole number up to `max`; the policy's own check says how small it may be.
fn whole(body: &mut Fields, name: &'static str, max: u32) -> Result<Option<u32>, FieldError> {
    // The bound fits.
    Ok(body.integer(name, u64::from(max))?.map(|number| u32::try_from(number).unwrap_or(max)))
}

/// The same, or null.
fn whole_or_null(body: &mut Fields, name: &'static str, max: u64) -> Result<Change<u64>, FieldError> {
    match body.nullable(name) {
        Given::Absent => Ok(Change::Keep),
        Given::Null => Ok(Change::Clear),
        Given::Value(value) => match value.as_u64().filter(|number| *number <= max) {
            Some(number) => Ok(Change::Set(number)),
            None => Err(body.invalid(name, format!("must be a whole number up to {max}, or null"))),
        },
    }
}
