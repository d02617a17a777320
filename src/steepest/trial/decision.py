"""Which trials train as one stack, and which by themselves.

What is decided is plain data. Whoever keeps it and follows it again gets the same bits again, on a machine with other
memory, another number of processes or another speed.
"""

import math
import traceback
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from steepest.kernels.stacked import NotStackable, StackedStep
from steepest.trial.alone import Alone, backward, first_model, undisturbed
from steepest.trial.gradients import ClassFirst, route
from steepest.trial.judge import CHUNK
from steepest.trial.products import BFLOAT16, FLOAT32
from steepest.trial.specification import Trial
from steepest.trial.stacked import Stacked, member, pace
from steepest.trial.unit import ALONE, STACKED, Unit
from steepest.workloads.randomness import reseed
from steepest.workloads.splitting import memory

MEMORY = Path("/proc/meminfo")  # where Linux tells how much is free

SMALL = 2e8  # floating-point operations: below, a step takes less time for them than for everything around them
LARGEST = 128  # members; more bring nothing
FEWEST = 3  # members; with fewer, too few share what a step costs Python
MEASURED = 4  # members of the stack that is timed
SHARE_OF_MEMORY = 0.5
COPIES = 8  # of the weights: the stack, its gradients, θ, slots, and what is made on the way
CLOSE = {FLOAT32: 1e-3, BFLOAT16: 5e-2}
NOISE = (
    1e-6  # of the largest gradient: what rounding leaves of those that are 0, such as a bias's before a normalization
)
SMALL_MODEL, NO_COMPANY = "small model", "nothing else has its batch size and budget"  # reasons that surprise nobody


def decide(trials: Sequence[Trial], jobs: int = 1) -> list[Unit]:
    """The units in which so many processes carry out these trials.

    Trials of one workload, batch size and ending form stacks, where that is possible and pays: for small models it
    does, for others the first steps are measured both ways. A stack has those of one seed side by side: they share
    the batches.
    """
    groups: dict[Any, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(_shared(trial), []).append(trial)
    ways: dict[Any, tuple[str, str]] = {}  # one for all endings
    units: list[Unit] = []
    with undisturbed():
        for group in groups.values():
            rules, others = _parted(group)
            units += [Unit((trial,), ALONE, why) for trial, why in others]
            if not rules:
                continue
            kind = (group[0].workload, group[0].batch_size, group[0].products)
            if len(rules) > 1 and kind not in ways:
                ways[kind] = _way(rules)
            way, why = ways[kind] if len(rules) > 1 else (ALONE, NO_COMPANY)
            size = _size(rules, _share(rules, len(groups), len(trials), jobs), jobs) if way == STACKED else 1
            units += [Unit(tuple(part), way if size > 1 else ALONE, why) for part in _evenly(rules, size)]
    return _no_process_idle(units, jobs)


def recall(trials: Iterable[Trial], decisions: Iterable[Mapping[str, Any]]) -> list[Unit]:
    """The units that were decided before, as far as all their trials are among these."""
    by_key = {trial.key: trial for trial in trials}
    return [
        Unit(tuple(by_key[key] for key in each["members"]), each["way"], each["why"])
        for each in decisions
        if all(key in by_key for key in each["members"])
    ]


def _shared(trial: Trial) -> tuple[Any, ...]:
    return (trial.workload, trial.batch_size, trial.until, trial.phase, trial.products)


def _parted(group: Sequence[Trial]) -> tuple[list[Trial], list[tuple[Trial, str]]]:
    """Those whose optimizer can be a member of a stack, and the others with the reason."""
    parameter = nn.Parameter(torch.zeros(2, 2))
    rules, others = [], []
    for trial in group:
        try:
            StackedStep([member(trial, [parameter])], [parameter.detach().unsqueeze(0)])
            rules.append(trial)
        except NotStackable as why:
            others.append((trial, str(why)))
    return rules, others


def _evenly(trials: Sequence[Trial], size: int) -> list[Sequence[Trial]]:
    """As few parts of at most so many trials as possible, of nearly equal length, and with few seeds in each.

    Where a seed's trials are parted, some of each contender go into each part. Otherwise the contenders that take
    longer would be in one part, and its process the last.
    """
    count = math.ceil(len(trials) / size)
    seeds: dict[int, list[Trial]] = {}
    for trial in trials:
        seeds.setdefault(trial.seed, []).append(trial)
    dealt = [trial for of_seed in seeds.values() for first in range(count) for trial in of_seed[first::count]]
    bounds = [round(len(dealt) * part / count) for part in range(count + 1)]
    return [dealt[start:end] for start, end in pairwise(bounds)]


def _share(group: Sequence[Trial], groups: int, trials: int, jobs: int) -> int:
    """How many members keep all processes busy: each takes a part of every group where there are few of those."""
    part = math.ceil(len(group) / jobs)
    return part if groups < 2 * jobs and part >= FEWEST else math.ceil(trials / jobs)


def _no_process_idle(units: Sequence[Unit], jobs: int) -> list[Unit]:
    """The units, those stacks split over all processes that would be the last for some while the others wait."""
    stacks = sorted((unit for unit in units if unit.way == STACKED), key=lambda unit: len(unit.trials), reverse=True)
    last = stacks[len(stacks) - len(stacks) % jobs :]
    found: list[Unit] = []
    for unit in units:
        split = unit in last and len(unit.trials) >= FEWEST * jobs
        parts = _evenly(unit.trials, math.ceil(len(unit.trials) / jobs)) if split else [unit.trials]
        found += [Unit(tuple(part), unit.way, unit.why) for part in parts]
    return found


def _size(group: Sequence[Trial], share: int, jobs: int) -> int:
    fitting = int(SHARE_OF_MEMORY * _available_memory() / jobs / _bytes_a_member(group[0]))
    return max(1, min(LARGEST, share, fitting))


def _available_memory() -> int:
    try:
        lines = dict(line.split(":") for line in MEMORY.read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError):
        return memory() // 2


def _bytes_a_member(trial: Trial) -> int:
    """What a member of a stack takes, roughly: copies of its weights, and what its layers put out for a chunk."""
    model, outputs = first_model(trial), []
    for layer in model.modules():
        layer.register_forward_hook(lambda _layer, _inputs, y: outputs.append(_bytes(y)))
    with torch.no_grad():
        model(trial.workload.data().train[:2].inputs)
    return COPIES * _bytes(list(model.parameters())) + 3 * sum(outputs) // 2 * CHUNK


def _bytes(found: Any) -> int:
    """Of a tensor, or of those in a tuple or list."""
    if isinstance(found, torch.Tensor):
        return found.nbytes
    return sum(map(_bytes, found)) if isinstance(found, tuple | list) else 0


def _way(group: Sequence[Trial]) -> tuple[str, str]:
    """How these trials train, and why."""
    if reason := why_alone(group):
        return ALONE, reason
    training = Alone(group[0])
    weights = sum(p.numel() for p in training.model.parameters())
    small = 6.0 * weights * min(training.batches.size, CHUNK) <= SMALL
    if small and route(training.model, training.trial).name == ClassFirst.name:
        return STACKED, SMALL_MODEL
    few = group[:MEASURED]
    stacked, alone = (1000 * pace(each) for each in (Stacked(few, [0.0] * len(few)), training))
    times = f"{stacked / len(few):.2g} ms a step and model in a stack of {len(few)}, {alone:.2g} ms alone"
    return (STACKED if stacked / len(few) < alone else ALONE), times


def why_alone(group: Sequence[Trial]) -> str:
    """Why the model of these trials cannot train in a stack; empty when it can.

    One batch is tried both ways: what does not give the gradients that the model has by itself is no stack.
    """
    try:
        stacked, alone = Stacked([group[0]] * 2, []), Alone(group[0])
        (part,), (rows,) = stacked.parts, alone.batches.timing_batch
        examples = group[0].workload.batch(rows, group[0].seed, step=0)
        reseed(group[0].seed, "dropout")
        stacked.backward(part, [examples])
        reseed(group[0].seed, "dropout")
        backward(alone.model, group[0].workload, examples, products=group[0].products)
    except NotStackable as why:
        return str(why)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as fault:
        return f"torch.func cannot take {_layer_in(fault)}: {_first_sentence(fault)}"
    close = CLOSE[group[0].products]
    expected = [torch.zeros_like(p) if p.grad is None else p.grad for p in alone.model.parameters()]
    noise = NOISE * max(float(g.abs().max()) for g in expected)
    for alike, g in zip(stacked.update.gradients, expected, strict=True):
        if not torch.allclose(alike, g, rtol=close, atol=max(close * float(g.abs().max()), noise)):
            return "its gradients in a stack are not those that it has by itself"
    return ""


def _layer_in(fault: Exception) -> str:
    """The kind of the innermost layer that was at work when it came to this."""
    at_work = (frame.f_locals.get("self") for frame, _ in traceback.walk_tb(fault.__traceback__))
    layers = [type(each).__name__ for each in at_work if isinstance(each, nn.Module)]
    return layers[-1] if layers else "it"


def _first_sentence(fault: Exception) -> str:
    return str(fault).partition("\n")[0].partition(". ")[0].removeprefix("vmap: ")
