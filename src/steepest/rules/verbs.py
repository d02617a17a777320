"""The few verbs that an update rule needs beyond + − × ÷, for floats, NumPy arrays and torch tensors alike.

    sqrt(x)         the square root; NaN below zero, as arrays and tensors have it
    sign(x)         −1, 0 or 1; NaN stays NaN
    absolute(x)     the magnitude
    maximum(a, b)   the larger one; NaN when either is NaN
    minimum(a, b)   the smaller one; likewise
    where(c, a, b)  a where c holds, else b

and, in a rule by which a weight's step depends on the others of its tensor:

    norm(x)                      the Euclidean norm of the whole array; a step reads once more all that x is made of
    addmm(c, a, b, beta, alpha)  beta·c + alpha·ab for matrices, rounded once
    coarse(x)                    rounded to bfloat16; NumPy, which has none, goes on with the rounded numbers
    fine(x, like)                back in the other's precision

A tensor is asked for its own method, so nothing here imports torch.
"""

import math
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

__all__ = ["absolute", "addmm", "coarse", "fine", "maximum", "minimum", "norm", "sign", "sqrt", "where"]


def _is_number(x):
    return isinstance(x, (float, int))


def sqrt(x):
    """Square root of each element."""
    if _is_number(x):
        return math.sqrt(x) if x >= 0 else math.nan
    return x.sqrt() if hasattr(x, "sqrt") else np.sqrt(x)


def sign(x):
    """−1, 0 or 1 for each element; NaN stays NaN."""
    if _is_number(x):
        return math.copysign(1.0, x) if x > 0 or x < 0 else x
    if not hasattr(x, "sgn"):
        return np.sign(x)
    return where(x == x, x.sign(), x)  # a tensor's own sign() turns NaN into 0


def absolute(x):
    """Magnitude of each element."""
    return abs(x)


def maximum(a, b):
    """The larger of each pair of elements; NaN when either is NaN."""
    if _is_number(a) and _is_number(b):
        return a if a >= b or a != a else b
    tensor = a if hasattr(a, "maximum") else b
    if not hasattr(tensor, "maximum"):
        return np.maximum(a, b)
    other = b if tensor is a else a
    return tensor.maximum(other if hasattr(other, "maximum") else tensor.new_tensor(other))


def minimum(a, b):
    """The smaller of each pair of elements; NaN when either is NaN."""
    return -maximum(-a, -b)


def norm(x):
    """√Σx² over all elements, added up in double precision and rounded once."""
    if _is_number(x):
        return abs(x)
    if hasattr(x, "double"):
        wide = x.double()
        return (wide * wide).sum().sqrt().to(x.dtype)
    if hasattr(x, "norm"):  # a symbol
        return x.norm()
    wide = x.astype(np.promote_types(x.dtype, np.float64))
    return np.sqrt((wide * wide).sum()).astype(x.dtype)


def addmm(c, a, b, beta, alpha):
    """beta·c + alpha·ab for matrices."""
    return c.addmm(a, b, beta=beta, alpha=alpha) if hasattr(c, "addmm") else beta * c + alpha * (a @ b)


def coarse(x):
    """The matrix in bfloat16; a NumPy array rounded to its eight bits."""
    if hasattr(x, "bfloat16"):
        return x.bfloat16()
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.round(fraction * 256) / 256, exponent)


def fine(x, like):
    """The matrix in the precision of another."""
    return x.to(like.dtype) if hasattr(x, "bfloat16") else x


def where(condition, a, b):
    """`a` where the condition holds, else `b`; the branch not taken never leaks a NaN."""
    if isinstance(condition, bool):
        return a if condition else b
    if hasattr(condition, "where"):
        if hasattr(a, "where"):
            return a.where(condition, b)
        if hasattr(b, "where"):
            return b.where(~condition, a)
        ones = _of_the_precision(condition) * 0.0 + 1.0
        return (ones * a).where(condition, b)
    if _is_number(a) and _is_number(b):
        a = _of_the_precision(np.asarray(a))
    return np.where(condition, a, b)


_weights = ContextVar("weights", default=None)


@contextmanager
def in_the_precision_of(weights):
    """Within it, `where` between two plain numbers has the precision of this array: a condition has none of its own."""
    before = _weights.set(weights)
    try:
        yield
    finally:
        _weights.reset(before)


def _of_the_precision(x):
    """A tensor or an array, in the precision of the weights that are being updated."""
    dtype = getattr(_weights.get(), "dtype", None)
    if dtype is None:
        return x
    return x.to(dtype) if hasattr(x, "to") else x.astype(dtype)
