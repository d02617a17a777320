"""Schedules: closed forms at points worked out by hand, and the condition of Robbins and Monro against partial sums."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.schedules import (
    SCHEDULES,
    constant,
    cosine,
    geometric,
    inverse,
    inverse_root,
    linear,
    schedule,
)


@pytest.mark.parametrize(
    ("made", "k", "rate"),
    [
        (constant(), 0, 0.5),
        (constant(), 10**6, 0.5),
        # ε_k = (1−a) ε_0 + a ε_τ, a = k/τ, ε_τ = 0.01 ε_0
        (linear(40), 0, 0.5),
        (linear(40), 10, 0.75 * 0.5 + 0.25 * 0.005),
        (linear(40), 39, 0.025 * 0.5 + 0.975 * 0.005),
        (linear(40), 40, 0.005),
        (linear(40), 41, 0.005),
        (linear(40), 10**6, 0.005),
        (linear(4, final=0.5), 1, 0.4375),
        (linear(4, final=0.0), 4, 0.0),
        (linear(4, final=1), 2, 0.5),
        (linear(1), 1, 0.005),
        (inverse(), 0, 0.5),
        (inverse(), 1, 0.25),
        (inverse(), 9, 0.05),
        (inverse_root(), 0, 0.5),
        (inverse_root(), 3, 0.25),
        (inverse_root(), 99, 0.05),
        (geometric(0.5), 0, 0.5),
        (geometric(0.5), 3, 0.0625),
        (geometric(), 1, 0.4995),
        # half a cosine: 1, (1 + √½)/2, ½, 0
        (cosine(40), 0, 0.5),
        (cosine(40), 10, 0.25 * (1 + math.sqrt(0.5))),
        (cosine(40), 20, 0.25),
        (cosine(40), 40, 0.0),
        (cosine(40), 1000, 0.0),
        (cosine(40, final=0.2), 20, 0.3),
        (cosine(40, final=0.2), 40, 0.1),
    ],
)
def test_closed_forms(made, k, rate):
    assert made.rate(k, 0.5) == pytest.approx(rate, rel=1e-14, abs=1e-17)


def test_the_lecture_s_decay_ends_where_it_should_in_exact_numbers():
    """ε_τ = 0.01 ε_0 exactly, without the rounding of (1−a)."""
    assert linear(40).rate(40, 0.05) == 0.05 * 0.01
    assert linear(3).rate(0, 0.05) == 0.05


# --- warm-up ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [constant, lambda: linear(10), inverse, inverse_root, geometric, lambda: cosine(10)])
def test_warm_up_rises_in_even_steps_then_the_schedule_begins(make):
    plain, warm = make(), make().after_warmup(4)
    assert [warm.rate(k, 0.5) for k in range(4)] == pytest.approx([0.1, 0.2, 0.3, 0.4], rel=1e-14)
    assert [warm.rate(k + 4, 0.5) for k in range(30)] == [plain.rate(k, 0.5) for k in range(30)]
    assert warm.condition == plain.condition
    assert warm.name == plain.name


def test_warm_up_of_no_steps_is_none():
    assert [inverse().after_warmup(0).rate(k, 1.0) for k in range(5)] == [inverse().rate(k, 1.0) for k in range(5)]


# --- properties -------------------------------------------------------------------------------------------------------

schedules = st.one_of(
    st.builds(constant),
    st.builds(inverse),
    st.builds(inverse_root),
    st.builds(geometric, st.floats(0.01, 0.999999)),
    st.builds(linear, st.integers(1, 1000), st.floats(0, 1)),
    st.builds(cosine, st.integers(1, 1000), st.floats(0, 1)),
)


@given(schedules, st.integers(0, 2000), st.floats(1e-6, 10))
def test_a_rate_is_a_share_of_the_initial_one_and_never_rises(made, k, initial):
    rate, following = made.rate(k, initial), made.rate(k + 1, initial)
    assert 0 <= rate <= initial * (1 + 1e-15)
    assert following <= rate * (1 + 1e-12)
    assert made.rate(0, initial) == pytest.approx(initial, rel=1e-15)


@given(schedules, st.integers(1, 50), st.floats(1e-6, 10))
def test_warm_up_rises_up_to_the_initial_rate(made, steps, initial):
    rates = [made.after_warmup(steps).rate(k, initial) for k in range(steps + 1)]
    assert all(a < b for a, b in pairwise(rates))
    assert rates[-1] == pytest.approx(initial, rel=1e-15)


@given(st.sampled_from([linear, cosine]), st.integers(1, 1000), st.floats(0, 1))
def test_decays_settle_at_their_final_share(make, steps, final):
    made = make(steps, final)
    assert made.rate(steps, 1.0) == pytest.approx(final, rel=1e-12, abs=1e-15)
    assert made.rate(steps + 7, 1.0) == made.rate(steps, 1.0)


# --- the sufficient condition: Σ ε_k = ∞ and Σ ε_k² < ∞ --------------------------------------------------------------


def diverges(terms):
    """Cauchy's condensation: blocks that double in length keep their size when a falling series diverges."""
    first, second = math.fsum(map(terms, range(2**13, 2**14))), math.fsum(map(terms, range(2**14, 2**15)))
    return second > 0.9 * first > 0


@pytest.mark.parametrize(
    "made",
    [
        constant(),
        inverse(),
        inverse_root(),
        geometric(0.5),
        geometric(0.999),
        linear(40),
        linear(40, final=0.0),
        linear(40, final=1.0),
        cosine(40),
        cosine(40, final=0.01),
        inverse().after_warmup(100),
        constant().after_warmup(100),
    ],
    ids=lambda made: f"{made.name}-{made.rate(10**6, 1.0):.0e}",
)
def test_the_verdict_agrees_with_partial_sums(made):
    assert made.condition.sum_diverges == diverges(lambda k: made.rate(k, 1.0))
    assert made.condition.squares_converge == (not diverges(lambda k: made.rate(k, 1.0) ** 2))


def test_only_the_harmonic_schedule_meets_the_condition():
    assert [name for name in SCHEDULES if schedule(name, 100).condition.holds] == ["inverse"]


def test_every_verdict_says_why():
    for name in SCHEDULES:
        made = schedule(name, 100)
        assert "Σ" in made.condition.why
        assert made.equation.count("{") == made.equation.count("}")


def test_the_sum_of_squares_of_the_harmonic_schedule():
    total = math.fsum(inverse().rate(k, 1.0) ** 2 for k in range(10**5))
    assert total == pytest.approx(math.pi**2 / 6, abs=1.1e-5)
    assert "π²/6" in inverse().condition.why


# --- names and bad arguments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_by_name(name):
    made = schedule(name, 250)
    assert made.name == name
    assert made.rate(0, 0.5) == 0.5


def test_a_named_decay_ends_with_the_run():
    assert schedule("linear", 250).rate(250, 1.0) == pytest.approx(0.01, rel=1e-15)
    assert schedule("cosine", 250).rate(250, 1.0) == 0.0
    assert schedule("linear", 250).rate(125, 1.0) == pytest.approx(0.505, rel=1e-14)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="unknown schedule 'cosin'; did you mean 'cosine'"):
        schedule("cosin", 10)


@pytest.mark.parametrize("make", [linear, cosine])
@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "10", None, math.nan])
def test_steps_must_be_a_whole_number(make, steps):
    with pytest.raises(ValueError, match="Invalid steps: .*; allowed is a whole number, 1 or above"):
        make(steps)


@pytest.mark.parametrize("make", [linear, cosine])
@pytest.mark.parametrize("final", [-0.1, 1.1, math.nan, math.inf, True, "0.5", None])
def test_the_final_share_must_be_one(make, final):
    with pytest.raises(ValueError, match="Invalid final: .*; allowed is a share of the initial rate, from 0 to 1"):
        make(10, final)


@pytest.mark.parametrize("ratio", [0, 1, 1.0, -0.5, 2, math.nan, True, "0.5", None])
def test_the_ratio_must_be_between_0_and_1(ratio):
    with pytest.raises(ValueError, match="Invalid ratio: .*; allowed is above 0 and below 1"):
        geometric(ratio)


@pytest.mark.parametrize("steps", [-1, 0.5, True, "3", None])
def test_warm_up_must_be_a_whole_number(steps):
    with pytest.raises(ValueError, match="Invalid warmup: .*; allowed is a whole number, 0 or above"):
        constant().after_warmup(steps)
