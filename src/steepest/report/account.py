"""The report's words: title, verdict, table, remarks, method and environment."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steepest.report import charts, data, words
from steepest.report.charts import Chart
from steepest.report.contents import Report, Section, Table, TableRow
from steepest.report.figures import HYPERPARAMETER, sections
from steepest.study.journal import Journal, Run
from steepest.study.summary import Row as Result
from steepest.study.summary import summary

HEADS = (
    "Contender",
    "Test accuracy",
    "Validation accuracy",
    "Training loss",
    "Chosen rate ε",
    "Time per step (ms)",
    "Diverged runs",
)


def report(journal: Journal) -> Report:
    """Everything that the journal has to tell."""
    results = summary(journal)
    runs = data.in_order(journal)
    contenders = tuple(contender["name"] for contender in journal.header["contenders"])
    found = sections(runs, results, contenders)
    title = f"The race on {journal.header['workload']['title']}"
    verdict = _verdict(runs, results)
    return Report(
        title=title,
        subtitle=_subtitle(runs, contenders),
        verdict=verdict,
        contenders=contenders,
        table=_table(runs, results, contenders),
        notes=tuple(_notes(runs, results)),
        sections=found,
        method=tuple(_method(journal.header, results)),
        entrants=_contender_table(journal.header["contenders"]),
        environment=_environment(journal.header),
        footer="Made by steepest from the study’s journal alone. Nothing on this page is loaded from a network.",
        race=_race(found, title, verdict),
    )


def _subtitle(runs: Sequence[Run], contenders: Sequence[str]) -> str:
    final, tuning = data.final_runs(runs), data.tuning_runs(runs)
    seeds = len({run["seed"] for run in final})
    return ", ".join(
        (
            words.times(len(contenders), "contender"),
            words.times(len(tuning), "tuning run"),
            words.times(len(final), "final run") + (f" on {words.times(seeds, 'fresh seed')}" if final else ""),
        )
    )


def _verdict(runs: Sequence[Run], results: Sequence[Result]) -> tuple[str, ...]:
    if not runs:
        return ("No run has finished yet.", "Make the report again when some have.")
    tested = [result for result in results if result.test_acc]
    if tested:
        return words.verdict(tested, _seeds(runs))
    leader = next((result for result in results if result.best is not None), None)
    best = f"So far {leader.name} leads on the validation split with {words.percent(leader.best)}." if leader else ""
    return ("The race is still tuning: there are no final runs yet, and so no test accuracy.", best)


def _seeds(runs: Iterable[Run]) -> dict[str, list[float]]:
    """The test accuracy of each seed, by contender."""
    groups = data.by_contender(data.final_runs(runs))
    return {name: [run["test_acc"] for run in own if data.finite(run["test_acc"])] for name, own in groups.items()}


def _table(runs: Sequence[Run], results: Sequence[Result], contenders: Sequence[str]) -> Table:
    seeds = max((result.finals for result in results), default=0)
    over = f"mean ± standard deviation over {words.times(seeds, 'fresh seed')}, " if seeds else ""
    return Table(
        f"All contenders, the best first; {over}diverged runs of all runs",
        HEADS,
        (False, *(True for _ in HEADS[1:])),
        tuple(_row(result, contenders, best=i == 0 and bool(result.test_acc)) for i, result in enumerate(results)),
    )


def _row(result: Result, contenders: Sequence[str], best: bool) -> TableRow:
    accuracy = [words.percent_sd(e.mean, e.sd) if e else words.NOTHING for e in (result.test_acc, result.val_acc)]
    loss = words.number_sd(result.train_loss.mean, result.train_loss.sd) if result.train_loss else words.NOTHING
    cells = (
        result.name,
        *accuracy,
        loss,
        _choice(result),
        words.number(result.ms_per_step),
        f"{result.diverged} of {result.runs}" if result.diverged else "0",
    )
    return TableRow(cells, contender=contenders.index(result.name), mark="best" if best else "")


def _choice(result: Result) -> str:
    """The value chosen, starred at the edge of the grid; what is not a rate says its name."""
    if result.value is None:
        return words.NOTHING
    star = " *" if result.edge else ""
    if result.tunes == "lr":
        return f"{words.rate(result.value)}{star}"
    letter = HYPERPARAMETER.get(result.tunes, result.tunes).split()[-1]
    return f"{words.NOTHING} ({letter} = {words.rate(result.value)}){star}"


def _notes(runs: Sequence[Run], results: Sequence[Result]) -> Iterable[str]:
    for end, word in (("low", "smallest"), ("high", "largest")):
        if names := [result.name for result in results if result.edge == end]:
            yield (
                f"* The best value of {words.listed(names)} is the {word} that was tried, at the edge of the grid: "
                f"a better one may lie beyond it."
            )
    if others := [result for result in results if result.tunes != "lr"]:
        what = words.listed(list(dict.fromkeys(HYPERPARAMETER.get(result.tunes, result.tunes) for result in others)))
        yield (
            f"There is no learning rate to tune for {words.listed([result.name for result in others])}; the {what} was "
            "tuned instead, with the same number of trials."
        )
    lost = {result.name: result.diverged for result in results if result.diverged}
    if lost:
        which = words.listed([f"{name} ({count})" for name, count in lost.items()])
        final = len(data.diverged(data.final_runs(runs))) or "none"
        yield (
            f"{words.times(sum(lost.values()), 'run')} diverged, {final} of them with the chosen hyperparameters: {which}. "
            f"A diverged run counts as the model before its first step."
        )


def _method(header: Mapping[str, Any], results: Sequence[Result]) -> Iterable[str]:
    settings = header["settings"]
    yield (
        f"Tuning. Each contender tried {_trials(results)} on a logarithmic grid (two a decade) of its tuned "
        f"hyperparameter, one run each up to {_until(settings['tuning_until'])}. The value with the highest validation "
        "accuracy was kept. While the best value of a contender lay at the end of its grid, all contenders got further "
        "values, as many each, at most twice."
    )
    yield (
        f"Measuring. With the choice frozen, each contender was trained again on "
        f"{words.times(settings['seeds'], 'fresh seed')} up to {_until(settings['until'])}. The test split was looked "
        "at once, at the end of each of these runs. Means and sample standard deviations are over the seeds."
    )
    yield (
        "Common random numbers. One seed gives every contender the same initial weights, the same order of batches and "
        f"the same dropout masks. A step takes {words.times(settings['batch_size'], 'example')}"
        f"{_whole_pass(header['contenders'])}."
    )
    yield (
        "Divergence. A run whose loss is not finite, or far above the initial one, stops at once. It stays in every "
        "chart and table, and counts as the model before its first step."
    )
    yield "The clock. Only steps are timed; warm-up and evaluation are left out. Every run computes on one thread."


def _trials(results: Sequence[Result]) -> str:
    counts = sorted({result.tried for result in results})
    return words.times(counts[0], "value") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} values"


def _until(criteria: Sequence[str]) -> str:
    """Stopping criteria in words: `passes=2` is 2 passes."""
    return " or ".join(_criterion(*criterion.split("=")) for criterion in criteria)


def _criterion(quantity: str, limit: str) -> str:
    if quantity in ("passes", "steps"):
        return f"{limit} {quantity}"
    return f"a {quantity.replace('-', ' ')} of {limit}"


def _whole_pass(contenders: Sequence[Mapping[str, Any]]) -> str:
    names = [contender["name"] for contender in contenders if contender["batch"] == "all"]
    return f", that of {words.listed(names)} all of them" if names else ""


def _contender_table(contenders: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        TableRow((who["name"], who["title"], _tuned(who), words.rate(who["centre"]), who["reference"]), contender=i)
        for i, who in enumerate(contenders)
    ]
    heads = ("Contender", "Method", "Tuned", "Grid’s centre", "Reference")
    return Table("Who races", heads, (False, False, False, True, False), tuple(rows))


def _tuned(contender: Mapping[str, Any]) -> str:
    return HYPERPARAMETER.get(contender["tunes"], contender["tunes"])


SETTINGS = {
    "batch_size": "Batch size",
    "rates": "Values tried at first",
    "seeds": "Fresh seeds",
    "until": "Final runs end at",
    "tuning_until": "Tuning runs end at",
    "seed": "Seed of it all",
}


def _environment(header: Mapping[str, Any]) -> dict[str, str]:
    machine, settings = header["machine"], header["settings"]
    found = {
        "Machine": ", ".join(f"{name} {value}" for name, value in machine.items()),
        "Versions": ", ".join(f"{name} {value}" for name, value in header["versions"].items()),
        "Started": header["started"].replace("T", " ").replace("+00:00", " UTC"),
        "Workload": f"{header['workload']['title']} ({header['workload']['name']})",
    }
    return found | {SETTINGS[name]: _plain(settings[name]) for name in SETTINGS if name in settings}


def _plain(value: Any) -> str:
    return _until(value) if isinstance(value, list) else str(value)


def _race(found: Sequence[Section], title: str, verdict: Sequence[str]) -> Chart | None:
    """The picture of the race, once both of its halves exist."""
    charts_by_id = {figure.id: figure.chart for section in found for figure in section.figures}
    halves = [charts_by_id.get(name) for name in ("training-loss", "test-accuracy")]
    return charts.race(*halves, title, verdict[0]) if all(halves) else None
