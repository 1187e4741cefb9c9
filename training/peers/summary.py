"""Figures of the peers from their scores: `summary.py DEV.jsonl.gz SCORES_FOLDER OUT.json`. A peer that was not scored is not in it."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
import corpus
import measure


def at_half(labels: np.ndarray, scores: np.ndarray) -> dict:
    """What a peer finds and flags at 0.5. For one that says only yes or no, this is all there is to say."""
    return {
        "recall_at_half": round(float((scores[labels == 1] >= 0.5).mean()), 4),
        "false_positives_at_half": round(float((scores[labels == 0] >= 0.5).mean()), 4),
    }


def main() -> None:
    dev_path, folder, out = map(Path, sys.argv[1:])
    rows = corpus.public(dev_path)
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        scored = [json.loads(line) for line in path.read_text().splitlines()]
        part = [rows[one["i"]] for one in scored]
        labels = np.array([row.label for row in part])
        scores = np.array([one["score"] for one in scored])
        unseen = np.array([row.unseen for row in part])
        found[path.stem] = {"rows": len(part)}
        for name, chosen in (("in source", ~unseen), ("out of source", unseen)):
            found[path.stem][name] = measure.summary(labels[chosen], scores[chosen]) | at_half(labels[chosen], scores[chosen])
    out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
