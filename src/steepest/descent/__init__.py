"""Descend a function of one or two variables and look at the path.

>>> from steepest.descent import descend
>>> result = descend("quartic", "momentum", lr=0.05, momentum=0.7, start=-2.8, steps=99)
>>> round(result.runs[0].theta[-1][0], 6)
2.042137
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steepest.descent import lecture
from steepest.descent.functions import FUNCTIONS, Function, Point, function
from steepest.descent.run import MOST_STEPS, OPTIMIZERS, WITHOUT_RATE, Run, check_optimizer, run
from steepest.descent.walk import velocity_slot
from steepest.names import unknown
from steepest.pictures import Spec, svg
from steepest.rules.rule import as_float
from steepest.schedules import Schedule
from steepest.schedules import schedule as named_schedule
from steepest.tables import Column, Table, number

__all__ = ["FUNCTIONS", "OPTIMIZERS", "Descent", "Function", "Run", "descend"]

NEAR = 0.01


@dataclass(frozen=True)
class Descent:
    """One or several descents of the same function from the same start; a notebook shows its picture and table.

    runs  one for each optimizer
    """

    function: Function
    runs: tuple[Run, ...]

    @property
    def table(self) -> Table:
        """The steps of a single run; for several, where each one ends."""
        return self.runs[0].table() if len(self.runs) == 1 else self.ends

    @property
    def short_table(self) -> Table:
        """The table's first rows and its last; for the lecture's example with the slide's rows beside."""
        return self.ends if len(self.runs) > 1 else self._for_people(self.table.abbreviated())

    @property
    def full_table(self) -> Table:
        """Every row; for the lecture's example with the slide's rows beside."""
        return self.steps if len(self.runs) > 1 else self._for_people(self.table)

    def _for_people(self, table: Table) -> Table:
        if lecture.is_example(self.runs[0]):
            return lecture.beside(self.runs[0], table)
        return table.without("velocity_in_gradient_units")

    @property
    def steps(self) -> Table:
        """All steps of all runs."""
        if len(self.runs) == 1:
            return self.table
        tables = [r.table() for r in self.runs]
        columns = {c.name: c for table in tables for c in table.columns}
        names = [name for name in _longest(tables) if name in columns]
        rows = [
            (r.optimizer, *(cell.get(name) for name in names))
            for r, table in zip(self.runs, tables, strict=True)
            for cell in (dict(zip((c.name for c in table.columns), row, strict=True)) for row in table.rows)
        ]
        return Table(self.ends.title, (Column("optimizer", "optimizer"), *(columns[n] for n in names)), tuple(rows))

    @cached_property
    def minima(self) -> tuple[Point, ...]:
        """The known minima around the paths, lowest first."""
        reach = [p[0] for r in self.runs for p in r.path if abs(p[0]) < 1e6]
        low, high = self.function.view[0] if self.function.view else (min(reach) - 1, max(reach) + 1)
        found = self.function.minima_between(min(low, *reach), max(high, *reach))
        return tuple(sorted(found, key=lambda p: self.function.value(np.array(p))))

    @property
    def ends(self) -> Table:
        """Where each run ends and which known minimum is nearest."""
        variables = self.function.formula.variables
        coordinates = [Column(v, v) for v in variables] if len(variables) > 1 else [Column("theta", "θ", digits=9)]
        columns = (
            Column("optimizer", "optimizer"),
            Column("steps", "steps"),
            *coordinates,
            Column("value", "f(θ)", r"$f(\theta)$"),
            Column("outcome", "outcome"),
        )
        rows = tuple((r.optimizer, len(r.theta), *r.end, self._value(r), self.outcome(r)) for r in self.runs)
        return Table(f"Where each method ends on {self.function.name}", columns, rows)

    def _value(self, run: Run) -> float:
        return run.values[-1] if run.values else self.function.value(np.array(run.start))

    def outcome(self, run: Run) -> str:
        """In words: at which minimum a run ends, how far from one, or at which step it diverges."""
        if run.diverged is not None:
            return f"diverges at step {run.diverged}"
        if not self.minima:
            return ""
        distances = [float(np.linalg.norm(np.subtract(run.end, p))) for p in self.minima]
        nearest = int(np.argmin(distances))
        name = " ".join([*self._kind(nearest), "minimum", _text(self.minima[nearest])])
        return f"at the {name}" if distances[nearest] <= NEAR else f"{distances[nearest]:.3g} from the {name}"

    def _kind(self, index: int) -> list[str]:
        heights = [self.function.value(np.array(p)) for p in self.minima]
        if len(heights) == 1 or max(heights) - min(heights) < 1e-9:
            return []
        return ["global" if heights[index] - min(heights) < 1e-9 else "local"]

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about the table, in sentences."""
        if len(self.runs) == 1 and lecture.is_example(self.runs[0]):
            return lecture.notes(self.runs[0])
        return ()

    @cached_property
    def picture(self) -> Spec:
        """The picture, a Vega-Lite specification."""
        from steepest.descent.picture import picture

        return picture(self.runs)

    @property
    def chart(self) -> Any:
        """The picture as an Altair chart, to change it."""
        import altair

        return altair.Chart.from_dict(self.picture, validate=False)

    def json(self) -> dict[str, Any]:
        """Everything as a document for `json.dumps`."""
        return {
            "function": self.function.name,
            "expression": self.function.formula.text,
            "minima": [p[0] if len(p) == 1 else list(p) for p in self.minima],
            "runs": [{**r.json(), "outcome": self.outcome(r)} for r in self.runs],
        }

    def _repr_html_(self) -> str:
        return svg(self.picture) + self.short_table.html()


def descend(
    what: str | Function = "quartic",
    optimizer: str | Sequence[str] = "sgd",
    *,
    start: float | Sequence[float] | None = None,
    steps: int | None = None,
    schedule: str | Schedule = "constant",
    initial_velocity: float | Sequence[float] | None = None,
    **hyperparameters: float,
) -> Descent:
    """Descend a function with one rule, or with several from the same start.

    what              a name in `FUNCTIONS`, or an expression such as "x**4 - x**2 + y**2"
    optimizer         a name in `OPTIMIZERS`, or several
    start             a number, or a pair in two dimensions; the function's own if left out
    steps             from 1 to 100,000
    schedule          a name in `steepest.schedules.SCHEDULES` (τ is then the number of steps), or a schedule
    initial_velocity  for momentum and Nesterov momentum; 0 if left out
    hyperparameters   lr, momentum, …; with several rules each takes those that it has

    Raises ValueError for an unknown name, an expression that cannot be read, or a value out of range.

    >>> descend("(x - 1)**2", "sgd", lr=0.5, start=4.0, steps=1).runs[0].theta
    ((1.0,),)
    """
    f = what if isinstance(what, Function) else function(what)
    given = [optimizer] if isinstance(optimizer, str) else optimizer
    names = [check_optimizer(name) for name in dict.fromkeys(given)]
    if not names:
        raise ValueError(f"no optimizer given; known are {', '.join(OPTIMIZERS)}")
    begin = f.start if start is None else _point("start", start, f)
    if not np.isfinite([f.value(np.array(begin)), *f.gradient(np.array(begin))]).all():
        raise ValueError(f"{f.name} has no finite value and gradient at the start {_text(begin)}; start somewhere else")
    velocity = None if initial_velocity is None else _point("initial velocity", initial_velocity, f)
    count = f.steps if steps is None else _steps(steps)
    decay = schedule if isinstance(schedule, Schedule) else named_schedule(schedule, count)
    shared = _shared(names, hyperparameters)
    moving = names if len(names) == 1 else [name for name in names if velocity_slot(OPTIMIZERS[name]) is not None]
    runs = tuple(
        run(f, name, shared[name], begin, count, decay, velocity if name in moving else None) for name in names
    )
    return Descent(f, runs)


def _point(what: str, given: float | Sequence[float], function: Function) -> Point:
    numbers = given if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else [given]
    point = [as_float(x) for x in numbers]
    variables = ", ".join(function.formula.variables)
    if len(point) != function.dimension or None in point:
        wanted = "one number" if function.dimension == 1 else "two numbers"
        raise ValueError(f"Invalid {what}: {given!r}; {function.name} has the variables {variables} and needs {wanted}")
    if not np.isfinite(np.array(point, dtype=float)).all():
        raise ValueError(f"Invalid {what}: {given!r}; allowed are finite numbers")
    return tuple(float(x) for x in point if x is not None)


def _steps(steps: int) -> int:
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"Invalid number of steps: {steps!r}; allowed is a whole number from 1 to {MOST_STEPS}")
    return steps


def _shared(names: list[str], hyperparameters: dict[str, float]) -> dict[str, dict[str, float]]:
    """What each rule takes of what is given: a single rule all of it, one of several what it has."""
    if len(names) == 1:
        return {names[0]: hyperparameters}
    known = {h for name in names for h in OPTIMIZERS[name].defaults}
    if strange := [h for h in hyperparameters if h not in known]:
        raise ValueError(unknown("hyperparameter", strange[0], sorted(known)) + f" for {', '.join(names)}")
    return {name: {h: value for h, value in hyperparameters.items() if _takes(name, h)} for name in names}


def _takes(name: str, hyperparameter: str) -> bool:
    meaningless = hyperparameter == "lr" and name in WITHOUT_RATE
    return hyperparameter in OPTIMIZERS[name].defaults and not meaningless


def _longest(tables: list[Table]) -> list[str]:
    return [column.name for column in max(tables, key=lambda table: len(table.columns)).columns]


def _text(point: Point) -> str:
    return number(point[0], 9) if len(point) == 1 else "(" + ", ".join(number(x) for x in point) + ")"
