"""The tables in which a pass tells its kernel what to do; all numbers are 64 bits wide."""

from dataclasses import dataclass

import numpy as np

# a job: what a kernel is called with
NEXT, CHUNKS, TABLE, CONSTANTS = 0, 1, 2, 3

# the columns of the chunk table, one after the other in memory: length, row of constants, the address of each array;
# and last, where bfloat16 is rounded stochastically, the number of the chunk's first weight
COUNT, ROW, FIRST_ADDRESS = 0, 1, 2


class Job:
    """What a kernel works off: the chunks of a table, each with its row of constants (or its place for a sum).

    What changes from step to step is written as bytes: NumPy's machinery takes ten times as long when it has not run
    for a while.
    """

    def __init__(self, table: np.ndarray, constants: np.ndarray) -> None:
        self.table, self.constants = table, constants
        fields = np.array([0, table.shape[1], table.ctypes.data, constants.ctypes.data], dtype=np.int64)
        self.fields, self.address = fields.data, fields.ctypes.data

    def begin(self) -> int:
        """The job's address, with no chunk taken yet."""
        self.fields[NEXT] = 0
        return self.address


@dataclass(frozen=True)
class Array:
    """An array of a kernel: its name in the program, the dtype in which it lies in memory."""

    name: str
    dtype: str
