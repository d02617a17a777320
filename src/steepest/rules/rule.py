"""What an update rule is: two plain functions and the facts about them.

    prepare(t, lr, …)                  once a step, in double precision   → the step's constants, by name
    update(theta, g, slots…, consts…)  once a weight                      → theta, slots…

`update` is a function of numbers. It never learns whether it runs on a float, an array, a tensor or inside a compiled
loop, so the same lines serve all of them. Its arguments are matched by name: after `theta` and `g` come the slots'
symbols in order, then constants that `prepare` returns.
"""

import inspect
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from steepest.rules.verbs import in_the_precision_of

Constants = dict[str, float]


DECAYS = ("coupled", "decoupled", "independent", "own")
THETA = "theta"  # what a slot may start from


class InvalidNumber(ValueError):
    """A number outside its allowed range."""


class NotANumber(InvalidNumber, TypeError):
    """Something that is no number where one is needed."""


class NotARule(TypeError):
    """A function that does not do what a rule must."""


@cache
def arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's arguments, in order."""
    return tuple(inspect.signature(function).parameters)


@dataclass(frozen=True)
class Hyperparameter:
    """A number that the user chooses: its name in the classes, default, allowed range and meaning.

    `search` is the centre of the values worth trying, on a logarithmic scale, for rules that are tuned by it.
    `phrase` is what an error calls it, in torch's words where torch has some.
    """

    name: str
    default: float
    meaning: str
    low: float = 0.0
    high: float = math.inf
    below_high: bool = True
    whole: bool = False
    search: float | None = None
    phrase: str = ""

    def check(self, value: Any) -> float:
        """The value as a float, if it is a number (or a one-element array or tensor) in the allowed range.

        Raises `InvalidNumber`, a ValueError, for NaN, ±∞ or a number out of range, and `NotANumber`, a TypeError too,
        for anything else: bool, str, None, an array of several elements.
        """
        number = as_float(value)
        if number is None:
            raise NotANumber(f"Invalid {self.phrase}: {value!r}; {self.name} must be {self.range}, not {_kind(value)}")
        inside = self.low <= number and (number < self.high if self.below_high else number <= self.high)
        if not (math.isfinite(number) and inside and (number.is_integer() or not self.whole)):
            raise InvalidNumber(f"Invalid {self.phrase}: {number}; {self.name} must be {self.range}")
        return number

    @property
    def range(self) -> str:
        """The range in words."""
        if self.high < math.inf:
            number = "a whole number" if self.whole else "a number"
            return f"{number} in [{self.low:g}, {self.high:g}{')' if self.below_high else ']'}"
        return "a finite number" if self.low == -math.inf else f"a finite number, {self.low:g} or above"


@dataclass(frozen=True)
class Slot:
    """An array that a rule remembers for each weight.

    name     its key in a state_dict (torch's where torch has one)
    symbol   its name in the equation and in `update`
    initial  what it starts from: a number, the name of the hyperparameter that says so, or "theta", then θ itself
    precise  whether 16 bits are too few whatever the user wants: for a copy of weights, for what nearly cancels
    """

    name: str
    symbol: str
    meaning: str
    initial: float | str = 0.0
    precise: bool = False


@dataclass(frozen=True)
class Rule:
    """An update rule: its functions and the facts that classes, checks, search spaces, commands and docs read.

    name, title      as commands and people call it
    update           once a weight: (theta, g, slots…, constants…) → (theta, slots…), or theta alone without slots
    prepare          once a step: (t, hyperparameters…, memory…) → constants by name; t counts from 1
    slots            what is remembered for each weight
    hyperparameters  what the user chooses
    equation         the update in LaTeX, the lecture's letters
    reference        where it was published
    memory           numbers kept from step to step: `prepare` receives them and returns their next values by name
    counts_steps     False when t is used only to know the first step (then t is 1, and 2 ever after)
    decay            how weight decay λ enters: "coupled" adds λθ to the gradient, at the point where that is taken;
                     "decoupled" shrinks θ by ελθ first; "independent" by λθ times the share that a schedule has
                     left of ε; "own" leaves it to `prepare` and `update`
    gradient_point   where the gradient is taken, if not at θ: a function of theta, slots and constants by name
    evaluation_point where the model is judged, if not at θ: likewise
    depends_on       what a weight's step depends on: its own numbers alone ("weight"), the norms of its tensor too
                     ("norms"), or rows and columns ("matrix"; such a rule runs as operations on whole tensors)
    reads_outside    whether `prepare` must be asked each step, for it may refuse what has changed outside the rule
    sparse           how a sparse gradient enters: "rows", those alone that it holds, where a gradient of 0 is no step;
                     "filled" with its zeros; None, not at all
    """

    name: str
    title: str
    update: Callable[..., Any]
    prepare: Callable[..., Constants]
    slots: tuple[Slot, ...]
    hyperparameters: tuple[Hyperparameter, ...]
    equation: str
    reference: str
    memory: Mapping[str, float] = field(default_factory=dict)
    counts_steps: bool = True
    decay: str = "coupled"
    gradient_point: Callable[..., Any] | None = None
    evaluation_point: Callable[..., Any] | None = None
    depends_on: str = "weight"
    reads_outside: bool = False
    sparse: str | None = None

    def __post_init__(self) -> None:
        for fault in _faults(self):
            raise TypeError(f"{self.name}: {fault}")

    @property
    def defaults(self) -> dict[str, float]:
        """Each hyperparameter's default by name."""
        return {h.name: h.default for h in self.hyperparameters}

    @property
    def elementwise(self) -> bool:
        """Whether a weight's step depends on its own numbers alone."""
        return self.depends_on == "weight"

    @property
    def moves_the_gradient_point(self) -> bool:
        """Whether the gradient is taken, or the model judged, somewhere else than at θ."""
        return self.gradient_point is not None or self.evaluation_point is not None

    @property
    def constant_names(self) -> tuple[str, ...]:
        """The constants that `update` takes, in its order."""
        return arguments(self.update)[2 + len(self.slots) :]

    def constants(
        self, t: int, hyperparameters: Mapping[str, float], memory: Mapping[str, float] | None = None
    ) -> Constants:
        """The numbers of step t (from 1): everything that is the same for all weights, in double precision."""
        return self.bind(hyperparameters)(t, self.memory if memory is None else memory)

    def bind(self, hyperparameters: Mapping[str, float]) -> Callable[[int, Mapping[str, float]], Constants]:
        """`constants` for these hyperparameters, which step after step is asked for: a function of t and memory."""
        known = {**self.defaults, **hyperparameters}
        asked = arguments(self.prepare)
        fixed = {name: known[name] for name in asked if name in known}
        told_t = {"t"} & set(asked)
        remembered = [name for name in asked if name in self.memory]
        weight_decay = 0.0 if self.decay == "own" else known.get("weight_decay", 0.0)
        decay = weight_decay and weight_decay * self._decay_rate(known)
        where = "coupled" if self.decay == "coupled" else "decoupled"

        def constants(t: int, memory: Mapping[str, float]) -> Constants:
            given = {**fixed, **{name: memory[name] for name in remembered}} if remembered else fixed
            prepared = self.prepare(t=t, **given) if told_t else self.prepare(**given)
            if weight_decay:
                prepared[where] = decay
            return prepared

        return constants

    def _decay_rate(self, known: Mapping[str, float]) -> float:
        if self.decay != "independent":
            return known["lr"] if self.decay == "decoupled" else 1.0
        initial = known.get("initial_lr", known["lr"])
        return known["lr"] / initial if initial else 1.0

    def initial(self, hyperparameters: Mapping[str, float], theta: Any = None) -> dict[str, Any]:
        """What each slot starts from, by its symbol; one that starts from θ from the θ that is given."""
        known = {**self.defaults, **hyperparameters, THETA: theta}
        return {s.symbol: known[s.initial] if isinstance(s.initial, str) else s.initial for s in self.slots}

    def step(self, theta: Any, g: Any, slots: Sequence[Any], constants: Constants) -> tuple[Any, ...]:
        """One update of whatever computes like a number: (theta, slots…) after the step; nothing given is changed."""
        if "coupled" in constants:
            g = coupled_decay(self.point(self.gradient_point, theta, slots, constants), g, constants["coupled"])
        if "decoupled" in constants:
            theta = decoupled_decay(theta, constants["decoupled"])
        with in_the_precision_of(theta):
            result = self.update(theta, g, *slots, *(constants[name] for name in self.constant_names))
        result = tuple(result) if isinstance(result, (tuple, list)) else (result,)
        if len(result) != 1 + len(self.slots):
            raise NotARule(
                f"{self.name}: update returned {len(result)} values; it returns "
                f"{', '.join(['theta', *(s.symbol for s in self.slots)])}, in this order: θ and each slot, which are "
                f"the arguments between g and the numbers"
            )
        for symbol, value in zip(["theta", *(s.symbol for s in self.slots)], result, strict=True):
            if value is None:
                raise NotARule(f"{self.name}: update returned None in the place of {symbol}")
        return result

    def point(self, where: Callable[..., Any] | None, theta: Any, slots: Sequence[Any], constants: Constants) -> Any:
        """θ itself, or the point that `gradient_point` or `evaluation_point` names."""
        if where is None:
            return theta
        known = {"theta": theta, **constants, **{s.symbol: x for s, x in zip(self.slots, slots, strict=True)}}
        return where(**{name: known[name] for name in arguments(where)})


def _faults(rule: Rule) -> Iterator[str]:
    """Where a rule's functions and facts do not fit together."""
    given = ["theta", "g", *(slot.symbol for slot in rule.slots)]
    written = arguments(rule.update)
    if list(written[: len(given)]) != given:
        yield (
            f"update({', '.join(written)}) does not fit its slots; "
            f"its arguments begin with {', '.join(given)}, then come the constants"
        )
    known = {"t", *rule.defaults, *rule.memory}
    if unknown := [name for name in arguments(rule.prepare) if name not in known]:
        yield f"prepare asks for {', '.join(unknown)}, neither t, nor a hyperparameter, nor memory"
    starts = [s.initial for s in rule.slots if isinstance(s.initial, str)]
    if unknown := [name for name in starts if name not in {*rule.defaults, THETA}]:
        yield f"a slot starts from {', '.join(unknown)}, which is no hyperparameter"
    if rule.decay not in DECAYS:
        yield f"decay is {rule.decay!r}; it is {', '.join(map(repr, DECAYS[:-1]))} or {DECAYS[-1]!r}"
    prepared = rule.constants(1, {})
    if missing := [name for name in rule.constant_names if name not in prepared]:
        yield f"update asks for {', '.join(missing)}, which prepare does not return"


def as_float(value: Any) -> float | None:
    """The value of a number, or of a one-element array or tensor; None for anything else, bool included."""
    if isinstance(value, numbers.Real):
        return None if isinstance(value, bool) else _rounded(value)
    if hasattr(value, "item") and math.prod(getattr(value, "shape", (0,))) == 1:
        return as_float(value.item())
    return None


def _rounded(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _kind(value: Any) -> str:
    if hasattr(value, "shape"):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    return type(value).__name__


def coupled_decay(theta, g, decay):
    """L2 regularisation: the gradient of the loss + λ/2‖θ‖²."""
    return g + decay * theta


def decoupled_decay(theta, decay):
    """Weight decay beside the gradient (Loshchilov & Hutter 2019): θ ← θ − ελθ."""
    return theta - decay * theta


def variant(rule: Rule, **changes: Any) -> Rule:
    """The same mathematics under other facts: another name, default or form of decay.

    `defaults={"lr": 0.1}` changes the named hyperparameters' defaults; every other keyword is a field of `Rule`.
    """
    defaults = changes.pop("defaults", {})
    hyperparameters = tuple(replace(h, default=defaults.get(h.name, h.default)) for h in rule.hyperparameters)
    return replace(rule, **{"hyperparameters": hyperparameters, **changes})
