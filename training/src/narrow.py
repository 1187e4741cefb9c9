"""Takes the inner numbers out of a network that do least: `up` and `down` get smaller, and so does the time that the network takes.

What a number does is told by the mean of its square over texts of the training, times what `down` makes of it (a magnitude of activations and
weights as in "Wanda", Sun et al. 2023). What is lost, training with a teacher brings back (`train.py --start`).
"""

import argparse
from pathlib import Path

import torch
from torch.nn import functional

import prepare
import train
from encoder import pad
from sample import Sampler

WINDOWS = 6_000
BATCH_WINDOWS = 200
SEED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepare.add_places(parser)
    parser.add_argument("--start", type=Path, required=True, help="the checkpoint")
    parser.add_argument("--keep", type=int, required=True, help="how many inner numbers each layer keeps, a multiple of 64")
    parser.add_argument("--checkpoint", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    if arguments.keep % 64 or arguments.keep < 64:
        parser.error("--keep must be a multiple of 64: the kernels take them so many at a time")
    stage = prepare.load(arguments.base, arguments.data, arguments.own, arguments.out)
    encoder = prepare.restored(arguments.base, stage.vocabulary, arguments.start).to(arguments.device).eval()
    squares = [torch.zeros(layer.up.out_features, device=arguments.device) for layer in encoder.layers]

    def watch(number: int):
        def add(_module, _inputs, outputs):
            squares[number] += functional.gelu(outputs).square().sum((0, 1))

        return add

    for number, layer in enumerate(encoder.layers):
        layer.up.register_forward_hook(watch(number))
    sampler = Sampler(stage.rows, stage.ids, stage.vocabulary, stage.chooser, 1.0, 1.0, SEED)
    windows = sorted((one.ids for one in sampler.round(0)[:WINDOWS]), key=len)
    with torch.no_grad():
        for start in range(0, len(windows), BATCH_WINDOWS):
            ids, lengths = pad(windows[start : start + BATCH_WINDOWS])
            encoder(ids.to(arguments.device), lengths.to(arguments.device))
    for layer, square in zip(encoder.layers, squares):
        worth = square * layer.down.weight.detach().square().sum(0)
        kept = worth.topk(min(arguments.keep, len(worth))).indices.sort().values
        print(f"{len(worth)} inner numbers, {len(kept)} kept, {float(worth[kept].sum() / worth.sum()):.4f} of what they do")
        layer.up.weight.data, layer.up.bias.data = layer.up.weight.data[kept], layer.up.bias.data[kept]
        layer.down.weight.data = layer.down.weight.data[:, kept]
    train.save(encoder, arguments.checkpoint, 0)


if __name__ == "__main__":
    main()
