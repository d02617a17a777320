"""Time of one optimizer step, ours against torch's ways of doing the same, all contenders in turn within one run.

    python benchmarks/step_time.py [--shapes tiny,big] [--methods adam] [--no-compiled] [--repeats 50] [--out FILE.json]
                                   [--device cuda]

Prints a table of medians in microseconds and of ratios (best of torch / ours); above 1, ours is faster.
"""

import argparse
import json
import math
import random
import statistics
from pathlib import Path

import torch
from turns import machine, medians

from steepest import optim

SHAPES = {
    "tiny": [(784, 10), (10,)],
    "small": [(64, 64)] * 30 + [(64,)] * 30,
    "mlp": [(1000, 784), (1000,), (1000, 1000), (1000,), (10, 1000), (10,)],
    "big": [(1024, 1024)] * 24 + [(1024,)] * 48,
    "transformer": [(8000, 256)]
    + [shape for _ in range(12) for shape in [(768, 256), (256, 256), (768, 256), (256, 768), (256,), (256,)]]
    + [(256,), (768,), (64, 4), (1,), (256, 2)] * 15
    + [(256,), (256, 8)],
}
METHODS = {  # with the slots a weight has
    "sgd": ("SGD", {"lr": 1e-3}, 0),
    "momentum": ("SGD", {"lr": 1e-3, "momentum": 0.9}, 1),
    "nesterov": ("SGD", {"lr": 1e-3, "momentum": 0.9, "nesterov": True}, 1),
    "adagrad": ("Adagrad", {"lr": 1e-3}, 1),
    "rmsprop": ("RMSprop", {"lr": 1e-3}, 1),
    "adadelta": ("Adadelta", {"lr": 1.0}, 2),
    "adam": ("Adam", {"lr": 1e-3}, 2),
    "adamw": ("AdamW", {"lr": 1e-3}, 2),
}
BUILDS = 3
WAYS = {
    "ours": {},
    "loop": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "compiled": {"foreach": True},
}


def parameters(shapes, device="cpu"):
    """A model's parameters with gradients."""
    params = [torch.nn.Parameter(torch.randn(shape, device=device)) for shape in shapes]
    for p in params:
        p.grad = torch.randn_like(p)
    return params


def contenders(name, options, shapes, ways, device):
    """Each way to take the step, built in this order, and what writes its gradients anew."""
    makers = {way: getattr(optim if way == "ours" else torch.optim, name) for way in ways}
    optimizers = {way: make(parameters(shapes, device), **options, **WAYS[way]) for way, make in makers.items()}
    steps = {way: optimizer.step for way, optimizer in optimizers.items()}
    if "compiled" in steps:
        torch.compiler.reset()  # or it gives up compiling after eight optimizers
        steps["compiled"] = torch.compile(steps["compiled"])
    return steps, {way: writing_gradients(optimizer) for way, optimizer in optimizers.items()}


def writing_gradients(optimizer):
    """Writes every gradient anew, as a backward pass does."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
    new = [torch.randn_like(g) for g in gradients]
    return lambda: torch._foreach_copy_(gradients, new)


def measured(name, options, slots, shapes, compiled, repeats, device):
    """The median of several builds: where memory happens to lie moves a large model's step by a tenth."""
    ways = [way for way in WAYS if way != "compiled" or compiled]
    if name in ("RMSprop", "Adadelta"):
        ways.remove("fused")  # torch has no fused kernel for these
    builds = []
    for number in range(BUILDS):
        order = random.Random(number).sample(ways, len(ways))
        steps, before = contenders(name, options, shapes, order, device)
        steps["copy"], before["copy"] = copying(shapes, 3 + 2 * slots, device), before["ours"]
        builds.append(medians(steps, repeats, before=before, device=device))
    return {way: statistics.median(build[way] for build in builds) for way in (*ways, "copy")}


def copying(shapes, passes, device):
    """A loop that copies as many bytes as the step reads and writes, on the same threads."""
    count = sum(math.prod(shape) for shape in shapes) * passes // 2
    source, target = torch.randn(count, device=device), torch.empty(count, device=device)
    return lambda: target.copy_(source)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--no-compiled", action="store_true", help="without torch.compile, which takes minutes")
    parser.add_argument(
        "--repeats", type=int, default=0, help="rounds of turns; default: 20 for small models, 4 for large ones"
    )
    parser.add_argument("--device", default="cpu", help="where the models lie; default: cpu")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    print(machine(arguments.device))
    rows = []
    for shape in arguments.shapes.split(","):
        shapes = SHAPES[shape]
        for method in arguments.methods.split(","):
            name, options, slots = METHODS[method]
            repeats = arguments.repeats or (4 if shape in ("big", "transformer") else 20)
            found = measured(name, options, slots, shapes, not arguments.no_compiled, repeats, arguments.device)
            best = min(value for way, value in found.items() if way not in ("ours", "copy"))
            row = {
                "shape": shape,
                "method": method,
                "ratio": best / found["ours"],
                "of_copy": found["copy"] / found["ours"],
            }
            rows.append({**row, **{f"{way}_us": value * 1e6 for way, value in found.items()}})
            times = "  ".join(f"{way} {value * 1e6:9.1f}" for way, value in found.items())
            print(
                f"{shape:12}{method:9} {times}   torch/ours {row['ratio']:5.2f}   copy/ours {row['of_copy']:.2f}",
                flush=True,
            )
    mean = math.exp(math.fsum(math.log(row["ratio"]) for row in rows) / len(rows))
    print(f"geometric mean of (best of torch / ours): {mean:.2f}; least: {min(row['ratio'] for row in rows):.2f}")
    if arguments.out:
        arguments.out.write_text(json.dumps({"geometric_mean": mean, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
