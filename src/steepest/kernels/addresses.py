"""Where tensors lie, many by one call.

torch has a function by which compiled code reads a tensor's address; a compiled loop asks it for a whole list, in a
fifth of the time that Python takes.
"""

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

try:
    from torch._C._dynamo import guards
except ImportError:  # torch keeps this to itself
    guards = None

ADDRESS = torch.Tensor.data_ptr

_LOOP = """
define void @kernel(ptr %tensors, ptr %place) {{
entry:
  %size = inttoptr i64 {size} to ptr
  %item = inttoptr i64 {item} to ptr
  %address = inttoptr i64 {address} to ptr
  %count = call i64 %size(ptr %tensors)
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %body, label %done
body:
  %tensor = call ptr %item(ptr %tensors, i64 %i)
  %number = call i64 %address(ptr %tensor)
  %target = getelementptr i64, ptr %place, i64 %i
  store i64 %number, ptr %target
  %next = add i64 %i, 1
  br label %head
done:
  ret void
}}
"""


class Addresses:
    """64-bit numbers in memory, into which the addresses of as many tensors are read, or of fewer.

    together: by one call, which a tensor that has no memory of its own, as a sparse one, would end with a crash.
    """

    def __init__(self, numbers: np.ndarray, together: bool) -> None:
        self._numbers, self._place, self._loop = numbers, numbers.ctypes.data, _loop() if together else None

    def read(self, tensors: Sequence[torch.Tensor]) -> None:
        """Write the addresses of these tensors, from the first number on."""
        if self._loop is None:
            self._numbers[: len(tensors)] = list(map(ADDRESS, tensors))
        else:
            self._loop(tensors if type(tensors) is list else list(tensors), self._place)


@functools.cache
def _loop() -> Callable[[list[torch.Tensor], int], None] | None:
    address = getattr(guards, "_torchinductor_pyobject_tensor_data_ptr", None)
    if address is None:
        return None
    from steepest.kernels import native

    size, item = (_place_of(f) for f in (ctypes.pythonapi.PyList_Size, ctypes.pythonapi.PyList_GetItem))
    kernel = native.compiled(_LOOP.format(size=size, item=item, address=address))
    return ctypes.PYFUNCTYPE(None, ctypes.py_object, ctypes.c_void_p)(kernel.address)


def _place_of(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value
