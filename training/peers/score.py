"""Scores of the peers that run offline, row by row: `score.py PEER ROWS.jsonl.gz OUT.jsonl`.

A peer sees the text as it is. One that would need more than `SECONDS_MAX` for all rows gets `SAMPLE` rows drawn with a fixed
seed instead; the row numbers in the output tell which.
"""

import gzip
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS_MAX = 150
SAMPLE = 1500
PROBE = 60
"""Rows scored to learn the speed."""


def stackone_defender() -> Callable[[str], float]:
    """stackone-defender[onnx] 0.9.4: its second tier (MiniLM-L6, int8) over its own chunks; the highest chunk counts."""
    from stackone_defender.classifiers.tier2_classifier import Tier2Classifier

    tier = Tier2Classifier()
    tier.warmup()

    def score(text: str) -> float:
        found = tier.classify_by_chunks(text)
        return float(found.get("score") or 0.0)

    return score


def metatronnanoguard() -> Callable[[str], float]:
    """metatronnanoguard 0.1.0: a small transformer of its own; reads the first 512 tokens."""
    from nanoguard import NanoGuard

    guard = NanoGuard(device="cpu")

    def score(text: str) -> float:
        found = guard.scan(text)
        return found.confidence if found.is_injection else 1.0 - found.confidence

    return score


def jailguard() -> Callable[[str], float]:
    """jailguard 0.1.2: a network over MiniLM embeddings."""
    import jailguard as package

    return lambda text: float(package.detect(text).score)


def prompt_guardrail() -> Callable[[str], float]:
    """prompt-guardrail 1.0.1: TF-IDF and logistic regression."""
    from guardify.guardrails.logistic_regression import LogisticRegressionGuardrail

    guard = LogisticRegressionGuardrail()

    def score(text: str) -> float:
        found = guard.predict(text)
        return found["score"] if found["label"] == "injection" else 1.0 - found["score"]

    return score


def aicordon() -> Callable[[str], float]:
    """aicordon 1.4.0: signatures; the score is 1 where one matches."""
    from aicordon import picket

    detector = picket.load()
    return lambda text: float(bool(detector.check(text).flagged))


PEERS = {
    one.__name__: one for one in (stackone_defender, metatronnanoguard, jailguard, prompt_guardrail, aicordon)
}


def main() -> None:
    name, rows_path, out_path = sys.argv[1:]
    with gzip.open(rows_path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    score = PEERS[name]()
    order = list(range(len(texts)))
    random.Random(7).shuffle(order)
    began = time.process_time()
    found = {i: score(texts[i]) for i in order[:PROBE]}
    needed = (time.process_time() - began) / PROBE * len(texts)
    todo = order if needed <= SECONDS_MAX else order[:SAMPLE]
    print(f"{name}: {needed:.0f} s of processor time for all rows; scores {len(todo)}", file=sys.stderr)
    for i in todo:
        if i not in found:
            found[i] = score(texts[i])
    with Path(out_path).open("w") as out:
        for i in sorted(found):
            out.write(json.dumps({"i": i, "score": round(found[i], 6)}) + "\n")


if __name__ == "__main__":
    main()
