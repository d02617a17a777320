"""Learning-rate schedules in `translate`: the rates are those of Keras, optax and torch themselves."""

import math
import os
import random

import numpy as np
import pytest
import torch

import steepest
from steepest import translate
from steepest.dialects.call import read_call
from steepest.dialects.recipe import read_recipe
from steepest.dialects.schedule_rows import SCHEDULES
from steepest.dialects.schedules import UNREAD, read_schedule, write_schedule, write_scheduler

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

BASE = 0.7
STEPS = 45
SINGLE = {"rtol": 2e-5, "atol": 2e-7}  # Keras computes in float32, where 1 + cos loses digits
DOUBLE = {"rtol": 1e-12, "atol": 1e-15}
TORCHS = "torch.optim.lr_scheduler."


def rates_of_keras(line):
    schedule = eval(line, {"keras": keras})
    return [float(schedule(k)) for k in range(STEPS)]


def rates_of_optax(line):
    with jax.enable_x64():
        schedule = eval(line, {"optax": optax})
        return np.broadcast_to(jax.vmap(schedule)(np.arange(STEPS)), STEPS)


def rates_of_torch(line, base=BASE):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = eval(line, {"torch": torch, "optimizer": optimizer, "math": math})
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


RATES = {"keras": rates_of_keras, "optax": rates_of_optax}


def course_of(line):
    if line.startswith(TORCHS):
        line = line.replace("optimizer", f"torch.optim.SGD(p, {BASE})", 1)
        return read_recipe(line).course
    return read_schedule(line)


def agree(line, course):
    """Whether a library's own rates, under a line of it, are those of the course."""
    mine = [course.rate(k) for k in range(STEPS)]
    theirs = RATES.get(line.partition(".")[0], rates_of_torch)(line)
    np.testing.assert_allclose(mine, theirs, **(SINGLE if line.startswith("keras") else DOUBLE), err_msg=line)


def random_value(rng, name, default):
    if name in ("boundaries", "milestones"):
        return rng.choice([[4], [3, 9], [2, 7, 20]])
    if name == "boundaries_and_scales":
        return rng.choice([{4: 0.5}, {9: 0.25, 3: 2.0}])
    if isinstance(default, bool):
        return rng.random() < 0.5
    if name == "decay_steps":
        return rng.randrange(12, 30)  # above what a warm-up takes
    if name.endswith(("_steps", "_begin", "_size", "_iters", "T_max")):
        return rng.randrange(1, 12)
    if name == "power":
        return rng.choice([0.5, 1.0, 2.0])
    if name == "end_value" and default is None:
        return 0.01
    return rng.uniform(0.05, 0.9)


def random_line(rng, row):
    given = {}
    for name, default in row.parameters.items():
        if name in ("optimizer", "last_epoch", "name", *row.only):
            continue
        if isinstance(default, int | float | tuple) and rng.random() < 0.2:
            continue  # at its default
        given[name] = random_value(rng, name, default)
    if "values" in given:
        given["values"] = [rng.uniform(0.05, 0.9) for _ in range(len(given["boundaries"]) + 1)]
    first = ["optimizer"] if row.library == "torch" else []
    return f"{row.shown}({', '.join([*first, *(f'{name}={value!r}' for name, value in given.items())])})"


PLAIN = [row for row in SCHEDULES if row.name not in ("join_schedules", "SequentialLR")]


@pytest.mark.parametrize("row", PLAIN, ids=lambda row: row.shown)
def test_every_schedule_is_read_as_its_library_computes_it_and_written_so_that_each_does_the_same(row):
    rng = random.Random(row.name)
    for _ in range(5):
        line = random_line(rng, row)
        course = course_of(line)
        agree(line, course)
        for library in ("keras", "optax"):
            written = write_schedule(course, library)
            if written and library != row.library:
                agree(written, course)
            assert written or library == "keras" or "T_max" in line or "Inverse" in line, line
        np.testing.assert_allclose(
            rates_of_torch(write_scheduler(course, BASE)), [course.rate(k) for k in range(STEPS)], **DOUBLE
        )


LEVEL = "optax.constant_schedule(0.3)"
FALL = "optax.cosine_decay_schedule(0.5, 9, alpha=0.1)"
UP = "optax.linear_schedule(0.0, 0.5, 6)"
INNER = f"optax.join_schedules([{UP}, {FALL}], [6])"
STEP, WAVE = "lr_scheduler.StepLR(o, 3, gamma=0.5)", "lr_scheduler.CosineAnnealingLR(o, T_max=9, eta_min=0.02)"
RAMP = "lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=6)"


def in_torch(text):
    return text.replace("lr_scheduler.", TORCHS).replace("(o,", "(optimizer,")


@pytest.mark.parametrize(
    "line",
    [
        INNER,
        f"optax.join_schedules([{INNER}, {LEVEL}], [11])",
        f"optax.join_schedules([{INNER}, {LEVEL}], [6])",
        f"optax.join_schedules([{LEVEL}, {INNER}, {UP}], [4, 30])",
        f"optax.join_schedules([{INNER}, {INNER}], boundaries=[3])",
        in_torch(f"lr_scheduler.SequentialLR(o, [{RAMP}, {WAVE}], milestones=[6])"),
        in_torch(f"lr_scheduler.SequentialLR(o, [{WAVE}, {STEP}, {RAMP}], milestones=[12, 25])"),
    ],
)
def test_schedules_one_after_another(line):
    course = course_of(line.replace("optimizer", f"torch.optim.SGD(p, {BASE})", 1))
    agree(line, course)
    assert len(dict(course.pieces)) == len(course.pieces)
    np.testing.assert_allclose(
        rates_of_torch(write_scheduler(course, BASE)), [course.rate(k) for k in range(STEPS)], **DOUBLE
    )
    if written := write_schedule(course, "optax"):
        agree(written, course)


@pytest.mark.parametrize(
    ("line", "library", "written"),
    [
        (
            "optax.linear_schedule(0.5, 0.0, 9)",
            "keras",
            "PolynomialDecay(initial_learning_rate=0.5, decay_steps=9, end",
        ),
        ("optax.exponential_decay(0.7, 9, 0.3)", "torch", "ExponentialLR(optimizer, gamma="),
        ("optax.exponential_decay(0.7, 9, 0.3, staircase=True)", "torch", "StepLR(optimizer, step_size=9, gamma=0.3)"),
        (
            "optax.piecewise_constant_schedule(0.7, {3: 0.5, 9: 0.5})",
            "torch",
            "MultiStepLR(optimizer, milestones=[3, 9]",
        ),
        ("optax.piecewise_constant_schedule(0.7, {3: 0.5, 9: 0.4})", "torch", "LambdaLR("),
        ("optax.polynomial_schedule(0.7, 0.0, 2, 9)", "torch", "PolynomialLR(optimizer, total_iters=9, power=2)"),
        ("optax.linear_schedule(0.35, 0.7, 9)", "torch", "LinearLR(optimizer, start_factor=0.5, total_iters=9)"),
        ("optax.cosine_decay_schedule(0.7, 9)", "torch", "LambdaLR("),  # torch's own rises again
        ("optax.cosine_decay_schedule(0.5, 9)", "keras", "CosineDecay(initial_learning_rate=0.5, decay_steps=9)"),
        ("optax.piecewise_constant_schedule(0.5, {3: 0.5})", "keras", "boundaries=[2], values=[0.5, 0.25]"),
        (INNER, "optax", "warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.5, warmup_steps=6, decay_steps=15"),
        (INNER, "keras", "warmup_target=0.5, warmup_steps=6"),
    ],
)
def test_the_plainest_schedule_is_written(line, library, written):
    course = read_schedule(line)
    found = write_scheduler(course, BASE) if library == "torch" else write_schedule(course, library)
    assert written in found


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("optax.exponential_decay(0.1, 9, 0.0)", "decay_rate of optax.exponential_decay must be above 0"),
        ("optax.exponential_decay(0.1, 9, 0.5, end_value=0.2)", "only of a rate that falls to it"),
        ("optax.exponential_decay(0.1, 9, 1.5, end_value=0.05)", "only of a rate that falls to it"),
        ("optax.warmup_cosine_decay_schedule(0, 0.1, 9, 9)", "must be above its warmup_steps"),
        ("optax.cosine_decay_schedule(0.1, 9, exponent=2.0)", "read with exponent=1.0 only"),
        ("optax.cosine_decay_schedule(0.1, 0)", "decay_steps of .* must be above 0"),
        ("optax.cosine_decay_schedule(0.1, 9.5)", "must be a whole number of steps"),
        ("optax.cosine_decay_schedule(0.1, 1e300)", "must be a whole number of steps"),
        ("optax.cosine_decay_schedule(0.1)", "needs decay_steps"),
        ("optax.cosine_decay_schedule(0.1, 9, 0, 1.0, 5)", "takes 4 arguments, and 5 are given"),
        ("optax.cosine_decay_schedule(0.1, decay_step=9)", "did you mean 'decay_steps'"),
        ("optax.cosine_decay_schedule(0.1, 9, init_value=1)", "gets init_value twice"),
        ("optax.cosine_decay_schedule(-0.1, 9)", "must be a finite number, 0 or above"),
        ("optax.cosine_decay_schedule(True, 9)", "must be a finite number, 0 or above"),
        ("optax.cosine_decay_schedule(1e999, 9)", "init_value of .* must be a finite number, 0 or above"),
        ("optax.cosine_decay_schedule(x, 9)", "must be a finite number, 0 or above"),
        ("optax.constant_schedule(0.0)", "has no rate above 0"),
        ("optax.exponential_decay(0.1, 9, 0.5, staircase=1)", "must be True or False"),
        ("optax.piecewise_constant_schedule(0.1, {0: 0.5})", "whole steps above 0"),
        ("optax.piecewise_constant_schedule(0.1, {3: -0.5})", "whole steps above 0"),
        ("optax.join_schedules([optax.constant_schedule(1.0)], [3])", "1 schedules are joined at 1 steps"),
        ("optax.join_schedules([1.0], [])", "must be a list of schedules"),
        ("optax.join_schedules([f(x)], [])", "f is no schedule that is read"),
        ("optax.join_schedules([optax.sgd(0.1), optax.constant_schedule(1.0)], [3])", "is no schedule that is read"),
        ("keras.optimizers.schedules.PiecewiseConstantDecay([5, 3], [1.0, 2.0, 3.0])", "whole steps above 0 in order"),
        ("keras.optimizers.schedules.PiecewiseConstantDecay([3], [1.0])", "one value more than boundaries"),
        ("keras.optimizers.schedules.PiecewiseConstantDecay([3], [1.0, True])", "a list of finite rates"),
        ("keras.optimizers.schedules.PolynomialDecay(0.1, 9, cycle=True)", "read with cycle=False only"),
        ("keras.optimizers.schedules.CosinDecay(0.1, 9)", "did you mean 'CosineDecay'"),
    ],
)  # fmt: skip
def test_arguments_that_are_refused(line, why):
    with pytest.raises(ValueError, match=why):
        translate(f"optax.sgd({line})")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("LinearLR(o, start_factor=0.0)", "start_factor above 0"),
        ("LinearLR(o, end_factor=2.0)", "between 0 and 1"),
        ("ConstantLR(o, factor=0.0)", "above 0, up to 1"),
        ("ConstantLR(o, factor=1.5)", "above 0, up to 1"),
        ("StepLR(o, 3, last_epoch=5)", "read with last_epoch=-1 only"),
        ("StepLR(opt, 3)", "give the optimizer's line above it"),
        ("StepLR(torch.optim.lr_scheduler.StepLR(o, 3), 3)", "join two schedulers by SequentialLR"),
        ("MultiStepLR(o, [9, 9])", "whole steps above 0 in order"),
        (f"SequentialLR(o, [{STEP}, lr_scheduler.SequentialLR(o, [{STEP}], [])], [5])", "a step ahead, or not at all"),
        ("StepLR(optax.sgd(0.1), 3)", "takes an optimizer of torch's kind"),
        ("StepLR(schedulefree.SGDScheduleFree(p, 0.1), 3)", "averages by its rate"),
        ("StepLR(steepest.optim.Rprop(p, 0.1), 3)", "has its rate in the first step alone"),
    ],
)
def test_schedulers_that_are_refused(line, why):
    with pytest.raises(ValueError, match=why):
        translate(f"s = torch.optim.lr_scheduler.{line}".replace("(o,", "(torch.optim.SGD(p, 0.1),"))


@pytest.mark.parametrize(("library", "name"), [(library, name) for library in UNREAD for name in UNREAD[library]])
def test_schedules_that_are_not_read_are_there_and_say_why(library, name):
    home = {"keras": keras.optimizers.schedules, "optax": optax, "torch": torch.optim.lr_scheduler}[library]
    assert hasattr(home, name)
    prefix = {"keras": "keras.optimizers.schedules.", "optax": "optax.", "torch": TORCHS}[library]
    line = f"{prefix}{name}(torch.optim.SGD(p, 0.1))" if library == "torch" else f"optax.sgd({prefix}{name}(0.1))"
    with pytest.raises(ValueError, match=f"{name} is a schedule that is not read: {UNREAD[library][name]}"):
        translate(line)


def trained_by_torch(answer, gradients):
    theta = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    known = {"torch": torch, "steepest": steepest, "math": math, "p": [theta]}
    line = answer.line or answer.steepest
    optimizer = known["optimizer"] = eval(line.replace("model.parameters()", "p"), known)
    scheduler = eval(answer.scheduler, known)
    for gradient in gradients:
        theta.grad = theta.detach() + torch.tensor(gradient)
        optimizer.step()
        scheduler.step()
    return theta.detach().numpy()


def trained_by_keras(line, gradients):
    theta = keras.Variable(np.ones(3), dtype="float64")
    optimizer = eval(line, {"keras": keras})
    optimizer.build([theta])
    for gradient in gradients:
        optimizer.apply([theta.value.detach() + torch.tensor(gradient)], [theta])
    return theta.value.detach().numpy()


def trained_by_optax(line, gradients):
    optimizer = eval(line, {"optax": optax})
    with jax.enable_x64():
        theta = jax.numpy.ones(3)
        state = optimizer.init(theta)

        @jax.jit
        def step(theta, state, gradient):
            updates, state = optimizer.update(theta + gradient, state, theta)
            return optax.apply_updates(theta, updates), state

        for gradient in gradients:
            theta, state = step(theta, state, gradient)
        return np.asarray(theta)


TRAINED = {"keras": trained_by_keras, "optax": trained_by_optax}
KERAS = "keras.optimizers.schedules."


@pytest.mark.parametrize(
    ("call", "to", "exact"),
    [
        (f"keras.optimizers.Adam({KERAS}CosineDecay(1e-1, 20))", "torch", False),
        (f"keras.optimizers.Adam({KERAS}CosineDecay(0.0, 20, warmup_target=0.1, warmup_steps=9))", "steepest", True),
        (
            f"keras.optimizers.SGD({KERAS}ExponentialDecay(0.2, 5, 0.5, staircase=True), weight_decay=0.1)",
            "torch",
            True,
        ),
        ("optax.adamw(optax.warmup_cosine_decay_schedule(0.0, 0.1, 9, 20), weight_decay=0.1)", "torch", True),
        ("optax.inject_hyperparams(optax.adam)(learning_rate=optax.linear_schedule(0.1, 0.01, 20))", "torch", True),
        ("optax.sgd(optax.linear_schedule(0.1, 0.01, 20), momentum=0.9)", "torch", True),
    ],
)
def test_the_lines_train_as_the_source_does(call, to, exact):
    answer = translate(call, to)
    assert (answer.line is not None) == exact
    gradients = np.random.default_rng(3).normal(size=(30, 3))
    theirs = TRAINED[call.partition(".")[0]](call.replace("1e-8", "1e-08"), gradients)
    np.testing.assert_allclose(trained_by_torch(answer, gradients), theirs, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("to", ["keras", "optax"])
def test_a_scheduler_of_torch_becomes_an_argument(to):
    text = "import torch\no = torch.optim.SGD(p, 0.1, weight_decay=0.1)\ns = torch.optim.lr_scheduler.StepLR(o, 7)"
    answer = translate(text, to)
    assert answer.holds == "always"
    gradients = np.random.default_rng(3).normal(size=(30, 3))
    mine = TRAINED[to](answer.line, gradients)
    np.testing.assert_allclose(mine, trained_by_torch(translate(text), gradients), rtol=1e-5, atol=1e-8)


def test_what_agrees_under_a_constant_rate_alone_is_no_line_with_a_schedule():
    call = f"keras.optimizers.SGD({KERAS}CosineDecay(0.1, 9), momentum=0.9)"
    answer = translate(call)
    assert answer.line is None
    assert "agrees only while the rate is constant" in answer.reasons[0]
    assert translate("keras.optimizers.SGD(0.1, momentum=0.9)").holds == "constant"


def test_what_has_no_schedule_of_these_rates_says_so():
    answer = translate(f"optax.sgd({INNER.replace('[6]', '[5]')})", to="keras")
    assert answer.line is None
    assert "keras has none with these rates" in answer.reasons[0]


def test_a_wave_that_rises_again_is_written_up_to_its_end_and_says_so():
    text = "o = torch.optim.SGD(p, 0.1)\ns = torch.optim.lr_scheduler.CosineAnnealingLR(o, 9)"
    answer = translate(text, to="optax")
    assert "cosine_decay_schedule(init_value=0.1, decay_steps=9)" in answer.line
    assert any("the same up to step 9" in note for note in answer.notes)
    assert not any("same up to" in note for note in translate(text, to="steepest").notes)


def test_the_scheduler_stands_below_the_optimizer_and_in_the_data():
    answer = translate("optax.sgd(optax.cosine_decay_schedule(0.1, 9))")
    assert str(answer).splitlines()[:2] == [answer.line, answer.scheduler]
    assert answer.json()["scheduler"] == answer.scheduler
    assert any("import math" in note for note in answer.notes)
    elsewhere = translate("optax.adam(optax.cosine_decay_schedule(0.1, 9))", to="keras")
    assert not elsewhere.line
    assert elsewhere.scheduler in str(elsewhere)
    assert any("import math" in note for note in elsewhere.notes)
    there = translate("optax.sgd(optax.cosine_decay_schedule(0.1, 9))", to="keras")
    assert there.line
    assert not there.notes
    assert f"`{answer.scheduler}`" in answer._repr_markdown_()
    for rate in ("0.1", "optax.constant_schedule(0.1)"):
        assert translate(f"optax.sgd({rate})").scheduler is None
        assert translate(f"optax.sgd({rate})", to="keras").line == "keras.optimizers.SGD(learning_rate=0.1)"


def test_a_schedule_by_itself_asks_for_its_optimizer():
    with pytest.raises(ValueError, match="give the optimizer's call with it"):
        translate("optax.cosine_decay_schedule(0.1, 9)")
    with pytest.raises(ValueError, match="averages by its rate"):
        translate("optax.contrib.schedule_free_sgd(optax.linear_schedule(0.1, 0.2, 9))")
    assert read_schedule("f(x)") is None
    assert read_call("f(x)").name == "f"


@pytest.mark.parametrize(
    ("call", "scheduler"),
    [
        ("optax.sgd(optax.linear_schedule(0.3, 0.03, 9))", "LinearLR(optimizer, start_factor=1.0, end_factor=0.1, tot"),
        ("optax.sgd(optax.linear_schedule(0.7, 0.49, 9))", "LinearLR(optimizer, start_factor=1.0, end_factor=0.7, tot"),
        (
            "keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([9], [0.3, 0.06]))",
            "MultiStepLR(optimizer, milestones=[10], gamma=0.2)",
        ),
        ("optax.sgd(optax.linear_schedule(0.3, 0.1, 9))", "end_factor=0.33333333333333337, "),
    ],
)
def test_shares_of_a_rate_are_written_without_what_rounding_left_in_them(call, scheduler):
    assert scheduler in translate(call).scheduler
