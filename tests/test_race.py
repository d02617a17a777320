"""The race and the list as a person meets them on the command line."""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from small import LINE, SMALL
from steepest import report
from steepest.cli import main
from steepest.cli.race_progress import Clock, _table
from steepest.rules import METHODS
from steepest.schedules import SCHEDULES
from steepest.study import Journal, budget, read
from steepest.study import race as run_race
from steepest.study.calls import called_for
from steepest.study.header import header
from steepest.study.plan import RATES, SEEDS, plan
from steepest.study.protocol import Status
from steepest.trial import Unit
from steepest.workloads import WORKLOADS, Data, workload
from steepest.workloads.mnist import digits

HERE = Path(__file__).parent


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """`steepest race small`, in an empty folder, without the report."""
    monkeypatch.setitem(WORKLOADS, "small", SMALL)
    monkeypatch.setattr(report, "write", lambda folder: folder / "report.html")
    monkeypatch.chdir(tmp_path)
    return ["race", "small", "--passes", "2", "--rates", "3", "--seeds", "2", "--jobs", "1"]


def test_json_is_one_document_on_stdout_and_nothing_else(tiny, capsys, tmp_path):
    assert main([*tiny, "--optimizers", "gd,sgd", "-o", "adadelta", "--json"]) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)["contenders"]
    assert {row["name"] for row in rows} == {"gd", "sgd", "adadelta"}
    for row in rows:
        assert {"name", "lr", "train_loss", "val_acc", "test_acc", "ms_per_step", "diverged"} <= set(row)
        assert set(row["test_acc"]) == {"mean", "sd", "n"}
        assert (row["lr"] is None) == (row["name"] == "adadelta")
    assert "report.html" in err
    assert (tmp_path / "steepest-race-small" / "journal.jsonl").exists()


def test_the_table_has_a_row_for_each_and_says_where_the_report_lies(tiny, capsys):
    assert main([*tiny, "--contenders", "adam,adadelta", "--out", "here"]) == 0
    out, err = capsys.readouterr()
    assert "over 2 fresh seeds" in out
    assert "adadelta has no learning rate; δ = " in out
    assert "here/report.html" in out
    assert sum(line.startswith(("adam ", "adadelta ", " adam ", " adadelta ")) for line in out.splitlines()) >= 2
    lines = err.splitlines()
    assert len(lines) >= 10
    told = ("tuning: ", "confirming: ", "final: ", "every contender gets more values")
    assert all(any(words in line for words in told) for line in lines)


def test_the_same_command_again_trains_nothing(tiny, capsys):
    command = [*tiny, "--optimizers", "sgd", "--json"]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert main(command) == 0
    again = capsys.readouterr()
    assert again.out == first
    assert "finished already" in again.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["race", "mnits"], "unknown workload 'mnits'; did you mean 'mnist'?"),
        (["race", "small", "-o", "adma"], "unknown contender 'adma'; did you mean 'adam'?"),
        (["race", "small", "-o", ","], "name at least one contender"),
        (["race", "small", "--batch-size", "0"], "Invalid batch size: 0"),
        (["race", "small", "--batch-size", "61"], "small has 60 examples, allowed is 1 to 60"),
        (["race", "small", "--rates", "0"], "Invalid rates: 0"),
        (["race", "small", "--until", "los=3"], "did you mean 'loss'?"),
        (["race", "small", "--batchsize", "3"], "did you mean --batch-size?"),
        (["race", "small", "--out", "a-file"], "is a file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tiny, capsys, arguments, words):
    Path("a-file").touch()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert words in err


def test_no_folder_is_left_behind_by_bad_input(tiny, capsys, tmp_path):
    main(["race", "small", "-o", "adma"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["report.html", None])
def test_a_disk_that_is_full_when_the_report_is_written_is_told_with_the_cure(tiny, capsys, monkeypatch, name):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device", name)

    with monkeypatch.context() as patched:
        patched.setattr("steepest.report.write", full)
        assert main([*tiny, "-o", "sgd"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    kept = "every finished run is kept; free some and run the same command again"
    assert last == f"steepest: {name or 'steepest-race-small'}: No space left on device; {kept}"
    assert main([*tiny, "-o", "sgd"]) == 0


def test_an_interrupt_while_the_report_is_written_says_how_to_go_on(tiny, capsys, monkeypatch):
    monkeypatch.setattr("steepest.report.write", lambda _: signal.raise_signal(signal.SIGINT))
    assert main([*tiny, "-o", "sgd"]) == 130
    kept = "interrupted; the finished runs are kept in steepest-race-small: run the same command again to continue"
    assert capsys.readouterr().err.splitlines()[-1] == f"steepest: {kept}"


def test_a_folder_that_is_removed_while_the_race_runs_is_told_with_the_cure(tiny, capsys, monkeypatch):
    def missing(folder):
        shutil.rmtree(folder)
        return (folder / "report.html").write_bytes(b"")

    monkeypatch.setattr("steepest.report.write", missing)
    assert main([*tiny, "-o", "sgd"]) == 1
    gone = "steepest-race-small was moved or removed while the race ran; run the same command again to begin anew"
    assert capsys.readouterr().err.splitlines()[-1] == f"steepest: {gone}"


def test_several_workloads_race_one_after_the_other(tiny, capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(WORKLOADS, "other", replace(SMALL, name="other"))
    assert main([*tiny, "other", "-o", "sgd,adam", "--out", "both", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"small", "other"}
    assert {folder.name for folder in (tmp_path / "both").iterdir()} == {"steepest-race-small", "steepest-race-other"}
    assert main([*tiny, "--quick", "--thorough"]) == 2


SLOW = """
import sys, time
from dataclasses import replace
sys.path.insert(0, {here!r})
import small
from steepest.cli import main
from steepest.workloads import WORKLOADS

if __name__ == "__main__":
    WORKLOADS["small"] = small.SMALL
    sys.exit(main({arguments!r}))
"""


@pytest.fixture
def at_work(tmp_path):
    """A race in a process and a session of its own, with two workers, once the first runs are finished."""
    arguments = ["race", "small", "--passes", "300", "--jobs", "2", "--out", str(tmp_path / "study"), "-o", "sgd"]
    program = tmp_path / "race.py"
    program.write_text(SLOW.format(here=str(HERE), arguments=arguments))
    journal = tmp_path / "study" / "journal.jsonl"
    process = subprocess.Popen([sys.executable, program], stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (journal.exists() and b'"kind": "trial"' in journal.read_bytes()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    return process


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_stops_cleanly_and_the_race_goes_on_later(at_work, number):
    os.killpg(at_work.pid, number)  # the workers get it too, as they do from a keyboard
    _, err = at_work.communicate(timeout=60)
    assert at_work.returncode == 128 + number
    assert "Traceback" not in err
    assert "has no attribute" not in err
    last = err.splitlines()[-1]
    assert last.startswith("steepest: interrupted; ")
    assert "run the same command again to continue" in last
    assert alone(at_work.pid)


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_workers_end_when_the_race_is_killed(at_work):
    at_work.kill()
    at_work.communicate(timeout=60)
    assert alone(at_work.pid)


def alone(group: int) -> bool:
    """Whether nobody of the process group is left, soon."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_real_race_on_some_of_mnists_digits(tmp_path):
    def some():
        data = digits()
        return Data(data.train[:2000], data.validation[:500], data.test[:500])

    few = replace(workload("mnist"), data=some)
    outcome = run_race(few, ["gd", "sgd", "adam"], folder=tmp_path, passes=2, rates=3, seeds=2, jobs=1)
    accuracy = {row.name: row.test_acc.mean for row in outcome.rows}
    assert accuracy["adam"] > 0.8
    assert accuracy["gd"] < accuracy["adam"]


def test_time_left_counts_the_final_runs_that_are_not_planned_yet_and_what_is_under_way(monkeypatch, tmp_path):
    study = plan(SMALL, ["sgd"], passes=5, rates=4, seeds=3)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock()

    class Journal:
        keys: set = set()  # noqa: RUF012
        decisions: list = []  # noqa: RUF012
        path = tmp_path / "journal.jsonl"

    status = Status(study, Journal(), called_for(study, []))
    clock.look(status)
    assert str(clock) == "0:00"
    # four runs of 3 passes in a stack that is half done; then 1.5 passes each, three runs of 3 and three of 5
    stack = Unit(tuple(status.trials), "stacked", "")
    Journal.decisions = [stack.description]
    state = tmp_path / "states" / f"{stack.key}.share"
    state.parent.mkdir()
    state.write_text("0.5000", encoding="ascii")
    now[0] = 8.0
    assert str(clock) == "0:08, about 0:40 left"
    now[0] = 16.0
    Journal.keys = {trial.key for trial in status.trials}
    clock.look(status)
    assert str(clock) == "0:16, about 0:32 left"


def test_list_names_everything_that_the_commands_take(capsys):
    assert main(["list", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    names = {kind: [row["name"] for row in rows] for kind, rows in known.items()}
    assert names["optimizers"] == list(METHODS)
    assert names["schedules"] == list(SCHEDULES)
    assert names["workloads"] == list(WORKLOADS)
    assert {"quartic", "nice", "harder", "rosenbrock", "beale", "himmelblau", "saddle"} <= set(names["functions"])
    verdicts = {row["name"]: row["sufficient"] for row in known["schedules"]}
    assert [name for name, holds in verdicts.items() if holds] == ["inverse"]
    assert all(row["equation"] and row["reference"] for row in known["optimizers"])


def test_list_prints_equations_that_a_terminal_can_show(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert "θ ← θ − ε ŝ/(√r\u0302 + δ)" in out
    assert "\\" not in out


def test_help_names_the_defaults_that_hold(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    main(["race", "--help"])
    said = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if "--" in line}
    assert f"[default: ({RATES})]" in said["--trials,--rates"]
    assert f"[default: ({SEEDS})]" in said["--seeds"]
    assert f"or {budget.PASSES})]" in said["--passes"]
    assert f"has {budget.TUNING_SHARE:g} of them, rounded up" in said["--passes"]
    assert f"has {budget.TUNING_SHARE:g} of it" in run_race.__doc__


def test_a_first_impression_is_one_pass_unless_there_is_a_budget(tiny, tmp_path):
    quick = ["race", "small", "--quick", "--rates", "1", "--seeds", "1", "--jobs", "1", "-o", "sgd"]
    assert main([*quick, "--out", "a"]) == 0
    assert main([*quick, "--out", "b", "--until", "steps=20"]) == 0
    assert main([*quick, "--out", "c", "--steps", "20"]) == 0
    assert [read(tmp_path / f).header["settings"]["until"] for f in "abc"] == [["passes=1"], ["steps=20"], ["steps=20"]]


def test_a_metric_that_is_no_share_is_no_percentage(tiny, capsys, monkeypatch):
    monkeypatch.setitem(WORKLOADS, "small", LINE)
    assert main([*tiny, "-o", "sgd"]) == 0
    out, err = capsys.readouterr()
    assert "%" not in out + err
    assert "minus error" in out
    assert "metric" not in out
    assert "validation result (minus error)" in err


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_live_table_names_every_contender_in_any_width(width):
    names = ["adam", "sgd:momentum=0.9,schedule=linear", "torch.optim.AdamW:weight_decay=0.1"]
    study = plan(SMALL, names, rates=9)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(_table(Status(study, Journal(Path(), header(study)), called_for(study, [])), width))
    lines = console.export_text().splitlines()
    assert "".join(names) in "".join(line.split("·")[0].strip() for line in (lines[4:])).replace(" ", "")
    assert "…" not in "".join(lines)
