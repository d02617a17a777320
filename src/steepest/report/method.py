"""How the race was run: method, entrants and environment, from the journal's header."""

from collections.abc import Mapping, Sequence
from typing import Any

from steepest.report import words
from steepest.report.contents import Table, TableRow, table
from steepest.report.ways import ways
from steepest.stopping import criteria
from steepest.study.journal import Journal
from steepest.study.summary import Row as Result

BUDGETS = {"passes": "pass", "steps": "step", "seconds": "second"}
SETTINGS = {
    "batch_size": "Batch size",
    "products": "Matrix products in training",
    "rates": "Values tried at first",
    "seeds": "Fresh seeds",
    "until": "Final runs end at",
    "tuning_until": "Tuning runs end at",
    "seed": "Seed of it all",
}
OWN_TIME = "The time of a step is in any case that of a contender by itself."


def method(journal: Journal, results: Sequence[Result]) -> dict[str, str]:
    """How the race was run: paragraphs by their headings."""
    header, times = journal.header, journal.times
    settings, stacks = header["settings"], ways(journal.decisions, journal.runs)
    return {
        **({"The budget": _steps_in_time(settings["until"], times)} if times else {}),
        "Tuning": (
            f"Each contender tried {_trials(results)} on a logarithmic grid of its tuned hyperparameter, one run each "
            f"up to {_until(settings['tuning_until'])}. While the best value of a contender lay at the end of its "
            f"grid, all contenders got further values, as many each. {_choice(results)}"
        ),
        "Measuring": (
            f"With the choice frozen, each contender was trained again on "
            f"{words.times(settings['seeds'], 'fresh seed')} up to {_until(settings['until'])}. The test split was "
            "looked at once, at the end of each of these runs. Means and sample standard deviations are over the seeds."
        ),
        "Common random numbers": (
            "One seed gives every contender the same initial weights, the same order of batches and the same dropout "
            f"masks. A step takes {words.times(settings['batch_size'], 'example')}{_whole_pass(header['contenders'])}."
        ),
        **({"Trained together": f"{stacks} {OWN_TIME}"} if stacks else {}),
        "Divergence": (
            "A run whose loss is not finite, or far above the initial one, stops at once. It stays in every chart and "
            "table, and counts as the model before its first step."
        ),
        "The clock": "Only steps are timed; warm-up and evaluation are left out. Every run computes on one thread.",
    }


def _steps_in_time(until: Sequence[str], times: Mapping[str, float]) -> str:
    budget = min((c for c in criteria(until) if c.quantity == "seconds"), key=lambda c: c.limit)
    steps = words.listed([f"{budget.in_steps(each).limit:.0f} of {name}" for name, each in times.items()])
    return (
        f"{_criterion(*str(budget).split('='))} of training became as many steps as each makes in that time: {steps}. "
        "Before the race each one’s step was timed by itself, in turns; from then on the clock decided nothing."
    )


def _choice(results: Sequence[Result]) -> str:
    confirmed = max((result.confirmed for result in results), default=0)
    if not confirmed:
        return "The value with the best validation result was kept."
    return (
        f"The best {confirmed} of each ran once more on a second seed, and the one with the best mean "
        "validation result over both was kept: what is best on one seed may be luck, or at the edge of divergence."
    )


def _trials(results: Sequence[Result]) -> str:
    counts = sorted({result.tried for result in results})
    return words.times(counts[0], "value") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} values"


def _until(criteria: Sequence[str]) -> str:
    """Stopping criteria in words: `passes=2` is 2 passes."""
    return " or ".join(_criterion(*criterion.split("=")) for criterion in criteria)


def _criterion(quantity: str, limit: str) -> str:
    if quantity in BUDGETS:
        return f"{limit} {BUDGETS[quantity] if limit == '1' else quantity}"
    return f"a {quantity.replace('-', ' ')} of {limit}"


def _whole_pass(contenders: Sequence[Mapping[str, Any]]) -> str:
    names = [contender["name"] for contender in contenders if contender["batch"] == "all"]
    return f", that of {words.listed(names)} all of them" if names else ""


def entrants(contenders: Sequence[Mapping[str, Any]]) -> Table:
    """Who races, and by which rule."""
    rows = [
        TableRow(
            (who["name"], who["title"], words.called(who["tunes"]), words.rate(who["centre"]), who["reference"]),
            contender=i,
        )
        for i, who in enumerate(contenders)
    ]
    heads = ("Contender", "Method", "Tuned", "Grid’s centre", "Reference")
    return table("Who races", heads, rows, text=(0, 1, 2, 4))


def environment(header: Mapping[str, Any]) -> dict[str, str]:
    """Where, when and with which settings it was run, by name."""
    machine, settings = header["machine"], header["settings"]
    found = {
        "Machine": ", ".join(f"{name} {value}" for name, value in machine.items()),
        "Versions": ", ".join(f"{name} {value}" for name, value in header["versions"].items()),
        "Started": header["started"].replace("T", " ").replace("+00:00", " UTC"),
        "Workload": f"{header['workload']['title']} ({header['workload']['name']})",
    }
    return found | {title: _plain(settings[name]) for name, title in SETTINGS.items() if name in settings}


def _plain(value: Any) -> str:
    return _until(value) if isinstance(value, list) else str(value)
