"""A study's runs for TensorBoard: a folder a run, with its curves, hyperparameters and results.

A run's folder comes into being whole, or not at all: a kill leaves no half of a curve, and no point comes twice.
"""

import importlib
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from steepest.report import data
from steepest.study.journal import Journal, Run
from steepest.trial.specification import FINAL, NAMES

__all__ = ["FOLDER", "add", "refuse_if_missing", "write"]

FOLDER = "tensorboard"
CURVES = {"curve": {"loss/training": "train_loss"}, "validation": {"loss/validation": "loss", "metric": "accuracy"}}
RESULTS = {"result/metric, validation": "val_acc", "result/metric, test": "test_acc", "result/loss": "train_loss"}


def write(journal: Journal, folder: Path) -> Path:
    """Write every finished run of the journal below the folder; what was written there of the same run is replaced.

    Raises ValueError when TensorBoard is not installed.
    """
    for run in journal.runs:
        _write(run, folder, _place(journal, run, folder))
    return folder


def add(journal: Journal, folder: Path) -> None:
    """Write the finished runs that the folder does not hold yet."""
    for run in journal.runs:
        if not (place := _place(journal, run, folder)).exists():
            _write(run, folder, place)


def refuse_if_missing() -> None:
    """Raises ValueError when TensorBoard is not installed."""
    _tool()


def _tool() -> Any:
    try:
        return importlib.import_module("torch.utils.tensorboard")
    except ImportError:
        raise ValueError(
            "cannot write for TensorBoard: it is not installed; pip install 'steepest[tensorboard]', or write a .csv"
        ) from None


def _place(journal: Journal, run: Run, folder: Path) -> Path:
    return folder / _safe(journal.header["workload"]["name"]) / _safe(run["contender"]) / _name(run)


def _write(run: Run, folder: Path, place: Path) -> None:
    tool, begun = _tool(), folder.parent / f".{folder.name}-begun"
    shutil.rmtree(begun, ignore_errors=True)
    _fill(tool.writer.FileWriter(str(begun)), tool.summary, run)
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    begun.rename(place)


def _fill(to: Any, summary: Any, run: Run) -> None:
    when = datetime.fromisoformat(run["finished"]).timestamp()
    results = {name: run[key] for name, key in RESULTS.items() if data.finite(run[key])}
    for line in summary.hparams(_hyperparameters(run), results):
        to.add_summary(line, walltime=when)
    points = (*_points(run), *((name, value, run["steps"]) for name, value in results.items()))
    for name, value, step in points:
        to.add_summary(summary.scalar(name, value), step, when)
    to.close()


def _points(run: Run) -> Iterator[tuple[str, float, int]]:
    """Each point of the curves: its name, value and step."""
    steps, passes = (run["curve"][unit] for unit in ("step", "pass"))
    a_pass = steps[-1] / passes[-1] if passes else math.nan
    for curve, names in CURVES.items():
        for name, column in names.items():
            for passed, value in zip(run[curve]["pass"], run[curve][column], strict=True):
                if data.finite(value):
                    yield name, value, round(passed * a_pass)


def _hyperparameters(run: Run) -> Mapping[str, Any]:
    about = {name: run[name] for name in ("contender", "phase", "seed", "schedule")}
    return {**about, "batch_size": run["batch_size"] or "all", **run["hyperparameters"]}


def _name(run: Run) -> str:
    """Of a final run its seed, the same for all contenders; of another its key: its value is a hyperparameter."""
    return f"final-{run['seed']}" if run["phase"] == FINAL else f"{NAMES[run['phase']]}-{run['key'][:8]}"


def _safe(name: str) -> str:
    return re.sub(r"[^\w.=-]+", "-", name)
