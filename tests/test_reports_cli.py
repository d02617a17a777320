"""`steepest report`, `runs` and `export`, as a person meets them."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from small import SMALL
from steepest import strict_json
from steepest.cli import main
from steepest.report import studies, tensorboard
from steepest.report.data import in_order
from steepest.study import race, read
from steepest.workloads import WORKLOADS
from test_verdict import journal


def write(folder, *arguments, **more):
    """A study on disk as `journal` makes it up; returns its runs."""
    made = journal(*arguments, **more)
    folder.mkdir()
    lines = [made.header, *({"kind": "trial", **run} for run in made.runs)]
    (folder / "journal.jsonl").write_text("".join(strict_json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return made.runs


@pytest.fixture
def study(tmp_path):
    write(tmp_path / "study", {"sgd": 0.95, "adam": 0.97})
    return tmp_path / "study"


def test_the_report_is_made_again_from_the_journal_alone(study, capsys):
    assert main(["report", str(study)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "adam at 0.001 wins with a test accuracy of 97.04 ± 0.28 %" in out
    assert out.endswith(f"The report: {study}/report.html")
    (study / "report.html").unlink()
    assert main(["report", str(study), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (study / "report.html").exists()
    assert found["pairs"][0]["separated"]
    assert found["winner"].startswith("from steepest import optim")
    assert [row["name"] for row in found["contenders"]] == ["adam", "sgd"]


def test_what_is_no_study_is_one_line(tmp_path, capsys):
    for command in (["report"], ["export", "--to", "runs.csv"]):
        assert main([*command, str(tmp_path)]) == 2
        assert "holds no study" in capsys.readouterr().err
    assert main(["runs", str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert main(["runs", str(tmp_path)]) == 0
    assert "There is no study below" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_studies_are_listed_with_their_states(study, tmp_path, capsys):
    write(tmp_path / "begun", {"adam": 0.97, "sgd": 0.9}, seeds=1)
    write(tmp_path / "running", {"adam": 0.97}, seeds=1)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "journal.jsonl").write_text("no journal\n")
    with FileLock(tmp_path / "running" / ".lock"):
        assert main(["runs", str(tmp_path), "--json"]) == 0
    found = {each["folder"].rsplit("/", 1)[1]: each for each in json.loads(capsys.readouterr().out)["studies"]}
    assert {name: each["state"] for name, each in found.items()} == {
        "study": "finished",
        "begun": "stopped",
        "running": "running",
        "torn": "damaged",
    }
    assert found["study"]["best"] == "adam 97.04 %"
    assert (found["begun"]["final"], found["begun"]["final_planned"]) == (2, 10)
    assert main(["runs", str(tmp_path)]) == 0
    assert "2 of 10" in capsys.readouterr().out


def test_what_is_wrong_with_a_study_does_not_hide_the_others(study, tmp_path, monkeypatch, capsys):
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "journal.jsonl").write_text("{}\n")

    def refusing(folder):
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied")
        return read(folder)

    monkeypatch.setattr(studies, "read", refusing)
    assert main(["runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "unreadable" in out
    assert "finished" in out
    assert f"steepest report {tmp_path}/locked says what is wrong there." in out


def test_the_list_of_studies_fits_80_columns(tmp_path):
    write(tmp_path / "steepest-race-mnist", {"adam": 0.97, "sgd": 0.9}, seeds=1)
    shown = studies.table([replace(each, folder=Path("steepest-race-mnist")) for each in studies.studies(tmp_path)])
    rows = [[column.title for column in shown.columns], *map(shown.cells, shown.rows)]
    assert sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) + 1 <= 80


def test_a_folder_that_cannot_be_written_is_told_with_the_cure(study, monkeypatch, capsys):
    def refusing(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_text", refusing)
    assert main(["report", str(study)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"steepest: cannot write {study}/")
    assert said.endswith("copy journal.jsonl to a folder that you may write to\n")


def test_what_has_no_finished_run_is_not_exported(tmp_path, capsys):
    write(tmp_path / "begun", {})
    for name in ("runs.csv", "tensorboard"):
        assert main(["export", str(tmp_path / "begun"), "--to", str(tmp_path / name)]) == 2
        assert "has no finished run yet; export it when it has" in capsys.readouterr().err
        assert not (tmp_path / name).exists()


def test_runs_are_exported_as_csv(study, tmp_path, capsys):
    assert main(["export", str(study), "--to", str(tmp_path / "new" / "runs.csv")]) == 0
    with (tmp_path / "new" / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (3 + 5)
    assert [float(row["lr"]) for row in rows if row["contender"] == "adam" and row["phase"] == "final"] == [0.001] * 5
    assert main(["export", str(study), "--to", str(tmp_path / "points.csv"), "--table", "training"]) == 0
    assert (tmp_path / "points.csv").read_text().splitlines()[0] == "contender,seed,step,pass,seconds,train_loss"


def test_runs_are_exported_as_parquet(study, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main(["export", str(study), "--to", str(tmp_path / "runs.parquet")]) == 0
    rows = parquet.read_table(tmp_path / "runs.parquet").to_pylist()
    assert len(rows) == 16
    assert {row["diverged"] for row in rows} == {False}
    assert max(row["test_accuracy"] or 0 for row in rows) == pytest.approx(0.974, abs=1e-3)


def test_parquet_without_pyarrow_and_other_endings_are_refused(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", str(study), "--to", str(tmp_path / "runs.parquet")]) == 2
    assert "pip install 'steepest[parquet]'" in capsys.readouterr().err
    assert main(["export", str(study), "--to", str(tmp_path / "runs.xlsx")]) == 2
    assert "must end in .csv or .parquet, or be tensorboard" in capsys.readouterr().err
    assert main(["export", str(study), "--to", str(tmp_path / "runs.csv"), "--table", "run"]) == 2
    assert "did you mean 'runs'?" in capsys.readouterr().err


def test_tensorboard_shows_every_run_with_curves_and_hyperparameters(tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    race(SMALL, ["sgd", "adam"], folder=tmp_path, passes=3, rates=3, seeds=2, jobs=1)
    for _ in range(2):  # the second time replaces the first
        assert main(["export", str(tmp_path), "--to", str(tmp_path / "tensorboard")]) == 0
    runs = in_order(read(tmp_path))
    assert len(list((tmp_path / "tensorboard" / "small").rglob("events.*"))) == len(runs)
    (run,) = (run for run in runs if (run["contender"], run["number"], run["phase"]) == ("adam", 1, "final"))
    found = reading.EventAccumulator(str(tmp_path / "tensorboard" / "small" / "adam" / f"final-{run['seed']}")).Reload()
    told = [(event.step, event.value) for event in found.Scalars("loss/training")]
    assert [step for step, _ in told] == run["curve"]["step"]
    assert [value for _, value in told] == pytest.approx(run["curve"]["train_loss"])
    assert [event.value for event in found.Scalars("metric")] == pytest.approx(run["validation"]["accuracy"])
    assert [event.step for event in found.Scalars("metric")] == [0, 8, 16, 24]
    assert found.Scalars("result/metric, test")[0].value == pytest.approx(run["test_acc"])
    content = found.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    given = HParamsPluginData.FromString(content).session_start_info.hparams
    assert given["lr"].number_value == run["hyperparameters"]["lr"]
    assert given["contender"].string_value == "adam"


def test_a_race_writes_each_run_for_tensorboard_once(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.setitem(WORKLOADS, "small", SMALL)
    command = ["race", "small", "--passes", "2", "--trials", "3", "--seeds", "2", "-o", "adam,sgd", "--jobs", "1"]
    out, seen, add = tmp_path / "out", [], tensorboard.add

    def events() -> list[Path]:
        return list((out / "tensorboard").rglob("events.*"))

    def counted(journal, folder):
        add(journal, folder)
        seen.append((len(journal.runs), len(events())))

    monkeypatch.setattr(tensorboard, "add", counted)
    assert main([*command, "--out", str(out), "--tensorboard"]) == 0
    assert seen[-1][0] == len(read(out).runs)
    assert all(runs == written for runs, written in seen)
    before = events()
    before[0].parent.rename(tmp_path / "lost")
    (out / ".tensorboard-begun").mkdir()  # as a kill leaves it
    (out / ".tensorboard-begun" / "events.half").write_bytes(b"half")
    assert main([*command, "--out", str(out), "--tensorboard"]) == 0
    after = events()
    assert len(after) == len(before)
    assert set(before[1:]) < set(after)
    assert not (out / ".tensorboard-begun").exists()


def test_tensorboard_that_is_missing_is_told(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert main(["race", "--tensorboard", "--out", str(tmp_path / "race")]) == 2
    assert "pip install 'steepest[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "race").exists()
    assert main(["export", str(study), "--to", str(tmp_path / "tensorboard")]) == 2
    assert "pip install 'steepest[tensorboard]'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["report", "runs", "export"])
def test_help_loads_neither_torch_nor_what_draws(command):
    code = (
        "import sys; from steepest.cli import main; main([sys.argv[1], '--help']);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'altair', 'scipy', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code, command], capture_output=True).returncode == 0
