"""The tables of `translate` and its pasted lines against Keras and optax themselves."""

import inspect
import os
from operator import attrgetter

import numpy as np
import pytest
import torch

import peers
import steepest
from steepest import translate
from steepest.dialects.libraries import constructors
from steepest.dialects.recipe import read_recipe
from steepest.dialects.refusals import FOREIGN

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")
schedulefree = pytest.importorskip("schedulefree")

STEPS = 60
NOISE = np.random.default_rng(11).normal(size=(STEPS, 6))
GRADIENTS = (NOISE * np.array([1e2, 1.0, 1e-2, 1e-3, 1e-4, 1.0])).astype(np.float32)
START = np.array([0.0, 1.0, 0.0, 1.0, 0.0, -2.0], dtype=np.float32)
LIBRARIES = {"keras": keras.optimizers, "optax": optax, "schedulefree": schedulefree}


@pytest.mark.parametrize(
    "constructor",
    [c for library in ("keras", "optax", "schedulefree") for c in constructors(library) if "legacy." not in c.name],
    ids=lambda c: f"{c.shown}{dict(c.says) or ''}",
)
def test_arguments_and_defaults_are_the_librarys(constructor):
    theirs = inspect.signature(attrgetter(constructor.name)(LIBRARIES[constructor.library])).parameters
    names = [name for name in theirs if name != "kwargs"]
    assert list(constructor.parameters) == names
    required = {n for n in names if theirs[n].default is inspect.Parameter.empty} - {"params"}
    optional_but_climbs = {"learning_rate"} if constructor.shown == "optax.adadelta" else set()
    assert required | optional_but_climbs == set(constructor.required)
    if constructor.says:
        return
    given = ", ".join(f"{name}=0.25" for name in constructor.required)
    numbers = read_recipe(f"{constructor.shown}({given})").followed.numbers
    for name, ours in constructor.parameters.items():
        if ours in numbers and name not in constructor.required:
            assert numbers[ours] == (theirs[name].default or 0.0), name


def with_keras(line):
    optimizer = eval(line, {"keras": keras})
    theta = keras.Variable(START.copy())
    optimizer.build([theta])
    for g in GRADIENTS:
        optimizer.apply([torch.tensor(g)], [theta])
    return theta.value.detach().numpy()


def with_optax(line):
    optimizer = eval(line, {"optax": optax})
    state, theta = optimizer.init(START), START

    @jax.jit
    def step(theta, state, g):
        updates, state = optimizer.update(g, state, theta)
        return optax.apply_updates(theta, updates), state

    for g in GRADIENTS:
        theta, state = step(theta, state, g)
    return np.asarray(theta)


def with_torch(line):
    theta = torch.nn.Parameter(torch.tensor(START))
    known = {"torch": torch, "steepest": steepest, "schedulefree": schedulefree, "theta": theta}
    optimizer = eval(line.replace("model.parameters()", "[theta]"), known)
    if hasattr(optimizer, "train"):
        optimizer.train()
    for g in GRADIENTS:
        theta.grad = torch.tensor(g)
        optimizer.step()
    return theta.detach().numpy()


def walked(line):
    return {"keras": with_keras, "optax": with_optax}.get(line.partition(".")[0], with_torch)(line)


@pytest.mark.parametrize(
    ("call", "to"),
    [
        ("keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.1)", "optax"),
        ("keras.optimizers.SGD(0.01, momentum=0.9)", "torch"),
        ("keras.optimizers.SGD(0.01, global_clipnorm=0.5)", "optax"),
        ("keras.optimizers.RMSprop(0.01, momentum=0.9)", "optax"),
        ("keras.optimizers.Adagrad(0.1)", "torch"),
        ("keras.optimizers.Adadelta(0.5)", "torch"),
        ("keras.optimizers.Lion(0.01, weight_decay=0.1)", "optax"),
        ("optax.adagrad(0.1)", "torch"),
        ("optax.adamw(0.01, weight_decay=0.1)", "torch"),
        ("optax.rmsprop(0.01, decay=0.95, eps_in_sqrt=False)", "torch"),
        ("optax.rmsprop(0.01, centered=True, eps_in_sqrt=False)", "torch"),
        ("optax.sgd(0.01, momentum=0.9)", "keras"),
        ("optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.01))", "steepest"),
        ("optax.chain(optax.add_decayed_weights(0.1), optax.adam(0.01))", "torch"),
        ("optax.sign_sgd(0.01)", "steepest"),
        ("steepest.optim.Lion(model.parameters(), 0.01, betas=(0.0, 0.0), weight_decay=0.1)", "optax"),
        ("optax.nadam(0.01)", "steepest"),
        ("optax.nadamw(0.01, b2=0.99, weight_decay=0.1)", "steepest"),
        ("optax.radam(0.01, b2=0.9)", "steepest"),
        ("optax.yogi(0.01, b2=0.9)", "steepest"),
        ("optax.adabelief(0.01, b2=0.9)", "steepest"),
        ("optax.adan(0.01, b2=0.9, weight_decay=0.1)", "steepest"),
        ("optax.lamb(0.01, b2=0.9, weight_decay=0.1)", "steepest"),
        ("keras.optimizers.Lamb(0.01, beta_2=0.9)", "optax"),
        ("keras.optimizers.Lamb(0.01, beta_2=0.9, weight_decay=0.1)", "steepest"),
        ("torch.optim.NAdam(model.parameters(), momentum_decay=1.0)", "keras"),
        ("optax.contrib.schedule_free_sgd(0.1, b1=0.8, weight_decay=0.1)", "steepest"),
        ("schedulefree.SGDScheduleFree(model.parameters(), lr=0.1, momentum=0.8)", "optax"),
        ("schedulefree.AdamWScheduleFree(model.parameters(), lr=0.1, weight_decay=0.1)", "optax"),
        ("optax.adam(0.01, nesterov=True)", "steepest"),
        ("torch.optim.Adam(model.parameters(), 0.01, weight_decay=0.1)", "optax"),
        ("torch.optim.RMSprop(model.parameters(), centered=True)", "optax"),
        ("torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=0.1, maximize=True)", "optax"),
        ("torch.optim.Adamax(model.parameters(), 0.01)", "optax"),
        ("steepest.optim.Adam(model.parameters(), 0.01, dialect='lecture')", "optax"),
        # where terms vanish, two forms are one
        ("keras.optimizers.SGD(0.01, momentum=0.0, nesterov=True, weight_decay=0.1)", "torch"),
        ("torch.optim.SGD(model.parameters(), 0.01, momentum=0, weight_decay=0.1)", "keras"),
        ("keras.optimizers.RMSprop(0.01, rho=0.0, epsilon=0.0)", "torch"),
        ("keras.optimizers.Adam(0.01, beta_1=0.0, beta_2=0.0, epsilon=0.0)", "torch"),
        ("keras.optimizers.AdamW(0.01, beta_2=0.9, epsilon=0.0, weight_decay=0.5)", "torch"),
        ("optax.adam(0.01, b1=0.0, b2=0.9, eps=0.0, eps_root=0.0)", "keras"),
        ("torch.optim.Adamax(model.parameters(), 0.01, betas=(0.0, 0.5), eps=0.0)", "keras"),
        ("optax.lion(0.01, b1=0.5, b2=0.0, weight_decay=0.5)", "keras"),
        ("steepest.optim.SGD(model.parameters(), 0.01, momentum=0.9, dialect='lecture')", "keras"),
    ],
)
@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of Keras's Nadam on torch
def test_pasted_lines_do_in_the_library_what_the_source_does_in_its_own(call, to):
    answer = translate(call, to)
    np.testing.assert_allclose(walked(answer.line), walked(call), rtol=2e-4, atol=2e-6)


def test_what_is_said_of_optimizers_without_a_counterpart():
    """The lines that a refusal names in their place do the same."""
    rows = torch.nn.Parameter(torch.tensor(START)[:, None])
    sparse = torch.optim.SparseAdam([rows], lr=0.01, eps=1e-3)
    for g in GRADIENTS:
        rows.grad = torch.tensor(g)[:, None].to_sparse(1)
        sparse.step()
    adam = with_torch("steepest.optim.Adam(model.parameters(), lr=0.01, eps=1e-3, dialect='keras')")
    np.testing.assert_allclose(rows.detach()[:, 0], adam, rtol=1e-5)
    lion = with_torch("steepest.optim.Lion(model.parameters(), 0.01, betas=(0.7, 0.7))")
    np.testing.assert_allclose(with_optax("optax.signum(0.01, beta=0.7)"), lion, rtol=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_refused_name_is_there(library):
    """What only TensorFlow's Keras 2 had is not asked for here."""
    for name in FOREIGN[library]:
        assert name.startswith("legacy.") or attrgetter(name)(LIBRARIES[library])


MATRIX = np.arange(6.0).reshape(3, 2) / 4 - 0.5
VECTOR = np.array([1.0, -0.5, 0.25])


def of_both(noise):
    """A step's gradients for the matrix and the vector."""
    return noise.reshape(3, 2), noise[:3]


def muon_of_keras(line):
    keras = peers.keras()
    optimizer = eval(line, {"keras": keras})
    weights = [keras.Variable(each, dtype="float64") for each in (MATRIX, VECTOR)]
    optimizer.build(weights)
    for noise in NOISE[:20]:
        optimizer.apply([torch.tensor(g.copy()) for g in of_both(noise)], weights)
    return [each.value.detach().numpy() for each in weights]


def muon_of_optax(line):
    optimizer = eval(line, {"optax": peers.optax()})
    weights = [jax.numpy.asarray(MATRIX.T), jax.numpy.asarray(VECTOR)]
    state, step = optimizer.init(weights), jax.jit(optimizer.update)
    for noise in NOISE[:20]:
        matrix, vector = of_both(noise)
        updates, state = step([matrix.T, vector], state, weights)
        weights = optax.apply_updates(weights, updates)
    return [np.asarray(weights[0]).T, np.asarray(weights[1])]


def muon_of_ours(line):
    weights = [torch.nn.Parameter(torch.tensor(each)) for each in (MATRIX, VECTOR)]
    optimizer = eval(line.replace("model.parameters()", "weights"), {"steepest": steepest, "weights": weights})
    for noise in NOISE[:20]:
        for weight, g in zip(weights, of_both(noise), strict=True):
            weight.grad = torch.tensor(g.copy())
        optimizer.step()
    return [each.detach().numpy() for each in weights]


@pytest.mark.parametrize(
    "call",
    [
        "optax.contrib.muon(0.02)",
        "optax.contrib.muon(0.02, weight_decay=0.1, adam_b1=0.8, adam_learning_rate=3e-3, eps=1e-3)",
        "optax.contrib.muon(0.02, nesterov=False, adam_weight_decay=0.1, consistent_rms=0.2, beta=0.8)",
        "keras.optimizers.Muon(learning_rate=0.02)",
        "keras.optimizers.Muon(0.02, weight_decay=0.1, epsilon=1e-3, rms_rate=0.3, adam_beta_2=0.9, muon_a=3.0)",
        "keras.optimizers.Muon(0.02, adam_weight_decay=0.1, nesterov=False, momentum=0.8)",
    ],
)
def test_muon_moves_matrices_and_others_as_its_library_does(call):
    line = translate(call, to="steepest").line
    theirs = muon_of_keras if call.startswith("keras") else muon_of_optax
    for mine, its in zip(muon_of_ours(line), theirs(call), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "call",
    [
        "optax.contrib.schedule_free(optax.sgd(0.1), learning_rate=0.1, b1=0.8)",
        "optax.contrib.schedule_free(optax.adamw(0.1, b1=0.0, b2=0.9), 0.1)",
        "optax.contrib.schedule_free(optax.adam(0.1, b1=0.0, eps=1e-3), 0.1, 0.95)",
        "schedulefree.ScheduleFreeWrapper(torch.optim.SGD(model.parameters(), lr=0.1), momentum=0.8)",
        "schedulefree.ScheduleFreeWrapper(torch.optim.SGD(model.parameters(), 0.1), weight_decay_at_y=0.1)",
        "optax.chain(optax.scale_by_adam(b2=0.9), optax.scale(-0.01))",
        "optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(0.8), optax.add_decayed_weights(0.1), "
        "optax.scale_by_learning_rate(0.01))",
        "optax.chain(optax.add_decayed_weights(0.1), optax.trace(decay=0.9, nesterov=True), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_lion(b2=0.9), optax.scale_by_learning_rate(0.01))",
        "optax.chain(optax.scale_by_lion(), optax.add_decayed_weights(0.1), optax.scale(-1), optax.scale(0.01))",
        "optax.chain(optax.scale_by_rms(0.8), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_rss(0.2), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_belief(), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_yogi(), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_radam(b2=0.9), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_adamax(), optax.add_decayed_weights(0.1), optax.scale(-0.01))",
        "optax.chain(optax.scale_by_sign(), optax.scale(-0.01))",
        "optax.chain(optax.add_decayed_weights(0.1), optax.scale(-0.01))",
        "optax.adamw(0.01, nesterov=True, weight_decay=0.1)",
    ],
)
def test_what_stands_around_an_optimizer_is_read_as_its_library_runs_it(call):
    np.testing.assert_allclose(walked(translate(call, to="steepest").line), walked(call), rtol=2e-4, atol=2e-6)


def test_schedulefrees_wrapper_fails_around_adam_and_is_refused():
    line = "schedulefree.ScheduleFreeWrapper(torch.optim.Adam(model.parameters(), betas=(0.0, 0.9)))"
    with pytest.raises(KeyError, match="exp_avg"):
        walked(line)
    with pytest.raises(ValueError, match="find the wrapper's z in their state and fail"):
        translate(line)
