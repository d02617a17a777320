"""Notices when tensors are no longer what they were, or no longer lie where they lay."""

from collections.abc import Sequence
from operator import call
from typing import Any

import numpy as np
import torch

from steepest.kernels.addresses import ADDRESS, Addresses

try:
    from torch._C._dynamo.guards import TensorGuards
except ImportError:  # torch keeps this to itself; without it the same is compared in Python, which takes longer
    TensorGuards = None


class Watch:
    """What tensors were when the watch began: their dtypes, devices, layouts, sizes and strides, and their places.

    parameters  they stay from step to step, what and where they are
    slots       nobody else reshapes them, so only their places are watched
    gradients   each step brings them anew: they must be of the same kinds, wherever they lie
    together    whether every parameter has memory of its own, so that one call may read all addresses
    """

    def __init__(
        self,
        parameters: Sequence[torch.Tensor],
        slots: Sequence[torch.Tensor],
        gradients: Sequence[torch.Tensor],
        together: bool,
    ) -> None:
        self._parameters = list(parameters)
        self._slots = list(slots)
        # they keep the memory, so an equal address is the same
        self._aliases = [x.detach() for x in (*parameters, *slots)]
        numbers = np.array(list(map(ADDRESS, self._parameters)), dtype=np.int64)
        self._addresses, self._memory = Addresses(numbers, together), numbers.data
        self._known, self._numbers_known = self._memory.tobytes(), numbers.tolist()
        self._addresses_of_slots = list(map(ADDRESS, self._slots))
        every = (*parameters, *gradients)
        self._kinds = list(map(_kind, every))
        self._strided = all(x.layout == torch.strided for x in every)
        self._pairs: list[Any] = [_never] * len(self._parameters)
        self._begin(every)

    def _begin(self, together: Sequence[torch.Tensor]) -> None:
        self._same: Any = _never
        if TensorGuards is not None and self._strided:
            self._same = _guards(together)

    def sees_no_change(self, gradients: Sequence[torch.Tensor], slots_too: bool) -> bool:
        """Whether all is what and where it was, and these gradients are of the kinds that were."""
        together = (*self._parameters, *gradients)
        if not self._same(*together) and (any(g is None for g in gradients) or not self._same_by_hand(together)):
            return False
        self._addresses.read(self._parameters)
        return self._memory.tobytes() == self._known and not (slots_too and self._slots_moved())

    def sees_no_change_of(self, present: Sequence[int], gradients: Sequence[torch.Tensor], slots_too: bool) -> bool:
        """The same for these parameters alone, but for all slots."""
        parameters = [self._parameters[i] for i in present]
        same = map(_call, [self._pairs[i] for i in present], parameters, gradients)
        doubtful = [place for place, is_same in enumerate(same) if not is_same]
        if not all(self._same_pair(present[k], parameters[k], gradients[k]) for k in doubtful):
            return False
        self._addresses.read(parameters)
        known = [self._numbers_known[i] for i in present]
        return self._memory[: len(present)].tolist() == known and not (slots_too and self._slots_moved())

    def _slots_moved(self) -> bool:
        return list(map(ADDRESS, self._slots)) != self._addresses_of_slots

    def _same_by_hand(self, together: Sequence[torch.Tensor]) -> bool:
        """The fast way also says no when grad mode has changed; then it begins again."""
        if any(_kind(x) != known for x, known in zip(together, self._kinds, strict=True)):
            return False
        self._begin(together)
        return True

    def _same_pair(self, index: int, parameter: torch.Tensor, gradient: torch.Tensor) -> bool:
        kinds = [self._kinds[index], self._kinds[len(self._parameters) + index]]
        pair = (parameter, gradient)
        if list(map(_kind, pair)) != kinds:
            return False
        if TensorGuards is not None and self._strided:
            self._pairs[index] = _guards(pair)
        return True

    def like_its_gradient(self, index: int) -> torch.Tensor:
        """A tensor of the kind of a parameter's gradient, in the parameter's memory if it fits there."""
        alias = self._aliases[index]
        _, dtype, device, layout, shape, strides, *_ = self._kinds[len(self._parameters) + index]
        if layout != torch.strided:
            return torch.empty(shape, dtype=dtype, device=device, layout=layout)
        if (alias.dtype, alias.shape, alias.stride()) == (dtype, shape, strides):
            return alias.detach()
        try:
            return alias.view(dtype).as_strided(shape, strides)
        except RuntimeError:
            return torch.empty_strided(shape, strides, dtype=dtype, device=device)


_call: Any = call


def _guards(together: Sequence[torch.Tensor]) -> Any:
    return TensorGuards(*together, dynamic_dims_sizes=None, dynamic_dims_strides=None).check  # pyright: ignore[reportOptionalCall]


def _never(*_: Any) -> bool:
    return False


def _kind(x: Any) -> Any:
    if not isinstance(x, torch.Tensor):
        return None
    strides = x.stride() if x.layout == torch.strided else None
    return (type(x), x.dtype, x.device, x.layout, x.shape, strides, x.is_neg(), x.is_conj())
