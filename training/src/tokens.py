"""Text to token ids: the base's unigram vocabulary, trimmed.

The Rust detector has a tokeniser of its own; both follow the rules in this file, and `oracle.json` holds cases for both.
"""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from carrier import Carrier

BEGIN, PAD, END, UNKNOWN = range(4)
SPECIAL = 4
"""Ids below this are special. Their pieces are empty, so that no text can spell them."""
META = "\u2581"
WINDOW_IDS = 112
"""Ids in a window with its begin and end: shorter than the base allows, since a short attack is diluted by a long window."""
OVERLAP_IDS = 28
SPACES = re.compile(" +")
SENTENCE_END = frozenset(".!?。！？؟।…;")
class Vocabulary:
    """The pieces kept, in the base's order, and how to cut text into them."""

    def __init__(self, carrier: Carrier, kept: list[int]):
        if kept[:SPECIAL] != list(range(SPECIAL)):
            raise ValueError("the special pieces come first")
        self.kept = kept
        self.pieces = ["" if old < SPECIAL else carrier.pieces[old] for old in kept]
        self.scores = np.array([carrier.scores[old] for old in kept], dtype=np.float32)
        self.normaliser = carrier.normaliser
        # Control characters stand for the special pieces: the normaliser drops them, so no text matches them.
        named = [f"\x01{i}" if i < SPECIAL else piece for i, piece in enumerate(self.pieces)]
        model = models.Unigram(list(zip(named, self.scores.astype(float).tolist())), unk_id=UNKNOWN, byte_fallback=False)
        self.tokenizer = Tokenizer(model)
        self.tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(META, prepend_scheme="always", split=True)
        self.ends = np.array([piece[-1:] in SENTENCE_END for piece in self.pieces])

    def normalise(self, text: str) -> str:
        """The base's table, one code point at a time (white space becomes a space, control characters vanish), then single spaces."""
        return SPACES.sub(" ", text.translate(self.normaliser)).strip(" ")

    def encode(self, texts: Iterable[str]) -> list[np.ndarray]:
        """Content ids of each text, without begin and end."""
        coded = self.tokenizer.encode_batch([self.normalise(text) for text in texts], add_special_tokens=False)
        return [np.array(one.ids, dtype=np.int32) for one in coded]

    def windows(self, ids: np.ndarray) -> list[np.ndarray]:
        """Windows of a text's content ids, cut after a sentence where one ends in the last quarter; begin and end added."""
        room = WINDOW_IDS - 2
        found, start = [], 0
        while True:
            end = min(start + room, len(ids))
            if end < len(ids):
                for cut in range(end, end - OVERLAP_IDS + 1, -1):
                    if self.ends[ids[cut - 1]]:
                        end = cut
                        break
            found.append(np.concatenate([[BEGIN], ids[start:end], [END]]).astype(np.int32))
            if end == len(ids):
                return found
            start = end - OVERLAP_IDS


def choose(carrier: Carrier, texts: Iterable[str], size: int) -> list[int]:
    """Which pieces stay: all single characters and the likeliest quarter, then those that the corpus uses most, then the
    likeliest of the rest."""
    whole = Vocabulary(carrier, list(range(len(carrier.pieces))))
    used = Counter()
    for batch in batched(texts, 2000):
        for ids in whole.encode(batch):
            used.update(ids.tolist())
    likeliest = sorted(range(SPECIAL, len(carrier.pieces)), key=lambda i: (-carrier.scores[i], i))
    kept = set(range(SPECIAL))
    kept |= {i for i, piece in enumerate(carrier.pieces) if len(piece.replace(META, "")) == 1 or piece == META}
    kept |= set(likeliest[: size // 4])
    by_use = [piece for piece, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))]
    mask = carrier.pieces.index("<mask>")
    for piece in by_use + likeliest:
        if len(kept) == size:
            break
        if piece != mask:
            kept.add(piece)
    return sorted(kept)


def batched(items: Iterable, size: int) -> Iterable[list]:
    """Lists of `size` items; the last may be shorter."""
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
