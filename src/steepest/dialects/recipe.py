"""What a call of some library means here: a class of `steepest.optim`, its arguments, and the rule that they choose."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from steepest import optim
from steepest.dialects.call import Call, Expression, read_call
from steepest.dialects.libraries import Constructor, find, meant
from steepest.dialects.rates import Course
from steepest.dialects.refusals import ABROAD, IDLE, OPAQUE_DEFAULTS
from steepest.dialects.schedules import kind, read_schedule, read_scheduler
from steepest.dialects.script import read_script
from steepest.names import unknown
from steepest.optim.form import facts
from steepest.optim.options import together
from steepest.rules import Rule

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
    """

    constructor: Constructor
    arguments: dict[str, Any]
    abroad: dict[str, str]
    idle: tuple[str, ...]
    parameters: str
    course: Course | None = None

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
    if call.name == "optax.chain":
        return _unchained(call)
    if kind(call.name) == "torch":
        return _scheduled(call, library)
    if kind(call.name):
        raise ValueError(f"{call.name} is a schedule; give the optimizer's call with it, as its learning_rate")
    return understand(call, find(call.name, library))


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


def _unchained(chain: Call) -> Recipe:
    """What optax does to the gradients before an optimizer, as arguments of the optimizer."""
    links = [read_call(link.text) for link in chain.positional if isinstance(link, Expression)]
    if chain.keywords or not links or len(links) < len(chain.positional):
        raise ValueError("optax.chain takes calls, as optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))")
    *before, last = links
    if last.name in LINKS:
        raise ValueError(f"{last.name} after the optimizer, or without one, is not read; an optimizer ends the chain")
    found: dict[str, Any] = {}
    for link in before:
        if link.name not in LINKS:
            raise ValueError(
                f"{link.name} before the optimizer is not read; known are {', '.join(LINKS)}, in this order"
            )
        argument, ours, order = LINKS[link.name]
        value = {**dict(zip((argument,), link.positional, strict=False)), **link.keywords}.get(argument)
        if len(link.positional) + len(link.keywords) != 1 or type(value) not in (int, float):
            raise ValueError(f"{link.name} takes one number here, {argument}")
        if any(LINKS[name][2] >= order for name in found):
            raise ValueError(f"{link.name} comes too late; the order is {', '.join(LINKS)}")
        if ours == "maximize" and value != -1:
            raise ValueError(f"{link.name}({value}) is read only as a change of sign, with -1")
        found[link.name] = True if ours == "maximize" else value
    recipe = understand(last, find(last.name))
    given = {LINKS[name][1]: value for name, value in found.items()}
    if given.get("weight_decay") and recipe.followed.rule.decay != "coupled":
        raise ValueError(f"optax.add_decayed_weights before {last.name}, which has a decay of its own, is not read")
    if given.get("weight_decay") and recipe.arguments.get("weight_decay"):
        raise ValueError(f"weight decay stands in the chain and in {last.name}; say it once")
    return replace(recipe, arguments={**recipe.arguments, **given})


# what may stand before an optimizer in optax.chain: its argument, our name for it, its place
LINKS = {
    "optax.scale": ("step_size", "maximize", 0),
    "optax.clip_by_global_norm": ("max_norm", "clip_norm", 1),
    "optax.add_decayed_weights": ("weight_decay", "weight_decay", 2),
}


def understand(call: Call, constructor: Constructor) -> Recipe:
    """The recipe of a call.

    Raises ValueError for arguments that the library does not have, with the nearest one that it has.
    """
    given, parameters = _bound(call, constructor)
    constructor = meant(constructor, given)
    arguments: dict[str, Any] = {"dialect": constructor.dialect, **constructor.fixed}
    abroad, idle, course = {}, [], None
    for name, value in given.items():
        if name in constructor.says:
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
        elif ours:
            if value is None and name in OPAQUE_DEFAULTS:
                arguments[ours] = False
            elif not (value is None and ours not in ("lr", "betas", "eps")):
                arguments[ours] = value
        elif name in IDLE:
            idle.append(name)
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
    return Recipe(constructor, arguments, abroad, tuple(idle), parameters, course)


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
            arguments[argument] = tuple(arguments.pop(name) for name in names)
    return arguments


def _filled(constructor: Constructor, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with a tuple where one of its numbers was given; the others are at their defaults."""
    apart = {name for names in tuples(constructor.optimizer_class).values() for name in names}
    if not apart & set(arguments):
        return arguments
    defaults = followed(constructor.method, {k: v for k, v in arguments.items() if k not in apart}).numbers
    missing = {
        name: defaults[name]
        for names in tuples(constructor.optimizer_class).values()
        if set(names) & set(arguments)
        for name in names
    }
    return gathered(constructor.optimizer_class, {**missing, **arguments})
