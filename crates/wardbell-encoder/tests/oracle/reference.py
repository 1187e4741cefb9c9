"""The arithmetic and the tokenizer of a model file in numpy and HF `tokenizers`: the other opinion of the tests.

`Model(path).tokenize(text)` gives ids, `Model(path).score(ids)` six logits; with `exact=True` the activations keep their 32 bits.
"""
import json
import math
import re
import struct

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

KINDS = {"U8": "u1", "I8": "i1", "U32": "<u4", "F16": "<f2", "F32": "<f4"}
erf = np.vectorize(math.erf)


class Model:
    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size])
        self.settings = header.pop("__metadata__")
        self.tensors = {}
        for name, entry in header.items():
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            self.tensors[name] = np.frombuffer(data[begin:end], KINDS[entry["dtype"]]).reshape(entry["shape"])
        self.heads = int(self.settings["heads"])
        self.epsilon = np.float32(self.settings["epsilon"])
        offsets, letters = self.tensors["tokenizer.offsets"], self.tensors["tokenizer.pieces"].tobytes()
        pieces = [letters[start:end].decode() for start, end in zip(offsets, offsets[1:])]
        # Special pieces have no letters; HF wants some. U+0001 never comes out of the normaliser.
        names = [piece or f"\x01{index}" for index, piece in enumerate(pieces)]
        scores = self.tensors["tokenizer.scores"].tolist()
        self.unigram = Tokenizer(models.Unigram(list(zip(names, scores)), unk_id=int(self.settings["unknown"])))
        self.unigram.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        offsets, letters = self.tensors["normaliser.offsets"], self.tensors["normaliser.to"]
        codes = self.tensors["normaliser.from"].tolist()
        self.table = {code: "".join(map(chr, letters[start:end])) for code, start, end in zip(codes, offsets, offsets[1:])}
        self.prefix = self.tokenize(self.settings["prefix"])

    def tokenize(self, text):
        text = re.sub(" +", " ", text.translate(self.table)).strip(" ")
        return self.unigram.encode(text, add_special_tokens=False).ids if text else []

    def norm(self, x, name):
        centred = x - x.mean(1, keepdims=True)
        spread = np.sqrt((centred**2).mean(1, keepdims=True) + self.epsilon)
        return (centred / spread * self.tensors[name + ".weight"] + self.tensors[name + ".bias"]).astype(np.float32)

    def linear(self, x, name, exact):
        weight, scale, bias = (self.tensors[f"{name}.{part}"] for part in ("weight", "scale", "bias"))
        if exact:
            return x @ (weight * scale[:, None]).T + bias
        low, high = np.minimum(x.min(1), 0), np.maximum(x.max(1), 0)
        step = ((high - low) / np.float32(255)).astype(np.float32)
        inverse = (1 / np.where(step < 1e-20, np.inf, step)).astype(np.float32)
        zero = np.rint(-low * inverse).astype(np.int64)
        number = np.clip(np.rint(x * inverse[:, None]).astype(np.int64) + zero[:, None], 0, 255)
        total = number @ weight.T.astype(np.int64) - zero[:, None] * weight.sum(1, dtype=np.int64)
        return (total.astype(np.float32) * (step[:, None] * scale) + bias).astype(np.float32)

    def attention(self, query, key, value, exact):
        """By head; in whole numbers where not `exact`: queries and keys to 8191, values to 4095, weights to 4096."""
        if not exact:
            whole = lambda x, most: np.rint(x / np.abs(x).max((1, 2), keepdims=True) * most)
            step = lambda x, most: np.abs(x).max((1, 2), keepdims=True).astype(np.float64) / most
            query_step, key_step, value_step = step(query, 8191), step(key, 8191), step(value, 4095)
            query, key, value = whole(query, 8191) * query_step, whole(key, 8191) * key_step, whole(value, 4095) * value_step
        products = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[2])
        shares = np.exp(products - products.max(2, keepdims=True))
        if not exact:
            shares = np.rint(shares * 4096)
        return (shares / shares.sum(2, keepdims=True)) @ value

    def score(self, content, exact=False):
        ids = [int(self.settings["cls"]), *self.prefix, *content, int(self.settings["sep"])]
        blocks = self.tensors["embeddings.word.q4"][ids].reshape(len(ids), -1, 16)
        numbers = np.concatenate([blocks & 15, blocks >> 4], 2).astype(np.float32) - 8
        words = numbers * self.tensors["embeddings.word.scale"][ids].astype(np.float32)[:, :, None]
        x = words.reshape(len(ids), -1) + self.tensors["embeddings.position"][: len(ids)]
        x = self.norm(x, "embeddings.norm")
        for layer in (f"layer.{index}." for index in range(int(self.settings["layers"]))):
            query, key, value = (
                self.linear(x, layer + part, exact).reshape(len(ids), self.heads, -1).swapaxes(0, 1)
                for part in ("query", "key", "value")
            )
            context = self.attention(query, key, value, exact)
            context = context.swapaxes(0, 1).reshape(len(ids), -1).astype(np.float32)
            x = self.norm(x + self.linear(context, layer + "output", exact), layer + "attention_norm")
            wide = self.linear(x, layer + "up", exact).astype(np.float64)
            wide = (wide / 2 * (1 + erf(wide / math.sqrt(2)))).astype(np.float32)
            x = self.norm(x + self.linear(wide, layer + "down", exact), layer + "output_norm")
        return self.tensors["head.weight"] @ x.mean(0) + self.tensors["head.bias"]
