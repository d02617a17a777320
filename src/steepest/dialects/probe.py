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
FIRST_STEPS = 2
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
    if not _together(_walk(a, scales, False), _walk(b, scales, False)):
        return None
    return ALWAYS if _together(_walk(a, scales, True), _walk(b, scales, True)) else CONSTANT


def _together(a: "_Walk", b: "_Walk") -> bool:
    """Whether two walks stay together; most that part do so at once, and are not walked to the end."""
    return all(_same(a.points(steps), b.points(steps)) for steps in (FIRST_STEPS, STEPS))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two paths agree in every column, measured by how far that column went in all."""
    with np.errstate(all="ignore"):  # ∞ - ∞ is neither
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


class _Walk:
    """The points where a rule's gradients are taken, step by step, as far as somebody asked."""

    def __init__(self, rule: Rule, numbers: Numbers, scales: tuple[float, ...], decaying: bool) -> None:
        self._rule, self._numbers = rule, {**numbers, "initial_lr": numbers["lr"]}
        self._held = None if decaying else rule.bind(self._numbers)
        self._size = np.array([1e3, 1.0, 1e-3, 1e-6, 1e-9, 0.0, 1.0, 1e-2, *scales, *np.sqrt(scales)])
        self._slope = np.zeros_like(self._size)
        self._slope[6:8] = 0.3, 1e-2
        self._noise = np.random.default_rng(7).normal(size=(STEPS + 1, len(self._size)))
        self._theta = np.where(np.arange(len(self._size)) % 2, 1.0, 0.0)
        self._theta[4:6] = 1.0
        if not rule.elementwise:  # its step depends on the rows and columns
            arrays = (self._size, self._slope, self._noise, self._theta)
            self._size, self._slope, self._noise, self._theta = (x.reshape(*x.shape[:-1], 2, -1) for x in arrays)
        self._slots = [np.zeros_like(self._theta) + start for start in rule.initial(numbers, self._theta).values()]
        self._memory = dict(rule.memory)
        self._points: list[np.ndarray] = []

    def points(self, steps: int) -> np.ndarray:
        """The first point, and the one after each of so many steps."""
        with np.errstate(all="ignore"):
            while len(self._points) <= steps:
                self._step()
        return np.array(self._points[: steps + 1])

    def _step(self) -> None:
        rule, t = self._rule, len(self._points) + 1
        # not monotone, so that no constant can make up for it
        changed = {"lr": self._numbers["lr"] * (0.2 + 0.1 * (t * t % 9))}
        bound = self._held or rule.bind({**self._numbers, **changed})
        constants = bound(t, self._memory)
        self._memory = {name: constants[name] for name in self._memory}
        point = rule.point(rule.gradient_point, self._theta, self._slots, constants)
        self._points.append(point.ravel())
        gradient = self._size * self._noise[t - 1] + self._slope * point
        self._theta, *self._slots = rule.step(self._theta, gradient, self._slots, constants)


@lru_cache(maxsize=2048)
def _walk(held: _Held, scales: tuple[float, ...], decaying: bool) -> _Walk:
    return _Walk(held.rule, held.hyperparameters, scales, decaying)
