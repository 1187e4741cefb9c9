//! Every property on its seeds and on small changes of them: what a fuzzer would find in its first second.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be fails")]

use std::path::Path;

use wardbell_properties::Target;

/// Changed inputs for each target. Source: our choice; a debug build takes less than three seconds for each.
const CHANGED: usize = 600;

/// What is put in: what JSON, event streams, URLs and detectors give a meaning to.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "\\u",
    "\\ud83d\\ude00",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "1e",
    "\n",
    "\r",
    "\n\n",
    "\r\n\r\n",
    "data: ",
    "event: x",
    "[DONE]",
    "null",
    "é",
    "\u{feff}",
    "\u{200b}",
    "@",
    "/",
    "4111 1111 1111 1111",
    "bob@example.com",
    "\0",
    "\u{1}",
    "１",
    "\"type\":\"text\",",
    "\"role\":\"user\",",
    "\"content\":",
    "\"text\":\"a\",",
    "sk-ant-",
    "ignore all previous",
];

/// A generator of numbers that is the same in every run (xorshift64, Marsaglia 2003, "Xorshift RNGs").
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end.max(1) as u64)).unwrap()
    }
}

fn change(input: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let end = (at + 1 + dice.below(24)).min(input.len());
    match dice.below(5) {
        0 => drop(input.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
        1 => drop(input.drain(at..end)),
        2 => drop(input.splice(at..at, input[at..end].to_vec())),
        3 => input.truncate(at),
        _ => {
            if let Some(byte) = input.get_mut(at) {
                *byte = u8::try_from(dice.below(256)).unwrap();
            }
        }
    }
}

fn smoke(target: Target) {
    let seeds = target.seeds().unwrap();
    assert!(seeds.len() >= 3, "{} has too few seeds", target.name());
    for seed in &seeds {
        target.check(seed);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for number in 0..CHANGED {
        let mut input = seeds[number % seeds.len()].clone();
        for _ in 0..=dice.below(4) {
            change(&mut input, &mut dice);
        }
        let holds = std::panic::catch_unwind(|| target.check(&input)).is_ok();
        assert!(holds, "{} does not hold for {:?}", target.name(), String::from_utf8_lossy(&input));
    }
}

#[test]
fn requests_hold() {
    Target::all().into_iter().filter(|target| matches!(target, Target::Request(_))).for_each(smoke);
}

#[test]
fn streams_hold() {
    smoke(Target::Sse);
    smoke(Target::StreamGuard);
}

#[test]
fn edits_and_answers_hold() {
    smoke(Target::BodyEdit);
    smoke(Target::AnswerTexts);
}

#[test]
fn detectors_hold() {
    smoke(Target::ScanEngine);
    smoke(Target::ContentAbuse);
    smoke(Target::InjectionReadings);
}

#[test]
fn the_encoder_holds() {
    smoke(Target::Tokens);
    smoke(Target::ModelFile);
}

#[test]
fn urls_and_headers_hold() {
    smoke(Target::EgressUrl);
    smoke(Target::Wishes);
}

#[test]
fn every_target_is_fuzzed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let mut names: Vec<_> = Target::all().into_iter().map(Target::name).collect();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is not in fuzz/Cargo.toml");
    }
    let files = std::fs::read_dir(fuzz.join("fuzz_targets")).unwrap().map(|entry| entry.unwrap().path());
    let mut there: Vec<_> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    there.sort();
    names.sort();
    assert_eq!(there, names);
}
