"""Time of one step of the rules that torch does not have: one pass against the same rule as tensor operations.

    python benchmarks/beyond_torch.py [--shapes small,mlp] [--methods lamb,lion] [--repeats 20] [--device cuda]

Prints medians in microseconds, all contenders in turn within one run; Adam's pass is there to compare with.
"""

import argparse
from functools import partial

from step_time import SHAPES, parameters, writing_gradients
from turns import machine, medians

from steepest import optim
from steepest.kernels import prefer

METHODS = {
    "lamb": (optim.LAMB, {}),
    "lion": (optim.Lion, {}),
    "adan": (optim.Adan, {}),
    "yogi": (optim.Yogi, {}),
    "adabelief": (optim.AdaBelief, {}),
    "qhadam": (optim.QHAdam, {}),
    "schedule-free": (optim.ScheduleFreeAdamW, {}),
}


def as_tensor_operations(step):
    """The step as the plain rule on one tensor after another."""
    with prefer("plain"):
        step()


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="small,mlp")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--device", default="cpu", help="where the models lie; default: cpu")
    arguments = parser.parse_args()
    print(machine(arguments.device))
    for shape in arguments.shapes.split(","):
        for method in arguments.methods.split(","):
            make, options = METHODS[method]
            optimizers = {
                way: cls(parameters(SHAPES[shape], arguments.device), lr=1e-3, **more)
                for way, cls, more in (("ours", make, options), ("plain", make, options), ("adam", optim.Adam, {}))
            }
            steps = {way: optimizer.step for way, optimizer in optimizers.items()}
            steps["plain"] = partial(as_tensor_operations, steps["plain"])
            before = {way: writing_gradients(optimizer) for way, optimizer in optimizers.items()}
            seconds = medians(steps, arguments.repeats, before=before, device=arguments.device)
            found = {way: 1e6 * s for way, s in seconds.items()}
            times = "  ".join(f"{way} {us:9.1f}" for way, us in found.items())
            against = (
                f"plain/ours {found['plain'] / found['ours']:5.1f}   ours/adam {found['ours'] / found['adam']:4.1f}"
            )
            print(f"{shape:6} {method:14} {times}   {against}")


if __name__ == "__main__":
    main()
