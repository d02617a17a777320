"""A rule as a list of instructions: found by running it once on symbols instead of numbers.

Two kinds of value: an `Element` differs from weight to weight, a `Scalar` is the same for all weights of a step.
Arithmetic among scalars alone is done once a step in double precision, as Python does it when the plain rule runs on
tensors; only its result enters the loop. The norm of a tensor is an element that happens to be the same for all its
weights; a kernel must have read them all before it is known.
"""

import math
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from steepest.rules.rule import NotARule
from steepest.rules.verbs import sqrt


class NotTraceable(TypeError):
    """A rule does something that a compiled loop cannot do."""


@dataclass(frozen=True, eq=False)
class Scalar:
    """A number of the step, by the Python expression that works it out from the constants."""

    text: str

    def _with(self, other: Any, sign: str, swap: bool = False) -> Any:
        if isinstance(other, (Element, Condition)):
            return NotImplemented
        a, b = (scalar(other), self) if swap else (self, scalar(other))
        return Scalar(f"({a.text} {sign} {b.text})")

    def __add__(self, other: Any) -> Any:
        return self._with(other, "+")

    def __radd__(self, other: Any) -> Any:
        return self._with(other, "+", swap=True)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, "-")

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, "-", swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, "*")

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, "*", swap=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, "/")

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, "/", swap=True)

    def __pow__(self, other: Any) -> Any:
        return self._with(other, "**")

    def __neg__(self) -> "Scalar":
        return Scalar(f"(-{self.text})")

    def sqrt(self) -> "Scalar":
        """The square root, as `steepest.rules.verbs.sqrt` asks for it."""
        return Scalar(f"sqrt({self.text})")

    def __bool__(self) -> bool:
        raise NotTraceable("an `if` on a constant; what changes the structure belongs into a rule of its own")

    def _compared(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, Element) else bool(self)

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _compared
    __hash__ = None  # pyright: ignore[reportAssignmentType]


def scalar(x: Any) -> Scalar:
    """A number as a scalar."""
    if isinstance(x, Scalar):
        return x
    if isinstance(x, (int, float)) and not isinstance(x, bool):
        return Scalar(f"({float(x)!r})" if x < 0 else repr(float(x)))
    raise NotTraceable(f"{x!r} in a calculation; a rule computes with its arguments and plain numbers only")


OF_CONDITIONS = {"not", "and", "or", "number"}  # operations whose arguments are conditions; of `where` it is the first


@dataclass
class Program:
    """The instructions of one weight's update.

    inputs        names of the arrays that are read
    instructions  (operation, arguments): an argument is the number of an earlier value, inputs first, or a scalar's
                  text
    scalars       the step's numbers that enter: Python expressions of the constants
    """

    inputs: Sequence[str]
    instructions: list[tuple[str, tuple[int | str, ...]]] = field(default_factory=list)
    scalars: list[str] = field(default_factory=list)

    def value(self, number: int) -> "Element":
        """The symbol of a value."""
        return Element(self, number)

    def instruction(self, number: int) -> tuple[str, tuple[int | str, ...]]:
        """What makes a value; "input" for one that is read."""
        place = number - len(self.inputs)
        return self.instructions[place] if place >= 0 else ("input", ())

    def behind(self, wanted: Iterable[int | str], known: Container[int | str]) -> list[int]:
        """All values that these are made of, themselves included, in the order in which they are to be computed."""
        found, ahead = set(), list(wanted)
        while ahead:
            number = ahead.pop()
            if isinstance(number, int) and number not in known and number not in found:
                found.add(number)
                ahead += self.instruction(number)[1]
        return sorted(found)

    @property
    def norms(self) -> list[int]:
        """The values that are norms of whole tensors, in their order."""
        return [n for n, (op, _) in enumerate(self.instructions, len(self.inputs)) if op == "norm"]

    @property
    def sums(self) -> int:
        """How many sums a chunk has place for: one for each norm, and one for the gradients' norm in any case."""
        return max(1, len(self.norms))

    def readings(self) -> list[list[int]]:
        """The norms in the turns in which they can be found: one of what needs a norm has to wait for that."""
        depths: dict[int | str, int] = {}
        for number, (operation, arguments) in enumerate(self.instructions, len(self.inputs)):
            depths[number] = max((depths.get(a, 0) for a in arguments), default=0) + (operation == "norm")
        return [[n for n in self.norms if depths[n] == depth] for depth in sorted({depths[n] for n in self.norms})]

    def add(self, operation: str, *arguments: Any) -> int:
        """Append an instruction, or find the same one again; returns its value's number."""
        conditions = len(arguments) if operation in OF_CONDITIONS else int(operation == "where")
        written = (operation, tuple(self._argument(a, place < conditions) for place, a in enumerate(arguments)))
        if written not in self.instructions:
            self.instructions.append(written)
        return len(self.inputs) + self.instructions.index(written)

    def _argument(self, x: Any, is_condition: bool = False) -> int | str:
        if is_condition and not isinstance(x, Condition):
            raise NotTraceable("a number where a condition is needed; compare it, as in x != 0")
        if isinstance(x, Condition) and not is_condition:
            return self.add("number", x)
        if isinstance(x, _Symbol):
            return x.number
        text = scalar(x).text
        if text not in self.scalars:
            self.scalars.append(text)
        return text


class _Symbol:
    __array_ufunc__ = None

    def __init__(self, program: Program, number: int) -> None:
        self.program, self.number = program, number

    def __bool__(self) -> bool:
        raise NotTraceable("an `if` on a weight's own numbers; use steepest.rules.verbs.where(condition, a, b)")


class Condition(_Symbol):
    """A truth value for each weight."""

    def where(self, *_: Any) -> Any:
        """Only here to be asked for by `verbs.where`, which then calls it on an element."""
        raise NotTraceable("`where` on a condition alone")

    def __invert__(self) -> "Condition":
        return Condition(self.program, self.program.add("not", self))

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(self.program, self.program.add("and", self, other))

    def __or__(self, other: "Condition") -> "Condition":
        return Condition(self.program, self.program.add("or", self, other))

    def __mul__(self, other: Any) -> "Element":
        return Element(self.program, self.program.add("number", self)) * other

    __rmul__ = __mul__

    def _compared(self, _: Any) -> Any:
        raise NotTraceable("a comparison of conditions; use &, | and ~")

    __eq__ = __ne__ = _compared
    __hash__ = None  # pyright: ignore[reportAssignmentType]


def _binary(operation: str, swap: bool = False) -> Callable[..., "Element"]:
    def method(self: "Element", other: Any) -> "Element":
        pair = (other, self) if swap else (self, other)
        return Element(self.program, self.program.add(operation, *pair))

    return method


def _comparison(operation: str) -> Callable[..., Condition]:
    return lambda self, other: Condition(self.program, self.program.add(operation, self, other))


def _unary(operation: str) -> Callable[["Element"], "Element"]:
    return lambda self: Element(self.program, self.program.add(operation, self))


def _in_place(operation: str) -> Callable[["Element", Any], "Element"]:
    """As a tensor has it: whoever holds the same value sees the new one."""

    def method(self: "Element", other: Any) -> "Element":
        if self.number < len(self.program.inputs):
            name = self.program.inputs[self.number]
            raise NotARule(
                f"a rule writes into nothing that it is given, this one into {name}: write {name} = {name} …"
            )
        self.number = getattr(self, f"__{operation}__")(other).number
        return self

    return method


class Element(_Symbol):
    """A number for each weight; takes part in arithmetic like a float, and has the verbs as methods like a tensor."""

    __add__, __radd__ = _binary("add"), _binary("add", swap=True)
    __sub__, __rsub__ = _binary("sub"), _binary("sub", swap=True)
    __mul__, __rmul__ = _binary("mul"), _binary("mul", swap=True)
    __truediv__, __rtruediv__ = _binary("div"), _binary("div", swap=True)
    __iadd__, __isub__, __ipow__ = _in_place("add"), _in_place("sub"), _in_place("pow")
    __imul__, __itruediv__ = _in_place("mul"), _in_place("truediv")
    __lt__, __le__ = _comparison("<"), _comparison("<=")
    __gt__, __ge__ = _comparison(">"), _comparison(">=")
    __eq__, __ne__ = _comparison("=="), _comparison("!=")  # pyright: ignore[reportAssignmentType]
    __hash__ = None  # pyright: ignore[reportAssignmentType]
    __neg__, __abs__, sqrt, sign = _unary("neg"), _unary("abs"), _unary("sqrt"), _unary("sign")
    norm = _unary("norm")
    sgn = sign
    maximum = _binary("max")

    def new_tensor(self, number: Any) -> Any:
        """A number stays one; it is spread over the weights where it is used."""
        return _Spread(scalar(number))

    def where(self, condition: Condition, other: Any) -> "Element":
        """This element where the condition holds, else the other."""
        return Element(self.program, self.program.add("where", condition, self, other))

    def __pow__(self, power: Any) -> "Element":
        if power == 2:
            return self * self
        if power == 0.5:
            return self.sqrt()
        raise NotTraceable(f"** {power!r}; a rule has the powers 2 and 0.5, else products")


class _Spread(Scalar):
    def __init__(self, of: Scalar) -> None:
        super().__init__(of.text)

    def maximum(self, other: Element) -> Element:
        return other.maximum(self)


@dataclass(frozen=True, eq=False)
class Traced:
    """A program with the arrays that it writes: each output is the number of a value, or a scalar's text.

    Two are equal when they are the same kernel.
    """

    program: Program
    outputs: dict[str, int | str]
    constants: tuple[str, ...]

    @cached_property
    def numbers(self) -> Callable[..., tuple[float, ...]]:
        """The function of the constants, by name, that gives the program's scalars in their order.

        The expressions are this module's own; floats go in and out, or NumPy arrays with an element for each row.
        """
        texts = "".join(f"{text}, " for text in self.program.scalars)
        return eval(f"lambda {', '.join(self.constants)}: ({texts})", {"sqrt": sqrt, "inf": math.inf, "nan": math.nan})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Traced) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    @cached_property
    def text(self) -> str:
        """The whole program as text."""
        lines = [f"in {', '.join(self.program.inputs)}", f"with {', '.join(self.program.scalars)}"]
        first = len(self.program.inputs)
        lines += [f"{first + i} = {op} {args}" for i, (op, args) in enumerate(self.program.instructions)]
        return "\n".join([*lines, *(f"out {name} = {value}" for name, value in self.outputs.items())])


def trace(
    function: Callable[..., dict[str, Any]],
    inputs: Sequence[str],
    constants: Sequence[str],
    more_scalars: Sequence[str] = (),
) -> Traced:
    """Run `function(elements, scalars)` on symbols: it returns the arrays to write, by name.

    more_scalars: constants that the kernel needs though no instruction has them.

    >>> adding = trace(lambda x, c: {"theta": x["theta"] - (1 - c["beta"]) * x["g"]}, ["theta", "g"], ["beta"])
    >>> print(adding.text)
    in theta, g
    with (1.0 - beta)
    2 = mul ('(1.0 - beta)', 1)
    3 = sub (0, 2)
    out theta = 3
    """
    program = Program(inputs, scalars=list(more_scalars))
    elements = {name: program.value(number) for number, name in enumerate(inputs)}
    scalars = {name: Scalar(name) for name in constants}
    try:
        outputs = function(elements, scalars)
        written = {name: program._argument(x) for name, x in outputs.items()}
        return Traced(program, written, tuple(constants))
    except NotARule:
        raise
    except (TypeError, AttributeError, ValueError) as fault:
        raise NotTraceable(str(fault)) from fault
