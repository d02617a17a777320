"""What the first steps cost: seconds from a fresh interpreter, and memory beyond parameters, gradients and state.

    python benchmarks/first_step.py [--runs 5]

Each row is a process of its own. `import` is what importing takes beyond torch, `first` the first step, compiling
included, `second` a further optimizer of the same rule. `peak` is how far a step raises the process's memory above what
it holds already, as a share of the parameters' size (25 M, 100 MB); torch's foreach needs temporaries.
"""

import argparse
import json
import statistics
import subprocess
import sys

from turns import machine

TIMES = """
import json, time, torch
params = [torch.nn.Parameter(torch.randn(1000, 784)), torch.nn.Parameter(torch.randn(10))]
for p in params: p.grad = torch.randn_like(p)
start = time.perf_counter()
{imports}
imported = time.perf_counter()
optimizer = {make}
optimizer.step()
first = time.perf_counter()
optimizer = {make}
optimizer.step()
second = time.perf_counter()
print(json.dumps([imported - start, first - imported, second - first]))
"""
MEMORY = """
import json, resource, torch
{imports}
size = 1024 * 1024
params = [torch.nn.Parameter(torch.randn(size)) for _ in range(24)]
for p in params: p.grad = torch.randn_like(p)
optimizer = {make}
small = [torch.nn.Parameter(torch.randn(9))]
params, kept = small, params
small[0].grad = torch.randn(9)
other = {make}
other.step()
held = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
for state in (optimizer.step(), *[optimizer.state[p] for p in kept]): pass
before = held()
peak = lambda: int(next(x for x in open("/proc/self/status") if x.startswith("VmHWM")).split()[1]) * 1024
open("/proc/self/clear_refs", "w").write("5")
optimizer.step()
print(json.dumps((peak() - before) / (24 * size * 4)))
"""
CONTENDERS = {
    "ours": ("from steepest import optim", "optim.Adam(params)"),
    "torch loop": ("pass", "torch.optim.Adam(params, foreach=False)"),
    "torch foreach": ("pass", "torch.optim.Adam(params, foreach=True)"),
    "torch fused": ("pass", "torch.optim.Adam(params, fused=True)"),
}


def run(text):
    """What a fresh interpreter prints."""
    return json.loads(subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True).stdout)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(machine())
    for name, (imports, make) in CONTENDERS.items():
        times = [run(TIMES.format(imports=imports, make=make)) for _ in range(runs)]
        imported, first, second = (statistics.median(column) for column in zip(*times, strict=True))
        peak = run(MEMORY.format(imports=imports, make=make))
        print(f"{name:14} import {imported:6.3f} s  first {first:6.3f} s  second {second:6.4f} s  peak {peak:6.3f}")


if __name__ == "__main__":
    main()
