"""Who races: an update rule with a schedule, a batch and a search space, all derived from the rule's own facts.

>>> CONTENDERS["adam"].value(-3), CONTENDERS["adam"].value(0), CONTENDERS["adam"].value(3)
(3.16e-05, 0.001, 0.0316)
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from steepest.rules import METHODS, Rule
from steepest.schedules import schedule

POINTS_A_DECADE = 2


@dataclass(frozen=True)
class Contender:
    """A row of the race.

    name        as commands know it
    method      a name of `steepest.rules.METHODS`, or the import path of an optimizer's class
    schedule    a name of `steepest.schedules.SCHEDULES`
    tunes       the hyperparameter that is chosen on the validation split
    centre      of its search space; None takes the rule's own
    whole_pass  whether each step uses all examples, whatever the study's batch size
    fixed       hyperparameters with a value of their own
    options     further arguments of the optimizer's class, such as its dialect
    ranges      what is searched, from where to where, in the place of the grid around the centre; one range is a grid,
                several are searched by a scrambled Halton sequence
    batch_size  examples a step, in the place of the study's
    """

    name: str
    method: str
    schedule: str = "constant"
    tunes: str = "lr"
    centre: float | None = None
    whole_pass: bool = False
    fixed: tuple[tuple[str, float], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    ranges: tuple[tuple[str, tuple[float, float]], ...] = ()
    batch_size: int | None = None

    @property
    def rule(self) -> Rule | None:
        """Its update rule; None for an optimizer that comes from elsewhere."""
        if self.method not in METHODS:
            return None
        return (
            followed(self.method, self.options, self.fixed).rule if self.options or self.fixed else METHODS[self.method]
        )

    @property
    def title(self) -> str:
        """The name for people."""
        if not self.rule or self.name not in (*DEFAULT, *METHODS):
            return self.name
        how = "batch " if self.whole_pass else "stochastic " if self.method == "sgd" else ""
        when = "" if self.schedule == "constant" else f", {self.schedule} decay"
        return f"{how}{self.rule.title}{when}"

    @property
    def is_grid(self) -> bool:
        """Whether it searches a grid, which can be extended; several ranges are searched by a sequence."""
        return len(self.ranges) < 2

    def value(self, place: int, rates: int = 7) -> float:
        """The value at a place of the logarithmic grid: half decades, or `rates` points of the range."""
        if not self.ranges:
            return float(f"{self._centre() * 10 ** (place / POINTS_A_DECADE):.3g}")
        share = (place - first_places(rates)[0]) / max(1, rates - 1)
        return self._within(self.ranges[0], share)

    def at(self, place: int, rates: int) -> dict[str, float]:
        """All hyperparameters at a place: of the grid, or of the Halton sequence, which starts at the first place."""
        if self.is_grid:
            return self.hyperparameters(self.value(place, rates))
        number = place - first_places(rates)[0]
        shares = halton(len(self.ranges), number + 1)[number]
        found = {each[0]: self._within(each, share) for each, share in zip(self.ranges, shares, strict=True)}
        return {**self.hyperparameters(found[self.tunes]), **found}

    def _within(self, searched: tuple[str, tuple[float, float]], share: float) -> float:
        """The value at this share of a range, on a logarithmic scale: of 1 − β for a decay rate β."""
        name, (low, high) = searched
        fact = next((h for h in self.rule.hyperparameters if h.name == name), None) if self.rule else None
        if fact and fact.high == 1.0 and high < 1:
            return float(f"{1 - (1 - low) * ((1 - high) / (1 - low)) ** share:.6g}")
        return float(f"{low * (high / low) ** share:.3g}")

    def _centre(self) -> float:
        if self.centre is not None:
            return self.centre
        return _centre(self.rule, self.tunes) if self.rule else own_default(self.method, self.tunes)

    def hyperparameters(self, value: float) -> dict[str, float]:
        """All of the rule's hyperparameters, the tuned one at this value."""
        if not self.rule:
            return {**dict(self.fixed), self.tunes: value}
        return {**self.rule.defaults, **dict(self.fixed), self.tunes: value}

    @property
    def description(self) -> dict[str, Any]:
        """What a reader of the study wants to know about it, as plain data."""
        return {
            "name": self.name,
            "title": self.title,
            "method": self.method,
            "schedule": self.schedule,
            "tunes": self.tunes,
            "centre": self.value(0),
            "batch": "all" if self.whole_pass else self.batch_size or "study",
            "equation": self.rule.equation if self.rule else "",
            "rate": schedule(self.schedule, steps=1).equation,
            "reference": self.rule.reference if self.rule else self.method,
            "search": "grid" if self.is_grid else "Halton sequence",
            "fixed": dict(self.fixed),
            "options": dict(self.options),
            "ranges": {name: list(ends) for name, ends in self.ranges},
        }


@cache
def followed(method: str, options: tuple[tuple[str, Any], ...] = (), fixed: tuple[tuple[str, float], ...] = ()) -> Any:
    """What the optimizer of a method with these arguments follows: its rule and hyperparameters."""
    import torch

    from steepest import optim

    optimizer = optim.build(method, [torch.nn.Parameter(torch.zeros(1))], dict(options), **dict(fixed))
    return optimizer.followed()[0]


@cache
def halton(dimensions: int, count: int) -> list[list[float]]:
    """The first points of a scrambled Halton sequence (Owen 2017), the same for every contender and study."""
    from scipy.stats import qmc

    return qmc.Halton(dimensions, scramble=True, seed=0).random(count).tolist()  # pyright: ignore[reportCallIssue]


def own_default(path: str, name: str) -> float:
    """The default of an optimizer's argument, to search around; 0.001 where it has none."""
    from steepest.trial.alone import foreign

    parameter = inspect.signature(foreign(path)).parameters.get(name)
    default = parameter.default if parameter else None
    return float(default) if isinstance(default, int | float) and default > 0 else 1e-3


def _centre(rule: Rule, tunes: str) -> float:
    centre = next((h.search for h in rule.hyperparameters if h.name == tunes), None)
    if centre is None:
        raise ValueError(f"{rule.title}: {tunes} has no search centre; give the contender one, or a range low..high")
    return centre


LECTURE = (
    # A step that averages over everything bears a rate at which single batches would scatter.
    Contender("gd", "sgd", whole_pass=True, centre=1.0),
    Contender("sgd", "sgd"),
    Contender("sgd-linear", "sgd", schedule="linear"),
    Contender("momentum", "momentum"),
    Contender("nesterov", "nesterov"),
    Contender("adagrad", "adagrad"),
    Contender("rmsprop", "rmsprop"),
    Contender("adadelta", "adadelta", tunes="eps"),
    Contender("adam", "adam"),
)
DEFAULT = tuple(c.name for c in LECTURE)
CONTENDERS: dict[str, Contender] = {
    **{c.name: c for c in LECTURE},
    **{method: Contender(method, method) for method in METHODS if method not in DEFAULT},
}


def first_places(count: int) -> range:
    """The places of a grid of so many values around the centre.

    >>> list(first_places(7)), list(first_places(2))
    ([-3, -2, -1, 0, 1, 2, 3], [0, 1])
    """
    low = -((count - 1) // 2)
    return range(low, low + count)


def more_places(places: Sequence[int], best: int, count: int) -> list[int]:
    """So many places more, beyond the end of the grid that is nearer to the best one.

    >>> more_places([-1, 0, 1], best=1, count=2), more_places([-1, 0, 1], best=-1, count=2)
    ([2, 3], [-3, -2])
    """
    low, high = min(places), max(places)
    if high - best < best - low:
        return list(range(high + 1, high + 1 + count))
    return list(range(low - count, low))
