"""A workload of one's own: from a file, from Python, its data in every form, and each likely mistake in one line."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import steepest
from steepest.cli import main
from steepest.workloads import WORKLOADS, checking, sources, splitting, workload
from steepest.workloads.checking import SeedSet, check
from steepest.workloads.randomness import isolated
from steepest.workloads.splitting import as_data

X, Y = torch.randn(100, 3), torch.arange(100) % 2
SOUND = """
import torch
from torch import nn
import steepest

def data():
    return torch.randn(60, 4), torch.arange(60) % 2

workload = steepest.workload(lambda: nn.Linear(4, 2), data, batch_size=10)
"""


def linear():
    return nn.Linear(3, 2)


class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return 50

    def __getitem__(self, i):
        return np.full(3, i, dtype=np.float32), i % 2


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ((X, Y), [70, 15, 15]),
        ((X.numpy(), Y.numpy()), [70, 15, 15]),
        (((X, Y), (X[:7], Y[:7])), [83, 17, 7]),
        (((X, Y), (X[:9], Y[:9]), (X[:7], Y[:7])), [100, 9, 7]),
        ({"train": (X, Y), "validation": (X[:9], Y[:9]), "test": (X[:7], Y[:7])}, [100, 9, 7]),
        ((TensorDataset(X, Y), Pairs()), [83, 17, 50]),
        (Pairs(), [35, 8, 7]),
    ],
)
def test_data_comes_in_many_forms(given, sizes):
    data = as_data(given)
    assert [len(split) for split in data.splits.values()] == sizes
    again = as_data(given)
    assert torch.equal(data.train.inputs, again.train.inputs)


def test_the_parts_of_a_split_hold_each_example_once():
    rows = torch.arange(100.0).reshape(-1, 1)
    data = as_data((rows, rows))
    everything = torch.cat([split.inputs for split in data.splits.values()])
    assert sorted(everything.flatten().tolist()) == rows.flatten().tolist()
    assert all(torch.equal(split.inputs, split.targets) for split in data.splits.values())


def with_nan(row):
    inputs = X.clone()
    inputs[row, 1] = torch.nan
    return inputs


class Uneven(Pairs):
    def __getitem__(self, i):
        return torch.zeros(2), torch.zeros(1 + i % 2)


class Picture:
    """As PIL's are."""

    def getpixel(self, place):
        return 0


class Pictures(Pairs):
    def __getitem__(self, i):
        return Picture(), i % 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "data is an int; allowed are"),
        ((X,), "data is a tuple of 1"),
        ({"train": (X, Y)}, "data has the splits train; needed are train, validation and test"),
        ((X, Y[:50]), r"inputs of shape \(100, 3\) and targets of shape \(50,\)"),
        (((X, Y), 5), "the test split is an int; a split is a pair"),
        (((X, Y), (X, "spam")), "the test split holds a str"),
        (DataLoader(TensorDataset(X, Y)), "data is a DataLoader; .*; give its .dataset: the race makes the batches"),
        (((X, Y), DataLoader(TensorDataset(X, Y))), "the test split is a DataLoader; .*; give its .dataset"),
        ((X.to_sparse(), Y), "data holds a sparse tensor; give it as .to_dense()"),
        ((X, np.array(["cat", "dog"] * 50)), "data holds an array of <U3; allowed are tensors"),
        ((with_nan(40), Y), "the inputs of data hold NaN or ∞, first in row 40"),
        (Uneven(), r"data has targets of shapes \(1,\) and \(2,\); all need the same"),
        (Pictures(), "data holds a Picture; .* give the Dataset a transform that makes tensors of images"),
    ],
)
def test_other_data_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        as_data(given)


def nan_targets():
    targets = torch.randn(100, 2)
    targets[3] = torch.nan
    return (X, targets), (X, targets), (X, targets)


SHARED = nn.Linear(3, 2)


def late_label():
    labels = Y[:50].clone()
    labels[40] = -1  # only here
    return (X, Y), (X[:50], labels), (X, Y)


def late_word():
    words = torch.zeros(100, 3, dtype=torch.int64)
    words[40, 1] = 5
    return words, words


def every_word(outputs, targets):
    return outputs.mean()


def summed(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets, reduction="sum")


def one_output():
    return nn.Linear(3, 1)


def with_norm():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def drawn_elsewhere():
    model = linear()
    model.weight.data += torch.from_numpy(np.random.rand(2, 3))
    return model


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": lambda: 3}, "the model's function returned an int, not an nn.Module"),
        ({"model": nn.Identity}, "the model has no parameters that train"),
        ({"model": lambda: nn.Linear(5, 2)}, r"the model on float32 inputs of shape \(8, 3\) failed.*mat1 and mat2"),
        (
            {"data": nan_targets, "loss": nn.functional.mse_loss},
            "the targets of the training split hold NaN or ∞, .*row 3",
        ),
        ({"data": lambda: 1 / 0}, r"data failed \(test_own_workloads.py, line \d+\): ZeroDivisionError"),
        ({"data": (X[:0], Y[:0])}, "the training split has no examples"),
        ({"loss": lambda o, t: nn.functional.cross_entropy(o, t, reduction="none")}, r"the loss has shape \(8,\)"),
        ({"loss": lambda o, t: o.sum() * 1j}, "the loss is complex; it must be a real number"),
        ({"loss": lambda o, t: 3.0}, "the loss is a float; it must be a tensor of one number, as torch.tensor"),
        ({"loss": lambda o, t: torch.tensor(1.0)}, "the loss does not depend on the model's parameters"),
        ({"loss": lambda o, t: o.sum() * torch.inf}, "the loss before the first step is"),
        ({"metric": lambda o, t: o}, r"the metric has shape \(\d+, 2\); it must be one number"),
        (
            {"metric": lambda o, t: nope},  # noqa: F821
            r"the metric of float32 outputs of shape \(\d+, 2\) and int64 targets of shape \(\d+,\), of the training "
            r"split, failed .*NameError",
        ),
        ({"metric": lambda o, t: o.sum() * torch.nan}, "the metric of .*, is nan before the first step"),
        ({"data": (X.double(), Y)}, r"the model with float32 weights on float64 inputs of shape \(8, 3\) failed"),
        ({"data": late_label}, r"the loss of float32 outputs of shape \(\d+, 2\).* of the validation split, failed"),
        ({"model": lambda: nn.Embedding(5, 2), "data": late_word, "loss": every_word}, "index out of range in self"),
        ({"loss": summed}, r"the loss of \d+ rows is the sum of that of its halves; .* divide it by their number"),
        ({"metric": lambda o, t: t.sum()}, r"the metric of \d+ rows is the sum"),
        ({"data": (X, X[:, 0]), "model": one_output, "loss": nn.functional.mse_loss}, "failed: UserWarning: Using a"),
        (
            {"data": (X, X[:, 0]), "model": one_output, "loss": lambda o, t: (o - t).square().mean()},
            r"outputs of shape \(\d+, 1\) and float32 targets of shape \(\d+,\) pairs each with each",
        ),
        ({"metric": nn.functional.mse_loss}, "the metric is called mse_loss, which is wanted low;"),
        ({"model": lambda: SHARED}, "the model's function returned the same parameters twice"),
        ({"model": drawn_elsewhere}, "the model or the loss draws random numbers that torch's seed does not fix"),
        ({"model": with_norm, "batch_size": 69}, r"the model on float32 inputs of shape \(1, 3\) failed.*more than 1"),
    ],
)
def test_a_likely_mistake_is_one_line(changes, words):
    given = {"model": linear, "data": (X, Y), **changes}
    with pytest.raises(ValueError, match=words) as error:
        check(steepest.workload(**given))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": nn.Linear(3, 2)}, "give the function that builds one"),
        ({"model": 3}, "model is an int; it must be a function"),
        ({"batch_size": 0}, "Invalid batch size: 0"),
        ({"until": "passes"}, "write passes=NUMBER"),
        ({"until": 10}, "until is an int; write it as text, as in 'passes=10'"),
        ({"targets": 0.9}, "Invalid targets: 0.9; allowed is a list of finite numbers"),
        ({"targets": [0.9, float("nan")]}, "Invalid targets: .*nan"),
        ({"targets": "0.9"}, "Invalid targets: '0.9'"),
    ],
)
def test_what_cannot_be_a_workload_is_refused_at_once(changes, words):
    with pytest.raises(ValueError, match=words):
        steepest.workload(**{"model": linear, "data": (X, Y), **changes})


def test_each_built_in_workload_is_sound():
    for each in WORKLOADS.values():
        if each.name != "fashion-mnist":
            check(each)


def test_a_files_workload_travels_to_another_process_with_its_data(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SOUND)
    found = workload(str(file))
    assert (found.name, found.title, found.batch_size) == ("mine", "mine", 10)
    again = pickle.loads(pickle.dumps(found))
    assert torch.equal(again.data().train.inputs, found.data().train.inputs)
    assert again.fingerprint() == found.fingerprint()
    assert pickle.loads(pickle.dumps(again)).name == "mine"
    held = pickle.dumps(found)
    file.write_text(SOUND + "\n")
    with pytest.raises(ValueError, match="mine.py has changed since the race began"):
        pickle.loads(held)
    assert workload(str(file)).fingerprint() != found.fingerprint()


def test_two_workloads_of_one_command_need_two_names(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("one", "two"):
        tmp_path.joinpath(place).mkdir()
        tmp_path.joinpath(place, "mine.py").write_text(SOUND)
    assert main(["race", "one/mine.py", "two/mine.py"]) == 2
    assert "two workloads are called 'mine'; name one otherwise" in capsys.readouterr().err
    assert not list(tmp_path.glob("steepest-race*"))


def test_a_dataset_that_does_not_fit_into_memory_is_told_before_it_has_filled_it(monkeypatch):
    monkeypatch.setattr(splitting, "memory", lambda: 2 * (16 + splitting.OBJECT) * 10 + 1)
    examples = [(torch.zeros(2), torch.zeros(2)) for _ in range(12)]  # of 16 bytes and what Python takes

    class Listed(Dataset):
        def __len__(self):
            return len(examples)

        def __getitem__(self, i):
            return examples[i]

    with pytest.raises(ValueError, match="read into memory as a whole, and 11 examples already take half of it"):
        as_data(Listed())


def test_the_same_file_has_the_same_data_each_time(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(SOUND)
    one, two = (workload(str(tmp_path / name)).data() for name in ("one.py", "two.py"))
    assert torch.equal(one.train.inputs, two.train.inputs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "mine.py holds no workload; write workload = steepest.workload"),
        ("x = 1\ny = x / 0", r"mine.py failed (mine.py, line 2): ZeroDivisionError"),
        ("def f(:", "mine.py, line 1: invalid syntax"),
        (SOUND + "other = steepest.workload(lambda: nn.Linear(4, 2), data)\ndel workload\nmore = other", "choose one"),
        (SOUND + "steepest.race(workload, ['adam'])", "mine.py starts a race while it is read; put that below: if __n"),
        ("from .beside import x", "attempted relative import with no known parent package; write it without the dot"),
        ("import no_such_thing", "No module named 'no_such_thing'"),
        ("import sys\nsys.exit(3)", "mine.py failed (mine.py, line 2): SystemExit: 3"),
        ("x = 1\0", "mine.py: source code string cannot contain null bytes"),
        (
            SOUND.replace("return torch", "open('nowhere.csv')\n    return torch"),
            "a relative path starts in the current",
        ),
        (SOUND.replace("Linear(4", "Linear(5"), "the model on float32 inputs of shape (2, 4) failed"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_and_exit_code_2(tmp_path, capsys, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(text)
    assert main(["race", "mine.py"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert words in err
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".pyc"] == ["mine.py"]


def test_a_missing_file_is_told_with_the_cure(capsys):
    assert main(["race", "nowhere.py"]) == 2
    assert "nowhere.py cannot be read (No such file or directory); steepest init my_model.py" in capsys.readouterr().err


def test_one_of_several_is_chosen_by_name(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SOUND + "wide = steepest.workload(lambda: nn.Linear(4, 2), data, title='Wide')")
    assert workload(f"{file}:wide").title == "Wide"
    assert workload(f"{file}:wide").name == "mine-wide"
    with pytest.raises(ValueError, match="holds no workload 'narrow'; it holds workload, wide"):
        workload(f"{file}:narrow")


def test_the_example_runs_as_it_is_and_is_never_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine.py"]) == 0
    assert "steepest race mine.py" in capsys.readouterr().err
    text = Path("mine.py").read_text()
    assert "steepest race mine.py" in text
    arguments = ["--until", "steps=20", "--rates", "2", "--seeds", "2", "--jobs", "1", "-o", "adam", "--json"]
    assert main(["race", "mine.py", *arguments]) == 0
    assert '"test_acc": {' in capsys.readouterr().out
    assert main(["init", "mine.py"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert Path("mine.py").read_text() == text


def test_the_line_to_go_on_with_can_be_pasted_into_a_shell(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my model.py"]) == 0
    assert "steepest race 'my model.py'" in capsys.readouterr().err
    assert "steepest race 'my model.py'" in Path("my model.py").read_text()


def test_a_quadratic_has_the_condition_asked_for():
    model = workload("quadratic:condition=1000,dimensions=20").build()
    eigenvalues = torch.linalg.eigvalsh(model.root.double().T @ model.root.double())
    assert float(eigenvalues.max() / eigenvalues.min()) == pytest.approx(1000, rel=1e-3)
    with pytest.raises(ValueError, match="did you mean 'condition'"):
        workload("quadratic:conditon=3")
    with pytest.raises(ValueError, match="Invalid condition: 0.5"):
        workload("quadratic:condition=0.5")


def test_the_mean_gradient_of_a_quadratic_is_that_of_f():
    each = workload("quadratic:dimensions=5")
    model, data = each.build(), each.data()
    gradients = [
        torch.autograd.grad(each.loss(model(split.inputs), split.targets), model.theta)[0]
        for split in (data.train, data.validation)
    ]
    assert torch.allclose(*gradients, atol=1e-5)


def test_fashion_mnist_is_told_when_it_is_not_to_be_had(monkeypatch, tmp_path):
    from steepest.workloads import fashion_mnist, idx

    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path)
    monkeypatch.setattr(pooch, "retrieve", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(idx.DamagedFile, match="cannot be downloaded .*dataset-fashion-mnist"):
        fashion_mnist.clothes.__wrapped__()


def test_fashion_mnist_is_checked_by_its_hash(monkeypatch, tmp_path):
    import gzip

    from steepest.workloads import fashion_mnist, idx

    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(idx.DamagedFile, match="another SHA-256; remove it"):
        fashion_mnist.clothes.__wrapped__()


def test_the_mails_are_those_of_the_corpus():
    data = workload("spam").data()
    assert [len(split) for split in data.splits.values()] == [4000, 1000, 1046]
    assert sum(int(split.targets.sum()) for split in data.splits.values()) == 1896
    assert set(data.train.inputs.unique().tolist()) == {0.0, 1.0}
    words = data.train.inputs.sum(dim=1)
    assert 100 < words.mean() < 200


class Flipped(Pairs):
    def __getitem__(self, i):
        x = torch.arange(3.0)
        return (x.flip(0) if torch.rand(()) < 0.5 else x), i % 2


def test_a_dataset_that_draws_at_random_is_told_with_the_cure():
    with pytest.warns(splitting.DrawnOnce, match="the test split gives other inputs .*augment=FUNCTION"):
        as_data((Pairs(), Flipped()))


@pytest.mark.filterwarnings("default")
def test_on_the_command_line_the_note_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flipped = "class Flipped(torch.utils.data.Dataset):\n    def __len__(self): return 60\n"
    flipped += "    def __getitem__(self, i): return torch.randn(4), i % 2\n"
    Path("mine.py").write_text(
        SOUND.replace("def data", flipped + "\ndef data").replace("r(4, 2), data", "r(5, 2), Flipped")
    )
    assert main(["race", "mine.py"]) == 2
    note, error = capsys.readouterr().err.splitlines()
    assert note.startswith("Note: data gives other inputs when it is read again")
    assert "the model on float32 inputs of shape (2, 4) failed" in error


def shaken(inputs, targets):
    return inputs.add_(torch.randn_like(inputs)), targets  # in place, to see that the data stay as they are


def test_augmentation_is_drawn_for_each_step_from_seed_and_step():
    plain, what = (steepest.workload(linear, (X, Y), augment=f) for f in (None, shaken))
    everything, some = slice(None), torch.tensor([5, 3])
    for rows in (everything, some):
        before = plain.batch(rows, seed=1, step=2)
        one, same = what.batch(rows, seed=1, step=2), what.batch(rows, seed=1, step=2)
        assert torch.equal(one.inputs, same.inputs)
        assert 0.3 < (one.inputs - before.inputs).std() < 2
        for seed, step in ((1, 3), (2, 2)):
            assert not torch.equal(one.inputs, what.batch(rows, seed, step).inputs)
    assert torch.equal(what.data().train.inputs, plain.data().train.inputs)
    assert what.fingerprint() != plain.fingerprint()


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (lambda x, y: x, "augment returned a Tensor; it must return a pair"),
        (lambda x, y: (x[:2], y), r"augment returned inputs of shape \(2, 3\) and targets of shape \(8,\)"),
        (lambda x, y: (x + np.random.rand(), y), "augment draws random numbers that torch's seed does not fix"),
        (lambda x, y: (x / nope, y), r"augment failed \(test_own_workloads.py, line \d+\): NameError"),  # noqa: F821
    ],
)
def test_an_augmentation_that_is_none_is_told(augment, words):
    with pytest.raises(ValueError, match=words):
        check(steepest.workload(linear, (X, Y), augment=augment))


def test_a_model_that_sets_the_seed_is_told():
    def seeded():
        torch.manual_seed(0)
        return linear()

    with pytest.warns(SeedSet, match="all seeds have the same initial weights; leave torch.manual_seed out"):
        check(steepest.workload(seeded, (X, Y)))


def test_lazy_layers_have_the_weights_of_the_seed():
    what = steepest.workload(lambda: nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)).eval(), (X, Y))
    with isolated():
        one, same, other = (what.model(seed) for seed in (1, 1, 2))
    assert one.training
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    check(what)


def test_what_a_file_imports_from_its_folder_is_part_of_the_workload(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    for place, text in {
        "mine.py": SOUND.replace("import steepest", "import steepest, torch.nn\nfrom parts_of_mine import layers, x"),
        "parts_of_mine/__init__.py": "from .deep import x",
        "parts_of_mine/deep.py": "import shared_of_mine\nx = 1",
        "parts_of_mine/layers.py": "",
        "shared_of_mine.py": "",
        "stranger.py": "",
    }.items():
        tmp_path.joinpath(place).parent.mkdir(exist_ok=True)
        tmp_path.joinpath(place).write_text(text)
    file = tmp_path / "mine.py"
    names = [str(each.relative_to(tmp_path)) for each in sources.beside(file)]
    assert names == [
        "parts_of_mine/__init__.py",
        "parts_of_mine/deep.py",
        "parts_of_mine/layers.py",
        "shared_of_mine.py",
    ]
    before = workload(str(file)).fingerprint()
    tmp_path.joinpath("stranger.py").write_text("x = 1")
    assert workload(str(file)).fingerprint() == before
    tmp_path.joinpath("shared_of_mine.py").write_text("x = 1")
    assert workload(str(file)).fingerprint() != before


FAILING = """
class Failing(nn.Linear):
    def forward(self, x):
        if {when}:
            raise KeyError("far out")
        return super().forward(x)

inputs = torch.arange(60.0)[:, None].expand(60, 4) / 20
workload = steepest.workload(lambda: Failing(4, 2), lambda: (inputs, data()[1]), batch_size=10)
"""


@pytest.mark.parametrize(
    ("jobs", "when", "words"),
    [
        ("1", "not torch.is_grad_enabled() and (x > 2.3).any()", "judging the model failed (mine.py, line 14)"),
        ("1", "torch.is_grad_enabled() and (x == 0.05).any()", "failed (mine.py, line 14)"),
        ("2", "torch.is_grad_enabled() and (x == 0.05).any()", "failed (mine.py, line 14)"),
    ],
)
def test_a_fault_in_the_midst_of_a_race_is_one_line(jobs, when, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checking, "_telling", lambda split: torch.arange(1))  # nothing is seen in advance
    Path("mine.py").write_text(SOUND + FAILING.format(when=when))
    options = ["--passes", "1", "--rates", "2", "--seeds", "1", "--jobs", jobs, "-o", "adam"]
    assert main(["race", "mine.py", *options]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert words in last
    assert "KeyError: 'far out'" in last


PRINTING = SOUND.replace("lambda: nn", "lambda: print('building') or nn")


def test_the_processes_that_train_neither_print_nor_take_a_file_of_the_folder_for_pythons_own(tmp_path):
    runner = tmp_path / "elsewhere" / "run.py"
    runner.parent.mkdir()
    runner.write_text("import sys\nfrom steepest.cli import main\nsys.exit(main(sys.argv[1:]))\n")
    tmp_path.joinpath("random.py").write_text(PRINTING)
    tmp_path.joinpath("queue.py").write_text("1 / 0")
    options = ["--steps", "1", "--rates", "1", "--seeds", "1", "--jobs", "2", "-o", "sgd,torch.optim.SGD", "--json"]
    command = [sys.executable, str(runner), "race", "random.py", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr.count("Error")) == (0, 0), done.stderr
    assert json.loads(done.stdout)["contenders"]
    assert 0 < done.stderr.count("building") < 20  # while it was tried and decided


def test_what_a_workload_prints_is_no_result(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PRINTING)
    options = ["--steps", "1", "--rates", "1", "--seeds", "1", "--jobs", "1", "-o", "sgd", "--json"]
    assert main(["race", "mine.py", *options]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["contenders"]
    assert "building" in err
