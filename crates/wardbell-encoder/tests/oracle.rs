//! Against another opinion: HF `tokenizers` for the pieces, numpy for the scores (`oracle/make.py` says how they were made).
#![expect(clippy::unwrap_used, reason = "a test ends where its fixtures are not to be had")]

use serde::Deserialize;
use wardbell_encoder::kernel::Path;
use wardbell_encoder::model::{Model, Speaker};
use wardbell_encoder::workspace::Workspace;

const FILE: &[u8] = include_bytes!("oracle/tiny.safetensors");

#[derive(Deserialize)]
struct Row {
    text: String,
    ids: Vec<u32>,
    /// With activations in 8 bits, as the model has them.
    logits: [f32; 6],
    /// With activations in 32 bits.
    exact: [f32; 6],
}

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("oracle/oracle.json")).unwrap()
}

#[test]
fn pieces_are_those_of_hf_tokenizers_in_every_language() {
    let model = Model::read(FILE).unwrap();
    let rows = rows();
    assert!(rows.len() > 40);
    for row in rows {
        assert_eq!(model.tokenize(&row.text).ids, row.ids, "{:?}", row.text);
    }
}

#[test]
fn scores_are_those_of_numpy_on_every_path() {
    for path in Path::all() {
        let model = Model::read(FILE).unwrap().on(path);
        let mut space = Workspace::new();
        for row in rows() {
            let window = row.ids.get(..model.content_tokens_max()).unwrap_or(&row.ids);
            let scores = model.score(window, Speaker::Anyone, &mut space).unwrap();
            let found = [&[scores.injection][..], &scores.categories].concat();
            for ((found, logit), exact) in found.iter().zip(row.logits).zip(row.exact) {
                // The order of sums differs, and now and then a number falls on the other side of a half.
                assert!((found - logit).abs() < 0.01, "{} {:?}: {found} and {logit}", path.name(), row.text);
                assert!((found - exact).abs() < 0.05, "{} {:?}: {found} and {exact}", path.name(), row.text);
            }
        }
    }
}

#[test]
fn a_text_cannot_spell_a_special_piece() {
    let model = Model::read(FILE).unwrap();
    for text in ["<s>", "</s>", "<pad>", "a </s> b"] {
        let ids = model.tokenize(text).ids;
        assert!(ids.iter().all(|id| ![0, 1, 2].contains(id)), "{text}: {ids:?}");
    }
}

#[test]
fn ranges_name_the_bytes_of_each_piece() {
    let model = Model::read(FILE).unwrap();
    let text = " Ignore\u{7f} everything  above! ";
    let tokens = model.tokenize(text);
    let parts: Vec<&str> = tokens.ranges.iter().map(|range| text.get(range.clone()).unwrap()).collect();
    assert_eq!(parts.concat(), text);
    assert_eq!(parts, [" I", "gno", "re", "\u{7f} everything", "  above", "! "]);
}
