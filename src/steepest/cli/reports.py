"""`steepest report`, `runs` and `export`: what can be had from the journals of finished and running studies."""

from pathlib import Path
from typing import Annotated, Any

import typer

from steepest.cli.common import Failed, Json, console, print_json, print_table, progress

__all__ = ["export", "report", "runs"]

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the study lies: the --out of its race.")]


def report(folder: Folder, as_json: Json = False) -> None:
    """Make the report of a study again, from its journal alone, and say the verdict.

    A folder that holds several studies gets the report of them together. Works while the race is running too, and
    touches nothing but the report and the files beside it.
    """
    from steepest.report import write
    from steepest.study.journal import NAME

    said = _one(folder) if (folder / NAME).exists() else _several(folder)
    try:
        page = write(folder)
    except PermissionError as error:
        raise Failed(f"cannot write {error.filename}; copy {NAME} to a folder that you may write to") from None
    if as_json:
        print_json(said)
    else:
        console().print(" ".join(said["verdict"]))
    (progress() if as_json else console()).print(f"The report: {page}", soft_wrap=True)


def _one(folder: Path) -> dict[str, Any]:
    from steepest.report import verdict, winner
    from steepest.report.data import final_runs, pairs
    from steepest.report.verdict import compared
    from steepest.study.journal import read
    from steepest.study.summary import summary

    journal = read(folder)
    return {
        "verdict": verdict(journal),
        "winner": winner(journal),
        "pairs": pairs(compared(final_runs(journal.runs))),
        "contenders": [row.columns for row in summary(journal)],
    }


def _several(folder: Path) -> dict[str, Any]:
    from steepest.report.joint import verdict
    from steepest.report.together import UNITS, entries, everywhere, scores, standings, times

    found = entries(folder)
    who = everywhere(found)
    taken = {label: times(found, who, unit) for label, unit in UNITS.items()}
    return {
        "verdict": verdict(found),
        "workloads": [entry.name for entry in found],
        "contenders": standings(found, who),
        "scores": {label: scores(each, who) for label, each in taken.items()},
    }


def runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to look; folders inside it too.")] = Path(),
    as_json: Json = False,
) -> None:
    """List the studies below a folder: how far each is, and who leads."""
    from steepest.report.studies import studies, table

    found = studies(folder)
    if as_json:
        print_json({"studies": [each.columns for each in found]})
    elif found:
        print_table(console(), table(found))
        for folder in (each.folder for each in found if each.state in ("damaged", "unreadable")):
            console().print(f"steepest report {folder} says what is wrong there.", soft_wrap=True)
    else:
        console().print(f"There is no study below {folder.resolve()}.", soft_wrap=True)


def export(
    folder: Folder,
    to: Annotated[
        Path,
        typer.Option(metavar="FILE", help="What to write: a name in .csv or .parquet, or tensorboard, a folder."),
    ],
    table: Annotated[str, typer.Option(help="runs, or training or validation for every point of the curves.")] = "runs",
) -> None:
    """Write the runs of a study as one table, a row each, to a CSV or Parquet file, or with curves for TensorBoard.

    Works while the race is running too; then again, and what is new comes along.
    """
    from steepest.report.export import export

    progress().print(f"Written: {export(folder, to, table)}", soft_wrap=True)
