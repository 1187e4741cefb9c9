//! The known model that a misspelt name is nearest to.

use crate::price;

/// The longest name that is compared, in bytes. The longest of the table has 61; past this the caller meant something else.
const NAME_BYTES_MAX: usize = 80;

/// The most letters that may be wrong, left out or too many.
const DISTANCE_MAX: usize = 3;

/// The model of the table whose name is nearest to one that is not known; `None` if none is near: more than a quarter of
/// its letters would have to change, or more than three.
///
/// Linear in the table and the name: of each comparison only the cells within `DISTANCE_MAX` of the diagonal are looked
/// at (Ukkonen, "Algorithms for approximate string matching", 1985). Of equals, the first in the table.
pub fn suggest(model: &str) -> Option<&'static str> {
    if model.is_empty() || model.len() > NAME_BYTES_MAX {
        return None;
    }
    let asked = model.to_ascii_lowercase();
    let mut best = None;
    let mut room = DISTANCE_MAX.min(asked.len() / 4);
    for row in price::all() {
        let Some(distance) = distance_within(asked.as_bytes(), row.id.to_ascii_lowercase().as_bytes(), room) else {
            continue;
        };
        best = Some(row.id);
        if distance == 0 {
            break;
        }
        // From here on only a nearer one counts.
        room = distance - 1;
    }
    best
}

/// How many bytes of `from` must change, come or go to make `to`; `None` if more than `max`.
fn distance_within(from: &[u8], to: &[u8], max: usize) -> Option<usize> {
    if from.len().abs_diff(to.len()) > max {
        return None;
    }
    // `row[k]` is the distance of the first `i` bytes of `from` and the first `i + k - max` of `to`.
    let width = 2 * max + 1;
    let far = max + 1;
    let mut row: Vec<usize> = (0..width).map(|k| k.checked_sub(max).map_or(far, |ahead| ahead.min(far))).collect();
    for (i, byte) in from.iter().enumerate() {
        let mut next = vec![far; width];
        for k in 0..width {
            // In the row of `i + 1` bytes, cell `k` stands at byte `j` of `to`, counted from 1.
            let Some(j) = (i + 1 + k).checked_sub(max).filter(|j| *j <= to.len()) else { continue };
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(far);
            let gone = at(&row, k + 1) + 1;
            let come = k.checked_sub(1).map_or(far, |before| at(&next, before) + 1);
            let changed = match j.checked_sub(1).and_then(|before| to.get(before)) {
                Some(other) => at(&row, k) + usize::from(other != byte),
                None => far,
            };
            if let Some(cell) = next.get_mut(k) {
                *cell = gone.min(come).min(changed).min(far);
            }
        }
        row = next;
    }
    // Both ends: `i` is the length of `from`, `j` that of `to`.
    let end = (to.len() + max).checked_sub(from.len())?;
    row.get(end).copied().filter(|distance| *distance <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_put_right_and_another_name_is_not() {
        for (asked, nearest) in [
            ("gpt4o", Some("gpt-4o")),
            ("gpt-4o-mni", Some("gpt-4o-mini")),
            ("GPT-4o-mini", Some("gpt-4o-mini")),
            ("claude-sonet-4-5", Some("claude-sonnet-4-5")),
            ("sonnar-pro", Some("sonar-pro")),
            ("gpt", None),
            ("", None),
            ("my-own-finetune-of-2024", None),
        ] {
            assert_eq!(suggest(asked), nearest, "{asked}");
        }
        assert_eq!(suggest(&"a".repeat(NAME_BYTES_MAX + 1)), None);
    }

    proptest::proptest! {
        #[test]
        fn the_band_gives_what_the_whole_table_gives(from in "[abc]{0,9}", to in "[abc]{0,9}", max in 0_usize..4) {
            let whole = whole_distance(from.as_bytes(), to.as_bytes());
            let expect = Some(whole).filter(|whole| *whole <= max);
            proptest::prop_assert_eq!(distance_within(from.as_bytes(), to.as_bytes(), max), expect);
        }
    }

    /// The textbook's way, with the whole table.
    fn whole_distance(from: &[u8], to: &[u8]) -> usize {
        let mut row: Vec<usize> = (0..=to.len()).collect();
        for (i, byte) in from.iter().enumerate() {
            let mut next = vec![i + 1];
            for (j, other) in to.iter().enumerate() {
                next.push((row[j] + usize::from(byte != other)).min(row[j + 1] + 1).min(next[j] + 1));
            }
            row = next;
        }
        row[to.len()]
    }
}
