"""The report of a study, from its journal alone: verdict, winner as code, and one page that needs no network."""

from pathlib import Path

from steepest.report.paste import winner
from steepest.report.verdict import verdict

__all__ = ["verdict", "winner", "write"]


def write(folder: Path | str) -> Path:
    """Write `report.html` beside the study's journal, with each chart as SVG and PNG and the data as CSV.

    In a folder without a journal, in whose folders studies lie, it is the report of them together. Returns the page's
    path. Raises ValueError when the folder holds no study, OSError when it cannot be written to.
    """
    # what draws the charts is loaded when there is something to draw
    from steepest.report import writing

    return writing.write(folder)
