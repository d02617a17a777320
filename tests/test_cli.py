"""The command line: what each command prints and writes, exit codes, and one line for every error."""

import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("typer")

from steepest import cli
from steepest.cli import common
from steepest.cli.descend import hyperparameters
from steepest.rules import METHODS

SETTING = ["descend", "quartic", "--lr", "0.05", "--momentum", "0.7", "--start", "-2.8", "--steps", "99"]
EXAMPLE = [*SETTING, "--optimizer", "momentum"]


@pytest.fixture
def steepest(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main([str(a) for a in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def one_line(err):
    assert err.startswith("steepest: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_the_worked_example(steepest, tmp_path):
    code, out, err = steepest(*EXAMPLE)
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "99"]
    assert rows[3] == ["4", "1.39645", "-4.91118", "-0.43056464", "1.39", "-9.2", "-0.21"]
    assert "slip" in out
    assert "global minimum 2.04213687" in out
    assert "steepest-descend-quartic" in err
    folder = tmp_path / "steepest-descend-quartic"
    assert sorted(p.name for p in folder.iterdir()) == [f"momentum.{e}" for e in ("csv", "pdf", "png", "svg", "tex")]
    assert len((folder / "momentum.csv").read_text().splitlines()) == 100
    ET.parse(folder / "momentum.svg")
    assert (folder / "momentum.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "momentum.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "momentum.tex").read_text().startswith(r"\begin{tabular}")


def test_descend_as_json_has_the_promised_shape_and_writes_nothing(steepest, tmp_path):
    code, out, err = steepest(*EXAMPLE, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    (run,) = document["runs"]
    assert run["optimizer"] == "momentum"
    assert len(run["theta"]) == 99
    assert run["theta"][:2] == pytest.approx([-1.88528, -1.1266689330], abs=1e-9)
    assert run["theta"][-1] == pytest.approx(2.0421366218659542, abs=1e-11)
    assert set(run) == {
        "optimizer", "hyperparameters", "schedule", "start", "theta", "values", "gradients", "velocity", "rates",
        "diverged", "outcome",
    }  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_json_in_two_dimensions_has_pairs(steepest):
    _, out, _ = steepest("descend", "himmelblau", "--optimizer", "adam", "--steps", 3, "--start=-1,2", "--json")
    (run,) = json.loads(out)["runs"]
    assert [len(point) for point in run["theta"]] == [2, 2, 2]
    assert run["start"] == [-1, 2]
    assert run["velocity"] is None


def test_compare_puts_all_methods_side_by_side(steepest, tmp_path):
    code, out, _ = steepest(*SETTING, "--compare", "--out", tmp_path / "a" / "b")
    assert code == 0
    ends = {line.split()[0]: line for line in out.splitlines() if line.strip() and line.split()[0] in METHODS}
    assert set(ends) == set(METHODS)
    assert "global" in ends["momentum"]
    assert "local" in ends["nesterov"]
    assert "-1.58634606" in ends["nesterov"]
    assert (tmp_path / "a" / "b" / "compare.svg").exists()
    _, out, _ = steepest(*SETTING, "--compare", "--json")
    assert [run["optimizer"] for run in json.loads(out)["runs"]] == list(METHODS)


def test_all_prints_every_step(steepest):
    _, out, _ = steepest("descend", "--all")
    assert len([line for line in out.splitlines() if line.strip()[:1].isdigit()]) == 99


def test_divergence_is_an_answer_and_not_an_error(steepest):
    code, out, _ = steepest("descend", "--lr", 1)
    assert code == 0
    assert "diverges at step" in out


def test_every_hyperparameter_of_every_method_is_an_option(steepest):
    assert set(hyperparameters()) == {h.name for rule in METHODS.values() for h in rule.hyperparameters}
    for name, rule in METHODS.items():
        given = [x for h in rule.hyperparameters for x in ("--" + h.name.replace("_", "-"), h.default)]
        code, out, err = steepest("descend", "--optimizer", name, "--steps", 2, "--json", *given)
        assert (code, err) == (0, "")
        assert json.loads(out)["runs"][0]["hyperparameters"] == rule.defaults


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("rase mnist", "unknown command 'rase'; did you mean race?"),
        ("descent", "did you mean descend?"),
        ("show nois", "unknown command 'nois'; did you mean noise?; see steepest show --help"),
        ("show", "Missing command"),
        ("--versoin", "unknown option --versoin; did you mean --version?"),
        ("descend --momentun 0.9", "unknown option --momentun; did you mean --momentum?"),
        ("descend -x**2", "unknown option -x; what begins with a minus but is no option goes after --"),
        ("descend --optimizer momentun", "did you mean 'momentum'?"),
        ("descend quartc", "unknown function 'quartc'; did you mean 'quartic'?"),
        ("race mnist-softmax adam sgd", "a contender: adam, sgd; write steepest race mnist-softmax -o adam,sgd"),
        ("descend --compare -o adam", "--compare takes all methods; without it, several -o"),
        ("descend __import__('os')", "unknown function '__import__'"),
        ("descend --lr -1", "Invalid learning rate: -1.0; lr must be a finite number, 0 or above"),
        ("descend --lr nan", "Invalid learning rate: nan"),
        ("descend --lr abc", "--lr"),
        ("descend --lr", "--lr"),
        ("descend --start nan", "Invalid start"),
        ("descend --start inf", "Invalid start"),
        ("descend --start one", "--start 'one' is neither a number nor two numbers"),
        ("descend --start 1,2", "needs one number"),
        ("descend --start 1,2,3", "needs one number"),
        ("descend --rho 0.9 --optimizer momentum", "momentum has no rho; it has lr"),
        ("descend --steps 0", "Invalid number of steps"),
        ("descend --steps x", "--steps"),
        ("descend --schedule linaer", "did you mean 'linear'?"),
        ("descend quartic nonsense", "nonsense"),
        ("show terminal-velocity --momentum 1", "momentum must be"),
        ("show rates -o adamm", "did you mean 'adam'?"),
        ("show noise --workload mnits", "did you mean 'mnist'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(steepest, tmp_path, arguments, message):
    code, out, err = steepest(*arguments.split())
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["descend"], ["show", "rates"], ["show", "terminal-velocity"], ["show", "noise"]])
def test_an_unwritable_folder_is_told_before_any_work(steepest, tmp_path, monkeypatch, command):
    def never(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.setattr("steepest.descent.descend", never)
    monkeypatch.setattr("steepest.show.rates.rates", never)
    monkeypatch.setattr("steepest.show.terminal_velocity.terminal_velocity", never)
    monkeypatch.setattr("steepest.show.noise.noise", never)
    (tmp_path / "file").write_text("")
    for folder, message in (("file", "is a file"), ("file/below", "lies below a file"), ("/proc/new", "cannot write")):
        code, out, err = steepest(*command, "--out", folder)
        assert (code, out) == (2, "")
        assert message in one_line(err)


def test_a_folder_without_permission(tmp_path, monkeypatch):
    def denied(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    with pytest.raises(ValueError, match="Permission denied; choose a folder that you may write to"):
        common.out_folder(tmp_path)


def fail_with(error):
    def command(*_, **__):
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("two\nlines"), 2, "two lines"),
        (OSError(28, "No space left on device", "a.csv"), 1, "a.csv: No space left on device"),
        (common.Failed("all runs diverged"), 1, "all runs diverged"),
        (KeyboardInterrupt(), 130, "steepest: interrupted"),
    ],
)
def test_what_a_failure_looks_like(steepest, monkeypatch, error, code, message):
    monkeypatch.setattr("steepest.descent.descend", fail_with(error))
    got, out, err = steepest("descend")
    assert (got, out) == (code, "")
    assert message in one_line(err)
    assert "Traceback" not in err


def test_a_mistake_of_ours_keeps_its_traceback(steepest, monkeypatch):
    monkeypatch.setattr("steepest.descent.descend", fail_with(KeyError("ours")))
    with pytest.raises(KeyError):
        steepest("descend")


def test_json_knows_no_nan(capsys):
    common.print_json({"a": [1.5, float("nan")], "b": (float("inf"), None, "x", True)})
    assert json.loads(capsys.readouterr().out) == {"a": [1.5, None], "b": [None, None, "x", True]}


@pytest.mark.parametrize("name", ["terminal-velocity", "rates"])
def test_show_prints_tables_and_writes_files(steepest, tmp_path, name):
    code, out, err = steepest("show", name)
    assert code == 0
    assert "step" in out
    assert f"steepest-show-{name}" in err
    written = {p.suffix for p in (tmp_path / f"steepest-show-{name}").iterdir()}
    assert written == {".csv", ".tex", ".svg", ".png", ".pdf"}
    code, out, _ = steepest("show", name, "--json")
    assert json.loads(out)["show"] == name


def test_show_noise_writes_its_second_table_too(steepest, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from small import SMALL
    from steepest.workloads import WORKLOADS

    monkeypatch.setitem(WORKLOADS, "small", SMALL)
    code, out, _ = steepest("show", "noise", "--workload", "small", "--out", tmp_path / "n", "--json")
    assert code == 0
    document = json.loads(out)
    assert set(document) == {"show", "noise", "cost"}
    assert {p.name for p in (tmp_path / "n").glob("*.csv")} == {"noise.csv", "noise-cost.csv"}


def test_help_and_version(steepest):
    code, out, err = steepest()
    assert (code, err) == (0, "")
    for command in ("race", "descend", "show", "list"):
        assert f" {command} " in out
        assert steepest(command, "--help")[0] == 0
    assert steepest("--version")[1].startswith("steepest ")


def process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "steepest", *arguments], capture_output=True, text=True, check=False, **options
    )


def test_as_a_program(tmp_path):
    done = process(*EXAMPLE, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["runs"][0]["theta"]) == 99
    done = process("descend", "--lr", "nan", cwd=tmp_path)
    assert done.returncode == 2
    one_line(done.stderr)


def test_a_reader_that_stops_is_no_error(tmp_path):
    """Like `steepest … | head -0`: the pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "steepest", "descend", "--json"], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == 1


def test_without_the_lab_the_cure_is_named(tmp_path):
    """A folder in front of the installed libraries, in which those of the lab cannot be imported."""
    for library in ("typer", "joblib"):
        (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError(name={library!r})", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    here = {"env": {**os.environ, "PYTHONPATH": path}}
    command = process("list", **here)
    assert (command.returncode, command.stdout) == (1, "")
    assert command.stderr == "steepest: the commands need typer; pip install 'steepest[lab]'\n"
    code = "import steepest\nsteepest.race('mnist')"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **here)
    assert asked.stderr.endswith("ModuleNotFoundError: steepest.race needs joblib; pip install 'steepest[lab]'\n")


def test_output_needs_no_unicode_terminal(tmp_path):
    done = process("descend", "--out", "o", cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "slide: ?" in done.stdout


def test_list_says_what_has_too_much_for_columns_in_lines(steepest, monkeypatch):
    monkeypatch.setattr("steepest.cli.common.WIDTH_OF_A_PIPE", 80)
    code, out, _ = steepest("list")
    assert code == 0
    assert "      Σε = ∞, Σε² < ∞: Σ1/(k+1) is the harmonic series," in out
    assert max(map(len, out.splitlines())) <= 80
    assert not [line for line in out.splitlines() if len(line.strip()) == 1]  # no column of single letters


def test_explain_takes_several_names_and_a_librarys(steepest):
    code, out, _ = steepest("explain", "adagrad", "optax.lion")
    assert code == 0
    assert out.startswith("Adagrad")
    assert "\nLion" in out
    _, out, _ = steepest("explain", "adagrad", "optax.lion", "--json")
    assert [each["name"] for each in json.loads(out)] == ["Adagrad", "Lion"]


def test_explain_shows_each_dialect(steepest):
    code, out, err = steepest("explain", "rmsprop")
    assert (code, err) == (0, "")
    assert "θ ← θ − η ‹g/√(v + ε)›" in out
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = steepest("explain", "momentum", "--notation", "lecture", "--json")
    assert json.loads(out)["sections"][0]["maps"][0]["exact"] in ("always", "constant", None)
    code, _, err = steepest("explain", "rmsprp")
    assert code == 2
    assert "did you mean 'rmsprop'" in one_line(err)


def test_translate_gives_the_line_to_paste(steepest, monkeypatch):
    code, out, err = steepest("translate", "keras.optimizers.Adagrad(0.1)")
    assert (code, err) == (0, "")
    assert out.startswith("torch.optim.Adagrad(model.parameters(), lr=0.1, initial_accumulator_value=")
    _, out, _ = steepest("translate", "Adam(p)", "--from", "torch", "--to", "steepest", "--json")
    assert json.loads(out)["line"] == "steepest.optim.Adam(p)"
    code, out, _ = steepest(
        "translate", "tf.keras.optimizers.RMSprop(learning_rate=1e-3, momentum=0.9)", "--to", "torch"
    )
    assert code == 0
    assert "steepest.optim.RMSprop(model.parameters(), lr=0.001, momentum=0.9, dialect='keras')" in out
    monkeypatch.setattr(sys, "stdin", io.StringIO("import optax\nrate = 1/8\ntx = optax.sgd(rate)\n"))
    assert steepest("translate", "-")[1] == "torch.optim.SGD(model.parameters(), lr=0.125)\n"
    for bad in ("torch.optim.Adam(p, lr=open('x'))", "[bold]torch.optim.Adam(p)", "torch.optim.Adan(p)"):
        code, _, err = steepest("translate", bad)
        assert code == 2
        one_line(err)


def test_a_name_in_square_brackets_is_no_markup(steepest):
    assert "[red].py" in steepest("init", "[red].py")[2]
