"""`steepest.race`: a race whose result a notebook shows with its charts, and whose numbers are plain data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from steepest import study
from steepest.report import data
from steepest.report.data import Row
from steepest.report.metric import metric
from steepest.report.paste import winner
from steepest.report.verdict import verdict
from steepest.study import Outcome
from steepest.study.journal import Journal, read
from steepest.study.summary import Row as Result
from steepest.tables import Table

__all__ = ["Race", "race"]

Arguments = ParamSpec("Arguments")


@dataclass(frozen=True)
class Race:
    """A finished race, which a notebook shows with its charts.

    outcome  where its journal lies, and a row a contender
    journal  every finished run
    """

    outcome: Outcome
    journal: Journal

    @property
    def folder(self) -> Path:
        """Where journal and report lie."""
        return self.outcome.folder

    @property
    def rows(self) -> tuple[Result, ...]:
        """What became of each contender, the best first."""
        return self.outcome.rows

    @property
    def table(self) -> Table:
        """A row a contender; `table.records()` are plain dictionaries."""
        return self.outcome.table

    @property
    def curves(self) -> list[Row]:
        """Every point of the final runs' training curves as a dictionary: contender, seed, step, pass, seconds."""
        return data.every_point(data.final_runs(data.in_order(self.journal)), "curve")

    @property
    def validation(self) -> list[Row]:
        """Every point of the final runs' validation curves: contender, seed, pass, the metric and the loss."""
        final = data.final_runs(data.in_order(self.journal))
        return data.every_point(final, "validation", metric(self.journal).column)

    @property
    def verdict(self) -> str:
        """Who is best, who is beaten, who is not separated."""
        return " ".join(verdict(self.journal))

    @property
    def winner(self) -> str:
        """The best contender as code to paste; empty when it is not one of this package's."""
        return winner(self.journal)

    def report(self) -> Path:
        """Write the whole report, as `steepest report` does; returns the page's path."""
        from steepest.report import write

        return write(self.folder)

    def _repr_html_(self) -> str:
        from steepest.report.inline import shown  # what draws the charts is loaded when there is something to draw

        return shown(self.journal)


def displayed(function: Callable[Arguments, Outcome]) -> Callable[Arguments, Race]:
    """The same race, with a result that a notebook shows."""

    @wraps(function)
    def race(*arguments: Arguments.args, **settings: Arguments.kwargs) -> Race:
        outcome = function(*arguments, **settings)
        return Race(outcome, read(outcome.folder))

    return race


race = displayed(study.race)
