"""Many models on their way together: one program for all trials that share workload, batch size and budget."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from steepest import optim
from steepest.kernels.stacked import Member, NotStackable, StackedStep
from steepest.schedules import schedule
from steepest.trial.alone import WARM_UP_STEPS, Alone, at_the_start, first_model, optimizer_of
from steepest.trial.batches import Batch, Batches
from steepest.trial.course import Judgement, Training
from steepest.trial.gradients import judge, route
from steepest.trial.judge import CHUNK, pieces
from steepest.trial.products import fastest_products
from steepest.trial.specification import Trial
from steepest.workloads import Split
from steepest.workloads.randomness import reseed

LARGE = 1e5  # multiplications a member and step; with fewer, which library multiplies would depend on the stack's size
ENOUGH_SECONDS, ENOUGH_STEPS = 0.03, 12  # for the time of a step alone


@dataclass(frozen=True)
class Part:
    """The members of a stack whose gradients are computed together: those of one seed, or of all.

    seeds           of the members
    members         where they lie in the stack
    of_seed         where those of each seed lie in the part: they start as the same model and see the same batches
    stacks          their parameters; gradients likewise
    """

    seeds: Sequence[int]
    members: slice
    of_seed: Sequence[slice]
    stacks: Sequence[torch.Tensor]
    gradients: Sequence[torch.Tensor]


class Stacked:
    """K models on their way, one step of all at a time.

    trials  of one workload, batch size, budget and precision, those of a seed side by side
    paces   seconds that a step of each takes alone

    Raises `NotStackable` when a model or an optimizer must train by itself.
    """

    def __init__(self, trials: Sequence[Trial], paces: Sequence[float]) -> None:
        first = trials[0]
        self.trials, self.paces = trials, paces
        by_seed = [list(each) for _, each in groupby(trials, key=lambda trial: trial.seed)]
        self.batches = Batches.of(first, [each[0].seed for each in by_seed])
        model = first_model(first)
        self.route = route(model, first)
        multiplications = self.batches.size * sum(p.numel() for p in model.parameters())
        self.multiplying = fastest_products if multiplications >= LARGE else nullcontext
        members = [member(trial, list(model.parameters())) for trial in trials]
        self.stacks = _stacks(by_seed)
        self.update = StackedStep(members, self.stacks)
        sizes = list(map(len, by_seed))
        self.parts = self._parts([[size] for size in sizes] if self.route.draws else [sizes])
        self.schedules = [
            (schedule(name, self.batches.budget), np.array([trial.schedule == name for trial in trials]))
            for name in dict.fromkeys(trial.schedule for trial in trials)
        ]
        self.initial_rates = np.array([m.hyperparameters["lr"] for m in members])
        self.steps = 0

    def _parts(self, sizes: Sequence[Sequence[int]]) -> list[Part]:
        """The parts with so many members of each of their seeds."""
        seeds, parts = iter(self.batches.seeds), []
        for members, each in zip(_side_by_side(map(sum, sizes)), sizes, strict=True):
            stacks = [stack[members].requires_grad_() for stack in self.stacks]
            gradients = [gradient[members] for gradient in self.update.gradients]
            parts.append(Part([next(seeds) for _ in each], members, _side_by_side(each), stacks, gradients))
        return parts

    def step(self, batch: Batch) -> np.ndarray:
        """One update of each model from the mean gradient over its seed's rows; returns each one's loss before it."""
        losses, rows = np.empty(len(self.trials)), iter(batch)
        for part in self.parts:
            seen = [self.trials[0].workload.batch(next(rows), seed, self.steps) for seed in part.seeds]
            if self.route.draws:
                reseed(part.seeds[0], "dropout", self.steps)
            losses[part.members] = self.backward(part, seen)
        self.steps += 1
        self.update.run(self.steps, self._rates(self.steps - 1))
        return losses

    def backward(self, part: Part, examples: Sequence[Split]) -> np.ndarray:
        """Put the gradients of the mean losses over each seed's examples in their place; returns the losses."""
        total = np.zeros(len(part.gradients[0]))
        with self.multiplying():
            for number, together in enumerate(zip(*map(pieces, examples), strict=True)):
                (_, share), *_ = together
                seen = [(members, piece) for members, (piece, _) in zip(part.of_seed, together, strict=True)]
                losses = self.route.losses(part.stacks, seen, share, part.gradients, adding=number > 0)
                total += share * losses.double().numpy()
        return total

    def _rates(self, k: int) -> np.ndarray:
        rates = np.empty(len(self.trials))
        for each, members in self.schedules:
            rates[members] = each.rate(k, self.initial_rates[members])  # pyright: ignore[reportArgumentType]
        return rates

    def seconds(self, member: int) -> float:
        """What the steps so far take this member alone."""
        return self.steps * self.paces[member]

    def gradient_norms(self) -> np.ndarray:
        """The norm of each one's last gradient."""
        norms = [torch.linalg.vector_norm(g.flatten(1), dim=1) for g in self.update.gradients]
        return torch.linalg.vector_norm(torch.stack(norms), dim=0).double().numpy()

    def freeze(self, members: Sequence[int]) -> None:
        """These have come to their end: their models stay as they are."""
        self.update.freeze(members)

    @torch.no_grad()
    def evaluate(self, split: Split, members: Sequence[int]) -> list[Judgement]:
        """Mean loss and metric on a split, at the point where each model is judged."""
        stacks = self.update.evaluation_points()
        if len(members) < len(self.trials):
            stacks = [stack[list(members)] for stack in stacks]
        with self.multiplying():
            return judge(self.route, stacks, split)

    def at_the_start(self, split: Split) -> list[Judgement]:
        """Mean loss and metric of each model before its first step."""
        by_seed = {trial.seed: at_the_start(trial, split) for trial in {t.seed: t for t in self.trials}.values()}
        return [by_seed[trial.seed] for trial in self.trials]

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {"steps": self.steps, "paces": list(self.paces), "stacks": self.stacks, "update": self.update.state()}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a state of the same trials."""
        self.steps, self.paces = state["steps"], state["paces"]
        for stack, saved in zip(self.stacks, state["stacks"], strict=True):
            stack.copy_(saved)
        self.update.load(state["update"])


def member(trial: Trial, params: list[nn.Parameter]) -> Member:
    """What a trial's optimizer does, as a member of a stack; raises `NotStackable` when it does more than its rule."""
    optimizer = optimizer_of(trial, params)
    if not isinstance(optimizer, optim.Optimizer):
        raise NotStackable(f"{type(optimizer).__name__} is not written as a rule")
    (followed,) = optimizer.followed()
    if not followed.is_plain:
        raise NotStackable(f"{trial.contender} asks for more than its rule: clipping, averaging, climbing or 16 bits")
    return Member(followed.rule, followed.hyperparameters)


def _stacks(by_seed: Sequence[Sequence[Trial]]) -> list[torch.Tensor]:
    """Every parameter [K, …], each member's as its seed starts it."""
    starts = [[p.detach().expand(len(each), *p.shape) for p in first_model(each[0]).parameters()] for each in by_seed]
    return [torch.cat(parameters) for parameters in zip(*starts, strict=True)]


def _side_by_side(sizes: Iterable[int]) -> list[slice]:
    return [slice(*each) for each in pairwise(accumulate(sizes, initial=0))]


def pace(training: Training) -> float:
    """Seconds that a step takes, the least of a few: others on the machine only add. They are steps of the training."""
    times = []
    while len(times) <= WARM_UP_STEPS or (len(times) < ENOUGH_STEPS and sum(times) < ENOUGH_SECONDS):
        started = perf_counter()
        training.step(training.batches.timing_batch)
        times.append(perf_counter() - started)
    return min(times[WARM_UP_STEPS:]) * math.ceil(training.batches.size / CHUNK)


def paces(trials: Sequence[Trial]) -> list[float]:
    """The seconds that a step of each takes by itself, measured once for each contender."""
    measured = {trial.contender: pace(Alone(trial)) for trial in {t.contender: t for t in trials}.values()}
    return [measured[trial.contender] for trial in trials]
