"""The rule through torch.compile, over the lists of tensors: for every device that torch can compile for.

The instructions are those of the fused pass. All that changes from step to step is data, one small tensor, so
nothing is compiled again when a rate, a step count or the rows change.
"""

# torch's operations on lists of tensors carry an underscore, and are what torch.optim itself is made of
# pyright: reportPrivateImportUsage=false

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import numpy as np
import torch

from steepest.kernels import plain, rounding
from steepest.kernels.trace import Traced
from steepest.kernels.update import Update, state_dtype
from steepest.rules.rule import Constants
from steepest.rules.verbs import norm

BACKEND = "inductor"
KERNELS_KEPT = 64
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)

_unusable = {"meta"}  # kinds of device for which nothing can be compiled, as far as is known

Tensors = Sequence[torch.Tensor]

# on lists where torch can: those become one kernel on a GPU, however many tensors there are
_TOGETHER: dict[str, Callable[..., Tensors]] = {
    "add": torch._foreach_add,
    "sub": torch._foreach_sub,
    "mul": torch._foreach_mul,
    "div": torch._foreach_div,
    "neg": torch._foreach_neg,
    "sqrt": torch._foreach_sqrt,
    "abs": torch._foreach_abs,
    "sign": torch._foreach_sign,
    "max": torch._foreach_maximum,
}
_ONE_BY_ONE: dict[str, Callable[..., torch.Tensor]] = {
    "norm": norm,
    "where": torch.where,
    "not": torch.logical_not,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "<": torch.lt,
    "<=": torch.le,
    ">": torch.gt,
    ">=": torch.ge,
    "==": torch.eq,
    "!=": torch.ne,
}


def fits(update: Update) -> bool:
    """Whether torch.compile can serve this parameter: of a floating dtype, strided, on one device that is usable."""
    p, tensors = update.parameter, [x.detach() for x in update.tensors().values()]
    return (
        p.device.type not in _unusable
        and p.dtype in DTYPES
        and all(type(x) is torch.Tensor and x.layout == torch.strided and x.device == p.device for x in tensors)
        and not any(x.is_neg() or x.is_complex() or _counts_as_a_number(x) for x in tensors)
    )


def _counts_as_a_number(x: torch.Tensor) -> bool:
    """Whether the compiler takes it for a number of Python's, and forgets what is written into it."""
    return x.ndim == 0 and x.dtype is torch.float64 and x.device.type == "cpu"


class Pass:
    """The updates of one kind on one device as one compiled function."""

    def __init__(self, updates: Sequence[Update], traced: Traced) -> None:
        first = updates[0]
        self.updates, self.traced = [replace(u, gradient=u.parameter) for u in updates], traced
        self.device, self.dtype = first.parameter.device, state_dtype(first.parameter.dtype)
        self.zero_gradient = first.zero_gradient
        tensors = [{name: x.detach() for name, x in u.tensors().items()} for u in updates]
        self.arrays = {name: [each[name] for each in tensors] for name in tensors[0]}
        self._all, self._all_arrays = self.updates, self.arrays
        self.kernel: Callable[..., None] | None = None
        self.assign_rows(np.array([u.row for u in updates], dtype=np.int64))

    def take(self, present: Sequence[int]) -> None:
        """Perform only these updates from now on."""
        if min(len(present), len(self.updates)) < len(self._all):
            self.updates = [self._all[i] for i in present]
            every = self._all_arrays.items()
            self.arrays = {name: [] if name == "g" else [each[i] for i in present] for name, each in every}
            self.kernel = None

    def assign_rows(self, rows: np.ndarray) -> None:
        """Give each update that is performed another row of the step's constants."""
        occurring, self.own = np.unique(rows, return_inverse=True)
        self.rows = occurring.tolist()
        self.updates = [replace(u, row=int(row)) for u, row in zip(self.updates, rows, strict=True)]

    def point_at(self, gradients: Tensors) -> None:
        """Take these gradients for the step."""
        self.arrays["g"] = [g.detach() for g in gradients]

    def sum_of_squares(self) -> float:
        """Σ g² over the gradients, in double precision."""
        norms = torch._foreach_norm(self.arrays["g"], 2, dtype=torch.float64)
        return float(torch.stack(norms).square().sum())

    @torch.no_grad()
    def run(self, constants: Sequence[Constants]) -> None:
        """Perform the updates with, for each row, these constants."""
        if self.device.type not in _unusable:
            table = np.array([self.traced.numbers(**constants[row]) for row in self.rows], dtype=np.float64)
            numbers = torch.from_numpy(table.reshape(len(self.rows), -1)[self.own]).to(self.dtype).to(self.device)
            self.kernel = self.kernel or _kernel(self.traced, self.dtype, self.arrays)
            try:
                self.kernel(numbers, self._keys(constants), self.arrays)
            except RuntimeError as why:
                _give_up(self.device, why)
        if self.device.type in _unusable:
            for update, gradient in zip(self.updates, self.arrays["g"], strict=True):
                plain.step(replace(update, gradient=gradient, zero_gradient=False), constants)
        if self.zero_gradient:  # when all have read theirs, for parameters may share one
            torch._foreach_zero_(self.arrays["g"])
        self.arrays["g"] = []

    def _keys(self, constants: Sequence[Constants]) -> torch.Tensor | None:
        """Where bfloat16 is rounded stochastically, the words of each update's key."""
        words = [rounding.words(constants[u.row][rounding.KEY], u.first) for u in self.updates if u.first is not None]
        return torch.tensor(words, device=self.device) if words else None


def _give_up(device: torch.device, why: Exception) -> None:
    """Do without the compiler from now on, if it was that which failed: then nothing has changed yet."""
    from torch._dynamo.exc import TorchDynamoException  # loaded by now; by itself it would take a second

    if not isinstance(why, TorchDynamoException):
        raise why
    _unusable.add(device.type)
    reason = next((line for line in str(why).splitlines() if line.strip()), type(why).__name__)
    warnings.warn(
        f"torch.compile does not work here for {device.type}, so optimizers run as plain tensor operations: {reason}",
        stacklevel=2,
    )


_kernels: dict[Any, Callable[..., None]] = {}


def _kernel(traced: Traced, dtype: torch.dtype, arrays: Mapping[str, Tensors]) -> Callable[..., None]:
    """The compiled function of a program for tensors of these kinds, compiled at its first call."""
    kinds = tuple((name, x.dtype, x.device, x.shape, x.stride()) for name, each in arrays.items() for x in each)
    key = (traced.text, dtype, kinds, BACKEND)
    if key not in _kernels:
        if len(_kernels) >= KERNELS_KEPT:
            _kernels.clear()
        _kernels[key] = torch.compile(_function(traced, dtype), fullgraph=True, dynamic=False, backend=BACKEND)
    return _kernels[key]


def _function(traced: Traced, dtype: torch.dtype) -> Callable[..., None]:
    """The program on lists of tensors: computed in this dtype, rounded once when it is written back."""
    program, outputs = traced.program, {name: x for name, x in traced.outputs.items() if name != "g"}

    def kernel(numbers: torch.Tensor, keys: torch.Tensor | None, arrays: Mapping[str, Tensors]) -> None:
        columns = [column.unbind() for column in numbers.unbind(1)]
        scalars = dict(zip(program.scalars, columns, strict=True))
        values: list[Tensors] = [[x.to(dtype) for x in arrays[name]] for name in program.inputs]
        for operation, arguments in program.instructions:
            lists = [values[a] if isinstance(a, int) else scalars[a] for a in arguments]
            values.append(_calculate(operation, lists, dtype))
        new = {name: values[x] if isinstance(x, int) else scalars[x] for name, x in outputs.items()}
        if keys is not None:
            new |= _rounded(new, keys, arrays)
        for name, each in new.items():
            for x, value in zip(arrays[name], each, strict=True):
                x.copy_(value)

    # torch allows a few compilations for each code object, and these are independent of each other
    own = kernel.__code__.replace()
    return FunctionType(own, kernel.__globals__, "kernel", None, kernel.__closure__)


def _rounded(new: Mapping[str, Tensors], keys: torch.Tensor, arrays: Mapping[str, Tensors]) -> dict[str, Tensors]:
    """The new values of the arrays in bfloat16, rounded stochastically."""
    weights = [rounding.places(p) for p in arrays.get("point", arrays["theta"])]
    lows, highs = (word.unbind() for word in keys.unbind(1))
    return {
        name: [
            rounding.to_bfloat16(value, rounding.noise(each, low, high, array))
            for value, each, low, high in zip(new[name], weights, lows, highs, strict=True)
        ]
        for array, name in enumerate(arrays)
        if name in new and arrays[name][0].dtype == torch.bfloat16
    }


def _calculate(operation: str, lists: Sequence[Tensors], dtype: torch.dtype) -> Tensors:
    if operation == "number":
        return [x.to(dtype) for x in lists[0]]
    if operation in _TOGETHER:
        return _TOGETHER[operation](*lists)
    return [_ONE_BY_ONE[operation](*each) for each in zip(*lists, strict=True)]
