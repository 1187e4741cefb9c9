//! Over-defence is a bug: harmless texts of our users, full of the words that attacks use, are let through.

use serde_json::Value;
use wardbell_core::policy::Sensitivity;
use wardbell_detect::cascade::{Effort, Space};
use wardbell_detect::engine::{Engine, EngineSettings};

/// The share of these texts that may be flagged at each sensitivity. They are the hardest benign texts that we could write, so
/// the bounds are twice and more what the sensitivities promise on ordinary ones. The one at `low` is a rule's: a ticket
/// that quotes an attack.
const FLAGGED_MAX: [(Sensitivity, f64); 2] = [(Sensitivity::Low, 0.006), (Sensitivity::Medium, 0.03)];

/// The share of them that may be flagged at `medium` where a third party says them: a document that quotes an attack, a ticket, a prompt.
const THIRD_PARTY_FLAGGED_MAX: f64 = 0.025;

/// The share of them that may be flagged at `medium` where nobody knows who speaks, so that both readings count.
const UNKNOWN_FLAGGED_MAX: f64 = 0.04;

/// The share of them that the rules may flag: three of 373 when this was written, two of which speak of a device's developer
/// mode.
const FLAGGED_BY_RULES_MAX: f64 = 0.01;

#[test]
fn harmless_texts_full_of_trigger_words_pass() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let cascade = super::model();
    let engine = Engine::new(&EngineSettings::default()).unwrap();
    let list = std::fs::read_to_string(format!("{root}/training/own/overdefence.jsonl")).unwrap();
    let mut space = Space::default();
    let (mut scored, mut by_rules): (Vec<(f32, String)>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut third_party, mut unknown) = (Vec::new(), Vec::new());
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["label"], 0, "{row}");
        let text = row["text"].as_str().unwrap();
        let rules = engine.scan(text).into_iter().filter(|finding| finding.entity.is_injection());
        let rules = rules.map(|finding| finding.score).fold(0.0, f32::max);
        let head: String = text.chars().take(80).collect();
        if rules > 0.0 {
            by_rules.push(head.clone());
        }
        let judged = cascade.judge_now(text, Effort::Strict, &mut space).unwrap().score;
        let judged_there = cascade.judge_now(text, Effort::ThirdParty, &mut space).unwrap().score;
        let judged_both = cascade.judge_now(text, Effort::Unknown, &mut space).unwrap().score;
        third_party.push((judged_there.max(rules), head.clone()));
        unknown.push((judged_both.max(rules), head.clone()));
        scored.push((judged.max(rules), head));
    }
    assert!(scored.len() >= 200, "the list has {} texts", scored.len());
    let share = by_rules.len() as f64 / scored.len() as f64;
    assert!(share <= FLAGGED_BY_RULES_MAX, "the rules flag {share:.3}: {by_rules:?}");
    let bounds = FLAGGED_MAX.map(|(sensitivity, most)| ("anyone", &scored, sensitivity, most));
    let there = ("a third party", &third_party, Sensitivity::Medium, THIRD_PARTY_FLAGGED_MAX);
    let anywhere = ("nobody knows who", &unknown, Sensitivity::Medium, UNKNOWN_FLAGGED_MAX);
    for (speaker, scored, sensitivity, most) in bounds.into_iter().chain([there, anywhere]) {
        let flagged: Vec<_> = scored.iter().filter(|(score, _)| *score >= sensitivity.threshold()).collect();
        let share = flagged.len() as f64 / scored.len() as f64;
        println!("{speaker}, {}: {} of {} flagged", sensitivity.as_str(), flagged.len(), scored.len());
        assert!(share <= most, "{speaker}, {}: {share:.3} flagged: {flagged:?}", sensitivity.as_str());
    }
}
