"""One pass over memory for a whole model: a table of addresses, a row of numbers for each set of constants."""

import struct
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch

from steepest.kernels import rounding
from steepest.kernels.addresses import Addresses
from steepest.kernels.table import COUNT, FIRST_ADDRESS, ROW, Array, Job
from steepest.kernels.trace import Traced, trace
from steepest.kernels.update import Update, state_dtype, storage_dtypes, whole_update
from steepest.rules.rule import Constants
from steepest.rules.verbs import norm

if TYPE_CHECKING:
    from steepest.kernels import native

CHUNK = 32768  # elements; it depends on nothing, so sums by chunks do not depend on the threads
SERIAL = 40_000  # elements below which waking a second thread costs more than it brings

OF_THE_PARAMETER = ("theta", "g", "point")  # arrays of the parameter's dtype; the others are of the state's
_NAMES = {torch.float32: "float32", torch.float64: "float64", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def fits(update: Update) -> bool:
    """Whether the pass can serve this parameter: on the CPU, of a floating dtype, dense, its arrays laid out alike."""
    p, tensors = update.parameter, update.tensors()
    if not (p.dtype in _NAMES and update.gradient.layout == torch.strided and is_dense(p)):
        return False
    own, remembered, laid_out = (p.dtype,), storage_dtypes(p.dtype), layout(p)
    return all(
        x.device.type == "cpu"
        and x.dtype in (own if name in OF_THE_PARAMETER else remembered)
        and not x.is_neg()
        and (name == "g" or layout(x) == laid_out)
        for name, x in tensors.items()
    )


def layout(x: torch.Tensor) -> list[tuple[int, int]]:
    """Sizes and strides of the dimensions that matter; equal layouts can be walked through side by side."""
    return [(n, s) for n, s in zip(x.shape, x.stride(), strict=True) if n != 1]


def is_dense(x: torch.Tensor) -> bool:
    """Whether the elements lie side by side in memory, in any order, none twice."""
    expected = 1
    for stride, size in sorted((s, n) for n, s in layout(x)):
        if stride != expected:
            return False
        expected *= size
    return True


def pieces(sizes: Sequence[int]) -> np.ndarray:
    """The chunks of tensors of these sizes, as rows of 64-bit numbers: whose each is, its start, its length."""
    each = [(i, start, min(CHUNK, n - start)) for i, n in enumerate(sizes) for start in range(0, n, CHUNK)]
    return np.array(each, dtype=np.int64).reshape(-1, 3).T


def program(update: Update, constants: Constants) -> Traced:
    """The instructions of this kind of update; raises `NotTraceable` for a rule that cannot be compiled."""
    read = [name for name in update.tensors() if name != "point"]
    key = [] if update.first is None else [rounding.KEY]
    return trace(lambda x, c: whole_update(update, x, c), read, list(constants), key)


class Pass:
    """The updates of one kind in one call.

    The table holds a row for each chunk: its length, its row of constants, and the address of each array.
    """

    def __init__(self, updates: Sequence[Update], traced: Traced) -> None:
        # LLVM takes a fifth of a second to load, so it waits for the first step
        from steepest.kernels import native
        from steepest.kernels.emit import kernel_ir

        first = updates[0]
        self.arrays = tuple(Array(name, _NAMES[tensor.dtype]) for name, tensor in first.tensors().items())
        self.compute = _NAMES[state_dtype(first.parameter.dtype)]
        self.kernel = native.compiled(kernel_ir(traced, self.arrays, self.compute))
        self.readings = self._readings(traced)
        self.numbers, self.width = traced.numbers, len(traced.program.scalars)
        self.parameters = [u.parameter for u in updates]
        self.laid_out_otherwise = [i for i, u in enumerate(updates) if layout(u.gradient) != layout(u.parameter)]
        self.column = FIRST_ADDRESS + list(first.tensors()).index("g")
        self._lay_out(updates, traced.program.sums)
        self._room = -1  # rows of constants; a rule may have none
        self.zero_gradient = first.zero_gradient
        self.assign_rows(np.array([u.row for u in updates], dtype=np.int64))

    def _readings(self, traced: Traced) -> "list[tuple[native.Kernel, slice]]":
        """The kernels that read before anything is written, each with the columns into which it puts its sums."""
        from steepest.kernels import native
        from steepest.kernels.emit import reading_ir

        column, found = FIRST_ADDRESS + len(self.arrays), []
        for norms in traced.program.readings():
            kernel = native.compiled(reading_ir(traced, self.arrays, self.compute, tuple(norms)))
            first = column + traced.program.norms.index(norms[0])
            found.append((kernel, slice(first, first + len(norms))))
        return found

    def _lay_out(self, updates: Sequence[Update], sums: int) -> None:
        sizes = [u.parameter.numel() for u in updates]
        index, start, count = pieces(sizes)
        tensors = [list(u.tensors().values()) for u in updates]
        columns = FIRST_ADDRESS + len(tensors[0]) + sums
        self.table = np.empty((columns + (updates[0].first is not None), len(count)), dtype=np.int64)
        self._sums = self.table.view(np.float64)
        for column, each in enumerate(zip(*tensors, strict=True), FIRST_ADDRESS):
            offset = start * each[0].element_size()
            self.table[column] = np.array([t.data_ptr() for t in each], dtype=np.int64)[index] + offset
            if column == self.column:
                self.offset = offset
        if updates[0].first is not None:
            self.table[columns] = np.array([u.first for u in updates], dtype=np.int64)[index] + start
        self._owner, self._count = index, count
        self.index = None if index.tolist() == list(range(len(updates))) else index
        self._pointers = self.table[self.column] if self.index is None else np.empty(len(sizes), dtype=np.int64)
        self._room_for_some = np.empty(len(sizes), dtype=np.int64)
        self._addresses_of_some = Addresses(self._room_for_some, together=True)
        self._addresses_of_all = Addresses(self._pointers, together=True)
        self._take_all()

    def _take_all(self) -> None:
        self._present: np.ndarray | None = None
        self._otherwise = self.laid_out_otherwise
        self.table[COUNT] = self._count
        self.elements = int(self._count.sum())
        self._found, self._addresses = self._pointers, self._addresses_of_all

    def take(self, present: Sequence[int]) -> None:
        """Perform only these updates from now on: the chunks of the others have no weights meanwhile."""
        if len(present) == len(self.parameters):
            self._take_all()
            return
        self._present = np.array(present, dtype=np.int64)
        self._otherwise = [place for place, i in enumerate(present) if i in self.laid_out_otherwise]
        taken = np.zeros(len(self.parameters), dtype=np.int64)
        taken[self._present] = 1
        count = self._count * (taken if self.index is None else taken[self.index])
        self.table[COUNT] = count
        self.elements = int(count.sum())
        self._found, self._addresses = self._room_for_some[: len(present)], self._addresses_of_some

    def assign_rows(self, rows: np.ndarray) -> None:
        """Give each update that is performed another row of the step's constants, of which those that occur count."""
        if rows.min() == rows.max():  # most often, and then there is nothing to look for
            self.rows = rows[:1].tolist()
            self.table[ROW] = 0
        else:
            occurring, own = np.unique(rows, return_inverse=True)
            self.rows, every = occurring.tolist(), own
            if self._present is not None:
                every = np.zeros(len(self.parameters), dtype=np.int64)
                every[self._present] = own
            self.table[ROW] = every if self.index is None else every[self.index]
        if len(self.rows) > self._room:
            self._room = len(self.rows)
            constants = np.zeros((self._room, self.width))
            self.job, self._constants = Job(self.table, constants, self._owner), constants.data
        self._pack_constants = struct.Struct(f"{len(self.rows) * self.width}d").pack_into
        self._written: Sequence[Constants] | None = None

    def point_at(self, gradients: Sequence[torch.Tensor]) -> None:
        """Take these gradients into the table; one that is laid out otherwise than its parameter is copied first.

        They are laid out like those that the pass was made with.
        """
        self._given = self._gradients = gradients
        if self._otherwise:
            self._gradients = gradients = list(gradients)
            for place in self._otherwise:
                p = self.parameters[place if self._present is None else int(self._present[place])]
                gradients[place] = torch.empty_like(p.detach()).copy_(gradients[place])
        self._addresses.read(gradients)
        if self.zero_gradient and len(set(self._found.tolist())) < len(gradients):
            self._gradients = [g.clone() for g in gradients]  # shared by parameters: zeroed when all have read
            self._addresses.read(self._gradients)
        if self._present is not None:
            self._pointers[self._present] = self._found
        if self.index is not None:
            self.table[self.column] = self._pointers[self.index] + self.offset

    @property
    def _threads(self) -> int:
        return 1 if self.elements < SERIAL else torch.get_num_threads()

    @cached_property
    def _gradients_read(self) -> "tuple[native.Kernel, slice]":
        (reading,) = self._readings(trace(lambda x, _: {"g": norm(x["g"])}, ["g"], []))
        return reading

    def sum_of_squares(self) -> float:
        """Σ g² over the gradients, added up in double precision, in an order that does not depend on the threads."""
        kernel, column = self._gradients_read
        kernel.run(self.job, self._threads)
        return sum(self._sums[column][0].tolist())

    def work(self) -> None:
        """Perform the updates with the constants that lie in the job: what is read first, then what is written."""
        for kernel, columns in self.readings:
            kernel.run(self.job, self._threads)
            self._sums[columns] = self._norms(self._sums[columns])
        self.kernel.run(self.job, self._threads)

    def _norms(self, sums: np.ndarray) -> np.ndarray:
        """For each chunk the norm over its whole tensor, of the chunks' sums of squares."""
        with np.errstate(all="ignore"):
            whole = np.sqrt(np.add.reduceat(sums, np.flatnonzero(np.diff(self._owner, prepend=-1)), axis=1))
        return np.repeat(whole, np.bincount(self._owner)[np.unique(self._owner)], axis=1)

    def run(self, constants: Sequence[Constants]) -> None:
        """Perform the updates with, for each row, these constants; the last step's own list is written already."""
        if constants is not self._written:
            numbers = [self.numbers(**constants[row]) for row in self.rows]
            self._pack_constants(self._constants, 0, *chain.from_iterable(numbers))
            self._written = constants
        self.work()
        if self.zero_gradient and self._gradients is not self._given:
            for g in self._given:
                g.zero_()
        self._given = self._gradients = ()
