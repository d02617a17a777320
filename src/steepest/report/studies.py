"""The studies that lie below a folder, and how far each is."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.report import data, words
from steepest.study.journal import NAME, Journal, busy, read
from steepest.study.summary import summary
from steepest.tables import Column, Table

__all__ = ["Found", "studies", "table"]


@dataclass(frozen=True)
class Found:
    """A study in a folder.

    state       finished, running, stopped, damaged or unreadable; a stopped one goes on when its command is run again
    best        the first contender of the summary with its result, in words
    """

    folder: Path
    state: str
    workload: str = ""
    contenders: int = 0
    tuning: int = 0
    final: int = 0
    final_planned: int = 0
    best: str = ""
    started: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """As plain data."""
        return {**vars(self), "folder": str(self.folder)}


def studies(below: Path) -> list[Found]:
    """Every study below the folder, and in it, the last one begun first. Raises ValueError for what is no folder."""
    if not below.is_dir():
        raise ValueError(f"{below} is no folder; name one in which studies lie")
    return sorted((_found(folder) for folder in folders(below)), key=lambda found: found.started, reverse=True)


def folders(below: Path) -> Iterator[Path]:
    """Every folder with a study in it, from this one down."""
    for folder, inner, files in os.walk(below):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if NAME in files:
            yield Path(folder)


def _found(folder: Path) -> Found:
    try:
        journal = read(folder)
        return _described(folder, journal)
    except (ValueError, KeyError, TypeError):
        return Found(folder, "damaged")
    except OSError:
        return Found(folder, "unreadable")


def _described(folder: Path, journal: Journal) -> Found:
    header, runs = journal.header, journal.runs
    final, tuning = data.final_runs(runs), data.tuning_runs(runs)
    planned = len(header["contenders"]) * header["settings"]["seeds"]
    state = "finished" if len(final) >= planned else "running" if busy(folder) else "stopped"
    return Found(
        folder=folder,
        state=state,
        workload=header["workload"]["name"],
        contenders=len(header["contenders"]),
        tuning=len(tuning),
        final=len(final),
        final_planned=planned,
        best=_best(journal),
        started=header["started"],
    )


def _best(journal: Journal) -> str:
    first = next(iter(summary(journal)), None)
    if first is None or (first.test_acc is None and first.best is None):
        return ""
    result = first.test_acc.mean if first.test_acc else first.best
    split = "" if first.test_acc else " (validation)"
    return f"{first.name} {words.metric(result, data.shares(journal.runs))}{split}"


def table(found: list[Found]) -> Table:
    """The studies as a table for people, narrow enough for a terminal of 80 columns."""
    columns = ("folder", "state", "workload", "tuning", "final", "best")
    rows = tuple(
        (
            str(each.folder),
            each.state,
            each.workload,
            each.tuning or None,
            f"{each.final} of {each.final_planned}" if each.final_planned else "",
            each.best,
        )
        for each in found
    )
    return Table("Studies", tuple(Column(title.replace(" ", "_"), title) for title in columns), rows)
