"""Scores of whole documents, and what they are worth."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import rankdata

from corpus import Row
from encoder import Encoder, pad
from tokens import Vocabulary

BATCH_IDS = 6000


def logits(encoder: Encoder, vocabulary: Vocabulary, texts: list[str]) -> np.ndarray:
    """[texts, outputs]: of each text, the outputs of its window with the highest injection logit."""
    windows, owner = [], []
    for number, ids in enumerate(vocabulary.encode(texts)):
        for window in vocabulary.windows(ids):
            windows.append(window)
            owner.append(number)
    order = sorted(range(len(windows)), key=lambda i: len(windows[i]))
    best = np.full((len(texts), encoder.head.out_features), -np.inf, dtype=np.float32)
    with torch.no_grad():
        at = 0
        while at < len(order):
            end = at + 1
            while end < len(order) and (end + 1 - at) * len(windows[order[end]]) <= BATCH_IDS:
                end += 1
            part = order[at:end]
            for i, line in zip(part, encoder(*pad([windows[i] for i in part])).float().numpy()):
                if line[0] > best[owner[i], 0]:
                    best[owner[i]] = line
            at = end
    return best


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Chance that an attack scores above a benign text."""
    positive = int(labels.sum())
    negative = len(labels) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    return float((rankdata(scores)[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def bound(benign: np.ndarray, share: float) -> float:
    """The lowest score that at most `share` of the benign scores lie above."""
    ordered = np.sort(benign)[::-1]
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])


def recall(labels: np.ndarray, scores: np.ndarray, share: float) -> float:
    """Share of the attacks above the bound that lets `share` of the benign texts pass it."""
    if not (labels == 1).any() or not (labels == 0).any():
        return float("nan")
    return float((scores[labels == 1] > bound(scores[labels == 0], share)).mean())


def summary(labels: np.ndarray, scores: np.ndarray) -> dict:
    """The figures the issue asks for."""
    return {
        "attacks": int(labels.sum()),
        "benign": int((labels == 0).sum()),
        "auroc": round(auroc(labels, scores), 4),
        "recall_at_1_percent": round(recall(labels, scores, 0.01), 4),
        "recall_at_0.1_percent": round(recall(labels, scores, 0.001), 4),
    }


def by(rows: list[Row], scores: np.ndarray, threshold: float, key: Callable[[Row], str]) -> dict:
    """For each value of `key`: texts, and the share flagged at `threshold`, attacks and benign apart."""
    found = {}
    for row, score in zip(rows, scores):
        entry = found.setdefault(key(row), [0, 0, 0, 0])
        entry[row.label * 2] += 1
        entry[row.label * 2 + 1] += bool(score > threshold)
    return {
        name: {
            **({"benign": n0, "flagged": round(f0 / n0, 3)} if n0 else {}),
            **({"attacks": n1, "found": round(f1 / n1, 3)} if n1 else {}),
        }
        for name, (n0, f0, n1, f1) in sorted(found.items())
    }
