"""What is small enough for a test: workloads that train in milliseconds, and a model of three tensors."""

from dataclasses import replace
from functools import cache, partial

import torch
from torch import nn

from steepest import optim
from steepest.workloads import Data, Split, Workload

BF16 = torch.bfloat16
CLASSES = [name for name in optim.__all__ if isinstance(getattr(optim, name), type) and name != "Optimizer"]


def model(dtype=torch.float32, shapes=((7, 5), (300,), ()), seed=0, device="cpu"):
    """Parameters, drawn on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.nn.Parameter(torch.randn(s, generator=generator).to(device, dtype)) for s in shapes]


def give_gradients(params, seed, scale=1.0):
    """Gradients from a generator of this seed, or from one that has begun."""
    generator = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed
    for p in params:
        p.grad = (torch.randn(p.shape, generator=generator) * scale).to(p.device, p.dtype)


def descend(optimizer, params, steps, seed=1):
    """Steps with gradients from one generator."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        give_gradients(params, generator)
        optimizer.step()


@cache
def clouds() -> Data:
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([[2.0, 0, 0, 1], [0, 2, 0, -1], [0, 0, 2, 0]])

    def split(rows: int) -> Split:
        labels = torch.arange(rows) % 3
        return Split(centres[labels] + torch.randn(rows, 4, generator=generator), labels)

    return Data(split(60), split(30), split(30))


def with_dropout() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


SMALL = Workload("small", "three clouds", partial(nn.Linear, 4, 3), clouds, batch_size=8)
SMALL_DROPOUT = replace(SMALL, name="small-dropout", build=with_dropout)


@cache
def a_line() -> Data:
    """Least squares in float64, with targets that no line hits."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(40, 2, generator=generator, dtype=torch.float64)
    y = x @ torch.tensor([[1.5], [-0.5]], dtype=torch.float64) + 0.1 * torch.randn(
        40, 1, generator=generator, dtype=torch.float64
    )
    return Data(Split(x[:20], y[:20]), Split(x[20:30], y[20:30]), Split(x[30:], y[30:]))


def minus_error(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -nn.functional.mse_loss(outputs, targets)


LINE = Workload(
    "line",
    "least squares",
    partial(nn.Linear, 2, 1, bias=False, dtype=torch.float64),
    a_line,
    loss=nn.functional.mse_loss,
    metric=minus_error,
    batch_size=4,
)
