"""The figures: each chart with its title, caption, description and data, as far as the journal has any."""

from collections.abc import Callable, Sequence

from steepest.report import curves, data, plots, words
from steepest.report.contents import Figure, Section, Table, TableRow, table
from steepest.report.data import Row
from steepest.study.journal import Run
from steepest.study.summary import Row as Result

Form = Callable[[float], str]

CHECKPOINTS = 6
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


def called(hyperparameter: str) -> str:
    """A tuned hyperparameter in words and with its letter."""
    return HYPERPARAMETER.get(hyperparameter, hyperparameter)


def _section(id: str, title: str, text: str, figures: Sequence[Figure | None]) -> Section | None:
    drawn = tuple(figure for figure in figures if figure)
    return Section(id, title, text, drawn) if drawn else None


def _training(final: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = data.spread(final, "curve", "train_loss")
    if not rows:
        return None
    stopped = _ends(data.diverged(final))
    drawn = curves.losses("training", rows, stopped, contenders)
    axes = {"passes": "pass", "updates": "step", "seconds": "seconds"}
    return Figure(
        id="training-loss",
        title="Training loss",
        caption=_joined("Mean loss of the batches since the point before.", CROSS if stopped else ""),
        description=f"Line chart: training loss on a logarithmic scale against passes. {_ranking(rows)}",
        choices={label: curves.drawn(f"training-by-{x}", drawn, x) for label, x in axes.items()},
        table=_checkpoints("Training loss: median (lowest to highest seed)", rows, contenders, words.number),
    )


def _validation(final: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = data.spread(final, "validation", "accuracy")
    if not rows:
        return None
    stopped = _ends(data.diverged(final))
    drawn = curves.accuracies("validation", rows, stopped, contenders)
    return Figure(
        id="validation-accuracy",
        title="Validation accuracy",
        caption=_joined("After each pass.", CROSS if stopped else "", STRETCHED),
        description=f"Line chart: validation accuracy against passes. {_ranking(rows, highest=True)}",
        choices={"passes": curves.drawn("validation-by-pass", drawn, "pass")},
        table=_checkpoints("Validation accuracy: median (lowest to highest seed)", rows, contenders, words.percent),
    )


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


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


def _checkpoints(caption: str, rows: Sequence[Row], contenders: Sequence[str], form: Form) -> Table:
    """A curve at a few passes, whole ones where there are enough."""
    passes = sorted({row["pass"] for row in rows})
    whole = [p for p in passes if p == int(p)]
    passes = _some(whole if len(whole) >= 2 else passes, CHECKPOINTS)
    cell = {(row["contender"], row["pass"]): _median_and_range(row, form) for row in rows}
    return table(
        caption,
        ("Contender", *(f"Pass {words.rate(p)}" for p in passes)),
        (
            TableRow((name, *(cell.get((name, p), words.NOTHING) for p in passes)), contender=i)
            for i, name in enumerate(contenders)
        ),
    )


def _some(values: Sequence[float], count: int) -> list[float]:
    """Evenly spaced ones, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    return [values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)]


def _median_and_range(row: Row, form: Form) -> str:
    if row["seeds"] == 1:
        return form(row["median"])
    return f"{form(row['median'])} ({form(row['low'])} to {form(row['high'])})"


def _accuracies(final: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> Figure | None:
    if not final:
        return None
    rows = [{"contender": run["contender"], "seed": run["number"], "test_acc": run["test_acc"]} for run in final]
    means = [
        {"contender": result.name, "mean": of.mean, "text": words.percent_sd(of.mean, of.sd)}
        for result in results
        if (of := result.test_acc)
    ]
    best = means[0]
    return Figure(
        id="test-accuracy",
        title="",
        caption=_joined("A symbol is one seed, the bar their mean; to the right mean ± standard deviation.", STRETCHED),
        description=f"Dot plot: test accuracy of each seed. Best mean: {best['contender']}, {best['text']}.",
        choices={"": plots.accuracies("test-accuracy", rows, means, contenders)},
        table=table(
            "Test accuracy of each final run",
            ("Contender", "Seed", "Test accuracy"),
            (_row(contenders, row, str(row["seed"]), words.percent(row["test_acc"])) for row in rows),
        ),
    )


def _row(contenders: Sequence[str], row: Row, *cells: str) -> TableRow:
    return TableRow((row["contender"], *cells), contender=contenders.index(row["contender"]))


def _sensitivities(tuning: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> list[Figure]:
    """One figure for each hyperparameter that was tuned: the scales of ε and δ have nothing to do with each other."""
    rows = data.sensitivity(tuning, results)
    tuned = list(dict.fromkeys(row["hyperparameter"] for row in rows))
    return [_sensitivity(name, [row for row in rows if row["hyperparameter"] == name], contenders) for name in tuned]


def _sensitivity(tuned: str, rows: Sequence[Row], contenders: Sequence[str]) -> Figure:
    own = list(dict.fromkeys(row["contender"] for row in rows))
    word = called(tuned)
    title = word[0].upper() + word[1:]
    choice = "; ".join(f"{row['contender']} {words.rate(row['value'])}" for row in rows if row["chosen"])
    caption = "Validation accuracy at the end of each tuning run. The ring marks the best value."
    return Figure(
        id=f"sensitivity-{tuned}",
        title=f"{title}: {words.listed(own) if len(own) < 4 else f'{len(own)} contenders'}",
        caption=_joined(caption, CROSS if any(row["diverged"] for row in rows) else "", STRETCHED),
        description=f"Line chart: validation accuracy against the {word}. Best values: {choice}.",
        choices={"": plots.sensitivity(f"sensitivity-{tuned}", rows, contenders, f"{title} (log scale)")},
        table=table(
            f"Every tuning run by {word}",
            ("Contender", title, "Validation accuracy", "Validation loss", "Remark"),
            (_row(contenders, row, *_tried(row)) for row in rows),
            text=(0, 4),
        ),
    )


def _tried(row: Row) -> tuple[str, ...]:
    remark = f"diverged at step {row['diverged_step']}" if row["diverged"] else "best" if row["chosen"] else ""
    return words.rate(row["value"]), words.percent(row["val_acc"]), words.number(row["val_loss"]), remark


def _times(runs: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = [{**row, "text": f"{words.number(row['median'])} ms"} for row in data.step_times(runs)]
    if not rows:
        return None
    rows.sort(key=lambda row: row["median"])
    columns = ("median", "low", "high")
    return Figure(
        id="time-per-step",
        title="",
        caption="The symbol is the median over the runs, the line reaches from the shortest to the longest.",
        description=f"Dot plot: time per step. {'; '.join(row['contender'] + ' ' + row['text'] for row in rows)}.",
        choices={"": plots.step_times("time-per-step", rows, contenders)},
        table=table(
            "Time per step of each contender",
            ("Contender", "Median (ms)", "Shortest (ms)", "Longest (ms)"),
            (_row(contenders, row, *(words.number(row[name]) for name in columns)) for row in rows),
        ),
    )
