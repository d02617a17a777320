"""A race that is killed again and again comes to the same results; a full disk loses nothing either."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from small import SMALL
from steepest.study import race, read

SCRIPT = Path(__file__).parent.parent / "scripts" / "kill_race.py"
SHORT = {"passes": 1, "rates": 3, "seeds": 2, "jobs": 1}


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_kills_at_random_moments_change_nothing():
    done = subprocess.run([sys.executable, SCRIPT, "5"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("5 kills in "), done.stderr


def test_a_full_disk_loses_no_finished_run(tmp_path, monkeypatch):
    def full(_):
        if (tmp_path / "study" / "journal.jsonl").read_bytes().count(b"\n") > 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            race(SMALL, ["sgd", "adam"], folder=tmp_path / "study", **SHORT)
    before = [run["key"] for run in read(tmp_path / "study").runs]
    assert before
    race(SMALL, ["sgd", "adam"], folder=tmp_path / "study", **SHORT)
    race(SMALL, ["sgd", "adam"], folder=tmp_path / "whole", **SHORT)
    after = [run["key"] for run in read(tmp_path / "study").runs]
    assert after[: len(before)] == before
    assert sorted(after) == sorted(run["key"] for run in read(tmp_path / "whole").runs)
