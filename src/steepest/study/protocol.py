"""The race: every contender tunes on the validation split with the same budget, then runs again on fresh seeds.

The choice is frozen before the fresh seeds run, and only they look at the test split, once each. What is to be done
next is a function of the finished runs alone, so an interrupted race continues where it stopped.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from steepest.stopping import Criterion
from steepest.study import budget
from steepest.study.calls import called_for
from steepest.study.contenders import DEFAULT, Contender
from steepest.study.header import header, now
from steepest.study.journal import Journal, opened
from steepest.study.outcome import Outcome
from steepest.study.plan import RATES, SEEDS, Study, plan, refuse_unless_whole
from steepest.study.summary import Row, summary
from steepest.study.workers import results, under_way
from steepest.trial import Result, Trial
from steepest.trial.products import FLOAT32
from steepest.workloads import Workload


@dataclass(frozen=True)
class Status:
    """How far a race is: its journal, and all trials that it calls for as far as is known now."""

    study: Study
    journal: Journal
    trials: Sequence[Trial]

    @property
    def shares(self) -> dict[str, float]:
        """How far each trial of the units of work is that have begun, by its key, from 0 to 1."""
        return under_way(self.journal.decisions, states_of(self.journal))


def race(
    what: Workload | str,
    who: Iterable[str | Contender] = DEFAULT,
    *,
    folder: Path | str | None = None,
    until: Iterable[str] = (),
    passes: float | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    rates: int = RATES,
    seeds: int = SEEDS,
    batch_size: int | None = None,
    seed: int = 0,
    products: str = FLOAT32,
    jobs: int | None = None,
    watch: Callable[[Status], None] | None = None,
) -> Outcome:
    """Race contenders on a workload, or continue the race that the folder holds.

    what        a workload or its name
    who         contenders or their names
    folder      where the journal lies; `steepest-race-NAME` unless given
    until       stopping criteria of the final runs, such as "loss=0.1"; the first one met ends a run
    passes      the budget of a final run: passes over the data, or `steps`, or `seconds` of training, the first one met
                if several are given; the workload's own budget, or 10 passes, unless given; a tuning run has 0.5 of it
    rates       values that each contender tries; more for all when the best of one lies at the end of its grid
    seeds       final runs of each
    batch_size  examples a step, 1 to all; the workload's own unless given
    products    "float32", or "bfloat16": matrix products in training are faster and rounded to 8 bits; weights, the
                rest of a step and all judging stay float32
    jobs        processes; as many as there are cores unless given
    watch       called before the first trial, after each, and when it is decided which train together

    Raises ValueError for bad input, `FolderBusy` when another process works on the folder.
    """
    budgets = {"until": until, "passes": passes, "steps": steps, "seconds": seconds}
    study = plan(what, who, **budgets, batch_size=batch_size, rates=rates, seeds=seeds, seed=seed, products=products)
    return carry_out(study, folder, jobs, watch)


def carry_out(
    study: Study,
    folder: Path | str | None = None,
    jobs: int | None = None,
    watch: Callable[[Status], None] | None = None,
) -> Outcome:
    """Run the trials of a study that its folder does not hold yet."""
    if jobs is not None:
        refuse_unless_whole("jobs", jobs, 1)
    folder = Path(folder if folder is not None else study.folder)
    with opened(folder, header(study)) as journal:
        study = timed(study, journal)
        return Outcome(folder, tuple(_run(study, journal, jobs, watch)))


def timed(study: Study, journal: Journal) -> Study:
    """The study with the time of each contender's step, where its budget is one of time: measured once, then kept."""
    if not budget.is_timed(study.until):
        return study
    if not journal.times:
        any_budget = replace(study, until=(Criterion("steps", 1000),))
        journal.time(budget.times([any_budget.tuning(c, 0) for c in study.contenders]))
    return replace(study, times=journal.times)


def _run(study: Study, journal: Journal, jobs: int | None, watch: Callable[[Status], None] | None) -> list[Row]:
    stamp = {
        "workload_hash": journal.header["settings"]["workload_hash"],
        "versions": journal.header["versions"],
        "device": journal.header["machine"]["device"],
    }
    tell, states = watch or (lambda _: None), states_of(journal)
    while True:
        status = Status(study, journal, called_for(study, journal.runs))
        tell(status)
        done = journal.keys
        if all(trial.key in done for trial in status.trials):
            shutil.rmtree(states, ignore_errors=True)  # a kill may have left some that nobody needs
            return summary(journal)
        finished = results(
            status.trials,
            jobs,
            done=done,
            decided=journal.decisions,
            decide_on=partial(_decide, status, tell),
            states=states,
        )
        with closing(finished):
            for trial, result in finished:
                journal.append({**record(trial, result), **stamp})
                tell(status)


def states_of(journal: Journal) -> Path:
    """The folder in which long units of work keep their state."""
    return journal.path.parent / "states"


def _decide(status: Status, tell: Callable[[Status], None], units: Sequence[Mapping[str, Any]]) -> None:
    status.journal.decide(units)
    tell(status)


def record(trial: Trial, result: Result) -> dict[str, Any]:
    """A finished run's line in the journal."""
    return {"kind": "trial", "key": trial.key, **trial.description, **result.columns(), "finished": now()}
