"""How pictures look and how they are written: one chart becomes SVG, PNG and PDF."""

from pathlib import Path
from typing import Any

import altair as alt

__all__ = ["ACCENT", "INK", "QUIET", "SERIES", "chart_of", "save", "svg"]

INK, QUIET, GRID, PAPER = "#1a202c", "#525c6b", "#e2e6ec", "#ffffff"
ACCENT = "#c2410c"
# Apart from each other for normal sight and for each kind of colour blindness, and dark enough on white.
SERIES = ("#1866b4", "#c2410c", "#3c6000", "#7e1e66")
PIXELS = 2.0  # for each point of the drawing in a PNG


def chart_of(chart: Any, title: str, subtitle: str | list[str] = "") -> Any:
    """The chart with its title and the project's looks."""
    heading = {"text": title, "subtitle": subtitle, "anchor": "start", "fontSize": 16, "subtitleFontSize": 12.5}
    return (
        chart.properties(
            title=alt.TitleParams(**heading, subtitleColor=QUIET, color=INK, offset=14, subtitlePadding=5), padding=16
        )
        .configure(background=PAPER, font="Helvetica, Arial, 'Liberation Sans', sans-serif")
        .configure_axis(
            gridColor=GRID, domainColor=QUIET, tickColor=QUIET, labelColor=QUIET, titleColor=INK, labelFontSize=12,
            titleFontSize=13, titleFontWeight="normal", labelFlush=False,
        )
        .configure_view(stroke=None)
        .configure_legend(labelFontSize=12, titleFontSize=12, labelColor=INK, titleColor=INK, symbolStrokeWidth=2.5)
        .configure_header(labelFontSize=13, labelColor=INK)
    )  # fmt: skip


def save(chart: Any, stem: Path) -> list[Path]:
    """Write the chart beside `stem` as .svg, .png and .pdf; returns the three paths."""
    paths = [Path(f"{stem}.{ending}") for ending in ("svg", "png", "pdf")]
    for path in paths:
        chart.save(str(path), **({"scale_factor": PIXELS} if path.suffix == ".png" else {}))
    return paths


def svg(chart: Any) -> str:
    """The chart as SVG text."""
    import vl_convert

    return vl_convert.vegalite_to_svg(chart.to_dict())
