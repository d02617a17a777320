"""The charts as Vega-Lite specifications: they name data sets and contenders, never a colour, so that one serves both themes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt

from steepest.report.data import Row
from steepest.report.looks import DASHES, SHAPES, repeated

HEIGHT = 340
LOW = 230
ROW_HEIGHT = 30
LABEL_GAP = 15
FEW_POINTS = 25
ERROR_TICKS = (0.9, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0001)
SMALLEST_ERROR = 1e-4
AXIS_OF = {"pass": "Passes over the training data", "step": "Updates (steps)", "seconds": "Training time (s)"}
ACCURACY_LABELS = "format(1 - datum.value, '.5~%')"


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification and the data sets that it names.

    Its parameters: `chosen`, the contenders to highlight; `labels`, whether curves carry their names; `still`, for pictures.
    """

    name: str
    spec: dict[str, Any]
    data: dict[str, list[Row]] = field(default_factory=dict)


def loss_curves(
    name: str, data: str, rows: Sequence[Row], stopped: Sequence[Row], contenders: Sequence[str], x: str
) -> Chart:
    """Loss on a logarithmic axis: median as a line, the range over seeds as a band, diverged runs as crosses."""
    rows = [{**row, "y": row["median"], "y_low": row["low"], "y_high": row["high"]} for row in rows if row["low"] > 0]
    axis = _above(format="~g", values=round_numbers([row[key] for row in rows for key in ("y_low", "y_high")]))
    return _curves(name, data, rows, stopped, contenders, x, y_title="Training loss (log scale)", axis=axis)


def accuracy_curves(
    name: str, data: str, rows: Sequence[Row], stopped: Sequence[Row], contenders: Sequence[str], x: str
) -> Chart:
    """Accuracy on an axis that stretches towards 100 %: the error's logarithm, upside down."""
    rows = [
        {**row, "y": error(row["median"]), "y_low": error(row["high"]), "y_high": error(row["low"])} for row in rows
    ]
    return _curves(
        name, data, rows, stopped, contenders, x, y_title="Validation accuracy", axis=_accuracy_axis(), upside_down=True
    )


def error(accuracy: float) -> float:
    """1 − accuracy, kept above zero for a logarithmic axis."""
    return max(1 - accuracy, SMALLEST_ERROR)


def _accuracy_axis() -> alt.Axis:
    return _above(values=list(ERROR_TICKS), labelExpr=ACCURACY_LABELS)


def _above(**axis: Any) -> alt.Axis:
    """A vertical axis with its title above it, where it can be read without turning the head."""
    return alt.Axis(titleAngle=0, titleAlign="left", titleAnchor="start", titleX=0, titleY=-12, **axis)


def _curves(
    name: str,
    source: str,
    rows: list[Row],
    stopped: Sequence[Row],
    contenders: Sequence[str],
    x: str,
    y_title: str,
    axis: alt.Axis,
    upside_down: bool = False,
) -> Chart:
    low, high = _limits([row[key] for row in rows for key in ("y_low", "y_high")])
    scale = alt.Scale(type="log", domain=[low, high], nice=False, reverse=upside_down)
    y = alt.Y("y:Q", title=y_title, scale=scale, axis=axis)
    along = alt.X(f"{x}:Q", title=AXIS_OF[x], axis=alt.Axis(format="~s" if x == "step" else "~g", tickCount=6))
    data = {source: rows, f"{source}-diverged": [{**row, "y": high} for row in stopped]}
    base = alt.Chart(alt.NamedData(source)).encode(along, color=_color(contenders))
    opacity = _lit(1.0, 0.12)
    band = base.mark_area(aria=False).encode(
        y=alt.Y("y_low:Q", title=y_title, scale=scale, axis=axis),
        y2="y_high:Q",
        opacity=_lit(0.16, 0.03),
    )
    line = base.mark_line(strokeWidth=2, aria=False).encode(y, strokeDash=_dash(contenders), opacity=opacity)
    hover = alt.selection_point(
        name="hover", nearest=True, on="pointerover", clear="pointerout", empty=False, fields=["contender", x]
    )
    few = len(rows) <= FEW_POINTS * max(1, len(contenders))
    dots = (
        base.mark_point(size=45, filled=True, aria=False)
        .encode(
            y,
            shape=_shape(contenders),
            opacity=alt.when(hover).then(alt.value(1)).otherwise(opacity if few else alt.value(0)),
            tooltip=_tooltips(x, upside_down),
        )
        .add_params(hover)
    )
    if not few:
        dots = dots.transform_filter("!still")
    layers = [band, line, dots]
    if data[f"{source}-diverged"]:
        layers.append(_crosses(f"{source}-diverged", x, scale, contenders))
    if x == "pass":
        data[f"{source}-labels"] = _labels(rows, contenders, low, high, upside_down)
        layers += _direct_labels(f"{source}-labels", scale, contenders)
    return Chart(name, _finished(alt.layer(*layers), height=HEIGHT, labels=x == "pass", titled=True), data)


def _tooltips(x: str, accuracy: bool) -> list[alt.Tooltip]:
    form = ".2%" if accuracy else ".4~g"
    what = "accuracy" if accuracy else "loss"
    return [
        alt.Tooltip("contender:N", title="contender"),
        alt.Tooltip(f"{x}:Q", title=x, format=".4~g"),
        alt.Tooltip("median:Q", title=f"median {what}", format=form),
        alt.Tooltip("low:Q", title="lowest seed", format=form),
        alt.Tooltip("high:Q", title="highest seed", format=form),
    ]


def _crosses(data: str, x: str, scale: alt.Scale, contenders: Sequence[str]) -> alt.Chart:
    return (
        alt.Chart(alt.NamedData(data))
        .mark_point(shape="M-1,-1L1,1M-1,1L1,-1", size=90, strokeWidth=2.5, aria=False)
        .encode(
            alt.X(f"{x}:Q"),
            alt.Y("y:Q", scale=scale),
            stroke=_color(contenders),
            opacity=_lit(1.0, 0.12),
            tooltip=[
                alt.Tooltip("contender:N"),
                alt.Tooltip("seed:Q"),
                alt.Tooltip("diverged_step:Q", title="diverged at step"),
            ],
        )
    )


def _labels(rows: Sequence[Row], contenders: Sequence[str], low: float, high: float, upside_down: bool) -> list[Row]:
    """Where each curve ends, and where its name stands so that no two names overlap."""
    last = {row["contender"]: row for row in rows}
    ends = [last[name] for name in contenders if name in last]

    def pixel(y: float) -> float:
        share = math.log(y / low) / math.log(high / low)
        return HEIGHT * (share if upside_down else 1 - share)

    def value(pixels: float) -> float:
        share = pixels / HEIGHT
        return low * (high / low) ** (share if upside_down else 1 - share)

    ends.sort(key=lambda row: pixel(row["y"]))
    places = kept_apart([pixel(row["y"]) for row in ends], LABEL_GAP, HEIGHT)
    return [
        {"contender": row["contender"], "pass": row["pass"], "y": row["y"], "label_y": value(place)}
        for row, place in zip(ends, places, strict=True)
    ]


def kept_apart(places: Sequence[float], gap: float, height: float) -> list[float]:
    """The ascending places moved as little as needed to stand `gap` apart and end at `height` at the latest.

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


def _direct_labels(data: str, scale: alt.Scale, contenders: Sequence[str]) -> list[alt.Chart]:
    base = alt.Chart(alt.NamedData(data)).transform_filter("labels")
    at_label = alt.Y("label_y:Q", scale=scale)
    leader = base.mark_rule(xOffset=3, x2Offset=14, aria=False).encode(
        x=alt.value("width"),
        x2=alt.value("width"),
        y=alt.Y("y:Q", scale=scale),
        y2="label_y:Q",
        color=_color(contenders),
        opacity=_lit(0.8, 0.1),
    )
    dot = base.mark_point(filled=True, size=55, xOffset=20, aria=False).encode(
        x=alt.value("width"), y=at_label, color=_color(contenders), shape=_shape(contenders), opacity=_lit(1.0, 0.12)
    )
    text = base.mark_text(align="left", baseline="middle", xOffset=29, aria=False).encode(
        x=alt.value("width"), y=at_label, text="contender:N", opacity=_lit(1.0, 0.25)
    )
    return [leader, dot, text]


def sensitivity(name: str, rows: Sequence[Row], contenders: Sequence[str], x_title: str) -> Chart:
    """Validation accuracy against the value tried; the choice ringed, diverged runs as crosses at the bottom."""
    good = [row for row in rows if not row["diverged"] and row["val_acc"] is not None]
    drawn = [{**row, "y": error(row["val_acc"])} for row in good]
    low, high = _limits([row["y"] for row in drawn])
    crosses = [row for row in rows if row not in good]
    if crosses:
        high = max(high, 1.0)
    scale = alt.Scale(type="log", domain=[low, high], nice=False, reverse=True)
    y = alt.Y("y:Q", title="Validation accuracy", scale=scale, axis=_accuracy_axis())
    x = alt.X(
        "value:Q",
        title=x_title,
        scale=alt.Scale(type="log", nice=False, padding=14),
        axis=_powers_of_ten([row["value"] for row in rows]),
    )
    base = alt.Chart(alt.NamedData(name)).encode(x, y, opacity=_lit(1.0, 0.12))
    line = base.mark_line(strokeWidth=2, aria=False).encode(color=_color(contenders), strokeDash=_dash(contenders))
    dots = base.mark_point(filled=True, size=50, aria=False).encode(
        color=_color(contenders),
        shape=_shape(contenders),
        tooltip=[
            alt.Tooltip("contender:N"),
            alt.Tooltip("value:Q", title="value tried", format=".3~g"),
            alt.Tooltip("val_acc:Q", title="validation accuracy", format=".2%"),
        ],
    )
    ring = base.mark_point(shape="circle", size=210, strokeWidth=1.6, aria=False).encode(color=_color(contenders))
    layers = [line, dots, ring.transform_filter("datum.chosen")]
    if crosses:
        layers.append(_crosses(f"{name}-diverged", "value", scale, contenders))
    height = HEIGHT if len({row["contender"] for row in rows}) > 2 else LOW
    spec = _finished(alt.layer(*layers), height=height, titled=True)
    return Chart(name, spec, {name: drawn, f"{name}-diverged": [{**row, "y": high} for row in crosses]})


def _powers_of_ten(values: Sequence[float]) -> alt.Axis:
    """Ticks at powers of ten, when at least two of them lie among the values."""
    exponents = range(math.ceil(math.log10(min(values)) - 0.5), math.floor(math.log10(max(values)) + 0.5) + 1)
    ticks = {"values": [10.0**n for n in exponents]} if len(exponents) > 1 else {"tickCount": 4}
    label = "datum.value >= 0.001 && datum.value < 10000 ? format(datum.value, '~g') : format(datum.value, '~e')"
    return alt.Axis(labelExpr=label, **ticks)


def accuracies(name: str, rows: Sequence[Row], means: Sequence[Row], contenders: Sequence[str]) -> Chart:
    """Test accuracy: each seed a mark, the mean a bar through them, the best contender on top."""
    drawn = [{**row, "x": error(row["test_acc"])} for row in rows]
    low, high = _limits([row["x"] for row in drawn])
    scale = alt.Scale(type="log", domain=[low, high], nice=False, reverse=True)
    x = alt.X(
        "x:Q",
        title="Test accuracy",
        scale=scale,
        axis=alt.Axis(values=list(ERROR_TICKS), labelExpr=ACCURACY_LABELS, grid=True),
    )
    order = [row["contender"] for row in means]
    y = _rows_of(order)
    mean = (
        alt.Chart(alt.NamedData(f"{name}-means"))
        .mark_tick(thickness=2.5, size=20, aria=False)
        .encode(x, y, color=_color(contenders), opacity=_lit(1.0, 0.15))
    )
    seeds = (
        alt.Chart(alt.NamedData(name))
        .mark_point(filled=True, size=60, aria=False)
        .encode(
            x,
            y,
            color=_color(contenders),
            shape=_shape(contenders),
            opacity=_lit(0.75, 0.12),
            tooltip=[
                alt.Tooltip("contender:N"),
                alt.Tooltip("seed:Q"),
                alt.Tooltip("test_acc:Q", title="test accuracy", format=".2%"),
            ],
        )
    )
    text = (
        alt.Chart(alt.NamedData(f"{name}-means"))
        .mark_text(align="left", baseline="middle", xOffset=10, aria=False)
        .encode(x=alt.value("width"), y=y, text="text:N", opacity=_lit(1.0, 0.25))
    )
    data = {name: drawn, f"{name}-means": [{**row, "x": error(row["mean"])} for row in means]}
    spec = _finished(alt.layer(mean, seeds, text), height=max(60, ROW_HEIGHT * len(order)))
    return Chart(name, spec, data)


def step_times(name: str, rows: Sequence[Row], contenders: Sequence[str]) -> Chart:
    """Time of a step: the median as a mark with its value, the range over runs as a line, the fastest on top."""
    order = [row["contender"] for row in sorted(rows, key=lambda row: row["median"])]
    low, high = _limits([row[key] for row in rows for key in ("low", "high")])
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = alt.Axis(format="~g", values=round_numbers([row[key] for row in rows for key in ("low", "high")]), grid=True)
    y = _rows_of(order)
    base = alt.Chart(alt.NamedData(name)).encode(y)
    x = alt.X("median:Q", title="Time per step (ms, log scale)", scale=scale, axis=axis)
    span = base.mark_rule(strokeWidth=2, aria=False).encode(
        alt.X("low:Q", title="Time per step (ms, log scale)", scale=scale, axis=axis),
        x2="high:Q",
        color=_color(contenders),
        opacity=_lit(0.6, 0.1),
    )
    dots = base.mark_point(filled=True, size=70, aria=False).encode(
        x,
        color=_color(contenders),
        shape=_shape(contenders),
        opacity=_lit(1.0, 0.12),
        tooltip=[
            alt.Tooltip("contender:N"),
            alt.Tooltip("median:Q", title="median (ms)", format=".3~g"),
            alt.Tooltip("low:Q", title="shortest (ms)", format=".3~g"),
            alt.Tooltip("high:Q", title="longest (ms)", format=".3~g"),
        ],
    )
    text = base.mark_text(align="left", baseline="middle", xOffset=10, aria=False).encode(
        x=alt.value("width"), text="text:N", opacity=_lit(1.0, 0.25)
    )
    spec = _finished(alt.layer(span, dots, text), height=max(60, ROW_HEIGHT * len(order)))
    return Chart(name, spec, {name: list(rows)})


def round_numbers(values: Sequence[float]) -> list[float]:
    """Ticks for a logarithmic axis: 1, 2 and 5 of each decade, or powers of ten alone over more than three decades.

    >>> round_numbers([0.04, 2.3]), round_numbers([0.5, 900])
    ([0.05, 0.1, 0.2, 0.5, 1.0, 2.0], [1.0, 10.0, 100.0])
    """
    if not values:
        return []
    low, high = _limits(values)
    mantissas = (1, 2, 5) if high / low < 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    ticks = [float(f"{mantissa}e{decade}") for decade in decades for mantissa in mantissas]
    return [tick for tick in ticks if low <= tick <= high]


def _rows_of(order: Sequence[str]) -> alt.Y:
    return alt.Y(
        "contender:N",
        title=None,
        scale=alt.Scale(domain=list(order)),
        axis=alt.Axis(labelFontSize=13, labelLimit=140, labelPadding=8, grid=True, gridDash=[1, 3]),
    )


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of a logarithmic axis with a little air; any decade when there is nothing to show."""
    if not values:
        return 0.01, 1.0
    return min(values) / 1.15, max(values) * 1.15


def _color(contenders: Sequence[str]) -> alt.Color:
    return alt.Color("contender:N", legend=None, scale=alt.Scale(domain=list(contenders)))


def _dash(contenders: Sequence[str]) -> alt.StrokeDash:
    dashes = [list(dash) for dash in repeated(DASHES, len(contenders))]
    return alt.StrokeDash("contender:N", legend=None, scale=alt.Scale(domain=list(contenders), range=dashes))


def _shape(contenders: Sequence[str]) -> alt.Shape:
    shapes = repeated(SHAPES, len(contenders))
    return alt.Shape("contender:N", legend=None, scale=alt.Scale(domain=list(contenders), range=shapes))


def _lit(chosen: float, other: float) -> Any:
    """Opacity: full for the highlighted contenders, or for all when none is."""
    return alt.value(alt.expr(f"length(chosen) == 0 || indexof(chosen, datum.contender) >= 0 ? {chosen} : {other}"))


def _finished(chart: alt.LayerChart, height: int, labels: bool = False, titled: bool = False) -> dict[str, Any]:
    switches = {"chosen": [], "labels": labels, "still": False}
    spec = (
        chart.properties(width="container", height=height)
        .add_params(*(alt.param(name=name, value=value) for name, value in switches.items()))
        .to_dict()
    )
    spec["padding"] = {"left": 4, "top": 24 if titled else 8, "bottom": 4, "right": 10}
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


def race(training: Chart, accuracy: Chart, title: str, subtitle: str) -> Chart:
    """The race in one picture: training curves on the left, test accuracies on the right."""
    left = _panel(training, 540)
    right = _panel(accuracy, 280)
    spec = {
        "$schema": training.spec["$schema"],
        "title": {"text": title, "subtitle": subtitle, "fontSize": 20, "subtitleFontSize": 13, "offset": 30},
        "params": _merged(accuracy.spec["params"], training.spec["params"]),
        "hconcat": [left, right],
        "spacing": 36,
        "padding": {"left": 20, "top": 20, "bottom": 16, "right": 20},
    }
    return Chart("race", spec, {**training.data, **accuracy.data})


def _merged(*parameters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each parameter once; of those with the same name the last."""
    return list({parameter["name"]: parameter for some in parameters for parameter in some}.values())


def still(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification for a picture, which nobody points at: without the marks that only a pointer shows."""
    return {**spec, "params": _merged(spec["params"], [{"name": "still", "value": True}])}


def _panel(chart: Chart, width: int) -> dict[str, Any]:
    """A chart's specification as a part of a larger one, whose parameters it shares."""
    shared = ("$schema", "config", "params", "padding", "autosize")
    kept = {key: value for key, value in chart.spec.items() if key not in shared}
    return {**kept, "width": width, "height": HEIGHT}
