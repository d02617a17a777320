"""The course of training: step after step, judged on a schedule, ended by the first criterion or by divergence.

Runs that train together go the same way as a run by itself; each has a record of its own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

from steepest.stopping import Progress, first_met
from steepest.trial.batches import Batch, Batches
from steepest.trial.specification import DIVERGED, Columns, Result, Trial
from steepest.workloads import Split

FAR_ABOVE = 10.0  # a loss this many times the initial one has diverged

Judgement = tuple[float, float]  # mean loss, metric


class Training(Protocol):
    """Models on their way: one for each trial, all with the same batches as the others of its seed."""

    trials: Sequence[Trial]
    batches: Batches
    steps: int

    def step(self, batch: Batch) -> np.ndarray:
        """One update of each model from the mean gradient over its seed's rows; returns each one's loss before it."""
        ...

    def gradient_norms(self) -> np.ndarray:
        """The norm of each one's last gradient."""
        ...

    def seconds(self, member: int, /) -> float:
        """Training time of this member so far."""
        ...

    def freeze(self, members: Sequence[int], /) -> None:
        """These have come to their end: their models stay as they are."""
        ...

    def evaluate(self, split: Split, members: Sequence[int]) -> list[Judgement]:
        """Mean loss and metric on a split, at the point where each model is judged."""
        ...

    def at_the_start(self, split: Split) -> list[Judgement]:
        """Mean loss and metric of each model before its first step."""
        ...


@dataclass
class Record:
    """What is known of one run so far; `steps` stays 0 until the run has ended."""

    curve: Columns = field(default_factory=lambda: {"step": [], "pass": [], "seconds": [], "train_loss": []})
    validation: Columns = field(default_factory=lambda: {"pass": [], "accuracy": [], "loss": []})
    stopped_by: str = ""
    steps: int = 0

    @property
    def ceiling(self) -> float:
        """A loss above it has diverged."""
        return FAR_ABOVE * self.validation["loss"][0]

    def validated(self, passes: float, judgement: Judgement) -> None:
        """A point of the validation curve; a loss far above the first one, or no metric, ends the run."""
        loss, accuracy = judgement
        _append(self.validation, passes, accuracy, loss)
        if not (loss <= self.ceiling and math.isfinite(accuracy)):
            self.stopped_by = DIVERGED

    def columns(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)


def follow(training: Training, records: Sequence[Record], save: Callable[[], None] = lambda: None) -> list[Result]:
    """Train until every run has ended, from where the records end; `save` is called at each point of the curve."""
    members = range(len(records))
    batches, data = training.batches, training.trials[0].workload.data()
    if not training.steps:
        for record, first in zip(records, _at_the_start(training, "validation", data.validation), strict=True):
            record.validated(0.0, first)
    running = [i for i in members if not records[i].steps]
    for stretch in batches.stretches(training.steps) if running else ():
        _advance(training, stretch, records, running)
        pass_ends = training.steps % batches.a_pass == 0
        judged = [i for i in running if pass_ends or records[i].stopped_by]
        for i, judgement in zip(judged, training.evaluate(data.validation, judged) if judged else (), strict=True):
            records[i].validated(records[i].curve["pass"][-1], judgement)
        ended = [i for i in running if records[i].stopped_by]
        for i in ended:
            records[i].steps = int(records[i].curve["step"][-1])
        running = [i for i in running if i not in ended]
        if not running:
            break
        if ended:
            training.freeze(ended)
        save()
    return _results(training, records)


def _at_the_start(training: Training, name: str, split: Split) -> list[Judgement]:
    found = training.at_the_start(split)
    for _, metric in found:
        if not math.isfinite(metric):
            raise ValueError(f"the metric of the {name} split before the first step is {metric:g}; it must be finite")
    return found


def _advance(training: Training, stretch: Sequence[Batch], records: Sequence[Record], running: Sequence[int]) -> None:
    """A step for each batch, and with it a point of each curve; a loss that is not finite ends its run at once."""
    losses: list[np.ndarray] = []
    norms: list[np.ndarray] = []
    wants_norm = any(c.quantity == "gradient-norm" for trial in training.trials for c in trial.until)
    going = list(running)
    for batch in stretch:
        losses.append(training.step(batch))
        if wants_norm:
            norms.append(training.gradient_norms())
        if not np.isfinite(losses[-1]).all():
            lost = [i for i in going if not math.isfinite(losses[-1][i])]
            for i in lost:
                _point(training, records, i, losses, norms)
            going = [i for i in going if i not in lost]
            if not going:
                return
    for i in going:
        _point(training, records, i, losses, norms)


def _point(
    training: Training, records: Sequence[Record], i: int, losses: Sequence[np.ndarray], norms: Sequence[np.ndarray]
) -> None:
    record, passes = records[i], training.steps / training.batches.a_pass
    loss, norm = (_mean([float(x[i]) for x in each]) for each in (losses, norms))
    _append(record.curve, training.steps, passes, training.seconds(i), loss)
    here = Progress(passes, training.steps, loss, norm)
    record.stopped_by = first_met(training.trials[i].until, here) if loss <= record.ceiling else DIVERGED


def _mean(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return sum(values)
    return math.fsum(values) / len(values) if values else math.nan


def _append(columns: Columns, *row: float) -> None:
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)


def _results(training: Training, records: Sequence[Record]) -> list[Result]:
    trials, data = training.trials, training.trials[0].workload.data()
    splits = {"train": data.train, **({"test": data.test} if trials[0].final else {})}
    fine = [i for i, record in enumerate(records) if record.stopped_by != DIVERGED]
    judged = {
        name: dict(zip(fine, training.evaluate(split, fine), strict=True)) for name, split in splits.items() if fine
    }
    fine = [i for i in fine if all(math.isfinite(of[i][1]) for of in judged.values())]
    any_diverged = len(fine) < len(records)
    start = {name: _at_the_start(training, name, split) for name, split in splits.items()} if any_diverged else {}
    results = []
    for i, record in enumerate(records):
        diverged = i not in fine
        of = {name: each[i] for name, each in (start if diverged else judged).items()}
        validated = {name: column[0 if diverged else -1] for name, column in record.validation.items()}
        results.append(
            Result(
                curve=record.curve,
                validation=record.validation,
                train_loss=of["train"][0],
                val_acc=validated["accuracy"],
                val_loss=validated["loss"],
                test_acc=of["test"][1] if "test" in of else None,
                steps=record.steps,
                ms_per_step=1000 * record.curve["seconds"][-1] / record.steps,
                diverged=diverged,
                diverged_step=record.steps if diverged else None,
                stopped_by=record.stopped_by,
                members=len(records),
            )
        )
    return results
