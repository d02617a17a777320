"""A small table that can be read on a terminal, in a spreadsheet, in LaTeX and in a notebook.

>>> table = Table("Steps", (Column("k", "step"), Column("theta", "θ", r"$\\theta$")), ((1, -2.8), (2, 0.000125)))
>>> print(table.csv(), end="")
k,theta
1,-2.8
2,0.000125
"""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Column", "Table", "number"]

DOTS = "…"
LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    DOTS: r"\dots{}",
    "ε": r"$\epsilon$",
    "θ": r"$\theta$",
    "α": r"$\alpha$",
    "ρ": r"$\rho$",
    "δ": r"$\delta$",
    "λ": r"$\lambda$",
    "−": r"$-$",
    "×": r"$\times$",
    "√": r"$\sqrt{\ }$",
    "–": "--",
    "—": "---",
    "∇": r"$\nabla$",
    "β": r"$\beta$",
}


def number(value: float, digits: int = 6) -> str:
    """A number for reading: so many significant digits, zeros at the end left out."""
    return f"{value:.{digits}g}"


@dataclass(frozen=True)
class Column:
    """A column: its name in files, its title for people and in LaTeX, and how many digits people see."""

    name: str
    title: str
    latex: str = ""
    digits: int = 6


@dataclass(frozen=True)
class Table:
    """Rows of numbers and text under columns. None is an empty cell."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def cells(self, row: Sequence[Any]) -> list[str]:
        """A row as people read it."""
        return [
            "" if value is None else number(value, column.digits) if isinstance(value, float) else str(value)
            for column, value in zip(self.columns, row, strict=True)
        ]

    def numeric(self, index: int) -> bool:
        """Whether a column holds numbers (and dots), which stand to the right."""
        return all(value in (None, DOTS, "") or _is_number(str(value)) for value in self.column(index))

    def column(self, index: int) -> list[Any]:
        """The values of a column."""
        return [row[index] for row in self.rows]

    def records(self) -> list[dict[str, Any]]:
        """Each row as a dictionary by the columns' names."""
        return [dict(zip((c.name for c in self.columns), row, strict=True)) for row in self.rows]

    def without(self, prefix: str) -> "Table":
        """The table without the columns whose names begin so."""
        kept = [i for i, column in enumerate(self.columns) if not column.name.startswith(prefix)]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)

    def abbreviated(self, first: int = 4) -> "Table":
        """The first rows, dots, and the last row."""
        if len(self.rows) <= first + 2:
            return self
        dots = (DOTS,) * len(self.columns)
        return replace(self, rows=(*self.rows[:first], dots, self.rows[-1]))

    def csv(self) -> str:
        """All rows with every digit, under the columns' names."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(column.name for column in self.columns)
        writer.writerows(self.rows)
        return text.getvalue()

    def latex(self) -> str:
        """A plain tabular, which needs no package."""
        places = "".join("r" if self.numeric(i) else "l" for i in range(len(self.columns)))
        head = [column.latex or escaped(column.title) for column in self.columns]
        body = [[escaped(cell) for cell in self.cells(row)] for row in self.rows]
        lines = [
            r"\begin{tabular}{" + places + "}",
            _latex_row(head) + r" \hline",
            *map(_latex_row, body),
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """A plain HTML table."""
        head = "".join(f"<th>{html.escape(column.title)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in self.cells(row)) + "</tr>" for row in self.rows
        )
        return f"<table><caption>{html.escape(self.title)}</caption><tr>{head}</tr>{body}</table>"

    def _repr_html_(self) -> str:
        return self.html()


def escaped(text: str) -> str:
    """Text as LaTeX prints it; a number gets a real minus sign."""
    if _is_number(text):
        return _latex_number(text)
    return "".join(LATEX.get(sign, sign) for sign in text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[-1].isdigit()


def _latex_number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    return f"${mantissa} \\cdot 10^{{{int(exponent)}}}$" if exponent else f"${text}$"


def _latex_row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
