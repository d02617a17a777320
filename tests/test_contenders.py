"""Contenders as a user asks for them: variants, ranges, TOML files and optimizers from elsewhere."""

import re
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from small import SMALL
from steepest import report
from steepest.cli import main
from steepest.stopping import criteria
from steepest.study import Contender, plan, race, read
from steepest.study.asked import asked, contender, from_file, split
from steepest.study.calls import called_for
from steepest.trial import Trial, run
from steepest.trial.alone import backward, first_model, undisturbed
from steepest.trial.batches import Batches
from steepest.trial.course import Record, follow
from steepest.trial.judge import evaluate
from steepest.trial.stacked import Stacked
from steepest.workloads import WORKLOADS

SHORT = {"passes": 1, "rates": 3, "seeds": 2, "jobs": 1}


class Averaging(torch.optim.SGD):
    """Trains at one point and is judged at another, as schedule-free methods do."""

    modes: list[str] = []  # noqa: RUF012

    def train(self):
        self.modes.append("train")

    def eval(self):
        self.modes.append("eval")


def test_commas_part_contenders_and_their_settings():
    assert split(["adam, sgd:momentum=0.9,schedule=linear", "gd"]) == ["adam", "sgd:momentum=0.9,schedule=linear", "gd"]


def test_a_variant_follows_the_rule_that_its_settings_choose():
    found = contender("sgd:momentum=0.8,schedule=linear,batch_size=16")
    assert found.rule.name == "momentum"
    assert found.hyperparameters(0.5)["momentum"] == 0.8
    assert (found.schedule, found.batch_size, found.tunes) == ("linear", 16, "lr")
    assert contender("sgd:momentum=0.9,nesterov=true").rule.name == "nesterov"
    assert contender("adam:batch_size=all").whole_pass


def test_a_dialect_brings_its_own_defaults():
    keras, own = contender("adagrad:dialect=keras"), contender("adagrad")
    assert keras.rule.defaults["initial_accumulator_value"] == 0.1
    assert keras.rule.defaults["eps"] == 1e-7 != own.rule.defaults["eps"]
    (trial, *_) = called_for(plan(SMALL, [keras], passes=1), [])
    assert trial.options == {"dialect": "keras"}
    assert run(trial).train_loss != run(called_for(plan(SMALL, [own], passes=1), [])[0]).train_loss


def test_a_variant_trains_like_the_method_that_it_is():
    (one, *_), (two, *_) = (
        called_for(plan(SMALL, [who], passes=1), []) for who in (contender("sgd:momentum=0.9,lr=0.01..1"), "momentum")
    )
    from dataclasses import replace

    two = replace(two, hyperparameters={**two.hyperparameters, "lr": one.hyperparameters["lr"]})
    assert run(one).curve["train_loss"] == run(two).curve["train_loss"]


def test_one_range_is_a_grid_from_end_to_end():
    found = contender("adam:lr=1e-4..1e-1")
    values = [found.value(place, 7) for place in range(-3, 4)]
    assert (values[0], values[-1]) == (1e-4, 1e-1)
    assert all(b / a == pytest.approx(10**0.5, rel=0.01) for a, b in pairwise(values))
    assert found.is_grid


def test_several_ranges_are_a_halton_sequence_within_them():
    found = contender("adam:lr=1e-4..1e-1,beta1=0.8..0.99,eps=1e-8..1e-2")
    points = [found.at(place, 9) for place in range(-4, 5)]
    assert not found.is_grid
    for name, low, high in (("lr", 1e-4, 1e-1), ("beta1", 0.8, 0.99), ("eps", 1e-8, 1e-2)):
        values = [point[name] for point in points]
        assert len(set(values)) == 9
        assert all(low <= value <= high for value in values)
        assert max(values) / min(values) > (high / low) ** 0.5 or name == "beta1"
    again = contender("adam:lr=1e-4..1e-1,beta1=0.8..0.99,eps=1e-8..1e-2")
    assert [again.at(place, 9) for place in range(-4, 5)] == points
    outcome_points = [point["beta1"] for point in points]
    assert sum(beta > 0.955 for beta in outcome_points) >= 3  # half of the sequence on the scale of 1 − β


def test_several_ranges_race_with_as_many_trials_as_a_grid(tmp_path):
    race(SMALL, ["adam:lr=1e-4..1e-1,beta1=0.8..0.99", "sgd"], folder=tmp_path, **SHORT)
    runs = read(tmp_path).runs
    tried = {
        name: [r for r in runs if r["contender"] == name and r["phase"] == "tune"] for name in {*map(name_of, runs)}
    }
    assert len({len(own) for own in tried.values()}) == 1
    for own in tried.values():
        assert len({str(r["hyperparameters"]) for r in own}) == len(own)


def name_of(run):
    return run["contender"]


def test_a_toml_file_holds_contenders(tmp_path):
    file = tmp_path / "who.toml"
    file.write_text('[adam]\n[mine]\noptimizer = "adam"\ndialect = "keras"\nlr = "1e-3..1e-1"\nschedule = "cosine"\n')
    plain, mine = from_file(file)
    assert plain == contender("adam")
    assert (mine.name, mine.schedule, mine.ranges) == ("mine", "cosine", (("lr", (1e-3, 1e-1)),))
    assert [c.name for c in asked([f"{file},sgd"])] == ["adam", "mine", "sgd"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "who.toml holds no contenders"),
        ('[a]\noptimizer = "adma"', "who.toml, [a]: unknown contender 'adma'; did you mean 'adam'?"),
        ('[mine]\nlr = "1e-4..1e-1"', "who.toml, [mine]: no optimizer is called so; name one below it"),
        ("[a]\noptimizer = 3", 'optimizer is 3; write it as text, as in optimizer = "adam"'),
        ("[torch.optim.AdamW]", 'a name with dots in quotes: ["torch.optim.AdamW"]'),
        ('[a]\noptimizer = "adam"\nlr = [1e-4, 1e-1]', 'a range is text, as in lr = "1e-4..1e-1"'),
        ('[""]\noptimizer = "adam"', "the name is empty; give the contender one"),
        ('[a]\noptimizer = "adam"\nschedule = ["linear"]', "unknown schedule ('linear',)"),
        ('[a]\noptimizer = "adam"\nlr = 0.1', "[a]: lr = 0.1 leaves nothing to search"),
        ("[a]\n[a]", "who.toml is no TOML file"),
    ],
)
def test_a_mistake_in_a_toml_file_is_told_with_its_table(text, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("who.toml").write_text(text)
    with pytest.raises(ValueError, match=re.escape(words)):
        asked(["who.toml"])


def test_a_contender_has_the_name_of_its_table_also_without_settings(tmp_path):
    file = tmp_path / "who.TOML"
    file.write_text('[mine]\noptimizer = "adam"\n["my sgd"]\noptimizer = "sgd"\n')
    assert [(c.name, c.method) for c in asked([str(file)])] == [("mine", "adam"), ("my sgd", "sgd")]


def test_an_optimizer_of_the_current_folder_races(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    tmp_path.joinpath("optimizers_of_mine.py").write_text("import torch\nclass Mine(torch.optim.SGD): pass\n")
    (mine,) = asked(["optimizers_of_mine.Mine"])
    (trial, *_) = called_for(plan(SMALL, [mine], passes=1), [])
    assert run(trial).steps > 0
    tmp_path.joinpath("broken_of_mine.py").write_text("x = 1\n1 / 0\n")
    with pytest.raises(ValueError, match=r"the import of broken_of_mine failed \(broken_of_mine.py, line 2\): ZeroD"):
        asked(["broken_of_mine.Mine:weight_decay=0.1"])


@pytest.mark.parametrize("name", ["Lion", "ScheduleFreeSGD", "ScheduleFreeAdamW"])
def test_a_class_of_ours_races_by_its_import_path_in_a_stack(name):
    trials = called_for(plan(SMALL, [f"steepest.optim.{name}"], passes=2, rates=2), [])
    with undisturbed():
        together = follow(Stacked(trials, [1.0] * len(trials)), [Record() for _ in trials])
    for trial, result in zip(trials, together, strict=True):
        alone = run(trial)
        assert result.validation["loss"] == pytest.approx(alone.validation["loss"], rel=1e-4)
        assert result.curve["train_loss"] == pytest.approx(alone.curve["train_loss"], rel=1e-4)


def test_any_torch_optimizer_races_by_its_import_path(tmp_path):
    outcome = race(SMALL, ["torch.optim.AdamW:weight_decay=0.1", "torch.optim.NAdam", "adam"], folder=tmp_path, **SHORT)
    names = {row.name for row in outcome.rows}
    assert names == {"torch.optim.AdamW:weight_decay=0.1", "torch.optim.NAdam", "adam"}
    assert all(run["options"] == {"weight_decay": 0.1} for run in read(tmp_path).runs if "AdamW" in run["contender"])


@pytest.mark.parametrize("name", ["SGDScheduleFree", "AdamWScheduleFree"])
def test_schedulefrees_classes_race_and_are_judged_at_the_average(name, tmp_path, capsys, monkeypatch):
    """Only train() and eval() put the right point into the weights."""
    schedulefree = pytest.importorskip("schedulefree")
    monkeypatch.setitem(WORKLOADS, "small", SMALL)
    monkeypatch.setattr(report, "write", lambda folder: folder / "report.html")
    text = f"schedulefree.{name}:warmup_steps=5"
    options = ["--trials", "3", "--seeds", "1", "--jobs", "1", "--passes", "3", "--out", str(tmp_path)]
    assert main(["race", "small", "-o", text, *options]) == 0
    assert f"{text} trains by itself: {name} is not written as a rule" in capsys.readouterr().err
    done = next(run for run in read(tmp_path).runs if run["phase"] == "final")
    trial = Trial(SMALL, "", "", {}, done["seed"], criteria(done["until"]), batch_size=SMALL.batch_size)
    model, batches = first_model(trial), Batches.of(trial)
    optimizer = getattr(schedulefree, name)(model.parameters(), warmup_steps=5, **done["hyperparameters"])
    optimizer.train()
    for number in range(3):
        for (rows,) in batches.of_pass(number):
            optimizer.zero_grad()
            backward(model, SMALL, SMALL.data().train[rows])
            optimizer.step()
    while_training, _ = evaluate(model, SMALL, SMALL.data().validation)
    optimizer.eval()
    at_the_average, _ = evaluate(model, SMALL, SMALL.data().validation)
    assert done["val_loss"] == pytest.approx(at_the_average, rel=1e-6)
    assert abs(while_training - at_the_average) > 1e-3


def test_torchs_adam_trains_like_ours_in_torchs_dialect():
    ours, theirs = (
        run(called_for(plan(SMALL, [text], passes=1), [])[0]).curve["train_loss"]
        for text in ("adam:dialect=torch", "torch.optim.Adam")
    )
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_an_optimizer_is_told_when_the_model_is_judged(monkeypatch):
    monkeypatch.setattr(Averaging, "modes", [])
    trial = called_for(plan(SMALL, [f"{__name__}.Averaging"], passes=1), [])[0]
    Averaging.modes.clear()
    run(trial)
    assert Averaging.modes[-2:] == ["eval", "train"]
    assert Averaging.modes[0] == "train"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adma", "unknown contender 'adma'; did you mean 'adam'?"),
        ("adam:lr", "'lr' is no setting; write name=value"),
        ("adam:bta1=0.3", "bta1"),
        ("adam:schedule=lienar", "did you mean 'linear'"),
        ("adam:lr=1..0.1", "the lower one first"),
        ("adam:lr=a..b", "write low..high"),
        ("adam:lr=1e-3..inf", "both ends are numbers above 0"),
        ("adam:lr=0.01", "adam:lr=0.01: lr = 0.01 leaves nothing to search; write lr=low..high"),
        ("adam:beta1=0.8..0.9", "lr is neither searched nor given; add lr=low..high"),
        ("torch.optim.AdamW:lr=0.01", "lr = 0.01 leaves nothing to search"),
        ("adam:beta1=0.8..1.5,lr=0.1", "adam:beta1=0.8..1.5,lr=0.1: Invalid beta parameter at index 0: 1.5"),
        ("adam:lr=1..2,lr=2..3", "lr is given twice; leave one out"),
        ("rprop", "unknown contender 'rprop'; write steepest.optim.Rprop"),
        ("torch.optim.AdamW:nope=1..2,lr=1..2", "unknown hyperparameter 'nope'"),
        ("who.toml:lr=1..2", "settings of contenders in a file stand in the file"),
        (".", "'.' is no import path; allowed is one such as torch.optim.AdamW"),
        ("..x", "'..x' is no import path"),
        ("adam:wd=1e-4..1e-2,lr=0.1", "unknown hyperparameter 'wd'"),
        ("adam:dialect=kears", "unknown dialect 'kears'"),
        ("adam:batch_size=0", "Invalid batch size: 0"),
        ("torch.optim.Adamm", "is no torch.optim.Optimizer class"),
        ("no_such_module.Adam", "cannot be imported"),
        ("torch.optim.AdamW:nope=3", "cannot race: TypeError"),
        ("torch.optim.LBFGS", "cannot race: its step asks for a closure"),
        ("who.toml", "who.toml cannot be read"),
    ],
)
def test_a_contender_that_cannot_race_is_told_in_one_line(text, words, capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(WORKLOADS, "small", SMALL)
    monkeypatch.chdir(tmp_path)
    assert main(["race", "small", "-o", text]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert words in err


def test_an_optimizer_is_tried_on_the_weights_that_it_will_train():
    matrices = replace(SMALL, build=lambda: nn.Linear(4, 3, bias=False))
    assert plan(matrices, ["torch.optim.Muon"]).contenders[0].method == "torch.optim.Muon"
    lazy = replace(SMALL, build=lambda: nn.LazyLinear(3, bias=False))
    assert plan(lazy, ["torch.optim.Muon"]).contenders == plan(matrices, ["torch.optim.Muon"]).contenders
    with pytest.raises(ValueError, match="torch.optim.Muon cannot race: Muon only supports 2D parameters"):
        plan(SMALL, ["torch.optim.Muon"])


def test_two_contenders_need_two_names():
    with pytest.raises(ValueError, match="two different contenders are called 'x'"):
        plan(SMALL, [Contender("x", "sgd"), Contender("x", "adam")])
