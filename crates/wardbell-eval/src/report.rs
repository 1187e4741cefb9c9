//! The report on the detector: figures as JSON, which is compared, and as a page, which is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use wardbell_core::policy::Sensitivity;
use wardbell_detect::cascade::calibration::Calibration;

use crate::injection::{Case, Judgement};
use crate::measure::Scores;

/// How much worse a figure may be before it counts, on sets of thousands of texts. Scores do not depend on the machine, so
/// the noise is that of small changes of the code.
const AUROC_NOISE: f64 = 0.003;
const SHARE_NOISE: f64 = 0.02;
const FALSE_POSITIVE_NOISE: f64 = 0.003;
/// How far above every peer the AUROC must be on texts of unseen sources. Source: ours, for issue 7's "clear margin".
const PEER_MARGIN: f64 = 0.03;

/// What the detector is worth on a set of texts; a share is `None` where there is nothing to take it of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Worth {
    attacks: usize,
    benign: usize,
    auroc: Option<f64>,
    /// Recall where one benign text in a hundred of this set is flagged, and one in a thousand.
    recall_at_1_percent: Option<f64>,
    recall_at_01_percent: Option<f64>,
    /// At the thresholds of the three sensitivities.
    recall: [Option<f64>; 3],
    false_positives: [Option<f64>; 3],
}

/// All figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    settings: BTreeMap<String, String>,
    all: Worth,
    in_source: Worth,
    out_of_source: Worth,
    /// The out-of-source set where the encoder reads only what the linear tier does not clear.
    lenient: Worth,
    /// The out-of-source set and all texts where nobody knows who speaks.
    unknown: [Worth; 2],
    /// What third parties may say ([`Case::is_of_documents`]), of all sources: read as words of a user, of a third party, and of nobody knows whom.
    documents: [Worth; 3],
    /// All texts read as words of a third party, whoever would say them.
    third_party: Worth,
    /// Harmful requests without any manipulation, which are no injections; nothing of them where the data have none.
    harmful_plain: Option<Worth>,
    /// The share of benign texts that need no encoder there.
    cleared: f64,
    /// The share of texts of which something was left unread.
    partial: f64,
    /// By group of out-of-source and in-source texts: kinds of attack with all benign texts beside them.
    kinds: [BTreeMap<String, Worth>; 2],
    languages: [BTreeMap<String, Worth>; 2],
    sources: [BTreeMap<String, Worth>; 2],
}

const SENSITIVITIES: [Sensitivity; 3] = [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High];
const SCOPES: [&str; 2] = ["out-of-source", "in-source"];

impl Worth {
    fn of(scores: &Scores) -> Self {
        let round = |value: Option<f64>| value.map(|value| (value * 1e4).round() / 1e4);
        let at = |share| round(scores.recall(scores.threshold_at(share)).filter(|_| !scores.benign.is_empty()));
        Self {
            attacks: scores.attacks.len(),
            benign: scores.benign.len(),
            auroc: round(scores.auroc()),
            recall_at_1_percent: at(0.01),
            recall_at_01_percent: at(0.001),
            recall: SENSITIVITIES.map(|level| round(scores.recall(level.threshold()))),
            false_positives: SENSITIVITIES.map(|level| round(scores.false_positives(level.threshold()))),
        }
    }
}

impl Report {
    pub(crate) fn of(
        cases: &[Case],
        judged: &[Judgement],
        harmful_plain: Option<&[Judgement]>,
        calibration: &Calibration,
    ) -> Self {
        let both = || cases.iter().zip(judged);
        let set = |keep: &dyn Fn(&Case) -> bool, score: &dyn Fn(&Judgement) -> f32| {
            let mut scores = Scores::default();
            for (case, judged) in both().filter(|(case, _)| keep(case)) {
                scores.push(case.hostile, score(judged));
            }
            Worth::of(&scores)
        };
        let strict = |judged: &Judgement| judged.strict;
        let third_party = |judged: &Judgement| judged.third_party;
        let unknown = |judged: &Judgement| judged.unknown;
        let scopes = [true, false];
        let groups = |name: &dyn Fn(&Case) -> &String, with_benign: bool| {
            scopes.map(|ood| {
                let names: std::collections::BTreeSet<&String> =
                    cases.iter().filter(|case| case.ood == ood).map(name).collect();
                let worth = |group: &String| {
                    let keep = |case: &Case| {
                        case.ood == ood && (name(case) == group || (with_benign && !case.hostile && is_attack(group)))
                    };
                    set(&keep, &strict)
                };
                names.into_iter().map(|group| (group.clone(), worth(group))).collect()
            })
        };
        let share = |keep: &dyn Fn(&Case, &Judgement) -> bool, of: &dyn Fn(&Case) -> bool| {
            let all = cases.iter().filter(|case| of(case)).count().max(1);
            both().filter(|(case, judged)| of(case) && keep(case, judged)).count() as f64 / all as f64
        };
        Self {
            settings: calibration.settings().into_iter().collect(),
            all: set(&|_| true, &strict),
            in_source: set(&|case| !case.ood, &strict),
            out_of_source: set(&|case| case.ood, &strict),
            lenient: set(&|case| case.ood, &|judged| judged.lenient),
            unknown: [set(&|case| case.ood, &unknown), set(&|_| true, &unknown)],
            documents: [
                set(&Case::is_of_documents, &strict),
                set(&Case::is_of_documents, &third_party),
                set(&Case::is_of_documents, &unknown),
            ],
            third_party: set(&|_| true, &third_party),
            harmful_plain: harmful_plain.map(|judged| {
                let mut scores = Scores::default();
                for judged in judged {
                    scores.push(false, judged.strict);
                }
                Worth::of(&scores)
            }),
            cleared: share(&|_, judged| !judged.encoded, &|case| !case.hostile),
            partial: share(&|_, judged| judged.partial, &|_| true),
            kinds: groups(&|case| &case.kind, true),
            languages: groups(&|case| &case.lang, false),
            sources: groups(&|case| &case.source, false),
        }
    }

    /// The page.
    pub(crate) fn page(&self, peers: Option<&Peers>) -> String {
        let mut page = String::from(
            "# How well the injection detector does\n\n\
             Written by `cargo xtask eval injection`, which runs the code that ships over the development set (kept outside the\n\
             repository). *Out-of-source* texts come from sources of which training saw nothing: that is the honest figure.\n\
             Every text is read in full (`strict`); recall is the share of attacks that are found, false positives the share of\n\
             benign texts that are flagged, at the thresholds of the three sensitivities. The thresholds were chosen on the\n\
             benign texts of this same set, so that about 0.1 %, 1 % and 5 % of them are above. A harmful request that manipulates\n\
             nothing is no injection: what is flagged of those counts as false. *Third party* is how the gateway reads documents\n\
             and results of tools, *unknown* how it reads a text that is sent to be scanned where nobody says who speaks: as both, and the\n\
             surer counts. *Documents* are what third parties say (no requests and no prompts), and attacks within data.\n\n",
        );
        let rows = [
            ("**out-of-source**", &self.out_of_source),
            ("in-source", &self.in_source),
            ("all", &self.all),
            ("out-of-source, lenient", &self.lenient),
            ("out-of-source, unknown", &self.unknown[0]),
            ("all, unknown", &self.unknown[1]),
            ("documents", &self.documents[0]),
            ("documents, third party", &self.documents[1]),
            ("documents, unknown", &self.documents[2]),
            ("all, third party", &self.third_party),
        ];
        let harmful = self.harmful_plain.iter().map(|worth| ("harmful, without manipulation", worth));
        table(&mut page, "texts", rows.into_iter().chain(harmful));
        let _ = write!(
            page,
            "\n*Lenient* is how the gateway reads what a user says: the encoder is asked only where the linear tier does not clear\n\
             the text. It clears {} of the benign texts. Of {} of all texts something was left unread because of a bound.\n",
            percent(Some(self.cleared)),
            percent(Some(self.partial))
        );
        if let Some(peers) = peers {
            self.beside(&mut page, peers);
        }
        let parts = [
            ("By kind", "kind", &self.kinds, "A kind of attack stands beside all benign texts of its scope."),
            ("By language", "language", &self.languages, ""),
            ("By source", "source", &self.sources, ""),
        ];
        for (title, column, groups, note) in parts {
            let _ = writeln!(page, "\n## {title}\n");
            if !note.is_empty() {
                let _ = writeln!(page, "{note}\n");
            }
            for (scope, groups) in SCOPES.iter().zip(groups) {
                let _ = writeln!(page, "{scope}:\n");
                table(&mut page, column, groups.iter().map(|(name, worth)| (name.as_str(), worth)));
                page.push('\n');
            }
        }
        page
    }
}

impl Report {
    fn beside(&self, page: &mut String, peers: &Peers) {
        page.push_str(
            "\n## Beside others that run offline\n\nThe same texts, each peer's own score (`training/peers/`).\n\n",
        );
        for scope in SCOPES {
            let of_peer: fn(&Peer) -> &PeerWorth =
                if scope == "in-source" { |peer| &peer.in_source } else { |peer| &peer.out_of_source };
            let ours = if scope == "in-source" { &self.in_source } else { &self.out_of_source };
            let mut others: Vec<_> = peers.iter().map(|(name, peer)| (name.replace('_', "-"), of_peer(peer))).collect();
            others.sort_by(|a, b| b.1.auroc.total_cmp(&a.1.auroc));
            let _ = writeln!(page, "{scope}:\n");
            page.push_str("| detector | texts | AUROC | recall at 1 % | recall at 0.1 % |\n|---|--:|--:|--:|--:|\n");
            let _ = writeln!(
                page,
                "| **Wardbell** | {} | {} | {} | {} |",
                ours.attacks + ours.benign,
                auroc(ours.auroc),
                percent(ours.recall_at_1_percent),
                percent(ours.recall_at_01_percent)
            );
            for (name, PeerWorth { attacks, benign, auroc: theirs, recall_at_1_percent, recall_at_01_percent }) in
                others
            {
                let _ = writeln!(
                    page,
                    "| {name} | {} | {} | {} | {} |",
                    attacks + benign,
                    auroc(Some(*theirs)),
                    percent(Some(*recall_at_1_percent)),
                    percent(Some(*recall_at_01_percent))
                );
            }
            page.push('\n');
        }
    }
}

/// Whether a kind is one of attacks; `obfuscated` is of both.
fn is_attack(kind: &str) -> bool {
    matches!(kind, "direct" | "jailbreak" | "extraction" | "indirect" | "obfuscated")
}

fn table<'w>(page: &mut String, column: &str, rows: impl Iterator<Item = (&'w str, &'w Worth)>) {
    let _ = writeln!(
        page,
        "| {column} | attacks | benign | AUROC | recall at 1 % | at 0.1 % | recall low / medium / high | false positives low / medium / high |"
    );
    page.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for (name, worth) in rows {
        let three = |values: &[Option<f64>; 3]| values.map(percent).join(" / ");
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} | {} |",
            worth.attacks,
            worth.benign,
            auroc(worth.auroc),
            percent(worth.recall_at_1_percent),
            percent(worth.recall_at_01_percent),
            three(&worth.recall),
            three(&worth.false_positives)
        );
    }
}

fn auroc(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

/// What a peer is worth on the texts of one scope; those that were too slow for all of them saw a part.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PeerWorth {
    attacks: usize,
    benign: usize,
    auroc: f64,
    recall_at_1_percent: f64,
    #[serde(rename = "recall_at_0.1_percent")]
    recall_at_01_percent: f64,
}

/// A peer's figures, as `training/peers/summary.py` writes them.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Peer {
    #[serde(rename = "in source")]
    in_source: PeerWorth,
    #[serde(rename = "out of source")]
    out_of_source: PeerWorth,
}

/// Peers by name.
pub(crate) type Peers = BTreeMap<String, Peer>;

/// Reads the figures of peers.
pub(crate) fn peers(path: &Path) -> Result<Peers> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what training/peers writes", path.display()))
}

/// Fails where a figure is worse than in the report that is there, beyond noise.
pub(crate) fn compare(now: &Report, before: &Path, peers: Option<&Peers>) -> Result<()> {
    let text = std::fs::read_to_string(before).with_context(|| format!("cannot read {}", before.display()))?;
    let before: Report = serde_json::from_str(&text)?;
    let mut worse = Vec::new();
    let sets = [
        ("all", &now.all, &before.all),
        ("out-of-source", &now.out_of_source, &before.out_of_source),
        ("in-source", &now.in_source, &before.in_source),
        ("out-of-source, lenient", &now.lenient, &before.lenient),
        ("out-of-source, unknown", &now.unknown[0], &before.unknown[0]),
        ("all, unknown", &now.unknown[1], &before.unknown[1]),
        ("documents", &now.documents[0], &before.documents[0]),
        ("documents, third party", &now.documents[1], &before.documents[1]),
        ("documents, unknown", &now.documents[2], &before.documents[2]),
        ("all, third party", &now.third_party, &before.third_party),
    ];
    let harmful = now.harmful_plain.iter().zip(&before.harmful_plain);
    let harmful = harmful.map(|(now, before)| ("harmful, without manipulation", now, before));
    for (name, now, before) in sets.into_iter().chain(harmful) {
        let mut fell = |what: &str, now: Option<f64>, before: Option<f64>, noise: f64| {
            if let (Some(now), Some(before)) = (now, before)
                && now < before - noise
            {
                worse.push(format!("{name}: {what} fell from {before:.4} to {now:.4}"));
            }
        };
        fell("AUROC", now.auroc, before.auroc, AUROC_NOISE);
        fell("recall at 1 %", now.recall_at_1_percent, before.recall_at_1_percent, SHARE_NOISE);
        for (now, before) in now.recall.iter().zip(before.recall) {
            fell("recall at a sensitivity", *now, before, SHARE_NOISE);
        }
        for (now, before) in now.false_positives.iter().zip(before.false_positives) {
            let negative = |value: Option<f64>| value.map(|value| -value);
            fell("false positives (as less)", negative(*now), negative(before), FALSE_POSITIVE_NOISE);
        }
    }
    for (name, peer) in peers.into_iter().flatten() {
        let (ours, theirs) = (now.out_of_source.auroc.unwrap_or(0.0), peer.out_of_source.auroc);
        if ours < theirs + PEER_MARGIN {
            worse.push(format!("out-of-source: AUROC {ours:.4} is no clear margin above {name}'s {theirs:.4}"));
        }
    }
    ensure!(worse.is_empty(), "worse than the report:\n{}", worse.join("\n"));
    println!("no figure is worse than in the report, beyond noise");
    Ok(())
}
