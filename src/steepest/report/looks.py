"""How the report looks: two themes, and a colour, a dash and a shape for each contender.

The nine colours of each theme were chosen by maximising the smallest distance between any two of them (OKLab), as seen
with normal sight and with each of the three kinds of colour blindness, each at least 3:1 against the paper. Dash and
shape tell the contenders apart without colour.
"""

from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any


@dataclass(frozen=True)
class Theme:
    """The colours of one scheme, light or dark."""

    ink: str
    quiet: str
    grid: str
    edge: str
    paper: str
    raised: str
    accent: str
    series: tuple[str, ...]


LIGHT = Theme(
    ink="#1a202c",
    quiet="#525c6b",
    grid="#e2e6ec",
    edge="#c5ccd6",
    paper="#ffffff",
    raised="#f5f7fa",
    accent="#1450a8",
    series=("#1866b4", "#fc4e78", "#3c6000", "#9678fc", "#542412", "#12a2ae", "#8a7e00", "#7e1e66", "#0c00b4"),
)
DARK = Theme(
    ink="#e8ebf0",
    quiet="#a5aebc",
    grid="#2c333e",
    edge="#48515f",
    paper="#14171c",
    raised="#1d222a",
    accent="#8ab8ff",
    series=("#5490fc", "#fc7806", "#24f6b4", "#c08aa8", "#d81206", "#9cc6fc", "#2a7866", "#f6cc1e", "#7854ba"),
)

DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (1, 0), (7, 3), (1, 0), (2, 2), (1, 0))
# One fewer than colours and dashes, so that a tenth contender looks like no other.
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
LABEL_LIMIT = 200  # pixels of a contender's name beside a chart
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
FONT_OF_FILES = "Helvetica, Arial, 'Liberation Sans', sans-serif"


def repeated(values: tuple, count: int) -> list:
    """As many values as there are contenders, from the beginning again when they run out."""
    return list(islice(cycle(values), count))


def config(theme: Theme, font: str = FONT) -> dict[str, Any]:
    """Vega-Lite's configuration for a theme; the charts themselves name no colour."""
    text = {"labelColor": theme.quiet, "titleColor": theme.ink}
    return {
        "background": None,
        "font": font,
        "axis": {
            **text,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": 500,
            "titlePadding": 8,
            "gridColor": theme.grid,
            "domainColor": theme.quiet,
            "tickColor": theme.quiet,
            "labelOverlap": "greedy",
            "labelSeparation": 4,
            "labelPadding": 6,
        },
        "axisY": {"domain": False, "ticks": False, "labelLimit": LABEL_LIMIT},
        "axisX": {"grid": False},
        "title": {
            "color": theme.ink,
            "subtitleColor": theme.quiet,
            "fontSize": 15,
            "subtitleFontSize": 12,
            "anchor": "start",
            "offset": 12,
        },
        "view": {"stroke": None},
        "range": {"category": list(theme.series)},
        "text": {"color": theme.ink, "fontSize": 12},
        "rule": {"color": theme.quiet},
    }
