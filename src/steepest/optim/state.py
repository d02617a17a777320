"""What is kept for each parameter from step to step: made when it is first needed, in the dtype that is asked for."""

from collections.abc import MutableMapping
from typing import Any

import torch

from steepest.kernels import state_dtype
from steepest.optim.group import Followed
from steepest.rules import Rule

THETA, AVERAGE = "theta", "ema"  # the keys of θ where the parameter holds another point, and of its moving average

States = MutableMapping[torch.Tensor, dict[str, Any]]


def state_of(
    states: States, p: torch.Tensor, followed: Followed
) -> tuple[dict[str, Any], tuple[torch.Tensor, ...], bool]:
    """A parameter's state, its slots, and whether this is its first step."""
    rule = followed.rule
    if not rule.moves_the_gradient_point and THETA in states.get(p, ()):
        p.copy_(states[p].pop(THETA))  # the group has left Nesterov's look-ahead
    is_new = p not in states or any(states[p].get(slot.name) is None for slot in rule.slots)
    slots = slots_of(states, p, followed)
    if followed.average is not None and AVERAGE not in states[p]:
        theta = states[p].get(THETA, p).detach()
        states[p][AVERAGE] = theta.to(state_dtype(p.dtype), copy=True, memory_format=torch.preserve_format)
    return states.get(p, {}), slots, is_new


def slots_of(states: States, p: torch.Tensor, followed: Followed) -> tuple[torch.Tensor, ...]:
    """A parameter's slots, in the rule's order; what the state lacks is made."""
    rule = followed.rule
    if not (rule.slots or followed.counts_steps):
        return ()
    state = states[p]
    if followed.counts_steps:
        _count_from_here(state, rule)
    for name, value in rule.memory.items():
        if name not in state:
            state[name] = torch.tensor(value, dtype=torch.float64, device="cpu")
    initial = rule.initial(followed.hyperparameters, state.get(THETA, p).detach())
    for slot in rule.slots:
        held, dtype = state.get(slot.name), followed.stored_as(slot, p.dtype)
        if held is None:
            state[slot.name] = _filled_like(p, initial[slot.symbol], dtype)
        elif held.dtype != dtype and torch.bfloat16 in (held.dtype, dtype):  # state_dtype has changed
            state[slot.name] = held.to(dtype)
    if rule.moves_the_gradient_point and THETA not in state:
        state[THETA] = p.detach().clone(memory_format=torch.preserve_format)
    return tuple(state[slot.name] for slot in rule.slots)


def _count_from_here(state: dict[str, Any], rule: Rule) -> None:
    """A count of the steps; a rule that asks only for the first step may have made it before anybody counted."""
    is_new = rule.counts_steps or any(state.get(slot.name) is None for slot in rule.slots)
    if "step" not in state:
        state["step"] = torch.tensor(0.0 if is_new else 1.0, dtype=torch.float32, device="cpu")
    elif is_new and not rule.counts_steps:
        state["step"].zero_()


def _filled_like(p: torch.Tensor, value: Any, dtype: torch.dtype) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.to(dtype, copy=True, memory_format=torch.preserve_format)
    if p.is_complex():
        return torch.view_as_complex(torch.full_like(torch.view_as_real(p.detach().resolve_conj()), value))
    return torch.full_like(p.detach(), value, dtype=dtype, memory_format=torch.preserve_format)
