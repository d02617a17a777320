r"""Learning-rate schedules: ε_k as a plain function of the step k, which counts from 0.

Each schedule says whether it meets the sufficient condition for stochastic gradient descent (Robbins & Monro 1951),
Σ ε_k = ∞ and Σ ε_k² < ∞, and why.

>>> from steepest.schedules import linear
>>> decay = linear(steps=40)
>>> [round(decay.rate(k, initial=0.05), 6) for k in (0, 20, 40, 99)]
[0.05, 0.02525, 0.0005, 0.0005]
>>> decay.condition.holds
False
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import TypeGuard

from steepest.names import unknown

__all__ = ["SCHEDULES", "Condition", "Schedule", "constant", "cosine", "geometric", "inverse", "inverse_root", "linear"]


@dataclass(frozen=True)
class Condition:
    """Whether Σ ε_k diverges and Σ ε_k² converges, and why."""

    sum_diverges: bool
    squares_converge: bool
    why: str

    @property
    def holds(self) -> bool:
        """Whether both hold: enough rate to get anywhere, little enough for the noise to die out."""
        return self.sum_diverges and self.squares_converge


@dataclass(frozen=True)
class Schedule:
    """ε_k = ε_0 · factor(k), after an optional linear warm-up.

    name       as the commands know it
    factor     the share of the initial rate at step k, from 0
    condition  whether it meets Σ ε_k = ∞ and Σ ε_k² < ∞
    equation   in LaTeX
    warmup     the number of steps over which the rate first rises: step k < warmup has ε_0 (k+1)/(warmup+1)
    """

    name: str
    factor: Callable[[int], float]
    condition: Condition
    equation: str
    warmup: int = 0

    def rate(self, k: int, initial: float) -> float:
        """ε_k for the initial rate ε_0."""
        if k < self.warmup:
            return initial * (k + 1) / (self.warmup + 1)
        return initial * self.factor(k - self.warmup)

    def after_warmup(self, steps: int) -> "Schedule":
        """The same schedule behind `steps` steps of linear warm-up; the condition's sums do not change their nature."""
        return replace(self, warmup=_whole("warmup", steps, 0))


def constant() -> Schedule:
    """ε_k = ε_0."""
    why = "Σε_k = ∞, but Σε_k² = ∞ too: the steps never shrink, so the noise never dies out"
    return Schedule("constant", lambda _: 1.0, Condition(True, False, why), r"\epsilon_k = \epsilon_0")


def linear(steps: int, final: float = 0.01) -> Schedule:
    """The lecture's decay: ε_k = (1−a) ε_0 + a ε_τ with a = k/τ, and ε_τ from τ on.

    steps: τ, at least 1.  final: ε_τ/ε_0, from 0 to 1; the lecture's "small number".
    """
    steps, final = _whole("steps", steps, 1), _share("final", final)

    def factor(k):
        a = min(k / steps, 1.0)
        return (1 - a) + a * final

    return Schedule(
        "linear", factor, _settles_at(final), r"\epsilon_k = (1-a)\epsilon_0 + a\,\epsilon_\tau,\ a = \min(k/\tau, 1)"
    )


def inverse() -> Schedule:
    """ε_k = ε_0/(k+1)."""
    why = "Σ1/(k+1) is the harmonic series, which diverges; Σ1/(k+1)² = π²/6"
    return Schedule("inverse", lambda k: 1 / (k + 1), Condition(True, True, why), r"\epsilon_k = \epsilon_0/(k+1)")


def inverse_root() -> Schedule:
    """ε_k = ε_0/√(k+1), as in the figure of Kingma & Ba (2015)."""
    why = "Σ1/√(k+1) = ∞, but Σε_k² is the harmonic series, which diverges"
    equation = r"\epsilon_k = \epsilon_0/\sqrt{k+1}"
    return Schedule("inverse-root", lambda k: 1 / math.sqrt(k + 1), Condition(True, False, why), equation)


def geometric(ratio: float = 0.999) -> Schedule:
    """ε_k = ε_0 qᵏ.  ratio: q, above 0 and below 1."""
    if not (_is_number(ratio) and 0 < ratio < 1):
        raise ValueError(
            f"Invalid ratio: {ratio!r}; allowed is above 0 and below 1; a ratio of 1 is the constant schedule"
        )
    why = "Σqᵏ = 1/(1−q) is finite: the steps together reach only so far"
    return Schedule("geometric", lambda k: ratio**k, Condition(False, True, why), r"\epsilon_k = \epsilon_0 q^k")


def cosine(steps: int, final: float = 0.0) -> Schedule:
    """ε_k falls from ε_0 to ε_τ along half a cosine, and stays there (Loshchilov & Hutter 2017).

    steps: τ, at least 1.  final: ε_τ/ε_0, from 0 to 1.
    """
    steps, final = _whole("steps", steps, 1), _share("final", final)

    def factor(k):
        a = min(k / steps, 1.0)
        return final + (1 - final) * (1 + math.cos(math.pi * a)) / 2

    equation = r"\epsilon_k = \epsilon_\tau + (\epsilon_0-\epsilon_\tau)\frac{1+\cos(\pi a)}{2},\ a = \min(k/\tau, 1)"
    return Schedule("cosine", factor, _settles_at(final), equation)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "linear": linear,
    "inverse": inverse,
    "inverse-root": inverse_root,
    "geometric": geometric,
    "cosine": cosine,
}


def schedule(name: str, steps: int) -> Schedule:
    """The named schedule for a run of so many steps, its other settings at their defaults."""
    if name not in SCHEDULES:
        raise ValueError(unknown("schedule", name, SCHEDULES))
    make = SCHEDULES[name]
    return make(steps) if make in (linear, cosine) else make()


def _settles_at(final: float) -> Condition:
    if final > 0:
        why = "from step τ on it is constant at ε_τ > 0, so Σε_k² = ∞: the noise of ε_τ stays"
        return Condition(True, False, why)
    return Condition(False, True, "it is 0 from step τ on, so Σε_k is finite")


def _whole(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"Invalid {name}: {value!r}; allowed is a whole number, {least} or above")
    return value


def _share(name: str, value: float) -> float:
    if not (_is_number(value) and 0 <= value <= 1):
        raise ValueError(f"Invalid {name}: {value!r}; allowed is a share of the initial rate, from 0 to 1")
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)
