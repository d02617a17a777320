"""Time of a step when other parameters have gradients each time, ours against torch's ways, all in turn within one run.

    python benchmarks/changing_gradients.py [--tensors 60,5000] [--methods adam] [--repeats 4]

Mixtures of experts, layers dropped at random and layers frozen in turns are like this. Each step a random half of the
tensors, of 64 weights each, has gradients; the same half for all contenders. Prints medians in microseconds and ratios
(torch / ours); above 1, ours is faster.
"""

import argparse
import random

import torch
from step_time import METHODS, WAYS, parameters
from turns import machine, medians

from steepest import optim

SHAPE = (8, 8)


def giving_to_a_half(params, seed=0):
    """Gives gradients to another half of the parameters each time."""
    gradients, order = [p.grad for p in params], random.Random(seed)

    def give():
        chosen = set(order.sample(range(len(params)), len(params) // 2))
        for i, (p, gradient) in enumerate(zip(params, gradients, strict=True)):
            p.grad = gradient if i in chosen else None

    return give


def contenders(method, tensors):
    """Each way to take the step, and what changes its gradients; every parameter has been met before the clock runs."""
    name, options, _ = METHODS[method]
    steps, before = {}, {}
    for way, how in WAYS.items():
        if way == "compiled" or (way == "fused" and name in ("RMSprop", "Adadelta")):
            continue  # torch compiles for each set of gradients anew, and has no fused kernel for these
        params = parameters([SHAPE] * tensors)
        make = getattr(optim if way == "ours" else torch.optim, name)
        optimizer = make(params, **options, **how)
        optimizer.step()
        steps[way], before[way] = optimizer.step, giving_to_a_half(params)
    return steps, before


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensors", default="60,500,5000")
    parser.add_argument("--methods", default="sgd,momentum,rmsprop,adam")
    parser.add_argument("--repeats", type=int, default=4)
    arguments = parser.parse_args()
    print(machine())
    for tensors in map(int, arguments.tensors.split(",")):
        for method in arguments.methods.split(","):
            steps, before = contenders(method, tensors)
            found = {way: 1e6 * s for way, s in medians(steps, arguments.repeats, before=before).items()}
            times = "  ".join(f"{way} {us:9.1f}" for way, us in found.items())
            ratios = "  ".join(f"{way}/ours {us / found['ours']:5.2f}" for way, us in found.items() if way != "ours")
            print(f"{tensors:5} tensors  {method:9} {times}   {ratios}", flush=True)


if __name__ == "__main__":
    main()
