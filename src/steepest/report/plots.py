"""The other charts: test accuracies, sensitivity, time per step, and the race in one picture."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

import altair as alt

from steepest.report.chart import (
    HEIGHT,
    Chart,
    above,
    by_width,
    color,
    crosses,
    dash,
    finished,
    limits,
    lit,
    log_scale,
    merged,
    metric_format,
    metric_scale,
    metric_ticks,
    round_numbers,
    shape,
)
from steepest.report.curves import AXIS_OF
from steepest.report.data import Row, finite
from steepest.report.looks import LABEL_LIMIT
from steepest.report.metric import Metric

LOW = 230
FAR = 10.0
CROSS_GAP = 11
ROW_HEIGHT = 34
ABOVE = 14
WORD = 0.15  # of a phone's axis
ROOM = alt.ExprRef("ceil(width / 80)")  # ticks whose labels find room
TIME = "Time per step (ms, log scale)"


def sensitivity(name: str, rows: Sequence[Row], contenders: Sequence[str], x_title: str, metric: Metric) -> Chart:
    """The metric against the value tried; the choice ringed, diverged runs as crosses at the bottom."""
    good = [{**row, "y": metric.height(row["validation_metric"])} for row in rows if not row["diverged"]]
    lost = [row for row in rows if row["diverged"]]
    ys = [row["y"] for row in good] + [
        metric.height(row["validation_metric"]) for row in lost if finite(row["validation_metric"])
    ]
    scale = metric_scale(metric, ys)
    x_scale = alt.Scale(type="log", nice=False, padding=14)
    base = alt.Chart(alt.NamedData(name)).encode(
        alt.X("value:Q", title=x_title, scale=x_scale, axis=_powers_of_ten([row["value"] for row in rows])),
        alt.Y("y:Q", title=metric.title("validation"), scale=scale, axis=above(**metric_ticks(metric, ys))),
        color=color(contenders),
        opacity=lit(1.0),
    )
    layers = [
        base.mark_line(strokeWidth=2, aria=False).encode(strokeDash=dash(contenders)),
        base.mark_point(filled=True, size=50, aria=False).encode(shape=shape(contenders), tooltip=_tried(metric)),
        base.mark_point(shape="circle", size=210, strokeWidth=1.6, aria=False).transform_filter("datum.chosen"),
    ]
    data = {name: good}
    if lost:
        layers.append(crosses(f"{name}-diverged", "value", scale, contenders))
        data[f"{name}-diverged"] = stacked(lost, metric, ys)
    height = HEIGHT if len({row["contender"] for row in rows}) > 2 else LOW
    return Chart(name, finished(alt.layer(*layers), height=height, titled=True), data)


def stacked(lost: Sequence[Row], metric: Metric, heights: Sequence[float]) -> list[Row]:
    """Diverged runs at the bottom of the chart, those of one value above each other."""
    places: Counter[float] = Counter()
    rows = []
    for row in lost:
        value = round(math.log10(row["value"]), 1)
        rows.append({**row, "y": metric.height_at(max(0.0, 1 - CROSS_GAP * places[value] / HEIGHT), heights)})
        places[value] += 1
    return rows


def _tried(metric: Metric) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("contender:N"),
        alt.Tooltip("value:Q", title="value tried", format=".3~g"),
        alt.Tooltip("validation_metric:Q", title=metric.on("validation"), format=metric_format(metric)),
    ]


def _powers_of_ten(values: Sequence[float]) -> alt.Axis:
    """Ticks at powers of ten, when at least two of them lie near the values."""
    exponents = range(math.ceil(math.log10(min(values)) - 0.5), math.floor(math.log10(max(values)) + 0.5) + 1)
    label = "datum.value >= 0.001 && datum.value < 10000 ? format(datum.value, '~g') : format(datum.value, '~e')"
    if len(exponents) < 2:
        return alt.Axis(labelExpr=label, tickCount=4)
    return alt.Axis(labelExpr=label, values=[10.0**n for n in exponents])


def by_seed(name: str, rows: Sequence[Row], means: Sequence[Row], contenders: Sequence[str], metric: Metric) -> Chart:
    """Test results: each seed a symbol, the mean a bar through them, the best contender on top."""
    seeds = [{**row, "x": metric.height(row["value"])} for row in rows]
    xs = [row["x"] for row in seeds]
    axis = alt.Axis(**metric_ticks(metric, xs), grid=True)
    x = alt.X("x:Q", title=metric.title("test"), scale=metric_scale(metric, xs), axis=axis)
    y = _rows_below_names([row["contender"] for row in means])
    tips = [
        alt.Tooltip("contender:N"),
        alt.Tooltip("seed:Q"),
        alt.Tooltip("value:Q", title=metric.on("test"), format=metric_format(metric)),
    ]
    bar = alt.Chart(alt.NamedData(f"{name}-means")).encode(y)
    layers = [
        bar.mark_tick(thickness=2.5, size=16, aria=False).encode(x, color=color(contenders), opacity=lit(1.0)),
        alt.Chart(alt.NamedData(name))
        .mark_point(filled=True, size=60, aria=False)
        .encode(x, y, color=color(contenders), shape=shape(contenders), opacity=lit(0.75), tooltip=tips),
        _figures_at_the_right(bar),
    ]
    data = {name: seeds, f"{name}-means": [{**row, "x": metric.height(row["mean"])} for row in means]}
    return Chart(name, finished(alt.layer(*layers), height=_height(means)), data)


def step_times(name: str, rows: Sequence[Row], contenders: Sequence[str]) -> Chart:
    """Time of a step: the median as a symbol with its value, the range over runs as a line; rows in their order."""
    ends = [row[key] for row in rows for key in ("low", "high")]
    look = {
        "title": TIME,
        "scale": log_scale(*limits(ends)),
        "axis": alt.Axis(format=".6~g", values=round_numbers(ends), grid=True),
    }
    base = alt.Chart(alt.NamedData(name)).encode(_rows_below_names([row["contender"] for row in rows]))
    colored = base.encode(color=color(contenders))
    tips = [
        alt.Tooltip("contender:N"),
        *(alt.Tooltip(f"{key}:Q", title=f"{key} (ms)", format=".3~g") for key in ("median", "low", "high")),
    ]
    layers = [
        colored.mark_rule(strokeWidth=2, aria=False).encode(alt.X("low:Q", **look), x2="high:Q", opacity=lit(0.6)),
        colored.mark_point(filled=True, size=70, aria=False).encode(
            alt.X("median:Q", **look), shape=shape(contenders), opacity=lit(1.0), tooltip=tips
        ),
        _figures_at_the_right(base),
    ]
    return Chart(name, finished(alt.layer(*layers), height=_height(rows)), {name: list(rows)})


def separation(name: str, rows: Sequence[Row], contenders: Sequence[str], shares: bool) -> Chart:
    """How far the best is ahead of each: the mean as a symbol, its interval as a line, and where 0 is."""
    factor = 100 if shares else 1
    scaled = [{**row, **{key: factor * row[key] for key in ("mean", "low", "high")}} for row in rows]
    title = "Ahead by (percentage points)" if shares else "Ahead by"
    if not squeezed(rows):
        scale = alt.Scale(zero=True, nice=False, padding=8)
        return intervals(name, scaled, contenders, title, scale, origin=True)
    unit = _typical(scaled)
    scale = alt.Scale(type="symlog", constant=unit, nice=False, padding=8)
    return intervals(name, scaled, contenders, title, scale, origin=True, ticks=_symmetric(scaled, unit))


def squeezed(rows: Sequence[Row]) -> bool:
    """Whether one interval is so much wider than most that on an even axis the others were not seen."""
    return max(max(abs(row["low"]), abs(row["high"])) for row in rows) > FAR * _typical(rows)


def _typical(rows: Sequence[Row]) -> float:
    """How far most intervals reach from 0."""
    return median(max(abs(row["low"]), abs(row["high"])) for row in rows)


def _symmetric(rows: Sequence[Row], unit: float) -> list[float]:
    """Ticks at 0 and at decades on both sides, as far as the rows reach."""
    low, high = min(row["low"] for row in rows), max(row["high"] for row in rows)
    first = math.ceil(math.log10(unit / 3))  # nearer to 0 it would stand in the way of its label
    decades = [10.0**n for n in range(first, first + 8)]
    return [tick for tick in (*(-d for d in reversed(decades)), 0.0, *decades) if low <= tick <= high]


def intervals(
    name: str,
    rows: Sequence[Row],
    contenders: Sequence[str],
    title: str,
    scale: alt.Scale,
    origin: bool = False,
    ticks: Sequence[float] = (),
) -> Chart:
    """Means as symbols, their intervals as lines, a text at the right; `origin`: a line where 0 is."""
    base = alt.Chart(alt.NamedData(name)).encode(_rows_below_names([row["contender"] for row in rows]))
    colored = base.encode(color=color(contenders))
    places: dict[str, Any] = {"values": list(ticks)} if ticks else {}
    look = {"title": title, "scale": scale, "axis": alt.Axis(format=".6~g", tickCount=ROOM, **places)}
    tips = [alt.Tooltip("contender:N"), *(alt.Tooltip(f"{key}:Q", format=".3~g") for key in ("mean", "low", "high"))]
    layers = [
        colored.mark_rule(strokeWidth=2, aria=False).encode(alt.X("low:Q", **look), x2="high:Q", opacity=lit(0.6)),
        colored.mark_point(filled=True, size=70, aria=False).encode(
            alt.X("mean:Q", **look), shape=shape(contenders), opacity=lit(1.0), tooltip=tips
        ),
        _figures_at_the_right(base),
    ]
    if origin:
        once = alt.Chart(alt.NamedData(name)).transform_aggregate(n="count()")
        layers.insert(0, once.mark_rule(strokeWidth=1.2, strokeDash=[3, 3], aria=False).encode(x=alt.XDatum(0)))
    return Chart(name, finished(alt.layer(*layers), height=_height(rows)), {name: list(rows)})


def budget(name: str, rows: Sequence[Row], contenders: Sequence[str], metric: Metric) -> Chart:
    """The expected best of n trials against n."""
    heights = [{**row, "y": metric.height(row["expected"])} for row in rows]
    ys = [row["y"] for row in heights]
    most = max(row["trials"] for row in rows)
    tips = [
        alt.Tooltip("contender:N"),
        alt.Tooltip("trials:Q"),
        alt.Tooltip("expected:Q", format=metric_format(metric)),
    ]
    base = alt.Chart(alt.NamedData(name)).encode(
        alt.X("trials:Q", title="Trials", scale=alt.Scale(domain=[1, most], padding=8), axis=_whole_ticks(most)),
        alt.Y(
            "y:Q",
            title=f"Expected best {metric.on('validation')}",
            scale=metric_scale(metric, ys),
            axis=above(**metric_ticks(metric, ys)),
        ),
        color=color(contenders),
        opacity=lit(1.0),
    )
    layers = [
        base.mark_line(strokeWidth=2, aria=False).encode(strokeDash=dash(contenders)),
        base.mark_point(filled=True, size=50, aria=False).encode(shape=shape(contenders), tooltip=tips),
    ]
    return Chart(name, finished(alt.layer(*layers), height=HEIGHT, titled=True), {name: heights})


def _whole_ticks(most: int) -> alt.Axis:
    every = max(1, most // 10)
    return alt.Axis(format="d", values=list(range(1, most + 1, every)))


def targets(name: str, rows: Sequence[Row], contenders: Sequence[str], x: str) -> Chart:
    """When each contender reaches each target: symbols along its row, the target above them."""
    ends = [row[x] for row in rows if row[x] > 0]
    look = {
        "title": AXIS_OF[x],
        "scale": log_scale(*limits(ends)),
        "axis": alt.Axis(format="~s" if x == "step" else ".6~g", values=round_numbers(ends), grid=True),
    }
    order = list(dict.fromkeys(row["contender"] for row in sorted(rows, key=lambda row: (-row["target"], row[x]))))
    tips = [alt.Tooltip("contender:N"), alt.Tooltip("goal:N", title="target"), alt.Tooltip(f"{x}:Q", format=".4~g")]
    base = alt.Chart(alt.NamedData(name)).encode(_rows_of(order), alt.X(f"{x}:Q", **look))
    layers = [
        base.mark_line(strokeWidth=1, aria=False).encode(color=color(contenders), opacity=lit(0.6)),
        base.mark_point(filled=True, size=70, aria=False).encode(
            color=color(contenders), shape=shape(contenders), opacity=lit(1.0), tooltip=tips
        ),
        alt.Chart(alt.NamedData(f"{name}-goals"))
        .mark_text(dy=-11, fontSize=10, aria=False)
        .encode(_rows_of(order), alt.X(f"{x}:Q", **look), text="goal:N", opacity=lit(1.0, 0.25)),
    ]
    data = {name: [row for row in rows if row[x] > 0]}
    data[f"{name}-goals"] = goals(data[name], x)
    return Chart(name, finished(alt.layer(*layers), height=_height(order) * 4 // 3), data)


def goals(rows: Sequence[Row], x: str) -> list[Row]:
    """What stands above the symbols: the target, or the first and the last of those too near each other for two words.

    >>> times = [(0.5, "50 %", 100), (0.8, "80 %", 100), (0.9, "90 %", 400)]
    >>> rows = [{"contender": "sgd", "target": target, "goal": goal, "step": n} for target, goal, n in times]
    >>> [row["goal"] for row in goals(rows, "step")]
    ['50 to 80 %', '90 %']
    """
    low, high = limits([row[x] for row in rows])
    near = (high / low) ** WORD
    groups: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: (row["contender"], row[x], row["target"])):
        last = groups[-1][-1] if groups else None
        if last and last["contender"] == row["contender"] and row[x] < last[x] * near:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [{**of[0], x: math.sqrt(of[0][x] * of[-1][x]), "goal": _from_to(of)} for of in groups]


def _from_to(rows: Sequence[Row]) -> str:
    ends = list(dict.fromkeys((rows[0]["goal"], rows[-1]["goal"])))
    return " to ".join([*(end.removesuffix(" %") for end in ends[:-1]), ends[-1]])


def _rows_of(order: Sequence[str]) -> alt.Y:
    axis = alt.Axis(labelFontSize=13, labelPadding=8, grid=True, gridDash=[1, 3])
    return _rows(order, axis)


def _rows_below_names(order: Sequence[str]) -> alt.Y:
    """Rows whose names on a phone stand above them, as the figures do: beside them was little room for the rows."""
    axis = alt.Axis(
        labelFontSize=13,
        labelAlign=by_width("left", "right"),
        labelPadding=by_width(0, 8),
        labelOffset=by_width(-ABOVE, 0),
        labelLimit=by_width(150, LABEL_LIMIT),
        grid=True,
        gridDash=[1, 3],
    )
    return _rows(order, axis)


def _rows(order: Sequence[str], axis: alt.Axis) -> alt.Y:
    return alt.Y("contender:N", title=None, scale=alt.Scale(domain=list(order)), axis=axis)


def _figures_at_the_right(base: alt.Chart) -> alt.Chart:
    return base.mark_text(
        align=by_width("right", "left"),
        baseline="middle",
        xOffset=by_width(0, 10),
        yOffset=by_width(-ABOVE, 0),
        aria=False,
    ).encode(x=alt.value("width"), text="text:N", opacity=lit(1.0, 0.25))


def _height(rows: Sequence[Any]) -> int:
    return max(2, len(rows)) * ROW_HEIGHT


def race(training: Chart, results: Chart, title: str, subtitle: str) -> Chart:
    """The race in one picture: training curves on the left, test accuracies on the right."""
    height = max(training.spec["height"], results.spec["height"])
    spec = {
        "$schema": training.spec["$schema"],
        "title": {"text": title, "subtitle": subtitle, "fontSize": 20, "subtitleFontSize": 13, "offset": 30},
        "params": merged(results.spec["params"], training.spec["params"]),
        "hconcat": [_panel(training, 540, height), _panel(results, 280, height)],
        "spacing": 36,
        "padding": {"left": 20, "top": 20, "bottom": 16, "right": 20},
    }
    return Chart("race", spec, {**training.data, **results.data})


def _panel(chart: Chart, width: int, height: int) -> dict[str, Any]:
    """A chart's specification as a part of a larger one, whose parameters it shares."""
    shared = ("$schema", "config", "params", "padding", "autosize")
    return {key: value for key, value in chart.spec.items() if key not in shared} | {"width": width, "height": height}
