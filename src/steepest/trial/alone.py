"""One model by itself, trained with its real optimizer; every model can be trained so."""

import importlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from steepest import optim
from steepest.schedules import schedule
from steepest.trial.batches import Batch, Batches
from steepest.trial.course import Judgement, Record, follow
from steepest.trial.judge import CHUNK, evaluate, pieces
from steepest.trial.products import FLOAT32, full_precision, rounding
from steepest.trial.specification import Result, Trial
from steepest.workloads import Split, Workload
from steepest.workloads.faults import fault
from steepest.workloads.randomness import isolated, reseed

WARM_UP_STEPS = 3


def run(trial: Trial) -> Result:
    """Train once. The caller's random state and number of threads stay as they are.

    One thread, always: so the sums, and with them every bit of the result, do not depend on the machine's cores.
    """
    with undisturbed():
        warm_up(trial)
        return follow(Alone(trial), [Record()])[0]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Inside, torch computes in one thread and may be seeded; afterwards all is as the caller left it."""
    with isolated(), threads(1), torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)  # of vmap: it is measured
        yield


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Inside, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Alone:
    """A model on its way, one step at a time."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.trials: Sequence[Trial] = (trial,)
        self.batches = Batches.of(trial)
        self.model = first_model(trial)
        self.optimizer = optimizer_of(trial, self.model.parameters())
        _switch(self.optimizer, "train")
        self.initial_rate = self.optimizer.defaults["lr"]
        self.schedule = schedule(trial.schedule, self.batches.budget)
        self.steps = 0
        self.time = 0.0

    def step(self, batch: Batch) -> np.ndarray:
        """One update from the mean gradient over these rows; returns their mean loss before it."""
        (rows,) = batch
        started = perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.steps, self.initial_rate)
        examples = self.trial.workload.batch(rows, self.trial.seed, self.steps)
        reseed(self.trial.seed, "dropout", self.steps)
        self.optimizer.zero_grad()
        loss = backward(self.model, self.trial.workload, examples, products=self.trial.products)
        self.optimizer.step()
        self.steps += 1
        self.time += perf_counter() - started
        return np.array([loss])

    def seconds(self, _: int) -> float:
        """The time spent in steps."""
        return self.time

    def gradient_norms(self) -> np.ndarray:
        """The norm of the last step's gradient."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        return np.array([float(nn.utils.get_total_norm(gradients))])

    def freeze(self, _: Sequence[int]) -> None:
        """Nothing follows for a single run that has ended."""

    def evaluate(self, split: Split, members: Sequence[int]) -> list[Judgement]:
        """Mean loss and metric on a split, at the point where the model is judged."""
        self.model.eval()
        _switch(self.optimizer, "eval")
        result = evaluate(self.model, self.trial.workload, split)
        _switch(self.optimizer, "train")
        self.model.train()
        return [result for _ in members]

    def at_the_start(self, split: Split) -> list[Judgement]:
        """Mean loss and metric of the model before its first step."""
        return [at_the_start(self.trial, split)]

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "steps": self.steps,
            "time": self.time,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same trial."""
        self.steps, self.time = state["steps"], state["time"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


def first_model(trial: Trial) -> nn.Module:
    """The model before its first step, the same for every contender."""
    return trial.workload.model(trial.seed)


def optimizer_of(trial: Trial, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that a trial names."""
    if "." in trial.method:
        return foreign(trial.method)(params, **trial.hyperparameters, **trial.options)
    return optim.build(trial.method, params, trial.options, **trial.hyperparameters)


def foreign(path: str) -> type[torch.optim.Optimizer]:
    """The optimizer class of an import path such as "torch.optim.AdamW"; raises ValueError when there is none.

    Modules in the current folder are found too, after all others.
    """
    module, _, name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(f"{path!r} is no import path; allowed is one such as torch.optim.AdamW")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"{path} cannot be imported: {error}") from None
    except Exception as error:
        raise ValueError(fault(f"the import of {module}", error)) from error
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise ValueError(
            f"{path} is no torch.optim.Optimizer class; allowed is an import path such as torch.optim.AdamW"
        )
    return found


def _switch(optimizer: torch.optim.Optimizer, mode: str) -> None:
    """Put an optimizer that tells training and judging apart into one of the two."""
    switch = getattr(optimizer, mode, None)
    if callable(switch):
        switch()


def at_the_start(trial: Trial, split: Split) -> Judgement:
    """Mean loss and metric of the model before its first step."""
    return evaluate(first_model(trial).eval(), trial.workload, split)


def backward(
    model: nn.Module, workload: Workload, examples: Split, chunk: int = CHUNK, products: str = FLOAT32
) -> float:
    """Add the gradient of the mean loss over the examples to the parameters' `grad`; returns the mean loss.

    However many examples there are, only `chunk` of them are in the model at once.
    """
    total = 0.0
    for piece, share in pieces(examples, chunk):
        with rounding(products):
            outputs = model(piece.inputs)
        loss = workload.loss(full_precision(outputs), piece.targets)
        (share * loss).backward()
        total += share * loss.item()
    return total


def warm_up(trial: Trial) -> None:
    """A few steps of a model that is thrown away, so that what happens only once is not on the clock."""
    training = Alone(trial)
    for _ in range(WARM_UP_STEPS):
        training.step(training.batches.timing_batch)
