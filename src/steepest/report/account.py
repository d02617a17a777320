"""The report's words: title, verdict, table, remarks and the picture of the race."""

from collections.abc import Iterable, Sequence

from steepest.report import data, plots, words
from steepest.report.chart import Chart
from steepest.report.contents import Report, Section, Table, TableRow, table
from steepest.report.method import entrants, environment, method
from steepest.report.metric import Metric
from steepest.report.paste import winner
from steepest.report.sections import sections
from steepest.report.verdict import verdict
from steepest.report.view import View, view
from steepest.study.journal import Journal
from steepest.study.summary import Row as Result


def report(journal: Journal) -> Report:
    """Everything that the journal has to tell."""
    study = view(journal)
    found = sections(study)
    title = f"The race on {journal.header['workload']['title']}"
    said = verdict(journal)
    return Report(
        title=title,
        subtitle=_subtitle(study),
        verdict=said,
        winner=winner(journal),
        contenders=study.contenders,
        tables=(result_table(study, study.contenders),),
        notes=tuple(_notes(study)),
        sections=found,
        method=method(journal, study.results),
        entrants=entrants(journal.header["contenders"]),
        environment=environment(journal.header),
        footer="Made by steepest from the study’s journal alone. Nothing on this page is loaded from a network.",
        race=_race(found, title, said),
    )


def _subtitle(study: View) -> str:
    final, tuning = study.final, study.tuning
    seeds = len({run["seed"] for run in final})
    return ", ".join(
        (
            words.times(len(study.contenders), "contender"),
            words.times(len(tuning) + len(study.confirming), "tuning run"),
            words.times(len(final), "final run") + (f" on {words.times(seeds, 'fresh seed')}" if final else ""),
        )
    )


def result_table(study: View, contenders: Sequence[str], about: str = "") -> Table:
    """A row a contender, the best first; `contenders` gives each its place, and one that has none has no swatch."""
    results, metric = study.results, study.metric
    widths = data.widths(study.tuning, results)
    heads = (
        "Contender",
        metric.head("test"),
        metric.head("validation"),
        "Training loss",
        "Chosen rate\u00a0ε",
        "Decades within 1\u00a0%",
        "Time per step (ms)",
        "Diverged runs",
    )
    seeds = max((result.finals for result in results), default=0)
    over = f"mean ± standard deviation over {words.times(seeds, 'fresh seed')}, " if seeds else ""
    rows = (
        _row(result, contenders, metric, widths.get(result.name), best=i == 0 and bool(result.test_acc))
        for i, result in enumerate(results)
    )
    told = f"{about or 'All contenders, '}the best first; {over}diverged runs of all runs"
    return table(told if metric.share else f"{told}; higher is better", heads, rows)


def _row(result: Result, contenders: Sequence[str], metric: Metric, width: float | None, best: bool) -> TableRow:
    reached = [metric.words_sd(e.mean, e.sd) if e else words.NOTHING for e in (result.test_acc, result.val_acc)]
    loss = words.number_sd(result.train_loss.mean, result.train_loss.sd) if result.train_loss else words.NOTHING
    cells = (
        result.name,
        *reached,
        loss,
        _choice(result),
        words.NOTHING if width is None else f"{width:.1f}",
        words.number(result.ms_per_step),
        f"{result.diverged} of {result.runs}" if result.diverged else "0",
    )
    place = contenders.index(result.name) if result.name in contenders else None
    return TableRow(cells, contender=place, mark="best" if best else "")


def _choice(result: Result) -> str:
    """The value chosen, starred at the edge of the grid; what is not a rate says its name."""
    if result.value is None:
        return words.NOTHING
    star = " *" if result.edge else ""
    if result.tunes == "lr":
        return f"{words.rate(result.value)}{star}"
    letter = words.called(result.tunes).split()[-1]
    return f"{words.NOTHING} ({letter} = {words.rate(result.value)}){star}"


def _notes(study: View) -> Iterable[str]:
    results = study.results
    for end, word in (("low", "smallest"), ("high", "largest")):
        if names := [result.name for result in results if result.edge == end]:
            yield (
                f"* The chosen value of {words.listed(names)} is the {word} that was tried, at the edge of the grid: "
                f"a better one may lie beyond it."
            )
    if others := [result for result in results if result.tunes != "lr"]:
        what = words.listed(list(dict.fromkeys(words.called(result.tunes) for result in others)))
        yield (
            f"There is no learning rate to tune for {words.listed([result.name for result in others])}; the {what} was "
            "tuned instead, with the same number of trials."
        )
    lost = {result.name: result.diverged for result in results if result.diverged}
    if lost:
        which = words.listed([f"{name} ({count})" for name, count in lost.items()])
        count, final = sum(lost.values()), len(data.diverged(study.final))
        of_them = f"{final or 'none'} of them with" if count > 1 else "with" if final else "not with"
        yield (
            f"{words.times(count, 'run')} diverged, {of_them} the chosen hyperparameters: {which}. A diverged run "
            "counts as the model before its first step."
        )
    if study.final and study.targets and not data.reached(data.times_to_target(study.final, study.targets)):
        lowest = min(study.targets)
        yield (
            f"No contender reached the lowest target, {study.metric.goal(lowest)} on the validation split, in more "
            "than half of its seeds: there are no times to compare."
        )


def _race(found: Sequence[Section], title: str, said: Sequence[str]) -> Chart | None:
    """The picture of the race, once both of its halves exist."""
    charts = {figure.id: figure.chart for section in found for figure in section.figures}
    if not {"training-loss", "test-by-seed"} <= charts.keys():
        return None
    return plots.race(charts["training-loss"], charts["test-by-seed"], title, said[0])
