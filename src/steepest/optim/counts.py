"""How many steps each parameter has made, in one array."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class Counts:
    """The step counts of an optimizer's parameters as one array: their `step` tensors become views of it."""

    def __init__(self, states: Sequence[dict[str, Any]]) -> None:
        counts = torch.tensor([float(state["step"]) for state in states], dtype=torch.float32, device="cpu")
        self.array = counts.numpy()
        self._views = list(counts)
        for index, state in enumerate(states):
            step = state["step"]
            if getattr(step, "dtype", None) == torch.float32 and step.device.type == "cpu" and step.dim() == 0:
                step.set_(counts.untyped_storage(), index, ())  # whoever holds the tensor goes on seeing the count
                self._views[index] = step
            else:
                state["step"] = self._views[index]

    def covers(self, states: Sequence[dict[str, Any]]) -> bool:
        """Whether these states' counts are the array's, in its order."""
        return len(states) == len(self._views) and all(s["step"] is v for s, v in zip(states, self._views, strict=True))

    def places(self, states: Sequence[dict[str, Any]]) -> np.ndarray:
        """Where in the array the counts of these states are."""
        place = {id(view): index for index, view in enumerate(self._views)}
        return np.array([place[id(state["step"])] for state in states], dtype=np.int64)


class EqualCounts:
    """Counts that are neighbours in memory and equal: counting on is writing the next number's bytes.

    It is what most steps do, and NumPy takes ten times as long when its machinery has not run for a while.
    """

    def __init__(self, counts: np.ndarray) -> None:
        self._memory, self._how_many = counts.data.cast("B"), len(counts)
        self._t, self._written = int(counts[0]), counts.tobytes()

    def next(self) -> int | None:
        """The number of the next step, written; None, with nothing written, when somebody has changed a count."""
        if self._memory.tobytes() != self._written:
            return None
        self._t += 1
        self._written = struct.pack("f", self._t) * self._how_many
        self._memory[:] = self._written
        return self._t
