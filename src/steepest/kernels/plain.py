"""The plain rule on whole tensors: simple, for every device and dtype, and the definition that others must meet."""

from collections.abc import Sequence

import torch

from steepest.kernels.update import Update, state_dtype, whole_update
from steepest.rules.rule import Constants


def step(update: Update, constants: Sequence[Constants]) -> None:
    """One parameter's update, computed in the state's dtype and rounded once at the end."""
    tensors = {name: _numbers(tensor) for name, tensor in update.tensors().items()}
    dtype = state_dtype(tensors["theta"].dtype)
    values = {name: tensor.to(dtype) for name, tensor in tensors.items() if name != "point"}
    new = whole_update(update, values, constants[update.row])
    # a rule may hand a slot on as another one; without a copy the first write would reach both
    old = {id(tensor) for tensor in values.values()}
    new = {name: value.clone() if id(value) in old else value for name, value in new.items()}
    for name, value in new.items():
        tensors[name].fill_(value) if isinstance(value, float) else tensors[name].copy_(value)


def _numbers(x: torch.Tensor) -> torch.Tensor:
    """The real numbers that a tensor holds: a complex one is updated as pairs, as torch does."""
    return torch.view_as_real(x.resolve_conj()) if x.is_complex() else x
