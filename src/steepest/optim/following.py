"""An optimizer class for any rule."""

import inspect
from typing import Any, Unpack

from steepest.optim.form import form
from steepest.optim.optimizer import Optimizer
from steepest.optim.options import FOREIGN_KEYS, SWITCHES, TOGETHER
from steepest.optim.shell import Shell
from steepest.optim.signature import completed
from steepest.rules import Rule

# what schedulers write into a group, what is read as a flag or as several numbers, and what the signature has besides
NOT_FOR_NUMBERS = {*FOREIGN_KEYS, *SWITCHES, *TOGETHER, "initial_velocity", "self", "shell"}


def following(rule: Rule) -> type[Optimizer]:
    """The optimizer class of a rule: its hyperparameters are the arguments, all else is as in the other classes.

    To be pickled whole, the class must be a module's global of the rule's name; a `state_dict` needs nothing.

    Raises TypeError for what is no rule, ValueError for a hyperparameter whose name an optimizer needs for itself.

    >>> import torch
    >>> from steepest.rules.own import rule
    >>> @rule(lr=0.1, beta=0.9)
    ... def heavy_ball(theta, g, v, lr, beta):
    ...     v = beta * v + g
    ...     return theta - lr * v, v
    >>> HeavyBall = following(heavy_ball)
    >>> p = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = HeavyBall([p], lr=0.5, clip_norm=1.0)
    >>> p.grad = torch.tensor([0.5])
    >>> optimizer.step()
    >>> p.item()
    0.75
    """
    if not isinstance(rule, Rule):
        raise TypeError(f"following({rule!r}): wanted is a rule, as `steepest.rules.rule` makes one of a function")
    if taken := NOT_FOR_NUMBERS.intersection(h.name for h in rule.hyperparameters):
        raise ValueError(
            f"the rule {rule.name} has a number called {', '.join(sorted(taken))}, which optimizers or schedulers "
            f"use for something else; choose another name"
        )
    kinds = inspect.Parameter
    parameters = [
        kinds("self", kinds.POSITIONAL_OR_KEYWORD),
        kinds("params", kinds.POSITIONAL_OR_KEYWORD),
        *(kinds(h.name, kinds.POSITIONAL_OR_KEYWORD, default=h.default) for h in rule.hyperparameters),
        kinds("shell", kinds.VAR_KEYWORD, annotation=Unpack[Shell]),
    ]

    def signature_only(self: Optimizer, params: Any) -> None: ...

    signature_only.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    facts = {
        "forms": (form("torch", rule),),
        "__init__": signature_only,
        "__doc__": rule.reference or rule.title,
    }
    return completed(type(rule.name, (Optimizer,), facts))
