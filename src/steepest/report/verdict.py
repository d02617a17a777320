"""The verdict: who is best, who is not separated from whom, and by how many points the rest are beaten, in words.

The command line, the report and notebooks all say what `verdict` says.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from steepest.report import data, words
from steepest.study.journal import Journal, Run
from steepest.study.statistics import Difference, differences
from steepest.study.summary import Row, summary

__all__ = ["compared", "verdict"]

ENOUGH_SEEDS = 5
NAMED_ONE_BY_ONE = 3
COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def verdict(journal: Journal) -> tuple[str, ...]:
    """The outcome of a study in sentences, of however many contenders, finished or not."""
    results, runs = summary(journal), data.in_order(journal)
    if not runs:
        return ("No run has finished yet.", "Make the report again when some have.")
    tested = [row for row in results if row.test_acc]
    if not tested:
        return _still_tuning(results)
    final = data.final_runs(runs)
    lost = data.by_contender(data.diverged(final))
    if len(data.diverged(final)) == len(final):
        return ("Every final run diverged: nobody wins.",)
    said = (*_standing(tested, compared(final), data.shares(final)), _diverged(tested, lost), _at_the_edge(tested[0]))
    return tuple(sentence for sentence in said if sentence)


def compared(final: Iterable[Run]) -> list[Difference]:
    """Every pair of contenders, compared by the test results on their common seeds."""
    return differences(data.by_seed(final))


def _still_tuning(results: Sequence[Row]) -> tuple[str, ...]:
    leader = next((row for row in results if row.best is not None), None)
    so_far = f"So far {leader.name} leads on the validation split with {words.percent(leader.best)}." if leader else ""
    return ("The race is still tuning: there are no final runs yet, and so no test accuracy.", so_far)


def _standing(tested: Sequence[Row], found: Sequence[Difference], shares: bool) -> tuple[str, ...]:
    """Who is best and who is beaten; the rows come best first."""
    best = tested[0]
    assert best.test_acc is not None
    figure = words.percent_sd if shares else words.number_sd
    reached = f"a test {'accuracy' if shares else 'metric'} of {figure(best.test_acc.mean, best.test_acc.sd)}"
    over = f"mean ± sd over {best.test_acc.n} seeds" if best.test_acc.n > 1 else "one seed"
    if len(tested) == 1:
        return (f"Alone in the race, {at(best)} reaches {reached} ({over}).", "There is nothing to compare it with.")
    if not found:
        ahead = f"{at(best)} is first with {reached}, {at(tested[1])} second."
        return (ahead, "With one seed, how much of this is chance cannot be told.")
    wins = _Wins(found, shares)
    top = [row for row in tested if row is best or not wins.beats(best.name, row.name)]
    beaten = [row.name for row in tested if row not in top]
    few = f" With {best.test_acc.n} seeds only large differences show." if best.test_acc.n < ENOUGH_SEEDS else ""
    mean = f"The highest mean is that of {best.name}, {reached} ({over})." if len(top) > 1 else ""
    alone = f"{at(best)} wins with {reached} ({over})" if len(top) == 1 else _together(top, len(tested), wins)
    losers = _losers([row.name for row in top], beaten, len(tested), wins)
    return (f"{alone}; {losers}." if losers else f"{alone}.", mean + few)


def at(row: Row) -> str:
    """A contender with the value chosen: adam at 0.001, adadelta with eps = 1e-6."""
    if row.value is None:
        return row.name
    return f"{row.name} at {words.rate(row.value)}" if row.tunes == "lr" else _with(row)


def _with(row: Row) -> str:
    letter = words.LETTERS.get(row.tunes, row.tunes)
    return f"{row.name} with {letter} = {words.rate(row.value)}"


class _Wins:
    """Which contender beats which, and by how many points."""

    def __init__(self, found: Iterable[Difference], shares: bool) -> None:
        self.shares = shares
        self.of = {pair: d for each in found for d in (each, each.turned) for pair in [(d.first, d.second)]}

    def beats(self, first: str, second: str) -> bool:
        """Whether the two are separated and the first is ahead."""
        pair = self.of.get((first, second))
        return pair is not None and pair.separated and pair.mean > 0

    def by(self, winners: Iterable[str], losers: Iterable[str]) -> tuple[float, float]:
        """The least and the most by which any of the ones may beat any of the others."""
        losers = list(losers)
        ends = [(self.of[w, x].low, self.of[w, x].high) for w in winners for x in losers]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def words(self, winners: Iterable[str], loser: str) -> str:
        """The range in words."""
        return points(*self.by(winners, [loser]), self.shares)


def points(low: float, high: float, shares: bool = True) -> str:
    """A range of differences, in percentage points where the results are shares, with as many digits as it tells.

    >>> points(0.0041, 0.0072), points(0.00021, 0.0004), points(0.38, 0.41), points(0.002, 0.002)
    ('0.4 to 0.7 points', '0.02 to 0.04 points', '38 to 41 points', '0.20 points')
    >>> points(0.5, 1.25, shares=False)
    '0.5 to 1.2'
    """
    factor, unit = (100, " points") if shares else (1, "")
    low, high = factor * low, factor * high
    digits = 2 if high <= low else max(0, -math.floor(math.log10(high - low)))
    while low and not float(f"{low:.{digits}f}") and digits < 6:
        digits += 1
    ends = dict.fromkeys((f"{low:.{digits}f}", f"{high:.{digits}f}"))
    return " to ".join(ends) + unit


def _together(top: Sequence[Row], count: int, wins: _Wins) -> str:
    """Several that are not separated from the best."""
    inside = [(a.name, b.name) for a in top for b in top if wins.beats(a.name, b.name)]
    if inside:
        though = words.listed([f"{a} beats {b}" for a, b in inside[:NAMED_ONE_BY_ONE]])
        others = words.listed([at(row) for row in top[1:]])
        return f"{at(top[0])} is first, but not separated from {others}, though {though}"
    if len(top) == count > 2:
        return f"No two of the {_count(count)} contenders are separated: {words.listed([at(row) for row in top])}"
    return f"{words.listed([at(row) for row in top])} are not separated"


def _losers(top: Sequence[str], beaten: Sequence[str], count: int, wins: _Wins) -> str:
    """Whom the best beat, all together or some of them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for loser in beaten:
        groups.setdefault(tuple(name for name in top if wins.beats(name, loser)), []).append(loser)
    clauses = [
        _clause(winners, losers, top, count - len(top), wins)
        for winners, losers in sorted(groups.items(), key=lambda group: -len(group[0]))
    ]
    return "; ".join(clauses)


def _clause(winners: Sequence[str], losers: Sequence[str], top: Sequence[str], others: int, wins: _Wins) -> str:
    if list(winners) != list(top):
        who = f"only {words.listed(winners)} {'beats' if len(winners) == 1 else 'beat'}"
    else:
        who = {1: "it beats", 2: "both beat"}.get(len(top), f"all {_count(len(top))} beat")
    if len(losers) <= NAMED_ONE_BY_ONE:
        return f"{who} {words.listed([f'{loser} by {wins.words(winners, loser)}' for loser in losers])}"
    low, _ = wins.by(winners, losers)
    them = f"the other {_count(others)}" if len(losers) == others else words.listed(losers)
    return f"{who} {them} by {points(low, low, wins.shares)} at least"


def _count(number: int) -> str:
    return COUNTS[number] if number < len(COUNTS) else str(number)


def _diverged(tested: Sequence[Row], lost: Mapping[str, Sequence[Run]]) -> str:
    """Who lost the loss with the value that it had chosen."""
    told = [
        f"{row.name} in {len(lost[row.name])} of {words.times(row.finals, 'final run')}"
        for row in tested
        if row.name in lost
    ]
    return f"Diverged with the chosen value: {words.listed(told)}." if told else ""


def _at_the_edge(best: Row) -> str:
    if not best.edge:
        return ""
    end = {"low": "smallest", "high": "largest"}[best.edge]
    return f"The best value of {best.name} is the {end} that was tried: a better one may lie beyond it."
