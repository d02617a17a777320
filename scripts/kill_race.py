"""Kill a race at random moments, continue it each time, and compare what it comes to with an undisturbed race.

python scripts/kill_race.py 100

Each race is a process of its own, forked from this one so that it is killed at work and not while Python imports. It
saves the state of a stack twenty times a second, so that kills hit this writing too.
"""

import json
import multiprocessing
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from steepest import study
from steepest.trial import unit
from steepest.workloads import workload

TIMINGS = ("ms_per_step", "finished", "seconds")
CONTENDERS = ("sgd", "momentum", "adam", "torch.optim.SGD")  # three train in stacks, one by itself
SETTINGS = {"passes": 20, "rates": 7, "seeds": 3, "jobs": 1}
WORKLOAD = """
import torch
from torch import nn
import steepest

x = torch.randn(300, 5)
workload = steepest.workload(lambda: nn.Linear(5, 1), (x, x[:, :1] ** 2), loss=nn.functional.mse_loss, batch_size=8)
"""
LONGEST_LIFE = 0.2  # of the time that the undisturbed race takes


def race(folder: Path, at_work: Callable[[], None] = lambda: None) -> None:
    """A whole race, or what is left of it."""
    unit.SECONDS_BETWEEN_SAVES = 0.05
    study.race(
        workload(str(folder.parent / "mine.py")), CONTENDERS, folder=folder, watch=lambda _: at_work(), **SETTINGS
    )


def finish(folder: Path) -> dict[str, dict]:
    """Let the race come to its end, here; returns each trial's line by its key, timings left out."""
    race(folder)
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    runs = [line for line in lines if line["kind"] == "trial"]
    assert len({run["key"] for run in runs}) == len(runs), "a finished trial ran twice"
    assert not (folder / "states").exists(), "a state was left behind"
    return {run["key"]: without_timings(run) for run in runs}


def without_timings(line: dict) -> dict:
    """The line without what the clock says."""
    kept = {name: value for name, value in line.items() if name not in TIMINGS}
    return {name: without_timings(value) if isinstance(value, dict) else value for name, value in kept.items()}


def kill(folder: Path, wait: float) -> bool:
    """Start the race and kill it when it has worked for so long; False if it ended before."""
    context = multiprocessing.get_context("fork")
    works = context.Event()
    process = context.Process(target=race, args=(folder, works.set))
    process.start()
    while process.is_alive() and not works.is_set():
        time.sleep(0.001)
    process.join(wait)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def main(kills: int) -> int:
    """Kill so often, in as many races as that takes; returns how many races were compared with the undisturbed one."""
    torch.set_num_threads(1)  # threads do not survive a fork
    chance, races = random.Random(0), 1
    with tempfile.TemporaryDirectory() as place:
        Path(place, "mine.py").write_text(WORKLOAD)
        finish(Path(place, "warm-up"))
        started = time.monotonic()
        undisturbed = finish(Path(place, "undisturbed"))
        longest = LONGEST_LIFE * (time.monotonic() - started)
        for _ in range(kills):
            while not kill(Path(place, str(races)), chance.uniform(0, longest)):
                assert finish(Path(place, str(races))) == undisturbed, "the results differ"
                races += 1
        assert finish(Path(place, str(races))) == undisturbed, "the results differ"
    return races


if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{kills} kills in {main(kills)} races: all results are those of the undisturbed race")
