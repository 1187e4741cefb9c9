"""Scores dev and the held-out own texts with a checkpoint, and tells what they are worth."""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch

import carrier
import corpus
import measure
import prepare
from quantise import shipped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--sample", type=int, default=0, help="rows of each group at most; 0 is all")
    parser.add_argument("--quantised", action="store_true", help="the shipped arithmetic")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--scores", type=Path, help="where to keep the scores of dev")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    vocabulary = prepare.vocabulary(carrier.read(arguments.base), arguments.data, arguments.out)
    encoder = prepare.encoder(arguments.base, vocabulary, arguments.layers).eval()
    saved = torch.load(arguments.checkpoint)
    encoder.load_state_dict(saved["state"])
    if arguments.quantised:
        encoder = shipped(encoder)
    dev = corpus.public(arguments.data / "dev.jsonl")
    _, held = corpus.own(arguments.own)
    groups = {
        "unseen sources": [row for row in dev if row.unseen],
        "own, held out": held,
        "sources of train": [row for row in dev if not row.unseen],
        "over-defence list": corpus.over_defence(arguments.own),
        "harmful but plain": corpus.public(arguments.data / "harmful_plain.jsonl"),
    }
    report, kept = {"step": saved["step"], "quantised": arguments.quantised}, {}
    scores_of = {}
    for name, rows in groups.items():
        if arguments.sample and len(rows) > arguments.sample:
            attacks = [row for row in rows if row.label]
            benign = [row for row in rows if not row.label]
            dice = random.Random(7)
            rows = dice.sample(attacks, min(len(attacks), arguments.sample // 3))
            rows += dice.sample(benign, min(len(benign), arguments.sample - len(rows)))
        logits = measure.logits(encoder, vocabulary, [row.text for row in rows])
        labels = np.array([row.label for row in rows])
        report[name] = measure.summary(labels, logits[:, 0])
        kept[name] = rows
        scores_of[name] = logits
        print(name, json.dumps(report[name]), flush=True)
    dev_names = ("unseen sources", "sources of train")
    benign = np.concatenate([scores_of[n][[r.label == 0 for r in kept[n]], 0] for n in dev_names])
    threshold = measure.bound(benign, 0.01)
    report["threshold of 1 % of dev's benign"] = round(threshold, 3)
    for name, rows in kept.items():
        values = scores_of[name][:, 0]
        report[name]["by source"] = measure.by(rows, values, threshold, lambda row: row.source)
        report[name]["by kind"] = measure.by(rows, values, threshold, lambda row: row.kind)
        report[name]["by language"] = measure.by(rows, values, threshold, lambda row: row.lang)
    if arguments.scores:
        rows = [row for n in dev_names for row in kept[n]]
        np.savez(
            arguments.scores,
            labels=np.array([row.label for row in rows]),
            logits=np.concatenate([scores_of[n] for n in dev_names]),
            unseen=np.array([row.unseen for row in rows]),
        )
    path = arguments.checkpoint.with_suffix(".report.json")
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
