"""When a run ends: after so many passes, steps or seconds, or at a target; the first criterion met ends it.

>>> criteria(["passes=5,loss=0.1"])
(Criterion(quantity='passes', limit=5.0), Criterion(quantity='loss', limit=0.1))
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from steepest.names import unknown

QUANTITIES = {
    "passes": "passes over the training examples",
    "steps": "updates of the weights",
    "seconds": "training time; turned into steps before anything trains, so that the clock decides nothing later",
    "loss": "training loss, the mean over the batches since the last point of the curve, at or below",
    "gradient-norm": "norm of the batch's gradient, the mean over the same batches, at or below",
}
BUDGETS = ("passes", "steps", "seconds")


@dataclass(frozen=True)
class Progress:
    """How far a run has come; loss and gradient norm are means since the last point of the curve."""

    passes: float
    steps: int
    loss: float
    gradient_norm: float


@dataclass(frozen=True)
class Criterion:
    """One reason to end a run: a budget used up, or a target reached."""

    quantity: str
    limit: float

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(unknown("stopping criterion", self.quantity, QUANTITIES))
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise ValueError(f"Invalid {self.quantity}: {self.limit:g}; a stopping criterion needs a number above 0")
        if self.quantity == "steps" and self.limit != int(self.limit):
            raise ValueError(f"Invalid steps: {self.limit:.12g}; allowed is a whole number, 1 or above")

    def __str__(self) -> str:
        return f"{self.quantity}={self.limit:.12g}"

    @property
    def is_budget(self) -> bool:
        """Whether every run meets it sooner or later."""
        return self.quantity in BUDGETS

    def in_steps(self, seconds_a_step: float) -> "Criterion":
        """Seconds as the steps that fit into them, at least one; any other criterion as it is.

        >>> Criterion("seconds", 2).in_steps(seconds_a_step=0.004)
        Criterion(quantity='steps', limit=500)
        """
        if self.quantity != "seconds":
            return self
        return Criterion("steps", max(1, math.floor(self.limit / seconds_a_step)))

    def met(self, progress: Progress) -> bool:
        """Whether the run ends here; False for a NaN. Seconds have become steps before."""
        value = getattr(progress, self.quantity.replace("-", "_"))
        # passes are a rounded quotient of steps
        return value >= self.limit * (1 - 1e-9) if self.is_budget else value <= self.limit


def first_met(until: Iterable[Criterion], progress: Progress) -> str:
    """The first criterion met, in words; empty when the run goes on."""
    return next((str(c) for c in until if c.met(progress)), "")


def criteria(texts: Iterable[str]) -> tuple[Criterion, ...]:
    """Stopping criteria from words such as "passes=5" or "steps=1000,loss=0.1"; raises ValueError for others."""
    return tuple(_criterion(word.strip()) for text in texts for word in text.split(",") if word.strip())


def _criterion(word: str) -> Criterion:
    quantity, _, text = word.partition("=")
    try:
        limit = float(text)
    except ValueError:
        if quantity not in QUANTITIES:
            raise ValueError(unknown("stopping criterion", quantity, QUANTITIES)) from None
        raise ValueError(f"Invalid stopping criterion {word!r}; write {quantity}=NUMBER") from None
    return Criterion(quantity, limit)


def steps_allowed(until: Iterable[Criterion], steps_a_pass: int) -> int:
    """The number of steps after which the budget among the criteria is used up.

    >>> steps_allowed(criteria(["passes=2"]), steps_a_pass=391)
    782

    Raises ValueError when there is none: the run might never end.
    """
    a_unit = {"passes": steps_a_pass, "steps": 1}
    budgets = [c.limit * a_unit[c.quantity] for c in until if c.quantity in a_unit]
    if not budgets:
        raise ValueError("the run might never end: add passes=NUMBER or steps=NUMBER to its stopping criteria")
    return math.ceil(min(budgets))
