"""Contenders take turns within one run, so that a change of the machine's speed meets all alike."""

import gc
import platform
import random
import statistics
import time
from pathlib import Path

import torch


def medians(steps, repeats, warm_up=3):
    """Median seconds of each, in turn so that a change of the machine's speed meets all alike.

    Each round has an order of its own: whoever follows a contender that has filled the caches pays for it.
    """
    for step in steps.values():
        for _ in range(warm_up):
            step()
    times = {name: [] for name in steps}
    shuffled, order = list(steps), random.Random(0)
    gc.disable()
    for _ in range(repeats):
        order.shuffle(shuffled)
        for name in shuffled:
            start = time.perf_counter()
            steps[name]()
            times[name].append(time.perf_counter() - start)
    gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def machine():
    """The processor, the threads and torch's version in one line."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    model = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), platform.machine())
    return f"{model}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}"
