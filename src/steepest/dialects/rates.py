"""How a learning rate changes with the step k, which counts from 0: the forms that the libraries' schedules have.

>>> warm_up = Piece("linear", {"first": 0.0, "last": 0.5, "steps": 10})
>>> course = Course(((0, warm_up), (10, Piece("cosine", {"first": 0.5, "last": 0.0, "steps": 100}))))
>>> [round(course.rate(k), 3) for k in (0, 5, 10, 60, 110)]
[0.0, 0.25, 0.5, 0.25, 0.0]
>>> course.over(0.5).text()
'min(k / 10, 1) if k < 10 else (1 + math.cos(math.pi * min((k - 10) / 100, 1))) / 2'
"""

import ast
import inspect
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from steepest.dialects.numbers import shortest

SCALED = ("first", "last")  # the numbers of a form that are rates


def constant(k, first):  # noqa: ARG001
    return first


def linear(k, first, last, steps):
    return first + (last - first) * min(k / steps, 1)


def polynomial(k, first, last, steps, power):
    return last + (first - last) * (1 - min(k / steps, 1)) ** power


def exponential(k, first, factor, steps):
    return first * factor ** (k / steps)


def staircase(k, first, factor, steps):
    return first * factor ** (k // steps)


def exponential_to(k, first, factor, steps, last):
    return max(first * factor ** (k / steps), last)


def staircase_to(k, first, factor, steps, last):
    return max(first * factor ** (k // steps), last)


def inverse(k, first, decay, steps):
    return first / (1 + decay * (k / steps))


def inverse_staircase(k, first, decay, steps):
    return first / (1 + decay * (k // steps))


def cosine(k, first, last, steps):
    return last + (first - last) * ((1 + math.cos(math.pi * min(k / steps, 1))) / 2)


def cosine_wave(k, first, last, steps):
    return last + (first - last) * ((1 + math.cos(math.pi * (k / steps))) / 2)


FORMS: dict[str, Callable[..., float]] = {
    form.__name__: form
    for form in (
        constant,
        linear,
        polynomial,
        exponential,
        staircase,
        exponential_to,
        staircase_to,
        inverse,
        inverse_staircase,
        cosine,
        cosine_wave,
    )
}


@dataclass(frozen=True)
class Piece:
    """One of the forms with its numbers."""

    form: str
    numbers: Mapping[str, float]

    def rate(self, k: int) -> float:
        """The rate so many steps after the piece began."""
        try:
            return FORMS[self.form](k, **self.numbers)
        except OverflowError:
            return math.inf


@dataclass(frozen=True)
class Course:
    """A schedule: pieces, each with the step from which it holds; the first begins at 0."""

    pieces: tuple[tuple[int, Piece], ...]

    def rate(self, k: int) -> float:
        """The rate of step k."""
        start, piece = [each for each in self.pieces if each[0] <= k][-1]
        return piece.rate(k - start)

    def over(self, base: float) -> "Course":
        """The course whose rates are these as shares of one."""
        scaled = [
            (start, Piece(p.form, {n: shortest(x / base) if n in SCALED else x for n, x in p.numbers.items()}))
            for start, p in self.pieces
        ]
        return Course(tuple(scaled))

    @property
    def largest(self) -> float:
        """The largest rate that a piece begins or ends with."""
        return max(piece.numbers.get(name, 0.0) for _, piece in self.pieces for name in SCALED)

    @property
    def only(self) -> Piece | None:
        """The piece, where there is one."""
        return self.pieces[0][1] if len(self.pieces) == 1 else None

    @property
    def is_constant(self) -> bool:
        """Whether a number says the same."""
        return bool(self.only and self.only.form == "constant")

    @property
    def settled(self) -> tuple["Course", int | None]:
        """The course with what would rise again kept at its end, and up to which step that is the same."""
        *before, (start, last) = self.pieces
        if last.form != "cosine_wave":
            return self, None
        return Course((*before, (start, Piece("cosine", last.numbers)))), start + int(last.numbers["steps"])

    def same_as(self, other: "Course") -> bool:
        """Whether the rates agree at every kind of step: near the joints, near the ends, and far behind."""
        joints = {start for course in (self, other) for start, _ in course.pieces}
        ends = {start + int(p.numbers.get("steps", 0)) for course in (self, other) for start, p in course.pieces}
        far = max(ends | joints) + 1
        steps = {k + d for k in joints | ends for d in range(-2, 3)} | {far * i // 50 for i in range(150)}
        return all(
            math.isclose(self.rate(k), other.rate(k), rel_tol=1e-9, abs_tol=1e-12 * self.largest)
            for k in steps
            if k >= 0
        )

    def text(self) -> str:
        """The rate as an expression of k in Python; it may need `math`."""
        *before, last = self.pieces
        ends = [start for start, _ in self.pieces[1:]]
        parts = [f"{_text(piece, start)} if k < {end} else " for (start, piece), end in zip(before, ends, strict=True)]
        return "".join([*parts, _text(last[1], last[0])])


def _text(piece: Piece, start: int) -> str:
    """The form's own source with the numbers in the places of their names."""
    (function,) = ast.parse(inspect.getsource(FORMS[piece.form])).body
    returned: Any = function.body[-1]  # pyright: ignore[reportAttributeAccessIssue]
    return ast.unparse(_Filled(piece.numbers, start).visit(returned.value))


class _Filled(ast.NodeTransformer):
    """Puts numbers in the places of names, and leaves out what they make needless."""

    OPERATIONS: ClassVar = {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }
    NEEDLESS: ClassVar = {ast.Add: (0, 0), ast.Mult: (1, 1), ast.Div: (None, 1), ast.Pow: (None, 1)}

    def __init__(self, numbers: Mapping[str, float], start: int) -> None:
        self.known: dict[str, ast.expr] = {name: ast.Constant(value) for name, value in numbers.items()}
        if start:
            self.known["k"] = ast.BinOp(ast.Name("k", ast.Load()), ast.Sub(), ast.Constant(start))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.known.get(node.id, node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right, kind = getattr(node.left, "value", None), getattr(node.right, "value", None), type(node.op)
        if isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant) and kind in self.OPERATIONS:
            return ast.Constant(shortest(self.OPERATIONS[kind](left, right)))
        no_left, no_right = self.NEEDLESS.get(kind, (None, None))
        if isinstance(node.right, ast.Constant) and right == no_right and no_right is not None:
            return node.left
        if isinstance(node.left, ast.Constant) and left == no_left and no_left is not None:
            return node.right
        return node
