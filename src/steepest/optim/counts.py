"""Numbers that a state keeps from step to step, as its count of steps: those of all parameters in one array each."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

COUNT = "step"


class Numbers:
    """One number of each of these states as one array: the tensors in the states become views of it."""

    def __init__(self, states: Sequence[dict[str, Any]], name: str) -> None:
        dtype = torch.float32 if name == COUNT else torch.float64  # the count as torch has it
        numbers = torch.tensor([float(state[name]) for state in states], dtype=dtype, device="cpu")
        self.array, self._name = numbers.numpy(), name
        self._views = list(numbers)
        for index, state in enumerate(states):
            held = state[name]
            if getattr(held, "dtype", None) == dtype and held.device.type == "cpu" and held.dim() == 0:
                held.set_(numbers.untyped_storage(), index, ())  # whoever holds the tensor goes on seeing the number
                self._views[index] = held
            else:
                state[name] = self._views[index]

    def covers(self, states: Sequence[dict[str, Any]]) -> bool:
        """Whether these states' numbers are the array's, in its order."""
        together = zip(states, self._views, strict=False)
        return len(states) == len(self._views) and all(state[self._name] is view for state, view in together)

    def places(self, states: Sequence[dict[str, Any] | None]) -> np.ndarray:
        """Where in the array the numbers of these states are; -1 for None."""
        place = {id(view): index for index, view in enumerate(self._views)}
        each = [-1 if state is None else place[id(state[self._name])] for state in states]
        return np.array(each, dtype=np.int64)


class Column:
    """The numbers at some places of such an array: what they were when they were last written here, and are.

    Where they are neighbours in memory they are read and written as bytes: it is what most steps do, and NumPy takes
    ten times as long when its machinery has not run for a while.
    """

    def __init__(self, array: np.ndarray, places: np.ndarray) -> None:
        first, self._how_many = int(places[0]), len(places)
        if np.array_equal(places, np.arange(first, first + len(places))):
            self._numbers = array[first : first + len(places)]
            self._memory = self._numbers.data.cast("B")
        else:
            self._numbers, self._memory = array, None
        self._places = places
        self._pack, self._written = struct.Struct(array.dtype.char).pack, b""

    def read(self) -> np.ndarray:
        """The numbers, as they are now."""
        return self._numbers if self._memory is not None else self._numbers[self._places]

    def is_as_written(self) -> bool:
        """Whether nobody has changed a number since `write`."""
        now = self._memory or self._numbers[self._places]
        return now.tobytes() == self._written

    def write(self, of_rows: Sequence[float], row_of: np.ndarray) -> None:
        """Give each place the number of its row."""
        if self._memory is None or (len(of_rows) > 1 and len(set(of_rows)) > 1):
            numbers = np.array(of_rows, dtype=self._numbers.dtype)[row_of]
            self._numbers[slice(None) if self._memory is not None else self._places] = numbers
            self._written = numbers.tobytes()
        else:
            self._written = self._pack(of_rows[0]) * self._how_many
            self._memory[:] = self._written
