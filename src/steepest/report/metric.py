"""What a study measures: its name, how a value reads, and where it lies on an axis. Higher is always better."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.report import words
from steepest.study.journal import Journal

SMALLEST_ERROR = 1e-4
STRETCHED = {
    "share": "The axis stretches towards 100 %: equal distances are equal ratios of the error.",
    "below 0": "The axis stretches towards 0: equal distances are equal ratios.",
    "number": "",
}


@dataclass(frozen=True)
class Metric:
    """The workload's metric.

    kind  "share": from 0 to 1, read as percentages; "below 0", such as minus an error; or any "number"
    """

    name: str
    kind: str

    @property
    def share(self) -> bool:
        """Whether it is read as a percentage."""
        return self.kind == "share"

    @property
    def stretched(self) -> str:
        """What to know about its axis, in a sentence."""
        return STRETCHED[self.kind]

    @property
    def column(self) -> str:
        """As the name of a column in a file: accuracy, minus_squared_error."""
        return re.sub(r"\W+", "_", self.name).strip("_") or "metric"

    def on(self, split: str) -> str:
        """In words: test accuracy; test result (minus squared error)."""
        return f"{split} result ({self.name})" if self.name.startswith("minus ") else f"{split} {self.name}"

    def head(self, split: str) -> str:
        """In words, for the head of a column."""
        found = self.on(split)
        return found[0].upper() + found[1:]

    def title(self, split: str) -> str:
        """In words, for a heading or an axis; what might not be known is told."""
        return self.head(split) + ("" if self.share else ", higher is better")

    def words(self, value: float | None) -> str:
        """A value: 97.81 %, or −1.50."""
        return words.metric(value, self.share)

    def words_sd(self, mean: float | None, sd: float | None) -> str:
        """Mean ± standard deviation."""
        return words.percent_sd(mean, sd) if self.share else words.number_sd(mean, sd)

    def goal(self, target: float) -> str:
        """A target as it was given: 95 %, or -10."""
        return f"{100 * target:.5g} %" if self.share else f"{target:.4g}"

    def height(self, value: float) -> float:
        """Where a value lies: the error 1 − value, the distance from 0, or the value itself."""
        if self.kind == "number":
            return value
        return max(1.0 - value, SMALLEST_ERROR) if self.share else -value

    def worst(self, heights: Sequence[float]) -> float:
        """The height of a run that has nothing to show."""
        low, high = self.limits(heights)
        return low if self.kind == "number" else high

    def limits(self, heights: Sequence[float]) -> tuple[float, float]:
        """The ends of an axis for these heights, with a little air; any when there are none."""
        if not heights:
            return (0.0, 1.0) if self.kind == "number" else (0.1, 1.0)
        if self.kind != "number":
            return min(heights) / 1.15, max(heights) * 1.15
        air = 0.05 * (max(heights) - min(heights)) or 0.05 * abs(heights[0]) or 1.0
        return min(heights) - air, max(heights) + air

    def share_of(self, height: float, heights: Sequence[float]) -> float:
        """How far down a height lies on its axis, from 0 on top to 1."""
        low, high = self.limits(heights)
        if self.kind == "number":
            return (high - height) / (high - low)
        return math.log(height / low) / math.log(high / low)

    def height_at(self, share: float, heights: Sequence[float]) -> float:
        """The height so far down the axis."""
        low, high = self.limits(heights)
        return high - share * (high - low) if self.kind == "number" else low * (high / low) ** share


def metric(journal: Journal) -> Metric:
    """The metric of a study, its kind as the finished runs show it."""
    kind = kind_of(value for run in journal.runs for value in _values(run))
    name = journal.header["workload"].get("metric") or ("accuracy" if kind == "share" else "metric")
    return Metric(name, kind)


def _values(run: Mapping[str, Any]) -> Iterable[Any]:
    return (run["val_acc"], run["test_acc"], *(run.get("validation") or {}).get("accuracy", ()))


def kind_of(values: Iterable[Any]) -> str:
    """How such values are to be read.

    >>> kind_of([0.1, 0.9, None]), kind_of([-3.0, -0.5]), kind_of([-1.0, 2.0])
    ('share', 'below 0', 'number')
    """
    known = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    if all(0 <= value <= 1 for value in known):
        return "share"
    return "below 0" if all(value < 0 for value in known) else "number"
