"""A rule of one's own: a plain function, and what its numbers start from."""

import inspect
import math
from collections.abc import Callable, Iterator
from itertools import dropwhile
from typing import Any

from steepest.names import nearest
from steepest.rules.facts import learning_rate, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot

# what a state_dict, a group or a kernel already calls something else
RESERVED = {
    "theta",
    "g",
    "step",
    "point",
    "average",
    "gradient_scale",
    "average_rate",
    "coupled",
    "decoupled",
    "ema",
    "clip_norm",
    "zero_grad_after_step",
    "state_dtype",
    "stochastic_rounding",
    "rounding_seed",
    "rounding_key",
    "params",
    "param_names",
    "weight_decay",
    "maximize",
    "differentiable",
    "dialect",
    "train_mode",
}


def rule(*unnamed: Any, **defaults: float) -> Callable[[Callable[..., Any]], Rule]:
    """Makes a rule of a function (theta, g, slots…, hyperparameters…) → (theta, slots…), or theta alone without slots.

    defaults: each hyperparameter's value; `lr` must be among them. An argument that is none of them is a slot, which
    starts from 0; an argument named `t` is the step, from 1. Weight decay comes by itself. The function computes with
    + − × ÷ and the verbs of `steepest.rules.verbs`, and asks no `if` about a weight's numbers.

    A number that the function takes from outside, such as a global, is read once and must stay what it is: a step
    raises ValueError when it has changed. Make it a hyperparameter.

    Raises TypeError when the function's arguments do not fit, ValueError for a default that is no finite number.

    >>> from steepest.rules.verbs import sign
    >>> @rule(lr=1e-4, beta1=0.9, beta2=0.99)
    ... def lion(theta, g, m, lr, beta1, beta2):
    ...     step = sign(beta1 * m + (1 - beta1) * g)
    ...     return theta - lr * step, beta2 * m + (1 - beta2) * g
    >>> lion.step(1.0, 0.5, [0.0], lion.constants(1, {"lr": 0.25}))
    (0.75, 0.0050000000000000044)
    """

    if unnamed:
        got = getattr(unnamed[0], "__name__", repr(unnamed[0]))
        raise TypeError(f"rule takes hyperparameters by name, as in @rule(lr=0.1) above the function, but got {got}")

    def make(update: Callable[..., Any]) -> Rule:
        if not inspect.isroutine(update) or not hasattr(update, "__code__"):
            raise TypeError(
                f"a {type(update).__name__} is no rule: wanted is a plain function, made with def or lambda"
            )
        for fault in _faults(update, defaults):
            raise TypeError(f"{update.__name__}{inspect.signature(update)} is no rule: {fault}")
        given = list(inspect.signature(update).parameters)
        for name, value in defaults.items():
            _fact(name, value).check(value)
        slots = tuple(Slot(name, name, "of one's own") for name in given[2:] if name not in {"t", *defaults})
        constants = [name for name in given if name in {"t", *defaults}]
        return Rule(
            name=update.__name__,
            title=update.__name__,
            update=update,
            prepare=_handing_on(constants, update),
            slots=slots,
            hyperparameters=(*(_fact(name, value) for name, value in defaults.items()), weight_decay()),
            equation="",
            reference=(inspect.getdoc(update) or "").partition("\n")[0],
            counts_steps="t" in constants,
            reads_outside=bool(_numbers_outside(update)),
        )

    return make


def _faults(update: Callable[..., Any], defaults: dict[str, float]) -> Iterator[str]:
    """What keeps a function from being a rule with these numbers, and the cure."""
    arguments = inspect.signature(update).parameters
    if odd := [str(a) for a in arguments.values() if a.kind != a.POSITIONAL_OR_KEYWORD]:
        yield f"{', '.join(odd)} cannot be given by place; write every slot and number out, without * and /"
    if list(arguments)[:2] != ["theta", "g"]:
        yield "its arguments are theta, g, its slots, then its numbers, lr among them"
    if missing := [name for name in ("lr", *defaults) if name not in arguments]:
        meant = nearest(missing[0], arguments)
        hint = f"; did you mean {meant}?" if meant else ", the learning rate" if missing[0] == "lr" else ""
        yield f"it has no argument {missing[0]}{hint}"
    if "lr" not in defaults:
        yield "its learning rate has no default; give one, as in @rule(lr=0.1)"
    if own := [a for a in arguments.values() if a.default is not a.empty]:
        yield f"{own[0].name} has its default in the function; give it in @rule({own[0].name}={own[0].default!r})"
    if taken := RESERVED.intersection(list(arguments)[2:]) | {"t"}.intersection(defaults):
        yield f"the optimizer needs the name {', '.join(sorted(taken))} for itself; choose another"
    numbers = {"t", *defaults}
    if late := [n for n in dropwhile(lambda name: name not in numbers, arguments) if n not in numbers]:
        yield f"{late[0]} comes among its numbers; give it in @rule({late[0]}=…), or, as a slot, name it before them"


def _fact(name: str, value: float) -> Hyperparameter:
    if name == "lr":
        return learning_rate(value, search=value)
    return Hyperparameter(name, value, "of one's own", low=-math.inf, phrase=f"{name} value")


def _handing_on(names: list[str], update: Callable[..., Any]) -> Callable[..., dict[str, float]]:
    """A `prepare` that hands the named numbers on as they are, while those outside are what they were."""
    outside = _numbers_outside(update)

    def prepare(**given: float) -> dict[str, float]:
        if outside and (now := _numbers_outside(update)) != outside:
            name = next(name for name in outside if now.get(name) != outside[name])
            raise ValueError(
                f"{update.__name__}: {name} was {outside[name]!r} when the rule was made and is {now.get(name)!r} now; "
                f"make it a hyperparameter: an argument, and {name}={outside[name]!r} in rule(…)"
            )
        return given

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    prepare.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return prepare


def _numbers_outside(update: Callable[..., Any]) -> dict[str, float]:
    """The numbers among the globals and enclosing variables that a function names."""
    try:
        found = inspect.getclosurevars(update)
    except ValueError:  # it names a variable that comes later
        return {}
    return {name: x for name, x in {**found.globals, **found.nonlocals}.items() if isinstance(x, (int, float))}
