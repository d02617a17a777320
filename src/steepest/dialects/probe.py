"""Whether two update rules walk the same path: both are run, in double precision, on gradients of every size.

The gradients reach from far above 1 to the size of each small constant and of its root, where the place of a constant
decides everything; one column is 0, and in two the gradient depends on the point. A path is the sequence of points
where the gradient is taken: what the parameters hold during training.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from steepest.rules import Rule

STEPS = 64
CONSTANT, ALWAYS = "constant", "always"
TOLERANCE = 1e-9  # relative to the way gone; rounding stays far below, and the smallest difference that we know above
SMALL = ("eps", "eps_root")

Numbers = Mapping[str, float]


def agreement(one: Rule, its: Numbers, other: Rule, others: Numbers) -> str | None:
    """How far two rules agree, each under its hyperparameters.

    "always": also when the rate changes from step to step; "constant": while it does not; None: they differ.

    >>> from steepest.rules import RULES
    >>> inside, outside = RULES["momentum"], RULES["momentum_torch"]
    >>> agreement(inside, {"lr": 0.1, "momentum": 0.9}, outside, {"lr": 0.1, "momentum": 0.9})
    'constant'
    """
    if one.update is other.update and one.prepare is other.prepare and one.decay == other.decay and its == others:
        return ALWAYS
    scales = tuple(sorted({abs(h[name]) for h in (its, others) for name in SMALL if h.get(name)}))
    a, b = _Held(one, its), _Held(other, others)
    if not _same(_path(a, scales, False), _path(b, scales, False)):
        return None
    return ALWAYS if _same(_path(a, scales, True), _path(b, scales, True)) else CONSTANT


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two paths agree in every column, measured by how far that column went in all."""
    way = np.fmax(np.abs(a - a[0]), np.abs(b - b[0])).max(axis=0)
    allowed = TOLERANCE * way + 1e-14 * np.abs(a[0]) + 1e-300
    return bool(np.all((np.abs(a - b) <= allowed) | (np.isnan(a) & np.isnan(b)) | (a == b)))


class _Held:
    """A rule and its numbers, which a cache can hold by their values."""

    def __init__(self, rule: Rule, hyperparameters: Numbers) -> None:
        self.rule = rule
        self.hyperparameters = {**rule.defaults, **{k: v for k, v in hyperparameters.items() if k != "initial_lr"}}
        self.key = (rule.name, rule.decay, rule.update, rule.prepare, tuple(sorted(self.hyperparameters.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=2048)
def _path(held: _Held, scales: tuple[float, ...], decaying: bool) -> np.ndarray:
    """The points where the gradients are taken, step by step."""
    rule, numbers = held.rule, held.hyperparameters
    size = np.array([1e3, 1.0, 1e-3, 1e-6, 1e-9, 0.0, 1.0, 1e-2, *scales, *np.sqrt(scales)])
    slope = np.zeros_like(size)
    slope[6:8] = 0.3, 1e-2
    theta = np.where(np.arange(len(size)) % 2, 1.0, 0.0)
    theta[4:6] = 1.0
    noise = np.random.default_rng(7).normal(size=(STEPS + 1, len(size)))
    slots = [np.zeros_like(theta) + start for start in rule.initial(numbers, theta).values()]
    memory, path = dict(rule.memory), []
    with np.errstate(all="ignore"):
        for t in range(1, STEPS + 2):
            # not monotone, so that no constant can make up for it
            rate = numbers["lr"] * ((0.2 + 0.1 * (t * t % 9)) if decaying else 1.0)
            constants = rule.constants(t, {**numbers, "lr": rate, "initial_lr": numbers["lr"]}, memory)
            memory = {name: constants[name] for name in memory}
            point = rule.point(rule.gradient_point, theta, slots, constants)
            path.append(point)
            theta, *slots = rule.step(theta, size * noise[t - 1] + slope * point, slots, constants)
    return np.array(path)
