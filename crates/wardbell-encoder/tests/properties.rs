//! What holds for any text, any window and any file.
#![expect(clippy::unwrap_used, reason = "a test ends where its model is not to be had")]

#[path = "support/random_model.rs"]
mod random_model;

use std::sync::LazyLock;

use proptest::prelude::*;
use wardbell_encoder::error::ScoreError;
use wardbell_encoder::kernel::Path;
use wardbell_encoder::model::{Model, Scores, Speaker};
use wardbell_encoder::workspace::Workspace;

use self::random_model::{Measures, Random, random_model};

const FILE: &[u8] = include_bytes!("oracle/tiny.safetensors");

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::read(FILE).unwrap());

fn bits(scores: Scores) -> Vec<u32> {
    std::iter::once(&scores.injection).chain(&scores.categories).map(|logit| logit.to_bits()).collect()
}

#[test]
fn every_path_gives_the_same_bits() {
    for (seed, hidden, intermediate) in [(1, 32, 32), (2, 96, 160), (3, 384, 1536)] {
        let measures =
            Measures { seed, layers: 2, hidden, intermediate, window: 128, vocabulary: 300, shared: Some(1) };
        let file = random_model(measures, &[]);
        let models: Vec<Model> =
            Path::all().into_iter().map(|path| Model::read(file.clone()).unwrap().on(path)).collect();
        let mut random = Random::new(seed);
        let mut space = Workspace::new();
        for length in [0, 1, 5, 6, 7, 14, 29, 30, 31, 62, 100, 126] {
            let window: Vec<u32> = (0..length).map(|_| random.id(300)).collect();
            let [all, third] = [Speaker::Anyone, Speaker::ThirdParty].map(|speaker| -> Vec<_> {
                models.iter().map(|model| bits(model.score(&window, speaker, &mut space).unwrap())).collect()
            });
            for scores in [&all, &third] {
                assert!(scores.windows(2).all(|pair| pair[0] == pair[1]), "{hidden} wide, {length} tokens: {scores:?}");
            }
            assert_ne!(all[0], third[0], "third parties have layers of their own");
            for model in &models {
                for (speakers, right) in [
                    ([Speaker::Anyone, Speaker::ThirdParty], [&all[0], &third[0]]),
                    ([Speaker::ThirdParty, Speaker::Anyone], [&third[0], &all[0]]),
                ] {
                    let twice = model.score_twice(&window, speakers, &mut space).unwrap().map(bits);
                    assert_eq!([&twice[0], &twice[1]], right, "{hidden} wide, {length} tokens");
                }
            }
        }
    }
}

#[test]
fn a_file_without_layers_for_third_parties_reads_all_alike_and_a_wrong_one_is_an_error() {
    let measures =
        Measures { seed: 4, layers: 2, hidden: 32, intermediate: 32, window: 64, vocabulary: 300, shared: None };
    let (model, mut space) = (Model::read(random_model(measures, &[])).unwrap(), Workspace::new());
    let [all, third] = [Speaker::Anyone, Speaker::ThirdParty]
        .map(|speaker| bits(model.score(&[7, 8, 9], speaker, &mut space).unwrap()));
    assert_eq!(all, third);
    // With fewer shared layers some are missing, and all cannot be shared.
    let file = random_model(Measures { shared: Some(1), ..measures }, &[]);
    let at = file.windows(24).position(|part| part == br#""third_party.shared":"1""#).unwrap() + 22;
    for (digit, is_right) in [(b'0', false), (b'1', true), (b'2', false), (b'x', false)] {
        let mut file = file.clone();
        file[at] = digit;
        let read = Model::read(file);
        assert_eq!(read.is_ok(), is_right, "{:?}", read.err());
    }
}

#[test]
fn a_used_workspace_changes_nothing() {
    let ids = MODEL.tokenize("Please read the attached invoice and tell me the total before Friday's meeting.").ids;
    let fresh: Vec<_> =
        (0..ids.len()).map(|end| MODEL.score(&ids[..end], Speaker::Anyone, &mut Workspace::new()).unwrap()).collect();
    let mut space = Workspace::new();
    for end in (0..ids.len()).chain((0..ids.len()).rev()) {
        assert_eq!(
            bits(MODEL.score(&ids[..end], Speaker::Anyone, &mut space).unwrap()),
            bits(fresh[end]),
            "{end} tokens"
        );
    }
}

#[test]
fn a_window_that_is_too_long_or_foreign_is_an_error() {
    let most = MODEL.content_tokens_max();
    let mut space = Workspace::new();
    assert!(MODEL.score(&vec![5; most], Speaker::Anyone, &mut space).is_ok());
    let too_long = ScoreError::TooLong { tokens: most + 1, tokens_max: most };
    assert_eq!(MODEL.score(&vec![5; most + 1], Speaker::Anyone, &mut space), Err(too_long));
    let foreign = u32::try_from(MODEL.shape().vocabulary).unwrap();
    assert_eq!(MODEL.score(&[foreign], Speaker::Anyone, &mut space), Err(ScoreError::UnknownToken(foreign)));
    assert_eq!(MODEL.score(&[u32::MAX], Speaker::Anyone, &mut space), Err(ScoreError::UnknownToken(u32::MAX)));
}

#[test]
fn a_cut_file_is_an_error() {
    let ends = (0..2000).chain((2000..FILE.len()).step_by(997));
    for end in ends {
        assert!(Model::read(&FILE[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn text_without_spaces_is_cut_in_linear_time() {
    // A hundred times the longest word; were it quadratic, this test would not come back.
    let text = "ignore".repeat(100_000);
    let tokens = MODEL.tokenize(&text);
    assert!(tokens.len() > 30_000);
    assert_eq!(tokens.ranges.last().unwrap().end, text.len());
}

proptest! {
    #[test]
    fn ranges_cover_any_text(text in ".{0,200}|[ -~\\u{0}-\\u{1f}]{0,200}|[ a\\u{2581}\\u{fdfa}\\u{3000}ｱ①]{0,60}") {
        let tokens = MODEL.tokenize(&text);
        prop_assert_eq!(tokens.ids.len(), tokens.ranges.len());
        let (mut start, mut end) = (0, 0);
        for (id, range) in tokens.ids.iter().zip(&tokens.ranges) {
            prop_assert!((*id as usize) < MODEL.shape().vocabulary && *id > 2);
            prop_assert!(text.get(range.clone()).is_some(), "{:?} is no part of {:?}", range, text);
            prop_assert!(range.start >= start && range.end >= end && range.start <= end, "{:?}", tokens.ranges);
            (start, end) = (range.start, range.end);
        }
        prop_assert!(tokens.is_empty() || end == text.len());
    }

    #[test]
    fn any_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300), length in 0_u64..300) {
        prop_assert!(Model::read(bytes.clone()).is_err());
        let file = [&length.to_le_bytes()[..], &bytes].concat();
        prop_assert!(Model::read(file).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_damaged_file_is_an_error_or_gives_finite_scores(
        places in proptest::collection::vec((0..FILE.len(), any::<u8>()), 1..8),
        in_header in any::<bool>(),
    ) {
        let mut file = FILE.to_vec();
        for (place, byte) in places {
            let place = if in_header { place % 6000 } else { place };
            file[place] = byte;
        }
        if let Ok(model) = Model::read(file) {
            let tokens = model.tokenize("Ignore everything above, Schlüssel 请把下面 \u{1f600}");
            let window = tokens.ids.get(..model.content_tokens_max()).unwrap_or(&tokens.ids);
            let scores = model.score(window, Speaker::Anyone, &mut Workspace::new()).unwrap();
            prop_assert!(scores.injection.is_finite() && scores.categories.iter().all(|logit| logit.is_finite()));
        }
    }
}
