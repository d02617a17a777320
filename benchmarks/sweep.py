"""A sweep of learning rates: many trials at once against the same trials one after the other, and against JAX.

    python benchmarks/sweep.py [--models softmax,network,tanh] [--members 72] [--repeats 20] [--whole]

Microseconds a step and model, all contenders in turn within one run, all on as many threads as torch takes:

    plain     a loop in PyTorch for each model by itself, torch's fused optimizers where there are some
    stacked   steepest: one program for all members, eight rules in one stack
    jax       JAX with optax, vmapped over as many members and scanned over the steps; Adam for all (if installed)
    limit     the matrix products alone, and a copy of as many bytes as the rules read and write

--whole also runs all of it from beginning to end, evaluation included, in processes as a race does.
"""

import argparse
import time
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from turns import machine, medians

from steepest.stopping import criteria
from steepest.study import CONTENDERS
from steepest.study.workers import results
from steepest.trial import Trial
from steepest.trial.stacked import Stacked
from steepest.workloads import Data, Split, Workload

METHODS = ("sgd", "sgd-linear", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam")
MODELS = {
    "softmax": ((784, 10), nn.ReLU, 128),
    "network": ((784, 128, 10), nn.ReLU, 128),
    "tanh": ((784, 256, 64, 10), nn.Tanh, 64),
}
PLAIN = {
    "sgd": partial(torch.optim.SGD, fused=True),
    "sgd-linear": partial(torch.optim.SGD, fused=True),
    "momentum": partial(torch.optim.SGD, momentum=0.9, fused=True),
    "nesterov": partial(torch.optim.SGD, momentum=0.9, nesterov=True, fused=True),
    "adagrad": partial(torch.optim.Adagrad, fused=True),
    "rmsprop": torch.optim.RMSprop,
    "adadelta": torch.optim.Adadelta,
    "adam": partial(torch.optim.Adam, fused=True),
}
ARRAYS = (3, 3, 5, 6, 5, 5, 7, 7)  # read or written by each rule in a step
STEPS_OF_A_SCAN = 10


def network(widths, activation):
    """Linear layers with this function between them."""
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def noise():
    """As many examples as MNIST has, of the same shape."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(70_000, 784, generator=generator)
    targets = torch.randint(10, (70_000,), generator=generator)
    splits = Split(inputs, targets)
    return Data(splits[:50_000], splits[50_000:60_000], splits[60_000:])


DATA = noise()


def data():
    """Loaded once."""
    return DATA


def trials(name, members, until="steps=1000000"):
    """The rates of each method, around its own centre."""
    widths, activation, batch = MODELS[name]
    workload = Workload(name, name, partial(network, widths, activation), data)
    found = []
    for method in METHODS:
        contender = CONTENDERS[method]
        for place in range(-(members // len(METHODS) // 2), members // len(METHODS) - members // len(METHODS) // 2):
            values = contender.hyperparameters(contender.value(place))
            schedule = contender.schedule
            found.append(
                Trial(workload, method, contender.method, values, 0, criteria([until]), schedule, batch_size=batch)
            )
    return found


def plain(name):
    """A step of one model for each method, in PyTorch as one writes it."""
    widths, activation, batch = MODELS[name]
    models = [network(widths, activation) for _ in METHODS]
    optimizers = [PLAIN[m](model.parameters(), lr=1e-3) for m, model in zip(METHODS, models, strict=True)]
    train = data().train
    rows = torch.randperm(len(train))[:batch]

    def step():
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(train.inputs[rows]), train.targets[rows])
            loss.backward()
            optimizer.step()
            loss.item()

    return step


def stacked(name, members):
    """A step of all members at once."""
    training = Stacked(trials(name, members), [0.0] * members)
    rows = torch.randperm(len(training.examples))[: training.batches.size]
    return lambda: training.step(rows)


def jax_scan(name, members):
    """Ten steps of all members in JAX; None where it is not installed."""
    try:
        import jax
        import optax
        from jax import numpy as jnp
    except ImportError:
        return None
    widths, activation, batch = MODELS[name]
    function = jax.nn.relu if activation is nn.ReLU else jnp.tanh
    model = network(widths, activation)
    start = [jnp.asarray(p.detach().numpy()) for p in model.parameters()]
    rule = optax.scale_by_adam()

    def loss(params, x, y):
        for k in range(0, len(params), 2):
            x = x @ params[k].T + params[k + 1]
            x = function(x) if k + 2 < len(params) else x
        return optax.softmax_cross_entropy_with_integer_labels(x, y).mean()

    def one(params, state, rate, x, y):
        value, gradients = jax.value_and_grad(loss)(params, x, y)
        updates, state = rule.update(gradients, state)
        return [p - rate * u for p, u in zip(params, updates, strict=True)], state, value

    @partial(jax.jit, donate_argnums=(0, 1))
    def scan(params, state, inputs, targets):
        def step(carry, rows):
            params, state, value = jax.vmap(one, in_axes=(0, 0, 0, None, None))(*carry, rates, *rows)
            return (params, state), value

        return jax.lax.scan(step, (params, state), (inputs, targets))

    params = [jnp.tile(p, (members, *[1] * p.ndim)) for p in start]
    rates = jnp.logspace(-5, -1, members)
    held = [params, jax.vmap(rule.init)(params)]
    train = data().train
    inputs = jnp.asarray(train.inputs[: batch * STEPS_OF_A_SCAN].reshape(STEPS_OF_A_SCAN, batch, -1).numpy())
    targets = jnp.asarray(train.targets[: batch * STEPS_OF_A_SCAN].reshape(STEPS_OF_A_SCAN, batch).numpy())

    def steps():
        held[:], values = scan(*held, inputs, targets)
        values.block_until_ready()

    return steps


def limit(name, members):
    """The arithmetic and the memory traffic alone: two products for the first layer, three for the others, a copy."""
    widths, _, batch = MODELS[name]
    x = torch.rand(batch, widths[0])
    products, weights = [], 0
    for first, (i, o) in enumerate(pairwise(widths)):
        w, y = torch.rand(members, o, i), torch.rand(members, o, batch)
        h, g = torch.rand(members, i, batch), torch.empty(members, o, i)
        weights += w.numel() + members * o
        if first == 0:
            flat, out = y.view(-1, batch), w.view(-1, i)
            products.append(partial(torch.mm, out, x.t(), out=flat))
            products.append(partial(torch.mm, flat.clone(), x, out=g.view(-1, i)))
        else:
            products.append(partial(torch.bmm, w, h, out=y))
            products.append(partial(torch.bmm, y.clone(), h.transpose(1, 2), out=g))
            products.append(partial(torch.bmm, w.transpose(1, 2), y.clone(), out=h.clone()))
    count = int(weights * sum(ARRAYS) / len(ARRAYS)) // 2
    source, target = torch.rand(count), torch.empty(count)

    def run():
        for product in products:
            product()
        target.copy_(source)

    return run


def whole(name, members, steps):
    """Seconds of the sweep in processes, from the first trial to the last result."""
    started = time.perf_counter()
    count = sum(1 for _ in results(trials(name, members, f"steps={steps}")))
    seconds = time.perf_counter() - started
    print(f"{'':8} whole sweep of {count} trials, {steps} steps each, evaluation included: {seconds:.1f} s")


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--members", type=int, default=72)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.models.split(","):
        members = arguments.members
        steps = {
            "plain": plain(name),
            "stacked": stacked(name, members),
            "jax": jax_scan(name, members),
            "limit": limit(name, members),
        }
        of = {"plain": len(METHODS), "stacked": members, "jax": members * STEPS_OF_A_SCAN, "limit": members}
        found = medians({way: step for way, step in steps.items() if step}, arguments.repeats)
        us = {way: 1e6 * seconds / of[way] for way, seconds in found.items()}
        times = "  ".join(f"{way} {value:7.1f}" for way, value in us.items())
        against = f"   jax/stacked {us['jax'] / us['stacked']:.2f}" if "jax" in us else ""
        print(
            f"{name:8} {times}   plain/stacked {us['plain'] / us['stacked']:.2f}{against}"
            f"   limit/stacked {us['limit'] / us['stacked']:.2f}",
            flush=True,
        )
        if arguments.whole:
            whole(name, members, steps=391)


if __name__ == "__main__":
    main()
