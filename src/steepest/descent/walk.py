"""The descent itself: a rule follows a function's exact gradient, one step after the other."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.rules import Rule

__all__ = ["Step", "velocity_slot", "walk"]


@dataclass(frozen=True)
class Step:
    """One update: the rate ε, the gradient that it used, and the velocity (if the rule has one) and θ after it."""

    rate: float
    gradient: np.ndarray
    velocity: np.ndarray | None
    theta: np.ndarray


def velocity_slot(rule: Rule) -> int | None:
    """Which slot of the rule is its velocity, if it has one."""
    return next((i for i, slot in enumerate(rule.slots) if slot.symbol == "v"), None)


def walk(
    rule: Rule,
    gradient: Callable[[np.ndarray], np.ndarray],
    theta: np.ndarray,
    hyperparameters: Mapping[str, float],
    rate: Callable[[int], float],
    velocity: np.ndarray | None = None,
) -> Iterator[Step]:
    """The rule's steps from θ, without end; `rate(k)` is ε_k, k from 0, and `velocity` what v starts from.

    θ is an array, so that ∞ and 0/0 are values to look at, not exceptions.
    """
    slots: list[Any] = [np.full_like(theta, value) for value in rule.initial(hyperparameters).values()]
    v = velocity_slot(rule)
    if v is not None and velocity is not None:
        slots[v] = velocity
    memory = dict(rule.memory)
    k = 0
    while True:
        constants = rule.constants(k + 1, {**hyperparameters, "lr": rate(k)}, memory)
        memory = {name: constants[name] for name in memory}
        with np.errstate(all="ignore"):
            g = gradient(rule.point(rule.gradient_point, theta, slots, constants))
            theta, *slots = rule.step(theta, g, slots, constants)
        yield Step(rate(k), g, None if v is None else slots[v], theta)
        k += 1
