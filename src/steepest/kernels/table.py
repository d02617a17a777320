"""The tables in which a pass tells its kernel what to do; all numbers are 64 bits wide."""

import struct
from dataclasses import dataclass
from itertools import chain

import numpy as np

# a job: what a kernel is called with; from FIRST_SHARE on two words a share, its next place in the order and its end
CHUNKS, TABLE, CONSTANTS, ORDER, SHARES, FIRST_SHARE = 0, 1, 2, 3, 4, 5

# the columns of the chunk table, one after the other in memory: length, row of constants, the address of each array,
# the sum for each norm; and last, where bfloat16 is rounded stochastically, the number of the chunk's first weight
COUNT, ROW, FIRST_ADDRESS = 0, 1, 2


class Job:
    """What a kernel works off: the chunks of a table, each with its row of constants (or its place for a sum).

    What changes from step to step is written as bytes: NumPy's machinery takes ten times as long when it has not run
    for a while.
    """

    def __init__(self, table: np.ndarray, constants: np.ndarray, owner: np.ndarray) -> None:
        self.table, self.constants, self.owner = table, constants, owner
        self.threads = 0  # it is dealt out when it begins

    def begin(self, threads: int) -> int:
        """The job's address, with no chunk taken yet, for so many threads."""
        if threads != self.threads:
            self._share(threads)
        self._pack(self.fields, FIRST_SHARE * 8, *self._shares)
        return self.address

    def _share(self, threads: int) -> None:
        share = shares(self.owner, self.table[COUNT], threads)
        self.threads, self.order = threads, np.argsort(share, kind="stable")
        ends = np.cumsum(np.bincount(share, minlength=threads)).tolist()
        self._shares = list(chain.from_iterable(zip([0, *ends], ends, strict=False)))
        places = [self.table.shape[1], *(x.ctypes.data for x in (self.table, self.constants, self.order)), threads]
        fields = np.array(places + self._shares, dtype=np.int64)
        self.fields, self.address = fields.data, fields.ctypes.data
        self._pack = struct.Struct(f"{len(self._shares)}q").pack_into


def shares(owner: np.ndarray, count: np.ndarray, threads: int) -> np.ndarray:
    """Which thread begins with which chunk; whoever has finished helps the others.

    owner, count: of each chunk, whose it is and its length.

    A thread has the same part of a large tensor in every step, and the part that it has in torch's own loops, where it
    is near to that thread's processor. The chunks of small tensors are dealt out one after the other, about as many
    weights to each thread.
    """
    first = np.searchsorted(owner, owner)
    chunks = np.bincount(owner)[owner]
    place = (np.arange(len(owner)) - first) * threads // chunks
    small = chunks < 4 * threads
    before = np.cumsum(count[small]) - count[small]
    place[small] = before * threads // max(1, count[small].sum())
    return np.minimum(place, threads - 1)  # behind the last weight there may be chunks that have none


@dataclass(frozen=True)
class Array:
    """An array of a kernel: its name in the program, the dtype in which it lies in memory."""

    name: str
    dtype: str
