"""In which precision matrices are multiplied, and which library multiplies those of a stack.

With bfloat16, training rounds what it multiplies, and the product, to 8 bits; weights, sums, gradients and the rest of
the step are float32, and so is all of the judging.

torch takes its float32 products from MKL, and those of oneDNN only where somebody lets them round to bfloat16. Yet many
processors have nothing to round with there: then oneDNN's products are float32 as well, and for the tall matrices of a
stack the faster ones, by a tenth to a half on AMD's processors.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

import torch

PRODUCTS = FLOAT32, BFLOAT16 = "float32", "bfloat16"
SIZE = 256  # of the matrices that show whether anything is rounded


def rounding(products: str) -> torch.autocast:
    """Inside, the layers of a model multiply in this precision."""
    return torch.autocast("cpu", torch.bfloat16, enabled=products == BFLOAT16, cache_enabled=False)


def full_precision(outputs: torch.Tensor) -> torch.Tensor:
    """What bfloat16 products gave, in float32; anything else as it is."""
    return outputs.float() if outputs.dtype == torch.bfloat16 else outputs


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
