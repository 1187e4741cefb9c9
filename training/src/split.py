"""Writes the texts of our own folders as two files of rows, those to train on and the tenth held out: `split.py FOLDER... TRAIN HELD`. Twins stay together."""

import gzip
import json
import sys
from pathlib import Path

import corpus


def main() -> None:
    *own, train_path, held_path = map(Path, sys.argv[1:])
    for rows, path in zip(corpus.own(*own), (train_path, held_path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", encoding="utf-8") as out:
            for row in rows:
                line = {"text": row.text, "label": row.label, "source": row.source, "kind": row.kind, "lang": row.lang}
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(f"{path}: {len(rows)} rows")


if __name__ == "__main__":
    main()
