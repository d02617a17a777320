"""Studies made up by hand: as a journal holds them, without any training."""

import json
import math
from pathlib import Path

from small import SMALL
from steepest.stopping import criteria
from steepest.study.contenders import CONTENDERS, Contender
from steepest.study.header import header
from steepest.study.plan import Study
from steepest.workloads import Workload

NAMES = ("sgd", "momentum", "adadelta", "adam")


def four_contenders() -> list[dict]:
    """Runs in which all learn, but the rate three places up makes SGD diverge."""
    best = {"sgd": 0.965, "momentum": 0.9779, "adadelta": 0.97, "adam": 0.978}
    right = {"sgd": 0, "momentum": 0, "adadelta": 1, "adam": 0}
    runs = [
        tuned(name, place, best[name] - 0.01 * (place - right[name]) ** 2, diverged=(name, place) == ("sgd", 3))
        for name in NAMES
        for place in range(-3, 4)
    ]
    return runs + [final(name, n, best[name] + 0.0011 * n, place=right[name]) for name in NAMES for n in range(3)]


def contender(who: str | Contender) -> Contender:
    return who if isinstance(who, Contender) else CONTENDERS[who]


def measured(run: dict, value) -> dict:
    """The run with each result turned into that of another metric."""
    seen = run["validation"]
    changed = {key: value(run[key]) for key in ("val_acc", "test_acc") if run[key] is not None}
    return {**run, **changed, "validation": {**seen, "accuracy": [value(each) for each in seen["accuracy"]]}}


def journal(folder: Path, who, runs, what: Workload = SMALL) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    entrants = tuple(contender(one) for one in who)
    settings = Study(what, entrants, criteria(["passes=5"]), batch_size=128)
    lines = [header(settings), *runs]
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines)
    (folder / "journal.jsonl").write_text(text, encoding="utf-8")
    return folder


def tuned(who, place: int, accuracy: float = 0.1, diverged: bool = False) -> dict:
    return made_up(contender(who), "tune", 11, place, 2, accuracy, diverged)


def final(who, number: int, accuracy: float = 0.1, diverged: bool = False, place: int = 0) -> dict:
    made = made_up(contender(who), "final", 100 - number, place, 5, accuracy, diverged)
    return made | {"test_acc": made["val_acc"]}


def made_up(who: Contender, phase: str, seed: int, place: int, passes: int, accuracy: float, diverged: bool) -> dict:
    ends = [i * 20 for i in range(1, (2 if diverged else 20 * passes) + 1)]
    losses = [2.3 * math.exp(-step / 800) + 0.001 * place**2 for step in ends]
    accuracies = [0.1, *(accuracy - 0.2 / (k * k) + 0.2 / passes**2 for k in range(1, passes + 1))]
    if diverged:
        losses[-1], accuracies = None, [0.1]
    return {
        "kind": "trial",
        "key": f"{who.name} {phase} {seed} {place}",
        "phase": phase,
        "contender": who.name,
        "hyperparameters": who.hyperparameters(who.value(place)),
        "seed": seed,
        "curve": {
            "step": ends,
            "pass": [step / 400 for step in ends],
            "seconds": [step * 0.001 for step in ends],
            "train_loss": losses,
        },
        "validation": {
            "pass": list(range(len(accuracies))),
            "accuracy": accuracies,
            "loss": [2.3 * (1 - a) for a in accuracies],
        },
        "train_loss": 2.3 if diverged else losses[-1],
        "val_acc": accuracies[-1],
        "val_loss": 2.3 * (1 - accuracies[-1]),
        "test_acc": None,
        "steps": ends[-1],
        "ms_per_step": 1.0 + 0.01 * seed,
        "diverged": diverged,
        "diverged_step": ends[-1] if diverged else None,
        "stopped_by": "diverged" if diverged else f"passes={passes}",
    }
