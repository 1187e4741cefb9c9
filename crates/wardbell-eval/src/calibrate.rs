//! Chooses the calibration of a model file: thresholds by false positives on whole texts, the linear tier's share, and what
//! it may clear. On the quantised model, by the code that ships.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};
use wardbell_detect::cascade::calibration::{Calibration, Scale};
use wardbell_detect::cascade::{Cascade, Evidence, Space, Speaker};

use crate::injection::{self, Case};
use crate::measure::Scores;

/// How to calibrate.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder with `dev.jsonl.gz`.
    #[arg(long)]
    data: PathBuf,
    /// The model file.
    #[arg(long)]
    model: PathBuf,
    /// More benign rows that count for the thresholds: JSON lines with `text` and `label`.
    #[arg(long)]
    benign: Vec<PathBuf>,
    /// Texts that are none of a source of training either: rows with `text` and `label`, our own that were held out.
    #[arg(long)]
    held: Vec<PathBuf>,
    /// The same for words of third parties: documents, results of tools.
    #[arg(long)]
    held_third_party: Vec<PathBuf>,
    /// More benign documents that count for the thresholds of third parties.
    #[arg(long)]
    benign_third_party: Vec<PathBuf>,
    /// What the encoder's logits are divided by.
    #[arg(long, default_value_t = 1.0)]
    temperature: f32,
    /// The file with its calibration.
    #[arg(long)]
    out: PathBuf,
}

/// Tokens of a window, and by how many windows overlap: as in training.
const CONTENT: usize = 110;
const OVERLAP: usize = 28;

/// The share of attacks that the linear tier may clear by mistake (`spec/injection-model.md`).
const LOST_MAX: f64 = 0.005;

/// The shares of the linear tier that are tried.
const SHARES: [f32; 9] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0];

/// What is taken off for length that is tried. The logits of benign windows of the development set fall off by e every 0.6 to 1.4
/// above their highest hundredth (told on every run): more than that has no reason, and costs attacks in long pages.
const LENGTHS: [f32; 7] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2];

/// The linear tier's share where the tail of benign logits is told, and the share of windows that is the tail.
const TAIL_SHARE: f32 = 0.5;
/// See above.
const TAIL: f64 = 0.01;

/// From so many windows on an attack is a long one.
const LONG_WINDOWS: usize = 6;

/// A case with what the tiers said of its windows.
struct Known {
    case: Case,
    evidence: Vec<Evidence>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let bytes = std::fs::read(&options.model).with_context(|| format!("cannot read {}", options.model.display()))?;
    // Anything that is in order: only the evidence is looked at.
    let scale = Scale { temperature: options.temperature, share: 0.0, length: 0.0, high: 0.0, medium: 1.0, low: 2.0 };
    let any = Calibration { anyone: scale, third_party: scale, clear: f32::MIN, content: CONTENT, overlap: OVERLAP };
    let cascade = Cascade::calibrated(bytes.clone(), any)?;
    let dev = injection::cases(&options.data.join("dev.jsonl.gz"))?;
    let weigh = |speaker, benign: &[&[PathBuf]], held: &[PathBuf]| -> Result<[Vec<Known>; 2]> {
        let mut cases = dev.clone();
        for file in benign.iter().copied().flatten() {
            cases.extend(injection::cases(file)?.into_iter().filter(|case| !case.hostile));
        }
        let count = cases.len();
        for file in held {
            cases.extend(injection::cases(file)?);
        }
        let weigh = |case: &Case, space: &mut Space| Ok(cascade.evidence(&case.text, speaker, space)?);
        let evidence = injection::in_parallel(&cases, weigh)?;
        let mut known: Vec<Known> =
            cases.into_iter().zip(evidence).map(|(case, evidence)| Known { case, evidence }).collect();
        let held = known.split_off(count);
        Ok([known, held])
    };

    let [known, held] = weigh(Speaker::Anyone, &[&options.benign], &options.held)?;
    let anyone = choose(Speaker::Anyone, &known, &held, scale)?;
    let clear = clear(&known, &anyone);
    // Of third parties only what they may say counts.
    let benign: [&[PathBuf]; 2] = [&options.benign, &options.benign_third_party];
    let [mut known, held] = weigh(Speaker::ThirdParty, &benign, &options.held_third_party)?;
    known.retain(|known| known.case.is_of_documents());
    let third_party = choose(Speaker::ThirdParty, &known, &held, scale)?;
    let calibration = Calibration { anyone, third_party, clear, ..any };
    println!("{calibration:?}");
    std::fs::write(&options.out, with_settings(&bytes, &calibration)?)?;
    println!("wrote {}", options.out.display());
    Ok(())
}

/// The share of the linear tier, what is taken off for length, and the thresholds for one speaker's words.
fn choose(speaker: Speaker, known: &[Known], held: &[Known], any: Scale) -> Result<Scale> {
    for (what, ood) in [("seen", false), ("unseen", true)] {
        let benign = known.iter().filter(|known| !known.case.hostile && known.case.ood == ood);
        let logits =
            benign.flat_map(|known| &known.evidence).map(|w| w.encoder / any.temperature + TAIL_SHARE * w.linear);
        let excess = excess(logits.collect());
        println!("{speaker:?}: benign windows, {what}: mean excess over their highest hundredth {excess:.2}");
    }

    let mut best: Option<(f64, Scale)> = None;
    for (share, length) in SHARES.iter().flat_map(|share| LENGTHS.map(|length| (*share, length))) {
        let tried = Scale { share, length, ..any };
        let scores = |known: &[Known], keep: &dyn Fn(&Known) -> bool| {
            let mut scores = Scores::default();
            for known in known.iter().filter(|known| keep(known)) {
                scores.push(known.case.hostile, logit(&known.evidence, &tried));
            }
            scores
        };
        let (all, foreign) = (scores(known, &|_| true), scores(known, &|known| known.case.ood));
        let long = scores(known, &|known| known.evidence.iter().any(|window| window.of >= LONG_WINDOWS));
        let held = scores(held, &|_| true);
        let [high, medium, low] = [0.05, 0.01, 0.001].map(|share| all.threshold_at(share));
        let recall = foreign.recall(foreign.threshold_at(0.01)).unwrap_or(0.0);
        let [recall_long, recall_held] = [&long, &held].map(|scores| scores.recall(medium).unwrap_or(0.0));
        let [auroc, auroc_foreign, auroc_held] = [&all, &foreign, &held].map(|scores| scores.auroc().unwrap_or(0.0));
        println!(
            "{speaker:?}: share {share}, length {length}: AUROC {auroc:.4}, out-of-source {auroc_foreign:.4}, recall there at 1 % \
             {recall:.3}, of long attacks {recall_long:.3}, held-out AUROC {auroc_held:.4}, found {recall_held:.3}, flagged {:.3}",
            held.false_positives(medium).unwrap_or(0.0)
        );
        // A point of AUROC is worth eight of recall, since chance moves it by an eighth; long attacks are few, and of sources that
        // training saw. What is held out of our own tells most where the development set has few attacks of unseen sources: in documents.
        // Long pages are what third parties send.
        let worth = match speaker {
            Speaker::Anyone => 8.0 * auroc_foreign + auroc + auroc_held + recall + recall_long / 4.0,
            Speaker::ThirdParty => 8.0 * auroc_held + auroc + auroc_foreign + recall_held + recall_long / 2.0,
        };
        if best.is_none_or(|(known, _)| worth > known) {
            best = Some((worth, Scale { high, medium, low, ..tried }));
        }
    }
    let (_, scale) = best.context("no share was tried")?;
    ensure!(scale.high < scale.medium && scale.medium < scale.low, "{speaker:?}: thresholds do not rise");
    Ok(scale)
}

/// How far the highest hundredth lies above its lowest, in the mean: the scale of an exponential tail, which is how fast the highest
/// of many grows with the logarithm of their number. The maximum likelihood estimate (Coles 2001, chapter 4, with shape 0).
fn excess(mut logits: Vec<f32>) -> f64 {
    logits.sort_unstable_by(|a, b| b.total_cmp(a));
    let count = (logits.len() as f64 * TAIL) as usize;
    let Some(bound) = logits.get(count) else { return 0.0 };
    logits[..count].iter().map(|logit| f64::from(logit - bound)).sum::<f64>() / count.max(1) as f64
}

fn logit(evidence: &[Evidence], scale: &Scale) -> f32 {
    let logit = |window: &Evidence| scale.logit(window.encoder, window.linear, window.of);
    evidence.iter().map(logit).fold(f32::MIN, f32::max)
}

/// The highest threshold under which few attacks fall that would else be found.
fn clear(known: &[Known], scale: &Scale) -> f32 {
    let found: Vec<&Known> =
        known.iter().filter(|known| known.case.hostile && logit(&known.evidence, scale) >= scale.medium).collect();
    // A text is cleared if every window is below the threshold and in a known language.
    let mut worst: Vec<f32> = found
        .iter()
        .map(|known| {
            known.evidence.iter().map(|w| if w.is_known { w.linear } else { f32::MAX }).fold(f32::MIN, f32::max)
        })
        .collect();
    worst.sort_unstable_by(f32::total_cmp);
    let lost = (LOST_MAX * worst.len() as f64).floor() as usize;
    worst.get(lost).copied().unwrap_or(f32::MIN)
}

/// The file with these settings among its own.
fn with_settings(bytes: &[u8], calibration: &Calibration) -> Result<Vec<u8>> {
    let (length, rest) = bytes.split_at_checked(8).context("the model file is cut")?;
    let length = usize::try_from(u64::from_le_bytes(length.try_into()?))?;
    let (header, data) = rest.split_at_checked(length).context("the model file is cut")?;
    let mut header: Map<String, Value> = serde_json::from_slice(header)?;
    let metadata = header.get_mut("__metadata__").and_then(Value::as_object_mut).context("the file has no settings")?;
    for (key, value) in calibration.settings() {
        metadata.insert(key, Value::String(value));
    }
    let mut header = serde_json::to_vec(&header)?;
    // Tensors start at a multiple of eight, as the format wants.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header);
    out.extend(data);
    Ok(out)
}
