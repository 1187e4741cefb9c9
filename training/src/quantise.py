"""Seven-bit weights, as the Rust kernels want them, and a forward pass in the same arithmetic.

`LANE` is the kernels' rule: among every 8 inputs of an output, the sets {0, 1, 4, 5} and {2, 3, 6, 7} each hold positive weights
that sum to at most 128, and negative ones likewise, so that two 8-bit products added in 16 bits cannot overflow (255 * 128 < 32767).
"""

import numpy as np
import torch
from torch import nn

from encoder import MATRICES, Encoder

TOP = 63
LANE = 128


def quantise(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f32 [out, in] to i8 in -63..=63 that keeps the lane rule, and the f32 scale of each output."""
    weight = np.asarray(weight, np.float32)
    scale = np.maximum(np.abs(weight).max(1) / np.float32(TOP), np.float32(1e-8)).astype(np.float32)
    whole = np.clip(np.rint(weight / scale[:, None]), -TOP, TOP).astype(np.int32)
    sets = whole.reshape(len(whole), -1, 2, 2, 2)
    for sign in (1, -1):
        part = np.where(sets * sign > 0, sets * sign, 0)
        total = part.sum((2, 4), keepdims=True)
        fewer = np.floor(part * (LANE / np.maximum(total, 1))).astype(np.int32)
        sets = np.where((total > LANE) & (part > 0), fewer * sign, sets)
    for sign in (1, -1):
        if np.where(sets * sign > 0, sets * sign, 0).sum((2, 4)).max() > LANE:
            raise ValueError("the lane rule does not hold")
    return sets.reshape(whole.shape).astype(np.int8), scale


class SevenBit(nn.Module):
    """A linear layer in the arithmetic of the shipped kernels: 7-bit weights, 8-bit activations with one step a token."""

    def __init__(self, source: nn.Linear):
        super().__init__()
        whole, scale = quantise(source.weight.detach().numpy())
        self.whole = torch.from_numpy(whole.astype(np.float32))
        self.scale = torch.from_numpy(scale)
        self.total = self.whole.sum(1)
        self.bias = source.bias.detach()

    def forward(self, values):
        low = values.amin(-1, keepdim=True).clamp(max=0)
        high = values.amax(-1, keepdim=True).clamp(min=0)
        step = ((high - low) / 255).clamp(min=1e-20)
        zero = torch.round(-low / step)
        unsigned = (torch.round(values / step) + zero).clamp(0, 255)
        return (unsigned @ self.whole.T - zero * self.total) * (step * self.scale) + self.bias


def shipped(encoder: Encoder) -> Encoder:
    """The encoder with every matrix in the shipped arithmetic. Changes it in place."""
    for layer in encoder.layers:
        for name in MATRICES:
            setattr(layer, name, SevenBit(getattr(layer, name)))
    return encoder.eval()
