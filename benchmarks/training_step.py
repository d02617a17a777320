"""Time of a whole training step (forward, backward, optimizer), ours against torch's default and fused Adam, in turn.

    python benchmarks/training_step.py [--repeats 100]

Prints medians in microseconds; ratios above 1 mean that ours is faster. The batch is 128 random examples.
"""

import argparse
from itertools import pairwise

import torch
from torch import nn
from turns import machine, medians

from steepest import optim

NETWORKS = {
    "784-128-10": [784, 128, 10],
    "20 narrow layers": [784, *[32] * 19, 10],
    "784-1000-1000-10": [784, 1000, 1000, 10],
}
WAYS = {
    "ours": lambda params: optim.Adam(params, lr=1e-3),
    "default": lambda params: torch.optim.Adam(params, lr=1e-3),
    "fused": lambda params: torch.optim.Adam(params, lr=1e-3, fused=True),
}


def training(widths, make_optimizer):
    """A function that makes one training step."""
    torch.manual_seed(0)
    layers = [x for a, b in pairwise(widths) for x in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    inputs, targets = torch.randn(128, widths[0]), torch.randint(10, (128,))
    optimizer = make_optimizer(model.parameters())

    def step():
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()

    return step


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    repeats = parser.parse_args().repeats
    print(machine())
    for name, widths in NETWORKS.items():
        found = medians({way: training(widths, make) for way, make in WAYS.items()}, repeats)
        times = "  ".join(f"{way} {value * 1e6:8.0f}" for way, value in found.items())
        print(
            f"{name:18} {times}   default/ours {found['default'] / found['ours']:.2f}   "
            f"fused/ours {found['fused'] / found['ours']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
