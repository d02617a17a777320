"""The report as one HTML page that loads nothing: template, style, script, charts and Vega inside it."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from steepest.report.chart import Chart
from steepest.report.contents import Report
from steepest.report.data import Row
from steepest.report.looks import DARK, DASHES, FONT, LIGHT, SHAPES, Theme, config, repeated

# Swatches draw in a square of 2 × 2 what Vega calls by name.
SHAPE_PATHS = {
    "circle": "M-1,0A1,1,0,1,1,1,0A1,1,0,1,1,-1,0Z",
    "square": "M-.9,-.9H.9V.9H-.9Z",
    "triangle-up": "M0,-1L1,.8H-1Z",
    "diamond": "M0,-1.2L1.2,0L0,1.2L-1.2,0Z",
    "cross": "M-1,-.4H-.4V-1H.4V-.4H1V.4H.4V1H-.4V.4H-1Z",
    "triangle-down": "M0,1L1,-.8H-1Z",
    "triangle-right": "M1,0L-.8,1V-1Z",
    "triangle-left": "M-1,0L.8,1V-1Z",
}


def vega_lite_version() -> str:
    """The version, as vl-convert names it, that the charts are written for."""
    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])


@cache
def vega() -> str:
    """Vega, Vega-Lite and the embedding as one script that needs nothing else."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vega_lite_version()).replace(
        "</script", r"<\/script"
    )


def render(report: Report) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    count = len(report.contenders)
    return environment.from_string(_asset("page.html")).render(
        report=report,
        css=Markup(_asset("page.css")),
        js=Markup(_asset("page.js")),
        vega=Markup(vega()),
        charts=Markup(_script_json(_charts(report))),
        colors={"light": Markup(_css(LIGHT)), "dark": Markup(_css(DARK)), "count": len(LIGHT.series)},
        dashes=[" ".join(map(str, dash)) if dash[1] else "" for dash in repeated(DASHES, count)],
        marks=[{"path": SHAPE_PATHS[shape], "scale": 4} for shape in repeated(SHAPES, count)],
    )


def _asset(name: str) -> str:
    return files("steepest.report").joinpath(name).read_text(encoding="utf-8")


def _css(theme: Theme) -> str:
    series = "".join(f" --series-{i}: {color};" for i, color in enumerate(theme.series))
    named = ("ink", "quiet", "grid", "edge", "paper", "raised", "accent")
    return f"--font: {FONT};" + "".join(f" --{name}: {getattr(theme, name)};" for name in named) + series


def _charts(report: Report) -> dict[str, Any]:
    return {
        "specs": {chart.name: _with_names(chart) for chart in report.charts},
        "data": {name: _short(rows) for chart in report.charts for name, rows in chart.data.items()},
        "themes": {"light": config(LIGHT), "dark": config(DARK)},
    }


def _short(rows: list[Row]) -> list[Row]:
    """The rows with no more digits than a picture can show."""
    return [{k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def _with_names(chart: Chart) -> dict[str, Any]:
    return {**chart.spec, "usermeta": {"datasets": list(chart.data)}}


def _script_json(document: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
