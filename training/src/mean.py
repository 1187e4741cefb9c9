"""The mean of the weights of some checkpoints of one shape: `mean.py CHECKPOINT... OUT`.

A network that was trained on is often best half way between what it was and what it became ("robust fine-tuning", Wortsman et al. 2022): what
ships for either speaker was made so (MODEL_CARD.md).
"""

import sys
from pathlib import Path

import torch


def main() -> None:
    *paths, out = map(Path, sys.argv[1:])
    if not paths:
        raise SystemExit(__doc__)
    states = [torch.load(path, map_location="cpu")["state"] for path in paths]
    if any(state.keys() != states[0].keys() for state in states):
        raise SystemExit("these checkpoints are not of one shape")
    mean = {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
    torch.save({"ids": 0, "state": mean}, out)
    print(f"{out}: the mean of {len(states)} checkpoints")


if __name__ == "__main__":
    main()
