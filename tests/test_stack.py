"""Trials in a stack: member by member the same as one by one, whatever the model, the rule and the neighbours."""

import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from small import LINE, SMALL, SMALL_DROPOUT
from steepest.kernels.stacked import NotStackable
from steepest.rules import METHODS
from steepest.stopping import criteria
from steepest.trial import Trial, run
from steepest.trial.alone import Alone, undisturbed
from steepest.trial.course import Record, follow
from steepest.trial.layers import ELEMENTWISE
from steepest.trial.stacked import Stacked
from steepest.workloads import WORKLOADS, Data, Workload

RATES = {"sgd": 0.05, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.02, "rmsprop": 0.002, "adadelta": 1.0}


def trials_on(workload: Workload, until="passes=2", batch_size=8, methods=METHODS, **options) -> list[Trial]:
    """Two rates of every method, one of them with a decay."""
    return [
        Trial(
            workload,
            f"{method}-{name}",
            method,
            {**METHODS[method].defaults, "lr": factor * RATES.get(method, 0.002)},
            seed=3,
            until=criteria([until]),
            schedule=name,
            batch_size=batch_size,
            **options,
        )
        for method in methods
        for factor, name in ((1.0, "constant"), (0.3, "linear"))
    ]


def together(trials: list[Trial]):
    with undisturbed():
        return follow(Stacked(trials, [1.0] * len(trials)), [Record() for _ in trials])


def numbers(result):
    columns = result.columns()
    del columns["curve"]["seconds"], columns["ms_per_step"], columns["members"]
    return columns


def assert_close(a, b, rel):
    """Everything but timings, to this relative precision; accuracies may differ where a row lies on the border."""
    assert (a.steps, a.stopped_by, a.diverged_step) == (b.steps, b.stopped_by, b.diverged_step)
    for x, y in ((a.curve, b.curve), (a.validation, b.validation)):
        for name in x.keys() - {"seconds", "accuracy"}:
            assert x[name] == pytest.approx(y[name], rel=rel, nan_ok=True), name
    assert a.train_loss == pytest.approx(b.train_loss, rel=rel)
    assert a.val_loss == pytest.approx(b.val_loss, rel=rel)
    assert a.val_acc == pytest.approx(b.val_acc, rel=rel, abs=2e-2)


# --------------------------------------------------------------------------------------------- every built-in workload


HEAVY = 1_000_000  # weights


def part_of(workload: Workload, dtype: torch.dtype) -> Workload:
    """The workload on a few of its examples, in this precision."""
    data = workload.data()
    few = [split[:n] for split, n in ((data.train, 72), (data.validation, 30), (data.test, 30))]

    def cast(x: torch.Tensor) -> torch.Tensor:
        return x.to(dtype) if x.is_floating_point() else x

    part = Data(*(type(split)(cast(split.inputs), cast(split.targets)) for split in few))
    return replace(workload, build=lambda: workload.build().to(dtype), data=lambda: part)


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "fashion-mnist"])  # is not shipped
@pytest.mark.parametrize(("dtype", "rel"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_a_stack_is_its_members_one_by_one(name, dtype, rel):
    workload = part_of(WORKLOADS[name], dtype)
    heavy = sum(p.numel() for p in workload.build().parameters()) > HEAVY
    methods = ["nesterov", "adam"] if heavy else ["sgd", "nesterov", "adam", "adadelta"]
    trials = trials_on(workload, "passes=1", batch_size=32, methods=methods, phase="final")[:: 2 if heavy else 1]
    for trial, result in zip(trials, together(trials), strict=True):
        assert_close(result, run(trial), rel)
        assert result.test_acc is not None
        assert result.members == len(trials)


def shaken(inputs, targets):
    return inputs.add_(torch.randn_like(inputs)), targets  # in place, to see that the data stay as they are


SHAKEN = replace(SMALL_DROPOUT, name="shaken", augment=shaken)


@pytest.mark.parametrize("workload", [SMALL, SMALL_DROPOUT, SHAKEN, LINE], ids=lambda w: w.name)
@pytest.mark.parametrize("batch_size", [7, None])
def test_every_rule_has_its_place_in_a_stack(workload, batch_size):
    trials = trials_on(workload, batch_size=batch_size)
    rel = 1e-9 if workload is LINE else 1e-4
    for trial, result in zip(trials, together(trials), strict=True):
        assert_close(result, run(trial), rel)


@pytest.mark.parametrize("workload", [SMALL, SMALL_DROPOUT, SHAKEN, LINE], ids=lambda w: w.name)
@pytest.mark.parametrize("batch_size", [7, None])
def test_a_stack_may_hold_several_seeds(workload, batch_size):
    one = trials_on(workload, batch_size=batch_size, methods=["nesterov", "adam"], phase="final")
    another = [replace(trial, seed=8) for trial in one[:3]]
    found = together([*one, *another])
    rel = 1e-9 if workload is LINE else 1e-4
    for trial, result in zip([*one, *another], found, strict=True):
        assert_close(result, run(trial), rel)
        assert result.test_acc == pytest.approx(run(trial).test_acc, abs=2e-2)
        assert result.members == 7
    expected = [numbers(result) for result in [*together(one), *together(another)]]
    assert [numbers(result) for result in found] == expected  # not a bit of it depends on the other seed


def test_what_is_trained_on_is_augmented_and_what_is_judged_on_is_not():
    plain, other = (run(trials_on(workload, methods=["sgd"])[0]) for workload in (SMALL_DROPOUT, SHAKEN))
    assert plain.validation["loss"][0] == other.validation["loss"][0]  # of equal initial weights
    assert plain.curve["train_loss"][0] != other.curve["train_loss"][0]


# ------------------------------------------------------------------------------------------------- the models it takes


class Branches(nn.Module):
    """Not a sequence: torch.func carries it."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 3)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        return self.out(self.drop(torch.tanh(self.a(x)) * torch.sigmoid(self.b(x))))


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(9, 3))

    def forward(self, x):
        return self.layers(x.unsqueeze(1))


def deep():
    return nn.Sequential(
        nn.Dropout(0.2),
        nn.Sequential(nn.Linear(4, 6, bias=False), nn.Tanh()),
        nn.Linear(6, 5),
        nn.GELU(),
        nn.Dropout(0.5),
        nn.Linear(5, 3),
    )


def flat():
    return nn.Sequential(nn.Flatten(), nn.Tanh(), nn.Linear(4, 5), nn.Flatten(), nn.Identity(), nn.Linear(5, 3))


def one_tanh_twice():
    tanh = nn.Tanh()
    return nn.Sequential(nn.Linear(4, 6), tanh, nn.Linear(6, 5), tanh, nn.Linear(5, 3))


def one_layer_twice():
    linear = nn.Linear(4, 4)
    return nn.Sequential(linear, nn.Tanh(), linear, nn.ReLU(), nn.Linear(4, 3))


def in_place():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3))


def every_function():
    pairs = [(nn.Linear(4, 4), kind()) for kind in ELEMENTWISE]
    return nn.Sequential(*(layer for pair in pairs for layer in pair), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("build", "way"),
    [
        (Branches, "vmap"),
        (Convolution, "vmap"),
        (one_layer_twice, "vmap"),
        (in_place, "vmap"),
        (deep, "layers"),
        (flat, "layers"),
        (one_tanh_twice, "layers"),
        (every_function, "layers"),
    ],
)
def test_models_of_every_make(build, way):
    trials = trials_on(replace(SMALL, build=build), methods=["sgd", "adam"])
    assert Stacked(trials, [1.0] * 4).route.name == way
    for trial, result in zip(trials, together(trials), strict=True):
        assert_close(result, run(trial), 1e-4)


@pytest.mark.parametrize(
    ("workload", "rel"),
    [(LINE, 1e-9), (SMALL, 1e-4), (replace(SMALL, build=Branches), 1e-4), (replace(SMALL, build=flat), 1e-4)],
    ids=["line", "small", "vmap", "layers"],
)
def test_pieces_of_a_large_batch_add_up(monkeypatch, workload, rel):
    monkeypatch.setattr("steepest.trial.judge.pieces.__defaults__", (7,))
    trials = trials_on(workload, batch_size=None, methods=["sgd", "adam"])
    for trial, result in zip(trials, together(trials), strict=True):
        assert_close(result, run(trial), rel)


def absolute_error(outputs, targets):
    return (outputs - nn.functional.one_hot(targets, 3)).abs().mean()


def number_of_hits(outputs, targets):
    return torch.tensor(float((outputs.argmax(1) == targets).float().mean()))  # float() stops torch.func


@pytest.mark.parametrize("loss", [nn.functional.cross_entropy, absolute_error])
def test_no_gradient_waits_for_a_computer_algebra_system(monkeypatch, loss):
    monkeypatch.setitem(sys.modules, "torch.fx.experimental.symbolic_shapes", None)  # takes two seconds to import
    trials = trials_on(replace(SMALL, build=deep, loss=loss), methods=["sgd"])
    together(trials)
    run(trials[0])


def test_rows_without_a_target_do_not_count():
    def some_without():
        train, *others = SMALL.data().splits.values()
        targets = train.targets.clone()
        targets[::3] = -100  # what cross_entropy leaves out
        return Data(replace(train, targets=targets), *others)

    trials = trials_on(replace(SMALL, data=some_without), methods=["sgd"])
    for trial, result in zip(trials, together(trials), strict=True):
        assert_close(result, run(trial), 1e-4)


@pytest.mark.parametrize("build", [Branches, deep])
def test_losses_and_metrics_of_ones_own(build):
    workload = replace(SMALL, build=build, loss=absolute_error, metric=number_of_hits)
    trials = trials_on(workload, methods=["sgd", "adam"])
    for trial, result in zip(trials, together(trials), strict=True):
        assert_close(result, run(trial), 1e-4)


# ------------------------------------------------------------------------------------------------- rounded products


@pytest.mark.parametrize("build", [Branches, Convolution, deep])
def test_with_rounded_products_a_stack_is_its_members_too(build):
    workload = replace(SMALL, build=build)
    rounded = trials_on(workload, "steps=4", methods=["sgd", "adam"], products="bfloat16")
    exact = together(trials_on(workload, "steps=4", methods=["sgd", "adam"]))
    for trial, result, other in zip(rounded, together(rounded), exact, strict=True):
        alone = run(trial)
        assert_close(result, alone, 2e-2)
        for losses in (result.curve["train_loss"], alone.curve["train_loss"]):
            assert losses == pytest.approx(other.curve["train_loss"], rel=5e-2)
            assert losses != pytest.approx(other.curve["train_loss"], rel=1e-5)


@pytest.mark.parametrize("build", [Branches, deep])
@pytest.mark.parametrize("way", [Alone, lambda trial: Stacked([trial] * 3, [1.0] * 3)], ids=["alone", "stacked"])
def test_models_are_judged_without_rounding(way, build):
    exact, rounded = (
        trials_on(replace(SMALL, build=build), products=products)[0] for products in ("float32", "bfloat16")
    )
    with undisturbed():
        (first, *_), (second, *_) = (way(t).evaluate(t.workload.data().train, [0]) for t in (exact, rounded))
    assert first == second


def hidden():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


@pytest.mark.parametrize("batch_size", [8, None])
@pytest.mark.parametrize("products", ["float32", "bfloat16"])
def test_layers_of_several_seeds_go_through_one_loss_with_the_bits_of_each(monkeypatch, products, batch_size):
    monkeypatch.setattr("steepest.trial.judge.pieces.__defaults__", (7,))  # so that pieces are added up, too
    one = trials_on(replace(SMALL, build=hidden), "steps=6", batch_size, ["sgd", "adam"], products=products)
    another = [replace(trial, seed=8) for trial in one[:3]]
    with undisturbed():
        (part,) = Stacked([*one, *another], [1.0] * 7).parts
    assert part.of_seed == [slice(0, 4), slice(4, 7)]
    found = [numbers(result) for result in together([*one, *another])]
    assert found == [numbers(result) for result in [*together(one), *together(another)]]
    assert found[0] != found[4]


def test_rounded_pieces_of_a_large_batch_add_up(monkeypatch):
    trials = trials_on(replace(SMALL, build=flat), batch_size=None, methods=["sgd"], products="bfloat16")

    def gradients():
        with undisturbed():
            training = Stacked(trials, [1.0, 1.0])
            training.backward(training.parts[0], [SMALL.data().train])
        return training.update.gradients

    whole = gradients()
    monkeypatch.setattr("steepest.trial.judge.pieces.__defaults__", (7,))
    for one, other in zip(whole, gradients(), strict=True):
        torch.testing.assert_close(other, one, rtol=2e-2, atol=2e-2 * float(one.abs().max()))


# -------------------------------------------------------------------------------------------------------- divergence


def test_a_member_that_diverges_leaves_its_neighbours_alone_to_the_bit():
    calm = trials_on(SMALL_DROPOUT, methods=["sgd", "nesterov", "adam", "adadelta"])
    wild = [replace(calm[0], hyperparameters={"lr": rate}) for rate in (1e38, 1e4)]
    with_wild = together([wild[0], *calm[:3], wild[1], *calm[3:]])
    alone = together(calm)
    lost = [with_wild[0], with_wild[4]]
    assert [numbers(r) for r in [*with_wild[1:4], *with_wild[5:]]] == [numbers(r) for r in alone]
    for trial, result in zip(wild, lost, strict=True):
        expected = run(trial)
        assert result.diverged
        assert result.diverged_step == expected.diverged_step
        assert (result.train_loss, result.val_acc) == (expected.train_loss, expected.val_acc)
        assert result.curve["step"] == expected.curve["step"]


def test_members_end_when_their_own_criterion_is_met():
    trials = [replace(t, until=criteria(["passes=3", "loss=0.9", "gradient-norm=0.01"])) for t in trials_on(SMALL)]
    results = together(trials)
    assert len({r.steps for r in results}) > 2
    for trial, result in zip(trials, results, strict=True):
        assert_close(result, run(trial), 1e-4)


def test_equal_members_have_equal_bits_wherever_they_stand():
    trial = trials_on(SMALL_DROPOUT, methods=["adam"])[0]
    others = trials_on(SMALL_DROPOUT)
    first, *_, last = together([trial, *others, trial])
    assert numbers(first) == numbers(last)


# ------------------------------------------------------------------------------------------------- what stays outside


def normalized():
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))


def half_frozen():
    model = deep()
    model[2].weight.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("build", "words"),
    [(normalized, "running statistics"), (half_frozen, "do not train")],
)
def test_what_cannot_be_stacked_says_why(build, words):
    with pytest.raises(NotStackable, match=words):
        Stacked(trials_on(replace(SMALL, build=build)), [1.0] * 18)
