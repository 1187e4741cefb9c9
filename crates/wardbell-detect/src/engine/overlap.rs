//! One winner for each character.

use crate::rule::Spot;

/// Drops every match that overlaps a better one: the higher score is better, then the longer match, then the earlier,
/// then the rule that stands first. What remains is sorted by start.
///
/// Groups of matches that overlap in a chain are settled best first. Time is O(n log n) in the number of matches: the
/// winners so far are kept sorted by start, and as they are disjoint only the neighbours of a match can overlap it.
pub(super) fn settle(mut spots: Vec<Spot>) -> Vec<Spot> {
    if spots.len() < 2 {
        return spots;
    }
    spots.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| b.span.len().cmp(&a.span.len()))
            .then_with(|| a.span.start.cmp(&b.span.start))
            .then_with(|| a.rule.cmp(&b.rule))
    });
    let mut winners: std::collections::BTreeMap<usize, Spot> = std::collections::BTreeMap::new();
    for spot in spots {
        let before = winners.range(..spot.span.end).next_back();
        if before.is_none_or(|(_, winner)| winner.span.end <= spot.span.start) {
            winners.insert(spot.span.start, spot);
        }
    }
    winners.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spots: &[(usize, usize, f32)], expect: &[(usize, usize)]) {
        let spots =
            spots.iter().map(|(start, end, score)| Spot { span: *start..*end, score: *score, rule: 0 }).collect();
        let winners: Vec<_> = settle(spots).into_iter().map(|spot| (spot.span.start, spot.span.end)).collect();
        assert_eq!(winners, expect);
    }

    #[test]
    fn the_higher_score_wins_then_the_longer_then_the_earlier() {
        check(&[(0, 9, 0.5), (3, 6, 0.9)], &[(3, 6)]);
        check(&[(0, 4, 0.5), (2, 9, 0.5)], &[(2, 9)]);
        check(&[(0, 4, 0.5), (2, 6, 0.5)], &[(0, 4)]);
        check(&[(0, 4, 0.5), (4, 6, 0.9)], &[(0, 4), (4, 6)]);
        check(&[(0, 9, 0.5), (2, 3, 0.9), (5, 12, 0.4)], &[(2, 3), (5, 12)]);
        check(&[(5, 9, 1.0), (5, 9, 1.0)], &[(5, 9)]);
    }
}
