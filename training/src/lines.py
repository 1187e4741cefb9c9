"""Puts single lines into documents: `lines.py LINES FOLDER...` writes `lines-in-documents.jsonl` in the first folder from `LINES/*.jsonl`, and says
in the files of documents there what their lines are.

A line is hostile (an order to the machine that reads) or innocent; it has a label only where it stands. Twins get the same place in the
same document, which is one of the harmless ones of the folders. Training puts each line into many other documents (`sample.py`).
"""

import json
import random
import re
import sys
from pathlib import Path

DOCUMENT_FILES = (
    "documents-long.jsonl",
    "long-documents.jsonl",
    "documents.jsonl",
    "tool-results.jsonl",
    "benign-hard.jsonl",
    "en-benign.jsonl",
)
LINED_FILES = ("documents-long.jsonl",)
"""Files of documents, each with a line and without."""
DOCUMENT_KINDS = frozenset(("long_doc", "tool_output", "code"))
DOCUMENT_LETTERS_MIN = 300
SIZES = (500, 900, 1_500, 2_500)
"""About how many letters of a document are taken."""
CODE_FILES = frozenset(("data",))
"""Files of lines that go into code, tables and what tools give, for choice."""
SAME_LANGUAGE_CHANCE = 0.8
MARK = re.compile(r"^\s*(?:#+ |//+ |-- |\* |- |> )?")
"""What a line of a document begins with, which an inserted one then begins with, too."""
ALIKE = 40
"""Documents that share so many letters at their start or end may be the same but for a line."""
SHARED_MIN = 200
"""A document without its line has so many letters at least."""
LINE_LETTERS = range(15, 500)


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def lined(text: str, others: list[str]) -> str:
    """The one stretch of `text` that is not in one of `others`, which is `text` without it; empty where there is no such other."""
    for other in others:
        if len(other) >= len(text):
            continue
        before = next((at for at, (one, two) in enumerate(zip(text, other)) if one != two), len(other))
        rest = len(other) - before
        if len(other) >= SHARED_MIN and text[len(text) - rest :] == other[before:]:
            line = text[before : len(text) - rest].strip()
            if len(line) in LINE_LETTERS:
                return line
    return ""


def tell_lines(path: Path) -> int:
    """Says in each row of a file of documents with and without a line what the line is."""
    rows = rows_of(path)
    texts = [row["text"] for row in rows]
    for row in rows:
        row.pop("line", None)
        alike = [text for text in texts if text[:ALIKE] == row["text"][:ALIKE] or text[-ALIKE:] == row["text"][-ALIKE:]]
        # The longest first: where a line was put beside another one, a document has that one, too.
        line = lined(row["text"], sorted(alike, key=len, reverse=True))
        if line:
            row["line"] = line
    write(path, rows)
    return sum("line" in row for row in rows)


def excerpt(text: str, size: int, dice: random.Random) -> list[str]:
    """Lines of the document, one after the other, of about so many letters."""
    lines = text.split("\n")
    if len(lines) < 3:
        lines = re.split(r"(?<=[.!?。]) ", text)
    start = dice.randrange(len(lines)) if len(text) > size else 0
    while start > 0 and sum(map(len, lines[start:])) < size:
        start -= 1
    taken = []
    for line in lines[start:]:
        taken.append(line)
        if sum(map(len, taken)) >= size:
            break
    return taken


def put(line: str, taken: list[str], at: int, own_line: bool) -> str:
    """`line` after the first `at` lines of a document: as a line of its own that begins like the one before it, or at that one's end."""
    before, after = taken[:at], taken[at:]
    last = before[-1] if before else ""
    if own_line or not last.strip() or last.rstrip()[-1] not in ".!?。":
        found = MARK.match(last)
        return "\n".join([*before, (found.group() if found and last.strip() else "") + line, *after])
    return "\n".join([*before[:-1], f"{last.rstrip()} {line}", *after])


def main() -> None:
    lines, first, *others = map(Path, sys.argv[1:])
    for name in LINED_FILES:
        print(f"{name}: {tell_lines(first / name)} lines told")
    documents = [
        row
        for folder in (first, *others)
        for name in DOCUMENT_FILES
        if (folder / name).exists()
        for row in rows_of(folder / name)
        if row["label"] == 0 and row["kind"] in DOCUMENT_KINDS and "line" not in row and len(row["text"]) >= DOCUMENT_LETTERS_MIN
    ]
    made = []
    for path in sorted(lines.glob("*.jsonl")):
        for row in rows_of(path):
            dice = random.Random("lines/" + min(row["id"], row.get("twin") or row["id"]))
            fitting = [one for one in documents if (one["kind"] != "long_doc") == (path.stem in CODE_FILES)]
            same = [one for one in fitting if one["lang"] == row["lang"]]
            document = dice.choice(same if same and dice.random() < SAME_LANGUAGE_CHANCE else fitting)
            taken = excerpt(document["text"], dice.choice(SIZES), dice)
            text = put(row["text"], taken, dice.randint(0, len(taken)), dice.random() < 0.6)
            made.append({**row, "text": text, "line": row["text"]})
    write(first / "lines-in-documents.jsonl", made)
    print(f"lines-in-documents.jsonl: {len(made)} texts of {len(documents)} documents")


if __name__ == "__main__":
    main()
