"""Puts what reads for third parties into a model file: the highest layers and the head of a network that shares its lowest ones with the file.

The file's own tensors stay as they are, so what users say scores as before. It is not calibrated for third parties yet.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import carrier
import prepare
from encoder import MATRICES
from export import layer_tensors
from restore import fill_layer

PREFIX = "third_party."
ALIKE = 1e-3
"""Weights that differ by no more are the same: checkpoints keep sixteen bits."""


def shared_layers(network, found: dict[str, np.ndarray]) -> int:
    """How many of the lowest layers of `network` are those of the file. Raises `ValueError` where all are: then nothing is to be added."""
    for index, layer in enumerate(network.layers):
        other = type(layer)(network.shape)
        fill_layer(other, found, f"layer.{index}")
        pairs = [(getattr(layer, name).weight, getattr(other, name).weight) for name in MATRICES]
        if any((mine - theirs).abs().max() > ALIKE for mine, theirs in pairs):
            return index
    raise ValueError("the network is that of the file: there is nothing to add")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepare.add_places(parser)
    parser.add_argument("--checkpoint", type=Path, required=True, help="of the network that reads what third parties say")
    parser.add_argument("--model", type=Path, required=True, help="the model file")
    parser.add_argument("--version", help="of the file to write; else it stays")
    parser.add_argument("--to", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args()
    found = load_file(arguments.model)
    with safe_open(arguments.model, "np") as file:
        settings = file.metadata()
    vocabulary = prepare.vocabulary(carrier.read(arguments.base), arguments.data, arguments.out)
    network = prepare.restored(arguments.base, vocabulary, arguments.checkpoint).eval()
    with torch.no_grad():
        shared = shared_layers(network, found)
    found = {name: values for name, values in found.items() if not name.startswith(PREFIX)}
    settings = {name: value for name, value in settings.items() if not name.startswith(PREFIX)}
    found[f"{PREFIX}head.weight"] = network.head.weight.detach().numpy()
    found[f"{PREFIX}head.bias"] = network.head.bias.detach().numpy()
    for index, layer in enumerate(network.layers[shared:], shared):
        found |= layer_tensors(f"{PREFIX}layer.{index}", layer)
    settings[f"{PREFIX}shared"] = str(shared)
    settings["version"] = arguments.version or settings["version"]
    part = arguments.to.with_suffix(".part")
    save_file({name: np.ascontiguousarray(values) for name, values in found.items()}, part, metadata=settings)
    part.rename(arguments.to)
    print(f"{arguments.to}: {arguments.to.stat().st_size / 2**20:.1f} MiB, {shared} layers shared, {len(network.layers) - shared} for third parties")


if __name__ == "__main__":
    main()
