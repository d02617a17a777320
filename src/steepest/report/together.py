"""The numbers of several studies together: how often each contender is how near to the fastest, and how good it is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from steepest.report import data
from steepest.report.data import Row
from steepest.report.studies import folders
from steepest.study.journal import Journal, Run, read
from steepest.study.statistics import (
    RATIO_LIMIT,
    interquartile_mean,
    interquartile_mean_interval,
    profile,
    ratios,
    score,
)

UNITS = {"updates": "step", "seconds": "seconds"}


@dataclass(frozen=True)
class Entry:
    """One study among several: its workload's name, or its folder's where two have the same."""

    name: str
    title: str
    folder: Path
    journal: Journal

    @property
    def final(self) -> list[Run]:
        """Its runs on fresh seeds."""
        return data.final_runs(data.in_order(self.journal))


def entries(parent: Path) -> list[Entry]:
    """The studies below a folder, by name. Raises ValueError when there is none or one is damaged."""
    found = [(folder, read(folder)) for folder in folders(parent)] if parent.is_dir() else []
    if not found:
        raise ValueError(f"{parent} holds no study, and no folder in it does; name the --out of a race")
    names = [journal.header["workload"]["name"] for _, journal in found]
    made = [
        Entry(
            name if names.count(name) == 1 else str(folder.relative_to(parent)),
            journal.header["workload"]["title"],
            folder,
            journal,
        )
        for name, (folder, journal) in zip(names, found, strict=True)
    ]
    return sorted(made, key=lambda entry: entry.name)


def counted(found: Sequence[Entry]) -> list[Entry]:
    """Those that have final runs: the others say nothing yet."""
    return [entry for entry in found if entry.final]


def everywhere(found: Sequence[Entry]) -> tuple[str, ...]:
    """The contenders that race in all of the studies."""
    fields = [[who["name"] for who in entry.journal.header["contenders"]] for entry in found]
    return tuple(name for name in fields[0] if all(name in names for names in fields[1:]))


def target(entry: Entry) -> float | None:
    """The highest of the workload's targets that any contender reaches in most of its seeds; the lowest if none is."""
    wanted = sorted(data.targets(entry.journal.header))
    reached = [row["target"] for row in data.reached(data.times_to_target(entry.final, wanted))]
    return max(reached) if reached else wanted[0] if wanted else None


def times(found: Sequence[Entry], contenders: Sequence[str], unit: str) -> dict[str, dict[str, float]]:
    """For each study that has a target the time in which each contender reaches it; ∞ for a miss."""
    result = {}
    for entry in counted(found):
        goal = target(entry)
        if goal is None:
            continue
        rows = {row["contender"]: row[unit] for row in data.times_to_target(entry.final, [goal])}
        result[entry.name] = {
            name: math.inf if rows.get(name) is None else float(rows[name] or 0) for name in contenders
        }
    return result


def profiles(taken: Mapping[str, Mapping[str, float]], contenders: Sequence[str]) -> list[Row]:
    """The corners of each contender's performance profile, from ratio 1 to where the last one ends."""
    found = ratios(taken)
    own = {name: [found[workload][name] for workload in found] for name in contenders}
    finite = [r for values in own.values() for r in values if math.isfinite(r)]
    end = max([RATIO_LIMIT, *finite])
    rows = []
    for name, values in own.items():
        corners = profile(values)
        first = [] if corners and corners[0][0] == 1 else [(1.0, 0.0)]
        last = corners[-1][1] if corners else 0.0
        rows += [{"contender": name, "ratio": tau, "share": share} for tau, share in [*first, *corners, (end, last)]]
    return rows


def scores(taken: Mapping[str, Mapping[str, float]], contenders: Sequence[str]) -> dict[str, float]:
    """Each contender's mean height of its profile from 1 to 4."""
    found = ratios(taken)
    return {name: score([found[workload][name] for workload in found]) for name in contenders} if found else {}


def standings(found: Sequence[Entry], contenders: Sequence[str]) -> list[Row]:
    """The interquartile mean of each contender's results over workloads and seeds, with its interval, best first.

    On each workload 0 is the untrained model and 1 the best contender's mean, so that the results can be averaged.
    """
    scaled = [between_start_and_best(entry, contenders) for entry in counted(found)]
    rows = []
    for name in contenders:
        strata = [results[name] for results in scaled if results.get(name)]
        if scaled and len(strata) == len(scaled):
            low, high = interquartile_mean_interval(strata)
            middle = interquartile_mean([value for values in strata for value in values])
            rows.append({"contender": name, "mean": middle, "low": low, "high": high})
    return sorted(rows, key=lambda row: -row["mean"])


def between_start_and_best(entry: Entry, contenders: Sequence[str]) -> dict[str, list[float]]:
    """Each contender's test results, 0 being the untrained model and 1 the best mean; all 0 where nobody improved."""
    results = {name: list(own.values()) for name, own in data.by_seed(entry.final).items() if name in contenders}
    starts = [run["validation"]["accuracy"][0] for run in entry.final if run["validation"]["accuracy"]]
    start = fmean(filter(data.finite, starts))
    best = max((fmean(values) for values in results.values() if values), default=start)
    if best <= start:
        return {name: [0.0] * len(values) for name, values in results.items()}
    return {name: [(value - start) / (best - start) for value in values] for name, values in results.items()}
