"""Notices when tensors are no longer what they were, or no longer lie where they lay."""

from collections.abc import Sequence
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
        self._known = self._memory.tobytes()
        self._addresses_of_slots = list(map(ADDRESS, self._slots))
        every = (*parameters, *gradients)
        self._kinds = list(map(_kind, every))
        self._strided = all(x.layout == torch.strided for x in every)
        self._begin(every)

    def _begin(self, together: Sequence[torch.Tensor]) -> None:
        self._same: Any = _never
        if TensorGuards is not None and self._strided:
            self._same = TensorGuards(*together, dynamic_dims_sizes=None, dynamic_dims_strides=None).check

    def sees_no_change(self, gradients: Sequence[torch.Tensor], slots_too: bool) -> bool:
        """Whether all is what and where it was, and these gradients are of the kinds that were."""
        if not self._same(*self._parameters, *gradients) and not self._same_by_hand((*self._parameters, *gradients)):
            return False
        self._addresses.read(self._parameters)
        return self._memory.tobytes() == self._known and not (
            slots_too and list(map(ADDRESS, self._slots)) != self._addresses_of_slots
        )

    def _same_by_hand(self, together: Sequence[torch.Tensor]) -> bool:
        """The fast way also says no when grad mode has changed; then it begins again."""
        if list(map(_kind, together)) != self._kinds:
            return False
        self._begin(together)
        return True


def _never(*_: Any) -> bool:
    return False


def _kind(x: Any) -> Any:
    if not isinstance(x, torch.Tensor):
        return None
    strides = x.stride() if x.layout == torch.strided else None
    return (type(x), x.dtype, x.device, x.layout, x.shape, strides, x.is_neg(), x.is_conj())
