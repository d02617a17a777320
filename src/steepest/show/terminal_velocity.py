"""Under a constant gradient the step of momentum tends to ε‖g‖/(1−α): with α = 0.9, ten times gradient descent's."""

from collections.abc import Sequence

import numpy as np

from steepest.pictures import SERIES, Spec, axis, finished, layer, scale
from steepest.rules import METHODS
from steepest.show.shown import Shown
from steepest.tables import Column, Table, number

__all__ = ["terminal_velocity"]

MOST_STEPS = 100_000
MOST_MOMENTA = len(SERIES)
NEARLY = 0.95
COLUMNS = (
    Column("momentum", "α", r"$\alpha$"),
    Column("limit", "1/(1−α)", r"$1/(1-\alpha)$"),
    Column("times", "last step / ε‖g‖", r"last step $/\,\epsilon\|g\|$", 5),
    Column("step", "last step", "", 5),
    Column("steps_to_95_percent", "steps to 95 %"),
)


def speeds(momentum: float, lr: float, gradient: np.ndarray, steps: int) -> list[float]:
    """The length of each step that the rule takes under a constant gradient.

    >>> [round(s, 6) for s in speeds(0.5, lr=0.1, gradient=np.array([3.0, 4.0]), steps=3)]
    [0.5, 0.75, 0.875]
    """
    rule = METHODS["momentum"]
    hyperparameters = {"lr": lr, "momentum": momentum}
    theta = np.zeros_like(gradient)
    slots = [np.full_like(theta, value) for value in rule.initial(hyperparameters).values()]
    lengths = []
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # a huge rate ends in numbers that are not finite, and is shown so
        for t in range(1, steps + 1):
            before = theta
            theta, *slots = rule.step(theta, gradient, slots, rule.constants(t, hyperparameters))
            lengths.append(float(np.linalg.norm(theta - before)))
    return lengths


def terminal_velocity(momenta: Sequence[float] = (0.0, 0.5, 0.9, 0.99), lr: float = 0.01, steps: int = 500) -> Shown:
    """How the step grows for each momentum α under a constant gradient of length 5.

    momenta: up to four values in [0, 1).  lr: ε, above 0.  steps: from 1 to 100,000.  Raises ValueError otherwise.
    """
    facts = {h.name: h for h in METHODS["momentum"].hyperparameters}
    momenta = tuple(dict.fromkeys(facts["momentum"].check(m) for m in momenta))
    if not 1 <= len(momenta) <= MOST_MOMENTA:
        raise ValueError(f"{len(momenta)} momenta; allowed are 1 to {MOST_MOMENTA}")
    if facts["lr"].check(lr) == 0:
        raise ValueError("Invalid learning rate: 0; with it nothing moves; give one above 0")
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"Invalid number of steps: {steps}; allowed is a whole number from 1 to {MOST_STEPS}")
    gradient = np.array([3.0, 4.0])
    unit = lr * float(np.linalg.norm(gradient))
    lengths = {m: speeds(m, lr, gradient, steps) for m in momenta}
    rows = tuple(_row(m, lengths[m], unit) for m in momenta)
    table = Table("The step under a constant gradient", COLUMNS, rows)
    notes = tuple(_note(row) for row in table.records() if row["steps_to_95_percent"] is None)
    return Shown("terminal-velocity", {"velocity": table}, _picture(lengths, unit), notes)


def _row(momentum: float, lengths: list[float], unit: float) -> tuple[float | int | None, ...]:
    limit = 1 / (1 - momentum)
    arrived = next((k + 1 for k, length in enumerate(lengths) if length >= NEARLY * limit * unit), None)
    return momentum, limit, lengths[-1] / unit, lengths[-1], arrived


def _note(row: dict[str, float]) -> str:
    return f"α = {number(row['momentum'])} has not come within 5 % of its limit; it needs more steps."


def _picture(lengths: dict[float, list[float]], unit: float) -> Spec:
    names = {m: f"α = {number(m)}, limit {number(1 / (1 - m), 4)}" for m in lengths}
    steps = max(len(x) for x in lengths.values())
    shown = np.unique(np.geomspace(1, steps, 200).round().astype(int)) if steps > 1 else [1]
    rows = [
        {"step": int(k), "times": length[k - 1] / unit, "momentum": names[m]}
        for m, length in lengths.items()
        for k in shown
    ]
    limits = [{"times": 1 / (1 - m), "momentum": names[m]} for m in lengths]
    colour = {
        "field": "momentum", "type": "nominal", "sort": list(names.values()), "title": None,
        "scale": {"domain": list(names.values()), "range": list(SERIES)},
    }  # fmt: skip
    high = max(row["times"] for row in (*rows, *limits))
    axes = {
        "x": axis("step", "step", {"type": "log", **scale(1, max(steps, 2))}, grid=False, format="d", tickCount=4),
        "y": axis("times", "length of the step / ε|g|", {"type": "log", **scale(0.8, 1.25 * high)}, format="~g"),
        "color": colour,
    }
    lines = [
        layer("rule", limits, {"y": axes["y"], "color": colour}, strokeDash=[4, 4], strokeWidth=1),
        layer("line", rows, axes, strokeWidth=2.5),
    ]
    picture = {"layer": lines, "width": 560, "height": 340}
    subtitle = "Momentum under a constant gradient, in units of gradient descent's step. Dashed: 1/(1−α)."
    return finished(picture, "The step tends to ε|g|/(1−α)", subtitle)
