//! What token rules have in common: a token ends where its letters end, and a row of one letter is a placeholder.

use std::ops::Range;

use crate::rule::Scene;

/// The score of a vendor's prefix with a body of the right length (AISG gives 0.9 to 0.95, `spec/wire-aisg.md` 1.5).
pub(super) const SCORE: f32 = 0.95;

/// How many different bytes the body of a real token has at least. Random tokens of 20 characters have a dozen;
/// placeholders such as `xxxxxxxxxxxxxxxxxxxx` have one or two.
const DIFFERENT_MIN: usize = 4;

/// How much of a token is looked at to tell a placeholder.
const LOOK_BYTES_MAX: usize = 24;

/// Reads on over letters, digits, `-` and `_`, so that a longer token than expected is found whole.
pub(super) fn run_on(text: &[u8], end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    end + rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count()
}

/// Takes a token unless its last characters are those of a placeholder.
pub(super) fn judge(scene: &Scene<'_>, span: &Range<usize>) -> Option<f32> {
    let token = scene.bytes(span);
    let tail = token.get(token.len().saturating_sub(LOOK_BYTES_MAX)..)?;
    let mut seen = [false; 256];
    let mut different = 0;
    for byte in tail {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            different += usize::from(!*seen);
            *seen = true;
        }
    }
    (different >= DIFFERENT_MIN).then_some(SCORE)
}
