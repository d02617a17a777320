"""The figures: each chart with its title, caption, description and data, as far as the journal has any."""

from collections.abc import Callable, Mapping, Sequence

from steepest.report import curves, data, plots, words
from steepest.report.contents import Figure, Section, Table, TableRow, table
from steepest.report.data import Row
from steepest.report.verdict import compared, points
from steepest.study.journal import Run
from steepest.study.statistics import Difference
from steepest.study.summary import Row as Result

Form = Callable[[float], str]

CHECKPOINTS = 6
HYPERPARAMETER = {"lr": "learning rate ε", "eps": "small constant δ"}
CROSS = "A cross marks a diverged run, at the edge of the chart."
STRETCHED = "The axis stretches towards 100 %: equal distances are equal ratios of the error."


def sections(
    runs: Sequence[Run], results: Sequence[Result], contenders: Sequence[str], targets: Sequence[float] = ()
) -> tuple[Section, ...]:
    """All sections that have something to show."""
    final, tuning = data.final_runs(runs), data.tuning_runs(runs)
    found = (
        _section(
            "training",
            "Training",
            "How fast each contender learns, with its chosen hyperparameters. Lines are medians over the seeds, bands "
            "reach from the lower to the upper quartile.",
            [_training(final, contenders), _validation(final, contenders)],
        ),
        _section(
            "seeds",
            "Test accuracy, seed by seed",
            "The test split was looked at once, at the end of each final run.",
            [_accuracies(final, results, contenders)],
        ),
        _section(
            "separation",
            "Who is separated from whom",
            "The same seed gives every contender the same initial weights and batches, so contenders are compared seed "
            "by seed. Intervals are Student’s, at the levels of Holm’s correction for all pairs: no two equal ones are "
            "called separated in 95 % of such races.",
            [_separation(final, results, contenders)],
        ),
        _section(
            "targets",
            "Time to target",
            "When the validation accuracy, looked at after each pass, first reaches a target that was fixed before the "
            "race: the median over the seeds. Who misses it in half of the seeds has no time.",
            [_targets(final, targets, contenders)],
        ),
        _section(
            "sensitivity",
            "Sensitivity to the tuned value",
            "How much the choice of the one tuned hyperparameter matters: a wide plateau forgives a bad guess.",
            _sensitivities(tuning, results, contenders),
        ),
        _section(
            "budget",
            "What a smaller budget would have found",
            "The best validation accuracy to expect of n of the values tried, drawn at random. A method that is high "
            "from the left needs little tuning.",
            [_budget(tuning, contenders)],
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
        table=_checkpoints("Training loss: median (lower to upper quartile)", rows, contenders, words.number),
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
        table=_checkpoints("Validation accuracy: median (lower to upper quartile)", rows, contenders, words.percent),
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


def _separation(final: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> Figure | None:
    """The best contender against each other one as a chart; every pair in the table."""
    found = compared(final)
    if not found:
        return None
    shares, best = data.shares(final), results[0].name
    behind = [d if d.first == best else d.turned for d in found if best in (d.first, d.second)]
    behind.sort(key=lambda d: d.mean)
    unit = "percentage points" if shares else "difference"
    rows = [
        {"contender": d.second, "mean": d.mean, "low": d.low, "high": d.high, "separated": d.separated}
        | {"text": points(d.low, d.high, shares) if d.separated else "not separated"}
        for d in behind
    ]
    ahead = "; ".join(f"{row['contender']} {row['text']}" for row in rows)
    return Figure(
        id="separation",
        title=f"How far {best} is ahead",
        caption="The symbol is the mean difference, the line its interval. Where the line touches 0 the two are not "
        "separated.",
        description=f"Interval plot: test accuracy of {best} minus that of each other contender. {ahead}.",
        choices={"": plots.separation("separation", rows, contenders, shares)},
        table=table(
            f"All pairs: difference of test accuracy in {unit}, over {words.times(found[0].n, 'seed')}",
            ("Pair", "Difference", "From", "To", "p (Holm)", "Correlation", "Separated"),
            (_pair(d if d.mean >= 0 else d.turned, shares) for d in found),
            text=(0, 6),
        ),
    )


def _pair(d: Difference, shares: bool) -> TableRow:
    factor = 100 if shares else 1
    numbers = (words.number(factor * value) for value in (d.mean, d.low, d.high))
    p = "below 0.0001" if d.p < 1e-4 else f"{d.p:.4f}"
    related = words.NOTHING if d.correlation is None else f"{d.correlation:.2f}"
    return TableRow((f"{d.first} − {d.second}", *numbers, p, related, "yes" if d.separated else "no"))


def _budget(tuning: Sequence[Run], contenders: Sequence[str]) -> Figure | None:
    rows = data.budgets(tuning)
    most = max((row["trials"] for row in rows), default=0)
    if most < 2:
        return None
    shown = _some(range(1, most + 1), CHECKPOINTS)
    cell = {(row["contender"], row["trials"]): words.percent(row["expected"]) for row in rows}
    ends = {row["contender"]: row["expected"] for row in rows if row["trials"] == 1}
    single = "; ".join(f"{name} {words.percent(ends[name])}" for name in sorted(ends, key=lambda n: -ends[n]))
    return Figure(
        id="budget",
        title="",
        caption=_joined("A diverged run counts as the model at its start.", STRETCHED),
        description=f"Line chart: expected best validation accuracy against the number of trials. One trial: {single}.",
        choices={"": plots.budget("budget", rows, contenders)},
        table=table(
            "Expected best validation accuracy of n trials",
            ("Contender", *(words.times(int(n), "trial") for n in shown)),
            (
                TableRow((name, *(cell.get((name, n), words.NOTHING) for n in shown)), contender=i)
                for i, name in enumerate(contenders)
            ),
        ),
    )


def _targets(final: Sequence[Run], targets: Sequence[float], contenders: Sequence[str]) -> Figure | None:
    rows = data.times_to_target(final, targets)
    if not any(row["step"] is not None for row in rows):
        return None
    reached = [{**row, "goal": words.percent(row["target"])} for row in rows if row["step"] is not None]
    first = "; ".join(f"{row['contender']} {row['goal']} after {row['step']:.0f} steps" for row in reached)
    axes = {"updates": "step", "seconds": "seconds"}
    return Figure(
        id="targets",
        title="",
        caption="Targets rise from left to right; who has no symbol in a row of targets missed it.",
        description=f"Dot plot: updates until a validation accuracy is reached. {first}.",
        choices={label: plots.targets(f"targets-by-{x}", reached, contenders, x) for label, x in axes.items()},
        table=table(
            "Time to target, median over the seeds",
            ("Contender", "Target", "Updates", "Seconds"),
            (
                _row(
                    contenders,
                    row,
                    words.percent(row["target"]),
                    *("missed" if row[x] is None else words.number(row[x]) for x in axes.values()),
                )
                for row in rows
            ),
        ),
    )


def _row(contenders: Sequence[str], row: Row, *cells: str) -> TableRow:
    return TableRow((row["contender"], *cells), contender=contenders.index(row["contender"]))


def _sensitivities(tuning: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> list[Figure]:
    """One figure for each hyperparameter that was tuned: the scales of ε and δ have nothing to do with each other."""
    rows = data.sensitivity(tuning, results)
    tuned = list(dict.fromkeys(row["hyperparameter"] for row in rows))
    widths = data.widths(tuning, results)
    return [
        _sensitivity(name, [row for row in rows if row["hyperparameter"] == name], contenders, widths) for name in tuned
    ]


def _sensitivity(tuned: str, rows: Sequence[Row], contenders: Sequence[str], widths: Mapping[str, float]) -> Figure:
    own = list(dict.fromkeys(row["contender"] for row in rows))
    word = called(tuned)
    title = word[0].upper() + word[1:]
    choice = "; ".join(f"{row['contender']} {words.rate(row['value'])}" for row in rows if row["chosen"])
    caption = "Validation accuracy at the end of each tuning run. The ring marks the best value."
    width = words.listed([f"{name} {words.number(decades, 2)}" for name, decades in widths.items() if name in own])
    forgiving = f"Decades within 1 % of the best, as far as was tried: {width}."
    return Figure(
        id=f"sensitivity-{tuned}",
        title=f"{title}: {words.listed(own) if len(own) < 4 else f'{len(own)} contenders'}",
        caption=_joined(caption, CROSS if any(row["diverged"] for row in rows) else "", forgiving, STRETCHED),
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
