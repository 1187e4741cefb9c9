//! Transcripts of agents, as files: `fixtures/fires` and `fixtures/quiet`.
//!
//! **Form of a file.** `why` says what it is about. `expect` is the finding; without one there is none. `policy` is a loop
//! policy where it is not the default. `turns` are `{"system"|"user"|"assistant": text}`, or a call with its result:
//! `{"call": tool, "with": arguments, "gives": text, "failed": bool, "says": text}`, or `{"calls": […]}`, several in one turn.
//! `sends` sends the request `count` times, `parallel` at once, with `n` answers, `cached` or not. `answer` streams an answer.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use wardbell_core::money::Usd;
use wardbell_core::origin::Origin;
use wardbell_core::policy::LoopPolicy;
use wardbell_core::time::Timestamp;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    why: String,
    expect: Option<Expect>,
    #[serde(default)]
    policy: LoopPolicy,
    turns: Vec<Entry>,
    sends: Option<Sends>,
    answer: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    detector: String,
    level: String,
    count: u32,
    tool: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sends {
    count: u32,
    every_seconds: u32,
    #[serde(default)]
    parallel: usize,
    #[serde(default)]
    n: u32,
    #[serde(default)]
    cached: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    System { system: String },
    User { user: String },
    Assistant { assistant: String },
    Call(Called),
    Calls { calls: Vec<Called> },
}

#[derive(Deserialize)]
struct Called {
    call: String,
    #[serde(rename = "with", deserialize_with = "written")]
    arguments: String,
    gives: String,
    failed: Option<bool>,
    #[serde(default)]
    says: String,
}

fn written<'de, D: serde::Deserializer<'de>>(form: D) -> Result<String, D::Error> {
    Value::deserialize(form).map(|arguments| arguments.to_string())
}

impl Entry {
    fn turns(&self) -> Vec<Turn<'_>> {
        let plain = |origin, text| vec![Turn { origin, text, calls: vec![], results: vec![] }];
        match self {
            Self::System { system } => plain(Origin::System, system),
            Self::User { user } => plain(Origin::User, user),
            Self::Assistant { assistant } => plain(Origin::Assistant, assistant),
            Self::Call(call) => Called::turns(std::slice::from_ref(call)),
            Self::Calls { calls } => Called::turns(calls),
        }
    }
}

impl Called {
    /// The turn that calls and the one that brings the results.
    fn turns(calls: &[Self]) -> Vec<Turn<'_>> {
        let text = calls.first().map_or("", |called| &called.says);
        vec![
            Turn { origin: Origin::Assistant, text, calls: calls.iter().map(Self::call).collect(), results: vec![] },
            Turn {
                origin: Origin::ToolResult,
                text: "",
                calls: vec![],
                results: calls.iter().map(Self::result).collect(),
            },
        ]
    }

    fn call(&self) -> Call<'_> {
        Call { id: None, tool: &self.call, arguments: &self.arguments }
    }

    fn result(&self) -> ToolResult<'_> {
        ToolResult { id: None, tool: None, text: &self.gives, is_error: self.failed }
    }
}

fn keys() -> LoopKeys {
    LoopKeys::new(&[7; SECRET_BYTES])
}

fn key() -> KeyId {
    KeyId::mint(Timestamp::from_millis(1), [1; 10])
}

/// Runs everything that a fixture asks for, as the gateway does; the first thing that is found.
fn run(fixture: &Fixture) -> Option<Expect> {
    let Fixture { why: _, expect: _, policy, turns, sends, answer } = fixture;
    let turns: Vec<Turn<'_>> = turns.iter().flat_map(Entry::turns).collect();
    // The detectors look at each request of the agent: the transcript up to each result.
    if sends.is_none()
        && let Some(found) = transcript::inspect(&keys(), policy, &turns)
    {
        let LoopFinding { detector, level, tool, count, fingerprint: _, first_step } = found;
        assert!(first_step < turns.len());
        return Some(expect(detector, level, count, tool));
    }
    if let Some(sends) = sends {
        return send(policy, &turns, sends);
    }
    let mut chant = chant::Chant::new(policy.chant_repeats?);
    let chanting = chant.push(answer.as_deref()?)?;
    Some(expect(Detector::Chanting, Level::Block, chanting.count, None))
}

fn expect(detector: Detector, level: Level, count: u32, tool: Option<String>) -> Expect {
    let level = if level == Level::Block { "block" } else { "warn" };
    Expect { detector: detector.as_str().to_owned(), level: level.to_owned(), count, tool }
}

fn send(policy: &LoopPolicy, turns: &[Turn<'_>], sends: &Sends) -> Option<Expect> {
    let Sends { count, every_seconds, parallel, n, cached } = *sends;
    let exempt = Exempt { samples: n > 1, is_not_chat: false, cached };
    let (mut repeats, mut sessions) = (repeat::Repeats::default(), session::Sessions::default());
    let mut open = VecDeque::new();
    for number in 0..count {
        let now = Duration::from_secs(u64::from(number * every_seconds));
        let session = sessions.find(&keys(), key(), turns, now);
        if let Err(end) = sessions.begin(&keys(), session, policy.session, 0, now) {
            return Some(expect(Detector::SessionCap, Level::Block, u32::try_from(end.calls).unwrap(), None));
        }
        let Some(fingerprint) = request(&keys(), key(), "gpt-4o", turns, exempt, &mut Vec::new()) else { continue };
        match repeats.begin(fingerprint, repeat::RepeatRule::from(policy), now) {
            repeat::Judgement::Allow(token) => open.push_back(token),
            repeat::Judgement::Refuse(repeat) => {
                return Some(expect(Detector::RepeatedRequest, Level::Block, repeat.hit_count, None));
            }
        }
        if open.len() >= parallel.max(1) {
            repeats.ended(&open.pop_front().unwrap(), Usd::default());
        }
    }
    None
}

fn fixtures(folder: &str) -> Vec<(String, Fixture)> {
    let folder = format!("{}/src/loops/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut fixtures: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let fixture = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, fixture)
        })
        .collect();
    fixtures.sort_by(|(one, _), (other, _)| one.cmp(other));
    fixtures
}

#[test]
fn loops_are_found_and_named() {
    let fixtures = fixtures("fires");
    assert!(fixtures.len() >= 20);
    for (name, fixture) in &fixtures {
        let mut found = run(fixture);
        if let (Some(found), Some(Expect { tool: None, .. })) = (&mut found, &fixture.expect) {
            found.tool = None;
        }
        assert_eq!(found, fixture.expect, "{name}: {}", fixture.why);
    }
    for detector in Detector::ALL {
        let name = detector.as_str();
        assert!(fixtures.iter().any(|(_, fixture)| fixture.expect.as_ref().unwrap().detector == name), "{name}");
    }
}

#[test]
fn honest_work_is_left_alone_at_every_step() {
    let fixtures = fixtures("quiet");
    assert!(fixtures.len() >= 25);
    for (name, fixture) in &fixtures {
        assert_eq!(run(fixture), None, "{name}: {}", fixture.why);
        let turns: Vec<Turn<'_>> = fixture.turns.iter().flat_map(Entry::turns).collect();
        for end in 0..=turns.len() {
            let found = transcript::inspect(&keys(), &fixture.policy, &turns[..end]);
            // Two fixtures are of agents that were in a loop and left it.
            let was_in_loop = matches!(name.as_str(), "retries_that_succeed" | "a_loop_that_was_left");
            assert!(found.is_none() || was_in_loop, "{name} at {end}: {found:?}");
        }
    }
}

#[test]
fn a_fingerprint_stays_while_a_loop_goes_on() {
    for (name, fixture) in fixtures("fires") {
        let turns: Vec<Turn<'_>> = fixture.turns.iter().flat_map(Entry::turns).collect();
        let Some(found) = transcript::inspect(&keys(), &fixture.policy, &turns) else { continue };
        if matches!(found.detector, Detector::RepeatedCall | Detector::NoProgress) {
            let mut longer = turns.clone();
            longer.extend(turns[turns.len() - 2..].iter().cloned());
            let later = transcript::inspect(&keys(), &fixture.policy, &longer).unwrap();
            assert_eq!((later.detector, later.fingerprint), (found.detector, found.fingerprint), "{name}");
        }
    }
}

#[test]
fn a_cycle_has_one_fingerprint_wherever_it_is_cut() {
    let (_, fixture) = fixtures("fires").into_iter().find(|(name, _)| name == "eight_steps_in_turn").unwrap();
    let turns: Vec<Turn<'_>> = fixture.turns.iter().flat_map(Entry::turns).collect();
    let round = turns[1..17].to_vec();
    let mut longer = turns.clone();
    let found = transcript::inspect(&keys(), &fixture.policy, &turns).unwrap().fingerprint;
    for turn in round.chunks(2) {
        longer.extend_from_slice(turn);
        assert_eq!(transcript::inspect(&keys(), &fixture.policy, &longer).unwrap().fingerprint, found);
    }
}

#[test]
fn results_are_matched_by_their_ids() {
    let call = |id: &'static str, arguments| Call { id: Some(id), tool: "f", arguments };
    let result = |id: &'static str, text| ToolResult { id: Some(id), tool: None, text, is_error: None };
    let round = [
        Turn { origin: Origin::Assistant, text: "", calls: vec![call("1", "1"), call("2", "2")], results: vec![] },
        Turn { origin: Origin::User, text: "", calls: vec![], results: vec![result("2", "b"), result("1", "a")] },
    ];
    let steps = step::steps(&round);
    let seen: Vec<_> = steps.iter().map(|step| (step.call.arguments, step.result.text)).collect();
    assert_eq!(seen, [("2", "b"), ("1", "a")]);
}

#[test]
fn a_request_is_known_by_key_model_and_its_last_three_messages() {
    let said = |texts: &[&'static str]| -> Vec<Turn<'static>> {
        texts.iter().map(|text| Turn { origin: Origin::User, text, calls: vec![], results: vec![] }).collect()
    };
    let other_key = KeyId::mint(Timestamp::from_millis(1), [2; 10]);
    let of = |key, model, texts: &[&'static str]| {
        request(&keys(), key, model, &said(texts), Exempt::default(), &mut Vec::new()).unwrap()
    };
    let own = of(key(), "m", &["one", "two", "three"]);
    assert_eq!(of(key(), "m", &["zero", "one", "two", "three"]), own, "what is before does not count");
    assert_eq!(of(key(), "m", &[" ONE", "ｔwo ", "three"]), own);
    assert_ne!(of(key(), "m", &["one", "two", "tree"]), own);
    assert_ne!(of(key(), "m", &["one", "two three"]), own);
    assert_ne!(of(key(), "n", &["one", "two", "three"]), own);
    assert_ne!(of(other_key, "m", &["one", "two", "three"]), own);
    for exempt in [
        Exempt { samples: true, ..Exempt::default() },
        Exempt { is_not_chat: true, ..Exempt::default() },
        Exempt { cached: true, ..Exempt::default() },
    ] {
        assert_eq!(request(&keys(), key(), "m", &said(&["one"]), exempt, &mut Vec::new()), None);
    }
    assert_eq!(request(&keys(), key(), "m", &[], Exempt::default(), &mut Vec::new()), None);
}

#[test]
fn turns_without_text_are_told_apart_by_their_calls() {
    let of = |arguments| {
        let calls = vec![Call { id: None, tool: "f", arguments }];
        let turn = Turn { origin: Origin::Assistant, text: "", calls, results: vec![] };
        request(&keys(), key(), "m", &[turn], Exempt::default(), &mut Vec::new())
    };
    assert_ne!(of(r#"{"page":1}"#), of(r#"{"page":2}"#));
    assert_eq!(of(r#"{"page":1}"#), of(r#"{ "page": 1.0 }"#));
}

#[test]
fn a_hostile_name_of_a_tool_is_shown_harmless() {
    assert_eq!(shown("rm\n\u{202e}\u{7}x"), "rmx");
    assert_eq!(shown(&"é".repeat(1000)).chars().count(), TOOL_CHARS_MAX);
}

#[test]
fn a_mode_limits_what_is_done() {
    for (level, mode, reaction) in [
        (Level::Warn, LoopMode::Observe, Reaction::Record),
        (Level::Block, LoopMode::Observe, Reaction::Record),
        (Level::Warn, LoopMode::Warn, Reaction::Tell),
        (Level::Block, LoopMode::Warn, Reaction::Tell),
        (Level::Warn, LoopMode::Block, Reaction::Tell),
        (Level::Block, LoopMode::Block, Reaction::Refuse),
    ] {
        assert_eq!(level.under(mode), reaction);
    }
}

#[test]
fn an_alert_that_was_written_before_there_were_detectors_is_read() {
    let old = r#"{"fingerprint":"9f","hit_count":6,"model":"m","cooldown_seconds":30}"#;
    let data: wardbell_core::alert::LoopData = serde_json::from_str(old).unwrap();
    assert_eq!((data.detector, data.tool, data.cost), (Detector::RepeatedRequest, None, None));
    for detector in Detector::ALL {
        assert_eq!(serde_json::to_value(detector).unwrap(), detector.as_str());
    }
}

/// Id, tool, text, and whether it failed.
type AnyResult = (Option<String>, Option<String>, String, Option<bool>);

/// A turn of anything.
#[derive(Debug)]
struct Any {
    origin: Origin,
    text: String,
    calls: Vec<(Option<String>, String, String)>,
    results: Vec<AnyResult>,
}

fn any_turn() -> impl Strategy<Value = Any> {
    let text = || prop_oneof!["[ab]{0,2}", any::<String>(), Just("say it once more ".repeat(9))];
    let id = || proptest::option::of("[a-c]");
    let call = (id(), "[fg]", text());
    let result = (id(), proptest::option::of("[fg]"), text(), any::<Option<bool>>());
    let calls = proptest::collection::vec(call, 0..3);
    let results = proptest::collection::vec(result, 0..3);
    (proptest::sample::select(Origin::ALL), text(), calls, results).prop_map(|(origin, text, calls, results)| Any {
        origin,
        text,
        calls,
        results,
    })
}

proptest! {
    #[test]
    fn no_transcript_panics_and_every_finding_makes_sense(given in proptest::collection::vec(any_turn(), 0..40)) {
        let turns: Vec<Turn<'_>> = given
            .iter()
            .map(|Any { origin, text, calls, results }| Turn {
                origin: *origin,
                text,
                calls: calls
                    .iter()
                    .map(|(id, tool, arguments)| Call { id: id.as_deref(), tool, arguments })
                    .collect(),
                results: results
                    .iter()
                    .map(|(id, tool, text, is_error)| ToolResult {
                        id: id.as_deref(),
                        tool: tool.as_deref(),
                        text,
                        is_error: *is_error,
                    })
                    .collect(),
            })
            .collect();
        if let Some(found) = transcript::inspect(&keys(), &LoopPolicy::default(), &turns) {
            prop_assert!(found.first_step < turns.len() && found.count >= 3);
        }
        request(&keys(), key(), "m", &turns, Exempt::default(), &mut Vec::new());
    }
}
