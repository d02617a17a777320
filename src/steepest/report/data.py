"""The rows behind each chart and file, drawn from the finished runs of a journal."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

from steepest.study.journal import Journal, Run
from steepest.study.statistics import Difference, expected_best, sensitivity_width, time_to_target, typical_time
from steepest.study.summary import Row as Result
from steepest.trial.specification import FINAL, PHASES, TUNE

Row = dict[str, Any]

# More points make nine curves a tangle and the page heavy.
POINTS_PER_CURVE = 50
CURVE_COLUMNS = ("step", "pass", "seconds")


def finite(value: Any) -> bool:
    """Whether it is a number to draw; a journal holds None where a run had no finite value."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def in_order(journal: Journal) -> list[Run]:
    """The runs by contender, phase and seed: the journal holds them in the order in which they ended."""
    place = {contender["name"]: i for i, contender in enumerate(journal.header["contenders"])}
    seeds = {seed: i for i, seed in enumerate(sorted({run["seed"] for run in final_runs(journal.runs)}), start=1)}
    ordered = sorted(journal.runs, key=lambda run: (place[run["contender"]], PHASES.index(run["phase"]), run["seed"]))
    return [{**run, "number": seeds.get(run["seed"])} for run in ordered]


def final_runs(runs: Iterable[Run]) -> list[Run]:
    """The runs on fresh seeds with the chosen hyperparameters."""
    return [run for run in runs if run["phase"] == FINAL]


def tuning_runs(runs: Iterable[Run]) -> list[Run]:
    """The runs that tried a value."""
    return [run for run in runs if run["phase"] == TUNE]


def by_contender(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """The runs of each contender."""
    groups = defaultdict(list)
    for run in runs:
        groups[run["contender"]].append(run)
    return dict(groups)


def by_seed(final: Iterable[Run]) -> dict[str, dict[int, float]]:
    """The test result of each contender on each fresh seed."""
    groups = by_contender(final)
    return {
        name: {run["seed"]: run["test_acc"] for run in own if finite(run["test_acc"])} for name, own in groups.items()
    }


def shares(runs: Iterable[Run]) -> bool:
    """Whether the results are shares, to be read as percentages."""
    return all(0 <= run["val_acc"] <= 1 for run in runs if finite(run["val_acc"]))


def points(run: Run, curve: str, value: str) -> Iterator[Row]:
    """The points of a run's curve that have a finite value."""
    recorded = run.get(curve) or {}
    columns = {name: recorded[name] for name in (*CURVE_COLUMNS, value) if name in recorded}
    for numbers in zip(*columns.values(), strict=True):
        point = dict(zip(columns, numbers, strict=True))
        if finite(point[value]):
            yield point


def thinned(run_points: Sequence[Row], size: int) -> list[Row]:
    """Each point the mean of `size` neighbours, placed at the last of them."""
    if size <= 1:
        return list(run_points)
    chunks = [run_points[i : i + size] for i in range(0, len(run_points), size)]
    return [{name: fmean(p[name] for p in chunk) for name in chunk[0]} | _place(chunk[-1]) for chunk in chunks]


def _place(point: Row) -> Row:
    return {name: point[name] for name in CURVE_COLUMNS if name in point}


def spread(runs: Iterable[Run], curve: str, value: str) -> list[Row]:
    """Median and quartiles over the seeds of each contender at each recorded point."""
    rows = []
    for contender, own in by_contender(runs).items():
        curves = [list(points(run, curve, value)) for run in own]
        size = math.ceil(max(map(len, curves)) / POINTS_PER_CURVE)
        seeds_at = zip_longest(*(thinned(one, size) for one in curves))
        rows += [_spread_at(contender, [point for point in seeds if point], value) for seeds in seeds_at]
    return rows


def _spread_at(contender: str, seeds: Sequence[Row], value: str) -> Row:
    values = [point[value] for point in seeds]
    where = {name: median(point[name] for point in seeds) for name in _place(seeds[0])}
    low, middle, high = quartiles(values)
    return {
        "contender": contender,
        **where,
        "median": middle,
        "low": low,
        "high": high,
        "seeds": len(values),
    }


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of five values the second, third and fourth.

    >>> quartiles([5.0, 1.0, 2.0, 4.0, 3.0]), quartiles([7.0])
    ((2.0, 3.0, 4.0), (7.0, 7.0, 7.0))
    """
    low, middle, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else 3 * [values[0]]
    return low, middle, high


def every_point(runs: Iterable[Run], curve: str, metric: str = "accuracy") -> list[Row]:
    """Every recorded point of every run, as recorded; the metric under its own name."""
    return [
        {"contender": run["contender"], "seed": run["seed"]}
        | dict(zip((metric if name == "accuracy" else name for name in run[curve]), numbers, strict=True))
        for run in runs
        for numbers in zip(*run[curve].values(), strict=True)
    ]


def each_run(runs: Iterable[Run], metric: str = "accuracy") -> list[Row]:
    """One row a run: its hyperparameters and results without the curves; the metric under its own name."""
    runs = list(runs)
    tuned = names(run["hyperparameters"] for run in runs)
    results = {
        "train_loss": "train_loss",
        f"validation_{metric}": "val_acc",
        "validation_loss": "val_loss",
        f"test_{metric}": "test_acc",
    } | {name: name for name in ("steps", "ms_per_step", "diverged", "diverged_step", "stopped_by")}
    return [
        {"contender": run["contender"], "phase": run["phase"], "seed": run["seed"]}
        | {name: run["hyperparameters"].get(name) for name in tuned}
        | {name: run.get(key) for name, key in results.items()}
        for run in runs
    ]


def flat(results: Iterable[Result], metric: str = "accuracy") -> list[Row]:
    """The summary's rows with a column for each number."""
    rows = []
    columns = {"train_loss": "train_loss", f"validation_{metric}": "val_acc", f"test_{metric}": "test_acc"}
    for result in results:
        row: Row = {"contender": result.name, "tuned": result.tunes, "value": result.value, "edge": result.edge}
        for name, key in columns.items():
            estimate = getattr(result, key)
            row |= {f"{name}_mean": estimate and estimate.mean, f"{name}_sd": estimate and estimate.sd}
        row |= {"seeds": result.finals, "ms_per_step": result.ms_per_step}
        rows.append(row | {"diverged": result.diverged, "runs": result.runs})
    return rows


def sensitivity(runs: Iterable[Run], results: Iterable[Result], metric: str = "metric") -> list[Row]:
    """How each tuning run ended against the value tried, and whether its contender went on with that value."""
    tried = by_contender(runs)
    return [
        {
            "contender": result.name,
            "hyperparameter": result.tunes,
            "value": run["hyperparameters"][result.tunes],
            f"validation_{metric}": run["val_acc"],
            "validation_loss": run["val_loss"],
            "diverged": run["diverged"],
            "diverged_step": run["diverged_step"],
            "chosen": run["hyperparameters"] == result.hyperparameters,
        }
        for result in results
        for run in sorted(tried.get(result.name, []), key=lambda run: run["hyperparameters"][result.tunes])
    ]


def step_times(runs: Iterable[Run]) -> list[Row]:
    """Median, shortest and longest time of a step, in milliseconds, over each contender's runs."""
    rows = []
    for contender, own in by_contender(runs).items():
        times = [run["ms_per_step"] for run in own if finite(run.get("ms_per_step"))]
        if times:
            rows.append({"contender": contender, "median": median(times), "low": min(times), "high": max(times)})
    return rows


def budgets(tuning: Iterable[Run]) -> list[Row]:
    """The validation accuracy to expect of the best of n tuning runs; a diverged one counts as its model's start."""
    return [
        {"contender": contender, "trials": n, "expected": best}
        for contender, own in by_contender(tuning).items()
        for n, best in enumerate(expected_best([run["val_acc"] for run in own]), start=1)
    ]


def widths(tuning: Iterable[Run], results: Iterable[Result]) -> dict[str, float]:
    """How many decades of the tuned value lie within 1 % of each contender's best."""
    tried = by_contender(tuning)
    return {
        result.name: sensitivity_width({run["hyperparameters"][result.tunes]: run["val_acc"] for run in own})
        for result in results
        if (own := tried.get(result.name))
    }


def targets(header: Mapping[str, Any]) -> list[float]:
    """The validation accuracies, fixed in advance, that the workload asks for."""
    found = header["workload"].get("targets") or header["settings"].get("targets") or []
    return [float(target) for target in (found if isinstance(found, list) else [found])]


def times_to_target(final: Iterable[Run], wanted: Iterable[float]) -> list[Row]:
    """Steps and seconds of training until the validation accuracy reaches each target, the median over the seeds.

    None is a miss: in half of the seeds or more the target was never reached.
    """
    groups = by_contender(final)
    return [
        {"contender": contender, "target": target}
        | {unit: _or_none(typical_time([[_time(run, unit, target)] for run in own])) for unit in ("step", "seconds")}
        for target in wanted
        for contender, own in groups.items()
    ]


def reached(times: Iterable[Row]) -> list[Row]:
    """Those that are no misses."""
    return [row for row in times if row["step"] is not None]


def _time(run: Run, unit: str, target: float) -> float:
    """When a run's validation curve reaches the target; its evaluations carry passes, which the clock translates."""
    curve, seen = run["curve"], run["validation"]
    if run["diverged"] or not curve["pass"]:
        return math.inf
    passes = time_to_target(seen["pass"], seen["accuracy"], target)
    return min(
        (t for t, p in zip(curve[unit], curve["pass"], strict=True) if p >= passes * (1 - 1e-9)), default=math.inf
    )


def _or_none(time: float) -> float | None:
    return time if math.isfinite(time) else None


def pairs(found: Iterable[Difference]) -> list[Row]:
    """Every comparison as a row."""
    return [vars(each) | {"separated": each.separated} for each in found]


def names(rows: Iterable[Row]) -> list[str]:
    """The columns of the rows, in the order in which they come."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """One row of names, then the rows with all digits; a missing value is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names(rows))
        writer.writeheader()
        writer.writerows(rows)


def diverged(runs: Iterable[Run]) -> list[Run]:
    """The runs that stopped because the loss was lost."""
    return [run for run in runs if run["diverged"]]
