"""What is raced: the settings of a study, from which every trial follows, and the checks of what was asked."""

import inspect
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from steepest import strict_json
from steepest.stopping import Criterion
from steepest.study import budget
from steepest.study.asked import asked
from steepest.study.contenders import CONTENDERS, DEFAULT, Contender
from steepest.study.summary import CONFIRMED
from steepest.trial import Trial
from steepest.trial.alone import foreign
from steepest.trial.products import BFLOAT16, FLOAT32, PRODUCTS, tell_if_slow
from steepest.trial.specification import CONFIRM, FINAL, TUNE
from steepest.workloads import Workload, workload
from steepest.workloads.checking import check
from steepest.workloads.randomness import derive, isolated

RATES, SEEDS = 9, 5


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
            "confirmed": CONFIRMED,
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
        values = contender.at(place, self.rates)
        return self._trial(contender, values, derive(self.seed, "tuning"), self.tuning_until, TUNE)

    def confirming(self, contender: Contender, hyperparameters: Mapping[str, float]) -> Trial:
        """The trial that shows on a second seed whether good hyperparameters were luck."""
        return self._trial(contender, hyperparameters, derive(self.seed, "confirm"), self.tuning_until, CONFIRM)

    def final(self, contender: Contender, chosen: Mapping[str, float], number: int) -> Trial:
        """The run with the chosen hyperparameters on fresh seed `number`, from 0."""
        return self._trial(contender, chosen, derive(self.seed, "final", number), self.until, FINAL)

    def _trial(
        self,
        contender: Contender,
        hyperparameters: Mapping[str, float],
        seed: int,
        until: tuple[Criterion, ...],
        phase: str,
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
            phase=phase,
            options=dict(contender.options),
            products=self.products,
        )


def refuse_unless_whole(name: str, value: Any, least: int) -> None:
    """Raises ValueError for anything but a whole number that is large enough."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"Invalid {name}: {value!r}; allowed is a whole number, {least} or above")


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
    _try_optimizers(rows, chosen)
    ends = budget.ends(chosen, until, passes=passes, steps=steps, seconds=seconds)
    if batch_size is not None:
        _refuse_batch(batch_size, chosen)
    size = chosen.batch_size if batch_size is None else batch_size
    study = Study(chosen, tuple(rows), ends, size, **settings)
    if study.products == BFLOAT16:
        tell_if_slow()
    return study


def _try_optimizers(rows: Iterable[Contender], what: Workload) -> None:
    """Make each optimizer that comes from elsewhere once, and take a step: what it does not take is told in advance."""
    foreigners = [c for c in rows if not c.rule]
    if not foreigners:
        return
    with isolated():
        shapes = [p.detach() for p in what.model(0).parameters()]
    for c in foreigners:
        weights = [torch.nn.Parameter(torch.zeros_like(shape)) for shape in shapes]
        try:
            optimizer = foreign(c.method)(weights, **c.hyperparameters(c.value(0)), **dict(c.options))
            if callable(mode := getattr(optimizer, "train", None)):
                mode()
            closure = inspect.signature(optimizer.step).parameters.get("closure")
            if closure and closure.default is closure.empty:
                raise ValueError("its step asks for a closure, and here optimizers are given gradients")
            for weight in weights:
                weight.grad = torch.zeros_like(weight)
            optimizer.step()
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            said = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise ValueError(f"{c.name} cannot race: {said}") from None


def _refuse_batch(size: int, what: Workload) -> None:
    examples = len(what.data().train)
    if not 1 <= size <= examples:
        raise ValueError(f"Invalid batch size: {size}; {what.name} has {examples} examples, allowed is 1 to {examples}")
