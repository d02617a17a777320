"""The unit of work: one trial, or a stack of them, carried out by one process; a pure function of what it is given."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

from steepest.trial import saved
from steepest.trial.alone import Alone, undisturbed, warm_up
from steepest.trial.course import Record, follow
from steepest.trial.specification import Result, Trial
from steepest.trial.stacked import Stacked, pace, paces
from steepest.workloads.faults import called

ALONE, STACKED = "alone", "stacked"
SECONDS_BETWEEN_SAVES = 30.0
SECONDS_BETWEEN_SHARES = 1.0
SHARE = ".share"


@dataclass(frozen=True)
class Unit:
    """Trials that train together, the way in which they do, and why in that way.

    A stack's trials share workload, batch size, stopping criteria and phase.
    """

    trials: tuple[Trial, ...]
    way: str
    why: str

    @property
    def description(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"way": self.way, "members": [trial.key for trial in self.trials], "why": self.why}

    @cached_property
    def key(self) -> str:
        """A hash of everything that the results follow from."""
        return key_of(self.way, [trial.key for trial in self.trials])


def key_of(way: str, members: Sequence[str]) -> str:
    """The key of the unit in which the trials with these keys train in this way."""
    content = {"way": way, "members": list(members)}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def carry_out(unit: Unit, state: Path | None = None) -> list[Result]:
    """The result of each trial, in their order.

    state: a file in which a unit that takes longer than half a minute keeps its state; a file that it has left when it
    was killed is continued, with the same results as if nothing had happened. Beside it, a file tells how far the unit
    is (see `share_done`).
    """
    with undisturbed():
        return called(_training(unit.trials), _train, unit, state)


def _training(trials: Sequence[Trial]) -> str:
    return f"training by {', '.join(dict.fromkeys(trial.contender for trial in trials))}"


def share_done(state: Path) -> float:
    """How far the unit is that keeps its state in this file, from 0 to 1; 0 also when it does not tell yet."""
    try:
        return float(state.with_suffix(SHARE).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):  # the process that trains may be about to write it
        return 0.0


def seconds_a_step(trial: Trial) -> float:
    """How long a step of a trial takes when it trains by itself, measured on a few."""
    with undisturbed():
        return called(_training([trial]), lambda: pace(Alone(trial)))


def _train(unit: Unit, path: Path | None) -> list[Result]:
    kept = _kept(unit, path)
    if unit.way == ALONE:
        (trial,) = unit.trials
        warm_up(trial)
        training = Alone(trial)
    else:
        training = Stacked(unit.trials, kept["training"]["paces"] if kept else paces(unit.trials))
    records = [Record() for _ in unit.trials]
    if kept:
        training.load(kept["training"])
        records = [Record(**columns) for columns in kept["records"]]
        training.freeze([i for i, record in enumerate(records) if record.steps])
    return follow(training, records, _saving(unit, training, records, path) if path else lambda: None)


def _kept(unit: Unit, path: Path | None) -> dict[str, Any] | None:
    kept = saved.read(path) if path else None
    return kept if kept and kept["unit"] == unit.key else None


def _saving(unit: Unit, training: Alone | Stacked, records: Sequence[Record], path: Path) -> Callable[[], None]:
    last = told = monotonic()
    path.parent.mkdir(parents=True, exist_ok=True)

    def save() -> None:
        nonlocal last, told
        if monotonic() - told >= SECONDS_BETWEEN_SHARES:
            share = training.steps / training.batches.budget
            path.with_suffix(SHARE).write_text(f"{share:.4f}", encoding="ascii")
            told = monotonic()
        if monotonic() - last >= SECONDS_BETWEEN_SAVES:
            columns = [record.columns() for record in records]
            saved.write(path, {"unit": unit.key, "training": training.state(), "records": columns})
            last = monotonic()

    return save
