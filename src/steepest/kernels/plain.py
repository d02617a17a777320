"""The plain rule on whole tensors: simple, for every device and dtype, and the definition that others must meet."""

from collections.abc import Iterable

import torch

from steepest.kernels.update import Update, state_dtype


def run(updates: Iterable[Update]) -> None:
    """Perform the updates one after the other; gradients are only read."""
    for update in updates:
        step(update)


def step(update: Update) -> None:
    """One parameter's update, computed in the state's dtype and rounded once at the end."""
    rule, constants = update.rule, update.constants
    home = _numbers(update.parameter if update.theta is None else update.theta)
    dtype = state_dtype(home.dtype)
    theta, g = home.to(dtype), _numbers(update.gradient).to(dtype)
    slots = [_numbers(slot) for slot in update.slots]
    new_theta, *new_slots = rule.step(theta, -g if update.maximize else g, slots, constants)
    # a rule may hand a slot on as another one; without a copy the first write would reach both
    new_slots = [new.clone() if any(new is old for old in slots) else new for new in new_slots]
    if update.theta is not None:
        _numbers(update.parameter).copy_(rule.point(rule.gradient_point, new_theta, new_slots, constants))
    home.copy_(new_theta)
    for slot, new in zip(slots, new_slots, strict=True):
        slot.copy_(new)


def _numbers(x: torch.Tensor) -> torch.Tensor:
    """The real numbers that a tensor holds: a complex one is updated as pairs, as torch does."""
    return torch.view_as_real(x) if x.is_complex() else x
