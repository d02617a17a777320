"""The race's result as a table for the terminal."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich import box
from rich.table import Table
from rich.text import Text

from steepest.report import words
from steepest.report.metric import Metric
from steepest.study import Estimate, Row

ROOMY = 90
NARROW = 12  # columns of a head, so that a metric with a long name leaves room for the others


def result_table(rows: Sequence[Row], metric: Metric, width: int) -> Table:
    """A row a contender, in the order given, for a terminal of so many columns; shares are shown as percentages."""
    estimate, measured = (_percent, f"{metric.name} %") if metric.share else (_number, metric.name)
    space = 1 if width >= ROOMY else 0
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, space, 0, 0), header_style="bold")
    table.add_column("contender", overflow="fold", min_width=10)
    for title in (
        head("test", measured),
        head("validation", measured),
        "training\nloss",
        "chosen\nrate",
        "ms a\nstep",
        "diverged\nruns",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        cells = (
            estimate(row.test_acc),
            estimate(row.val_acc),
            _number(row.train_loss),
            _choice(row),
            words.number(row.ms_per_step),
            Text(f"{row.diverged}/{row.runs}", style="red" if row.diverged else "dim"),
        )
        table.add_row(Text(row.name), *cells, style="bold green" if i == 0 and row.test_acc else "")
    return table


def head(split: str, measured: str) -> str:
    """The head of a column with the metric on a split, on as many lines as it takes.

    >>> head("test", "minus squared error").splitlines()
    ['test', 'minus', 'squared', 'error']
    """
    return "\n".join([split, *wrap(measured, NARROW)])


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What to know about the table, in sentences."""
    if seeds := max((row.finals for row in rows), default=0):
        yield f"Means ± standard deviations over {seeds} fresh seed{'s'[: seeds != 1]}; the best test result first."
    for row in rows:
        if row.lr is None and row.value is not None:
            yield f"{row.name} has no learning rate; {words.letter(row.tunes)} = {row.value:g} was chosen."
    for end, word in (("low", "smallest"), ("high", "largest")):
        if names := [row.name for row in rows if row.edge == end]:
            yield f"* {', '.join(names)}: the best value is the {word} one tried; a better one may lie beyond it."


def _percent(estimate: Estimate | None) -> str:
    return words.percent_sd(estimate.mean, estimate.sd).removesuffix(" %") if estimate else words.NOTHING


def _number(estimate: Estimate | None) -> str:
    return words.number_sd(estimate.mean, estimate.sd) if estimate else words.NOTHING


def _choice(row: Row) -> str:
    star = "*" if row.edge else ""
    return words.NOTHING if row.lr is None else f"{row.lr:g}{star}"
