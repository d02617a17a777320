"""Pictures of descents: the path on the curve in one dimension, on contours in two; side by side for several rules."""

from collections.abc import Sequence
from dataclasses import dataclass

import contourpy
import numpy as np

from steepest.descent.functions import Function, Point, Range
from steepest.descent.run import Run
from steepest.pictures import ACCENT, INK, QUIET, Rows, Spec, axis, finished, layer, scale
from steepest.tables import number

__all__ = ["picture"]

CURVE_POINTS = 300
DECADES_FOR_LOG = 1.5
CONTOUR_COLOURS = ["#33658a", "#c3d5e3"]
CROSS = "M -1 -1 L 1 1 M -1 1 L 1 -1"
FAR = 20.0  # widths of the view; renderers lose lines that end farther off
NOTHING = 1e-5  # of where the path starts: what is nearer to 0 is written as 0


@dataclass(frozen=True)
class Size:
    """A panel's width and height, the contours' number and grid, the most dots on a path and the path's weight."""

    width: int
    height: int
    levels: int
    grid: int
    dots: int
    weight: float


@dataclass(frozen=True)
class Ground:
    """What the paths lie on: layers, the rows of their data set "ground", and the range of each axis."""

    layers: list[Spec]
    rows: Rows
    frame: tuple[Range, Range]


SINGLE = Size(620, 420, levels=14, grid=180, dots=1000, weight=1.0)
PANEL = Size(270, 200, levels=10, grid=90, dots=150, weight=0.7)


def picture(runs: Sequence[Run]) -> Spec:
    """One panel a run, with the title and legend that explain it."""
    function = runs[0].function
    single = len(runs) == 1
    size = SINGLE if single else PANEL
    view = _view(function, runs)
    ground = _curve(function, view[0]) if function.dimension == 1 else _contours(function, view[0], view[1], size)
    shape = {"width": size.width, "height": size.height}
    panels = [{"layer": [*ground.layers, *_path(run, ground, size)], **shape} for run in runs]
    if single:
        return finished(panels[0], _title(runs), _subtitle(runs), ground=ground.rows)
    titled = [{**panel, "title": _panel_title(run)} for panel, run in zip(panels, runs, strict=True)]
    return finished({"concat": titled, "columns": 3, "spacing": 22}, _title(runs), _subtitle(runs), ground=ground.rows)


def _title(runs: Sequence[Run]) -> str:
    function = runs[0].function
    what = function.name if function.title.startswith("an expression") else f"{function.name}, {function.title}"
    return f"{_capital(runs[0].title)} on {what}" if len(runs) == 1 else f"{len(runs)} methods on {what}"


def _subtitle(runs: Sequence[Run]) -> str:
    run = runs[0]
    marks = "Ring: start; diamond: end; cross: minimum."
    if len(runs) > 1:
        return f"{max(len(r.theta) for r in runs)} steps from {_text(run.start, run)}. {marks}"
    numbers = ", ".join(f"{name} {number(value)}" for name, value in run.hyperparameters.items() if value)
    if run.diverged is not None:
        return f"{numbers}; from {_text(run.start, run)}, diverges at step {run.diverged}. {marks}"
    return f"{numbers}; {len(run.theta)} steps from {_text(run.start, run)} to {_text(run.end, run)}. {marks}"


def _panel_title(run: Run) -> Spec:
    end = f"ends at {_text(run.end, run)}" if run.diverged is None else f"diverges at step {run.diverged}"
    return {"text": _capital(run.title), "subtitle": end, "fontSize": 13, "subtitleFontSize": 11.5, "offset": 6}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(point: Point, run: Run) -> str:
    nothing = NOTHING * float(np.linalg.norm(run.start))
    numbers = [number(x if abs(x) > nothing else 0.0, 5).replace("-", "−") for x in point]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def _view(function: Function, runs: Sequence[Run]) -> tuple[Range, ...]:
    points = np.array([point for run in runs for point in run.path])
    if function.view is None:
        return tuple(_around(points[:, i], runs[0].start[i]) for i in range(function.dimension))
    return tuple(_widened(points[:, i], function.view[i]) for i in range(function.dimension))


def _widened(values: np.ndarray, view: Range) -> Range:
    """The range, with room for values beyond it, by at most its own width on each side."""
    left, right = view
    width = right - left
    near = values[(left - width < values) & (values < right + width)]
    low, high = float(near.min()), float(near.max())
    margin = 0.05 * width
    return (low - margin if low < left else left), (high + margin if high > right else right)


def _around(values: np.ndarray, start: float) -> Range:
    """A range that shows the values and something beside them; a path that runs away is not followed to infinity."""
    unit = max(1.0, abs(start))
    runs_away = float(np.max(np.abs(values - start))) > 50 * unit
    reach = (5 if runs_away else 50) * unit
    low, high = max(float(values.min()), start - reach), min(float(values.max()), start + reach)
    margin = max(0.25 * (high - low), 1.0)
    return low - margin, high + margin


def _curve(function: Function, view: Range) -> Ground:
    low, high = view
    x = np.linspace(low, high, CURVE_POINTS)
    y = np.asarray(function.formula(x))
    curve = [{"x": float(a), "y": float(b)} for a, b in zip(x, y, strict=True) if np.isfinite(b)]
    minima = [{"x": p[0], "y": function.value(np.array(p))} for p in function.minima_between(low, high)]
    heights = [row["y"] for row in (*curve, *minima)] or [0.0]
    margin = 0.06 * (max(heights) - min(heights) or 1.0)
    frame = (view, (min(heights) - margin, max(heights) + margin))
    axes = {
        "x": axis("x", "θ", scale(*frame[0]), tickCount=7),
        "y": axis("y", "f(θ)", scale(*frame[1]), tickCount=7),
    }
    return Ground([layer("line", "ground", axes, color=QUIET, strokeWidth=2), _crosses(minima, axes)], curve, frame)


def _contours(function: Function, x_view: Range, y_view: Range, size: Size) -> Ground:
    x, y = (np.linspace(low, high, size.grid) for low, high in (x_view, y_view))
    z = np.ma.masked_invalid(function.formula(*np.meshgrid(x, y)))
    generator = contourpy.contour_generator(x, y, z, line_type=contourpy.LineType.Separate)
    rows = [
        {"x": round(float(a), 4), "y": round(float(b), 4), "line": f"{i}.{j}", "height": i}
        for i, level in enumerate(_levels(z.compressed(), size.levels))
        for j, line in enumerate(generator.lines(level))
        for a, b in np.asarray(line)
    ]
    axes = {
        "x": axis("x", "x", scale(*x_view), grid=False, tickCount=7),
        "y": axis("y", "y", scale(*y_view), grid=False, tickCount=6),
    }
    colour = {"field": "height", "type": "quantitative", "scale": {"range": CONTOUR_COLOURS}, "legend": None}
    lines = {**axes, "detail": {"field": "line"}, "order": {"value": None}, "color": colour}
    minima = [{"x": p[0], "y": p[1]} for p in function.minima]
    return Ground([layer("line", "ground", lines, strokeWidth=1), _crosses(minima, axes)], rows, (x_view, y_view))


def _levels(values: np.ndarray, count: int) -> np.ndarray:
    """Heights of the contours: evenly spaced, or by equal factors above the lowest where values span decades."""
    if not len(values):
        return np.array([])
    lowest = float(values.min())
    small, middle, large = np.percentile(values - lowest, [4, 50, 98])
    if small <= 0 or middle <= 0 or np.log10(large / small) < DECADES_FOR_LOG:
        return np.linspace(lowest, lowest + large, count + 1)[1:]
    return lowest + np.geomspace(small, large, count)


def _crosses(rows: Rows, axes: Spec) -> Spec:
    return layer("point", rows, axes, shape=CROSS, size=60, strokeWidth=2.5, color=INK, opacity=1)


def _path(run: Run, ground: Ground, size: Size) -> list[Spec]:
    """The path as a line with a dot a step; the dots of long ones are thinned out, the end kept."""
    points = run.path if run.function.dimension > 1 else [(*p, run.function.value(np.array(p))) for p in run.path]
    every = -(-len(points) // size.dots)
    rows = [{"x": x, "y": y} for x, y in _within_reach((*points[:-1:every], points[-1]), ground.frame)]
    axes = {name: {"field": name, "type": "quantitative"} for name in ("x", "y")}
    ends = {"stroke": INK, "strokeWidth": 1.6, "opacity": 1}
    return [
        layer("line", rows, {**axes, "order": {"value": None}}, color=ACCENT, strokeWidth=1.3 * size.weight),
        layer("circle", rows, axes, color=ACCENT, size=22 * size.weight, opacity=1),
        layer("point", rows[:1], axes, shape="circle", size=110 * size.weight, fill="white", **ends),
        layer("point", rows[-1:], axes, shape="diamond", size=150 * size.weight, fill=ACCENT, **ends),
    ]


def _within_reach(points: Sequence[Point], frame: tuple[Range, Range]) -> list[Point]:
    """The points, those very far off drawn nearer along their line from the one before, and none after such a one."""
    kept = [points[0]]
    low, high = np.array(frame).T
    for point in points[1:]:
        before = np.array(kept[-1])
        way = np.subtract(point, before)
        far = float(np.max(np.abs(way) / (high - low)))
        if far > FAR:
            return [*kept, tuple(before + way * (FAR / far))]
        kept.append(point)
    return kept
