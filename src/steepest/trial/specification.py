"""What is trained, how, and what came of it, as data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from steepest.stopping import Criterion
from steepest.trial.products import FLOAT32
from steepest.workloads import Workload

DIVERGED = "diverged"
PHASES = TUNE, CONFIRM, FINAL = "tune", "confirm", "final"
NAMES = {TUNE: "tuning", CONFIRM: "confirming", FINAL: "final"}

Columns = dict[str, list[float]]


@dataclass(frozen=True)
class Trial:
    """What is trained, how, and until when; the result follows from it.

    workload         model, data, loss and metric
    contender        the name under which the result is filed
    method           a name of `steepest.rules.METHODS`, or the import path of an optimizer's class
    hyperparameters  of the method, by the rule's names
    seed             initial weights, batches and dropout masks follow from it, for every contender alike
    until            the first criterion met ends the run; one of them is a budget
    schedule         a name of `steepest.schedules.SCHEDULES`; a decay ends where the budget does
    batch_size       examples a step; None takes all of them: batch gradient descent
    options          further arguments of the optimizer's class, such as its dialect
    products         the precision of matrix products in training, a name of `steepest.trial.products.PRODUCTS`
    phase            what it is for, of `PHASES`: to try a value, to see whether a good one was luck, or to count in the
                     end; only then the test split is looked at, once
    """

    workload: Workload
    contender: str
    method: str
    hyperparameters: Mapping[str, float]
    seed: int
    until: tuple[Criterion, ...]
    schedule: str = "constant"
    batch_size: int | None = 128
    phase: str = TUNE
    options: Mapping[str, Any] = field(default_factory=dict)
    products: str = FLOAT32

    @property
    def final(self) -> bool:
        """Whether this run counts in the end."""
        return self.phase == FINAL

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
            "phase": self.phase,
            "options": dict(self.options),
            "products": self.products,
        }

    @cached_property
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
    members        how many runs trained together in one stack; 1 for a run by itself

    In a stack, `ms_per_step` is the least of a few steps of the same contender by itself in the same process, and
    `seconds` are that many times the steps: what the run takes alone, not its share of the stack's time.
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
    members: int = 1

    def columns(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)
