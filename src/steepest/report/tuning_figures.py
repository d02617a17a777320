"""Figures of the tuning runs: sensitivity to the tuned value, and what a smaller budget would have found."""

from collections.abc import Sequence

from steepest.report import data, plots, words
from steepest.report.contents import Figure, TableRow, table
from steepest.report.data import Row
from steepest.report.parts import CROSS, joined, row_of, some
from steepest.report.view import View


def sensitivities(study: View) -> list[Figure]:
    """One figure for each hyperparameter that was tuned: the scales of ε and δ have nothing to do with each other."""
    rows = data.sensitivity(study.tuning, study.results)
    tuned = list(dict.fromkeys(row["hyperparameter"] for row in rows))
    return [_sensitivity(study, name, [row for row in rows if row["hyperparameter"] == name]) for name in tuned]


def _sensitivity(study: View, tuned: str, rows: Sequence[Row]) -> Figure:
    own = list(dict.fromkeys(row["contender"] for row in rows))
    word, metric = words.called(tuned), study.metric
    title = word[0].upper() + word[1:]
    choice = "; ".join(f"{row['contender']} {words.rate(row['value'])}" for row in rows if row["chosen"])
    name = metric.title("validation")
    return Figure(
        id=f"sensitivity-{tuned}",
        title=f"{title}: {words.listed(own) if len(own) < 4 else f'{len(own)} contenders'}",
        caption=joined(
            f"{name}, at the end of each tuning run. The ring marks the best value.",
            CROSS if any(row["diverged"] for row in rows) else "",
            metric.stretched,
        ),
        description=f"Line chart: {metric.on('validation')} against the {word}. Best values: {choice}.",
        choices={"": plots.sensitivity(f"sensitivity-{tuned}", rows, study.contenders, f"{title} (log scale)", metric)},
        table=table(
            f"Every tuning run by {word}",
            ("Contender", title, metric.head("validation"), "Validation loss", "Remark"),
            (row_of(study.contenders, row, *_tried(study, row)) for row in rows),
            text=(0, 4),
        ),
    )


def _tried(study: View, row: Row) -> tuple[str, ...]:
    remark = f"diverged at step {row['diverged_step']}" if row["diverged"] else "best" if row["chosen"] else ""
    return (
        words.rate(row["value"]),
        study.metric.words(row["validation_metric"]),
        words.number(row["validation_loss"]),
        remark,
    )


def budget(study: View) -> Figure | None:
    """The expected best of n trials."""
    rows = data.budgets(study.tuning)
    most = max((row["trials"] for row in rows), default=0)
    if most < 2:
        return None
    metric, contenders = study.metric, study.contenders
    shown = some(range(1, most + 1))
    cell = {(row["contender"], row["trials"]): metric.words(row["expected"]) for row in rows}
    ends = {row["contender"]: row["expected"] for row in rows if row["trials"] == 1}
    single = "; ".join(f"{name} {metric.words(ends[name])}" for name in sorted(ends, key=lambda n: -ends[n]))
    what = f"expected best {metric.on('validation')}"
    return Figure(
        id="budget",
        title="",
        caption=joined("A diverged run counts as the model at its start.", metric.stretched),
        description=f"Line chart: {what} against the number of trials. One trial: {single}.",
        choices={"": plots.budget("budget", rows, contenders, metric)},
        table=table(
            f"{what[0].upper()}{what[1:]} of n trials",
            ("Contender", *(words.times(int(n), "trial") for n in shown)),
            (
                TableRow((name, *(cell.get((name, n), words.NOTHING) for n in shown)), contender=i)
                for i, name in enumerate(contenders)
            ),
        ),
    )
