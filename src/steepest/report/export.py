"""A study's runs as one flat table in a file, CSV or Parquet, or as a folder for TensorBoard."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from steepest.names import unknown
from steepest.report import data, tensorboard
from steepest.report.data import Row
from steepest.report.metric import metric
from steepest.study.journal import NAME, Journal, read

__all__ = ["TABLES", "export", "rows_of"]


def _runs(journal: Journal) -> list[Row]:
    return data.each_run(data.in_order(journal), metric(journal).column)


def _training(journal: Journal) -> list[Row]:
    return data.every_point(data.in_order(journal), "curve")


def _validation(journal: Journal) -> list[Row]:
    return data.every_point(data.in_order(journal), "validation", metric(journal).column)


FOR_TENSORBOARD = tensorboard.FOLDER

# what can be exported: every run, or every point of its curves
TABLES: Mapping[str, Callable[[Journal], list[Row]]] = {
    "runs": _runs,
    "training": _training,
    "validation": _validation,
}


def rows_of(journal: Journal, table: str = "runs") -> list[Row]:
    """One row a run, or with "training" and "validation" one row a point of its curve; for pandas and the like."""
    if table not in TABLES:
        raise ValueError(unknown("table", table, TABLES))
    return TABLES[table](journal)


def export(folder: Path | str, to: Path | str, table: str = "runs") -> Path:
    """Write the study in the folder to a file whose name ends in .csv or .parquet, as one table, or to a folder called
    tensorboard, all of it.

    Raises ValueError for another name, for a folder without a study, and when pyarrow or TensorBoard is missing.
    """
    folder, to = Path(folder), Path(to)
    if not (folder / NAME).exists():
        raise ValueError(f"{folder} holds no study to export; steepest runs lists those below a folder")
    if to.name != FOR_TENSORBOARD and to.suffix not in WRITERS:
        endings = " or ".join(WRITERS)
        raise ValueError(f"cannot write {to.name}: the name must end in {endings}, or be {FOR_TENSORBOARD}, a folder")
    journal = read(folder)
    if not journal.runs:
        raise ValueError(f"{folder} has no finished run yet; export it when it has")
    rows = rows_of(journal, table)
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.name == FOR_TENSORBOARD:
        return tensorboard.write(journal, to)
    WRITERS[to.suffix](to, rows)
    return to


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    try:
        pyarrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ValueError(
            f"cannot write {path.name}: Parquet needs pyarrow; pip install 'steepest[parquet]', or write a .csv"
        ) from None
    columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in data.names(rows)}
    parquet.write_table(pyarrow.table(columns), path)


WRITERS: Mapping[str, Callable[[Path, Sequence[Row]], None]] = {".csv": data.write_csv, ".parquet": _write_parquet}
