"""What a race's numbers allow one to say: paired comparisons, budget curves, time to target, profiles over workloads.

Plain numbers in, plain numbers out; nothing here knows what a journal is.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import StatisticsError, correlation, fmean, median, stdev
from typing import Any

__all__ = [
    "LEVEL",
    "RATIO_LIMIT",
    "Difference",
    "Interval",
    "differences",
    "expected_best",
    "interquartile_mean",
    "interquartile_mean_interval",
    "profile",
    "ratios",
    "score",
    "sensitivity_width",
    "time_to_target",
    "typical_time",
]

LEVEL = 0.95
RATIO_LIMIT = 4.0
DRAWS = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """Two contenders, seed by seed: first − second.

    mean         of the differences over n seeds
    low, high    Student's interval at the level at which Holm's procedure tests this pair
    p            Student's p, adjusted by Holm for all pairs
    correlation  between the two over the seeds; None where one of them does not vary
    """

    first: str
    second: str
    mean: float
    low: float
    high: float
    p: float
    correlation: float | None
    n: int

    @property
    def separated(self) -> bool:
        """Whether the interval leaves out 0: just where Holm's procedure rejects that the two are equal."""
        return not self.low <= 0 <= self.high

    @property
    def turned(self) -> "Difference":
        """The same, second − first."""
        turned = replace(self, first=self.second, second=self.first)
        return replace(turned, mean=-self.mean, low=-self.high, high=-self.low)


def differences(values: Mapping[str, Mapping[Any, float]], level: float = LEVEL) -> list[Difference]:
    r"""Every pair of contenders, compared on the seeds that both have; pairs with fewer than two are left out.

    $t = \bar d \sqrt{n} / s_d$ with n − 1 degrees of freedom (Student 1908). Holm (1979): with the p of m pairs
    ascending, the i-th is tested at $(1 - level)/(m - i + 1)$ up to the first that stands; those after it are tested
    at its level. The decisions hold together at the level.

    values  for each contender its value on each seed

    >>> a, b = {1: 0.98, 2: 0.97, 3: 0.99}, {1: 0.95, 2: 0.95, 3: 0.95}
    >>> [found] = differences({"a": a, "b": b})
    >>> round(found.mean, 3), round(found.low, 4), round(found.high, 4), found.separated
    (0.03, 0.0052, 0.0548, True)
    """
    pairs = [(a, b, _paired(values[a], values[b])) for a, b in combinations(values, 2)]
    tested = sorted((_p(d), i) for i, (_, _, (d, _)) in enumerate(pairs) if len(d) > 1)
    found, adjusted, test = {}, 0.0, 1 - level
    for rank, (p, i) in enumerate(tested):
        a, b, (d, r) = pairs[i]
        hypotheses = len(tested) - rank
        all_before_fell = adjusted <= 1 - level
        test = (1 - level) / hypotheses if all_before_fell else test
        adjusted = max(adjusted, min(1.0, hypotheses * p))
        low, high = _interval(d, 1 - test)
        found[i] = Difference(a, b, fmean(d), low, high, adjusted, r, len(d))
    return [found[i] for i in sorted(found)]


def _paired(first: Mapping[Any, float], second: Mapping[Any, float]) -> tuple[list[float], float | None]:
    common = [seed for seed in first if seed in second]
    x, y = [first[seed] for seed in common], [second[seed] for seed in common]
    return [a - b for a, b in zip(x, y, strict=True)], _correlation(x, y)


def _correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    try:
        return correlation(x, y)
    except StatisticsError:  # too few, or one of them does not vary
        return None


def _p(d: Sequence[float]) -> float:
    from scipy.stats import t

    if len(d) < 2:
        return 1.0
    spread = stdev(d) / math.sqrt(len(d))
    if spread == 0:
        return 0.0 if d[0] else 1.0
    return float(2 * t.sf(abs(fmean(d)) / spread, len(d) - 1))


def _interval(d: Sequence[float], level: float) -> Interval:
    from scipy.stats import t

    reach = float(t.isf((1 - level) / 2, len(d) - 1)) * stdev(d) / math.sqrt(len(d))
    return fmean(d) - reach, fmean(d) + reach


def expected_best(values: Sequence[float]) -> list[float]:
    r"""The expected best of n of these trials, n = 1 … B, higher being better, without bias (Tang et al. 2020).

    $E_n = \sum_{j=n}^{B} \binom{j-1}{n-1} / \binom{B}{n} \, v_{(j)}$ with v ascending: the mean over all subsets of
    n. Turn the sign of a loss before and after.

    >>> expected_best([1.0, 0.5])
    [0.75, 1.0]
    """
    ordered = sorted(values)
    return [_best_of(ordered, n) for n in range(1, len(ordered) + 1)]


def _best_of(ordered: Sequence[float], n: int) -> float:
    """Over j downwards: the weight of the last is n/B, and that of j − 1 is (j − n)/(j − 1) of that of j."""
    weight, parts = n / len(ordered), []
    for j in range(len(ordered), n - 1, -1):
        parts.append(weight * ordered[j - 1])
        weight *= (j - n) / max(j - 1, 1)
    return math.fsum(parts)


def time_to_target(times: Sequence[float], values: Sequence[float], target: float, higher: bool = True) -> float:
    """The first of the times at which a curve has reached the target; ∞ when it never does.

    >>> time_to_target([1, 2, 3], [0.5, 0.9, 0.8], target=0.85), time_to_target([1, 2], [2.0, 1.5], 1.0, higher=False)
    (2, inf)
    """
    reached = (t for t, v in zip(times, values, strict=True) if (v >= target if higher else v <= target))
    return next(reached, math.inf)


def typical_time(studies: Sequence[Sequence[float]]) -> float:
    """The median over studies of the shortest time among a study's trials.

    >>> typical_time([[5.0, 3.0], [4.0], [math.inf, math.inf]])
    4.0
    """
    return float(median(min(trials) for trials in studies))


def sensitivity_width(tried: Mapping[float, float], share: float = 0.01) -> float:
    """How far the rate may be off, in decades: from the lowest to the highest value around the best whose result is
    within this share of it. Only what was tried counts, so the true width is this at least.

    tried  for each value its result, higher being better

    >>> round(sensitivity_width({0.01: 0.90, 0.1: 0.975, 1.0: 0.98, 10.0: 0.1}), 12)
    1.0
    """
    values = sorted(tried)
    best = max(values, key=lambda value: tried[value])
    enough = tried[best] - share * abs(tried[best])
    low = high = values.index(best)
    while low > 0 and tried[values[low - 1]] >= enough:
        low -= 1
    while high + 1 < len(values) and tried[values[high + 1]] >= enough:
        high += 1
    return math.log10(values[high] / values[low])


def ratios(times: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    r"""$r_{s,w} = t_{s,w} / \min_{s'} t_{s',w}$ for each workload w and contender s; ∞ for a miss, also when all miss.

    It depends on who else runs.

    >>> ratios({"w": {"a": 2.0, "b": 3.0, "c": math.inf}, "all-miss": {"a": math.inf}})
    {'w': {'a': 1.0, 'b': 1.5, 'c': inf}, 'all-miss': {'a': inf}}
    """
    return {workload: _ratios(own) for workload, own in times.items()}


def _ratios(own: Mapping[str, float]) -> dict[str, float]:
    shortest = min(own.values(), default=math.inf)
    return {
        who: t if math.isinf(t) else t / shortest if shortest else float(t == 0) or math.inf for who, t in own.items()
    }


def profile(own: Sequence[float]) -> list[tuple[float, float]]:
    r"""The performance profile of a contender (Dolan & Moré 2002): $\rho(\tau) = |\{w : r_w \le \tau\}| / n$.

    own  its ratio on each workload

    Returns (τ, ρ) where ρ steps up.

    >>> profile([1.0, 1.5, 1.0, math.inf])
    [(1.0, 0.5), (1.5, 0.75)]
    """
    steps = sorted({r for r in own if math.isfinite(r)})
    return [(tau, sum(r <= tau for r in own) / len(own)) for tau in steps]


def score(own: Sequence[float], limit: float = RATIO_LIMIT) -> float:
    r"""AlgoPerf's score, the mean height of the profile from 1 to the limit, in closed form.

    $B = \frac{1}{n} \sum_w \max(0, (r_{max} - r_w) / (r_{max} - 1))$, from 0 to 1.

    >>> score([1.0, 2.5, 7.0, math.inf])
    0.375
    """
    return fmean(max(0.0, (limit - r) / (limit - 1)) for r in own)


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half; a value that lies half inside counts half.

    >>> interquartile_mean([100.0, 1.0, 2.0, 3.0]), interquartile_mean([0.0, 3.0, 6.0])
    (2.5, 3.0)
    """
    ordered, size = sorted(values), len(values)
    low, high = size / 4, 3 * size / 4
    inside = [max(0.0, min(i + 1, high) - max(i, low)) for i in range(size)]
    return math.fsum(w * v for w, v in zip(inside, ordered, strict=True)) / (high - low)


def interquartile_mean_interval(
    strata: Sequence[Sequence[float]], level: float = LEVEL, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """The percentile bootstrap of the interquartile mean over workloads and seeds, drawn anew within each workload.

    strata  for each workload the values on its seeds, on a scale that the workloads share

    >>> interquartile_mean_interval([[0.5, 0.5], [0.9, 0.9]])
    (0.7, 0.7)
    """
    chance = random.Random(seed)
    found = sorted(
        interquartile_mean([v for values in strata for v in chance.choices(values, k=len(values))])
        for _ in range(draws)
    )
    tail = (1 - level) / 2
    return found[math.floor(tail * (draws - 1))], found[math.ceil((1 - tail) * (draws - 1))]
