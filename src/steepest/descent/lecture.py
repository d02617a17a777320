"""The lecture's worked example as its slides print it, to stand beside what the recurrence gives."""

from collections.abc import Mapping
from dataclasses import replace

from steepest.descent.run import Run
from steepest.tables import DOTS, Column, Table

__all__ = ["beside", "is_example", "notes"]

SETTINGS = {"lr": 0.05, "momentum": 0.7, "weight_decay": 0.0}
START = (-2.8,)
LAST = 99

# iteration: what the slide prints for g, v and θ; v in units of the gradient
GRADIENT_DESCENT = {
    1: ("-18.2", "-1.885"),
    2: ("-2.36", "-1.76"),
    3: ("-1.2", "-1.70"),
    4: ("-0.78", "-1.66"),
    99: ("0.0002", "-1.586"),
}
MOMENTUM = {
    1: ("-18.2", "0", "-1.885"),
    2: ("-2.36", "-15.1", "-1.12"),
    3: ("1.61", "-9.0", "-0.67"),
    4: ("1.39", "-9.2", "-0.21"),
    99: ("0.0002", "0.0003", "2.042"),
}
Slide = Mapping[int, tuple[str, ...]]
SLIDES: dict[str, Slide] = {"gd": GRADIENT_DESCENT, "sgd": GRADIENT_DESCENT, "momentum": MOMENTUM}
COLUMNS = {"gradient": "slide: g", "velocity_in_gradient_units": "slide: v", "theta": "slide: θ"}

NOTES = {
    "momentum": (
        "v is in units of the gradient, v/(−ε), as on the slide, whose first row has the v before the step, 0.",
        "The slide's fourth row is a slip: v = −9.2 and θ = −0.21 follow from no α. "
        "With α = 0.7 it is v = −4.911 and θ = −0.4306.",
        "The slide cuts digits off where we round. Its last g and v belong to an earlier step: at step 99 both are "
        "below 0.00001.",
    ),
    "sgd": (
        "The slide cuts digits off where we round. Its last g belongs to an earlier step, about 26: at step 99 g is 0 "
        "to 14 digits.",
    ),
}


def is_example(run: Run) -> bool:
    """Whether a run has the settings of the lecture's slides on gradient descent or momentum."""
    return (
        run.function.name == "quartic"
        and run.optimizer in SLIDES
        and run.start == START
        and run.schedule == "constant"
        and all(SETTINGS[name] == value for name, value in run.hyperparameters.items())
        and not any(run.initial_velocity or (0.0,))
        and len(run.theta) == LAST
    )


def beside(run: Run, table: Table) -> Table:
    """The table of the example's first `LAST` steps with the slide's rows beside ours."""
    names = [c.name for c in table.columns]
    ours = ["iteration", *(name for name in COLUMNS if name in names)]
    kept = [names.index(name) for name in ours]
    slide = SLIDES[run.optimizer]
    titles = [Column(f"slide_{name}", COLUMNS[name], COLUMNS[name].replace("θ", r"$\theta$")) for name in ours[1:]]
    columns = (*(replace(table.columns[i], title=_title(table.columns[i])) for i in kept), *titles)
    empty = (None,) * len(titles)
    rows = []
    for row in table.rows:
        printed = (DOTS,) * len(titles) if row[0] == DOTS else slide.get(row[0], empty)
        rows.append((*(row[i] for i in kept), *printed))
    return Table(table.title, columns, tuple(rows))


def _title(column: Column) -> str:
    return "v" if column.name == "velocity_in_gradient_units" else column.title


def notes(run: Run) -> tuple[str, ...]:
    """What to know about the slide's rows."""
    return NOTES["sgd" if run.optimizer == "gd" else run.optimizer]
