"""`initial_velocity`: the first slot's value before the first step."""

import numbers
from typing import Any

import torch

from steepest.rules import Rule


def velocities(rule: Rule, velocity: Any, params: Any) -> list[Any]:
    """The initial velocity of each parameter: a number for all, or one tensor each."""
    first = rule.slots[0].symbol if rule.slots else None
    if first != "v":
        raise ValueError(
            "initial_velocity needs a rule whose first slot is a velocity: momentum above 0 and dialect='lecture' "
            f"or 'paper'; {rule.title} keeps {'a ' + rule.slots[0].meaning if rule.slots else 'nothing'}"
        )
    wanted = [tuple(p.shape) for p in tensors(params)]
    given = [velocity] if isinstance(velocity, torch.Tensor) else velocity
    if isinstance(velocity, numbers.Real) and not isinstance(velocity, bool):
        given = [torch.full(shape, float(velocity), device="cpu") for shape in wanted]
    if not isinstance(given, (list, tuple)) or [tuple(getattr(v, "shape", "?")) for v in given] != wanted:
        raise ValueError(
            f"Invalid initial_velocity: {velocity!r}; allowed is a number, or one tensor for each parameter of the "
            f"group, of shapes {wanted}"
        )
    if not all(torch.as_tensor(v, device="cpu").isfinite().all() for v in given):
        raise ValueError(f"Invalid initial_velocity: {velocity!r}; every number in it must be finite")
    return list(given)


def tensors(params: Any) -> list[torch.Tensor]:
    """The tensors of a group that is being added, whose `params` may be one tensor, several, or pairs with names."""
    params = [params] if isinstance(params, torch.Tensor) else list(params)
    return [p[1] if isinstance(p, tuple) else p for p in params]
