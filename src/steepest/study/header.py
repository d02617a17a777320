"""A journal's first line: what is raced, under which settings, with what, where."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from steepest.study.journal import FORMAT
from steepest.study.plan import Study
from steepest.trial.judge import evaluate
from steepest.workloads.randomness import derive, isolated

RUNGS = range(1, 6)


def header(study: Study) -> dict[str, Any]:
    """The journal's first line: what is raced, under which settings, with what, where."""
    return {
        "kind": "study",
        "format": FORMAT,
        "settings": study.settings,
        "versions": {"steepest": _version("steepest"), "torch": _version("torch")},
        "workload": {
            "name": study.workload.name,
            "title": study.workload.title,
            "metric": study.workload.measure,
            "targets": list(study.workload.targets or ladder(study)),
        },
        "contenders": [c.description for c in study.contenders],
        "machine": {
            "device": "cpu",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "started": now(),
    }


def ladder(study: Study) -> list[float]:
    """Targets for a workload that names none, fixed before anything trains: steps from where the model starts.

    A metric below 0, such as minus a loss, is to shrink by halves; any other is to come closer to 1 by halves.
    """
    with isolated():
        model = study.workload.model(derive(study.seed, "tuning")).eval()
    _, start = evaluate(model, study.workload, study.workload.data().validation)
    end = 0.0 if start < 0 else 1.0
    return [float(f"{end + (start - end) / 2**n:.3g}") for n in RUNGS] if start < 1 else []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def now() -> str:
    """Date and time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
