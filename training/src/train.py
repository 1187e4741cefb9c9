"""Fine-tunes an encoder: from the labels alone (a teacher), or from the labels and what teachers say of the same windows (a student).

A teacher keeps all layers of the base. A student begins with some layers of its first teacher, evenly spread, and learns the
teachers' mean logits and where the first teacher's pooled vector points ("distillation", Hinton et al. 2015; Sanh et al. 2019). What is
kept is a running mean of the weights ("averaging leads to wider optima", Izmailov et al. 2018).
"""

import argparse
import copy
import json
import random
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import corpus
import measure
import prepare
from encoder import Encoder, narrow
from rounds import Batch, Feed
from sample import Sampler
from third_party import ThirdParty

RATE_ENCODER = 2e-4
"""For the highest layer, at full `--rate`."""
RATE_HEAD = 1e-3
RATE_FALL = 0.9
"""Each layer learns at so much of the rate of the layer above it: the lower, the more general what it knows."""
WARM_UP = 0.04
LEVEL = 0.5
"""Shares of the ids: the rate rises, stays, and falls in a line to `RATE_END` of itself."""
RATE_END = 0.05
MEAN_SHARE = 0.1
"""The running mean of the weights looks back over so much of the steps done."""
WEIGHT_DECAY = 0.01
CLIP = 1.0
SMOOTHING = 0.03
"""Targets are less than 1 by so much and more than 0 by half of it: the public rows hold a few per cent of wrong labels."""
CATEGORY_SHARE = 0.15
LOGIT_SHARE = 0.1
"""Weight of the squared distance to the teachers' injection logit; where they are heard the labels' weight falls to `LABEL_SHARE` beside it."""
LABEL_SHARE = 0.5
KNOWN_BATCHES = 600
"""Batches that stay at hand to be seen again."""
CATEGORY_LOGIT_SHARE = 0.01
POOLED_SHARE = 0.5
"""Only for a student that began as its first teacher's layers: another's vectors mean something else."""


def loss_of(logits: torch.Tensor, labels: torch.Tensor, roles: torch.Tensor, smoothing: float, weights: torch.Tensor) -> torch.Tensor:
    """Injection by smoothed cross-entropy, and for attacks the category; each window counts by its weight."""
    target = smoothing / 2 + labels * (1.0 - 1.5 * smoothing)
    injection = functional.binary_cross_entropy_with_logits(logits[:, 0], target, reduction="none")
    category = functional.cross_entropy(logits[:, 1:], (roles.long() - 1).clamp(min=0), reduction="none")
    return ((injection + CATEGORY_SHARE * category * labels) * weights).mean()


@dataclass
class Said:
    """What the teachers say of a batch: their mean logits, and the first one's pooled vectors."""

    logits: torch.Tensor
    pooled: torch.Tensor


def ask(teachers: list[Encoder], ids: torch.Tensor, lengths: torch.Tensor) -> Said:
    with torch.no_grad():
        pooled = [teacher.pooled(ids, lengths) for teacher in teachers]
        logits = torch.stack([teacher.head(one).float() for teacher, one in zip(teachers, pooled)]).mean(0)
    return Said(logits, pooled[0].float())


class Known:
    """The last batches, so that each is seen `again` times while the feed and the teachers work once: anew, and later at random places."""

    def __init__(self, again: int, seed: int):
        self.again, self.dice = again, random.Random(f"{seed}/again")
        self.batches = deque(maxlen=KNOWN_BATCHES)

    def with_new(self, *batch) -> list[tuple]:
        """The new batch and as many older ones as are due; fewer where there are none yet."""
        older = self.dice.sample(self.batches, min(self.again - 1, len(self.batches)))
        if self.again > 1:
            self.batches.append(batch)
        return [batch, *older]


def distance(
    logits: torch.Tensor, pooled: torch.Tensor, labels: torch.Tensor, taught: torch.Tensor, said: Said, pooled_share: float
) -> torch.Tensor:
    """How far a student is from its teachers, where they are heard."""
    injection = (logits[:, 0] - said.logits[:, 0]).square()
    category = (logits[:, 1:] - said.logits[:, 1:]).square().mean(1) * labels
    turned = 1.0 - functional.cosine_similarity(pooled, said.pooled)
    return ((LOGIT_SHARE * injection + CATEGORY_LOGIT_SHARE * category + pooled_share * turned) * taught).mean()


def rate_at(done: float) -> float:
    """Share of the full rate when `done` of all ids were seen."""
    if done < WARM_UP:
        return max(done, 1e-4) / WARM_UP
    if done < LEVEL:
        return 1.0
    return 1.0 - (1.0 - RATE_END) * (done - LEVEL) / (1.0 - LEVEL)


def optimiser_of(encoder: Encoder, rate: float, frozen: int) -> torch.optim.AdamW:
    """For the head and all layers but the lowest `frozen`."""
    groups = [{"params": list(encoder.head.parameters()), "full": RATE_HEAD * rate}]
    for number, layer in enumerate(reversed(encoder.layers[frozen:])):
        groups.append({"params": list(layer.parameters()), "full": RATE_ENCODER * rate * RATE_FALL**number})
    for parameter in encoder.parameters():
        parameter.requires_grad = False
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad = True
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=WEIGHT_DECAY, fused=True)


def place(batch: Batch, device: torch.device) -> tuple[torch.Tensor, ...]:
    parts = [torch.from_numpy(part) for part in (batch.ids, batch.lengths, batch.labels, batch.roles, batch.taught)]
    if device.type == "cuda":
        # From memory that cannot move a GPU copies while it works; from any other it first ends all that it was given.
        parts = [part.pin_memory() for part in parts]
    return tuple(part.to(device, non_blocking=True) for part in parts)


class Looks:
    """The texts that tell how the training goes."""

    def __init__(self, stage: prepare.Stage, data: Path, own: list[Path]):
        dev = corpus.public(data / "dev.jsonl")
        groups = {
            "unseen": [row for row in dev if row.unseen],
            "seen": [row for row in dev if not row.unseen],
            "held": stage.held,
            "over-defence": corpus.over_defence(own[0]),
            "harmful": corpus.public(data / "harmful_plain.jsonl"),
        }
        self.labels = {name: np.array([row.label for row in rows]) for name, rows in groups.items()}
        self.documents = {name: measure.documents(stage.vocabulary, [row.text for row in rows]) for name, rows in groups.items()}

    def report(self, encoder: Encoder) -> dict:
        encoder.eval()
        scores = {name: measure.logits(encoder, texts)[:, 0] for name, texts in self.documents.items()}
        encoder.train()
        found = {name: measure.summary(self.labels[name], scores[name]) for name in ("unseen", "seen", "held")}
        benign = np.concatenate([scores[name][self.labels[name] == 0] for name in ("unseen", "seen")])
        threshold = measure.bound(benign, 0.01)
        held = scores["held"] > threshold
        found["held at 1 %"] = [round(float(held[self.labels["held"] == label].mean()), 3) for label in (1, 0)]
        for name in ("over-defence", "harmful"):
            found[f"{name} at 1 %"] = round(float((scores[name] > threshold).mean()), 4)
        return found


def begin(arguments, vocabulary, teachers: list[Encoder]) -> Encoder:
    """The network before its first step."""
    if arguments.start:
        return prepare.restored(arguments.base, vocabulary, arguments.start)
    encoder = prepare.encoder(arguments.base, vocabulary, arguments.layers)
    if teachers:
        first = teachers[0]
        last = len(first.layers) - 1 if arguments.take == "spread" else arguments.layers - 1
        taken = np.linspace(0, last, arguments.layers).round().astype(int).tolist()
        for layer, number in zip(encoder.layers, taken):
            layer.load_state_dict(first.layers[number].state_dict())
        encoder.head.load_state_dict(first.head.state_dict())
    return encoder


def save(encoder: Encoder, path: Path, ids: int) -> None:
    """Writes a checkpoint whole or not at all. Sixteen bits are more than the seven that ship."""
    part = path.with_suffix(".part")
    torch.save({"ids": ids, "state": {name: value.half().cpu() for name, value in encoder.state_dict().items()}}, part)
    part.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    prepare.add_places(parser)
    parser.add_argument("--name", required=True, help="of the checkpoint and of the log")
    parser.add_argument("--ids", type=float, required=True, help="millions of ids to see, padding not counted")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--teacher", type=Path, action="append", default=[], help="a teacher's checkpoint; may be repeated")
    parser.add_argument("--take", choices=("spread", "lowest"), default="spread", help="which of the first teacher's layers to begin with")
    parser.add_argument("--start", type=Path, help="checkpoint to begin from, with its layers")
    parser.add_argument("--highest", type=int, help="only so many of the highest layers learn, and the head; else all do")
    parser.add_argument("--third-party", action="store_true", help="learn what third parties may say (`third_party.py`)")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--smoothing", type=float, default=SMOOTHING, help="how far targets lie from 1; they lie half as far from 0")
    parser.add_argument("--own-weight", type=float, default=1.8, help="how often an own text is seen in a round; 0 leaves them out")
    parser.add_argument("--public-weight", type=float, default=0.8, help="share of the public rows' usual place in a round")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the full rate")
    parser.add_argument("--batch", type=int, default=32_000, help="ids in a batch, with padding")
    parser.add_argument("--again", type=int, default=1, help="how often a batch is seen, with what the teachers said of it the first time")
    parser.add_argument("--compile", action="store_true", help="have torch compile the layers; takes a minute and needs a C compiler")
    parser.add_argument("--first-round", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that draw windows; another number draws in another order")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bf16", action="store_true", help="multiply matrices in bfloat16, where the machine does that fast")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--looks", type=int, default=5, help="how often dev is scored on the way, for the log only; slow without a GPU")
    parser.add_argument("--saves", type=int, default=1, help="how often a checkpoint is written on the way, if `--looks` is less")
    parser.add_argument("--minutes", type=float, help="end sooner, by the clock; the rate then falls by the clock too")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    stage = prepare.load(arguments.base, arguments.data, arguments.own, arguments.out, arguments.new)
    kind = ThirdParty if arguments.third_party else Sampler
    sampler = kind(stage.rows, stage.ids, stage.vocabulary, stage.chooser, arguments.own_weight, arguments.public_weight, arguments.seed)
    feed = Feed(sampler, arguments.workers, arguments.first_round, arguments.batch)
    looks = Looks(stage, arguments.data, arguments.own) if arguments.looks else None
    device = torch.device(arguments.device)
    teachers = [prepare.restored(arguments.base, stage.vocabulary, path).to(device).eval() for path in arguments.teacher]
    encoder = begin(arguments, stage.vocabulary, teachers).to(device).train()
    frozen = len(encoder.layers) - (arguments.highest or len(encoder.layers))
    for layer in encoder.layers[frozen:]:
        layer.dropout.p = arguments.dropout
    mean = copy.deepcopy(encoder)
    optimiser = optimiser_of(encoder, arguments.rate, frozen)
    if arguments.compile:
        # All layers share one function, and each is compiled with and without a gradient, a mask and dropout.
        torch._dynamo.config.recompile_limit = 128
        for layer in (layer for network in (encoder, *teachers) for layer in network.layers):
            layer.compile(dynamic=True)
    known = Known(arguments.again, arguments.seed)
    log = (arguments.out / f"{arguments.name}.log.jsonl").open("a")

    def tell(line: dict) -> None:
        log.write(json.dumps(line) + "\n")
        log.flush()
        print(arguments.name, json.dumps(line), flush=True)

    stops = max(arguments.looks, arguments.saves)
    step, ids, looked, lost, began = 0, 0, 0, torch.zeros((), device=device), time.time()
    lost_steps = 0
    for batch in feed:
        done = ids / (arguments.ids * 1e6)
        if arguments.minutes:
            done = max(done, (time.time() - began) / 60 / arguments.minutes)
        if done >= (looked + 1) / stops:
            looked = int(done * stops)
            seconds = round(time.time() - began, 1)
            line = {"step": step, "ids": ids, "seconds": seconds, "loss": round(lost.item() / max(1, lost_steps), 4)}
            lost.zero_()
            lost_steps = 0
            tell(line | ({"mean": looks.report(mean)} if looks else {}))
            save(mean, arguments.out / f"{arguments.name}.pt", ids)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = group["full"] * rate_at(done)
        below, *others = place(batch, device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=arguments.bf16), torch.no_grad():
            said = ask(teachers, below, others[0]) if teachers else None
            if frozen:
                # What learns nothing is asked once, however often a batch is seen.
                below = narrow(encoder.states(below, others[0], frozen))
        for below, lengths, labels, roles, taught, said in known.with_new(below, *others, said):
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=arguments.bf16):
                pooled = encoder.pooled_from(below.float(), lengths, frozen) if frozen else encoder.pooled(below, lengths)
                logits = encoder.head(pooled)
            logits, pooled = logits.float(), pooled.float()
            heard = taught if said else torch.zeros_like(taught)
            loss = loss_of(logits, labels, roles, arguments.smoothing, 1.0 - (1.0 - LABEL_SHARE) * heard)
            if said:
                loss = loss + distance(logits, pooled, labels, heard, said, 0.0 if arguments.start else POOLED_SHARE)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], CLIP)
            optimiser.step()
            step += 1
            ids += int(batch.lengths.sum())
            lost += loss.detach()
            lost_steps += 1
            kept = 1.0 - 1.0 / max(1.0, MEAN_SHARE * step)
            with torch.no_grad():
                torch._foreach_lerp_(list(mean.parameters()), list(encoder.parameters()), 1.0 - kept)
    save(mean, arguments.out / f"{arguments.name}.pt", ids)
    feed.close()


if __name__ == "__main__":
    main()
