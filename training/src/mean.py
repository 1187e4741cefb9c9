"""The mean of checkpoints of one run: better on texts of unseen sources than any of them ("model soup", Wortsman et al. 2022)."""

import argparse
from pathlib import Path

import torch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("sources", type=Path, nargs="+", help="checkpoints of stages that follow one another")
    arguments = parser.parse_args()
    states = [torch.load(source)["state"] for source in arguments.sources]
    mean = {name: sum(state[name] for state in states) / len(states) for name in states[0]}
    torch.save({"step": 0, "state": mean}, arguments.checkpoint)


if __name__ == "__main__":
    main()
