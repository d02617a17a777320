"""The winner as code to paste: the optimizer's class with its options, and the schedule of its rate."""

import inspect
from collections.abc import Mapping
from typing import Any

from steepest.report import data
from steepest.rules import METHODS
from steepest.schedules import SCHEDULES
from steepest.stopping import criteria, steps_allowed
from steepest.study.journal import Journal, Run
from steepest.study.summary import summary

__all__ = ["code", "winner"]


def winner(journal: Journal) -> str:
    """Code for the best contender with the value that it chose; empty while no final run of it has ended well."""
    best = next((row.name for row in summary(journal) if row.test_acc), None)
    runs = [run for run in data.final_runs(journal.runs) if run["contender"] == best and not run["diverged"]]
    who = next((who for who in journal.header["contenders"] if who["name"] == best), None)
    return code(who, runs[0]) if who and runs and who.get("method") in METHODS else ""


def code(contender: Mapping[str, Any], run: Run) -> str:
    """Lines that make the optimizer of a finished run for a `model` of one's own.

    contender  its description in the journal

    >>> who = {"name": "adam", "method": "adam", "schedule": "constant"}
    >>> print(code(who, {"hyperparameters": {"lr": 0.002}, "batch_size": 128}), end="")
    from steepest import optim
    <BLANKLINE>
    optimizer = optim.Adam(model.parameters(), lr=0.002, dialect="paper")  # 128 examples a step
    """
    from steepest.optim import recipe

    optimizer, options = recipe(contender["method"], contender.get("options"), **run["hyperparameters"])
    arguments = ", ".join(f"{name}={_literal(value)}" for name, value in _told(optimizer, options))
    batch = f"{run['batch_size']} examples" if run.get("batch_size") else "all examples"
    imports = ["optim"]
    lines = [f"optimizer = optim.{optimizer.__name__}(model.parameters(), {arguments})  # {batch} a step"]
    if contender["schedule"] != "constant":
        made = _schedule(contender["schedule"], run)
        imports.append("schedules")
        lines.append(f"scheduler = optim.lr_scheduler.ScheduledLR(optimizer, {made})")
        lines.append("# after each optimizer.step(): scheduler.step()")
    return "\n".join([f"from steepest import {', '.join(imports)}", "", *lines]) + "\n"


def _told(optimizer: type, options: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The options that are not the class's own defaults, and the rate, which comes first in any case."""
    defaults = {name: each.default for name, each in inspect.signature(optimizer).parameters.items()}
    names = [name for name in sorted(options, key=_lr_first) if name == "lr" or options[name] != defaults.get(name)]
    return [(name, options[name]) for name in names]


def _lr_first(name: str) -> tuple[bool, str]:
    return name != "lr", name


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _schedule(name: str, run: Run) -> str:
    """The call that makes the schedule; one that decays over the run gets the run's steps."""
    make = SCHEDULES[name]
    over = f"steps={_steps(run)}" if "steps" in inspect.signature(make).parameters else ""
    return f"schedules.{make.__name__}({over})"


def _steps(run: Run) -> int:
    """The steps of the run's whole budget, also when a target ended it early."""
    curve = run["curve"]
    return steps_allowed(criteria(run["until"]), round(curve["step"][-1] / curve["pass"][-1]))
