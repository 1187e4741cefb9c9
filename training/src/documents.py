"""Collects harmless documents as they lie about on a machine: `documents.py OUT FOLDER...` writes OUT/calibrate.jsonl.gz and OUT/test.jsonl.gz.

Long READMEs, changelogs, manual pages and source files are what agents read all day, and public sets have few of them. They make thresholds for
third parties; half of them are kept to test those. None is committed.
"""

import gzip
import hashlib
import json
import random
import re
import sys
from pathlib import Path

SEED = 1
LETTERS = 6_000
LETTERS_MIN = 200
EACH_MAX = 500
"""Files of one form from one folder."""
FORMS = {
    "text": (re.compile(r"^(README|CHANGELOG|CONTRIBUTING|NEWS|FAQ)[^/]*$", re.I), "long_doc"),
    "manual": (re.compile(r"\.[1-8]\.gz$"), "long_doc"),
    "code": (re.compile(r"(^lib\.rs|\.pod|\.py)$"), "code"),
}
MARKUP = re.compile(r"\\f[BIRP]|\\-|\\&|^\.\\\".*$", re.M)


def read(path: Path, form: str) -> str:
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", errors="replace") as file:
        text = file.read(LETTERS)
    return (MARKUP.sub("", text) if form == "manual" else text).strip()


def main() -> None:
    out, *folders = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    halves = [gzip.open(out / name, "wt", encoding="utf-8") for name in ("calibrate.jsonl.gz", "test.jsonl.gz")]
    known, counts = set(), [0, 0]
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        for form, (name, kind) in FORMS.items():
            fitting = [path for path in paths if name.search(path.name)]
            random.Random(f"{SEED}/{folder}/{form}").shuffle(fitting)
            for path in fitting[:EACH_MAX]:
                try:
                    text = read(path, form)
                except (OSError, EOFError):
                    continue
                # Two versions of a package have nearly the same README.
                start = text[:LETTERS_MIN]
                if len(start) < LETTERS_MIN or start in known:
                    continue
                known.add(start)
                half = hashlib.sha256(start.encode("utf-8", "replace")).digest()[0] % 2
                counts[half] += 1
                row = {"text": text, "label": 0, "source": f"{folder.name}: {form}", "kind": kind, "lang": "und"}
                halves[half].write(json.dumps(row, ensure_ascii=False) + "\n")
    for half in halves:
        half.close()
    print(f"{counts[0]} documents to calibrate with, {counts[1]} to test")


if __name__ == "__main__":
    main()
