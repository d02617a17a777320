"""The functions that can be descended by name, and what is known about them.

Each is an expression like one of your own; only where to start, which settings make sense and what part of the plane
to show is added.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from steepest.descent.expression import CONSTANTS, VARIABLES, Expression, parse
from steepest.names import unknown

__all__ = ["FUNCTIONS", "Function", "function"]

Point = tuple[float, ...]
Range = tuple[float, float]


@dataclass(frozen=True)
class Function:
    """A function of one or two variables, with what descending it needs.

    name      as commands know it, or the expression itself
    title     one line about it
    formula   its expression
    start     where to begin if nothing else is said
    steps     how many steps show something
    lr        a rate that suits rules whose step is in proportion to the gradient
    lr_scaled a rate that suits rules that divide by the gradient's own size
    settings  other hyperparameters, for the rules that have them
    view      the range to show of each variable; None: wherever the path leads
    minima    the known minima; in one dimension they are found
    """

    name: str
    title: str
    formula: Expression
    start: Point
    steps: int = 100
    lr: float = 0.01
    lr_scaled: float = 0.1
    settings: Mapping[str, float] = field(default_factory=dict)
    view: tuple[Range, ...] | None = None
    minima: tuple[Point, ...] = ()

    @property
    def dimension(self) -> int:
        """The number of variables."""
        return len(self.formula.variables)

    def value(self, theta: np.ndarray) -> float:
        """f(θ)."""
        return float(self.formula(*theta))

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """∇f(θ)."""
        return np.array(self.formula.differentiate(*theta)[1])

    def minima_between(self, low: float, high: float) -> tuple[Point, ...]:
        """The known minima, or in one dimension those that lie between two numbers."""
        return self.minima if self.dimension > 1 else tuple((x,) for x in turning_points(self, low, high, upwards=True))


def turning_points(function: Function, low: float, high: float, upwards: bool, samples: int = 4001) -> list[float]:
    """Where the derivative of a function of one variable changes its sign, to the last digit; not where it has a pole.

    upwards: from − to + (minima) or from + to − (maxima).
    """
    sign = 1.0 if upwards else -1.0
    x = np.linspace(low, high, samples)
    value, (slope, *_) = function.formula.differentiate(x)
    exists, slope = np.isfinite(value), sign * np.asarray(slope)
    crossings = np.flatnonzero((slope[:-1] < 0) & (slope[1:] >= 0) & exists[:-1] & exists[1:])
    points = [_bisect(function, sign, float(x[i]), float(x[i + 1])) for i in crossings]
    return [point for point in points if np.isfinite(function.gradient(np.array([point]))).all()]


def _bisect(function: Function, sign: float, low: float, high: float) -> float:
    while low < (middle := (low + high) / 2) < high:
        below = sign * function.gradient(np.array([middle]))[0] < 0
        low, high = (middle, high) if below else (low, middle)
    return high + 0.0  # never −0


FUNCTIONS: dict[str, Function] = {
    f.name: f
    for f in (
        Function(
            "quartic",
            "the lecture's worked example: a local and a global minimum",
            parse("0.3*x**4 - 0.1*x**3 - 2*x**2 - 0.8*x"),
            start=(-2.8,),
            steps=99,
            lr=0.05,
            lr_scaled=0.05,
            settings={"momentum": 0.7},
            view=((-3.0, 3.0),),
        ),
        Function(
            "nice",
            "a round bowl: all features are equally important",
            parse("0.5*x**2 + 0.5*y**2"),
            start=(-4.0, 2.5),
            steps=60,
            lr=0.065,
            lr_scaled=0.3,
            settings={"momentum": 0.7},
            view=((-5.0, 5.0), (-3.5, 3.5)),
            minima=((0.0, 0.0),),
        ),
        Function(
            "harder",
            "a stretched bowl: one feature counts twenty times as much as the other",
            parse("0.5*x**2 + 10*y**2"),
            start=(-4.0, 2.5),
            steps=60,
            lr=0.065,
            lr_scaled=0.3,
            settings={"momentum": 0.7},
            view=((-5.0, 5.0), (-3.5, 3.5)),
            minima=((0.0, 0.0),),
        ),
        Function(
            "rosenbrock",
            "Rosenbrock's valley: easy to find, hard to follow",
            parse("(1 - x)**2 + 100*(y - x**2)**2"),
            start=(-1.2, 1.0),
            steps=500,
            lr=0.001,
            lr_scaled=0.05,
            view=((-2.0, 2.0), (-1.0, 3.0)),
            minima=((1.0, 1.0),),
        ),
        Function(
            "beale",
            "Beale's function: flat, with steep walls",
            parse("(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2"),
            start=(1.0, 1.5),
            steps=300,
            lr=0.005,
            lr_scaled=0.05,
            view=((-1.0, 4.5), (-2.0, 2.0)),
            minima=((3.0, 0.5),),
        ),
        Function(
            "himmelblau",
            "Himmelblau's function: four minima of equal depth",
            parse("(x**2 + y - 11)**2 + (x + y**2 - 7)**2"),
            start=(-0.5, -1.0),
            steps=100,
            lr=0.005,
            lr_scaled=0.1,
            view=((-5.5, 5.5), (-5.5, 5.5)),
            minima=(
                (3.0, 2.0),
                (-2.805118086952745, 3.131312518250573),
                (-3.779310253377747, -3.283185991286170),
                (3.584428340330492, -1.848126526964404),
            ),
        ),
        Function(
            "saddle",
            "a saddle at the origin between two minima",
            parse("0.5*x**2 - 0.5*y**2 + 0.25*y**4"),
            start=(-1.8, 0.01),
            steps=100,
            lr=0.1,
            lr_scaled=0.1,
            settings={"momentum": 0.7},
            view=((-2.2, 2.2), (-1.6, 1.6)),
            minima=((0.0, 1.0), (0.0, -1.0)),
        ),
    )
}


def function(name: str) -> Function:
    """The named function, or the expression as a function that starts at 1, or at (1, 1).

    Raises ValueError for an unknown name (with the nearest known one) or an expression that cannot be read.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) and name not in (*VARIABLES, *CONSTANTS):
        raise ValueError(unknown("function", name, FUNCTIONS) + "; or give an expression such as 'x**4 - x**2'")
    formula = parse(name)
    return Function(name, "an expression of your own", formula, start=(1.0,) * len(formula.variables))
