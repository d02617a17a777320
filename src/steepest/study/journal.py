"""The journal of a study: one JSON line about the study, then one for each finished run, safe on disk before it counts.

Everything that a study shows is computed from this file. A run that was cut off while its line was written leaves a
torn last line, which is forgotten.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from steepest import strict_json

NAME = "journal.jsonl"
FORMAT = 1

Run = Mapping[str, Any]


class FolderBusy(OSError):
    """Another process works on this study."""


@dataclass
class Journal:
    """A study's header, its finished runs, what was decided about which trials train together, and, for a budget of
    time, the seconds that a step of each contender takes alone."""

    path: Path
    header: Mapping[str, Any]
    runs: list[Run] = field(default_factory=list)
    decisions: list[Mapping[str, Any]] = field(default_factory=list)
    times: Mapping[str, float] = field(default_factory=dict)

    def append(self, run: Run) -> None:
        """Write the run's line; when this returns, it is on the disk."""
        _write(self.path, run)
        self.runs.append(run)

    def decide(self, units: Sequence[Mapping[str, Any]]) -> None:
        """Write down which trials train together, before they do: the study goes on so if it is interrupted."""
        for unit in units:
            _write(self.path, {"kind": "unit", **unit})
            self.decisions.append(unit)

    def time(self, seconds_a_step: Mapping[str, float]) -> None:
        """Write down how long a step of each contender takes, before any number of steps follows from it."""
        _write(self.path, {"kind": "times", "seconds_a_step": seconds_a_step})
        self.times = seconds_a_step

    @property
    def keys(self) -> set[str]:
        """The keys of the trials that need not run again."""
        return {run["key"] for run in self.runs}


@contextmanager
def opened(folder: Path, header: Mapping[str, Any]) -> Iterator[Journal]:
    """The folder's journal to continue, or a new one; nobody else can write to it meanwhile.

    Raises `FolderBusy` when another process has it, ValueError when it belongs to a study with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FolderBusy(f"{folder} is in use by another race; wait until it ends, or choose another --out") from None
    try:
        yield _continued(folder, header)
    finally:
        lock.release()


def busy(folder: Path) -> bool:
    """Whether a race works on the study in the folder just now."""
    path = folder / ".lock"
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except (Timeout, OSError):
        return True


def _continued(folder: Path, header: Mapping[str, Any]) -> Journal:
    path = folder / NAME
    lines = _lines(path)
    if not lines:
        path.write_bytes(b"")
        _write(path, header)
        return Journal(path, header)
    refuse_other_settings(folder, lines[0], header)
    _cut_torn_line(path)
    return _journal(path, lines)


def _journal(path: Path, lines: Sequence[Mapping[str, Any]]) -> Journal:
    of_kind = {kind: [line for line in lines if line.get("kind") == kind] for kind in ("trial", "unit", "times")}
    times = of_kind["times"][0]["seconds_a_step"] if of_kind["times"] else {}
    return Journal(path, lines[0], of_kind["trial"], of_kind["unit"], times)


def read(folder: Path | str) -> Journal:
    """The journal of a study, running or finished. Raises ValueError when the folder holds none."""
    path = Path(folder) / NAME
    lines = _lines(path)
    if not lines:
        raise ValueError(f"{folder} holds no study: there is no {NAME} with a first line in it")
    return _journal(path, lines)


def refuse_other_settings(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises ValueError when a study in the folder is not the one that is wanted."""
    for part in ("settings", "versions"):
        old, new = found.get(part, {}), wanted.get(part, {})
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                raise ValueError(
                    f"{folder} holds a study with {name} = {_words(old.get(name))}, not {_words(new.get(name))}; "
                    f"choose another folder with --out, or remove this one"
                )


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    *complete, _torn = path.read_bytes().split(b"\n")
    lines = []
    for number, line in enumerate(complete, start=1):
        try:
            lines.append(json.loads(line))
        except ValueError:
            raise ValueError(
                f"line {number} of {path} is damaged; remove that line, and its run is done again"
            ) from None
    if lines and lines[0].get("kind") != "study":
        raise ValueError(f"{path} is no journal of a study: its first line does not say so")
    return lines


def _cut_torn_line(path: Path) -> None:
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete < len(content):
        os.truncate(path, complete)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    line = strict_json.dumps(record) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
