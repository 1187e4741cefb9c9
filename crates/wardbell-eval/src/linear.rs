//! The linear tier alone.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use wardbell_detect::linear::Linear;
use wardbell_detect::reading::Reading;

use crate::measure::Scores;
use crate::row;

#[derive(Deserialize)]
struct Head {
    scale: f32,
    bias: f32,
}

/// Prints how well the tier tells attacks from benign rows, in-source and out-of-source apart.
pub(crate) fn print(weights: &Path, rows: &Path) -> Result<()> {
    let bytes = std::fs::read(weights).with_context(|| format!("cannot read {}", weights.display()))?;
    let line = bytes.iter().position(|byte| *byte == b'\n').context("the weights have no first line")?;
    let Head { scale, bias } = serde_json::from_slice(bytes.get(..line).unwrap_or_default())?;
    let weights: Vec<i8> = bytes.iter().skip(line + 1).map(|byte| byte.cast_signed()).collect();
    let linear = Linear::new(&weights, scale, bias)?;
    let mut seen = [Scores::default(), Scores::default()];
    for row in row::read(rows)? {
        let row = row?;
        let hostile = row.fields.get("label").and_then(Value::as_u64) == Some(1);
        let ood = row.fields.get("ood").and_then(Value::as_bool).unwrap_or(false);
        let best = linear.score(Reading::plain(&row.text).text()).iter().map(|w| w.logit).fold(f32::MIN, f32::max);
        if let Some(scores) = seen.get_mut(usize::from(ood)) {
            scores.push(hostile, best);
        }
    }
    for (name, scores) in ["in-source", "out-of-source"].iter().zip(&seen) {
        println!(
            "{name}: AUROC {:.4}, recall at 1 % {:.3}, at 0.1 % {:.3}",
            scores.auroc().unwrap_or(f64::NAN),
            scores.recall(scores.threshold_at(0.01)).unwrap_or(f64::NAN),
            scores.recall(scores.threshold_at(0.001)).unwrap_or(f64::NAN)
        );
    }
    Ok(())
}
