"""Figures of the final runs over time: curves, time to target, time per step."""

from collections.abc import Callable, Sequence

from steepest.report import curves, data, plots, words
from steepest.report.contents import Figure, Table, TableRow, table
from steepest.report.data import Row
from steepest.report.parts import CROSS, joined, row_of, some
from steepest.report.view import View
from steepest.study.journal import Run

AXES = {"passes": "pass", "updates": "step", "seconds": "seconds"}


def training(study: View) -> Figure | None:
    """Training loss over passes, updates or seconds."""
    rows = data.spread(study.final, "curve", "train_loss")
    if not rows:
        return None
    stopped = _ends(data.diverged(study.final))
    drawn = curves.losses("training", rows, stopped, study.contenders)
    return Figure(
        id="training-loss",
        title="Training loss",
        caption=joined("Mean loss of the batches since the point before.", CROSS if stopped else ""),
        description=f"Line chart: training loss on a logarithmic scale against passes. {_ranking(rows)}",
        choices={label: curves.drawn(f"training-by-{x}", drawn, x) for label, x in AXES.items()},
        table=_checkpoints(
            "Training loss: median (lower to upper quartile)", rows, study.contenders, lambda value: words.number(value)
        ),
    )


def validation(study: View) -> Figure | None:
    """The metric on the validation split after each pass."""
    rows = data.spread(study.final, "validation", "accuracy")
    if not rows:
        return None
    metric = study.metric
    stopped = _ends(data.diverged(study.final))
    drawn = curves.metrics("validation", rows, stopped, study.contenders, metric)
    return Figure(
        id="validation",
        title=metric.title("validation"),
        caption=joined("After each pass.", CROSS if stopped else "", metric.stretched),
        description=f"Line chart: {metric.on('validation')} against passes. {_ranking(rows, highest=True)}",
        choices={"passes": curves.drawn("validation-by-pass", drawn, "pass")},
        table=_checkpoints(
            f"{metric.title('validation')}: median (lower to upper quartile)", rows, study.contenders, metric.words
        ),
    )


def _ranking(rows: Sequence[Row], highest: bool = False) -> str:
    last = {row["contender"]: row["median"] for row in rows}
    order = sorted(last, key=lambda name: last[name], reverse=highest)
    return f"From best to worst at the end: {', '.join(order)}."


def _ends(runs: Sequence[Run]) -> list[Row]:
    """Where each of these runs stopped, if it came as far as a point of its curve."""
    return [
        {"contender": run["contender"], "seed": run["number"], "diverged_step": run["diverged_step"]}
        | {name: run["curve"][name][-1] for name in data.CURVE_COLUMNS}
        for run in runs
        if run["curve"]["pass"]
    ]


def _checkpoints(caption: str, rows: Sequence[Row], contenders: Sequence[str], form: Callable[[float], str]) -> Table:
    """A curve at a few passes, whole ones where there are enough."""
    passes = sorted({row["pass"] for row in rows})
    whole = [p for p in passes if p == int(p)]
    passes = some(whole if len(whole) >= 2 else passes)
    cell = {(row["contender"], row["pass"]): _median_and_range(row, form) for row in rows}
    return table(
        caption,
        ("Contender", *(f"Pass {words.rate(p)}" for p in passes)),
        (
            TableRow((name, *(cell.get((name, p), words.NOTHING) for p in passes)), contender=i)
            for i, name in enumerate(contenders)
        ),
    )


def _median_and_range(row: Row, form: Callable[[float], str]) -> str:
    if row["seeds"] == 1:
        return form(row["median"])
    return f"{form(row['median'])} ({form(row['low'])} to {form(row['high'])})"


def targets(study: View) -> Figure | None:
    """When each contender reaches each target."""
    contenders, metric = study.contenders, study.metric
    rows = data.times_to_target(study.final, study.targets)
    reached = [{**row, "goal": metric.goal(row["target"])} for row in data.reached(rows)]
    if not reached:
        return None
    first = "; ".join(f"{row['contender']} {row['goal']} after {row['step']:.0f} steps" for row in reached)
    axes = {"updates": "step", "seconds": "seconds"}
    return Figure(
        id="targets",
        title="",
        caption="Each symbol is a target, which is written above it; who missed one has no symbol for it.",
        description=f"Dot plot: updates until a target of the {metric.on('validation')} is reached. {first}.",
        choices={label: plots.targets(f"targets-by-{x}", reached, contenders, x) for label, x in axes.items()},
        table=table(
            "Time to target, median over the seeds",
            ("Contender", "Target", "Updates", "Seconds"),
            (
                row_of(
                    contenders,
                    row,
                    metric.goal(row["target"]),
                    *("missed" if row[x] is None else words.number(row[x]) for x in axes.values()),
                )
                for row in rows
            ),
        ),
    )


def step_times(study: View) -> Figure | None:
    """Time per step of each contender."""
    rows = [{**r, "text": f"{words.number(r['median'])} ms"} for r in data.step_times(study.final or study.tuning)]
    if not rows:
        return None
    rows.sort(key=lambda row: row["median"])
    columns = ("median", "low", "high")
    return Figure(
        id="time-per-step",
        title="",
        caption="The symbol is the median over the runs, the line reaches from the shortest to the longest.",
        description=f"Dot plot: time per step. {'; '.join(row['contender'] + ' ' + row['text'] for row in rows)}.",
        choices={"": plots.step_times("time-per-step", rows, study.contenders)},
        table=table(
            "Time per step of each contender",
            ("Contender", "Median (ms)", "Shortest (ms)", "Longest (ms)"),
            (row_of(study.contenders, row, *(words.number(row[name]) for name in columns)) for row in rows),
        ),
    )
