"""The tables of `translate` and its pasted lines against Keras and optax themselves."""

import inspect
import os

import numpy as np
import pytest
import torch

import steepest
from steepest import translate
from steepest.dialects.libraries import constructors
from steepest.dialects.recipe import read_recipe

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
optax = pytest.importorskip("optax")
jax = pytest.importorskip("jax")

STEPS = 60
NOISE = np.random.default_rng(11).normal(size=(STEPS, 6))
GRADIENTS = (NOISE * np.array([1e2, 1.0, 1e-2, 1e-3, 1e-4, 1.0])).astype(np.float32)
START = np.array([0.0, 1.0, 0.0, 1.0, 0.0, -2.0], dtype=np.float32)
LIBRARIES = {"keras": keras.optimizers, "optax": optax}


@pytest.mark.parametrize(
    "constructor", [*constructors("keras"), *constructors("optax")], ids=lambda c: f"{c.shown}{dict(c.says) or ''}"
)
def test_arguments_and_defaults_are_the_librarys(constructor):
    theirs = inspect.signature(getattr(LIBRARIES[constructor.library], constructor.name)).parameters
    names = [name for name in theirs if name != "kwargs"]
    assert list(constructor.parameters) == names
    optional_but_climbs = {"learning_rate"} if constructor.shown == "optax.adadelta" else set()
    required = [n for n in names if theirs[n].default is inspect.Parameter.empty or n in optional_but_climbs]
    assert required == list(constructor.required)
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
    optimizer = eval(
        line.replace("model.parameters()", "[theta]"), {"torch": torch, "steepest": steepest, "theta": theta}
    )
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
        ("optax.nadam(0.01)", "steepest"),
        ("optax.adam(0.01, nesterov=True)", "steepest"),
        ("torch.optim.Adam(model.parameters(), 0.01, weight_decay=0.1)", "optax"),
        ("torch.optim.RMSprop(model.parameters(), centered=True)", "optax"),
        ("torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=0.1, maximize=True)", "optax"),
        ("torch.optim.Adamax(model.parameters(), 0.01)", "optax"),
        ("steepest.optim.Adam(model.parameters(), 0.01, dialect='lecture')", "optax"),
        ("steepest.optim.SGD(model.parameters(), 0.01, momentum=0.9, dialect='lecture')", "keras"),
    ],
)
def test_pasted_lines_do_in_the_library_what_the_source_does_in_its_own(call, to):
    answer = translate(call, to)
    np.testing.assert_allclose(walked(answer.line), walked(call), rtol=2e-4, atol=2e-6)
