"""A line that makes an optimizer, as it is pasted, run by the library that it is of, on gradients of our choice.

All computes in float64. optax's walk is compiled once for all lines that differ in numbers alone; TensorFlow 1's
optimizers are its documented kernels in 50 digits; those of Keras 2, which is not here, speak through `steepest.optim`.
"""

import ast
import inspect
import warnings
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from mpmath import mpf

import peers
import steepest
import tensorflow_kernels as tensorflow
from steepest.dialects.recipe import read_recipe

STEPS = 10
SHAPE = (3, 4)  # a matrix, for rules that see one
SIZES = np.array([1e3, 1.0, 1e-2, 1e-6, 0.0, 1.0, 1e-8, 1e-4, 3e-4, 1e-3, 0.03, 1e-5])
STILL = 4  # whose gradient is always 0
START = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, -1.0, 2.0, 0.0])
SLOPES = np.where(np.arange(12) == 5, 0.1, 0.0)
NOISE = np.random.default_rng(3).normal(size=(STEPS, 12)) * SIZES
CHANGES = 0.3 + 0.2 * (np.arange(STEPS) ** 2 % 7)  # of the rate: not monotone, so that no constant makes up for it


def walked(line, changing=False):
    """The weights before the first step and after each, as the model holds them while it trains."""
    home = line.partition(".")[0]
    if home == "tf":
        steps = by_tensorflow(line, changing)
    elif home == "keras" and ".legacy." in line:
        steps = by_torch(steepest.translate(line, to="steepest").line, changing)
    else:
        steps = {"keras": by_keras, "optax": by_optax}.get(home, by_torch)(line, changing)
    return np.array([START, *steps])


def takes_a_schedule(line):
    """Whether the rate of this line can change while it trains."""
    return not ("rprop" in line.lower() or "optax.contrib.schedule_free" in line)


def gradient(noise, theta):
    """The gradients of a step; one depends on the point."""
    found = torch.tensor(noise.reshape(SHAPE))
    return found + torch.where(torch.tensor(SLOPES.reshape(SHAPE) > 0), SLOPES.max() * theta.detach(), 0.0)


def by_torch(line, changing):
    theta = torch.nn.Parameter(torch.tensor(START.reshape(SHAPE)))
    model = SimpleNamespace(parameters=lambda: [theta])
    known = {"torch": torch, "steepest": steepest, "model": model}
    if line.startswith("schedulefree"):
        import schedulefree

        known["schedulefree"] = schedulefree
    optimizer = eval(line, known)
    group = optimizer.param_groups[0]  # a second one, for what is no matrix, is empty
    rate = group["initial_lr"] = group["lr"]
    if hasattr(optimizer, "train"):
        optimizer.train()
    for noise, change in zip(NOISE, CHANGES, strict=True):
        if changing:
            group["lr"] = rate * change
        theta.grad = gradient(noise, theta)
        optimizer.step()
        yield theta.detach().numpy().flatten()


def by_keras(line, changing):
    keras = peers.keras()
    theta = keras.Variable(START.reshape(SHAPE), dtype="float64")
    optimizer = eval(line, {"keras": keras})
    if line.startswith("keras.optimizers.ScheduleFree"):
        optimizer.assign_sub = peers.into_new_memory
    optimizer.build([theta])
    rate = float(optimizer.learning_rate)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__", DeprecationWarning)  # of Keras's Nadam on torch
        for noise, change in zip(NOISE, CHANGES, strict=True):
            if changing:
                optimizer.learning_rate = rate * change
            optimizer.apply([gradient(noise, theta.value)], [theta])
            yield theta.value.detach().numpy().flatten()


def by_optax(line, changing):
    template = _Template()
    shape = ast.unparse(template.visit(ast.parse(line, mode="eval")))
    rates = template.rate * (CHANGES if changing else np.ones(STEPS))
    return np.asarray(_optax_walk(shape)(np.array([*template.numbers, 0.0]), rates))


class _Template(ast.NodeTransformer):
    """The line with all arguments written out, and names in the places of its fractions and of the rate."""

    def __init__(self):
        self.numbers, self.rate = [], None

    def visit_Call(self, node):
        name = ast.unparse(node.func)
        if name == "optax.chain":
            return self.generic_visit(node)
        words = [ast.literal_eval(each) for each in node.args]
        bound = inspect.signature(eval(name, {"optax": peers.optax()})).bind(
            *words, **{each.arg: ast.literal_eval(each.value) for each in node.keywords}
        )
        bound.apply_defaults()
        given = {argument: self.named(argument, value) for argument, value in bound.arguments.items()}
        return (
            ast.parse(f"{name}({', '.join(f'{argument}={value}' for argument, value in given.items())})").body[0].value
        )

    def named(self, argument, value):
        if argument == "learning_rate":
            self.rate = value
            return "rate"
        if type(value) is not float:
            return repr(value)
        self.numbers.append(value)
        return f"number[{len(self.numbers) - 1}]"


@cache
def _optax_walk(template):
    optax = peers.optax()
    import jax

    def walk(number, rates):
        rate = (lambda count: rates[count]) if takes_a_schedule(template) else rates[0]
        optimizer = eval(template, {"optax": optax, "number": number, "rate": rate})

        def step(carry, noise):
            theta, state = carry
            slope = SLOPES.reshape(SHAPE).T
            updates, state = optimizer.update(noise + jax.numpy.where(slope > 0, slope * theta, 0.0), state, theta)
            theta = optax.apply_updates(theta, updates)
            return (theta, state), theta.T.flatten()

        theta = jax.numpy.asarray(START.reshape(SHAPE).T)  # a kernel of flax is a weight of torch transposed
        gradients = NOISE.reshape(STEPS, *SHAPE).transpose(0, 2, 1)
        return jax.lax.scan(step, (theta, optimizer.init(theta)), gradients)[1]

    return jax.jit(walk)


KERNELS = {
    "GradientDescentOptimizer": "ApplyMomentum",
    "MomentumOptimizer": "ApplyMomentum",
    "AdagradOptimizer": "ApplyAdagrad",
    "AdadeltaOptimizer": "ApplyAdadelta",
    "RMSPropOptimizer": "ApplyRMSProp",
    "AdamOptimizer": "ApplyAdam",
}


def by_tensorflow(line, changing):
    recipe = read_recipe(line)
    name = recipe.constructor.name
    kernel = tensorflow.KERNELS["ApplyCenteredRMSProp" if recipe.arguments.get("centered") else KERNELS[name]]
    numbers = dict(recipe.followed.numbers)
    rates = [mpf(float(rate)) for rate in numbers.pop("lr") * (CHANGES if changing else np.ones(STEPS))]
    numbers = {n: mpf(x) for n, x in numbers.items() if n in kernel.__code__.co_varnames and n != "weight_decay"}
    if "momentum" in kernel.__code__.co_varnames:
        numbers.setdefault("momentum", mpf(0))
    if kernel is tensorflow.momentum:
        numbers = {**numbers, "nesterov": bool(recipe.arguments.get("nesterov"))}
    columns = []
    for noise, slope, start in zip(NOISE.T, SLOPES, START, strict=True):
        gradients = [mpf(float(g)) for g in noise]
        try:
            path = kernel(gradients, rates, mpf(float(slope)), start=mpf(float(start)), **numbers)
        except ZeroDivisionError:  # 0/0
            path = [np.nan] * STEPS
        columns.append([float(x) for x in path])
    return np.array(columns).T


def apart(a, b):
    """The largest difference of two walks, relative to the way that each weight goes in all.

    Without a small constant, 0/0 moves the weight whose gradient is always 0; what that comes to is not asked.
    """
    if np.isnan(a + b)[:, STILL].any():
        a, b = np.delete(a, STILL, axis=1), np.delete(b, STILL, axis=1)
    with np.errstate(all="ignore"):
        way = np.fmax(np.abs(a - a[0]), np.abs(b - b[0]))
        way = np.nanmax(np.where(np.isnan(way), 0.0, way), axis=0)
        distance = np.abs(a - b) - 1e-13 * np.abs(a[0])
        distance[(np.isnan(a) & np.isnan(b)) | (a == b)] = 0.0
        return float(np.nan_to_num(distance / (way + 1e-300), nan=1.0, posinf=1.0).max())
