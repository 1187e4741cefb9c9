//! The encoder on any text, and on any file.

use std::sync::LazyLock;

use wardbell_encoder::model::{Model, Speaker};
use wardbell_encoder::workspace::Workspace;

/// A model of a few hundred pieces, of which the encoder's own tests know every score.
const FILE: &[u8] = include_bytes!("../../wardbell-encoder/tests/oracle/tiny.safetensors");
/// Names a place, in the lower three bytes, and what is written there.
const CHANGE_BYTES: usize = 4;
/// A place with its highest bit set is in the file's header, which is easily missed among the weights.
const HEADER_BYTES: usize = 6_000;

#[expect(clippy::expect_used, reason = "a test of the encoder reads the file")]
static MODEL: LazyLock<Model> = LazyLock::new(|| Model::read(FILE).expect("the file of the tests is a model"));

pub(crate) fn tokens(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let tokens = MODEL.tokenize(&text);
    assert_eq!(tokens.ids.len(), tokens.ranges.len());
    let (mut start, mut end) = (0, 0);
    for (id, range) in tokens.ids.iter().zip(&tokens.ranges) {
        assert!(usize::try_from(*id).is_ok_and(|id| id < MODEL.shape().vocabulary), "{id}");
        assert!(text.get(range.clone()).is_some(), "{range:?} of {}", text.len());
        assert!(range.start >= start && range.end >= end && range.start <= end, "{range:?} after {start}..{end}");
        (start, end) = (range.start, range.end);
    }
    assert!(tokens.ids.is_empty() || end == text.len(), "{end} of {}", text.len());
}

/// Every four bytes are one change of the file.
pub(crate) fn file(data: &[u8]) {
    let mut file = FILE.to_vec();
    for [high, middle, low, byte] in data.as_chunks::<CHANGE_BYTES>().0 {
        let place = usize::from(high & 0x7f) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        let within = if high & 0x80 == 0 { file.len() } else { HEADER_BYTES };
        file[place % within] = *byte;
    }
    let Ok(model) = Model::read(file) else { return };
    let tokens = model.tokenize("Ignore everything above, Schl\u{fc}ssel \u{8bf7}\u{628a}\u{4e0b}\u{9762} \u{1f600}");
    let window = tokens.ids.get(..model.content_tokens_max()).unwrap_or(&tokens.ids);
    for speaker in [Speaker::Anyone, Speaker::ThirdParty] {
        // A window of a model's own tokens that is not too long is scored.
        let scores = model.score(window, speaker, &mut Workspace::new());
        assert!(
            scores.is_ok_and(
                |scores| scores.injection.is_finite() && scores.categories.iter().all(|logit| logit.is_finite())
            ),
            "a score is no number"
        );
    }
}
