"""The first stage: rows, vocabulary and token ids, kept in the output folder so that a later run goes on from there."""

import hashlib
import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import carrier
import corpus
import encoder as network
import tokens

VOCABULARY_SIZE = 88_000


@dataclass
class Stage:
    """Rows to train on with their content ids, and the own rows that are held out."""

    rows: list[corpus.Row]
    ids: list[np.ndarray]
    held: list[corpus.Row]
    vocabulary: tokens.Vocabulary


def vocabulary(base: carrier.Carrier, data: Path, out: Path) -> tokens.Vocabulary:
    """The kept pieces. Chosen once a folder: `pieces.json` decides ever after, since a checkpoint's ids mean its pieces.
    Our own texts have no say: they grow, and the pieces must not move."""
    path = out / "pieces.json"
    if not path.exists():
        rows = corpus.public(data / "train.jsonl") + corpus.public(data / "dev.jsonl")
        path.write_text(json.dumps(tokens.choose(base, (row.text for row in rows), VOCABULARY_SIZE)))
    return tokens.Vocabulary(base, json.loads(path.read_text()))


def load(base: Path, data: Path, own: Path, out: Path) -> Stage:
    """Rows and ids; the ids of the public rows are cached by what they were made from."""
    out.mkdir(parents=True, exist_ok=True)
    kept = vocabulary(carrier.read(base), data, out)
    rows = corpus.public(data / "train.jsonl")
    key = hashlib.sha256(json.dumps(kept.kept).encode() + corpus.fingerprint(rows).encode()).hexdigest()[:16]
    path = out / f"ids-{key}.pickle"
    if not path.exists():
        path.write_bytes(pickle.dumps([ids for part in tokens.batched((row.text for row in rows), 2000) for ids in kept.encode(part)]))
    ids = pickle.loads(path.read_bytes())
    train, held = corpus.own(own)
    return Stage(rows + train, ids + kept.encode(row.text for row in train), held, kept)


def encoder(base: Path, vocabulary: tokens.Vocabulary, layers: int) -> network.Encoder:
    """The base's first layers over the kept pieces."""
    return network.from_carrier(carrier.read(base), layers, vocabulary.kept)
