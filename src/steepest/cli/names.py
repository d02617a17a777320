"""`steepest list`: the names that the other commands take."""

from collections.abc import Callable, Mapping
from typing import Any

from steepest.cli.common import Json, console, print_json
from steepest.plain_math import plain

__all__ = ["list_names"]

Rows = list[dict[str, Any]]


def list_names(as_json: Json = False) -> None:
    """Name the functions, workloads, contenders, optimizers, schedules and libraries, with what to know about each."""
    known = {kind: rows() for kind, rows in KINDS.items()}
    if as_json:
        print_json(known)
        return
    for kind, rows in known.items():
        _show(kind, rows)
    console().print("steepest explain NAME shows an optimizer in each library's dialect, "
                    "steepest translate CALL --to LIBRARY the line that does the same there.", style="dim")  # fmt: skip


def functions() -> Rows:
    """What `steepest descend` takes, besides expressions."""
    from steepest.descent import FUNCTIONS

    return [
        {"name": f.name, "what": f.title, "expression": f.formula.text, "start": list(f.start)}
        for f in FUNCTIONS.values()
    ]


def workloads() -> Rows:
    """What `steepest race` trains."""
    from steepest.workloads import WORKLOADS

    return [{"name": w.name, "what": w.title, "batch_size": w.batch_size} for w in WORKLOADS.values()]


def contenders() -> Rows:
    """Who races: an optimizer with a schedule and the values that it tries."""
    from steepest.study import CONTENDERS
    from steepest.study.contenders import first_places

    return [
        {
            "name": c.name,
            "what": c.title,
            "optimizer": c.method,
            "schedule": c.schedule,
            "tunes": c.tunes,
            "values": [c.value(place) for place in first_places(7)],
        }
        for c in CONTENDERS.values()
    ]


def optimizers() -> Rows:
    """The update rules by the names that commands know."""
    from steepest.rules import METHODS

    return [
        {
            "name": name,
            "what": rule.title,
            "equation": rule.equation,
            "hyperparameters": rule.defaults,
            "reference": rule.reference,
        }
        for name, rule in METHODS.items()
    ]


def schedules() -> Rows:
    """How a learning rate may change, and whether that meets the sufficient condition Σε = ∞, Σε² < ∞."""
    from steepest.schedules import SCHEDULES, schedule

    made = {name: schedule(name, steps=1) for name in SCHEDULES}
    return [
        {
            "name": name,
            "equation": s.equation,
            "sum_diverges": s.condition.sum_diverges,
            "squares_converge": s.condition.squares_converge,
            "sufficient": s.condition.holds,
            "why": s.condition.why,
        }
        for name, s in made.items()
    ]


def libraries() -> Rows:
    """Whose optimizers `steepest translate` reads; `steepest explain` takes those of steepest.optim."""
    from steepest.dialects.libraries import LIBRARIES, TARGETS, by_name
    from steepest.dialects.library_rows import WRITTEN

    return [
        {
            "name": library,
            "written": WRITTEN[library].rstrip("."),
            "translated to": library in TARGETS,
            "optimizers": list(by_name(library)),
        }
        for library in LIBRARIES
    ]


KINDS: dict[str, Callable[[], Rows]] = {
    "functions": functions,
    "workloads": workloads,
    "contenders": contenders,
    "optimizers": optimizers,
    "schedules": schedules,
    "libraries": libraries,
}
TITLES = {"sum_diverges": "Σε = ∞", "squares_converge": "Σε² < ∞", "batch_size": "batch size"}


def _show(kind: str, rows: Rows) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_lines=kind == "optimizers")
    for column in rows[0]:
        table.add_column(TITLES.get(column, column), no_wrap=column in ("name", "equation"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(column, value)) for column, value in row.items()))
    screen.print(kind, style="bold")
    screen.print(table)


def _cell(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number:g}" for name, number in value.items())
    if isinstance(value, list):
        return ", ".join(each if isinstance(each, str) else f"{each:g}" for each in value)
    return plain(value) if column == "equation" else str(value)
