"""What the report of several studies says: who is fast and good on all of the workloads, and how each one ended."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from steepest.report import joint_plots, words
from steepest.report.account import result_table
from steepest.report.contents import Figure, Report, Section, Table, TableRow, table
from steepest.report.data import Row
from steepest.report.method import entrants, environment
from steepest.report.metric import metric
from steepest.report.together import UNITS, Entry, counted, everywhere, profiles, scores, standings, target, times
from steepest.report.view import view
from steepest.study.statistics import RATIO_LIMIT, ratios
from steepest.study.summary import summary

WHAT = {"updates": "Updates", "seconds": "Seconds"}
RELATIVE = "The interquartile mean and the scores depend on who else races."


def joint(found: Sequence[Entry], parent: Path) -> Report:
    """Everything that several studies tell together."""
    who = everywhere(found)
    taken = {label: times(found, who, unit) for label, unit in UNITS.items()}
    ranked = standings(found, who)
    header = found[0].journal.header
    return Report(
        title=f"The race on {words.times(len(found), 'workload')}",
        subtitle=f"{words.listed([e.name for e in found])}: {words.times(len(who), 'contender')} on all of them",
        verdict=verdict(found),
        winner="",
        contenders=who,
        tables=(_overview(found, who, ranked, taken), *(_own(entry, who) for entry in found)),
        notes=(*_left_out(found, who), RELATIVE),
        sections=tuple(section for section in (_profiles(found, who, taken), _standings(who, ranked)) if section),
        method=METHOD,
        entrants=entrants([each for each in header["contenders"] if each["name"] in who]),
        environment=_environment(found),
        footer="Made by steepest from the studies’ journals alone. Nothing on this page is loaded from a network.",
        links={
            f"The whole report on {e.title}": f"{e.folder.relative_to(parent).as_posix()}/report.html" for e in found
        },
    )


METHOD = {
    "Target": (
        "Each workload’s targets were fixed before its race. The one that counts here is the highest that some "
        "contender reached in more than half of its seeds; who did not has no time, and a ratio of ∞."
    ),
    "Profile": (
        f"A contender’s time to the target is divided by that of the fastest on the workload (Dolan & Moré 2002). The "
        f"score is the mean height of the profile from 1 to {RATIO_LIMIT:.0f} times the fastest."
    ),
    "Interquartile mean": (
        "On each workload the test results of the final runs are scaled so that the untrained model is 0 and the best "
        "contender’s mean is 1; a diverged run counts as the untrained model. The mean of the middle half of these, "
        "over all workloads and seeds, has a bootstrap interval of 95 %, drawn anew within each workload."
    ),
}


def _environment(found: Sequence[Entry]) -> dict[str, str]:
    """What is the same for all studies."""
    each = [environment(entry.journal.header) for entry in found]
    return {key: value for key, value in each[0].items() if all(other.get(key) == value for other in each)}


def verdict(found: Sequence[Entry]) -> tuple[str, ...]:
    """Who leads over all workloads, in sentences."""
    who = everywhere(found)
    ranked = standings(found, who)
    if not ranked:
        return ("Nothing can be said over all workloads yet: no contender has final runs on each of them.",)
    best = ranked[0]
    beside = [row["contender"] for row in ranked[1:] if row["high"] >= best["low"]]
    over = f"Over {words.times(len(counted(found)), 'workload')}"
    interval = f"{best['mean']:.3f} ({best['low']:.3f} to {best['high']:.3f})"
    first = f"{over} {best['contender']} has the highest interquartile mean, {interval}"
    said = ", and no other interval overlaps."
    if beside:
        one = len(beside) == 1
        said = f"; the interval{'s'[one:]} of {words.listed(beside)} overlap{'s'[:one]} with it."
    fast = scores(times(found, who, UNITS["updates"]), who)
    top = max(fast.values(), default=0.0)
    leaders = [name for name, value in fast.items() if value == top]
    pace = (
        f"In updates to the target {words.listed(leaders)} {'leads' if len(leaders) == 1 else 'lead'} with a score of"
    )
    return (first + said, f"{pace} {top:.2f}.") if top else (first + said,)


def _overview(found: Sequence[Entry], who: Sequence[str], ranked: Sequence[Row], taken: Mapping[str, Mapping]) -> Table:
    """A row a contender: both numbers, then the mean test result on each workload."""
    of = {row["contender"]: row for row in ranked}
    fast = {label: scores(each, who) for label, each in taken.items()}
    results = {entry.name: {row.name: row for row in summary(entry.journal)} for entry in found}
    metrics = {entry.name: metric(entry.journal) for entry in found}

    def cells(name: str) -> tuple[str, ...]:
        own = of.get(name)
        middle = f"{own['mean']:.3f} ({own['low']:.3f} to {own['high']:.3f})" if own else words.NOTHING
        score = (f"{each[name]:.2f}" if name in each else words.NOTHING for each in fast.values())
        tested = (
            metrics[entry.name].words(each.mean if (each := results[entry.name][name].test_acc) else None)
            for entry in found
        )
        return (name, middle, *score, *tested)

    order = [*of, *(name for name in who if name not in of)]
    heads = (
        "Contender",
        "Interquartile mean",
        *(f"Score by {label}" for label in taken),
        *(f"{e.name}: {metrics[e.name].on('test')}" for e in found),
    )
    rows = (TableRow(cells(name), who.index(name), "best" if i == 0 and of else "") for i, name in enumerate(order))
    return table("All workloads together, the highest interquartile mean first; test results by workload", heads, rows)


def _own(entry: Entry, who: Sequence[str]) -> Table:
    return result_table(view(entry.journal), who, f"{entry.title}: ")


def _left_out(found: Sequence[Entry], who: Sequence[str]) -> Iterator[str]:
    """Who does not race everywhere, and which workloads have no final runs."""
    some = {each["name"] for entry in found for each in entry.journal.header["contenders"]} - set(who)
    if some:
        yield f"Left out of the common numbers, for not racing on every workload: {words.listed(sorted(some))}."
    if waiting := [entry.name for entry in found if entry not in counted(found)]:
        yield f"Not counted, for having no final runs yet: {words.listed(waiting)}."


def _profiles(found: Sequence[Entry], who: Sequence[str], taken: Mapping[str, Mapping]) -> Section | None:
    by_updates = taken["updates"]
    if not by_updates or not any(math.isfinite(t) for own in by_updates.values() for t in own.values()):
        return None
    own = scores(by_updates, who)
    told = "; ".join(f"{name} {own[name]:.2f}" for name in sorted(own, key=lambda name: -own[name]))
    goals = {entry.name: target(entry) for entry in counted(found)}
    metrics = {entry.name: metric(entry.journal) for entry in found}
    reached = "; ".join(f"{name} {metrics[name].goal(goal)}" for name, goal in goals.items() if goal is not None)
    figure = Figure(
        id="profile",
        title="",
        caption=f"Targets on the validation split: {reached}. Lines at the same height are drawn side by side.",
        description=f"Step chart: share of workloads on which a contender is near to the fastest. Scores: {told}.",
        choices={
            label: joint_plots.profiles(f"profile-by-{UNITS[label]}", profiles(each, who), who, WHAT[label])
            for label, each in taken.items()
        },
        table=table(
            "Time to target as a multiple of the fastest",
            ("Contender", *(f"{name}, {label}" for label, each in taken.items() for name in each)),
            (TableRow((name, *_multiples(name, taken)), contender=i) for i, name in enumerate(who)),
        ),
    )
    text = (
        "How often a contender is how near to the fastest: at 1 on the left, the share of workloads on which it is the "
        "fastest; at 2, on which it takes at most twice as long; on the right, on which it reaches the target at all."
    )
    return Section("profiles", "Performance profile", text, (figure,))


def _multiples(name: str, taken: Mapping[str, Mapping]) -> list[str]:
    found = (own[name] for each in taken.values() for own in ratios(each).values())
    return [words.number(ratio) if math.isfinite(ratio) else "missed" for ratio in found]


def _standings(who: Sequence[str], ranked: Sequence[Row]) -> Section | None:
    if not ranked:
        return None
    told = "; ".join(f"{row['contender']} {row['mean']:.3f}" for row in ranked)
    figure = Figure(
        id="standings",
        title="",
        caption="The symbol is the interquartile mean, the line its bootstrap interval of 95 %.",
        description=f"Interval plot: interquartile mean over workloads and seeds. {told}.",
        choices={"": joint_plots.standings("standings", ranked, who)},
        table=table(
            "Interquartile mean over workloads and seeds",
            ("Contender", "Interquartile mean", "From", "To"),
            (
                TableRow(
                    (row["contender"], *(f"{row[key]:.4f}" for key in ("mean", "low", "high"))),
                    contender=who.index(row["contender"]),
                )
                for row in ranked
            ),
        ),
    )
    text = "The test results of all workloads and seeds in one number that a few bad or lucky runs hardly move."
    return Section("standings-section", "All results in one number", text, (figure,))
