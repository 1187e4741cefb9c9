//! The shipped detector on data: rules, readings, linear tier, encoder, calibration, as the gateway runs them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;
use wardbell_core::entity::EntityType;
use wardbell_detect::cascade::{Cascade, Effort, Space};
use wardbell_detect::engine::{Engine, EngineSettings};

use crate::report::{self, Report};
use crate::row;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The folder with `dev.jsonl.gz` and, perhaps, `harmful_plain.jsonl.gz`.
    #[arg(long)]
    data: PathBuf,
    /// The model file; else the one that is built in.
    #[arg(long)]
    model: Option<PathBuf>,
    /// The figures of peers on the same rows, to print beside ours and to stay above: training/peers.json.
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Where the report goes: this name with `.md` and with `.json`.
    #[arg(long)]
    out: PathBuf,
    /// Compare with the report that is there; fail if something is worse beyond noise, and write nothing.
    #[arg(long)]
    check: bool,
}

/// A text that is judged.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) hostile: bool,
    pub(crate) source: String,
    pub(crate) kind: String,
    pub(crate) lang: String,
    pub(crate) ood: bool,
}

/// Sources of requests and prompts: texts that are made to tell a model what to do, and so no document's.
const REQUESTS: [&str; 8] = [
    "OpenAssistant/oasst2",
    "T0 templates",
    "X-PLUG/WritingBench",
    "allenai/WildChat",
    "danielmiessler/fabric",
    "f/awesome-chatgpt-prompts",
    "google/IFEval",
    "stingning/ultrachat",
];

impl Case {
    /// Whether a third party may say it: an attack within data, or a harmless text that tells a model nothing to do. Hard negatives are what
    /// nervous detectors flag: documents on attacks, rules for coding agents, records full of orders.
    pub(crate) fn is_of_documents(&self) -> bool {
        let is_request = || REQUESTS.iter().any(|source| self.source.starts_with(source));
        match self.kind.as_str() {
            "indirect" => true,
            "long_doc" | "tool_output" | "code" | "hard_negative" => !self.hostile && !is_request(),
            _ => false,
        }
    }
}

/// What the detector says of a case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judgement {
    /// Where everything is read.
    pub(crate) strict: f32,
    /// Where the encoder reads what is not cleared.
    pub(crate) lenient: f32,
    /// Whether the encoder was needed there.
    pub(crate) encoded: bool,
    /// Where it is read as words of a third party.
    pub(crate) third_party: f32,
    /// Where nobody knows whose words it is.
    pub(crate) unknown: f32,
    /// Whether something was left unread.
    pub(crate) partial: bool,
}

/// Reads the rows of a file.
pub(crate) fn cases(path: &Path) -> Result<Vec<Case>> {
    row::read(path)?
        .map(|row| {
            let row = row?;
            let text = |name: &str| row.fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let label = row.fields.get("label").and_then(Value::as_u64).context("a row has no label")?;
            let ood = row.fields.get("ood").and_then(Value::as_bool).unwrap_or(false);
            let (source, kind, lang) = (text("source"), text("kind"), text("lang"));
            Ok(Case { text: row.text, hostile: label == 1, source, kind, lang, ood })
        })
        .collect()
}

/// Runs a function over all cases on all cores; the answers are in the order of the cases.
pub(crate) fn in_parallel<A: Send>(
    cases: &[Case],
    work: impl Fn(&Case, &mut Space) -> Result<A> + Sync,
) -> Result<Vec<A>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(cases.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut space = Space::default();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { break };
                    let answer = work(case, &mut space);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
                    if at % 1000 == 999 {
                        eprintln!("{} of {} texts after {:.0?}", at + 1, cases.len(), started.elapsed());
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Judges a text with rules and model.
pub(crate) fn judge(engine: &Engine, cascade: &Cascade, text: &str, space: &mut Space) -> Result<Judgement> {
    let rules = engine.scan(text).iter().map(|finding| finding.score).fold(0.0, f32::max);
    let strict = cascade.judge_now(text, Effort::Strict, space)?;
    let lenient = cascade.judge_now(text, Effort::Lenient, space)?;
    let third_party = cascade.judge_now(text, Effort::ThirdParty, space)?;
    let unknown = cascade.judge_now(text, Effort::Unknown, space)?;
    Ok(Judgement {
        strict: strict.score.max(rules),
        lenient: lenient.score.max(rules),
        encoded: lenient.windows > 0,
        third_party: third_party.score.max(rules),
        unknown: unknown.score.max(rules),
        partial: strict.partial,
    })
}

/// The engine with its injection rules only.
pub(crate) fn rules() -> Result<Engine> {
    Ok(Engine::new(&EngineSettings { entities: vec![EntityType::PromptInjection] })?)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let cascade = match &options.model {
        Some(path) => Cascade::read(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)?,
        None => Cascade::read(wardbell_model::INJECTION)?,
    };
    let engine = rules()?;
    let cases = cases(&options.data.join("dev.jsonl.gz"))?;
    let judged = in_parallel(&cases, |case, space| judge(&engine, &cascade, &case.text, space))?;
    let harmful = options.data.join("harmful_plain.jsonl.gz");
    let harmful = harmful.exists().then(|| self::cases(&harmful)).transpose()?;
    let harmful = harmful
        .map(|cases| in_parallel(&cases, |case, space| judge(&engine, &cascade, &case.text, space)))
        .transpose()?;
    let report = Report::of(&cases, &judged, harmful.as_deref(), cascade.calibration());
    let peers = options.peers.as_deref().map(report::peers).transpose()?;
    if options.check {
        return report::compare(&report, &options.out.with_extension("json"), peers.as_ref());
    }
    let page = report.page(peers.as_ref());
    println!("{page}");
    std::fs::write(options.out.with_extension("md"), page)?;
    std::fs::write(options.out.with_extension("json"), serde_json::to_string_pretty(&report)? + "\n")?;
    Ok(())
}
