"""What every command shares: the folder it writes to, JSON on stdout, tables, progress on stderr, and its failure."""

import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import rich.box
import rich.table
import typer
from rich.console import Console

from steepest import strict_json
from steepest.pictures import Spec, save
from steepest.tables import Table

Out = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where to write; created if it is missing.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout instead of tables.")]
Seed = Annotated[int, typer.Option(min=0, help="Everything random follows from it.")]

# A table that goes to a file or a pipe is not cut to some terminal's width.
WIDTH_OF_A_PIPE = 160


class Failed(Exception):
    """Something went wrong while running that no option could have prevented: exit code 1, one line."""


class Interrupted(Exception):
    """Somebody asked us to end: one line, and the exit code of that request."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def out_folder(path: Path | str) -> Path:
    """The folder, made if it is missing and known to be writable; call it before any work starts.

    Raises ValueError when the path is a file, or cannot be created or written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise ValueError(f"--out {folder} is a file; give the name of a folder") from None
    except NotADirectoryError:
        raise ValueError(f"--out {folder} lies below a file; give a folder inside a folder") from None
    except OSError as error:
        raise ValueError(
            f"cannot write to --out {folder}: {error.strerror}; choose a folder that you may write to"
        ) from None
    return folder


def print_json(document: Any) -> None:
    """One JSON document on stdout; numbers that JSON does not know (NaN, ±∞) become null."""
    sys.stdout.write(strict_json.dumps(document) + "\n")


def console() -> Console:
    """Where results go: stdout."""
    return _console(stderr=False)


def progress() -> Console:
    """Where everything goes that is not a result: stderr."""
    return _console(stderr=True)


@contextmanager
def notes_in_one_line() -> Iterator[None]:
    """Inside, this package's warnings are a line for people; other ones are as Python shows them."""
    shown = warnings.showwarning

    def show(message: Any, category: Any, *where: Any, **others: Any) -> None:
        if category.__module__.startswith("steepest."):
            progress().print(f"Note: {message}", soft_wrap=True)
        else:
            shown(message, category, *where, **others)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _console(stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if terminal else WIDTH_OF_A_PIPE, highlight=False, markup=False)


def print_table(out: Console, table: Table) -> None:
    """A table on the terminal: numbers to the right, text to the left."""
    shown = rich.table.Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=None)
    for i, column in enumerate(table.columns):
        shown.add_column(column.title, justify="right" if table.numeric(i) else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*table.cells(row))
    out.print(shown)


def write(folder: Path, stem: str, picture: Spec, rows: Table, table: Table) -> None:
    """Write a table and a picture, as SVG, PNG and PDF; say on stderr where they lie."""
    write_table(folder, stem, rows, table)
    endings = ["csv", "tex", *(path.suffix[1:] for path in save(picture, folder / stem))]
    progress().print(f"Written: {folder / stem}.{{{','.join(endings)}}}", soft_wrap=True)


def write_table(folder: Path, stem: str, rows: Table, table: Table) -> None:
    """Write the rows as CSV and the table, perhaps shorter, as LaTeX."""
    folder.joinpath(f"{stem}.csv").write_text(rows.csv(), encoding="utf-8")
    folder.joinpath(f"{stem}.tex").write_text(table.latex(), encoding="utf-8")
