"""One training run: a pure function of its specification, the same bit for bit wherever it runs, timings aside.

>>> from steepest.stopping import criteria
>>> from steepest.workloads import workload
>>> result = run(Trial(workload("mnist-softmax"), "adam", "adam", {"lr": 1e-3}, seed=0, until=criteria(["steps=20"])))
>>> result.steps, result.stopped_by, result.diverged
(20, 'steps=20', False)
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from steepest import optim
from steepest.schedules import schedule
from steepest.stopping import Criterion, Progress, first_met, steps_allowed
from steepest.workloads import Split, Workload
from steepest.workloads.randomness import isolated, order, reseed

CHUNK = 1000  # examples that go through the model at once
FAR_ABOVE = 10.0  # a loss this many times the initial one has diverged
POINTS_A_PASS = 20
WARM_UP_STEPS = 3
DIVERGED = "diverged"

Columns = dict[str, list[float]]


@dataclass(frozen=True)
class Trial:
    """What is trained, how, and until when; the result follows from it.

    workload         model, data, loss and metric
    contender        the name under which the result is filed
    method           a name of `steepest.rules.METHODS`
    hyperparameters  of the method, by the rule's names
    seed             initial weights, batches and dropout masks follow from it, for every contender alike
    until            the first criterion met ends the run; one of them is a budget
    schedule         a name of `steepest.schedules.SCHEDULES`; a decay ends where the budget does
    batch_size       examples a step; None takes all of them: batch gradient descent
    final            whether this run counts in the end: only then the test split is looked at, once
    """

    workload: Workload
    contender: str
    method: str
    hyperparameters: Mapping[str, float]
    seed: int
    until: tuple[Criterion, ...]
    schedule: str = "constant"
    batch_size: int | None = 128
    final: bool = False

    @property
    def description(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "workload": self.workload.name,
            "contender": self.contender,
            "method": self.method,
            "hyperparameters": dict(self.hyperparameters),
            "seed": self.seed,
            "until": [str(c) for c in self.until],
            "schedule": self.schedule,
            "batch_size": self.batch_size,
            "phase": "final" if self.final else "tune",
        }

    @property
    def key(self) -> str:
        """A hash of the description."""
        return hashlib.sha256(json.dumps(self.description, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Result:
    """What a run came to. A diverged run counts as the model before its first step.

    curve          columns step, pass, seconds (training alone) and train_loss (mean over the batches since the last)
    validation     columns pass, accuracy, loss
    train_loss     over the whole training split at the end
    val_acc        the metric on the validation split at the end; val_loss likewise
    test_acc       the metric on the test split, for a final run
    ms_per_step    training time a step, evaluation and warm-up left out
    diverged_step  the step, from 1, at which the loss was seen to be non-finite or far above the initial one
    stopped_by     the criterion that ended the run, or "diverged"
    """

    curve: Columns
    validation: Columns
    train_loss: float
    val_acc: float
    val_loss: float
    test_acc: float | None
    steps: int
    ms_per_step: float
    diverged: bool
    diverged_step: int | None
    stopped_by: str

    def columns(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)


def run(trial: Trial) -> Result:
    """Train once. The caller's random state and number of threads stay as they are.

    One thread, always: so the sums, and with them every bit of the result, do not depend on the machine's cores.
    """
    with isolated(), threads(1), torch.enable_grad():
        warm_up(trial)
        return _train(trial)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Inside, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Training:
    """A model on its way, one step at a time; `seconds` counts the time spent in steps."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.examples = trial.workload.data().train
        reseed(trial.seed, "weights")
        self.model = trial.workload.build()
        self.optimizer = optim.build(trial.method, self.model.parameters(), **trial.hyperparameters)
        self.initial_rate = self.optimizer.defaults["lr"]
        self.budget = steps_allowed(trial.until, self.steps_a_pass)
        self.schedule = schedule(trial.schedule, self.budget)
        self.steps = 0
        self.seconds = 0.0

    @property
    def batch_size(self) -> int:
        """Examples a step, at most all of them."""
        return min(self.trial.batch_size or len(self.examples), len(self.examples))

    @property
    def steps_a_pass(self) -> int:
        """Batches in a pass; the last one may be smaller."""
        return math.ceil(len(self.examples) / self.batch_size)

    @property
    def passes(self) -> float:
        """Passes over the examples so far."""
        return self.steps / self.steps_a_pass

    def batches(self, number: int) -> Iterator[slice | Tensor]:
        """The rows of each batch of pass `number`, from 0."""
        if self.batch_size == len(self.examples):
            return iter([slice(None)])
        return iter(order(self.trial.seed, len(self.examples), number).split(self.batch_size))

    def step(self, rows: slice | Tensor) -> float:
        """One update from the mean gradient over these rows; returns their mean loss before it."""
        started = perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.steps, self.initial_rate)
        reseed(self.trial.seed, "dropout", self.steps)
        self.optimizer.zero_grad()
        loss = backward(self.model, self.trial.workload, self.examples[rows])
        self.optimizer.step()
        self.steps += 1
        self.seconds += perf_counter() - started
        return loss

    def stretches(self) -> Iterator[list[slice | Tensor]]:
        """The batches up to each next point of the curve, pass after pass, until the budget is used up."""
        left, every = self.budget, math.ceil(self.steps_a_pass / POINTS_A_PASS)
        for number in count():
            batches = list(self.batches(number))[:left]
            yield from (batches[start : start + every] for start in range(0, len(batches), every))
            left -= len(batches)
            if not left:
                return

    def advance(self, batches: list[slice | Tensor]) -> tuple[float, float]:
        """A step for each batch; returns the mean loss, and the gradients' mean norm where a criterion asks for it.

        A loss that is not finite ends it at once.
        """
        wants_norm = any(c.quantity == "gradient-norm" for c in self.trial.until)
        losses, norms = [], []
        for rows in batches:
            losses.append(self.step(rows))
            if wants_norm:
                norms.append(self.gradient_norm())
            if not math.isfinite(losses[-1]):
                break
        return _mean(losses), _mean(norms)

    def gradient_norm(self) -> float:
        """The norm of the last step's gradient."""
        return float(nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None]))

    def evaluate(self, split: Split) -> tuple[float, float]:
        """Mean loss and metric on a split, at the point where the model is judged."""
        self.model.eval()
        self.optimizer.eval()
        result = evaluate(self.model, self.trial.workload, split)
        self.optimizer.train()
        self.model.train()
        return result


def backward(model: nn.Module, workload: Workload, examples: Split, chunk: int = CHUNK) -> float:
    """Add the gradient of the mean loss over the examples to the parameters' `grad`; returns the mean loss.

    However many examples there are, only `chunk` of them are in the model at once.
    """
    total = 0.0
    for piece, share in _pieces(examples, chunk):
        loss = workload.loss(model(piece.inputs), piece.targets)
        loss.backward(loss.new_tensor(share))
        total += share * loss.item()
    return total


@torch.no_grad()
def evaluate(model: nn.Module, workload: Workload, examples: Split, chunk: int = CHUNK) -> tuple[float, float]:
    """Mean loss and mean metric over the examples."""
    loss = metric = 0.0
    for piece, share in _pieces(examples, chunk):
        outputs = model(piece.inputs)
        loss += share * workload.loss(outputs, piece.targets).item()
        metric += share * workload.metric(outputs, piece.targets).item()
    return loss, metric


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _pieces(examples: Split, chunk: int) -> Iterator[tuple[Split, float]]:
    for start in range(0, len(examples), chunk):
        piece = examples[start : start + chunk]
        yield piece, len(piece) / len(examples)


def warm_up(trial: Trial) -> None:
    """A few steps of a model that is thrown away, so that what happens only once is not on the clock."""
    training = Training(trial)
    for _ in range(WARM_UP_STEPS):
        training.step(slice(0, min(training.batch_size, CHUNK)))


def _train(trial: Trial) -> Result:
    validation_split = trial.workload.data().validation
    training = Training(trial)
    curve: Columns = {"step": [], "pass": [], "seconds": [], "train_loss": []}
    validation: Columns = {"pass": [], "accuracy": [], "loss": []}

    def validate() -> float:
        loss, accuracy = training.evaluate(validation_split)
        _append(validation, training.passes, accuracy, loss)
        return loss

    ceiling = FAR_ABOVE * validate()
    stopped_by = ""
    for stretch in training.stretches():
        loss, norm = training.advance(stretch)
        _append(curve, training.steps, training.passes, training.seconds, loss)
        here = Progress(training.passes, training.steps, loss, norm)
        stopped_by = first_met(trial.until, here) if loss <= ceiling else DIVERGED
        if (stopped_by or training.steps % training.steps_a_pass == 0) and not validate() <= ceiling:
            stopped_by = DIVERGED
        if stopped_by:
            break
    return _result(training, curve, validation, stopped_by)


def _append(columns: Columns, *row: float) -> None:
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)


def _result(training: Training, curve: Columns, validation: Columns, stopped_by: str) -> Result:
    trial, data = training.trial, training.trial.workload.data()
    diverged = stopped_by == DIVERGED
    judged = Training(trial) if diverged else training
    train_loss, _ = judged.evaluate(data.train)
    val_loss, val_acc = judged.evaluate(data.validation)
    return Result(
        curve=curve,
        validation=validation,
        train_loss=train_loss,
        val_acc=val_acc,
        val_loss=val_loss,
        test_acc=judged.evaluate(data.test)[1] if trial.final else None,
        steps=training.steps,
        ms_per_step=1000 * training.seconds / training.steps,
        diverged=diverged,
        diverged_step=training.steps if diverged else None,
        stopped_by=stopped_by,
    )
