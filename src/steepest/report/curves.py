"""Training curves: medians as lines, quartiles over seeds as bands, names at the lines' ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from steepest.report.chart import (
    HEIGHT,
    Chart,
    above,
    color,
    crosses,
    dash,
    finished,
    limits,
    lit,
    log_scale,
    metric_format,
    metric_scale,
    metric_ticks,
    round_numbers,
    shape,
)
from steepest.report.data import Row
from steepest.report.looks import LABEL_LIMIT
from steepest.report.metric import Metric

LABEL_GAP = 15
FEW_POINTS = 25
AXIS_OF = {"pass": "Passes over the training data", "step": "Updates (steps)", "seconds": "Training time (s)"}


@dataclass(frozen=True)
class Curves:
    """What is drawn over whatever axis: rows with y, y_low and y_high, and where diverged runs stopped.

    metric  whose heights y are; None for a loss
    """

    data: str
    title: str
    rows: Sequence[Row]
    stopped: Sequence[Row]
    contenders: Sequence[str]
    metric: Metric | None = None

    @property
    def ys(self) -> list[float]:
        """All heights drawn."""
        return [row[key] for row in self.rows for key in ("y_low", "y_high")]

    @property
    def height(self) -> int:
        """Of the chart, in pixels: the names of all have room beside it."""
        return max(HEIGHT, LABEL_GAP * len(self.contenders))

    @property
    def y(self) -> dict[str, Any]:
        """Title, scale and axis of the heights."""
        if self.metric:
            scale, axis = metric_scale(self.metric, self.ys), above(**metric_ticks(self.metric, self.ys))
        else:
            scale, axis = log_scale(*limits(self.ys)), above(format=".6~g", values=round_numbers(self.ys))
        return {"title": self.title, "scale": scale, "axis": axis}

    @property
    def worst(self) -> float:
        """Where diverged runs are marked."""
        return self.metric.worst(self.ys) if self.metric else limits(self.ys)[1]


def losses(data: str, rows: Sequence[Row], stopped: Sequence[Row], contenders: Sequence[str]) -> Curves:
    """Loss on a logarithmic axis."""
    positive = [row for row in rows if row["low"] > 0]
    heights = [{**row, "y": row["median"], "y_low": row["low"], "y_high": row["high"]} for row in positive]
    return Curves(data, "Training loss (log scale)", heights, stopped, contenders)


def metrics(
    data: str, rows: Sequence[Row], stopped: Sequence[Row], contenders: Sequence[str], metric: Metric
) -> Curves:
    """The metric on the validation split, the best on top."""
    heights = [
        {**row, "y": metric.height(row["median"])}
        | {"y_low": metric.height(row["high"]), "y_high": metric.height(row["low"])}
        for row in rows
    ]
    return Curves(data, metric.title("validation"), heights, stopped, contenders, metric)


def drawn(name: str, curves: Curves, x: str) -> Chart:
    """Curves over passes, steps or seconds; over passes, where all end together, they carry their names."""
    base = alt.Chart(alt.NamedData(curves.data)).encode(
        alt.X(f"{x}:Q", title=AXIS_OF[x], axis=alt.Axis(format="~s" if x == "step" else ".6~g", tickCount=6)),
        color=color(curves.contenders),
    )
    band = base.mark_area(aria=False).encode(alt.Y("y_low:Q", **curves.y), y2="y_high:Q", opacity=lit(0.16, 0.03))
    line = base.mark_line(strokeWidth=2, aria=False).encode(
        alt.Y("y:Q", **curves.y), strokeDash=dash(curves.contenders), opacity=lit(1.0)
    )
    layers = [band, line, _points(base, curves, x)]
    data = {curves.data: list(curves.rows)}
    if curves.stopped:
        data[f"{curves.data}-diverged"] = [{**row, "y": curves.worst} for row in curves.stopped]
        layers.append(crosses(f"{curves.data}-diverged", x, curves.y["scale"], curves.contenders))
    if x == "pass":
        data[f"{curves.data}-labels"] = _labels(curves)
        layers += _names(f"{curves.data}-labels", curves)
    return Chart(name, finished(alt.layer(*layers), height=curves.height, labels=x == "pass", titled=True), data)


def _points(base: alt.Chart, curves: Curves, x: str) -> alt.Chart:
    """A symbol at each point of short curves; on long ones only under the pointer."""
    hover = alt.selection_point(
        name="hover", nearest=True, on="pointerover", clear="pointerout", empty=False, fields=["contender", x]
    )
    few = len(curves.rows) <= FEW_POINTS * len(curves.contenders)
    points = base.mark_point(size=45, filled=True, aria=False).encode(
        alt.Y("y:Q", **curves.y),
        shape=shape(curves.contenders),
        opacity=alt.when(hover).then(alt.value(1)).otherwise(lit(1.0) if few else alt.value(0)),
        tooltip=_tooltips(x, curves.metric),
    )
    return (points if few else points.transform_filter("!still")).add_params(hover)


def _tooltips(x: str, metric: Metric | None) -> list[alt.Tooltip]:
    form, what = (metric_format(metric), metric.name) if metric else (".4~g", "loss")
    return [
        alt.Tooltip("contender:N", title="contender"),
        alt.Tooltip(f"{x}:Q", title=x, format=".4~g"),
        alt.Tooltip("median:Q", title=f"median {what}", format=form),
        alt.Tooltip("low:Q", title="lower quartile", format=form),
        alt.Tooltip("high:Q", title="upper quartile", format=form),
    ]


def _labels(curves: Curves) -> list[Row]:
    """Where each curve ends, and where its name stands so that no two names overlap."""
    last = {row["contender"]: row for row in curves.rows}
    low, high = limits(curves.ys)

    def pixel(y: float) -> float:
        if curves.metric:
            return curves.height * curves.metric.share_of(y, curves.ys)
        return curves.height * math.log(high / y) / math.log(high / low)

    def value(pixels: float) -> float:
        share = pixels / curves.height
        return curves.metric.height_at(share, curves.ys) if curves.metric else high * (low / high) ** share

    ends = sorted(last.values(), key=lambda row: pixel(row["y"]))
    places = kept_apart([pixel(row["y"]) for row in ends], LABEL_GAP, curves.height)
    return [
        {"contender": row["contender"], "y": row["y"], "label_y": value(place)}
        for row, place in zip(ends, places, strict=True)
    ]


def kept_apart(places: Sequence[float], gap: float, height: float) -> list[float]:
    """The ascending places moved down as little as needed to stand `gap` apart, and up where they would pass `height`.

    >>> kept_apart([10, 12, 60], gap=15, height=70)
    [10, 25, 60]
    >>> kept_apart([60, 64, 69], gap=15, height=70)
    [40, 55, 70]
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    limit = height
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - gap
    return moved


def _names(data: str, curves: Curves) -> list[alt.Chart]:
    """A leader from the end of each curve to its symbol and name."""
    right, scale = alt.value("width"), curves.y["scale"]
    base = alt.Chart(alt.NamedData(data)).transform_filter("labels")
    at_label = base.encode(x=right, y=alt.Y("label_y:Q", scale=scale))
    colored = color(curves.contenders)
    leader = base.mark_rule(xOffset=3, x2Offset=14, aria=False).encode(
        x=right, x2=right, y=alt.Y("y:Q", scale=scale), y2="label_y:Q", color=colored, opacity=lit(0.8)
    )
    symbol = at_label.mark_point(filled=True, size=55, xOffset=20, aria=False).encode(
        color=colored, shape=shape(curves.contenders), opacity=lit(1.0)
    )
    text = at_label.mark_text(align="left", baseline="middle", xOffset=29, limit=LABEL_LIMIT, aria=False).encode(
        text="contender:N", opacity=lit(1.0, 0.25)
    )
    return [leader, symbol, text]
