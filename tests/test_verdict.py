"""The verdict's sentences, for however many contenders; and the winner's code, which runs."""

import math

import pytest
import torch

from steepest.report import verdict, winner
from steepest.schedules import SCHEDULES
from steepest.stopping import criteria
from steepest.study import CONTENDERS, Study
from steepest.study.header import header
from steepest.study.journal import Journal
from steepest.workloads import workload

LUCK = (0.0, 0.004, -0.003, 0.002, -0.001)
NOISE = (0.0, 0.0002, -0.0001, 0.0001, -0.0002)


def journal(
    means: dict[str, float], seeds: int = 5, wobble: dict | None = None, metric: str = "accuracy", **special
) -> Journal:
    """A race in which each contender has this mean; `wobble` scales how differently luck strikes it."""
    entrants = tuple(CONTENDERS[name] for name in means)
    study = Study(workload("mnist-softmax"), entrants, criteria(["passes=5"]), batch_size=128)
    runs = []
    for place, (name, mean) in enumerate(means.items()):
        runs += [run(name, "tune", 0, mean - 0.01 * abs(p), p) for p in (-1, 0, 1)]
        for seed in range(seeds):
            own = NOISE[(seed + 2 * place) % 5] * (wobble or {}).get(name, 1.0)
            runs.append(run(name, "final", seed + 1, mean + LUCK[seed] + own) | special.get(name, {}))
    head = header(study)
    return Journal(None, {**head, "workload": {**head["workload"], "metric": metric}}, runs)  # type: ignore[arg-type]


def run(name: str, phase: str, seed: int, accuracy: float, place: int = 0) -> dict:
    who = CONTENDERS[name]
    return {
        "key": f"{name} {phase} {seed} {place}",
        "contender": name,
        "phase": phase,
        "seed": seed,
        "hyperparameters": who.hyperparameters(who.value(place)),
        "batch_size": None if who.whole_pass else 128,
        "until": ["passes=5", "loss=0.1"],
        "curve": {"step": [391, 1173], "pass": [1.0, 3.0], "seconds": [1.0, 3.0], "train_loss": [1.0, 0.1]},
        "validation": {"pass": [0, 1], "accuracy": [0.1, accuracy], "loss": [2.3, 0.1]},
        "train_loss": 0.1,
        "val_acc": accuracy,
        "val_loss": 0.1,
        "test_acc": accuracy if phase == "final" else None,
        "steps": 1173,
        "ms_per_step": 1.0,
        "diverged": False,
        "diverged_step": None,
    }


DIVERGED = {"diverged": True, "diverged_step": 3, "test_acc": 0.1, "val_acc": 0.1}


def said(*arguments, **more) -> str:
    return " ".join(verdict(journal(*arguments, **more)))


def test_two_that_are_apart():
    text = said({"sgd": 0.95, "adam": 0.97})
    assert text == (
        "adam at 0.001 wins with a test accuracy of 97.04 ± 0.28 % (mean ± sd over 5 seeds); "
        "it beats sgd by 1.97 to 2.03 points."
    ), text


def test_two_that_are_not():
    text = said({"sgd": 0.97, "adam": 0.97001})
    assert text == (
        "adam at 0.001 and sgd at 0.3 are not separated. The highest mean is that of adam, a test accuracy of "
        "97.04 ± 0.28 % (mean ± sd over 5 seeds)."
    )


def test_two_together_beat_a_third():
    text = said({"adagrad": 0.965, "momentum": 0.97, "adam": 0.97001})
    assert text.startswith(
        "adam at 0.001 and momentum at 0.03 are not separated; both beat adagrad by 0.46 to 0.54 points. "
    ), text


def test_three_together_beat_two():
    text = said({"adam": 0.97001, "momentum": 0.97, "sgd": 0.97002, "gd": 0.6, "adagrad": 0.965})
    assert "are not separated; all three beat adagrad by " in text
    assert " points and gd by 36.9 to 37.1 points" in text


def test_one_beats_many():
    names = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "gd")
    text = said({name: 0.9 + 0.01 * i for i, name in enumerate(names)} | {"adam": 0.98})
    assert "it beats the other six by " in text
    assert "points at least." in text


def test_nobody_is_separated():
    text = said({"adam": 0.97001, "momentum": 0.97, "sgd": 0.97002})
    assert text.startswith("No two of the three contenders are separated: sgd at 0.3, adam at 0.001 and momentum at ")


def test_one_that_only_the_best_beats():
    """adadelta's noise hides it from momentum, whose own hides it from adam; adam and adadelta are quiet together."""
    text = said({"adadelta": 0.966, "momentum": 0.968, "adam": 0.97}, wobble={"momentum": 30.0})
    assert "adam at 0.001 is first with a test accuracy of 97.04 ± 0.26 % (mean ± sd over 5 seeds); it beats" in text
    assert "beats adadelta by 0.35 to 0.45 points. Not separated from it: momentum, 0.20 points behind." in text


def test_some_who_are_not_separated_from_the_best_but_from_each_other():
    text = said({"adam": 0.972, "momentum": 0.97, "sgd": 0.968}, wobble={"adam": 60.0})
    assert "adam at 0.001 is first with a test accuracy of" in text
    assert "Not separated from it: momentum and sgd, 0.2 to 0.4 points behind." in text


def test_one_far_behind_whose_seeds_scatter():
    means = {"adam": 0.98, "momentum": 0.9799, "nesterov": 0.9798, "sgd": 0.9797, "rmsprop": 0.96, "gd": 0.6}
    wobble = {"momentum": 20.0, "nesterov": 20.0, "sgd": 20.0, "gd": 1000.0}
    text = said(means, wobble=wobble)
    assert text.startswith("adam at 0.001 is first with a test accuracy of 98.0")
    assert "it beats rmsprop by 1.9" in text
    assert "Not separated from it: momentum, nesterov and sgd, 0.01 to 0.03 points behind." in text
    assert text.endswith(" %) is farther behind, but not separated either: the seeds scatter too much.")
    assert "gd (60.0 ± " in text
    assert len(text) < 420


def test_alone_and_with_one_seed():
    assert said({"adam": 0.97}).startswith("Alone in the race, adam at 0.001 reaches a test accuracy of")
    text = said({"adam": 0.97, "sgd": 0.9}, seeds=1)
    assert text == (
        "adam at 0.001 is first with a test accuracy of 97.00 %, sgd at 0.3 second. "
        "With one seed, how much of this is chance cannot be told."
    )


def test_few_seeds_are_said_to_be_few():
    assert "With 3 seeds only large differences show." in said({"adam": 0.97, "sgd": 0.9699}, seeds=3)
    assert "only large" not in said({"adam": 0.97, "sgd": 0.9699})


def test_divergence_is_told():
    text = said({"adam": 0.97, "sgd": 0.9}, sgd=DIVERGED)
    assert "Diverged with the chosen value: sgd in 5 of 5 final runs." in text
    assert said({"adam": 0.97, "sgd": 0.9}, sgd=DIVERGED, adam=DIVERGED) == "Every final run diverged: nobody wins."


def test_the_edge_of_the_grid_is_told():
    found = journal({"adam": 0.97, "sgd": 0.9})
    found.runs.append(run("adam", "tune", 0, 0.99, place=2))
    assert "largest" not in " ".join(verdict(found))  # it was not chosen
    adam = CONTENDERS["adam"]
    for each in found.runs:
        if (each["contender"], each["phase"]) == ("adam", "final"):
            each["hyperparameters"] = adam.hyperparameters(adam.value(2))
    assert "The chosen value of adam is the largest that was tried" in " ".join(verdict(found))


def test_a_result_that_is_no_share_has_no_points():
    text = said({"adam": -1.0, "sgd": -2.0}, metric="minus squared error")
    assert "%" not in text
    assert "points" not in text
    assert "accuracy" not in text
    assert "a test result (minus squared error) of -1.000 ± 0.003 (mean ± sd over 5 seeds)" in text
    assert "it beats sgd by 0.9997 to 1.0003." in text


def test_before_the_end():
    running = journal({"adam": 0.97, "sgd": 0.9})
    running.runs[:] = [run for run in running.runs if run["phase"] == "tune"]
    assert verdict(running)[1] == "So far adam leads on the validation split with 97.00 %."
    running.runs.clear()
    assert verdict(running)[0] == "No run has finished yet."


@pytest.mark.parametrize("name", CONTENDERS)
def test_the_winner_as_code_makes_that_optimizer(name):
    found = journal({name: 0.97})
    model = torch.nn.Linear(2, 1)
    names: dict = {"model": model}
    exec(winner(found), names)
    who = CONTENDERS[name]
    optimizer, made = names["optimizer"], CONTENDERS[name].hyperparameters(who.value(0))
    group = optimizer.param_groups[0]
    betas = group.get("betas", (None, None))
    given = group | {"beta1": betas[0], "beta2": betas[1]}
    assert {key: given[key] for key in made} == pytest.approx(made)
    if who.schedule != "constant":
        rate = names["scheduler"].schedule
        wanted = SCHEDULES[who.schedule](steps=5 * 391)
        assert [rate.rate(k, 1.0) for k in (0, 100, 1955)] == [wanted.rate(k, 1.0) for k in (0, 100, 1955)]


def test_nobody_has_won_yet():
    assert winner(journal({"adam": 0.97}, adam=DIVERGED)) == ""
    assert winner(journal({"adam": math.nan}, seeds=0)) == ""
