"""Writes documents with lines that were written for their place as rows: `places.py PLACES OUT` makes a file in OUT of each in PLACES.

A document is what stands `before` and `after` the line; each of its `attacks` and each of its `benign` lines makes a row. All of a document's
rows are twins: they stand on one side where texts are held out.
"""

import json
import sys
from pathlib import Path


def rows(document: dict) -> list[dict]:
    found = []
    for label, name, kind in ((1, "attacks", "indirect"), (0, "benign", "hard_negative")):
        for number, line in enumerate(document[name], 1):
            found.append(
                {
                    "id": f"{document['id']}-{name[0]}{number}",
                    "text": document["before"] + line + document["after"],
                    "label": label,
                    "kind": kind,
                    "lang": document["lang"],
                    "twin": document["id"],
                    "line": line,
                }
            )
    return found


def main() -> None:
    places, out = map(Path, sys.argv[1:])
    for path in sorted(places.glob("*.jsonl")):
        documents = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        made = [row for document in documents for row in rows(document)]
        (out / path.name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), "utf-8")
        print(f"{path.name}: {len(made)} texts of {len(documents)} documents")


if __name__ == "__main__":
    main()
