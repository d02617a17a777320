"""Everything that the report of a study, or of several together, writes into its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from steepest.report import data, files
from steepest.report.account import report
from steepest.report.contents import Report
from steepest.report.data import Row
from steepest.report.joint import joint
from steepest.report.page import render
from steepest.report.together import UNITS, entries, everywhere, profiles, standings, times
from steepest.report.verdict import compared
from steepest.report.view import view
from steepest.study.journal import NAME, read

__all__ = ["write", "write_joint"]


def write(folder: Path | str) -> Path:
    """Write `report.html` beside the study's journal, with each chart as SVG and PNG and the data as CSV.

    In a folder without a journal, in whose folders studies lie, it is the report of them together. Returns the page's
    path. Raises ValueError when the folder holds no study, OSError when it cannot be written to.
    """
    folder = Path(folder)
    if not (folder / NAME).exists():
        return write_joint(folder)
    journal = read(folder)
    study = view(journal)
    final, tuning, metric = study.final, study.tuning, study.metric.column
    tables = {
        "table": data.flat(study.results, metric),
        "final-runs": data.each_run(final, metric),
        "sensitivity": data.sensitivity(tuning, study.results, metric),
        "time-per-step": data.step_times(final or tuning),
        "pairs": data.pairs(compared(final)),
        "budget": data.budgets(tuning),
        "times-to-target": data.times_to_target(final, study.targets),
        "tuning-runs": data.each_run(tuning + study.confirming, metric),
        "training-curves": data.every_point(final, "curve"),
        "validation-curves": data.every_point(final, "validation", metric),
    }
    return _written(folder, report(journal), tables)


def write_joint(parent: Path | str) -> Path:
    """Write the report of all studies below a folder; raises ValueError when there is none."""
    parent = Path(parent)
    found = entries(parent)
    who = everywhere(found)
    taken = {unit: times(found, who, unit) for unit in UNITS.values()}
    tables = {
        "table": standings(found, who),
        **{f"profile-by-{unit}": profiles(each, who) for unit, each in taken.items()},
    }
    return _written(parent, joint(found, parent), tables)


def _written(folder: Path, contents: Report, tables: Mapping[str, Sequence[Row]]) -> Path:
    for name, rows in tables.items():
        if rows:
            data.write_csv(folder / f"{name}.csv", rows)
    for chart in contents.pictures:
        files.write_chart(folder, chart)
    page = folder / "report.html"
    page.write_text(render(contents), encoding="utf-8")
    return page
