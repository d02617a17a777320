"""What a call of some library means here: a class of `steepest.optim`, its arguments, and the rule that they choose."""

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from steepest import optim
from steepest.dialects.call import Call, Expression, read_call
from steepest.dialects.libraries import find, meant
from steepest.dialects.library_rows import OTHERS, Constructor
from steepest.dialects.rates import Course, Piece
from steepest.dialects.refusals import ABROAD, IDLE, OPAQUE_DEFAULTS
from steepest.dialects.schedules import kind, read_schedule, read_scheduler
from steepest.dialects.script import read_script
from steepest.dialects.wrapped import unwrapped
from steepest.names import unknown
from steepest.optim.form import facts
from steepest.optim.options import WORDS, together
from steepest.rules import Rule

# what one call of Muon says for matrices and for all others
OF_ALL = ("dialect", "lr", "betas", "nesterov")
# what happens beside the rule
BESIDE = ("clip_norm", "maximize")


@dataclass(frozen=True)
class Followed:
    """What an optimizer does: its rule, the rule's numbers, and what happens beside it, if it does."""

    rule: Rule
    numbers: dict[str, float]
    beside: dict[str, Any]
    schedule: str | None = None  # what to write in the place of the rate


@dataclass(frozen=True)
class Recipe:
    """A call, understood.

    constructor  which optimizer of which library
    arguments    what was given, under our names, with the dialect
    abroad       what was given and has no counterpart here, with what it does
    idle         what was given and changes no number
    parameters   the model's parameters, as they were written
    course       how the rate changes, where it does
    others       what was given for the weights that are no matrices, where the optimizer is Muon
    """

    constructor: Constructor
    arguments: dict[str, Any]
    abroad: dict[str, str]
    idle: tuple[str, ...]
    parameters: str
    course: Course | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def apart(self) -> dict[str, Any]:
        """What a group of the weights that are no matrices must say, for the others' arguments are not theirs."""
        if self.constructor.method != "Muon" or self.constructor.written:
            return {}
        shared = {name: self.arguments[name] for name in OF_ALL if name in self.arguments}
        wanted = {**shared, **self.others}
        if self.constructor.library == "optax" and "eps" in self.arguments:
            wanted["eps"] = self.arguments["eps"]
        alone, with_the_rest = (
            followed("Muon", {**given, "adamw": True}).numbers for given in (wanted, {**self.arguments})
        )
        return {name: value for name, value in alone.items() if value != with_the_rest[name]}

    @property
    def followed(self) -> Followed:
        """What the optimizer does."""
        return followed(self.constructor.method, self.arguments)


def followed(method: str, arguments: Mapping[str, Any]) -> Followed:
    """What a class of `steepest.optim` does with these arguments; it is asked, so that its checks are made as well."""
    rule, numbers, group = _asked(getattr(optim, method), arguments)
    beside = {name: group[name] for name in BESIDE if group.get(name)}
    return Followed(rule, {name: value for name, value in numbers.items() if name in rule.defaults}, beside)


def defaults_of(optimizer_class: type[optim.Optimizer], dialect: str) -> dict[str, float]:
    """Each hyperparameter's value when only the dialect is given."""
    return _asked(optimizer_class, {"dialect": dialect})[1]


def _asked(optimizer_class: type[optim.Optimizer], arguments: Mapping[str, Any]) -> tuple[Rule, dict[str, float], Any]:
    """The rule, all numbers and the group of an optimizer that is made with these arguments."""
    made: Any = optimizer_class
    matrix = torch.nn.Parameter(torch.zeros(1, 1))  # which every class takes, Muon too
    optimizer = made([matrix], **arguments)
    group = optimizer.param_groups[0]
    return (*optimizer._read(group), group)


def read_recipe(text: str, library: str | None = None) -> Recipe:
    """The recipe of a line of code; `library` where its name does not say it. optax.chain is read where it can be."""
    return _recipe(read_script(text), library)


def _recipe(call: Call, library: str | None) -> Recipe:
    call, around = unwrapped(call)
    if kind(call.name) == "torch":
        return _scheduled(call, library)
    if kind(call.name):
        raise ValueError(f"{call.name} is a schedule; give the optimizer's call with it, as its learning_rate")
    return _with(understand(call, find(call.name, library)), around)


def _scheduled(scheduler: Call, library: str | None) -> Recipe:
    """An optimizer of torch's kind whose rate a scheduler changes."""
    optimizer = [*scheduler.positional[:1], scheduler.keywords.get("optimizer")][0]
    try:
        inner = read_call(optimizer.text if isinstance(optimizer, Expression) else "")
    except ValueError:
        raise ValueError(f"{scheduler.name} changes an optimizer's rate; give the optimizer's line above it") from None
    recipe = _recipe(inner, library)
    if recipe.course:
        raise ValueError(f"{scheduler.name} around {inner.name} is not read; join two schedulers by SequentialLR")
    if "params" not in recipe.constructor.parameters:
        raise ValueError(f"{scheduler.name} takes an optimizer of torch's kind; {recipe.constructor.shown} is none")
    _refuse_schedule(recipe.constructor)
    course = read_scheduler(scheduler, recipe.followed.numbers["lr"])
    return replace(recipe, course=course)


def _with(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    """The recipe with what stands around its optimizer in a chain."""
    name = recipe.constructor.shown
    if given.get("weight_decay") and recipe.followed.rule.decay != "coupled":
        raise ValueError(f"optax.add_decayed_weights before {name}, which has a decay of its own, is not read")
    if given.get("weight_decay") and recipe.arguments.get("weight_decay"):
        raise ValueError(f"weight decay stands in the chain and in {name}; say it once")
    return replace(recipe, arguments={**recipe.arguments, **given})


def understand(call: Call, constructor: Constructor) -> Recipe:
    """The recipe of a call.

    Raises ValueError for arguments that the library does not have, with the nearest one that it has.
    """
    given, parameters = _bound(call, constructor)
    constructor = meant(constructor, given)
    arguments: dict[str, Any] = {"dialect": constructor.dialect, **constructor.fixed}
    abroad, idle, course, falls, others = {}, [], None, 0.0, {}
    if "exclude_embeddings" in constructor.parameters:
        given.setdefault("exclude_embeddings", True)
    for name, value in given.items():
        if name in constructor.says:
            continue
        if name == "rms_rate" and value is None:
            abroad[name] = ABROAD[name]
            continue
        ours = constructor.parameters[name]
        if isinstance(value, Expression):
            course = read_schedule(value.text) if ours == "lr" else None
            if not course:
                raise ValueError(
                    f"{name}={value.text[:60]} of {constructor.shown} is no constant; write its value in its place"
                )
            arguments[ours] = course.largest
            course = None if course.is_constant else course
        elif ours.startswith(OTHERS):
            others |= {} if value is None else {ours.removeprefix(OTHERS): value}
        elif ours:
            if value is None and name in OPAQUE_DEFAULTS:
                arguments[ours] = False
            elif not (value is None and ours not in ("lr", "betas", "eps")):
                arguments[ours] = value
        elif name in IDLE:
            idle.append(name)
        elif name == "decay" and value:
            falls = value
        elif not _idle(name, value):
            abroad[name] = ABROAD[name]
    if arguments.get("nesterov") and not arguments.get("momentum") and constructor.dialect in ("keras", "optax"):
        idle.append("nesterov")  # without momentum: torch refuses it, these leave it out
        del arguments["nesterov"]
    if abroad.get("ema_momentum") and "use_ema" not in abroad:
        idle.append("ema_momentum")
        del abroad["ema_momentum"]
    _refuse_ascent(constructor, given)
    _refuse_zeros(constructor, arguments)
    if course:
        _refuse_schedule(constructor)
    arguments = _filled(constructor, arguments)
    if falls:
        course = falling(falls, followed(constructor.method, arguments).numbers["lr"], constructor)
    return Recipe(constructor, arguments, abroad, tuple(idle), parameters, course, others)


def falling(decay: Any, rate: float, constructor: Constructor) -> Course:
    """The rate of Keras 2's `decay`: lr / (1 + decay · k)."""
    if not isinstance(decay, int | float) or isinstance(decay, bool) or not 0 <= decay < math.inf:
        raise ValueError(f"decay of {constructor.shown} must be a finite number, 0 or above")
    return Course(((0, Piece("inverse", {"first": rate, "decay": decay, "steps": 1})),))


def _idle(name: str, value: Any) -> bool:
    """Whether an argument without a counterpart does nothing; None is a no, also to what is done by default."""
    default = OPAQUE_DEFAULTS.get(name, False)
    return name != "initial_velocity" and (value == default or (value is None and default is not True))


def _bound(call: Call, constructor: Constructor) -> tuple[dict[str, Any], str]:
    """The arguments by name, and the text of the model's parameters."""
    positional, keywords = list(call.positional), dict(call.keywords)
    parameters = "model.parameters()"
    names = list(constructor.parameters)
    if names[0] == "params":
        names.remove("params")
        first = positional.pop(0) if positional else keywords.pop("params", Expression(parameters))
        if not (isinstance(first, Expression) and first.is_parameters):
            raise ValueError(
                f"the first argument of {constructor.shown} is the parameters, as model.parameters(); "
                "translate the options of parameter groups one group at a time"
            )
        parameters = first.text
    if len(positional) > len(names):
        raise ValueError(f"{constructor.shown} takes {len(names)} arguments, and {len(positional)} are given")
    given = dict(zip(names, positional, strict=False))
    for name, value in keywords.items():
        if name not in names and constructor.library == "keras" and name in ("lr", "decay"):
            raise ValueError(f"{constructor.shown} has no {name}; Keras 3 says learning_rate, with a schedule for a "
                             f"decay. For Keras 2 write keras.optimizers.legacy.{constructor.name}(learning_rate=…, "
                             "decay=…)")  # fmt: skip
        if name not in names:
            raise ValueError(unknown(f"argument of {constructor.shown}", name, names))
        if name in given:
            raise ValueError(f"{constructor.shown} gets {name} twice, by place and by name")
        given[name] = value
    if missing := [name for name in constructor.required if name not in given]:
        raise ValueError(f"{constructor.shown} needs {', '.join(missing)}")
    return given, parameters


def _refuse_schedule(constructor: Constructor) -> None:
    if constructor.method == "Rprop":
        raise ValueError(f"{constructor.shown} has its rate in the first step alone, and no schedule; give a number")
    if constructor.method.startswith("ScheduleFree"):
        raise ValueError(f"{constructor.shown} averages by its rate, and a schedule of it is not read; give a number")


def _refuse_ascent(constructor: Constructor, given: Mapping[str, Any]) -> None:
    if constructor.library == "optax" and given.get("learning_rate", 0.0) is None:
        raise ValueError(f"{constructor.shown} with learning_rate=None climbs: its steps keep their sign; give a rate")


def _refuse_zeros(constructor: Constructor, arguments: Mapping[str, Any]) -> None:
    """What the library itself refuses, or makes nonsense of."""
    for theirs, ours in constructor.parameters.items():
        if ours in constructor.positive and ours in arguments and arguments[ours] == 0:
            raise ValueError(f"{constructor.shown} does not work with {theirs}=0; {theirs} must be above 0")
    if constructor.library == "optax" and arguments.get("warmup_steps", 1) == 0:
        raise ValueError(f"{constructor.shown} with warmup_steps=0 never moves: its rate is 0; leave warmup_steps out")


def tuples(optimizer_class: type[optim.Optimizer]) -> dict[str, list[str]]:
    """The arguments in which a class takes several hyperparameters at once: `betas` beta1 and beta2."""
    signature = inspect.signature(optimizer_class.__init__).parameters
    return together(facts(optimizer_class.forms), signature)


def gathered(optimizer_class: type[optim.Optimizer], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters as the class takes them, where all of a tuple are there."""
    arguments = dict(numbers)
    for argument, names in tuples(optimizer_class).items():
        if names and all(name in arguments for name in names):
            values = tuple(arguments.pop(name) for name in names)
            arguments[argument] = values[0] if argument in WORDS else values
    return arguments


def _filled(constructor: Constructor, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with a tuple where one of its numbers was given; the others are at their defaults."""
    apart = {name for names in tuples(constructor.optimizer_class).values() for name in names}
    if not apart & set(arguments):
        return arguments
    without = {name: value for name, value in arguments.items() if name not in apart}
    defaults = defaults_of(constructor.optimizer_class, constructor.dialect)
    defaults |= followed(constructor.method, without).numbers
    if constructor.method == "Muon":
        defaults |= followed("Muon", {"dialect": constructor.dialect, "adamw": True}).numbers
    missing = {
        name: defaults[name]
        for names in tuples(constructor.optimizer_class).values()
        if set(names) & set(arguments)
        for name in names
    }
    return gathered(constructor.optimizer_class, {**missing, **arguments})
