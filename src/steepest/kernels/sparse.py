"""Sparse gradients, as `torch.nn.Embedding(sparse=True)` gives them: the same step as with the zeros filled in.

Where a zero gradient changes nothing, only the rows that the gradient holds are read and written.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from steepest.kernels import plain, rounding
from steepest.kernels.update import Update
from steepest.rules.rule import Constants


def step(update: Update, constants: Sequence[Constants]) -> None:
    """One parameter's update by a sparse gradient; entries for the same row add up."""
    g = update.gradient.coalesce()
    if update.rule.sparse == "rows" and update.average is None:
        _step_of_rows(update, tuple(g.indices()), g.values(), constants)
    else:
        plain.step(replace(update, gradient=g.to_dense(), zero_gradient=False), constants)
    if update.zero_gradient:
        update.gradient.zero_()


def _step_of_rows(
    update: Update, rows: tuple[torch.Tensor, ...], g: torch.Tensor, constants: Sequence[Constants]
) -> None:
    wholes = (update.parameter, *update.slots)
    parameter, *slots = (x[rows] for x in wholes)
    part = replace(update, parameter=parameter, gradient=g, slots=tuple(slots), zero_gradient=False)
    places = None if update.first is None else rounding.places(update.parameter)[rows]
    plain.step(part, constants, places)
    for whole, new in zip(wholes, (parameter, *slots), strict=True):
        whole[rows] = new


def numbers(g: torch.Tensor) -> torch.Tensor:
    """The numbers of a gradient that are not left out as zeros."""
    return g.coalesce().values() if g.is_sparse else g
