"""The tables in which a pass tells its kernel what to do; all numbers are 64 bits wide."""

from dataclasses import dataclass

# a job: what a kernel is called with
NEXT, CHUNKS, TABLE, CONSTANTS = 0, 1, 2, 3

# a row of the chunk table: length, row of constants, then the address of each array
COUNT, ROW, FIRST_ADDRESS = 0, 1, 2


@dataclass(frozen=True)
class Array:
    """An array of a kernel: its name in the program, the dtype in which it lies in memory."""

    name: str
    dtype: str
