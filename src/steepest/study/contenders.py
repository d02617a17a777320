"""Who races: an update rule with a schedule, a batch and a search space, all derived from the rule's own facts.

>>> CONTENDERS["adam"].value(-3), CONTENDERS["adam"].value(0), CONTENDERS["adam"].value(3)
(3.16e-05, 0.001, 0.0316)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.names import unknown
from steepest.rules import METHODS, Rule
from steepest.schedules import schedule

POINTS_A_DECADE = 2


@dataclass(frozen=True)
class Contender:
    """A row of the race.

    name        as commands know it
    method      a name of `steepest.rules.METHODS`
    schedule    a name of `steepest.schedules.SCHEDULES`
    tunes       the hyperparameter that is chosen on the validation split
    centre      of its search space; None takes the rule's own
    whole_pass  whether each step uses all examples, whatever the study's batch size
    """

    name: str
    method: str
    schedule: str = "constant"
    tunes: str = "lr"
    centre: float | None = None
    whole_pass: bool = False

    @property
    def rule(self) -> Rule:
        """Its update rule."""
        return METHODS[self.method]

    @property
    def title(self) -> str:
        """The name for people."""
        how = "batch " if self.whole_pass else "stochastic " if self.method == "sgd" else ""
        when = "" if self.schedule == "constant" else f", {self.schedule} decay"
        return f"{how}{self.rule.title}{when}"

    def value(self, place: int) -> float:
        """The value at a place of the logarithmic grid: half decades, place 0 in the centre."""
        centre = self.centre if self.centre is not None else _centre(self.rule, self.tunes)
        return float(f"{centre * 10 ** (place / POINTS_A_DECADE):.3g}")

    def hyperparameters(self, value: float) -> dict[str, float]:
        """All of the rule's hyperparameters, the tuned one at this value."""
        return {**self.rule.defaults, self.tunes: value}

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
            "batch": "all" if self.whole_pass else "study",
            "equation": self.rule.equation,
            "rate": schedule(self.schedule, steps=1).equation,
            "reference": self.rule.reference,
        }


def _centre(rule: Rule, tunes: str) -> float:
    centre = next((h.search for h in rule.hyperparameters if h.name == tunes), None)
    if centre is None:
        raise ValueError(f"{rule.title}: {tunes} has no search centre; give the contender one")
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


def contenders(names: Iterable[str]) -> tuple[Contender, ...]:
    """The contenders of these names, each once; raises ValueError, with the nearest name, for an unknown one."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        raise ValueError(f"no contender named; known are {', '.join(CONTENDERS)}")
    for name in wanted:
        if name not in CONTENDERS:
            raise ValueError(unknown("contender", name, CONTENDERS))
    return tuple(CONTENDERS[name] for name in wanted)


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
