"""What the report says and shows, in order, before it becomes a page."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from steepest.report.chart import Chart


@dataclass(frozen=True)
class TableRow:
    """Cells as text; `contender` is the number of the contender whose swatch stands in front."""

    cells: tuple[str, ...]
    contender: int | None = None
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table as people read it."""

    caption: str
    heads: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[TableRow, ...]


def table(caption: str, heads: Sequence[str], rows: Iterable[TableRow], text: Container[int] = (0,)) -> Table:
    """A table whose columns hold numbers, which stand to the right, except for those numbered in `text`."""
    return Table(caption, tuple(heads), tuple(i not in text for i in range(len(heads))), tuple(rows))


@dataclass(frozen=True)
class Figure:
    """A chart, or one for each horizontal axis to choose from, with its words and its data."""

    id: str
    title: str
    caption: str
    description: str
    choices: Mapping[str, Chart]
    table: Table

    @property
    def chart(self) -> Chart:
        """The one shown first."""
        return next(iter(self.choices.values()))

    @property
    def height(self) -> int:
        """Room kept free until the chart is drawn."""
        return self.chart.spec["height"] + 60


@dataclass(frozen=True)
class Section:
    """Figures under one heading."""

    id: str
    title: str
    text: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Report:
    """Everything on the page.

    tables  the result; of several studies first all together, then each
    links   further pages, by their names
    """

    title: str
    subtitle: str
    verdict: tuple[str, ...]
    winner: str
    contenders: tuple[str, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    method: Mapping[str, str]
    entrants: Table
    environment: Mapping[str, str]
    footer: str
    race: Chart | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> list[Figure]:
        """The figures of all sections."""
        return [figure for section in self.sections for figure in section.figures]

    @property
    def charts(self) -> list[Chart]:
        """The charts on the page, those that wait to be chosen among them."""
        return [chart for figure in self.figures for chart in figure.choices.values()]

    @property
    def pictures(self) -> list[Chart]:
        """What is written to files: each figure's charts, one for each axis, and the race in one picture."""
        return [*self.charts, *([self.race] if self.race else [])]
