"""Kill a race at random moments, continue it each time, and compare what it comes to with an undisturbed race.

python scripts/kill_race.py 100
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMINGS = ("ms_per_step", "finished", "seconds")
WORKLOAD = """
import torch
from torch import nn
import steepest

x = torch.randn(300, 5)
workload = steepest.workload(lambda: nn.Linear(5, 1), (x, x[:, :1] ** 2), loss=nn.functional.mse_loss, batch_size=8)
"""
OPTIONS = ["--until", "passes=20", "--trials", "7", "--seeds", "3", "-o", "sgd,momentum,adam", "--jobs", "1", "--json"]


def start(folder: Path) -> subprocess.Popen:
    """The command, on its way."""
    command = [sys.executable, "-m", "steepest.cli", "race", "mine.py", "--out", str(folder), *OPTIONS]
    return subprocess.Popen(command, cwd=folder.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(folder: Path) -> dict[str, dict]:
    """Run the command to its end; returns each trial's line by its key, timings left out."""
    process = start(folder)
    _, err = process.communicate()
    assert process.returncode == 0, err
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    runs = [line for line in lines if line["kind"] == "trial"]
    assert len({run["key"] for run in runs}) == len(runs), "a finished trial ran twice"
    return {run["key"]: without_timings(run) for run in runs}


def without_timings(line: dict) -> dict:
    """The line without what the clock says."""
    kept = {name: value for name, value in line.items() if name not in TIMINGS}
    return {name: without_timings(value) if isinstance(value, dict) else value for name, value in kept.items()}


def finished(folder: Path) -> int:
    """Complete lines in the journal."""
    journal = folder / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def kill(folder: Path, number: int, of: int, everything: int, chance: random.Random) -> None:
    """Start the race, kill it at a random moment after it has come so far that the kills spread over all of it."""
    process, wanted = start(folder), min(everything - 1, number * everything // of)
    while finished(folder) < wanted and process.poll() is None:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.2))
    process.send_signal(signal.SIGKILL)
    process.communicate()


def main(kills: int) -> int:
    """Kill so often; returns the number of trials that were compared."""
    with tempfile.TemporaryDirectory() as place:
        Path(place, "mine.py").write_text(WORKLOAD)
        undisturbed = finish(Path(place, "undisturbed"))
        chance = random.Random(0)
        for number in range(kills):
            kill(Path(place, "killed"), number, kills, len(undisturbed) + 1, chance)
        assert finish(Path(place, "killed")) == undisturbed, "the results differ"
    return len(undisturbed)


if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{main(kills)} trials, {kills} kills: all results are those of the undisturbed race")
