"""The plain rule on whole tensors: simple, for every device and dtype, and the definition that others must meet."""

from collections.abc import Sequence

import torch

from steepest.kernels import rounding
from steepest.kernels.update import Update, state_dtype, whole_update
from steepest.rules.rule import Constants


def step(update: Update, constants: Sequence[Constants], places: torch.Tensor | None = None) -> None:
    """One parameter's update, computed in the state's dtype and rounded once at the end.

    places: where the weights lie, for stochastic rounding, if not as the parameter says.
    """
    tensors = update.tensors()
    numbers = {name: _numbers(tensor) for name, tensor in tensors.items() if name != "point"}
    dtype = state_dtype(numbers["theta"].dtype)
    values = {name: x.to(dtype) for name, x in numbers.items()}
    new = whole_update(update, values, constants[update.row])
    # a rule may hand a slot on as another one; without a copy the first write would reach both
    old = {id(x) for x in values.values()}
    new = {name: value.clone() if id(value) in old else value for name, value in new.items()}
    if update.first is not None:
        weights = rounding.places(update.parameter) if places is None else places
        key = rounding.words(constants[update.row][rounding.KEY], update.first)
        for array, (name, x) in enumerate(tensors.items()):
            if x.dtype == torch.bfloat16 and isinstance(new.get(name), torch.Tensor):
                new[name] = rounding.to_bfloat16(new[name], rounding.noise(weights, *key, array))
    for name, value in new.items():
        _write(tensors[name], value)


def _numbers(x: torch.Tensor) -> torch.Tensor:
    """The real numbers that a tensor holds: a complex one is updated as pairs, as torch does."""
    return torch.view_as_real(x.resolve_conj().resolve_neg()) if x.is_complex() else x


def _write(x: torch.Tensor, value: torch.Tensor | float) -> None:
    if not isinstance(value, torch.Tensor):
        x.fill_(value)
    else:
        x.copy_(torch.view_as_complex(value.contiguous()) if x.is_complex() else value)
