"""A function written as text, read into a tree of known operations and never run as code; its derivatives are exact.

>>> f = parse("0.3*x^4 - 0.1*x^3 - 2*x^2 - 0.8*x")
>>> f.variables
('x',)
>>> value, gradient = f.differentiate(-2.8)
>>> round(float(value), 5), round(float(gradient[0]), 4)
(7.19488, -18.2944)

The tree is walked with sparse dual numbers: a value, and its derivative by each variable that it depends on. Values may
be numbers or arrays. What is not a number (log of −1, 1/0) comes out as NaN or ∞, never as an exception.
"""

import ast
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from steepest.names import nearest

__all__ = ["CONSTANTS", "FUNCTIONS", "VARIABLES", "Expression", "parse"]

VARIABLES = ("x", "y")
CONSTANTS = {"pi": math.pi, "e": math.e}
LONGEST_TEXT = 1000
DEEPEST_TREE = 100
SPELLINGS = {"^": "**", "−": "-", "·": "*", "×": "*", "²": "**2", "³": "**3", "⁴": "**4"}

# Each function with its derivative, which may use the function's own value.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "sin": (np.sin, lambda u, _: np.cos(u)),
    "cos": (np.cos, lambda u, _: -np.sin(u)),
    "tan": (np.tan, lambda _, f: 1 + f * f),
    "exp": (np.exp, lambda _, f: f),
    "log": (np.log, lambda u, _: 1 / u),
    "sqrt": (np.sqrt, lambda _, f: 0.5 / f),
    "abs": (np.abs, lambda u, _: np.sign(u)),
    "tanh": (np.tanh, lambda _, f: 1 - f * f),
}


@dataclass(frozen=True)
class Dual:
    """A value and its derivatives; a variable that is missing in `slopes` does not occur in the value."""

    value: Any
    slopes: Mapping[str, Any]

    def chain(self, value: Any, factor: Any) -> "Dual":
        """f(self), given its value and f′(self)."""
        return Dual(value, {name: factor * slope for name, slope in self.slopes.items()})


def _sum(a: Dual, b: Dual) -> dict[str, Any]:
    slopes = {**a.slopes, **b.slopes}
    return slopes | {name: a.slopes[name] + b.slopes[name] for name in a.slopes if name in b.slopes}


def add(a: Dual, b: Dual) -> Dual:
    return Dual(a.value + b.value, _sum(a, b))


def negate(a: Dual) -> Dual:
    return a.chain(-a.value, -1.0)


def subtract(a: Dual, b: Dual) -> Dual:
    return add(a, negate(b))


def multiply(a: Dual, b: Dual) -> Dual:
    product = a.value * b.value
    return Dual(product, _sum(a.chain(product, b.value), b.chain(product, a.value)))


def divide(a: Dual, b: Dual) -> Dual:
    quotient = a.value / b.value
    return Dual(quotient, _sum(a.chain(quotient, 1 / b.value), b.chain(quotient, -quotient / b.value)))


def power(a: Dual, b: Dual) -> Dual:
    value = np.power(a.value, b.value)
    by_base = a.chain(value, np.where(b.value == 0, 0.0, b.value * np.power(a.value, b.value - 1)))
    if not b.slopes:
        return by_base
    by_exponent = b.chain(value, np.where(value == 0, 0.0, value * np.log(a.value)))
    return Dual(value, _sum(by_base, by_exponent))


OPERATIONS: dict[type[ast.operator], Callable[[Dual, Dual], Dual]] = {
    ast.Add: add,
    ast.Sub: subtract,
    ast.Mult: multiply,
    ast.Div: divide,
    ast.Pow: power,
}


@dataclass(frozen=True)
class Expression:
    """A function of x, or of x and y.

    text       as it was written
    variables  ("x",) or ("x", "y")
    walk       the tree as a function from variables (as dual numbers) to a dual number
    """

    text: str
    variables: tuple[str, ...]
    walk: Callable[[Mapping[str, Dual]], Dual]

    def differentiate(self, *point: Any) -> tuple[Any, tuple[Any, ...]]:
        """The value and the derivative by each variable, at numbers or arrays."""
        values = [np.asarray(p, dtype=float) for p in point]
        known = {
            name: Dual(value, {name: np.ones_like(value)}) for name, value in zip(self.variables, values, strict=True)
        }
        with np.errstate(all="ignore"):
            result = self.walk(known)
        zero = np.zeros_like(values[0])
        return result.value + zero, tuple(result.slopes.get(name, zero) + zero for name in self.variables)

    def __call__(self, *point: Any) -> Any:
        """The value at numbers or arrays."""
        return self.differentiate(*point)[0]


def parse(text: str) -> Expression:
    """Read an expression of x, or of x and y.

    Known are + - * / ** (also ^), brackets, numbers, pi, e and the names in `FUNCTIONS`. Raises ValueError for
    anything else, naming the place.
    """
    if not isinstance(text, str):
        raise ValueError(f"an expression is text, not {type(text).__name__}")
    source = " ".join(text.split())
    for spelling, meaning in SPELLINGS.items():
        source = source.replace(spelling, meaning)
    if len(source) > LONGEST_TEXT:
        raise ValueError(f"the expression has {len(source)} characters; at most {LONGEST_TEXT} are read")
    if not source:
        raise ValueError("the expression is empty; write one with x, such as 'x**2 - x'")
    names: set[str] = set()
    walk = _Reader(source, names).read(_syntax(source), 0)
    if not names:
        raise ValueError(f"the expression {_short(text)!r} has no variable; write it with x, or with x and y")
    return Expression(text, VARIABLES if "y" in names else VARIABLES[:1], walk)


def _syntax(source: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source, mode="eval").body
    except SyntaxError as error:
        _fail(source, (error.offset or 1) - 1, _plain(error.msg))
    except (ValueError, MemoryError, RecursionError):
        raise ValueError(
            "the expression cannot be read: it is nested too deeply or has characters that no formula has"
        ) from None


def _plain(message: str) -> str:
    if message.startswith("invalid decimal literal"):
        return "a number and a name without a sign between them (for 2x write 2*x)"
    return message.split(". Perhaps")[0]


def _fail(source: str, place: int, message: str) -> NoReturn:
    rest = source[place : place + 20]
    where = f"column {place + 1}, at {rest!r}" if rest else "the end"
    raise ValueError(f"cannot read the expression {_short(source)!r}: {message}; {where}")


def _short(source: str, length: int = 60) -> str:
    return source if len(source) <= length else source[: length - 1] + "…"


Walk = Callable[[Mapping[str, Dual]], Dual]


@dataclass(frozen=True)
class _Reader:
    """Turns syntax into nested functions of the few kinds listed here; everything else is refused."""

    source: str
    names: set[str]

    def read(self, node: ast.expr, depth: int) -> Walk:
        if depth > DEEPEST_TREE:
            self.refuse(node, f"nested deeper than {DEEPEST_TREE} operations")
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(node, number)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.read(operand, depth + 1)
                return lambda known: negate(inner(known))
            case ast.BinOp(op=op, left=left, right=right) if type(op) in OPERATIONS:
                return self.operation(OPERATIONS[type(op)], left, right, depth)
            case ast.Call(func=ast.Name(id=name) as func, args=[argument], keywords=[]):
                return self.function(func, name, argument, depth)
        return self.refuse(node, _reason(node))

    def number(self, node: ast.expr, number: float) -> Walk:
        try:
            constant = Dual(np.float64(number), {})
        except OverflowError:
            self.refuse(node, "a number too large")
        return lambda _: constant

    def name(self, node: ast.expr, name: str) -> Walk:
        if name in CONSTANTS:
            return self.number(node, CONSTANTS[name])
        if name not in VARIABLES:
            use = f"{name} is a function: write {name}(x)" if name in FUNCTIONS else f"unknown name {name!r}"
            self.refuse(node, f"{use}; known are {', '.join((*VARIABLES, *CONSTANTS))}")
        self.names.add(name)
        return lambda known: known[name]

    def operation(self, operation: Callable[[Dual, Dual], Dual], left: ast.expr, right: ast.expr, depth: int) -> Walk:
        a, b = self.read(left, depth + 1), self.read(right, depth + 1)
        return lambda known: operation(a(known), b(known))

    def function(self, node: ast.expr, name: str, argument: ast.expr, depth: int) -> Walk:
        if name not in FUNCTIONS:
            self.refuse(node, _unknown_function(name))
        evaluate, derivative = FUNCTIONS[name]
        inner = self.read(argument, depth + 1)

        def walk(known: Mapping[str, Dual]) -> Dual:
            u = inner(known)
            value = evaluate(u.value)
            return u.chain(value, derivative(u.value, value)) if u.slopes else Dual(value, {})

        return walk

    def refuse(self, node: ast.expr, message: str) -> NoReturn:
        # ast counts bytes
        place = len(self.source.splitlines()[node.lineno - 1].encode()[: node.col_offset].decode())
        _fail(self.source, place, message)


def _unknown_function(name: str) -> str:
    if name in VARIABLES or name in CONSTANTS:
        return f"{name} is not a function (for {name}(…) write {name}*(…))"
    guess = nearest(name, FUNCTIONS)
    return (
        f"unknown function {name!r}; "
        + (f"did you mean {guess}? " if guess else "")
        + f"known are {', '.join(FUNCTIONS)}"
    )


def _reason(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Constant()):
            return "a number before a bracket without a sign between them (for 2(x + 1) write 2*(x + 1))"
        case ast.Call(func=ast.Name(id=name)):
            return f"{name} takes one argument" if name in FUNCTIONS else _unknown_function(name)
        case ast.Tuple():
            return "a comma (decimals have a point: 0.5)"
        case ast.Constant(value=value):
            return f"{value!r} is not a real number"
        case ast.Attribute() | ast.Subscript() | ast.Call():
            return "a formula has no attributes, indices or calls of anything but functions"
    return "not part of a formula; known are numbers, x, y, + - * / ** and functions"
