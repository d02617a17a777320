"""The verdict: who is best, who is not separated from whom, and by how many points the rest are beaten, in words.

The command line, the report and notebooks all say what `verdict` says.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from steepest.report import data, words
from steepest.report.metric import Metric, metric
from steepest.study.journal import Journal, Run
from steepest.study.statistics import Difference, differences
from steepest.study.summary import Row, summary

__all__ = ["compared", "verdict"]

ENOUGH_SEEDS = 5
NAMED_ONE_BY_ONE = 3
FEW_TOGETHER = 3
COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def verdict(journal: Journal) -> tuple[str, ...]:
    """The outcome of a study in sentences, of however many contenders, finished or not."""
    results, runs = summary(journal), data.in_order(journal)
    if not runs:
        return ("No run has finished yet.", "Make the report again when some have.")
    tested, measured = [row for row in results if row.test_acc], metric(journal)
    if not tested:
        return _still_tuning(results, measured)
    final = data.final_runs(runs)
    lost = data.by_contender(data.diverged(final))
    if len(data.diverged(final)) == len(final):
        return ("Every final run diverged: nobody wins.",)
    said = (*_standing(tested, compared(final), measured), _diverged(tested, lost), _at_the_edge(tested[0]))
    return tuple(sentence for sentence in said if sentence)


def compared(final: Iterable[Run]) -> list[Difference]:
    """Every pair of contenders, compared by the test results on their common seeds."""
    return differences(data.by_seed(final))


def _still_tuning(results: Sequence[Row], measured: Metric) -> tuple[str, ...]:
    leader = next((row for row in results if row.best is not None), None)
    so_far = f"So far {leader.name} leads on the validation split with {measured.words(leader.best)}." if leader else ""
    return (f"The race is still tuning: there are no final runs yet, and so no {measured.on('test')}.", so_far)


def _standing(tested: Sequence[Row], found: Sequence[Difference], measured: Metric) -> tuple[str, ...]:
    """Who is best, who is beaten and who is not separated; the rows come best first."""
    best = tested[0]
    assert best.test_acc is not None
    reached = f"a {measured.on('test')} of {_figure(best, measured)}"
    over = f"mean ± sd over {best.test_acc.n} seeds" if best.test_acc.n > 1 else "one seed"
    if len(tested) == 1:
        return (f"Alone in the race, {at(best)} reaches {reached} ({over}).", "There is nothing to compare it with.")
    if not found:
        ahead = f"{at(best)} is first with {reached}, {at(tested[1])} second."
        return (ahead, "With one seed, how much of this is chance cannot be told.")
    wins = _Wins(found, measured.share)
    top = [row for row in tested if row is best or not wins.beats(best.name, row.name)]
    beaten = [row for row in tested if row not in top]
    few = f"With {best.test_acc.n} seeds only large differences show." if best.test_acc.n < ENOUGH_SEEDS else ""
    if len(top) == 1:
        return (f"{at(best)} wins with {reached} ({over}); it {_losers(top, beaten, wins)}.", few)
    if len(top) <= FEW_TOGETHER and _alike(top, beaten, wins):
        mean = f"The highest mean is that of {best.name}, {reached} ({over})."
        return (_together(top, beaten, wins), mean, few)
    if not beaten and wins.level(row.name for row in tested):
        return (f"All {_count(len(tested))} contenders have the same mean, {reached} ({over}).", few)
    first = f"{at(best)} is first with {reached} ({over}){'; it ' + _losers([best], beaten, wins) if beaten else ''}."
    return (first, *_not_separated(best, top[1:], beaten, wins, measured), few)


def _figure(row: Row, measured: Metric) -> str:
    return measured.words_sd(row.test_acc.mean, row.test_acc.sd) if row.test_acc else words.NOTHING


def _alike(top: Sequence[Row], beaten: Sequence[Row], wins: "_Wins") -> bool:
    """Whether none of the best beats another, and each of them beats all the rest."""
    inside = any(wins.beats(a.name, b.name) for a in top for b in top)
    return not inside and all(wins.beats(row.name, loser.name) for row in top for loser in beaten)


def at(row: Row) -> str:
    """A contender with the value chosen: adam at 0.001, adadelta with eps = 1e-6."""
    if row.value is None:
        return row.name
    return f"{row.name} at {words.rate(row.value)}" if row.tunes == "lr" else _with(row)


def _with(row: Row) -> str:
    return f"{row.name} with {words.letter(row.tunes)} = {words.rate(row.value)}"


class _Wins:
    """Which contender beats which, and by how many points."""

    def __init__(self, found: Sequence[Difference], shares: bool) -> None:
        self.shares = shares
        self.names = {name for each in found for name in (each.first, each.second)}
        self.of = {pair: d for each in found for d in (each, each.turned) for pair in [(d.first, d.second)]}

    def beats(self, first: str, second: str) -> bool:
        """Whether the two are separated and the first is ahead."""
        pair = self.of.get((first, second))
        return pair is not None and pair.separated and pair.mean > 0

    def level(self, names: Iterable[str]) -> bool:
        """Whether all of them have the same mean."""
        return not any(self.of[pair].mean for pair in combinations(names, 2))

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
    >>> points(6.6e9, 1.34e10, shares=False), points(0.0, 0.0)
    ('6.6e9 to 1.34e10', '0 points')
    """
    factor, unit = (100, " points") if shares else (1, "")
    low, high = factor * low, factor * high
    if not high or "e" in words.number(high):
        return " to ".join(dict.fromkeys(map(words.number, (low, high)))) + unit
    alike = high - low <= 1e-6 * abs(high)
    digits = 2 if alike else max(0, -math.floor(math.log10(high - low)))
    while low and not float(f"{low:.{digits}f}") and digits < 6:
        digits += 1
    ends = dict.fromkeys((f"{low:.{digits}f}", f"{high:.{digits}f}"))
    return " to ".join(ends) + unit


def _together(top: Sequence[Row], beaten: Sequence[Row], wins: _Wins) -> str:
    """A few that are not separated, and whom they beat."""
    names = words.listed([at(row) for row in top])
    if not beaten and len(top) > 2:
        return f"No two of the {_count(len(top))} contenders are separated: {names}."
    who = "both" if len(top) == 2 else f"all {_count(len(top))}"
    return f"{names} are not separated{f'; {who} ' + _losers(top, beaten, wins) if beaten else ''}."


def _losers(winners: Sequence[Row], beaten: Sequence[Row], wins: _Wins) -> str:
    """beats sgd by 1 to 2 points; of many the least is told."""
    names, losers = [row.name for row in winners], [row.name for row in beaten]
    beat = "beats" if len(winners) == 1 else "beat"
    if len(losers) <= NAMED_ONE_BY_ONE:
        return f"{beat} {words.listed([f'{loser} by {wins.words(names, loser)}' for loser in losers])}"
    low, _ = wins.by(names, losers)
    all_others = len(wins.names) == len(winners) + len(losers)
    them = f"the other {_count(len(losers))}" if all_others else words.listed(losers)
    return f"{beat} {them} by {points(low, low, wins.shares)} at least"


def _not_separated(
    best: Row, others: Sequence[Row], beaten: Sequence[Row], wins: _Wins, measured: Metric
) -> Iterator[str]:
    """Who is not separated from the best; apart those who are farther behind than one that is, and why."""
    behind = {row.name: wins.of[best.name, row.name].mean for row in (*others, *beaten)}
    nearest_beaten = min((behind[row.name] for row in beaten), default=math.inf)
    near = [row.name for row in others if behind[row.name] <= nearest_beaten]
    far = [row for row in others if row.name not in near]
    if near:
        gaps = [max(0.0, behind[name]) for name in near]
        yield f"Not separated from it: {words.listed(near)}, {points(min(gaps), max(gaps), wins.shares)} behind."
    if far:
        told = words.listed([f"{row.name} ({_figure(row, measured)})" for row in far])
        be = "is" if len(far) == 1 else "are"
        yield f"{told} {be} farther behind, but not separated either: the seeds scatter too much."


def _count(number: int) -> str:
    """A small number in words.

    >>> _count(9), _count(10)
    ('nine', '10')
    """
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
    return f"The chosen value of {best.name} is the {end} that was tried: a better one may lie beyond it."
