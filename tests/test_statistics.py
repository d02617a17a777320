"""The statistics against brute force, tables, simulation and arithmetic by hand."""

import math
import random
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from steepest.study.statistics import (
    differences,
    expected_best,
    interquartile_mean,
    interquartile_mean_interval,
    profile,
    ratios,
    score,
    sensitivity_width,
    time_to_target,
    typical_time,
)

numbers = st.floats(-100, 100, allow_nan=False)


# Student 1908, table of sleep: ten patients, two drugs. t = 4.0621, p = 0.002833, interval 0.70 to 2.46, known since.
SLEEP_1 = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
SLEEP_2 = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def seeds(values) -> dict:
    return dict(enumerate(values))


def test_one_pair_is_students_own_example():
    [found] = differences({"second": seeds(SLEEP_2), "first": seeds(SLEEP_1)})
    assert found.mean == pytest.approx(1.58)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert (found.low, found.high) == (pytest.approx(0.7001142, abs=5e-7), pytest.approx(2.4598858, abs=5e-7))
    assert found.correlation == pytest.approx(0.7951702, abs=5e-7)
    assert found.separated


def test_only_seeds_that_both_have_are_compared():
    [found] = differences({"a": {1: 0.5, 2: 0.7, 3: 0.9, 9: 100.0}, "b": {3: 0.6, 2: 0.5, 1: 0.4, 8: -100.0}})
    assert (found.n, found.mean) == (3, pytest.approx(0.2))
    assert differences({"a": {1: 0.5, 2: 0.7}, "b": {1: 0.4, 3: 0.1}}) == []


def holm_by_hand(ps: list[float]) -> list[float]:
    """p ascending times m, m − 1, …, each at least as large as the one before."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    out, worst = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, ps[i] * (len(ps) - rank)))
        out[i] = worst
    return out


@given(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=2, max_size=5))
def test_adjusted_p_is_holms_over_scipys_paired_t(table):
    names = [f"c{i}" for i in range(len(table))]
    found = differences({name: seeds(row) for name, row in zip(names, table, strict=True)})
    ps = []
    for a, b in combinations(table, 2):
        d = [x - y for x, y in zip(a, b, strict=True)]
        if max(d) - min(d) < 1e-6:
            return  # scipy loses precision there
        with np.errstate(over="ignore"):  # in scipy's check of its precision, where the mean is nearly 0
            ps.append(float(stats.ttest_1samp(d, 0.0).pvalue))
    assert [each.p for each in found] == pytest.approx(holm_by_hand(ps), rel=1e-6)


@given(st.lists(st.lists(st.integers(0, 30).map(float), min_size=5, max_size=5), min_size=2, max_size=5))
def test_the_interval_leaves_out_0_just_where_the_adjusted_p_is_small(table):
    for each in differences({f"c{i}": seeds(row) for i, row in enumerate(table)}):
        assert each.separated == (each.p <= 0.05 and each.mean != 0)
        assert each.low <= each.mean <= each.high
        assert each.turned.turned == each


def test_a_pair_that_alone_would_be_separated_is_not_among_many():
    close = {"a": seeds([1.0, 1.1, 1.2, 1.3, 1.4]), "b": seeds([1.0, 1.02, 1.04, 1.22, 1.26])}
    assert differences(close)[0].separated
    among = close | {f"x{i}": seeds([math.sin(9 * i + 7 * j) for j in range(5)]) for i in range(4)}
    assert not differences(among)[0].separated


def test_after_one_pair_that_stands_no_other_is_separated():
    """Ascending, p is 0.018, 0.024 and 0.384. 0.018 stands at 0.05/3; so 0.024 does, though it is below 0.05/2."""
    found = differences(
        {
            "a": seeds([-0.8, -1.6, -1.2, -0.2, -2.7, 2.1]),
            "b": seeds([0.8, 1.4, 0.8, 1.7, 0.5, 1.6]),
            "c": seeds([1.6, 1.5, 0.4, 2.1, 1.0, 1.3]),
        }
    )
    assert sorted(round(each.p, 3) for each in found) == [0.054, 0.054, 0.384]
    assert not any(each.separated for each in found)


def test_values_that_never_differ():
    same, ahead = seeds([0.5, 0.6, 0.7]), seeds([0.75, 0.85, 0.95])
    [equal] = differences({"a": same, "b": dict(same)})
    assert (equal.mean, equal.p, equal.separated) == (0.0, 1.0, False)
    [apart] = differences({"a": seeds([0.5, 0.5]), "b": seeds([0.25, 0.25])})
    assert (apart.p, apart.low, apart.high, apart.correlation) == (0.0, 0.25, 0.25, None)
    assert differences({"a": ahead, "b": same})[0].separated


def test_equal_methods_are_separated_as_seldom_as_promised():
    """Four methods without a difference, common luck by seed: any pair wrongly separated in at most 5 % of races."""
    chance = random.Random(1)
    races, wrong = 600, 0
    for _ in range(races):
        luck = [chance.gauss(0, 3) for _ in range(5)]
        values = {name: seeds([x + chance.gauss(0, 1) for x in luck]) for name in "abcd"}
        wrong += any(each.separated for each in differences(values))
    assert 0.01 < wrong / races < 0.05 + 3 * math.sqrt(0.05 * 0.95 / races)


def test_the_interval_of_one_pair_covers_the_truth():
    chance = random.Random(2)
    races, covered = 1500, 0
    for _ in range(races):
        luck = [chance.gauss(0, 1) for _ in range(4)]
        [found] = differences({"a": seeds([x + 2 + chance.gauss(0, 1) for x in luck]), "b": seeds(luck)})
        covered += found.low <= 2 <= found.high
    assert covered / races == pytest.approx(0.95, abs=0.02)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_expected_best_is_the_mean_over_all_subsets(values):
    brute = [fmean(max(s) for s in combinations(values, n)) for n in range(1, len(values) + 1)]
    assert expected_best(values) == pytest.approx(brute, abs=1e-9)


def test_expected_best_of_many_trials_does_not_overflow():
    found = expected_best([i / 2000 for i in range(2000)])
    assert found == sorted(found)
    # the best of n of 0 … B − 1 is on average n(B + 1)/(n + 1) − 1
    assert found[9] * 2000 == pytest.approx(10 * 2001 / 11 - 1)


def test_time_to_target_is_the_first_time_and_a_miss_is_infinite():
    assert time_to_target([10, 20, 30, 40], [0.1, 0.5, 0.3, 0.6], 0.5) == 20
    assert time_to_target([10, 20], [0.1, 0.2], 0.5) == math.inf
    assert time_to_target([10, 20, 30], [2.0, 0.5, 0.4], 0.5, higher=False) == 20
    assert time_to_target([], [], 0.5) == math.inf
    assert typical_time([[3.0, 9.0], [math.inf, 5.0], [math.inf]]) == 5.0
    assert typical_time([[math.inf], [math.inf], [1.0]]) == math.inf


def test_sensitivity_width_ends_at_the_first_that_falls_short():
    assert sensitivity_width({0.1: 0.98}) == 0.0
    decades = {1e-3: 0.97, 1e-2: 0.5, 1e-1: 0.972, 1.0: 0.98, 10.0: 0.9702}
    assert sensitivity_width(decades) == pytest.approx(2.0)
    assert sensitivity_width(decades, share=0.4) == pytest.approx(2.0)
    assert sensitivity_width(decades, share=0.5) == pytest.approx(4.0)
    # a negated loss: within 1 % of −2 is −2.02
    assert sensitivity_width({1.0: -2.02, 10.0: -2.0, 100.0: -2.03}) == pytest.approx(1.0)


TIMES = {
    "mnist": {"adam": 100.0, "sgd": 150.0, "gd": math.inf},
    "text": {"adam": 80.0, "sgd": 40.0, "gd": 400.0},
    "hard": {"adam": math.inf, "sgd": math.inf, "gd": math.inf},
}


def test_the_profile_by_hand():
    found = ratios(TIMES)
    assert found["mnist"] == {"adam": 1.0, "sgd": 1.5, "gd": math.inf}
    assert found["text"] == {"adam": 2.0, "sgd": 1.0, "gd": 10.0}
    assert set(found["hard"].values()) == {math.inf}
    assert profile([found[w]["adam"] for w in found]) == [(1.0, pytest.approx(1 / 3)), (2.0, pytest.approx(2 / 3))]
    assert profile([math.inf]) == []
    assert score([found[w]["adam"] for w in found]) == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert score([found[w]["gd"] for w in found]) == 0.0


@given(st.lists(st.one_of(st.floats(1, 9), st.just(math.inf)), min_size=1, max_size=6))
def test_the_score_is_the_mean_height_of_the_profile(own):
    """The integral of ρ from 1 to 4 over 3, added up step by step."""
    corners = [(tau, rho) for tau, rho in profile(own) if tau < 4]
    ends = [*(tau for tau, _ in corners[1:]), 4.0]
    area = sum(rho * (end - tau) for (tau, rho), end in zip(corners, ends, strict=False))
    assert score(own) == pytest.approx(area / 3, abs=1e-12)


def test_a_time_of_nothing_is_the_shortest():
    assert ratios({"w": {"a": 0.0, "b": 5.0}}) == {"w": {"a": 1.0, "b": math.inf}}


@given(st.integers(1, 6).flatmap(lambda n: st.lists(numbers, min_size=4 * n, max_size=4 * n)))
def test_the_interquartile_mean_is_scipys_trimmed_mean_where_quarters_are_whole(values):
    assert interquartile_mean(values) == pytest.approx(float(stats.trim_mean(values, 0.25)), abs=1e-9)


@given(st.lists(numbers, min_size=1, max_size=9))
def test_the_interquartile_mean_of_five_is_that_of_each_four_times(values):
    assert interquartile_mean(values) == pytest.approx(interquartile_mean(values * 4), abs=1e-9)


def test_the_bootstrap_draws_within_each_workload():
    """Between-workload differences do not widen the interval; the same seed gives the same interval."""
    near, far = [0.50, 0.52, 0.54, 0.56], [10.50, 10.52, 10.54, 10.56]
    low, high = interquartile_mean_interval([near, far])
    assert 5.4 < low < high < 5.7
    assert (low, high) == interquartile_mean_interval([near, far])
    assert (low, high) != interquartile_mean_interval([near, far], seed=1)
