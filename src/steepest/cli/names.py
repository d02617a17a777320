"""`steepest list`: the names that the other commands take."""

from collections.abc import Callable, Iterator
from textwrap import fill
from typing import TYPE_CHECKING, Any

from steepest.cli.common import Json, console, print_json
from steepest.plain_math import plain

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

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
TITLES = {"batch_size": "batch size"}
# what has too much to say for columns: a row is its name with some lines below
IN_LINES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "optimizers": lambda row: [
        *plain(row["equation"]).splitlines(),
        ", ".join(f"{name} {number:g}" for name, number in row["hyperparameters"].items()),
        row["reference"],
    ],
    "schedules": lambda row: [
        *plain(row["equation"]).splitlines(),
        f"Σε {'=' if row['sum_diverges'] else '<'} ∞, Σε² {'<' if row['squares_converge'] else '='} ∞: {row['why']}",
    ],
    "libraries": lambda row: [
        f"written {row['written']}, read" + (" and translated to" if row["translated to"] else ""),
        ", ".join(row["optimizers"]),
    ],
}


def _show(kind: str, rows: Rows) -> None:
    from rich.text import Text

    screen = console()
    screen.print(kind, style="bold")
    if kind in IN_LINES:
        screen.print(Text("\n").join([*_in_lines(kind, rows, screen.width), Text()]))
    else:
        screen.print(_in_columns(rows))


def _in_lines(kind: str, rows: Rows, width: int) -> "Iterator[Text]":
    from rich.text import Text

    longest = max(len(row["name"]) for row in rows)
    for row in rows:
        yield Text(f"\n  {row['name']:{longest}}   ").append(row.get("what", ""), style="dim")
        for line in IN_LINES[kind](row):
            yield Text(fill(line, width, initial_indent="      ", subsequent_indent="        "))


def _in_columns(rows: Rows) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for column in rows[0]:
        table.add_column(TITLES.get(column, column), no_wrap=column == "name", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(column, value)) for column, value in row.items()))
    return table


def _cell(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column == "values":
        return f"{min(value):g} to {max(value):g}"
    if isinstance(value, list):
        return ", ".join(each if isinstance(each, str) else f"{each:g}" for each in value)
    return str(value)
