"""Adaptive rates: a weight whose feature is rare keeps a larger rate than one whose feature comes at every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.names import unknown
from steepest.pictures import SERIES, Spec, axis, finished, layer
from steepest.rules import METHODS
from steepest.show.shown import Shown
from steepest.tables import Column, Table

__all__ = ["rates"]

EVERY = (1, 10, 100)
WINDOW = 100
MOST_STEPS = 100_000
SHOWN = ("sgd", "adagrad", "rmsprop", "adam")
COLUMNS = (
    Column("optimizer", "optimizer"),
    Column("every", "feature every"),
    Column("first", f"rate, first {WINDOW}", digits=4),
    Column("last", f"rate, last {WINDOW}", digits=4),
    Column("advantage", "× frequent's", digits=4),
)


@dataclass(frozen=True)
class Effective:
    """How far each weight moved for each unit of gradient it got: one row a window, one column a feature."""

    optimizer: str
    rates: np.ndarray


def effective(name: str, lr: float, steps: int) -> Effective:
    """Run the rule on gradients that are 1 when a weight's feature comes and 0 when it does not."""
    rule = METHODS[name]
    hyperparameters = {"lr": lr}
    every = np.array(EVERY)
    theta = np.zeros(len(EVERY))
    slots: list[Any] = [np.full_like(theta, value) for value in rule.initial(hyperparameters).values()]
    windows, start, received = [], theta, np.zeros_like(theta)
    for t in range(1, steps + 1):
        # A feature comes first in its turn, so that what it sets in motion falls into the same window.
        g = ((t - 1) % every == 0).astype(float)
        theta, *slots = rule.step(theta, g, slots, rule.constants(t, hyperparameters))
        received = received + g
        if t % WINDOW == 0:
            windows.append((start - theta) / received)
            start, received = theta, np.zeros_like(theta)
    return Effective(name, np.array(windows))


def rates(optimizers: Sequence[str] = SHOWN, lr: float = 0.01, steps: int = 2000) -> Shown:
    """The effective rate of features that come at every step, at every tenth and at every hundredth.

    optimizers: names in `METHODS`.  lr: ε, the same for all.  steps: from 100 to 100,000, whole hundreds.
    Raises ValueError otherwise.
    """
    for name in optimizers:
        if name not in METHODS:
            raise ValueError(unknown("optimizer", name, METHODS))
    if not WINDOW <= steps <= MOST_STEPS or steps % WINDOW:
        raise ValueError(f"Invalid number of steps: {steps}; allowed are whole hundreds from {WINDOW} to {MOST_STEPS}")
    lr = next(h for h in METHODS["sgd"].hyperparameters if h.name == "lr").check(lr)
    if lr == 0:
        raise ValueError("Invalid learning rate: 0; with it nothing moves; give one above 0")
    runs = [effective(name, lr, steps) for name in dict.fromkeys(optimizers)]
    rows = tuple(
        (run.optimizer, _turn(every), run.rates[0, i], run.rates[-1, i], run.rates[-1, i] / run.rates[-1, 0])
        for run in runs
        for i, every in enumerate(EVERY)
    )
    table = Table("Effective rate of frequent and rare features", COLUMNS, tuple(_plain(row) for row in rows))
    notes = (
        "The effective rate is how far a weight moved, divided by the sum of the gradients that it got.",
        "A sum of squares never shrinks, so AdaGrad's rates fall for ever; a running mean settles.",
    )
    return Shown("rates", {"rates": table}, _picture(runs, lr), notes)


def _turn(every: int) -> str:
    return "step" if every == 1 else f"{every} steps"


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(float(x) if isinstance(x, np.floating) else x for x in row)


def _picture(runs: Sequence[Effective], lr: float) -> Spec:
    names = [f"every {_turn(every)}" for every in EVERY]
    panels = [_panel(run, names, first=i % 2 == 0) for i, run in enumerate(runs)]
    picture: Mapping[str, Any] = {"concat": panels, "columns": 2, "spacing": 26, "resolve": {"scale": {"y": "shared"}}}
    subtitle = f"How far a weight moves for each unit of gradient, over each {WINDOW} steps; ε = {lr:g} for all."
    return finished(dict(picture), "Adaptive methods give a rare feature a larger rate", subtitle)


def _panel(run: Effective, names: list[str], first: bool) -> Spec:
    rows = [
        {"step": (w + 1) * WINDOW, "rate": float(rate), "feature": name}
        for w, window in enumerate(run.rates)
        for name, rate in zip(names, window, strict=True)
    ]
    colour = {
        "field": "feature", "type": "nominal", "title": "feature comes", "sort": names,
        "scale": {"domain": names, "range": list(SERIES)}, "legend": {"orient": "bottom"},
    }  # fmt: skip
    axes = {
        "x": axis("step", "step", grid=False, tickCount=4),
        "y": axis("rate", "effective rate" if first else None, {"type": "log"}, format="~g", tickCount=4),
        "color": colour,
    }
    title = METHODS[run.optimizer].title
    heading = {"text": title[:1].upper() + title[1:], "fontSize": 13}
    line = layer("line", rows, axes, strokeWidth=2.5, point={"size": 18}, clip=False)
    return {**line, "width": 290, "height": 190, "title": heading}
