//! What scores are worth.

/// Scores of attacks and of benign texts.
#[derive(Debug, Default, Clone)]
pub(crate) struct Scores {
    pub(crate) attacks: Vec<f32>,
    pub(crate) benign: Vec<f32>,
}

impl Scores {
    pub(crate) fn push(&mut self, hostile: bool, score: f32) {
        if hostile { self.attacks.push(score) } else { self.benign.push(score) }
    }

    /// The chance that an attack scores above a benign text; ties count half. `None` where one of them is missing.
    pub(crate) fn auroc(&self) -> Option<f64> {
        if self.attacks.is_empty() || self.benign.is_empty() {
            return None;
        }
        let mut all: Vec<(f32, bool)> = self.attacks.iter().map(|score| (*score, true)).collect();
        all.extend(self.benign.iter().map(|score| (*score, false)));
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut below, mut wins) = (0.0_f64, 0.0);
        for tied in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let attacks = tied.iter().filter(|(_, hostile)| *hostile).count() as f64;
            let benign = tied.len() as f64 - attacks;
            wins += attacks * (below + benign / 2.0);
            below += benign;
        }
        Some(wins / (self.attacks.len() as f64 * self.benign.len() as f64))
    }

    /// The lowest threshold that at most this share of the benign texts reach.
    pub(crate) fn threshold_at(&self, share: f64) -> f32 {
        let mut benign = self.benign.clone();
        benign.sort_unstable_by(|a, b| b.total_cmp(a));
        let allowed = (share * benign.len() as f64).floor() as usize;
        benign.get(allowed).map_or(f32::MIN, |score| score.next_up())
    }

    /// The share of attacks that reach a threshold.
    pub(crate) fn recall(&self, threshold: f32) -> Option<f64> {
        share(&self.attacks, threshold)
    }

    /// The share of benign texts that reach a threshold.
    pub(crate) fn false_positives(&self, threshold: f32) -> Option<f64> {
        share(&self.benign, threshold)
    }
}

fn share(scores: &[f32], threshold: f32) -> Option<f64> {
    let reach = scores.iter().filter(|score| **score >= threshold).count();
    (!scores.is_empty()).then(|| reach as f64 / scores.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auroc_counts_ties_half() {
        let scores = |attacks: &[f32], benign: &[f32]| Scores { attacks: attacks.to_vec(), benign: benign.to_vec() };
        assert_eq!(scores(&[2.0, 3.0], &[0.0, 1.0]).auroc(), Some(1.0));
        assert_eq!(scores(&[1.0], &[1.0]).auroc(), Some(0.5));
        assert_eq!(scores(&[0.0, 2.0], &[1.0]).auroc(), Some(0.5));
        assert_eq!(scores(&[], &[1.0]).auroc(), None);
    }

    #[test]
    fn a_threshold_lets_no_more_through_than_it_may() {
        let scores = Scores { attacks: vec![0.95, 0.4], benign: (0..100).map(|at| at as f32 / 100.0).collect() };
        let threshold = scores.threshold_at(0.05);
        assert_eq!(scores.false_positives(threshold), Some(0.05));
        assert_eq!(scores.recall(threshold), Some(0.5));
        assert_eq!(scores.false_positives(scores.threshold_at(0.0)), Some(0.0));
    }
}
