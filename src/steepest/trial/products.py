"""Which library multiplies the matrices of a stack.

torch takes its float32 products from MKL, and those of oneDNN only where somebody lets them round to bfloat16. Yet many
processors have nothing to round with there: then oneDNN's products are float32 as well, and for the tall matrices of a
stack the faster ones, by a tenth to a half on AMD's processors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

SIZE = 256  # of the matrices that show whether anything is rounded


@contextmanager
def fastest_products() -> Iterator[None]:
    """Inside, oneDNN multiplies float32 matrices, provided that it does not round them."""
    if not _keeps_every_bit():
        yield
        return
    with _onednn():
        yield


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
