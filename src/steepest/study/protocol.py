"""The race: every contender tunes on the validation split with the same budget, then runs again on fresh seeds.

The choice is frozen before the fresh seeds run, and only they look at the test split, once each. What is to be done
next is a function of the finished runs alone, so an interrupted race continues where it stopped.
"""

import inspect
import json
import math
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from steepest import strict_json
from steepest.stopping import Criterion
from steepest.study import budget
from steepest.study.asked import asked
from steepest.study.contenders import CONTENDERS, DEFAULT, Contender, first_places, more_places
from steepest.study.journal import FORMAT, Journal, Run, opened
from steepest.study.summary import Estimate, Row, best_of, edge, summary
from steepest.study.workers import results, under_way
from steepest.tables import Column, Table
from steepest.trial import Result, Trial
from steepest.trial.alone import foreign
from steepest.trial.judge import evaluate
from steepest.trial.products import FLOAT32, PRODUCTS
from steepest.workloads import Workload, workload
from steepest.workloads.own import check
from steepest.workloads.randomness import derive, isolated, reseed

RATES, SEEDS = 9, 5
EXTENSIONS, POINTS_AN_EXTENSION = 2, 2
RUNGS = range(1, 6)


@dataclass(frozen=True)
class Study:
    """The settings of a race; every trial follows from them and from the runs before it.

    rates     values that each contender tries at first
    seeds     fresh seeds on which each runs with the value chosen
    seed      everything random follows from it
    products  the precision of matrix products in training
    times     seconds that a step of each contender takes alone, once they are known; only a time budget needs them
    """

    workload: Workload
    contenders: tuple[Contender, ...]
    until: tuple[Criterion, ...]
    batch_size: int
    rates: int = RATES
    seeds: int = SEEDS
    seed: int = 0
    products: str = FLOAT32
    times: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("rates", 1), ("seeds", 1), ("seed", 0)):
            refuse_unless_whole(name.replace("_", " "), getattr(self, name), least)
        if self.products not in PRODUCTS:
            raise ValueError(f"Invalid products: {self.products!r}; allowed are {' and '.join(PRODUCTS)}")

    @property
    def folder(self) -> str:
        """Where its journal lies unless somebody says otherwise."""
        return "steepest-race-" + re.sub(r"[^\w.-]+", "-", self.workload.name)

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for a journal to be continued."""
        searches = {c.name: c.description for c in self.contenders if c != CONTENDERS.get(c.name)}
        told = ("method", "schedule", "tunes", "batch", "fixed", "options", "ranges")
        settings = {
            "workload": self.workload.name,
            "workload_hash": self.workload.fingerprint(),
            "contenders": [c.name for c in self.contenders],
            **({"searches": {n: {k: d[k] for k in told} for n, d in searches.items()}} if searches else {}),
            "batch_size": self.batch_size,
            "rates": self.rates,
            "seeds": self.seeds,
            "until": [str(c) for c in self.until],
            "tuning_until": [str(c) for c in self.tuning_until],
            "seed": self.seed,
            "products": self.products,
        }
        return json.loads(strict_json.dumps(settings))  # as it comes back from the journal

    @property
    def tuning_until(self) -> tuple[Criterion, ...]:
        """The stopping criteria while tuning."""
        return budget.while_tuning(self.until)

    def tuning(self, contender: Contender, place: int) -> Trial:
        """The trial of the value at this place of the contender's grid."""
        return self._trial(
            contender, contender.at(place, self.rates), derive(self.seed, "tuning"), self.tuning_until, final=False
        )

    def final(self, contender: Contender, chosen: Mapping[str, float], number: int) -> Trial:
        """The run with the chosen hyperparameters on fresh seed `number`, from 0."""
        return self._trial(contender, chosen, derive(self.seed, "final", number), self.until, final=True)

    def _trial(
        self,
        contender: Contender,
        hyperparameters: Mapping[str, float],
        seed: int,
        until: tuple[Criterion, ...],
        final: bool,
    ) -> Trial:
        return Trial(
            workload=self.workload,
            contender=contender.name,
            method=contender.method,
            hyperparameters=hyperparameters,
            seed=seed,
            until=tuple(c.in_steps(self.times.get(contender.name, math.nan)) for c in until),
            schedule=contender.schedule,
            batch_size=None if contender.whole_pass else contender.batch_size or self.batch_size,
            final=final,
            options=dict(contender.options),
            products=self.products,
        )


def refuse_unless_whole(name: str, value: Any, least: int) -> None:
    """Raises ValueError for anything but a whole number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"Invalid {name}: {value!r}; allowed is a whole number, {least} or above")


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


@dataclass(frozen=True)
class Outcome:
    """A finished race: where its journal lies, and a row a contender, the best first."""

    folder: Path
    rows: tuple[Row, ...]

    @property
    def table(self) -> Table:
        """A row a contender."""
        columns = (
            "contender",
            "test metric",
            "± sd",
            "validation metric",
            "training loss",
            "tuned",
            "value",
            "ms a step",
        )
        return Table(
            f"The race in {self.folder}",
            tuple(Column(name, name) for name in columns),
            tuple(_cells(row) for row in self.rows),
        )

    def _repr_html_(self) -> str:
        return self.table.html()


def _cells(row: Row) -> tuple[Any, ...]:
    def mean(estimate: Estimate | None) -> str:
        return f"{estimate.mean:.4g}" if estimate else ""

    sd = f"{row.test_acc.sd:.2g}" if row.test_acc and row.test_acc.sd is not None else ""
    time = f"{row.ms_per_step:.3g}" if row.ms_per_step is not None else ""
    value = f"{row.value:g}" if row.value is not None else ""
    return (row.name, mean(row.test_acc), sd, mean(row.val_acc), mean(row.train_loss), row.tunes, value, time)


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
                if several are given; the workload's own budget, or 10 passes, unless given; a tuning run has 0.8 of it
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


def plan(
    what: Workload | str,
    who: Iterable[str | Contender] = DEFAULT,
    *,
    until: Iterable[str] = (),
    passes: float | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    batch_size: int | None = None,
    **settings: Any,
) -> Study:
    """The study that `race` runs, its input checked."""
    chosen = workload(what) if isinstance(what, str) else what
    check(chosen)
    rows = list(dict.fromkeys(c for each in who for c in ([each] if isinstance(each, Contender) else asked([each]))))
    if not rows:
        raise ValueError("nobody races: name at least one contender")
    names = [c.name for c in rows]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two different contenders are called {twice!r}; each needs a name of its own")
    _try_optimizers(rows)
    ends = budget.ends(chosen, until, passes=passes, steps=steps, seconds=seconds)
    if batch_size is not None:
        _refuse_batch(batch_size, chosen)
    size = chosen.batch_size if batch_size is None else batch_size
    return Study(chosen, tuple(rows), ends, size, **settings)


def _try_optimizers(rows: Iterable[Contender]) -> None:
    """Make each optimizer that comes from elsewhere once, and take a step: what it does not take is told in advance."""
    for c in rows:
        if c.rule:
            continue
        weight = torch.nn.Parameter(torch.zeros(2))
        try:
            optimizer = foreign(c.method)([weight], **c.hyperparameters(c.value(0)), **dict(c.options))
            if callable(mode := getattr(optimizer, "train", None)):
                mode()
            closure = inspect.signature(optimizer.step).parameters.get("closure")
            if closure and closure.default is closure.empty:
                raise ValueError("its step asks for a closure, and here optimizers are given gradients")
            weight.grad = torch.zeros(2)
            optimizer.step()
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            said = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise ValueError(f"{c.name} cannot race: {said}") from None


def _refuse_batch(size: int, what: Workload) -> None:
    examples = len(what.data().train)
    if not 1 <= size <= examples:
        raise ValueError(f"Invalid batch size: {size}; {what.name} has {examples} examples, allowed is 1 to {examples}")


def header(study: Study) -> dict[str, Any]:
    """The journal's first line: what is raced, under which settings, with what, where."""
    return {
        "kind": "study",
        "format": FORMAT,
        "settings": study.settings,
        "versions": {"steepest": _version("steepest"), "torch": _version("torch")},
        "workload": {
            "name": study.workload.name,
            "title": study.workload.title,
            "metric": study.workload.measure,
            "targets": list(study.workload.targets or ladder(study)),
        },
        "contenders": [c.description for c in study.contenders],
        "machine": {
            "device": "cpu",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "started": _now(),
    }


def ladder(study: Study) -> list[float]:
    """Targets for a workload that names none, fixed before anything trains: steps from where the model starts.

    A metric below 0, such as minus a loss, is to shrink by halves; any other is to come closer to 1 by halves.
    """
    with isolated():
        reseed(derive(study.seed, "tuning"), "weights")
        model = study.workload.build().eval()
    _, start = evaluate(model, study.workload, study.workload.data().validation)
    end = 0.0 if start < 0 else 1.0
    return [float(f"{end + (start - end) / 2**n:.3g}") for n in RUNGS] if start < 1 else []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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
    return {"kind": "trial", "key": trial.key, **trial.description, **result.columns(), "finished": _now()}


def called_for(study: Study, runs: Sequence[Run]) -> list[Trial]:
    """All trials that the study calls for, as far as the finished runs tell.

    First the grid of each contender. While the best value of one of them lies at the end of its grid, all get as many
    points more; that happens at most twice. Then the final runs with the values chosen.
    """
    done = {run["key"]: run for run in runs}
    places = {c: list(first_places(study.rates)) for c in study.contenders}
    extensions = 0
    while True:
        grids = {c: [study.tuning(c, place) for place in places[c]] for c in study.contenders}
        tuning = [trial for grid in grids.values() for trial in grid]
        if any(trial.key not in done for trial in tuning):
            return tuning
        tried = {c: [done[trial.key] for trial in grid] for c, grid in grids.items()}
        if extensions == EXTENSIONS or not any(c.is_grid and edge(tried[c], c.tunes) for c in study.contenders):
            chosen = {c: best_of(tried[c], c.tunes)["hyperparameters"] for c in study.contenders}
            return tuning + [study.final(c, chosen[c], n) for c in study.contenders for n in range(study.seeds)]
        extensions += 1
        for c in study.contenders:
            places[c] += _more(c, places[c], tried[c])


def _more(contender: Contender, places: Sequence[int], tried: Sequence[Run]) -> list[int]:
    """Further places: beyond the nearer end of a grid, or the sequence's next."""
    best = max(places)
    if contender.is_grid:
        found = best_of(tried, contender.tunes)
        best = next(place for place, run in zip(places, tried, strict=True) if run is found)
    return more_places(places, best, POINTS_AN_EXTENSION)
