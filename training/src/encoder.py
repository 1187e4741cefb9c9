"""The network: a plain BERT over frozen 4-bit embeddings, mean pool, one linear head. Six layers ship; teachers have all twelve."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from carrier import Carrier, widen

CATEGORIES = ("direct", "jailbreak", "extraction", "indirect", "obfuscated")
OUTPUTS = 1 + len(CATEGORIES)
"""Output 0 is the injection logit; the others are one logit a category, meaningful only where output 0 is high."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder. `epsilon` is that of every layer norm."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float


class Layer(nn.Module):
    """One post-norm transformer layer. The names of its parts are the names in the model file."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads = shape.heads
        self.head_scale = (shape.hidden // shape.heads) ** -0.5
        self.dropout = nn.Dropout(0.0)
        self.query = nn.Linear(shape.hidden, shape.hidden)
        self.key = nn.Linear(shape.hidden, shape.hidden)
        self.value = nn.Linear(shape.hidden, shape.hidden)
        self.output = nn.Linear(shape.hidden, shape.hidden)
        self.attention_norm = nn.LayerNorm(shape.hidden, eps=shape.epsilon)
        self.up = nn.Linear(shape.hidden, shape.feed_forward)
        self.down = nn.Linear(shape.feed_forward, shape.hidden)
        self.output_norm = nn.LayerNorm(shape.hidden, eps=shape.epsilon)

    def forward(self, states, mask):
        batch, length, hidden = states.shape

        def split(values):
            return values.view(batch, length, self.heads, -1).transpose(1, 2)

        inner = narrow(states)
        query, key, value = split(self.query(inner)), split(self.key(inner)), split(self.value(inner))
        if states.is_cuda:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            # Written out: for windows this short, torch's fused attention takes half of all training time on a processor.
            weights = query @ key.transpose(2, 3) * self.head_scale
            mixed = narrow(functional.softmax(weights if mask is None else weights.masked_fill(~mask, -1e9), -1)) @ value
        mixed = mixed.transpose(1, 2).reshape(batch, length, hidden)
        states = self.attention_norm(states + self.dropout(self.output(mixed)))
        return self.output_norm(states + self.dropout(self.down(functional.gelu(self.up(narrow(states))))))


def narrow(values: torch.Tensor) -> torch.Tensor:
    """In bfloat16 where autocast is on: once, instead of once for each product that takes the values."""
    return values.to(torch.bfloat16) if torch.is_autocast_enabled(values.device.type) else values


class Encoder(nn.Module):
    """Token ids in, `OUTPUTS` logits out. Embeddings are buffers: they keep the 4-bit values they came with."""

    def __init__(self, shape: Shape, word: np.ndarray, position: np.ndarray):
        super().__init__()
        self.shape = shape
        self.register_buffer("word", torch.from_numpy(word), persistent=False)
        self.register_buffer("position", torch.from_numpy(position), persistent=False)
        self.norm = nn.LayerNorm(shape.hidden, eps=shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.head = nn.Linear(shape.hidden, OUTPUTS)

    def forward(self, ids, lengths):
        """`ids` [batch, longest], padded with anything; `lengths` [batch]. Gives [batch, OUTPUTS]."""
        return self.head(self.pooled(ids, lengths))

    def pooled(self, ids, lengths):
        """The mean over a window's tokens of what the last layer says: [batch, hidden]."""
        return self.pooled_from(self.states(ids, lengths, 0), lengths, 0)

    def states(self, ids, lengths, layers):
        """What the first `layers` layers make of windows: [batch, longest, hidden]."""
        states = self.norm(functional.embedding(ids, self.word) + self.position[: ids.shape[1]])
        mask = self.mask(states, lengths)
        for layer in self.layers[:layers]:
            states = layer(states, mask)
        return states

    def pooled_from(self, states, lengths, layers):
        """`pooled`, from what `states` gave."""
        mask = self.mask(states, lengths)
        for layer in self.layers[layers:]:
            states = layer(states, mask)
        weight = present(states, lengths)[:, :, None].to(states.dtype)
        return (states * weight).sum(1) / lengths[:, None]

    @staticmethod
    def mask(states, lengths):
        """Where there is something to attend to; `None` is everywhere."""
        found = present(states, lengths)
        # Looking whether all are present would make a GPU wait; on a processor it saves the mask.
        return None if not states.is_cuda and bool(found.all()) else found[:, None, None, :]


def present(states, lengths):
    """Which places of padded windows hold a token: [batch, longest]."""
    return torch.arange(states.shape[1], device=states.device)[None, :] < lengths[:, None]


def from_carrier(carrier: Carrier, layers: int, kept: list[int], feed_forward: int | None = None) -> Encoder:
    """The first `layers` layers of the base, with the embeddings of the pieces `kept`, in that order. The head is new. With fewer inner
    numbers than the base has (`feed_forward`), the first ones stay: load a checkpoint that knows better (`narrow.py`)."""
    feed_forward = feed_forward or carrier.feed_forward
    shape = Shape(carrier.hidden, layers, carrier.heads, feed_forward, carrier.positions, carrier.epsilon)
    scales, halves = carrier.blocks("emb.word", shape.hidden)
    word = widen(scales[kept], halves[kept])
    kind = carrier.floats("emb.type")[: shape.hidden]
    position = carrier.floats("emb.pos").reshape(-1, shape.hidden) + kind
    encoder = Encoder(shape, word, position.astype(np.float32))

    def fill(module, weight, bias):
        module.weight.data = torch.from_numpy(np.array(weight, dtype=np.float32)).reshape(module.weight.shape)
        module.bias.data = torch.from_numpy(np.array(bias, dtype=np.float32))

    fill(encoder.norm, carrier.floats("emb.ln.w"), carrier.floats("emb.ln.b"))
    for index, layer in enumerate(encoder.layers):
        for ours, theirs in MATRICES.items():
            module = getattr(layer, ours)
            columns = carrier.feed_forward if ours == "down" else carrier.hidden
            weight = carrier.matrix(f"l{index}.{theirs}.w", columns)[: module.out_features, : module.in_features]
            fill(module, weight, carrier.floats(f"l{index}.{theirs}.b")[: module.out_features])
        for ours, theirs in NORMS.items():
            fill(getattr(layer, ours), carrier.floats(f"l{index}.{theirs}.w"), carrier.floats(f"l{index}.{theirs}.b"))
    nn.init.normal_(encoder.head.weight, std=0.02)
    nn.init.zeros_(encoder.head.bias)
    return encoder


MATRICES = {"query": "q", "key": "k", "value": "v", "output": "ao", "up": "fi", "down": "fo"}
"""Our names of a layer's matrices, and the carrier's."""
NORMS = {"attention_norm": "aln", "output_norm": "oln"}


def pad(rows: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of ids as one matrix with their lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.zeros((len(rows), int(lengths.max())), dtype=torch.long)
    for line, row in enumerate(rows):
        ids[line, : len(row)] = torch.from_numpy(row.astype(np.int64))
    return ids, lengths


def measures(state: dict[str, torch.Tensor]) -> tuple[int, int]:
    """How many layers a checkpoint has, and how many inner numbers in each."""
    layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("layers."))
    return layers, len(state["layers.0.up.bias"])
