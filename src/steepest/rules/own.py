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
        given = list(inspect.signature(update).parameters)
        if given[:2] != ["theta", "g"] or not {"lr", *defaults} <= set(given):
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
            prepare=_handing_on(constants),
            slots=slots,
            hyperparameters=(*(_fact(name, value) for name, value in defaults.items()), weight_decay()),
            equation="",
            reference=(inspect.getdoc(update) or "").partition("\n")[0],
            counts_steps="t" in constants,
        )

    return make


def _fact(name: str, value: float) -> Hyperparameter:
    if name == "lr":
        return learning_rate(value, search=value)
    return Hyperparameter(name, value, "of one's own", low=-math.inf, phrase=f"{name} value")


def _handing_on(names: list[str]) -> Callable[..., dict[str, float]]:
    """A `prepare` that hands the named numbers on as they are."""

    def prepare(**given: float) -> dict[str, float]:
        return given

    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    prepare.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    return prepare
