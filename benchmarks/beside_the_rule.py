"""Clipping, weight decay, AdamW and an average of the weights in one pass, against torch's separate calls, in turn.

    python benchmarks/beside_the_rule.py [--shapes tiny,big] [--repeats 30]

Prints medians in microseconds; ratios above 1 mean that ours is faster.
"""

import argparse

import torch
from step_time import SHAPES, parameters
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from turns import machine, medians

from steepest import optim

OPTIONS = {"lr": 1e-3, "weight_decay": 0.01}


def one_pass(shapes):
    """Ours."""
    return optim.AdamW(parameters(shapes), **OPTIONS, clip_norm=1.0, ema=0.999).step


def separate_calls(shapes, **ways):
    """torch's: clip_grad_norm_, the step with its decay, and AveragedModel's update, each by its fastest way."""
    params = parameters(shapes)
    model = torch.nn.ParameterList(params)
    optimizer = torch.optim.AdamW(params, **OPTIONS, **ways)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999))

    def step():
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        averaged.update_parameters(model)

    return step


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    print(machine())
    for shape in arguments.shapes.split(","):
        shapes = SHAPES[shape]
        found = medians(
            {
                "ours": one_pass(shapes),
                "fused": separate_calls(shapes, fused=True),
                "foreach": separate_calls(shapes, foreach=True),
                "default": separate_calls(shapes),
            },
            arguments.repeats,
        )
        times = "  ".join(f"{way} {value * 1e6:9.1f}" for way, value in found.items())
        best = min(value for way, value in found.items() if way != "ours")
        print(f"{shape:12} {times}   torch/ours {best / found['ours']:.2f}", flush=True)


if __name__ == "__main__":
    main()
