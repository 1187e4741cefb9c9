"""Puts what reads for a speaker into a model file: the highest layers and the head of a network that shares its lowest ones with the file.

Everything else in the file stays as it is to the last bit. What is put in is not calibrated yet.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import carrier
import prepare
from encoder import MATRICES
from export import layer_tensors, linear
from restore import fill_layer

THIRD_PARTY = "third_party."
ALIKE = 1e-3
"""Weights that differ by no more are the same: checkpoints keep sixteen bits."""


def shared_layers(network, found: dict[str, np.ndarray]) -> int:
    """How many of the lowest layers of `network` are those of the file. Raises `ValueError` where all are: then nothing is to be put in."""
    for index, layer in enumerate(network.layers):
        other = type(layer)(network.shape)
        fill_layer(other, found, f"layer.{index}")
        pairs = [(getattr(layer, name).weight, getattr(other, name).weight) for name in MATRICES]
        if any((mine - theirs).abs().max() > ALIKE for mine, theirs in pairs):
            return index
    raise ValueError("the network is that of the file: there is nothing to put in")


def put(found: dict[str, np.ndarray], prefix: str, network, shared: int) -> None:
    """Writes the layers above `shared` and the head into `found`, under names that begin with `prefix`."""
    found[f"{prefix}head.weight"] = network.head.weight.detach().numpy()
    found[f"{prefix}head.bias"] = network.head.bias.detach().numpy()
    for index, layer in enumerate(network.layers[shared:], shared):
        found |= layer_tensors(f"{prefix}layer.{index}", layer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepare.add_places(parser)
    parser.add_argument("--anyone", type=Path, help="checkpoint of the network that reads what users say, or nobody knows who")
    parser.add_argument("--third-party", type=Path, help="checkpoint of the network that reads what third parties say")
    parser.add_argument("--linear", type=Path, help="file of `wardbell-eval fit`, where the linear tier is to be another")
    parser.add_argument("--corpus", help="sha256 of the corpus, for the record; else it stays")
    parser.add_argument("--model", type=Path, required=True, help="the model file")
    parser.add_argument("--version", required=True, help="of the file to write")
    parser.add_argument("--to", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args()
    found = load_file(arguments.model)
    with safe_open(arguments.model, "np") as file:
        settings = file.metadata()
    vocabulary = prepare.vocabulary(carrier.read(arguments.base), arguments.data, arguments.out)
    speakers = {"": arguments.anyone, THIRD_PARTY: arguments.third_party}
    networks = {
        prefix: prepare.restored(arguments.base, vocabulary, path).eval() for prefix, path in speakers.items() if path is not None
    }
    with torch.no_grad():
        # Asked before anything is changed: all of them go on from the layers of this file.
        shared = {prefix: shared_layers(network, found) for prefix, network in networks.items()}
        if THIRD_PARTY in networks:
            found = {name: values for name, values in found.items() if not name.startswith(THIRD_PARTY)}
            settings = {name: value for name, value in settings.items() if not name.startswith(THIRD_PARTY)}
            settings[f"{THIRD_PARTY}shared"] = str(shared[THIRD_PARTY])
        least = int(settings.get(f"{THIRD_PARTY}shared", "0"))
        if "" in networks and shared[""] < least:
            raise ValueError(f"what reads for third parties needs the file's lowest {least} layers as they are")
        for prefix, network in networks.items():
            put(found, prefix, network, shared[prefix])
    if arguments.linear:
        found["linear.weights"], more = linear(arguments.linear)
        settings |= more
    settings["version"] = arguments.version
    settings["date"] = datetime.datetime.now(datetime.UTC).date().isoformat()
    settings["corpus.sha256"] = arguments.corpus or settings["corpus.sha256"]
    part = arguments.to.with_suffix(".part")
    save_file({name: np.ascontiguousarray(values) for name, values in found.items()}, part, metadata=settings)
    part.rename(arguments.to)
    print(f"{arguments.to}: {arguments.to.stat().st_size / 2**20:.1f} MiB; layers shared with the file it was: {shared}")


if __name__ == "__main__":
    main()
