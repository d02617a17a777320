"""The report's charts as SVG and PNG."""

from pathlib import Path
from typing import Any

import vl_convert

from steepest.report.chart import Chart, still
from steepest.report.looks import FONT_OF_FILES, LIGHT, config
from steepest.report.page import vega_lite_version

WIDTH = 720
PIXELS_PER_POINT = 2.0


def write_chart(folder: Path, chart: Chart) -> None:
    """The chart on white as `<name>.svg` and `<name>.png`."""
    svg = vl_convert.vegalite_to_svg(standalone(chart), vl_version=vega_lite_version())
    (folder / f"{chart.name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{chart.name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=PIXELS_PER_POINT))


def standalone(chart: Chart) -> dict[str, Any]:
    """The chart's specification with its data and looks, at a fixed width."""
    looks = {**config(LIGHT, FONT_OF_FILES), "background": LIGHT.paper}
    width = {"width": WIDTH} if chart.spec.get("width") == "container" else {}
    return {**still(chart.spec), **width, "datasets": chart.data, "config": looks}
