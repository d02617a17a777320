"""One run: against hand-written loops in NumPy, the same bit for bit, ended in time, never timed while it evaluates."""

import math
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

import steepest.trial.alone as trial_module
from small import LINE, SMALL, SMALL_DROPOUT
from steepest.rules import METHODS
from steepest.stopping import Criterion, Progress, criteria, steps_allowed
from steepest.trial import Alone, Trial, run, threads
from steepest.trial.alone import backward
from steepest.trial.batches import Batches
from steepest.trial.course import Record
from steepest.trial.judge import evaluate
from steepest.workloads import Data, workload
from steepest.workloads.randomness import isolated, order

ADAM = Trial(SMALL, "adam", "adam", {"lr": 0.01}, seed=5, until=criteria(["passes=3"]), batch_size=8)


def without_timings(result):
    columns = result.columns()
    del columns["curve"]["seconds"], columns["ms_per_step"]
    return columns


# ------------------------------------------------------------------------------------------------- independent oracles


def line_by_hand(trial, batches_of_a_pass, rates, momentum=0.0, look_ahead=False):
    """Least squares by the lecture's recurrences, in NumPy; returns θ."""
    with isolated():
        theta = Alone(trial).model.weight.detach().numpy().T.copy()
    x, y = (t.numpy() for t in (LINE.data().train.inputs, LINE.data().train.targets))
    v = np.zeros_like(theta)
    rates = iter(rates)
    for batches in batches_of_a_pass:
        for rows in batches:
            at = theta + momentum * v if look_ahead else theta
            gradient = 2 * x[rows].T @ (x[rows] @ at - y[rows]) / len(x[rows])
            v = momentum * v - next(rates) * gradient
            theta = theta + v
    return theta


def loss_at(theta, split):
    return float(np.mean((split.inputs.numpy() @ theta - split.targets.numpy()) ** 2))


def shuffled(seed, passes):
    return [[rows.numpy() for rows in order(seed, 20, number).split(4)] for number in range(passes)]


def check_against(trial, theta):
    result = run(replace(trial, phase="final"))
    assert result.train_loss == pytest.approx(loss_at(theta, LINE.data().train), rel=1e-12)
    assert result.val_loss == pytest.approx(loss_at(theta, LINE.data().validation), rel=1e-12)
    assert result.val_acc == pytest.approx(-loss_at(theta, LINE.data().validation), rel=1e-12)
    assert result.test_acc == pytest.approx(-loss_at(theta, LINE.data().test), rel=1e-12)


def test_batch_gradient_descent_follows_the_mean_gradient_over_all_examples():
    trial = Trial(LINE, "gd", "sgd", {"lr": 0.2}, seed=0, until=criteria(["passes=7"]), batch_size=None)
    assert run(trial).steps == 7
    check_against(trial, line_by_hand(trial, [[np.arange(20)]] * 7, [0.2] * 7))


def test_stochastic_gradient_descent_follows_the_shuffled_batches():
    trial = Trial(LINE, "sgd", "sgd", {"lr": 0.1}, seed=3, until=criteria(["passes=2"]), batch_size=4)
    assert run(trial).steps == 10
    check_against(trial, line_by_hand(trial, shuffled(3, 2), [0.1] * 10))


def test_a_schedule_sets_the_rate_of_every_step_and_ends_with_the_budget():
    until = criteria(["passes=2"])
    trial = Trial(LINE, "momentum", "momentum", {"lr": 0.05}, 3, until, schedule="linear", batch_size=4)
    rates = [0.05 * ((1 - k / 10) + 0.01 * k / 10) for k in range(10)]
    check_against(trial, line_by_hand(trial, shuffled(3, 2), rates, momentum=0.9))


def test_nesterov_is_judged_at_theta_although_its_gradients_are_taken_ahead():
    until = criteria(["passes=2"])
    trial = Trial(LINE, "nesterov", "nesterov", {"lr": 0.05, "momentum": 0.8}, seed=3, until=until, batch_size=4)
    check_against(trial, line_by_hand(trial, shuffled(3, 2), [0.05] * 10, momentum=0.8, look_ahead=True))


@pytest.mark.parametrize("chunk", [1, 7, 20, 1000])
def test_the_gradient_over_all_examples_does_not_depend_on_the_chunk(chunk):
    torch.manual_seed(0)
    model = nn.Linear(2, 1, dtype=torch.float64)
    examples = LINE.data().train
    expected = torch.autograd.grad(LINE.loss(model(examples.inputs), examples.targets), list(model.parameters()))
    loss = backward(model, LINE, examples, chunk)
    assert loss == pytest.approx(LINE.loss(model(examples.inputs), examples.targets).item(), rel=1e-12)
    for p, g in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("chunk", [1, 7, 30, 1000])
def test_an_evaluation_does_not_depend_on_the_chunk(chunk):
    torch.manual_seed(0)
    model, split = nn.Linear(4, 3), SMALL.data().validation
    with torch.no_grad():
        outputs = model(split.inputs)
    right = (outputs.argmax(1) == split.targets).sum().item()
    loss, accuracy = evaluate(model, SMALL, split, chunk)
    assert accuracy == pytest.approx(right / 30, rel=1e-12)
    assert loss == pytest.approx(nn.functional.cross_entropy(outputs, split.targets).item(), rel=1e-5)


# -------------------------------------------------------------------------------------------- what the contenders share


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains(method):
    result = run(replace(ADAM, contender=method, method=method, hyperparameters=METHODS[method].defaults))
    assert not result.diverged
    assert result.val_loss < result.validation["loss"][0]


def test_same_seed_same_weights_batches_and_dropout_masks_for_every_contender():
    seen = {}
    for method in ("sgd", "nesterov", "adam", "adadelta"):
        with isolated():
            training = Alone(replace(ADAM, workload=SMALL_DROPOUT, method=method, hyperparameters={}))
            masks = []
            training.model[2].register_forward_hook(lambda m, x, y, masks=masks: masks.append(masks_of(x[0], y)))
            weights = [p.detach().clone() for p in training.model.parameters()]
            batches = [rows.tolist() for number in range(2) for (rows,) in training.batches.of_pass(number)]
            for stretch in training.batches.stretches():
                torch.rand(len(method))  # what a contender draws for itself must not shift the others' masks
                for batch in stretch:
                    training.step(batch)
            seen[method] = weights, batches, masks
    first = seen["sgd"]
    assert len(first[2]) == 24
    for weights, batches, masks in seen.values():
        assert all(torch.equal(a, b) for a, b in zip(weights, first[0], strict=True))
        assert batches == first[1]
        # where the input is 0 in one of two runs the mask cannot be seen
        assert all(((a == b) | (a < 0) | (b < 0)).all() for a, b in zip(masks, first[2], strict=True))
    assert not torch.equal(first[2][0], first[2][1])


def masks_of(inputs, outputs):
    """1 kept, 0 dropped, −1 not to be seen."""
    return torch.where(inputs == 0, -1, (outputs != 0).int())


def test_another_seed_gives_other_weights_and_another_order():
    with isolated():
        a, b = Alone(ADAM), Alone(replace(ADAM, seed=6))
    assert not torch.equal(a.model.weight, b.model.weight)
    (ours,), (theirs,) = (next(each.batches.of_pass(0)) for each in (a, b))
    assert ours.tolist() != theirs.tolist()


@pytest.mark.parametrize("dropout", [False, True])
def test_a_run_repeats_bit_for_bit_with_any_number_of_threads(dropout):
    trial = replace(ADAM, workload=SMALL_DROPOUT if dropout else SMALL)
    expected = without_timings(run(trial))
    torch.manual_seed(123)
    with threads(2):
        assert without_timings(run(trial)) == expected


def test_the_caller_notices_nothing():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    with threads(2), torch.no_grad():
        run(replace(ADAM, workload=SMALL_DROPOUT))
        assert torch.get_num_threads() == 2
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("size", [1, 7, 59, 60, 1000, None])
def test_a_pass_sees_every_example_once_whatever_the_batch_size(size):
    training = Alone(replace(ADAM, batch_size=size))
    rows = [torch.arange(60)[rows] for (rows,) in training.batches.of_pass(0)]
    assert sorted(torch.cat(rows).tolist()) == list(range(60))
    assert len(rows) == training.batches.a_pass == math.ceil(60 / min(size or 60, 60))


@pytest.mark.parametrize("steps", [1, 4, 7, 11, 12, 13])
def test_the_steps_are_as_many_as_the_budget_whatever_the_pass(steps):
    batches = Batches(seeds=(1,), examples=60, size=15, budget=steps)
    assert sum(map(len, batches.stretches())) == steps


def test_who_arrives_has_no_step_at_which_it_diverged():
    assert run(Trial(SMALL, "sgd", "sgd", {"lr": 0.01}, 0, criteria(["steps=3"]), batch_size=8)).diverged_step is None


def test_the_test_split_is_looked_at_only_in_a_final_run():
    data = SMALL.data()
    hidden = replace(SMALL, data=lambda: Data(data.train, data.validation, None))
    assert run(replace(ADAM, workload=hidden)).test_acc is None
    with pytest.raises(ValueError, match="TypeError"):
        run(replace(ADAM, workload=hidden, phase="final"))


# ------------------------------------------------------------------------------------------------ the record of a run


def test_the_curve_is_the_mean_loss_between_its_points():
    result = run(replace(ADAM, until=criteria(["passes=2"]), batch_size=1))
    assert result.curve["step"] == [*range(3, 121, 3)]
    assert result.curve["pass"] == pytest.approx([step / 60 for step in result.curve["step"]])
    assert result.curve["seconds"] == sorted(result.curve["seconds"])
    assert result.validation["pass"] == [0, 1, 2]
    losses = []
    with isolated():
        training = Alone(replace(ADAM, until=criteria(["passes=2"]), batch_size=1))
        for number in range(2):
            losses += [training.step(batch)[0] for batch in training.batches.of_pass(number)]
    assert result.curve["train_loss"] == pytest.approx(
        [np.mean(losses[i : i + 3]) for i in range(0, 120, 3)], rel=1e-12
    )


def test_the_clock_runs_only_for_steps(monkeypatch):
    """Each look at this clock takes a second, and every step looks twice."""
    time = iter(range(10**9))
    monkeypatch.setattr(trial_module, "perf_counter", lambda: next(time))
    original = trial_module.evaluate
    monkeypatch.setattr(trial_module, "evaluate", lambda *given: (next(time), original(*given))[1])
    result = run(ADAM)
    assert result.ms_per_step == 1000
    assert result.curve["seconds"] == result.curve["step"]


def test_every_part_of_the_specification_counts_for_the_key():
    changes = {
        "workload": SMALL_DROPOUT,
        "contender": "other",
        "method": "adamw",
        "hyperparameters": {"lr": 0.02},
        "seed": 6,
        "until": criteria(["passes=4"]),
        "schedule": "linear",
        "batch_size": None,
        "phase": "final",
        "options": {"dialect": "keras"},
        "products": "bfloat16",
    }
    assert set(changes) == set(Trial.__dataclass_fields__)
    keys = {replace(ADAM, **{name: value}).key for name, value in changes.items()}
    assert len(keys | {ADAM.key}) == len(changes) + 1
    assert replace(ADAM).key == ADAM.key


# --------------------------------------------------------------------------------------------------------- divergence


def test_a_diverged_run_stops_at_once_and_counts_as_its_start():
    start = run(replace(ADAM, hyperparameters={"lr": 0.0}, phase="final"))
    wild = run(replace(ADAM, method="sgd", hyperparameters={"lr": 1e6}, until=criteria(["passes=50"]), phase="final"))
    assert wild.diverged
    assert wild.stopped_by == "diverged"
    assert wild.diverged_step == wild.steps < 8
    counted = ("train_loss", "val_acc", "val_loss", "test_acc")
    assert [getattr(wild, n) for n in counted] == pytest.approx([getattr(start, n) for n in counted], rel=1e-6)


@pytest.mark.parametrize(("loss", "stopped_by"), [(19.9, ""), (20.1, "diverged"), (math.nan, "diverged")])
def test_a_loss_above_ten_times_the_first_has_diverged(loss, stopped_by):
    record = Record()
    record.validated(0.0, (2.0, 0.1))
    record.validated(1.0, (loss, 0.1))
    assert record.stopped_by == stopped_by


def test_a_loss_that_is_no_number_ends_the_run_at_its_step():
    def breaks_at_the_third_batch(outputs, targets):
        calls.append(1)
        return nn.functional.cross_entropy(outputs, targets) * (math.nan if len(calls) == before + 3 else 1)

    calls, before = [], 0
    broken = replace(SMALL, loss=breaks_at_the_third_batch)
    # 3 steps of warm-up and one evaluation come first
    before = 4
    result = run(replace(ADAM, workload=broken, batch_size=1))
    assert result.diverged
    assert result.diverged_step == 3
    assert math.isnan(result.curve["train_loss"][-1])


def test_a_model_that_cannot_be_judged_any_more_has_diverged():
    """The last step of a pass may throw the weights anywhere; no batch sees it."""
    result = run(
        replace(ADAM, method="sgd", hyperparameters={"lr": 1e30}, batch_size=None, until=criteria(["steps=1"]))
    )
    assert result.diverged
    assert math.isfinite(result.train_loss)


# -------------------------------------------------------------------------------------------------- stopping criteria


def no_number_at(calls):
    """A metric that is NaN at these calls, counted from 0, which is the one before the first step."""
    number = count()
    return lambda outputs, targets: outputs.sum() * 0 + (math.nan if next(number) in calls else 0.5)


@pytest.mark.parametrize(("calls", "stopped_by"), [([1], "diverged"), ([3], "diverged"), ([4], "passes=3")])
def test_a_metric_that_is_no_number_any_more_has_diverged(calls, stopped_by):
    """It ends the run after its pass; one that is none only in the end counts as its start too."""
    result = run(replace(ADAM, workload=replace(SMALL, metric=no_number_at(calls))))
    assert result.diverged
    assert result.stopped_by == stopped_by
    assert result.val_acc == 0.5


def test_a_metric_that_is_no_number_at_first_is_told():
    with pytest.raises(ValueError, match="the metric of the validation split before the first step is nan"):
        run(replace(ADAM, workload=replace(SMALL, metric=no_number_at([0]))))
    with pytest.raises(ValueError, match="the metric of the train split before the first step is nan"):
        run(replace(ADAM, workload=replace(SMALL, metric=no_number_at([4, 5]))))


class TwoOutputs(nn.Linear):
    def forward(self, x):
        return super().forward(x), {"inputs": x}


def of_the_first(function):
    return lambda outputs, targets: function(outputs[0], targets)


@pytest.mark.parametrize("products", ["float32", "bfloat16"])
def test_a_model_may_have_several_outputs(products):
    several = replace(
        SMALL, build=lambda: TwoOutputs(4, 3), loss=of_the_first(SMALL.loss), metric=of_the_first(SMALL.metric)
    )
    one, two = (run(replace(ADAM, workload=what, products=products)) for what in (SMALL, several))
    assert one.curve["train_loss"] == two.curve["train_loss"]
    assert one.val_acc == two.val_acc


@pytest.mark.parametrize(
    ("until", "steps", "stopped_by"),
    [
        (["passes=2"], 16, "passes=2"),
        (["steps=5"], 5, "steps=5"),
        (["passes=0.5"], 4, "passes=0.5"),
        (["passes=2", "steps=5"], 5, "steps=5"),
        (["passes=2,steps=50"], 16, "passes=2"),
        (["steps=5", "loss=1e-9", "gradient-norm=1e-9"], 5, "steps=5"),
        (["passes=9", "loss=1e9"], 1, "loss=1000000000"),
        (["gradient-norm=1e9", "passes=9"], 1, "gradient-norm=1000000000"),
    ],
)
def test_the_first_criterion_met_ends_the_run(until, steps, stopped_by):
    result = run(replace(ADAM, until=criteria(until)))
    assert (result.steps, result.stopped_by) == (steps, stopped_by)
    assert result.curve["step"][-1] == steps
    assert result.validation["pass"][-1] == steps / 8


def test_a_target_ends_a_run_where_the_curve_reaches_it():
    long = run(replace(ADAM, until=criteria(["passes=20"])))
    target = long.curve["train_loss"][60]
    short = run(replace(ADAM, until=criteria(["passes=20", f"loss={target!r}"])))
    assert short.steps == next(i for i, loss in enumerate(long.curve["train_loss"], start=1) if loss <= target) <= 61


def test_the_gradients_norm_is_that_of_all_parameters_together():
    with isolated():
        training = Alone(replace(ADAM, workload=SMALL_DROPOUT, until=criteria(["steps=9", "gradient-norm=1e-9"])))
        training.step((torch.arange(8),))
        norm = training.gradient_norms()[0]
    flat = torch.cat([p.grad.flatten() for p in training.model.parameters()])
    assert norm == pytest.approx(flat.norm().item(), rel=1e-5)


def test_a_criterion_is_never_met_by_nan():
    nowhere = Progress(passes=math.nan, steps=0, loss=math.nan, gradient_norm=math.nan)
    assert not any(c.met(nowhere) for c in criteria(["passes=1,steps=1,loss=1,gradient-norm=1"]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pases=3", r"unknown stopping criterion 'pases'; did you mean 'passes'\?"),
        ("passes", "Invalid stopping criterion 'passes'; write passes=NUMBER"),
        ("loss=low", "Invalid stopping criterion 'loss=low'; write loss=NUMBER"),
        ("loss=-1", "Invalid loss: -1"),
        ("loss=nan", "Invalid loss: nan"),
        ("passes=inf", "Invalid passes: inf"),
        ("steps=2.5", "Invalid steps: 2.5; allowed is a whole number"),
    ],
)
def test_a_bad_criterion_is_one_clear_line(text, words):
    with pytest.raises(ValueError, match=words):
        criteria([text])


def test_a_run_needs_a_budget():
    with pytest.raises(ValueError, match="might never end"):
        run(replace(ADAM, until=criteria(["loss=0.1"])))


def test_steps_allowed_is_the_smallest_budget_rounded_up():
    assert steps_allowed(criteria(["passes=0.3,steps=1000"]), 391) == 118
    assert steps_allowed([Criterion("steps", 7)], 391) == 7


def test_a_criterion_in_words_is_the_same_criterion():
    for steps in (1234567, 1234568):
        assert criteria([str(Criterion("steps", steps))]) == (Criterion("steps", steps),)


# -------------------------------------------------------------------------------------------------------------- MNIST


def test_adam_exceeds_97_percent_on_mnist():
    until = criteria(["passes=5"])
    result = run(Trial(workload("mnist"), "adam", "adam", {"lr": 3.16e-3}, seed=0, until=until, phase="final"))
    assert result.test_acc > 0.97
