"""Scores of whole documents, and what they are worth."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from encoder import Encoder, pad
from tokens import Vocabulary

BATCH_IDS = 6000


@dataclass
class Documents:
    """Windows of texts, the number of the text that each is of, and how many texts there are."""

    windows: list[np.ndarray]
    owners: list[int]
    count: int


def documents(vocabulary: Vocabulary, texts: list[str]) -> Documents:
    windows, owners = [], []
    for number, ids in enumerate(vocabulary.encode(texts)):
        found = vocabulary.windows(ids)
        windows += found
        owners += [number] * len(found)
    return Documents(windows, owners, len(texts))


def logits(encoder: Encoder, texts: Documents) -> np.ndarray:
    """[texts, outputs]: of each text, the outputs of its window with the highest injection logit."""
    device = encoder.word.device
    room = BATCH_IDS * (20 if device.type == "cuda" else 1)
    order = sorted(range(len(texts.windows)), key=lambda i: len(texts.windows[i]))
    best = np.full((texts.count, encoder.head.out_features), -np.inf, dtype=np.float32)
    with torch.no_grad():
        at = 0
        while at < len(order):
            end = at + 1
            while end < len(order) and (end + 1 - at) * len(texts.windows[order[end]]) <= room:
                end += 1
            part = order[at:end]
            ids, lengths = pad([texts.windows[i] for i in part])
            for i, line in zip(part, encoder(ids.to(device), lengths.to(device)).float().cpu().numpy()):
                if line[0] > best[texts.owners[i], 0]:
                    best[texts.owners[i]] = line
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
