"""The products of a stack are float32 to the last bit that float32 has, whichever library computes them."""

import warnings

import pytest
import torch

from small import SMALL
from steepest.study.plan import plan
from steepest.trial import products
from steepest.trial.products import fastest_products

SETTING = torch.backends.mkldnn.matmul


@pytest.fixture(autouse=True)
def asked_anew():
    products._keeps_every_bit.cache_clear()
    yield
    products._keeps_every_bit.cache_clear()


@pytest.mark.parametrize("shape", [(360, 784, 128), (4608, 784, 64), (256, 64, 784), (64, 256, 64)])
def test_nothing_is_rounded_but_sums(shape):
    m, k, n = shape
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(m, k, generator=generator), torch.randn(k, n, generator=generator)
    exact = a.double() @ b.double()
    into = torch.empty(m, n)
    with fastest_products():
        torch.addmm(into, a, b, beta=0, out=into)
        many = torch.bmm(a.expand(3, m, k), b.expand(3, k, n))
    tolerance = 1e-6 * k**0.5 * float(exact.std())  # bfloat16 would be wrong by a thousand times as much
    for found in (into, *many):
        assert float((found - exact).abs().max()) < 4 * tolerance


def test_the_setting_is_afterwards_what_it_was():
    before = SETTING.fp32_precision
    with pytest.raises(KeyboardInterrupt), fastest_products():
        raise KeyboardInterrupt
    assert SETTING.fp32_precision == before


@pytest.mark.parametrize("rounding", [True, False])
def test_a_processor_that_would_round_is_not_asked_to(monkeypatch, rounding):
    monkeypatch.setattr(torch, "equal", lambda *_: not rounding)
    monkeypatch.setattr(torch.backends.mkldnn.__class__, "is_available", lambda _: True)
    before = SETTING.fp32_precision
    with fastest_products():
        assert (SETTING.fp32_precision != before) == (not rounding)


def test_without_onednn_nothing_changes(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn.__class__, "is_available", lambda _: False)
    before = SETTING.fp32_precision
    with fastest_products():
        assert SETTING.fp32_precision == before


@pytest.mark.parametrize(("ratio", "told"), [(0.5, []), (1.2, []), (12.34, ["take 12.3 times as long as in float32"])])
def test_who_asks_for_rounding_where_it_is_slower_is_told(monkeypatch, ratio, told):
    monkeypatch.setattr(products, "times_as_long", lambda: ratio)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plan(SMALL, ["sgd"], products="bfloat16")
        plan(SMALL, ["sgd"])
    assert len(caught) == len(told)
    assert all(words in str(each.message) for words, each in zip(told, caught, strict=True))


def test_the_ratio_is_that_of_the_shortest_times(monkeypatch):
    times = {torch.float32: iter([4.0, 2.0, 3.0, 9.0]), torch.bfloat16: iter([8.0, 9.0, 5.0, 7.0])}
    monkeypatch.setattr(products, "_seconds", lambda dtype: next(times[dtype]))
    products.times_as_long.cache_clear()
    assert products.times_as_long() == 2.5
    products.times_as_long.cache_clear()
