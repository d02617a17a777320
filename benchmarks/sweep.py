"""A sweep of learning rates: many trials at once against the same trials one after the other, and against JAX.

    python benchmarks/sweep.py [--models softmax,network,tanh] [--members 72] [--repeats 10] [--part 1] [--steps-only]

Microseconds a step and model, all contenders in turn within one run, on one core, as a process of a race has it:

    plain     a loop in PyTorch for each model by itself, torch's fused optimizers where there are some
    stacked   steepest: one program for all members, eight rules in one stack
    bfloat16  the same with products="bfloat16" (if the processor has such products)
    jax       JAX with optax, vmapped over as many members of the same rules and scanned over the steps (if installed)
    limit     the matrix products alone, by the faster library, and a copy of as many bytes as the rules read and write

Then the whole sweep on all cores, evaluation included, as a race does it: 72 trials on one seed, 24 on a second, then 8
on each of 5 fresh seeds; all passes of the default race for the softmax regression, a part of them for the others.
Seconds by the clock on the wall, and those that processors were busy, which other programs disturb less. Ours count the
start of the processes that train and their compiling, JAX's its compiling alone: it computes in one process, whose
clock starts when everything is imported. The plain loop is extrapolated from 1000 steps of each method and 10
evaluations, half of them before the others and half after them. --part 0.1 makes all runs a tenth as long.
"""

import argparse
import importlib.util
import math
import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import torch
from torch import nn
from turns import machine, medians

from steepest.stopping import criteria
from steepest.study import CONTENDERS
from steepest.study.budget import TUNING_SHARE
from steepest.study.summary import CONFIRMED
from steepest.study.workers import results
from steepest.trial import Trial
from steepest.trial.batches import Batches
from steepest.trial.judge import pieces
from steepest.trial.products import SLOW, fastest_products, times_as_long
from steepest.trial.specification import PHASES
from steepest.trial.stacked import Stacked
from steepest.workloads import WORKLOADS, Workload, accuracy

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
# of a tuning run, and of a final one
PASSES = {"softmax": (10 * TUNING_SHARE, 10), "network": (1.25, 2.5), "tanh": (0.625, 1.25)}
TUNED, SEEDS = 9, 5
PLAIN_STEPS = 500  # of each method, from which the time of the loop is reckoned, twice
CORES = joblib.cpu_count()


def network(widths, activation):
    """Linear layers with this function between them."""
    layers = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def data():
    """MNIST as it is raced."""
    return WORKLOADS["mnist-softmax"].data()


@cache
def workload_of(name):
    """The model on MNIST."""
    return Workload(name, name, partial(network, *MODELS[name][:2]), WORKLOADS["mnist-softmax"].data)


def trials(name, members, until="steps=1000000"):
    """The rates of each method, around its own centre."""
    workload, batch = workload_of(name), MODELS[name][2]
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


def plain(name, methods=METHODS):
    """A step of one model for each method, in PyTorch as one writes it."""
    widths, activation, batch = MODELS[name]
    models = [network(widths, activation) for _ in methods]
    optimizers = [PLAIN[m](model.parameters(), lr=1e-3) for m, model in zip(methods, models, strict=True)]
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


def stacked(name, members, products="float32"):
    """A step of all members at once."""
    training = Stacked([replace(trial, products=products) for trial in trials(name, members)], [0.0] * members)
    rows = torch.randperm(training.batches.examples)[: training.batches.size]
    return lambda: training.step((rows,))


def jax_scan(name, members):
    """Ten steps of all members in JAX, one rule for all; None where it is not installed."""
    try:
        import jax
        from in_jax import advance, start
        from jax import numpy as jnp
    except ImportError:
        return None
    widths, activation, batch = MODELS[name]
    function = jax.nn.relu if activation is nn.ReLU else jnp.tanh
    params = [p.detach().numpy() for p in network(widths, activation).parameters()]
    held = [start(params, dict.fromkeys(METHODS, members // len(METHODS)))]
    rates = dict.fromkeys(METHODS, jnp.logspace(-5, -1, members // len(METHODS)))
    inputs, targets = (jnp.asarray(x.numpy()) for x in (data().train.inputs, data().train.targets))
    rows = jnp.asarray(torch.randperm(len(targets))[: batch * STEPS_OF_A_SCAN].reshape(-1, batch).numpy())

    def steps():
        held[0], values = advance(function, held[0], rates, 1e6, inputs, targets, rows)
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

    @fastest_products()
    def run():
        for product in products:
            product()
        target.copy_(source)

    return run


def steps_of(trial):
    """Its budget."""
    return Batches.of(trial).budget


def sweep(name, part, products="float32"):
    """All trials of a race, or of a part of it: 9 rates of each method, 3 of them again, then 5 fresh seeds."""
    tuning, final = (part * passes for passes in PASSES[name])
    found = trials(name, TUNED * len(METHODS), f"passes={tuning}")
    again = trials(name, CONFIRMED * len(METHODS), f"passes={tuning}")
    found += [replace(t, seed=SEEDS + 1, phase="confirm") for t in again]
    for seed in range(1, SEEDS + 1):
        found += [replace(t, seed=seed, phase="final") for t in trials(name, len(METHODS), f"passes={final}")]
    return [replace(trial, products=products) for trial in found]


def by_seed(name, part):
    """The trials that share seed and batches."""
    groups = {}
    for trial in sweep(name, part):
        groups.setdefault(trial.seed, []).append(trial)
    return groups


def whole_stacked(name, part, products="float32"):
    """Seconds of the sweep in processes as a race runs it, wall and processor, and the mean test accuracy."""
    wall, busy = time.perf_counter(), processor()
    accuracies = []
    for phase in PHASES:
        found = results([trial for trial in sweep(name, part, products) if trial.phase == phase], CORES)
        accuracies = [result.test_acc for _, result in found]
    wall = time.perf_counter() - wall
    joblib.externals.loky.get_reusable_executor().shutdown()  # so that the children's time is known
    return wall, processor() - busy, sum(accuracies) / len(accuracies)


def processor():
    """Seconds that this process and its finished children have computed."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)


def whole_jax(name, part):
    """The same of JAX, in a process of its own with all cores; None where it is not installed."""
    if importlib.util.find_spec("optax") is None:
        return None
    script = Path(__file__).with_name("in_jax.py")
    done = subprocess.run([sys.executable, script, name, str(part)], stdout=subprocess.PIPE, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def whole_plain(name, part):
    """Seconds of the plain loop, wall and processor, extrapolated from some steps of each method."""
    judged = network(*MODELS[name][:2])
    examples = data().validation

    @torch.no_grad()
    def judge():
        for piece, _ in pieces(examples):
            outputs = judged(piece.inputs)
            nn.functional.cross_entropy(outputs, piece.targets).item()
            accuracy(outputs, piece.targets).item()

    a_step = np.mean([measured(plain(name, [method]), PLAIN_STEPS) for method in METHODS], axis=0)
    an_example = measured(judge, 5) / len(examples)
    steps = sum(map(steps_of, sweep(name, part)))
    seen = sum(map(examples_judged, sweep(name, part)))
    return tuple(steps * a_step + seen * an_example)


def examples_judged(trial):
    """How many examples a run is judged on: at the end of each pass, and at its own."""
    train, validation, test = map(len, data().splits.values())
    passes = math.ceil(steps_of(trial) / Batches.of(trial).a_pass)
    return (passes + 2) * validation + train + test * trial.final


def measured(function, times):
    """Seconds of a call, wall and processor."""
    for _ in range(3):
        function()
    wall, busy = time.perf_counter(), time.process_time()
    for _ in range(times):
        function()
    return np.array([time.perf_counter() - wall, time.process_time() - busy]) / times


@contextmanager
def one_core():
    """Inside, all threads share one core, and torch uses one."""
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(cores)})
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    os.sched_setaffinity(0, cores)


def show_steps(name, members, repeats):
    """A step of each way in turn; returns the limit in microseconds."""
    ways = {
        "plain": plain(name),
        "stacked": stacked(name, members),
        "bfloat16": None if times_as_long() > SLOW else stacked(name, members, "bfloat16"),
        "jax": jax_scan(name, members),
        "limit": limit(name, members),
    }
    of = {
        "plain": len(METHODS),
        "stacked": members,
        "bfloat16": members,
        "jax": members * STEPS_OF_A_SCAN,
        "limit": members,
    }
    found = medians({way: step for way, step in ways.items() if step}, repeats)
    us = {way: 1e6 * seconds / of[way] for way, seconds in found.items()}
    times = "  ".join(f"{way} {value:7.1f}" for way, value in us.items())
    against = "".join(f"   {way}/stacked {us[way] / us['stacked']:.2f}" for way in us if way != "stacked")
    print(f"{name:8} step   µs  {times}{against}", flush=True)
    return us["limit"]


def show_whole(name, limit_us, part):
    """The sweep from its first trial to its last result, evaluation included."""
    count = sum(map(steps_of, sweep(name, part)))
    before = whole_plain(name, part)
    ways = {
        "plain": before,
        "stacked": whole_stacked(name, part),
        "bfloat16": None if times_as_long() > SLOW else whole_stacked(name, part, "bfloat16"),
        "jax": whole_jax(name, part),
    }
    ways["plain"] = tuple(np.mean([before, whole_plain(name, part)], axis=0))
    ways = {way: found for way, found in ways.items() if found}
    for place, clock in enumerate(("wall", "processor")):
        times = "  ".join(f"{way} {found[place]:7.1f}" for way, found in ways.items())
        ours = ways["stacked"][place]
        against = "".join(f"   {way}/stacked {ways[way][place] / ours:.2f}" for way in ways if way != "stacked")
        floor = 1e-6 * limit_us * count / (CORES if clock == "wall" else 1)
        print(f"{'':8} {clock:9} s  {times}{against}   limit/stacked {floor / ours:.2f}", flush=True)
    accuracies = "  ".join(f"{way} {100 * found[2]:.2f} %" for way, found in ways.items() if len(found) > 2)
    tuning, final = (part * passes for passes in PASSES[name])
    runs = f"{(TUNED + CONFIRMED) * len(METHODS)} runs of {tuning:g} passes and {SEEDS * len(METHODS)} of {final:g}"
    print(f"{'':8} {runs}: {count} steps; mean test accuracy: {accuracies}")


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--members", type=int, default=TUNED * len(METHODS))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--part", type=float, default=1.0)
    parser.add_argument("--steps-only", action="store_true")
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.models.split(","):
        with one_core():
            limit_us = show_steps(name, arguments.members, arguments.repeats)
        if not arguments.steps_only:
            show_whole(name, limit_us, arguments.part)


if __name__ == "__main__":
    main()
