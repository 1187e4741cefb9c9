"""Batches of windows, drawn by worker processes while the network works.

Worker `i` of `n` draws the rounds `first + i`, `first + i + n`, and so on; batches are taken from the workers in turn. So what is
drawn follows from the seed, the first round and the number of workers, and from nothing else.
"""

import gc
import queue as queues
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch.multiprocessing as processes

from sample import Example, Sampler

STRETCH_BATCHES = 8
"""Windows of so many batches are ordered by length before they are cut, so that little is padded."""
LENGTH_STEP = 8
"""Batches are padded to a multiple of this: the matrix units of a GPU like it."""
WAITING_BATCHES = 48
"""Batches that a worker draws ahead, at most."""
LOOK_SECONDS = 20
"""How often a worker that is waited for is looked after."""


@dataclass
class Batch:
    """`ids` i32 [windows, longest], `lengths` i32 [windows] with begin and end, `labels` f32, `roles` i32 and `taught` f32 [windows]."""

    ids: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    roles: np.ndarray
    taught: np.ndarray


def batch_of(examples: list[Example]) -> Batch:
    lengths = np.array([len(one.ids) for one in examples], dtype=np.int32)
    longest = -(-int(lengths.max()) // LENGTH_STEP) * LENGTH_STEP
    ids = np.zeros((len(examples), longest), dtype=np.int32)
    for line, one in zip(ids, examples):
        line[: len(one.ids)] = one.ids
    labels = np.array([one.label for one in examples], dtype=np.float32)
    roles = np.array([one.role for one in examples], dtype=np.int32)
    return Batch(ids, lengths, labels, roles, np.array([one.taught for one in examples], dtype=np.float32))


def batches(examples: list[Example], batch_ids: int, dice: random.Random) -> Iterator[Batch]:
    """`examples` in batches of at most `batch_ids` ids, padding included, of windows of like length."""
    mean = sum(len(one.ids) for one in examples) / max(1, len(examples))
    stretch = max(1, int(STRETCH_BATCHES * batch_ids / mean))
    for start in range(0, len(examples), stretch):
        made, batch = [], []
        for one in sorted(examples[start : start + stretch], key=lambda one: len(one.ids)):
            if batch and (len(batch) + 1) * -(-len(one.ids) // LENGTH_STEP) * LENGTH_STEP > batch_ids:
                made.append(batch)
                batch = []
            batch.append(one)
        made.append(batch)
        dice.shuffle(made)
        yield from map(batch_of, made)


def draw(sampler: Sampler, rank: int, workers: int, first_round: int, batch_ids: int, queue) -> None:
    number = first_round + rank
    while True:
        dice = random.Random(f"{sampler.seed}/batches/{number}")
        for batch in batches(sampler.round(number), batch_ids, dice):
            queue.put((batch.ids, batch.lengths, batch.labels, batch.roles, batch.taught))
        number += workers


class Feed:
    """Batches without end. Start it before anything touches a GPU: its workers are forks."""

    def __init__(self, sampler: Sampler, workers: int, first_round: int, batch_ids: int):
        # What is there now is never freed: a worker that does not look at it again shares its memory.
        gc.freeze()
        context = processes.get_context("fork")
        self.queues = [context.Queue(WAITING_BATCHES) for _ in range(workers)]
        self.workers = [
            context.Process(target=draw, args=(sampler, rank, workers, first_round, batch_ids, queue), daemon=True)
            for rank, queue in enumerate(self.queues)
        ]
        for worker in self.workers:
            worker.start()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            for worker, queue in zip(self.workers, self.queues):
                yield self.next(worker, queue)

    def next(self, worker, queue) -> Batch:
        """The worker's next batch. Raises `RuntimeError` where it has ended: it would be waited for for ever."""
        while True:
            try:
                return Batch(*queue.get(timeout=LOOK_SECONDS))
            except queues.Empty:
                if not worker.is_alive():
                    raise RuntimeError(f"a process that draws windows ended with {worker.exitcode}; its message is above") from None

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
            worker.join()
