"""What bfloat16 saves and costs: memory, time of a step, and what a training comes to, on MNIST.

    python benchmarks/sixteen_bits.py [--seeds 3] [--repeats 50]

The network 784-128-10 trains on 12,800 images with Adam at a low rate; between steps its weights lie in the named
dtype, so that only the storage differs. Bytes are of parameter, gradient and state, for each weight. `moved` is the
share of the weights that have another value after the last pass than before it. The time of a step is for 1.8 M
weights in one thread, relative to float32, all in turn.
"""

import argparse
import statistics

import torch
from step_time import SHAPES
from torch import nn
from turns import machine, medians

from steepest import optim
from steepest.workloads import WORKLOADS

IMAGES, BATCH, PASSES, RATE = 12_800, 128, 10, 1e-4
BF16 = torch.bfloat16
STORED = {  # dtype of the parameters, options
    "float32": (torch.float32, {}),
    "float32, state bfloat16": (torch.float32, {"state_dtype": BF16}),
    "float32, state bfloat16, stochastic": (torch.float32, {"state_dtype": BF16, "stochastic_rounding": True}),
    "bfloat16": (BF16, {}),
    "bfloat16, stochastic": (BF16, {"stochastic_rounding": True}),
    "bfloat16, state bfloat16": (BF16, {"state_dtype": BF16}),
    "bfloat16, state bfloat16, stochastic": (BF16, {"state_dtype": BF16, "stochastic_rounding": True}),
}


def train(dtype, options, seed):
    """Loss on the training images, accuracy on test images, and the share of weights that the last pass moved."""
    workload = WORKLOADS["mnist"]
    data = workload.data()
    inputs, targets = data.train.inputs[:IMAGES], data.train.targets[:IMAGES]
    torch.manual_seed(seed)
    model = workload.build()
    stored = [p.detach().to(dtype).requires_grad_() for p in model.parameters()]
    optimizer = optim.Adam(stored, lr=RATE, rounding_seed=seed, **options)
    for _ in range(PASSES):
        before = [p.detach().clone() for p in stored]
        for rows in torch.randperm(IMAGES).split(BATCH):
            show(stored, model)
            model.zero_grad()
            nn.functional.cross_entropy(model(inputs[rows]), targets[rows]).backward()
            for p, shown in zip(stored, model.parameters(), strict=True):
                p.grad = shown.grad.to(dtype)
            optimizer.step()
    show(stored, model)
    moved = sum(int((p != q).sum()) for p, q in zip(stored, before, strict=True)) / sum(p.numel() for p in stored)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(inputs), targets).item()
        accuracy = (model(data.test.inputs).argmax(1) == data.test.targets).float().mean().item()
    return loss, accuracy, moved


@torch.no_grad()
def show(stored, model):
    """Put the stored weights into the model, which computes in float32."""
    for p, shown in zip(stored, model.parameters(), strict=True):
        shown.copy_(p)


def prepared(dtype, options, shapes):
    """An optimizer of parameters of these shapes that has made a step."""
    params = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in shapes]
    for p in params:
        p.grad = torch.randn_like(p)
    optimizer = optim.Adam(params, **options)
    optimizer.step()
    return optimizer


def bytes_a_weight(optimizer):
    """Of parameters, gradients and state."""
    params = optimizer.param_groups[0]["params"]
    tensors = [x for p in params for x in (p, p.grad, *optimizer.state[p].values())]
    return round(sum(x.nbytes for x in tensors) / sum(p.numel() for p in params), 1)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    optimizers = {name: prepared(*how, SHAPES["mlp"]) for name, how in STORED.items()}
    times = medians({name: optimizer.step for name, optimizer in optimizers.items()}, arguments.repeats)
    print(f"{'stored as':38} {'bytes':>5} {'time':>5} {'training loss':>17} {'test accuracy':>15} {'moved':>6}")
    for name, how in STORED.items():
        results = [train(*how, seed) for seed in range(arguments.seeds)]
        (loss, _), (accuracy, deviation), (moved, _) = (
            (statistics.mean(x), statistics.stdev(x) if len(x) > 1 else 0.0) for x in zip(*results, strict=True)
        )
        print(
            f"{name:38} {bytes_a_weight(optimizers[name]):5.1f} {times[name] / times['float32']:5.2f} {loss:17.4f} "
            f"{accuracy:8.2%} ± {deviation:.2%} {moved:6.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
