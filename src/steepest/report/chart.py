"""What all charts share: a specification with its data, scales, encodings and the switches that the page turns.

The specifications name data sets and contenders, never a colour, so that one serves both themes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from steepest.report.data import Row
from steepest.report.looks import DASHES, SHAPES, repeated
from steepest.report.metric import Metric

HEIGHT = 340
FAINT = 0.12
ERROR_TICKS = (0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0001)
TICKS = ((1,), (1, 2, 5), *([n / parts for n in range(parts, 10 * parts)] for parts in (1, 2, 5, 10)))  # of a decade
POWERS_ALONE = 1000
LABELS_WIDTH = 30
ENOUGH_TICKS = 3
LABELS = {"share": "format(1 - datum.value, '.5~%')", "below 0": "format(-datum.value, '.4~g')"}


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification and the data sets that it names.

    Its parameters: `chosen`, the contenders to highlight; `labels`, whether curves carry their names; `narrow`, on a
    phone; `still`, for a picture at which nobody points.
    """

    name: str
    spec: dict[str, Any]
    data: dict[str, list[Row]]


def finished(chart: Any, height: int, labels: bool = False, titled: bool = False) -> dict[str, Any]:
    """The specification of a chart as wide as the element it stands in; `titled`: the vertical axis has a title."""
    switches = {"chosen": [], "labels": labels, "narrow": False, "still": False}
    parameters = (alt.param(name=name, value=value) for name, value in switches.items())
    spec = chart.properties(width="container", height=height).add_params(*parameters).to_dict()
    spec["padding"] = {"left": 4, "top": 24 if titled else 8, "bottom": 4, "right": 10}
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


def still(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification for a picture: without the marks that only a pointer shows."""
    return {**spec, "params": merged(spec["params"], [{"name": "still", "value": True}])}


def merged(*parameters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each parameter once; of those with the same name the last."""
    return list({parameter["name"]: parameter for some in parameters for parameter in some}.values())


def log_scale(low: float, high: float, upside_down: bool = False) -> alt.Scale:
    """A logarithmic scale that ends exactly here; upside down for errors that are read as accuracies."""
    return alt.Scale(type="log", domain=[low, high], nice=False, reverse=upside_down)


def limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a logarithmic axis with a little air; any decade when there is nothing to show."""
    if not values:
        return 0.1, 1.0
    return min(values) / 1.15, max(values) * 1.15


def above(**axis: Any) -> alt.Axis:
    """A vertical axis with its title above it, where it can be read without turning the head."""
    x = by_width(-LABELS_WIDTH, 0)  # on a phone over the labels too: more of it has room
    return alt.Axis(titleAngle=0, titleAlign="left", titleAnchor="start", titleX=x, titleY=-12, **axis)


def metric_scale(metric: Metric, heights: Sequence[float]) -> alt.Scale:
    """The axis on which a metric's heights lie, the best on top or to the right."""
    low, high = metric.limits(heights)
    if metric.kind == "number":
        return alt.Scale(domain=[low, high], nice=False, zero=False)
    return log_scale(low, high, upside_down=True)


def metric_ticks(metric: Metric, heights: Sequence[float]) -> dict[str, Any]:
    """Where the axis has ticks, and how they read: as the metric's own values."""
    if metric.kind == "number":
        return {"tickCount": 6, "format": ".6~g"}
    low, high = metric.limits(heights)
    usual = [tick for tick in ERROR_TICKS if metric.share and low <= tick <= high]
    return {"values": usual if len(usual) >= ENOUGH_TICKS else round_numbers(heights), "labelExpr": LABELS[metric.kind]}


def metric_format(metric: Metric) -> str:
    """How tooltips show its values."""
    return ".2%" if metric.share else ".4~g"


def round_numbers(values: Sequence[float]) -> list[float]:
    """Ticks for a logarithmic axis: 1, 2 and 5 of each decade, powers of ten alone over three decades and more, and
    finer ones where too few of these lie near the values.

    >>> round_numbers([0.04, 2.3]), round_numbers([0.5, 900])
    ([0.05, 0.1, 0.2, 0.5, 1.0, 2.0], [1.0, 10.0, 100.0, 1000.0])
    >>> round_numbers([0.55, 0.7]), round_numbers([391, 391])
    ([0.5, 0.6, 0.7, 0.8], [340.0, 360.0, 380.0, 400.0, 420.0, 440.0])
    """
    low, high = limits(values)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    ticks: list[float] = []
    for mantissas in TICKS if high / low >= POWERS_ALONE else TICKS[1:]:
        every = [float(f"{mantissa}e{decade}") for decade in decades for mantissa in mantissas]
        ticks = [tick for tick in every if low <= tick <= high]
        if len(ticks) >= ENOUGH_TICKS:
            break
    return ticks


def color(contenders: Sequence[str]) -> alt.Color:
    """Each contender its colour, in the order of the study."""
    return alt.Color("contender:N", legend=None, scale=alt.Scale(domain=list(contenders)))


def dash(contenders: Sequence[str]) -> alt.StrokeDash:
    """Each contender its dash."""
    dashes = [list(one) for one in repeated(DASHES, len(contenders))]
    return alt.StrokeDash("contender:N", legend=None, scale=alt.Scale(domain=list(contenders), range=dashes))


def shape(contenders: Sequence[str]) -> alt.Shape:
    """Each contender its symbol."""
    shapes = repeated(SHAPES, len(contenders))
    return alt.Shape("contender:N", legend=None, scale=alt.Scale(domain=list(contenders), range=shapes))


def by_width(narrow: Any, wide: Any) -> alt.ExprRef:
    """A property of a mark or axis that is another on a phone."""
    return alt.ExprRef(f"narrow ? {narrow!r} : {wide!r}")


def lit(full: float, faint: float = FAINT) -> Any:
    """Opacity: full for the highlighted contenders, or for all when none is."""
    return alt.value(alt.expr(f"length(chosen) == 0 || indexof(chosen, datum.contender) >= 0 ? {full} : {faint}"))


def crosses(data: str, x: str, scale: alt.Scale, contenders: Sequence[str]) -> alt.Chart:
    """Diverged runs."""
    return (
        alt.Chart(alt.NamedData(data))
        .mark_point(shape="M-1,-1L1,1M-1,1L1,-1", size=90, strokeWidth=2.5, aria=False)
        .encode(
            alt.X(f"{x}:Q"),
            alt.Y("y:Q", scale=scale),
            color=color(contenders),
            opacity=lit(1.0),
            tooltip=[alt.Tooltip("contender:N"), alt.Tooltip("diverged_step:Q", title="diverged at step")],
        )
    )
