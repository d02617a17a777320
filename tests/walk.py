"""Trajectories of the plain rules, on floats, NumPy arrays and torch tensors."""

import numpy as np
import pytest

from oracles import SETTINGS
from steepest.schedules import linear


def tensor(x):
    torch = pytest.importorskip("torch")
    return torch.as_tensor(x, dtype=torch.float64)


KINDS = {"array": lambda x: np.array(x, dtype=np.float64), "tensor": tensor}


def digits(rule):
    """The hyperparameters of a rule at which each one matters, as decimal strings."""
    return {h.name: SETTINGS[h.name] for h in rule.hyperparameters}


def settings(rule, **changes):
    """The same as floats, some of them changed."""
    return {name: float(value) for name, value in digits(rule).items()} | changes


def quartic_gradient(x):
    """The gradient of the lecture's f(x) = 0.3x⁴ − 0.1x³ − 2x² − 0.8x."""
    return 1.2 * x * x * x - 0.3 * x * x - 4 * x - 0.8


def start(rule, hyperparameters, theta):
    """The slots with which a rule begins, shaped like θ."""
    return [theta * 0.0 + value for value in rule.initial(hyperparameters, theta).values()]


def walk(rule, theta, gradient, steps, hyperparameters, rate=None):
    """θ after each step; `gradient(point, k)` and `rate(k)` count from 0."""
    slots, memory = start(rule, hyperparameters, theta), dict(rule.memory)
    for k in range(steps):
        now = hyperparameters if rate is None else {**hyperparameters, "lr": rate(k)}
        constants = rule.constants(k + 1, now, memory)
        memory = {name: constants[name] for name in memory}
        g = gradient(rule.point(rule.gradient_point, theta, slots, constants), k)
        theta, *slots = rule.step(theta, g, slots, constants)
        yield theta


def linear_rates(initial):
    """ε_k of the lecture's decay as the oracle has it: to 0.01 ε_0 at τ = 40."""
    return lambda k: linear(40).rate(k, initial)


def off_by(path, exact):
    """The largest relative distance of a path from exact numbers."""
    got, want = np.array([np.asarray(x) for x in path], dtype=np.float64), np.array(exact, dtype=np.float64)
    assert got.shape == want.shape
    return np.max(np.abs(got - want) / np.abs(want))
