"""In which precision matrices are multiplied, and which library multiplies those of a stack.

With bfloat16, training rounds what it multiplies, and the product, to 8 bits; weights, sums, gradients and the rest of
the step are float32, and so is all of the judging.

torch takes its float32 products from MKL, and those of oneDNN only where somebody lets them round to bfloat16. Yet many
processors have nothing to round with there: then oneDNN's products are float32 as well, and for the tall matrices of a
stack the faster ones, by a tenth to a half on AMD's processors.
"""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from time import perf_counter
from typing import Any

import torch

PRODUCTS = FLOAT32, BFLOAT16 = "float32", "bfloat16"
SIZE = 256  # of the matrices that show whether anything is rounded, and how long it takes
SLOW = 1.5  # times as long
MEASURED = 4  # times, of which the shortest counts


class SlowProducts(UserWarning):
    """What should be faster is slower on this processor."""


def tell_if_slow() -> None:
    """Warns where products in bfloat16 take longer than those in float32, as on processors that have none."""
    if (ratio := times_as_long()) > SLOW:
        warnings.warn(
            f"matrix products in bfloat16 take {ratio:.1f} times as long as in float32 on this processor; "
            "with float32, which is the default, the race would be faster",
            SlowProducts,
            stacklevel=2,
        )


@cache
def times_as_long() -> float:
    """How many times as long a product in bfloat16 takes as one in float32, measured once."""
    times = {dtype: [_seconds(dtype) for _ in range(MEASURED)] for dtype in (torch.float32, torch.bfloat16)}
    return min(times[torch.bfloat16]) / min(times[torch.float32])


def _seconds(dtype: torch.dtype) -> float:
    x = torch.ones(SIZE, SIZE, dtype=dtype)
    started = perf_counter()
    torch.mm(x, x)
    return perf_counter() - started


def rounding(products: str) -> torch.autocast:
    """Inside, the layers of a model multiply in this precision."""
    return torch.autocast("cpu", torch.bfloat16, enabled=products == BFLOAT16, cache_enabled=False)


def full_precision(outputs: Any) -> Any:
    """What bfloat16 products gave, in float32, also within a tuple, list or dict; anything else as it is."""
    if isinstance(outputs, torch.Tensor):
        return outputs.float() if outputs.dtype == torch.bfloat16 else outputs
    if type(outputs) in (tuple, list):
        return type(outputs)(map(full_precision, outputs))
    if type(outputs) is dict:
        return {name: full_precision(each) for name, each in outputs.items()}
    return outputs


def fastest_products() -> AbstractContextManager[None]:
    """Inside, oneDNN multiplies float32 matrices, provided that it does not round them."""
    return _onednn() if _keeps_every_bit() else nullcontext()


@cache
def _keeps_every_bit() -> bool:
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.linspace(1, 2, SIZE * SIZE).view(SIZE, SIZE)
    with _onednn():
        return torch.equal(x @ torch.eye(SIZE), x)


@contextmanager
def _onednn() -> Iterator[None]:
    matmul = torch.backends.mkldnn.matmul  # pyright: ignore[reportAttributeAccessIssue]
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before
