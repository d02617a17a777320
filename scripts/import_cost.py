"""Prints what `import steepest` costs beyond `import torch`: the median of several fresh interpreters, in seconds."""

import statistics
import subprocess
import sys

RUNS = 7
TIMED = "import time, torch; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"


def cost(module: str) -> float:
    """Seconds that importing the module takes once torch is there."""
    command = [sys.executable, "-c", TIMED.format(module=module)]
    return statistics.median(float(subprocess.check_output(command)) for _ in range(RUNS))


for module in ("steepest", "steepest.rules", "steepest.optim"):
    print(f"import {module:15} {cost(module):.3f} s beyond import torch (median of {RUNS})")
