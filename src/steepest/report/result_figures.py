"""Figures of the final results: each seed's, and who is separated from the best."""

from steepest.report import data, plots, words
from steepest.report.contents import Figure, TableRow, table
from steepest.report.parts import joined, row_of
from steepest.report.verdict import compared, points
from steepest.report.view import View
from steepest.study.statistics import Difference


def by_seed(study: View) -> Figure | None:
    """The test result of each seed, the mean of each contender."""
    metric, contenders = study.metric, study.contenders
    runs = [run for run in study.final if data.finite(run["test_acc"])]
    if not runs:
        return None
    rows = [{"contender": run["contender"], "seed": run["number"], "value": run["test_acc"]} for run in runs]
    means = [
        {"contender": result.name, "mean": of.mean, "text": metric.words_sd(of.mean, of.sd)}
        for result in study.results
        if (of := result.test_acc)
    ]
    best, name = means[0], metric.on("test")
    return Figure(
        id="test-by-seed",
        title="",
        caption=joined(
            "A symbol is one seed, the bar their mean; the figures are mean ± standard deviation.", metric.stretched
        ),
        description=f"Dot plot: {name} of each seed. Best mean: {best['contender']}, {best['text']}.",
        choices={"": plots.by_seed("test-by-seed", rows, means, contenders, metric)},
        table=table(
            f"{metric.title('test')}, of each final run",
            ("Contender", "Seed", metric.head("test")),
            (row_of(contenders, row, str(row["seed"]), metric.words(row["value"])) for row in rows),
        ),
    )


def separation(study: View) -> Figure | None:
    """The best contender against each other one as a chart; every pair in the table."""
    found = compared(study.final)
    if not found:
        return None
    share, best = study.metric.share, study.results[0].name
    behind = [d if d.first == best else d.turned for d in found if best in (d.first, d.second)]
    behind.sort(key=lambda d: d.mean)
    rows = [
        {"contender": d.second, "mean": d.mean, "low": d.low, "high": d.high, "separated": d.separated}
        | {"text": points(d.low, d.high, share) if d.separated else "not separated"}
        for d in behind
    ]
    ahead = "; ".join(f"{row['contender']} {row['text']}" for row in rows)
    unit = " in percentage points" if share else ""
    return Figure(
        id="separation",
        title=f"How far {best} is ahead",
        caption=joined(
            "The symbol is the mean difference, the line its interval. Where the line touches 0 the two are not "
            "separated.",
            "The axis is squeezed towards its ends." if plots.squeezed(rows) else "",
        ),
        description=f"Interval plot: {study.metric.on('test')} of {best} minus that of each other contender. {ahead}.",
        choices={"": plots.separation("separation", rows, study.contenders, share)},
        table=table(
            f"All pairs: difference of {study.metric.on('test')}{unit}, over {words.times(found[0].n, 'seed')}",
            ("Pair", "Difference", "From", "To", "p (Holm)", "Correlation", "Separated"),
            (_pair(d if d.mean >= 0 else d.turned, share) for d in found),
            text=(0, 6),
        ),
    )


def _pair(d: Difference, share: bool) -> TableRow:
    factor = 100 if share else 1
    numbers = (words.number(factor * value) for value in (d.mean, d.low, d.high))
    p = "below 0.0001" if d.p < 1e-4 else f"{d.p:.4f}"
    related = words.NOTHING if d.correlation is None else f"{d.correlation:.2f}"
    return TableRow((f"{d.first} − {d.second}", *numbers, p, related, "yes" if d.separated else "no"))
