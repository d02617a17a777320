"""The charts of several studies together: performance profiles and scores."""

from collections.abc import Sequence

import altair as alt

from steepest.report.chart import HEIGHT, Chart, above, color, dash, finished, lit, round_numbers
from steepest.report.data import Row
from steepest.report.plots import intervals

LINE = 2


def profiles(name: str, rows: Sequence[Row], contenders: Sequence[str], what: str) -> Chart:
    """On what share of the workloads each contender is within a ratio of the fastest, against the ratio."""
    end = max(row["ratio"] for row in rows)
    drawn = [{**row, "y": row["share"] + _aside(contenders.index(row["contender"]), len(contenders))} for row in rows]
    tips = [
        alt.Tooltip("contender:N"),
        alt.Tooltip("ratio:Q", title="times the fastest", format=".3~g"),
        alt.Tooltip("share:Q", title="share of the workloads", format=".0%"),
    ]
    ticks = round_numbers([1.0, end])
    base = alt.Chart(alt.NamedData(name)).encode(
        alt.X(
            "ratio:Q",
            title=f"{what}, times the fastest’s",
            scale=alt.Scale(type="log", domain=[1, end], nice=False, padding=6),
            axis=alt.Axis(values=ticks, format=".6~g"),
        ),
        alt.Y(
            "y:Q",
            title="Share of the workloads",
            scale=alt.Scale(domain=[-0.05, 1.05], nice=False),
            axis=above(format="%", values=[0, 0.25, 0.5, 0.75, 1]),
        ),
        color=color(contenders),
        opacity=lit(1.0),
    )
    layers = [
        base.mark_line(strokeWidth=LINE, interpolate="step-after", aria=False).encode(strokeDash=dash(contenders)),
        base.mark_point(size=90, filled=True, opacity=0, aria=False).encode(opacity=alt.value(0), tooltip=tips),
    ]
    return Chart(name, finished(alt.layer(*layers), height=HEIGHT, titled=True), {name: drawn})


def _aside(place: int, count: int) -> float:
    """How far a line stands from its place, so that lines at the same height lie side by side."""
    return LINE / HEIGHT * ((count - 1) / 2 - place)


def standings(name: str, rows: Sequence[Row], contenders: Sequence[str]) -> Chart:
    """The interquartile mean of each contender with its interval, the best on top."""
    shown = [{**row, "text": f"{row['mean']:.3f}"} for row in rows]
    return intervals(name, shown, contenders, "Interquartile mean (0 untrained, 1 the best)", alt.Scale(zero=False))
