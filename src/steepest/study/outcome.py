"""What a race came to, as a table that a notebook shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.study.summary import Estimate, Row
from steepest.tables import Column, Table


@dataclass(frozen=True)
class Outcome:
    """A finished race: where its journal lies, and a row a contender, the best first."""

    folder: Path
    rows: tuple[Row, ...]

    @property
    def table(self) -> Table:
        """A row a contender."""
        columns = (
            "contender",
            "test metric",
            "± sd",
            "validation metric",
            "training loss",
            "tuned",
            "value",
            "ms a step",
        )
        return Table(
            f"The race in {self.folder}",
            tuple(Column(name, name) for name in columns),
            tuple(_cells(row) for row in self.rows),
        )

    def _repr_html_(self) -> str:
        return self.table.html()


def _cells(row: Row) -> tuple[Any, ...]:
    def mean(estimate: Estimate | None) -> str:
        return f"{estimate.mean:.4g}" if estimate else ""

    sd = f"{row.test_acc.sd:.2g}" if row.test_acc and row.test_acc.sd is not None else ""
    time = f"{row.ms_per_step:.3g}" if row.ms_per_step is not None else ""
    value = f"{row.value:g}" if row.value is not None else ""
    return (row.name, mean(row.test_acc), sd, mean(row.val_acc), mean(row.train_loss), row.tunes, value, time)
