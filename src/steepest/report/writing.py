"""Everything that the report of a study writes into its folder."""

from pathlib import Path

from steepest.report import data, files
from steepest.report.account import report
from steepest.report.page import render
from steepest.report.verdict import compared
from steepest.study.journal import read
from steepest.study.summary import summary

__all__ = ["write"]


def write(folder: Path | str) -> Path:
    """Write `report.html` beside the study's journal, with each chart as SVG and PNG and the data as CSV.

    Returns the page's path. Raises ValueError when the folder holds no study, OSError when it cannot be written to.
    """
    folder = Path(folder)
    journal = read(folder)
    contents = report(journal)
    runs = data.in_order(journal)
    final, tuning = data.final_runs(runs), data.tuning_runs(runs)
    tables = {
        "table": data.flat(summary(journal)),
        "final-runs": data.each_run(final),
        "pairs": data.pairs(compared(final)),
        "budget": data.budgets(tuning),
        "times-to-target": data.times_to_target(final, data.targets(journal.header)),
        "tuning-runs": data.each_run(tuning),
        "training-curves": data.every_point(final, "curve"),
        "validation-curves": data.every_point(final, "validation"),
    }
    for name, rows in tables.items():
        if rows:
            data.write_csv(folder / f"{name}.csv", rows)
    for chart in contents.pictures:
        files.write_chart(folder, chart)
    page = folder / "report.html"
    page.write_text(render(contents), encoding="utf-8")
    return page
