"""torch.optim's optimizers, drop-in, from the rules of `steepest.rules`; `dialect=` chooses whose form of the method.

Every class takes every argument of its namesake in torch.optim. What some of them mean here:

    foreach, fused   one implementation serves every case; fused=True lets GradScaler leave the unscaling to the step
    capturable       accepted and without effect: the step number lies on the CPU
    differentiable   autograd records the step, as in torch; numbers such as lr and betas are not differentiated
    dialect          whose form of the method, and whose defaults for all that is not given: "torch" (the same numbers
                     as torch.optim), "keras", "optax", "tf1", "paper" or "lecture"

Sparse gradients, as torch.nn.Embedding(sparse=True) gives them, are taken where torch takes them, by SGD and Adagrad
without weight decay; the other classes refuse them. Decay rates of 1 or above, which torch lets pass, are refused.

On the CPU a step is one fused pass over memory, on other devices torch compiles it; `steepest.kernels.prefer` asks for
another way.

and what all of them have beyond torch's, done in the same pass over memory:

    clip_norm              scale all gradients so that their norm together is at most this, in double precision; it is
                           the norm of this optimizer's gradients. FSDP's shards are refused, fully_shard's are added
                           up; within ZeroRedundancyOptimizer, whose processes step a part of the parameters each,
                           leave it out and call torch.nn.utils.clip_grad_norm_ before the step
    ema                    keep an average of the weights, average ← ema·average + (1−ema)·θ, from the first θ on;
                           `with optimizer.averaged():` shows it
    zero_grad_after_step   set the gradients to 0 once they are used
    state_dtype            torch.bfloat16: keep the state in 16 bits, for parameters of at most 32; the step still
                           computes in float32. What would go wrong in 16 bits stays in 32: copies of the weights
                           (ASGD, schedule-free), centered RMSprop's means, the average of `ema`
    stochastic_rounding    what is stored as torch.bfloat16, parameters and state, is rounded up or down at random, so
                           that its mean is right and small steps are not lost; the random bits depend on
                           `rounding_seed`, the step and the weight's place, so a run can be repeated and continued
    GradScaler             with clip_norm or fused=True: unscaling, and no step when a gradient is not finite

`following(rule)` makes the class of a rule of one's own. A `state_dict` finds its parameters by name where both sides
were made of named parameters; `by_name` does the same for an optimizer of torch.
"""

from collections.abc import Mapping
from typing import Any

from steepest.names import unknown
from steepest.optim import lr_scheduler
from steepest.optim.beyond import (
    LAMB,
    QHM,
    AdaBelief,
    Adan,
    HeavyBall,
    Lion,
    QHAdam,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    Yogi,
)
from steepest.optim.by_name import by_name
from steepest.optim.classes import (
    ASGD,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Params,
    RAdam,
    RMSprop,
    Rprop,
)
from steepest.optim.following import following
from steepest.optim.form import facts
from steepest.optim.muon import Muon
from steepest.optim.optimizer import Optimizer
from steepest.rules import METHODS

__all__ = [
    "ASGD",
    "LAMB",
    "QHM",
    "SGD",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "HeavyBall",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "QHAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Yogi",
    "build",
    "by_name",
    "following",
    "lr_scheduler",
]

# how a method of `steepest.rules.METHODS` is asked for: class and options
_RECIPES: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "sgd": (SGD, {"dialect": "lecture"}),
    "momentum": (SGD, {"dialect": "lecture", "momentum": 0.9}),
    "nesterov": (SGD, {"dialect": "lecture", "momentum": 0.9, "nesterov": True}),
    "adagrad": (Adagrad, {"dialect": "lecture"}),
    "rmsprop": (RMSprop, {"dialect": "lecture"}),
    "adadelta": (Adadelta, {"dialect": "lecture"}),
    "adam": (Adam, {"dialect": "paper"}),
    "adam-printed": (Adam, {"dialect": "lecture"}),
    "adamw": (AdamW, {}),
}


def recipe(
    method: str, options: Mapping[str, Any] | None = None, **hyperparameters: float
) -> tuple[type[Optimizer], dict[str, Any]]:
    """The class and the arguments that make the optimizer of a named method, hyperparameters by the rule's own names.

    options: arguments of the class, such as dialect="keras", in the place of the method's own.

    >>> recipe("adam", lr=0.002, beta2=0.99)
    (<class 'steepest.optim.classes.Adam'>, {'dialect': 'paper', 'lr': 0.002, 'betas': (0.9, 0.99)})
    """
    if method not in _RECIPES:
        raise ValueError(unknown("optimizer", method, _RECIPES))
    optimizer_class, own = _RECIPES[method]
    known = {name: fact.default for name, fact in facts(optimizer_class.forms).items()} | METHODS[method].defaults
    for name in hyperparameters:
        if name not in known:
            raise ValueError(unknown(f"hyperparameter of {method}", name, known))
    given: dict[str, Any] = dict(hyperparameters)
    if "beta1" in given or "beta2" in given:
        given["betas"] = (given.pop("beta1", known["beta1"]), given.pop("beta2", known["beta2"]))
    return optimizer_class, {**own, **(options or {}), **given}


def build(method: str, params: Params, options: Mapping[str, Any] | None = None, **hyperparameters: float) -> Optimizer:
    """The optimizer of a method of `steepest.rules.METHODS`, in the lecture's form (Adam as published).

    >>> import torch
    >>> build("momentum", [torch.nn.Parameter(torch.zeros(2))], lr=0.1).defaults["momentum"]
    0.9
    """
    optimizer_class, arguments = recipe(method, options, **hyperparameters)
    return optimizer_class(params, **arguments)
