"""The verbs on floats, arrays and tensors, against NumPy: NaN, ±∞, −0 and subnormal numbers included."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steepest.rules import rule
from steepest.rules.verbs import absolute, maximum, norm, sign, sqrt, where

ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 1e-310, 1.0, -1.0, 1.7976931348623157e308]
numbers = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)


def tensor(x, dtype="float64"):
    torch = pytest.importorskip("torch")
    return torch.tensor(x, dtype=getattr(torch, dtype))


KINDS = {"float": float, "array": lambda x: np.array([x]), "scalar": np.float64, "tensor": lambda x: tensor([x])}
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def number(x):
    """The one number in a float, array or tensor."""
    return float(np.asarray(x).reshape(()))


def same(a, b):
    """Equal numbers, or both NaN."""
    return a == b or (a != a and b != b)


def examples(test):
    """Each odd number, whatever hypothesis draws."""
    for x in ODD:
        test = example(x=x)(test)
    return test


def pair_examples(test):
    """Each pair of odd numbers."""
    for a in ODD:
        for b in ODD:
            test = example(a=a, b=b)(test)
    return test


@every_kind
@examples
@given(x=numbers)
def test_sqrt(make, x):
    """To the last digit, which torch does not always round as IEEE 754 has it."""
    with np.errstate(invalid="ignore"):
        got, want = number(sqrt(make(x))), float(np.sqrt(np.float64(x)))
    assert same(got, want) or abs(got - want) <= math.ulp(want)
    assert math.isnan(got) or math.copysign(1, got) == math.copysign(1, want)


@every_kind
@examples
@given(x=numbers)
def test_sign(make, x):
    assert same(number(sign(make(x))), float(np.sign(np.float64(x))))


@every_kind
@examples
@given(x=numbers)
def test_absolute(make, x):
    got = number(absolute(make(x)))
    assert same(got, float(np.abs(np.float64(x))))
    assert math.isnan(got) or math.copysign(1, got) == 1


@every_kind
@pair_examples
@given(a=numbers, b=numbers)
def test_maximum(make, a, b):
    assert same(number(maximum(make(a), make(b))), float(np.maximum(a, b)))


@every_kind
@pair_examples
@given(a=numbers, b=numbers)
def test_maximum_with_a_number_on_either_side(make, a, b):
    assert same(number(maximum(make(a), b)), float(np.maximum(a, b)))
    assert same(number(maximum(a, make(b))), float(np.maximum(a, b)))


@every_kind
@pytest.mark.parametrize("chosen", [True, False])
@pair_examples
@given(a=numbers, b=numbers)
def test_where(make, chosen, a, b):
    """With an array or a number on either side; what is not chosen does not matter, NaN and ∞ included."""
    condition = make(1.0) > 0 if chosen else make(1.0) < 0
    want = a if chosen else b
    assert same(number(where(condition, make(a), make(b))), want)
    assert same(number(where(condition, a, make(b))), want)
    assert same(number(where(condition, make(a), b)), want)


@pytest.mark.parametrize("chosen", [True, False])
@pair_examples
@given(a=numbers, b=numbers)
def test_where_with_a_plain_condition(chosen, a, b):
    assert same(where(chosen, a, b), a if chosen else b)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_where_between_two_numbers_has_the_precision_of_the_weights(precision):
    """torch would give float32 and NumPy float64: a condition knows neither."""
    torch = pytest.importorskip("torch")
    chosen = rule(lr=1.0)(lambda theta, g, lr: where(theta > g, 0.1, -0.1))
    for x in (np.ones(2, dtype=precision), torch.ones(2, dtype=getattr(torch, precision))):
        (theta,) = chosen.step(x, x * 0, [], chosen.constants(1, {}))
        assert theta.dtype == x.dtype
        assert float(theta[0]) == float(np.dtype(precision).type(0.1))


def test_where_between_two_numbers_keeps_the_sign_of_zero():
    torch = pytest.importorskip("torch")
    for x in (np.ones(2), torch.ones(2)):
        assert np.signbit(np.asarray(where(x > 0, -0.0, 1.0))).all()


def test_where_chooses_element_by_element():
    for make in (np.array, tensor):
        x = make([-1.0, 0.5, 2.0])
        assert np.array_equal(np.asarray(where(x > 0, x, 0.25)), [0.25, 0.5, 2.0])
        assert np.array_equal(np.asarray(where(x > 0, 0.1, x)), [-1.0, 0.1, 0.1])
        assert np.array_equal(np.asarray(where(x > 0, 1.0, 0.0)), [0.0, 1.0, 1.0])


def test_maximum_of_arrays_is_element_by_element():
    for make in (np.array, tensor):
        got = maximum(make([1.0, -2.0, math.nan]), make([0.5, 3.0, 0.0]))
        assert np.array_equal(np.asarray(got), [1.0, 3.0, math.nan], equal_nan=True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_keep_their_dtype(dtype):
    x = tensor([4.0, -1.0, 0.0], dtype)
    results = (
        sqrt(x),
        sign(x),
        absolute(x),
        maximum(x, 0.5),
        maximum(0.5, x),
        where(x > 0, x, 0.5),
        where(x > 0, 0.5, x),
    )
    assert all(result.dtype == x.dtype for result in results)


def test_arrays_keep_their_dtype():
    x = np.array([4.0, 1.0], dtype=np.float32)
    results = (sqrt(x), sign(x), absolute(x), maximum(x, 0.5), where(x > 0, x, 0.5))
    assert all(result.dtype == x.dtype for result in results)


@pytest.mark.parametrize("verb", [sqrt, sign, absolute])
def test_verbs_leave_their_argument_alone(verb):
    for make in (np.array, tensor):
        x = make([4.0, 1.0])
        verb(x)
        assert np.array_equal(np.asarray(x), [4.0, 1.0])


@pytest.mark.parametrize("verb", [sqrt, sign, absolute])
def test_whole_numbers_will_do(verb):
    assert verb(4) == {sqrt: 2.0, sign: 1.0, absolute: 4}[verb]


@pytest.mark.parametrize("make", [np.array, tensor], ids=["array", "tensor"])
def test_a_norm_is_added_up_in_double_precision_and_rounded_once(make):
    x = make([3e30, 4e30], "float32")
    root = norm(x)
    assert root.dtype == x.dtype
    assert float(root) == float(np.float32(np.sqrt(sum(float(each) ** 2 for each in x))))
