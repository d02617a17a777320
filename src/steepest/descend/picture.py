"""Pictures of descents: the path on the curve in one dimension, on contours in two; side by side for several rules."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import contourpy
import numpy as np

from steepest.descend.functions import Function, Point, Range
from steepest.descend.run import Run
from steepest.pictures import ACCENT, INK, QUIET, chart_of
from steepest.tables import number

__all__ = ["picture"]

MOST_POINTS = 1000
CURVE_POINTS = 400
GRID_POINTS = 140
LEVELS = 16
DECADES_FOR_LOG = 1.5
CONTOUR_COLOURS = ["#33658a", "#c3d5e3"]
SINGLE, PANEL = (620, 420), (270, 200)


def picture(runs: Sequence[Run]) -> Any:
    """One panel a run, with the title and legend that explain it."""
    function = runs[0].function
    single = len(runs) == 1
    view = _view(function, runs)
    ground = _curve(function, view) if function.dimension == 1 else _contours(function, view)
    panels = [_panel(ground, run, SINGLE if single else PANEL, single) for run in runs]
    chart = panels[0] if single else alt.concat(*panels, columns=3, spacing=22)
    return chart_of(chart, _title(runs), _subtitle(runs))


def _title(runs: Sequence[Run]) -> str:
    function = runs[0].function
    what = function.name if function.title.startswith("an expression") else f"{function.name}, {function.title}"
    return f"{_capital(runs[0].title)} on {what}" if len(runs) == 1 else f"{len(runs)} methods on {what}"


def _subtitle(runs: Sequence[Run]) -> list[str]:
    run = runs[0]
    steps = max(len(r.theta) for r in runs)
    marks = "○ start, ◆ end, ✕ minimum"
    if len(runs) > 1:
        return [f"{steps} steps from {_text(run.start)}. {marks}"]
    numbers = ", ".join(f"{name} {number(value)}" for name, value in run.hyperparameters.items() if value)
    return [f"{numbers}; {len(run.theta)} steps from {_text(run.start)} to {_text(run.end)}. {marks}"]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(point: Point) -> str:
    return number(point[0], 5) if len(point) == 1 else "(" + ", ".join(number(x, 4) for x in point) + ")"


def _view(function: Function, runs: Sequence[Run]) -> tuple[Range, ...]:
    """The function's own range, widened for paths that leave it, by at most its own width on each side."""
    points = np.array([point for run in runs for point in run.path])
    ranges = []
    for i in range(function.dimension):
        low, high = np.percentile(points[:, i], [0, 100])
        if function.view is None:
            middle, half = (low + high) / 2, max((high - low) * 0.75, 1.0)
            # A path that runs away to 1e300 would hide the function around its start.
            start = runs[0].start[i]
            half = min(half, 50 * max(1.0, abs(start)))
            middle = middle if abs(middle - start) < half else start
            ranges.append((float(middle - half), float(middle + half)))
        else:
            left, right = function.view[i]
            margin = 0.05 * (right - left)
            low, high = max(low - margin, 2 * left - right), min(high + margin, 2 * right - left)
            ranges.append((float(min(left, low)), float(max(right, high))))
    return tuple(ranges)


def _panel(ground: list[Any], run: Run, size: tuple[int, int], single: bool) -> Any:
    layers = alt.layer(*ground, *_path(run, single)).properties(width=size[0], height=size[1])
    if single:
        return layers
    end = f"ends at {_text(run.end)}" if run.diverged is None else f"diverges at step {run.diverged}"
    small = {"fontSize": 13, "subtitleFontSize": 11.5, "subtitleColor": QUIET, "offset": 6}
    return layers.properties(title=alt.TitleParams(_capital(run.title), subtitle=end, **small))


def _curve(function: Function, view: tuple[Range, ...]) -> list[Any]:
    low, high = view[0]
    x = np.linspace(low, high, CURVE_POINTS)
    y = np.asarray(function.formula(x))
    curve = [{"x": float(a), "f": float(b)} for a, b in zip(x, y, strict=True) if np.isfinite(b)]
    minima = [{"x": p[0], "f": function.value(np.array(p))} for p in function.minima_between(low, high)]
    heights = [row["f"] for row in (*curve, *minima)] or [0.0]
    margin = 0.06 * (max(heights) - min(heights) or 1.0)
    scale = alt.Scale(domain=[min(heights) - margin, max(heights) + margin], nice=False)
    axes = {"x": _axis("x", "θ", view[0], True), "y": alt.Y("f:Q", title="f(θ)", scale=scale)}
    line = alt.Chart(alt.Data(values=curve)).mark_line(color=QUIET, strokeWidth=2, clip=True).encode(**axes)
    return [line, _crosses(minima, axes)]


def _contours(function: Function, view: tuple[Range, ...]) -> list[Any]:
    (left, right), (low, high) = view
    x, y = np.linspace(left, right, GRID_POINTS), np.linspace(low, high, GRID_POINTS)
    z = np.ma.masked_invalid(function.formula(*np.meshgrid(x, y)))
    levels = _levels(z.compressed())
    generator = contourpy.contour_generator(x, y, z, line_type=contourpy.LineType.Separate)
    rows = [
        {"x": round(float(a), 4), "f": round(float(b), 4), "line": f"{i}.{j}", "height": i, "k": k}
        for i, level in enumerate(levels)
        for j, line in enumerate(generator.lines(level))
        for k, (a, b) in enumerate(np.asarray(line))
    ]
    axes = {
        "x": _axis("x", "x", view[0], False),
        "y": alt.Y("f:Q", title="y", scale=_exactly(view[1]), axis=alt.Axis(grid=False, tickCount=6)),
    }
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1, clip=True)
        .encode(
            **axes,
            detail="line:N",
            order="k:Q",
            color=alt.Color("height:Q", scale=alt.Scale(range=CONTOUR_COLOURS), legend=None),
        )
    )
    return [lines, _crosses([{"x": p[0], "f": p[1]} for p in function.minima], axes)]


def _levels(values: np.ndarray) -> np.ndarray:
    """Heights of the contours: evenly spaced, or by equal factors above the lowest where values span decades."""
    if not len(values):
        return np.array([])
    lowest = float(values.min())
    small, middle, large = np.percentile(values - lowest, [0.3, 50, 98])
    if small <= 0 or middle <= 0 or np.log10(large / small) < DECADES_FOR_LOG:
        return np.linspace(lowest, lowest + large, LEVELS + 1)[1:]
    return lowest + np.geomspace(small, large, LEVELS)


def _axis(name: str, title: str, view: Range, grid: bool) -> Any:
    return alt.X(f"{name}:Q", title=title, scale=_exactly(view), axis=alt.Axis(grid=grid, tickCount=7))


def _exactly(view: Range) -> Any:
    return alt.Scale(domain=list(view), nice=False, zero=False)


def _crosses(rows: list[dict[str, float]], axes: dict[str, Any]) -> Any:
    cross = alt.Chart(alt.Data(values=rows)).mark_point(
        shape="M -1 -1 L 1 1 M -1 1 L 1 -1", size=60, strokeWidth=2.5, color=INK, clip=True
    )
    return cross.encode(**axes)


def _path(run: Run, single: bool) -> list[Any]:
    """The path as a line with a dot a step; long ones are thinned out, their end kept."""
    points = [(*point, run.function.value(np.array(point)))[:2] for point in run.path]
    every = max(1, -(-len(points) // MOST_POINTS))
    kept = sorted({*range(0, len(points), every), len(points) - 1})
    rows = [{"x": points[k][0], "f": points[k][1], "k": k} for k in kept]
    axes = {"x": "x:Q", "y": "f:Q"}
    data = alt.Chart(alt.Data(values=rows))
    wide = 1.0 if single else 0.7
    line = data.mark_line(color=ACCENT, strokeWidth=1.4 * wide, opacity=0.8, clip=True).encode(**axes, order="k:Q")
    dots = data.mark_circle(color=ACCENT, size=26 * wide, opacity=0.75, clip=True).encode(
        **axes, tooltip=["k:Q", "x:Q", "f:Q"]
    )
    ends = {"stroke": INK, "strokeWidth": 1.6, "opacity": 1, "clip": True}
    start = alt.Chart(alt.Data(values=rows[:1])).mark_point(shape="circle", size=110 * wide, fill="white", **ends)
    end = alt.Chart(alt.Data(values=rows[-1:])).mark_point(shape="diamond", size=150 * wide, fill=ACCENT, **ends)
    return [line, dots, start.encode(**axes), end.encode(**axes)]
