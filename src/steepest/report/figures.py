"""The figures: each chart with its title, caption, description and the data behind it, as far as the journal has any."""

from collections.abc import Mapping, Sequence
from typing import Any

from steepest.report import charts, data, words
from steepest.report.contents import Figure, Section, Table, TableRow
from steepest.report.data import Row
from steepest.study.journal import Run
from steepest.study.summary import Row as Result

CHECKPOINTS = 6
TUNED = {"lr": "Learning rate ε (log scale)", "eps": "Small constant δ (log scale)"}
HYPERPARAMETER = {"lr": "learning rate ε", "eps": "small constant δ"}
CROSS = "A cross marks a diverged run, at the edge of the chart."
STRETCHED = "The axis stretches towards 100 %: equal distances are equal ratios of the error."


def sections(runs: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> tuple[Section, ...]:
    """All sections that have something to show."""
    final, tuning = data.final_runs(runs), data.tuning_runs(runs)
    found = (
        _section(
            "training",
            "Training",
            "How fast each contender learns, with its chosen hyperparameters. Lines are medians over the seeds, bands "
            "reach from the lowest to the highest seed.",
            [_training(final, contenders), _validation(final, contenders)],
        ),
        _section(
            "seeds",
            "Test accuracy, seed by seed",
            "The test split was looked at once, at the end of each final run.",
            [_accuracies(final, results, contenders)],
        ),
        _section(
            "sensitivity",
            "Sensitivity to the tuned value",
            "How much the choice of the one tuned hyperparameter matters: a wide plateau forgives a bad guess.",
            _sensitivities(tuning, results, contenders),
        ),
        _section(
            "time",
            "Time per step",
            "Training time divided by the number of updates; evaluation and warm-up are not on the clock.",
            [_times(final or tuning, contenders)],
        ),
    )
    return tuple(section for section in found if section)


def _section(id: str, title: str, text: str, figures: Sequence[Figure | None]) -> Section | None:
    drawn = tuple(figure for figure in figures if figure)
    return Section(id, title, text, drawn) if drawn else None


def _training(final: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = data.spread(final, "curve", "train_loss")
    if not rows:
        return None
    stopped = _ends(data.diverged(final), "curve")
    names = {"passes": "pass", "updates": "step", "seconds": "seconds"}
    choices = {
        label: charts.loss_curves(f"training-by-{x}", "training", rows, stopped, contenders, x)
        for label, x in names.items()
    }
    return Figure(
        "training-loss",
        "Training loss",
        f"Mean loss of the batches since the point before. {CROSS}"
        if stopped
        else "Mean loss of the batches since the point before.",
        f"Line chart: training loss on a logarithmic scale against passes for {words.listed(contenders)}. {_ranking(rows)}",
        choices,
        _checkpoints("Training loss by pass: median (lowest to highest seed)", rows, contenders, words.number),
    )


def _validation(final: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = data.spread(final, "validation", "accuracy")
    if not rows:
        return None
    stopped = _ends(data.diverged(final), "curve")
    chart = charts.accuracy_curves("validation-by-pass", "validation", rows, stopped, contenders, "pass")
    return Figure(
        "validation-accuracy",
        "Validation accuracy",
        f"After each pass. {STRETCHED}",
        f"Line chart: validation accuracy against passes for {words.listed(contenders)}. {_ranking(rows, highest=True)}",
        {"passes": chart},
        _checkpoints("Validation accuracy by pass: median (lowest to highest seed)", rows, contenders, words.percent),
    )


def _ranking(rows: Sequence[Row], highest: bool = False) -> str:
    last = {row["contender"]: row["median"] for row in rows}
    order = sorted(last, key=lambda name: last[name], reverse=highest)
    return f"From best to worst at the end: {', '.join(order)}."


def _ends(runs: Sequence[Run], curve: str) -> list[Row]:
    """Where each of these runs stopped, if it came as far as a point of its curve."""
    return [
        {"contender": run["contender"], "seed": run["number"], "diverged_step": run["diverged_step"]}
        | {name: run[curve][name][-1] for name in data.CURVE_COLUMNS if name in run[curve]}
        for run in runs
        if run[curve]["pass"]
    ]


def _checkpoints(caption: str, rows: Sequence[Row], contenders: Sequence[str], form: Any) -> Table:
    """A curve at a few passes, whole ones where there are enough."""
    passes = sorted({row["pass"] for row in rows})
    whole = [p for p in passes if p == int(p)]
    passes = _some(whole if len(whole) >= 2 else passes, CHECKPOINTS)
    cell = {(row["contender"], row["pass"]): _median_and_range(row, form) for row in rows}
    return Table(
        caption,
        ("Contender", *(f"Pass {words.rate(p)}" for p in passes)),
        (False, *(True for _ in passes)),
        tuple(
            TableRow((name, *(cell.get((name, p), words.NOTHING) for p in passes)), contender=i)
            for i, name in enumerate(contenders)
        ),
    )


def _some(values: Sequence[float], count: int) -> list[float]:
    """Evenly spaced ones, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]


def _median_and_range(row: Row, form: Any) -> str:
    if row["seeds"] == 1:
        return form(row["median"])
    return f"{form(row['median'])} ({form(row['low'])} to {form(row['high'])})"


def _accuracies(final: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> Figure | None:
    rows = [
        {"contender": run["contender"], "seed": run["number"], "test_acc": run["test_acc"]}
        for run in final
        if data.finite(run.get("test_acc"))
    ]
    if not rows:
        return None
    means = [
        {
            "contender": result.name,
            "mean": result.test_acc.mean,
            "text": words.percent_sd(result.test_acc.mean, result.test_acc.sd),
        }
        for result in results
        if result.test_acc
    ]
    best = means[0]
    return Figure(
        "test-accuracy",
        "",
        f"Each symbol is one seed, the upright bar their mean; to the right mean ± standard deviation. {STRETCHED}",
        f"Dot plot: test accuracy of each seed for {words.listed(contenders)}. Best mean: {best['contender']}, {best['text']}.",
        {"": charts.accuracies("test-accuracy", rows, means, contenders)},
        Table(
            "Test accuracy of each final run",
            ("Contender", "Seed", "Test accuracy"),
            (False, True, True),
            tuple(
                TableRow((row["contender"], str(row["seed"]), words.percent(row["test_acc"])), _index(contenders, row))
                for row in rows
            ),
        ),
    )


def _index(contenders: Sequence[str], row: Mapping[str, Any]) -> int:
    return contenders.index(row["contender"])


def _sensitivities(tuning: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> list[Figure]:
    """One figure for each hyperparameter that was tuned: the scales of ε and δ have nothing to do with each other."""
    rows = data.sensitivity(tuning, results)
    tuned = list(dict.fromkeys(row["hyperparameter"] for row in rows))
    return [_sensitivity(name, [row for row in rows if row["hyperparameter"] == name], contenders) for name in tuned]


def _sensitivity(tuned: str, rows: Sequence[Row], contenders: Sequence[str]) -> Figure:
    own = list(dict.fromkeys(row["contender"] for row in rows))
    word = HYPERPARAMETER.get(tuned, tuned)
    crosses = f" {CROSS}" if any(row["diverged"] for row in rows) else ""
    choice = "; ".join(f"{row['contender']} {words.rate(row['value'])}" for row in rows if row["chosen"])
    chosen = "The ring marks the chosen value." if choice else ""
    return Figure(
        f"sensitivity-{tuned}",
        f"{word[0].upper()}{word[1:]}: {words.listed(own) if len(own) < 4 else f'{len(own)} contenders'}",
        f"Validation accuracy at the end of each tuning run. {chosen}{crosses} {STRETCHED}",
        f"Line chart: validation accuracy against the {word} for {words.listed(own)}. Chosen: {choice or 'nothing yet'}.",
        {"": charts.sensitivity(f"sensitivity-{tuned}", rows, contenders, TUNED.get(tuned, f"{tuned} (log scale)"))},
        Table(
            "Every tuning run",
            ("Contender", word.capitalize(), "Validation accuracy", "Validation loss", "Remark"),
            (False, True, True, True, False),
            tuple(
                TableRow(
                    (
                        row["contender"],
                        words.rate(row["value"]),
                        words.percent(row["val_acc"]),
                        words.number(row["val_loss"]),
                        _remark(row),
                    ),
                    _index(contenders, row),
                )
                for row in rows
            ),
        ),
    )


def _remark(row: Row) -> str:
    if row["diverged"]:
        return f"diverged at step {row['diverged_step']}"
    return "chosen" if row["chosen"] else ""


def _times(runs: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = [{**row, "text": f"{words.number(row['median'])} ms"} for row in data.step_times(runs)]
    if not rows:
        return None
    rows.sort(key=lambda row: row["median"])
    return Figure(
        "time-per-step",
        "",
        "Symbol: median over the runs; line: from the shortest to the longest.",
        f"Dot plot: time per step in milliseconds. {'; '.join(row['contender'] + ' ' + row['text'] for row in rows)}.",
        {"": charts.step_times("time-per-step", rows, contenders)},
        Table(
            "Time per step in milliseconds",
            ("Contender", "Median (ms)", "Shortest (ms)", "Longest (ms)"),
            (False, True, True, True),
            tuple(
                TableRow(
                    (row["contender"], *(words.number(row[key]) for key in ("median", "low", "high"))),
                    _index(contenders, row),
                )
                for row in rows
            ),
        ),
    )
