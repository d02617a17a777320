"""A finished race as HTML for notebooks: verdict, table and charts in one piece that needs nothing else."""

import hashlib
import html
import re
from collections.abc import Sequence

import vl_convert

from steepest.report.account import report
from steepest.report.chart import Chart
from steepest.report.contents import Figure, Table
from steepest.report.files import standalone
from steepest.report.looks import DARK, FONT_OF_FILES, LIGHT, Theme, config
from steepest.report.page import vega_lite_version
from steepest.study.journal import Journal

__all__ = ["shown"]

# How notebooks say that they are dark: JupyterLab, Visual Studio Code, Colab. All else is light, as their paper is.
DARK_NOTEBOOKS = ('[data-jp-theme-light="false"]', ".vscode-dark", 'html[theme="dark"]')
SHOWN = ("training-loss", "test-by-seed", "sensitivity")
TITLES = {"test-by-seed": "Test, seed by seed"}
GRID = "rgba(128, 128, 128, 0.25)"


def shown(journal: Journal) -> str:
    """The race as HTML: its text in the notebook's own colours, the curves in those of the report."""
    contents = report(journal)
    figures = [figure for figure in contents.figures if figure.id.startswith(SHOWN)]
    code = f"<pre>{html.escape(contents.winner)}</pre>" if contents.winner else ""
    parts = (_table(contents.tables[0]), code, *map(_figure, figures))
    said = html.escape(" ".join(contents.verdict))
    return f'<div class="steepest-race"><style>{_style()}</style><p>{said}</p>{"".join(parts)}</div>'


def _table(shown: Table) -> str:
    def row(cells: Sequence[str], kind: str) -> str:
        align = ("right" if numeric else "left" for numeric in shown.numeric)
        made = (
            f'<{kind} style="text-align: {side}">{html.escape(cell)}</{kind}>'
            for side, cell in zip(align, cells, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row(each.cells, "td") for each in shown.rows)
    return f"<table><caption>{html.escape(shown.caption)}</caption>{row(shown.heads, 'th')}{body}</table>"


def _figure(figure: Figure) -> str:
    title = f"<p><b>{html.escape(figure.title or TITLES[figure.id])}</b></p>"
    return f'{title}<div role="img" aria-label="{html.escape(figure.description)}">{_picture(figure.chart)}</div>'


def _style() -> str:
    def colors(series: Sequence[str]) -> str:
        return "".join(f"--steepest-{i}: {color};" for i, color in enumerate(series))

    dark = ", ".join(f"{where} .steepest-race" for where in DARK_NOTEBOOKS)
    return (
        f".steepest-race {{ {colors(LIGHT.series)} }} {dark} {{ {colors(DARK.series)} }} "
        ".steepest-race svg { max-width: 100%; height: auto; }"
    )


def _picture(chart: Chart) -> str:
    """The chart as SVG whose text has the colour around it, and whose names of parts no other SVG has."""
    series = tuple(f"var(--steepest-{i}, {color})" for i, color in enumerate(LIGHT.series))
    text = dict.fromkeys(("ink", "quiet", "edge", "accent"), "currentColor")
    looks = config(Theme(**text, grid=GRID, paper="none", raised="none", series=series), FONT_OF_FILES)
    spec = {**standalone(chart), "config": looks}
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=vega_lite_version())
    return with_names_of_its_own(drawn)


def with_names_of_its_own(svg: str) -> str:
    """The drawing with its ids made different from those of any other: a page has one space of names for all.

    >>> with_names_of_its_own('<svg><clipPath id="c1"/><g clip-path="url(#c1)"/></svg>')
    '<svg><clipPath id="sabe3d39-c1"/><g clip-path="url(#sabe3d39-c1)"/></svg>'
    """
    mark = f"s{hashlib.sha256(svg.encode()).hexdigest()[:7]}"
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\1{mark}-", svg)
