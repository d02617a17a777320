"""What a demonstration gives: tables, a picture and what to see in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steepest.pictures import Spec, svg
from steepest.tables import Table

__all__ = ["Shown"]


@dataclass(frozen=True)
class Shown:
    """A claim of the lecture, put to the test.

    name     as the command knows it
    tables   the numbers, by a short name; the first is the main one
    picture  a Vega-Lite specification
    notes    what to see, in sentences
    """

    name: str
    tables: Mapping[str, Table]
    picture: Spec
    notes: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Every table as a list of rows, each by its columns' names."""
        return {"show": self.name, **{name: table.records() for name, table in self.tables.items()}}

    def _repr_html_(self) -> str:
        return svg(self.picture) + "".join(table.html() for table in self.tables.values())
