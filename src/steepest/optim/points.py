"""Which point the parameters hold: that of the gradient, that of the evaluation, or their average."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from steepest.kernels import state_dtype
from steepest.optim.state import AVERAGE, THETA, States
from steepest.rules import Rule


def take_theta(states: States, params: Iterable[torch.Tensor]) -> None:
    """In eval mode the parameters are θ, also where somebody has put other weights in."""
    for p in params:
        if THETA in states.get(p, ()):
            states[p][THETA].copy_(p)


@torch.no_grad()
def move(
    states: States,
    params: Iterable[torch.Tensor],
    rule: Rule,
    hyperparameters: Mapping[str, float],
    where: Callable[..., Any] | None,
) -> None:
    """Put a point into the parameters: `where` is one of the rule's functions, or None for θ."""
    for p in params:
        if rule.moves_the_gradient_point and THETA in states.get(p, ()):
            state = states[p]
            memory = {name: float(state[name]) for name in rule.memory}
            constants = rule.constants(int(state.get("step", 1)), hyperparameters, memory)
            held = [state[name] for name in (THETA, *(slot.name for slot in rule.slots))]
            theta, *slots = (x.to(state_dtype(p.dtype)) for x in held)
            p.copy_(rule.point(where, theta, slots, constants))


@contextmanager
@torch.no_grad()
def holding_averages(states: States) -> Iterator[None]:
    """Within it the parameters hold the moving averages of θ."""
    params = [p for p in states if AVERAGE in states[p]]
    held = [p.detach().clone(memory_format=torch.preserve_format) for p in params]
    try:
        for p in params:
            p.copy_(states[p][AVERAGE])
        yield
    finally:
        for p, own in zip(params, held, strict=True):
            p.copy_(own)
