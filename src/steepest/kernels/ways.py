"""Which way an update takes: one table, chosen by device, or as the user prefers.

A way is a module with two verbs: `fits(update)`, and `Pass(updates, traced)` with `take`, `assign_rows`,
`point_at`, `sum_of_squares` and `run`. What does not fit its way runs as the plain rule.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

from steepest.kernels import compiled, fused
from steepest.kernels.update import Update
from steepest.names import unknown

WAYS: dict[str, Any] = {"fused": fused, "compiled": compiled, "plain": None}

_preferred: ContextVar[str | None] = ContextVar("preferred", default=None)
preferred = _preferred.get


@contextmanager
def prefer(way: str) -> Iterator[None]:
    """Within `with prefer("compiled"):` steps run this way where they can, in this thread, instead of their device's.

    way: "fused", one pass over memory (what the CPU does by itself); "compiled", torch.compile (every other device);
    "plain", the rule on one tensor after another, which defines what the others must give.

    Raises ValueError for another name.

    >>> import torch, steepest.optim
    >>> p = torch.nn.Parameter(torch.ones(2))
    >>> p.grad = torch.ones(2)
    >>> with prefer("plain"):
    ...     steepest.optim.SGD([p], lr=0.5).step()
    >>> p.tolist()
    [0.5, 0.5]
    """
    if way not in WAYS:
        raise ValueError(unknown("way", way, WAYS))
    before = _preferred.set(way)
    try:
        yield
    finally:
        _preferred.reset(before)


def way_of(update: Update) -> Any:
    """The module that serves this update; None for the plain rule."""
    if not (update.rule.depends_on != "matrix" and all(map(_has_memory, update.tensors().values()))):
        return None
    own = "fused" if update.parameter.device.type == "cpu" else "compiled"
    way = WAYS[preferred() or own]
    return way if way and way.fits(update) else None


def _has_memory(x: torch.Tensor) -> bool:
    """Whether the numbers are the tensor's own; one that wraps others, as a DTensor does, has no address of its own."""
    return type(x).__torch_dispatch__ is torch.Tensor.__torch_dispatch__  # pyright: ignore[reportAttributeAccessIssue]
