//! Fits the weights of the linear tier: logistic regression on the window of each row that scores highest.
//!
//! Which window of a hostile document is the hostile one is not told, so the one that the weights like best so far stands
//! for the row; of a benign row that window is the one that would do harm, and another, drawn at random, keeps the rest
//! honest. Steps are AdaGrad's. The order of the rows and the draws come from a fixed seed, so a fit is the same each time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;
use wardbell_detect::linear::feature::{self, BUCKETS, Sink};
use wardbell_detect::reading::Reading;

use crate::row;

/// How to fit.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files of rows with `text`, `label` (0 or 1) and perhaps `kind`.
    #[arg(required = true)]
    rows: Vec<PathBuf>,
    /// Where the weights go: a line of JSON with `scale` and `bias`, then one signed byte a bucket.
    #[arg(long)]
    out: PathBuf,
    /// Passes over the rows.
    #[arg(long, default_value_t = 12)]
    epochs: u32,
    /// The size of a step.
    #[arg(long, default_value_t = 0.2)]
    rate: f32,
    /// How strongly weights are drawn to zero, for each row.
    #[arg(long, default_value_t = 1e-3)]
    decay: f32,
    /// How often a jailbreak counts: they are few.
    #[arg(long, default_value_t = 3.0)]
    jailbreaks: f32,
    /// How often an attack counts beside a benign row.
    #[arg(long, default_value_t = 2.0)]
    attacks: f32,
    /// Up to so many benign rows of a source count whole, and twice as many attacks; of a larger one all rows together count with the
    /// square root of their number. 0 counts every row alike.
    #[arg(long, default_value_t = 600.0)]
    free: f32,
}

/// A row's features: buckets with their counts, block by block.
struct Document {
    blocks: Vec<Vec<(u32, f32)>>,
    hostile: bool,
    weight: f32,
    source: String,
}

#[derive(Default)]
struct Blocks {
    done: Vec<Vec<(u32, f32)>>,
    now: Vec<u32>,
}

impl Sink for Blocks {
    fn features(&mut self, buckets: &[u32]) {
        self.now.extend_from_slice(buckets);
    }

    fn block(&mut self, _end: usize) {
        self.now.sort_unstable();
        let counted =
            self.now.chunk_by(|a, b| a == b).map(|same| (same.first().copied().unwrap_or(0), same.len() as f32));
        self.done.push(counted.collect());
        self.now.clear();
    }
}

/// The weights, and what each has seen of gradients.
struct Weights {
    weights: Vec<f32>,
    squares: Vec<f32>,
    bias: f32,
}

impl Weights {
    /// The blocks of the window that scores highest, and its logit.
    fn best(&self, blocks: &[Vec<(u32, f32)>]) -> (usize, f32) {
        let windows = blocks.len().saturating_sub(1).max(1);
        let best = (0..windows).map(|at| (at, self.logit(blocks, at))).max_by(|a, b| a.1.total_cmp(&b.1));
        best.unwrap_or((0, self.bias))
    }

    fn logit(&self, blocks: &[Vec<(u32, f32)>], at: usize) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0_f32);
        for (bucket, times) in blocks.iter().skip(at).take(2).flatten() {
            sum += self.weights.get(*bucket as usize).copied().unwrap_or(0.0) * times;
            count += times;
        }
        self.bias + sum / count.max(1.0).sqrt()
    }

    fn step(&mut self, document: &Document, at: usize, rate: f32, decay: f32) {
        let logit = self.logit(&document.blocks, at);
        let wrong = 1.0 / (1.0 + (-logit).exp()) - if document.hostile { 1.0 } else { 0.0 };
        let wrong = wrong * document.weight;
        let window = || document.blocks.iter().skip(at).take(2).flatten();
        let count: f32 = window().map(|(_, times)| times).sum::<f32>().max(1.0);
        let share = wrong / count.sqrt();
        for (bucket, times) in window() {
            let bucket = *bucket as usize;
            if let (Some(weight), Some(square)) = (self.weights.get_mut(bucket), self.squares.get_mut(bucket)) {
                let gradient = share * times + decay * *weight;
                *square += gradient * gradient;
                *weight -= rate * gradient / (square.sqrt() + 1e-6);
            }
        }
        self.bias -= rate * 0.05 * wrong;
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut documents = Vec::new();
    for file in &options.rows {
        for row in row::read(file)? {
            documents.push(document(&row?, options)?);
        }
    }
    balance(&mut documents, options);
    let mut weights = Weights { weights: vec![0.0; BUCKETS], squares: vec![0.0; BUCKETS], bias: 0.0 };
    let mut draw = Draw(0x9e37_79b9_7f4a_7c15);
    let mut order: Vec<usize> = (0..documents.len()).collect();
    for epoch in 0..options.epochs {
        for at in (1..order.len()).rev() {
            order.swap(at, draw.below(at + 1));
        }
        let rate = options.rate * (1.0 - epoch as f32 / options.epochs as f32);
        for document in order.iter().filter_map(|at| documents.get(*at)) {
            let windows = document.blocks.len().saturating_sub(1).max(1);
            // Before the weights know anything, a long attack teaches nothing.
            if epoch == 0 && document.hostile && windows > 2 {
                continue;
            }
            let (best, _) = weights.best(&document.blocks);
            weights.step(document, best, rate, options.decay);
            if !document.hostile && windows > 1 {
                weights.step(document, draw.below(windows), rate, options.decay);
            }
        }
        eprintln!("pass {} of {} over {} rows", epoch + 1, options.epochs, order.len());
    }
    write(&weights, &options.out)
}

fn document(row: &row::Row, options: &Options) -> Result<Document> {
    let hostile = row.fields.get("label").and_then(Value::as_u64).context("a row has no label")? == 1;
    let jailbreak = row.fields.get("kind").and_then(Value::as_str) == Some("jailbreak");
    let mut blocks = Blocks::default();
    feature::read(Reading::plain(&row.text).text(), &mut blocks);
    let source = row.fields.get("source").and_then(Value::as_str).unwrap_or_default().to_owned();
    let weight = match (hostile, jailbreak) {
        (true, true) => options.attacks * options.jailbreaks,
        (true, false) => options.attacks,
        (false, _) => 1.0,
    };
    Ok(Document { blocks: blocks.done, hostile, weight, source })
}

/// Diversity is what counts: lets the rows of a large source count less each. A file of our own texts is a source as well.
fn balance(documents: &mut [Document], options: &Options) {
    let mut counts = BTreeMap::<(String, bool), f32>::new();
    for Document { source, hostile, .. } in &*documents {
        *counts.entry((source.clone(), *hostile)).or_default() += 1.0;
    }
    for Document { source, hostile, weight, .. } in documents {
        let free = options.free * if *hostile { 2.0 } else { 1.0 };
        let count = counts.get(&(source.clone(), *hostile)).copied().unwrap_or(1.0);
        if free > 0.0 && count > free {
            *weight *= (free / count).sqrt();
        }
    }
}

/// Quantises to eight bits, the few largest weights cut, and writes.
fn write(weights: &Weights, out: &Path) -> Result<()> {
    let mut sizes: Vec<f32> = weights.weights.iter().map(|weight| weight.abs()).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let largest = sizes.get(sizes.len() - 1 - sizes.len() / 10_000).copied().unwrap_or(1.0).max(f32::MIN_POSITIVE);
    let scale = largest / 127.0;
    let bytes: Vec<u8> = weights
        .weights
        .iter()
        .map(|weight| ((weight / scale).round().clamp(-127.0, 127.0) as i8).cast_unsigned())
        .collect();
    let mut file = BufWriter::new(File::create(out).with_context(|| format!("cannot write {}", out.display()))?);
    writeln!(file, "{}", serde_json::json!({"scale": scale, "bias": weights.bias}))?;
    file.write_all(&bytes)?;
    file.flush()?;
    Ok(())
}

/// A xorshift generator.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound.max(1)
    }
}
