"""Writes messages in which a user pastes a page as rows: `pasted.py PASTED MESSAGES PAGES` makes a file in both folders of each in PASTED.

In MESSAGES stands what the user sends: what he asks, and the page. A page that speaks for itself to whoever reads it for him is an attack
(`attacks`), one that speaks to people is not (`benign`), and what the user wants himself is his good right (`orders`): it stands beside the page,
at its edge. In PAGES stand the pages alone, as a third party's, with their lines.
"""

import hashlib
import json
import sys
from pathlib import Path

import places

FRAMES = (
    *("{}",) * 12,
    '"{}"',
    '"""\n{}\n"""',
    "```\n{}\n```",
    "---\n{}\n---",
    "<document>\n{}\n</document>",
    "[{}]",
)
"""What users put around what they paste; most put nothing."""
JOINTS = ("\n\n", "\n\n", "\n\n", "\n", " ")


def message(document: dict, ask: str, page: str) -> str:
    """What the user sends. The same page has the same frame whoever speaks in it, so that a frame tells nothing."""
    drawn = hashlib.sha256(document["id"].encode()).digest()
    page = FRAMES[drawn[1] % len(FRAMES)].replace("{}", page)
    joint = JOINTS[drawn[2] % len(JOINTS)]
    return ask + joint + page if document["at"] == "before" else page + joint + ask


def rows(document: dict) -> list[dict]:
    """A row of each attack and each harmless line in the page, of each order of the user's beside it, and of his ask."""

    def row(mark: str, text: str, label: int, kind: str, line: str, edge: bool) -> dict:
        found = {"id": f"{document['id']}-{mark}", "text": text, "label": label, "kind": kind, "lang": document["lang"]}
        return found | {"twin": document["id"], "line": line} | ({"edge": True} if edge else {})

    def in_page(line: str) -> str:
        return message(document, document["ask"], document["before"] + line + document["after"])

    def beside(ask: str) -> str:
        return message(document, ask, document["before"] + document["after"])

    found = [row(f"a{n}", in_page(line), 1, "indirect", line, False) for n, line in enumerate(document["attacks"], 1)]
    found += [row(f"b{n}", in_page(line), 0, "hard_negative", line, False) for n, line in enumerate(document["benign"], 1)]
    found += [row(f"o{n}", beside(ask), 0, "hard_negative", ask, True) for n, ask in enumerate(document["orders"], 1)]
    return [*found, row("ask", beside(document["ask"]), 0, "hard_negative", document["ask"], True)]


def main() -> None:
    pasted, messages, pages = map(Path, sys.argv[1:])
    for path in sorted(pasted.glob("*.jsonl")):
        documents = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        for folder, of in ((messages, rows), (pages, places.rows)):
            made = [row for document in documents for row in of(document)]
            (folder / path.name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), "utf-8")
            print(f"{folder.name}/{path.name}: {len(made)} texts of {len(documents)} documents")


if __name__ == "__main__":
    main()
