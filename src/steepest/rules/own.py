"""A rule of one's own: a plain function, and what its numbers start from."""

import inspect
import math
from collections.abc import Callable
from typing import Any

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


def rule(**defaults: float) -> Callable[[Callable[..., Any]], Rule]:
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

    def make(update: Callable[..., Any]) -> Rule:
        if not inspect.isroutine(update) or not hasattr(update, "__code__"):
            raise TypeError(f"{update!r} is no rule: wanted is a plain function, made with def or lambda")
        given = list(inspect.signature(update).parameters)
        if given[:2] != ["theta", "g"] or not {"lr", *defaults} <= set(given) or "lr" not in defaults:
            raise TypeError(
                f"{update.__name__}({', '.join(given)}) is no rule: its arguments are theta, g, its slots, then "
                f"{', '.join(dict.fromkeys(['lr', *defaults]))}"
            )
        if taken := RESERVED.intersection(given[2:]) | {"t"}.intersection(defaults):
            raise TypeError(
                f"{update.__name__}({', '.join(given)}) is no rule: the optimizer needs the name "
                f"{', '.join(sorted(taken))} for itself; choose another"
            )
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
