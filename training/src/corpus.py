"""The rows: the public corpus, and the texts we wrote ourselves."""

import gzip
import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

OWN_HELD_OUT_TENTH = 0
"""Own texts whose pair hashes to this tenth are never trained on."""
OVER_DEFENCE = "overdefence.jsonl"
TEST_LISTS = frozenset((OVER_DEFENCE, "unseen.jsonl"))
"""Own files that are tests for all time."""
ROLES = {"direct": 1, "jailbreak": 2, "extraction": 3, "indirect": 4, "obfuscated": 5}
"""An attack's kind as the number of the output that tells it."""


@dataclass(frozen=True)
class Row:
    """One text. `unseen` marks rows of sources that training never sees. `line` is what was put into a document, where that is known: all that
    the label says is about it. It stands at an `edge` where it is a user's own words beside what he pastes. Texts that are `new` no teacher has seen."""

    text: str
    label: int
    source: str
    kind: str
    lang: str
    unseen: bool
    own: bool
    line: str = ""
    edge: bool = False
    new: bool = False

    @property
    def family(self) -> str:
        """The source for purposes of balance: documentation and trigger-word cuts count with their parent."""
        return re.sub(r" \(trigger words\)$| docs$", "", self.source).split(" in ")[0]


def public(path: Path) -> list[Row]:
    """Rows of a `.jsonl.gz` of the corpus, or of the same unpacked."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Row(row["text"], row["label"], row["source"], row["kind"], row["lang"], bool(row.get("ood")), False) for row in rows
    ]


def own(*folders: Path, new: Collection[Path] = ()) -> tuple[list[Row], list[Row]]:
    """Our texts: those to train on, and the tenth held out; those of the folders `new` are marked so. Twins are never parted: an attack and
    its benign half stand on the same side."""
    train, held = [], []
    found = [(path, folder in new) for folder in (*folders, *new) for path in sorted(folder.glob("*.jsonl")) if path.name not in TEST_LISTS]
    for path, is_new in found:
        for line in path.read_text("utf-8").splitlines():
            if not line.strip():
                continue
            row = json.loads(line)
            pair = min(row["id"], row.get("twin") or row["id"])
            tenth = hashlib.sha256(pair.encode()).digest()[0] % 10
            target = held if tenth == OWN_HELD_OUT_TENTH else train
            # A line that its plain reading does not hold as it is written is not known.
            known = row.get("line", "") if row.get("line", "") in row["text"] else ""
            edge = bool(known and row.get("edge"))
            target.append(Row(row["text"], row["label"], f"own {path.stem}", row["kind"], row["lang"], False, True, known, edge, is_new))
    return train, held


def over_defence(folder: Path) -> list[Row]:
    """The curated benign texts that no detector may block: a test, never trained on."""
    rows = [json.loads(line) for line in (folder / OVER_DEFENCE).read_text("utf-8").splitlines() if line]
    return [Row(row["text"], row["label"], "own over-defence", row["kind"], row["lang"], True, True) for row in rows]


def fingerprint(rows: list[Row]) -> str:
    """SHA-256 over all texts and labels, in order: which corpus a model was made from."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.label}\0{row.source}\0{row.text}\1".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
