"""Contenders take turns within one run, so that a change of the machine's speed meets all alike."""

import gc
import platform
import random
import statistics
import time
from pathlib import Path

import torch

ITERATIONS = 5  # in one turn


def medians(steps, repeats, warm_up=3, before=None, device="cpu"):
    """Median seconds of each, in turn so that a change of the machine's speed meets all alike.

    A turn is a few iterations: what a contender did one iteration ago is as near to the processor as in a training.
    Each round has an order of its own: whoever follows a contender that has filled the caches pays for it.
    before: for each contender, what happens before every step and is not timed, as a backward pass does.
    """
    finish = finishing(device)
    before = before or dict.fromkeys(steps, lambda: None)
    for name, step in steps.items():
        for _ in range(warm_up):
            before[name]()
            step()
    times = {name: [] for name in steps}
    shuffled, order = list(steps), random.Random(0)
    gc.disable()
    for _ in range(repeats):
        order.shuffle(shuffled)
        for name in shuffled:
            for _ in range(ITERATIONS):
                before[name]()
                finish()
                start = time.perf_counter()
                steps[name]()
                finish()
                times[name].append(time.perf_counter() - start)
    gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def finishing(device):
    """Waits until a device has done what it was told; a CPU has when the call returns."""
    if device == "cpu":
        return lambda: None
    return getattr(torch, torch.device(device).type).synchronize


def machine(device="cpu"):
    """The processor, the threads, another device and torch's version in one line."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), platform.machine())
    if device != "cpu":
        model = f"{getattr(torch, torch.device(device).type).get_device_name(device)}, {model}"
    return f"{model}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}"
