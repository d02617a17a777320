"""One rule's descent of one function, with everything that can be said about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from steepest.descent.functions import Function, Point
from steepest.descent.walk import velocity_slot, walk
from steepest.names import unknown
from steepest.rules import METHODS, Rule
from steepest.schedules import Schedule
from steepest.tables import Column, Table

__all__ = ["OPTIMIZERS", "Run", "run", "settings"]

# The gradient is exact here, so batch and stochastic gradient descent are the same.
OPTIMIZERS: dict[str, Rule] = {"gd": METHODS["sgd"], **METHODS}
# Where a learning rate only multiplies a step that has its own size, a rate meant for others says nothing.
WITHOUT_RATE = ("adadelta",)
MOST_STEPS = 100_000


@dataclass(frozen=True)
class Run:
    """What a descent did: for each step the rate, the gradient it used, the velocity, θ and f(θ) after it.

    Points have one number a variable. `velocity` is None for rules without one. `diverged` is the step whose result was
    no longer finite; the steps before it are kept.
    """

    function: Function
    optimizer: str
    title: str
    hyperparameters: Mapping[str, float]
    schedule: str
    start: Point
    initial_velocity: Point | None
    rates: tuple[float, ...]
    gradients: tuple[Point, ...]
    velocity: tuple[Point, ...] | None
    theta: tuple[Point, ...]
    values: tuple[float, ...]
    diverged: int | None

    @property
    def path(self) -> tuple[Point, ...]:
        """The start and every θ after it."""
        return (self.start, *self.theta)

    @property
    def end(self) -> Point:
        """The last finite θ."""
        return self.path[-1]

    def table(self) -> Table:
        """Every step: iteration, g, v and θ as the lecture has them, and f(θ)."""
        columns = [Column("iteration", "step"), *self._columns("gradient", "g", r"g")]
        parts: list[Iterable[Sequence[float]]] = [self.gradients]
        if self.schedule != "constant":
            columns.insert(1, Column("rate", "ε", r"$\epsilon$", 4))
            parts.insert(0, [(rate,) for rate in self.rates])
        if self.velocity is not None:
            units = "v/(−ε)"
            columns += self._columns("velocity", "v", "v")
            columns += self._columns("velocity_in_gradient_units", units, r"-v/\epsilon")
            parts += [self.velocity, [_in_units(v, rate) for v, rate in zip(self.velocity, self.rates, strict=True)]]
        columns += [
            *self._columns("theta", "θ", r"\theta"),
            Column("value", "f(θ)", r"$f(\theta)$", 6 if self.function.dimension == 1 else 4),
        ]
        parts += [self.theta, [(value,) for value in self.values]]
        rows = tuple(
            (step, *(float(x) for part in row for x in part)) for step, row in enumerate(zip(*parts, strict=True), 1)
        )
        return Table(f"{self.title} on {self.function.name}", tuple(columns), rows)

    def _columns(self, name: str, title: str, latex: str) -> list[Column]:
        if self.function.dimension == 1:
            return [Column(name, title, f"${latex}$", 8 if name == "theta" else 6)]
        variables = self.function.formula.variables
        if name == "theta":
            return [Column(v, v, f"${v}$", 4) for v in variables]
        return [Column(f"{name}_{v}", f"{title} {v}", f"${latex}_{v}$", 3) for v in variables]

    def json(self) -> dict[str, Any]:
        """Everything as numbers, lists and names: a number a step in one dimension, a pair in two."""
        return {
            "optimizer": self.optimizer,
            "hyperparameters": dict(self.hyperparameters),
            "schedule": self.schedule,
            "start": self._plain(self.start),
            "theta": [self._plain(point) for point in self.theta],
            "values": list(self.values),
            "gradients": [self._plain(point) for point in self.gradients],
            "velocity": None if self.velocity is None else [self._plain(point) for point in self.velocity],
            "rates": list(self.rates),
            "diverged": self.diverged,
        }

    def _plain(self, point: Point) -> float | list[float]:
        return point[0] if self.function.dimension == 1 else list(point)


def _in_units(velocity: Point, rate: float) -> Point:
    return tuple(v / -rate if rate else float("nan") for v in velocity)


def settings(function: Function, name: str, given: Mapping[str, float]) -> dict[str, float]:
    """The hyperparameters of the named rule: what was given, else what suits the function, else the rule's defaults.

    Raises ValueError for a value out of range or a hyperparameter that the rule does not have.
    """
    rule = OPTIMIZERS[name]
    if foreign := [key for key in given if key not in rule.defaults]:
        has = ", ".join(f"{h.name} ({h.meaning})" for h in rule.hyperparameters)
        raise ValueError(f"{name} has no {' and no '.join(foreign)}; it has {has}")
    suited = {key: value for key, value in function.settings.items() if key in rule.defaults}
    if name in WITHOUT_RATE:
        suited |= {h.name: h.search for h in rule.hyperparameters if h.search and h.name != "lr"}
    else:
        suited["lr"] = function.lr_scaled if "eps" in rule.defaults else function.lr
    chosen = {**rule.defaults, **suited, **given}
    return {h.name: h.check(chosen[h.name]) for h in rule.hyperparameters}


def run(
    function: Function,
    name: str,
    given: Mapping[str, float],
    start: Point,
    steps: int,
    schedule: Schedule,
    initial_velocity: Point | None,
) -> Run:
    """Descend the function with the named rule; the points are checked by the caller."""
    rule = OPTIMIZERS[name]
    hyperparameters = settings(function, name, given)
    if initial_velocity is not None and velocity_slot(rule) is None:
        raise ValueError(f"{name} has no velocity; an initial velocity is for {', '.join(_with_velocity())}")
    theta = np.array(start, dtype=float)
    velocity = None if initial_velocity is None else np.array(initial_velocity, dtype=float)
    rates = partial(schedule.rate, initial=hyperparameters["lr"])
    taken, diverged = [], None
    for k, step in enumerate(islice(walk(rule, function.gradient, theta, hyperparameters, rates, velocity), steps)):
        value = function.value(step.theta)
        if not (np.isfinite(step.theta).all() and np.isfinite(value)):
            diverged = k + 1
            break
        taken.append((step, value))
    has_velocity = velocity_slot(rule) is not None
    return Run(
        function=function,
        optimizer=name,
        title=rule.title,
        hyperparameters=hyperparameters,
        schedule=schedule.name,
        start=start,
        initial_velocity=initial_velocity,
        rates=tuple(step.rate for step, _ in taken),
        gradients=tuple(_point(step.gradient) for step, _ in taken),
        velocity=tuple(_point(step.velocity) for step, _ in taken) if has_velocity else None,
        theta=tuple(_point(step.theta) for step, _ in taken),
        values=tuple(value for _, value in taken),
        diverged=diverged,
    )


def _point(array: Any) -> Point:
    return tuple(float(x) for x in array)


def _with_velocity() -> list[str]:
    return [name for name, rule in METHODS.items() if velocity_slot(rule) is not None]


def check_optimizer(name: str) -> str:
    """The name, if it is known; raises ValueError with the nearest one."""
    if name not in OPTIMIZERS:
        raise ValueError(unknown("optimizer", name, OPTIMIZERS))
    return name
