"""The tables in which a pass tells its kernel what to do; all numbers are 64 bits wide."""

from dataclasses import dataclass

import numpy as np

# a job: what a kernel is called with
NEXT, CHUNKS, TABLE, CONSTANTS = 0, 1, 2, 3

# a row of the chunk table: length, row of constants, then the address of each array
COUNT, ROW, FIRST_ADDRESS = 0, 1, 2


class Job:
    """What a kernel works off: the chunks of a table, each with its row of constants (or its place for a sum)."""

    def __init__(self, table: np.ndarray, constants: np.ndarray) -> None:
        self.table, self.constants = table, constants
        self.fields = np.array([0, len(table), table.ctypes.data, constants.ctypes.data], dtype=np.int64)
        self.address = self.fields.ctypes.data

    def begin(self) -> int:
        """The job's address, with no chunk taken yet."""
        self.fields[NEXT] = 0
        return self.address


@dataclass(frozen=True)
class Array:
    """An array of a kernel: its name in the program, the dtype in which it lies in memory."""

    name: str
    dtype: str
