"""What several figures share: sentences, rows of a contender, a curve or budget at a few places."""

from collections.abc import Sequence

from steepest.report.contents import TableRow
from steepest.report.data import Row

CHECKPOINTS = 6
CROSS = "A cross marks a diverged run, at the edge of the chart."


def joined(*sentences: str) -> str:
    """Sentences in a row, empty ones left out."""
    return " ".join(sentence for sentence in sentences if sentence)


def row_of(contenders: Sequence[str], row: Row, *cells: str) -> TableRow:
    """A row that begins with the contender and its swatch."""
    return TableRow((row["contender"], *cells), contender=contenders.index(row["contender"]))


def some(values: Sequence[float], count: int = CHECKPOINTS) -> list[float]:
    """Evenly spaced ones, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]
