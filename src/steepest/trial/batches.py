"""Which examples each step sees: it follows from seed, batch size and budget, for every contender alike."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from torch import Tensor

from steepest.stopping import steps_allowed
from steepest.trial.judge import CHUNK
from steepest.trial.specification import Trial
from steepest.workloads.randomness import order

POINTS_A_PASS = 20

Rows = slice | Tensor
Batch = tuple[Rows, ...]  # of each seed


@dataclass(frozen=True)
class Batches:
    """The batches of runs that train together.

    seeds     each decides the order for the runs that share it
    examples  how many there are in all
    size      how many a step sees, at most all of them
    budget    steps
    """

    seeds: tuple[int, ...]
    examples: int
    size: int
    budget: int

    @classmethod
    def of(cls, trial: Trial, seeds: Sequence[int] = ()) -> "Batches":
        """The batches of a trial, or of those that are like it on these seeds."""
        examples = len(trial.workload.data().train)
        size = min(trial.batch_size or examples, examples)
        return cls(
            tuple(seeds) or (trial.seed,), examples, size, steps_allowed(trial.until, math.ceil(examples / size))
        )

    @property
    def a_pass(self) -> int:
        """Batches in a pass; the last one may be smaller."""
        return math.ceil(self.examples / self.size)

    @property
    def timing_batch(self) -> Batch:
        """To see how long a step takes: as many examples as go through a model at once."""
        return (slice(0, min(self.size, CHUNK)),) * len(self.seeds)

    def of_pass(self, number: int) -> Iterator[Batch]:
        """The batches of pass `number`, from 0."""
        if self.size == self.examples:
            return iter([(slice(None),) * len(self.seeds)])
        return zip(*(order(seed, self.examples, number).split(self.size) for seed in self.seeds), strict=True)

    def stretches(self, done: int = 0) -> Iterator[list[Batch]]:
        """The batches up to each next point of the curve, pass after pass, until the budget is used up.

        done: steps made before, up to some point of the curve.
        """
        every = math.ceil(self.a_pass / POINTS_A_PASS)
        for number in count(done // self.a_pass):
            first = number * self.a_pass
            batches = list(self.of_pass(number))[: self.budget - first]
            yield from (batches[at : at + every] for at in range(0, len(batches), every) if first + at >= done)
            if first + len(batches) >= self.budget:
                return
