"""How pictures look and how they are written: a Vega-Lite specification, a plain dictionary, becomes SVG, PNG, PDF."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["ACCENT", "INK", "QUIET", "SERIES", "Spec", "axis", "finished", "layer", "save", "scale", "svg"]

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

INK, QUIET, GRID, PAPER = "#1a202c", "#525c6b", "#e2e6ec", "#ffffff"
ACCENT = "#c2410c"
# Apart from each other for normal sight and for each kind of colour blindness, and dark enough on white.
SERIES = ("#1866b4", "#c2410c", "#3c6000", "#7e1e66")
PIXELS = 2.0  # for each point of the drawing in a PNG

CONFIG = {
    "background": PAPER,
    "font": "Helvetica, Arial, 'Liberation Sans', sans-serif",
    "axis": {
        "gridColor": GRID,
        "domainColor": QUIET,
        "tickColor": QUIET,
        "labelColor": QUIET,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
    },
    "view": {"stroke": None},
    "legend": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelColor": INK,
        "titleColor": INK,
        "symbolStrokeWidth": 2.5,
    },
    "title": {"anchor": "start", "color": INK, "subtitleColor": QUIET, "subtitlePadding": 5},
}


def scale(low: float, high: float, **more: Any) -> Spec:
    """An axis' scale from exactly `low` to exactly `high`."""
    return {"domain": [low, high], "nice": False, "zero": False, **more}


def axis(field: str, title: str | None, scale: Spec | None = None, **looks: Any) -> Spec:
    """A position by a numeric field; `looks` are Vega-Lite's settings of the axis."""
    return {"field": field, "type": "quantitative", "title": title, "scale": scale or {}, "axis": looks}


def layer(mark: str, rows: Rows | str, encoding: Spec, **looks: Any) -> Spec:
    """One kind of mark for each row; what lies outside the axes is cut off. `rows` may name a data set."""
    data = {"name": rows} if isinstance(rows, str) else {"values": list(rows)}
    return {"data": data, "mark": {"type": mark, "clip": True, **looks}, "encoding": encoding}


def finished(picture: Spec, title: str, subtitle: str | Sequence[str] = "", **datasets: Rows) -> Spec:
    """The picture with its title, named data sets and the project's looks."""
    heading = {"text": title, "subtitle": subtitle, "fontSize": 16, "subtitleFontSize": 12.5, "offset": 14}
    named = {name: list(rows) for name, rows in datasets.items()}
    return {**picture, "title": heading, "padding": 16, "datasets": named, "config": CONFIG}


def svg(picture: Spec) -> str:
    """The picture as SVG text."""
    import vl_convert

    return vl_convert.vegalite_to_svg(picture)


def save(picture: Spec, stem: Path) -> list[Path]:
    """Write the picture beside `stem` as .svg, .png and .pdf; returns the three paths."""
    import vl_convert

    drawn = svg(picture)
    contents = {
        "svg": drawn.encode(),
        "png": vl_convert.svg_to_png(drawn, scale=PIXELS),
        "pdf": vl_convert.svg_to_pdf(drawn),
    }
    paths = {ending: Path(f"{stem}.{ending}") for ending in contents}
    for ending, path in paths.items():
        path.write_bytes(contents[ending])
    return list(paths.values())
