r"""Noisy quadratics of chosen condition number: what the theory of gradient descent is about.

$f(\theta) = \frac12 \theta^\top H \theta$; each example is a point $c$ drawn around 0, and its loss
$\frac12 (\theta-c)^\top H (\theta-c)$. The gradient of a batch is that of $f$ and noise that grows with the curvature.
The validation and test splits are the single example $c = 0$: there the loss is $f$ itself.
"""

from functools import cache, partial

import torch
from torch import Tensor, nn

from steepest.workloads.workload import Data, Split, Workload

EXAMPLES = 1000
SEED = 1


class Point(nn.Module):
    r"""A point θ; `forward(c)` is $\sqrt{H}\,(\theta - c)$, a row an example."""

    def __init__(self, root: Tensor) -> None:
        super().__init__()
        self.root = root
        self.theta = nn.Parameter(torch.randn(len(root)))

    def forward(self, c: Tensor) -> Tensor:
        return (self.theta - c) @ self.root.to(self.theta.dtype)


@cache
def root(condition: float, dimensions: int) -> Tensor:
    """A square root of H, whose eigenvalues lie evenly between 1/condition and 1 on a logarithmic scale, rotated."""
    generator = torch.Generator().manual_seed(SEED)
    rotation, _ = torch.linalg.qr(torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64))
    eigenvalues = torch.logspace(-torch.log10(torch.tensor(condition)).item(), 0, dimensions, dtype=torch.float64)
    return (rotation * eigenvalues.sqrt()).float()


def point(condition: float, dimensions: int) -> Point:
    """The model: a random point."""
    return Point(root(condition, dimensions))


@cache
def points(dimensions: int, noise: float) -> Data:
    """The examples around 0, whose mean is exactly 0, and 0 itself."""
    generator = torch.Generator().manual_seed(SEED + 1)
    c = torch.randn(EXAMPLES, dimensions, generator=generator)
    zero = Split(torch.zeros(1, dimensions), torch.zeros(1))
    return Data(Split(noise * (c - c.mean(dim=0)), torch.zeros(EXAMPLES)), zero, zero)


def half_square(outputs: Tensor, _: Tensor) -> Tensor:
    """The mean over the rows of ½‖√H(θ−c)‖²."""
    return 0.5 * outputs.square().sum() / len(outputs)


def minus_half_square(outputs: Tensor, targets: Tensor) -> Tensor:
    """The same with a minus: what is wanted high."""
    return -half_square(outputs, targets)


def quadratic(condition: float = 100.0, dimensions: float = 100, noise: float = 0.1) -> Workload:
    """The workload: condition number of H (1 or above), dimensions of θ, standard deviation of the examples.

    Raises ValueError for numbers out of range.
    """
    if not 1 <= condition < 1e12:
        raise ValueError(f"Invalid condition: {condition:g}; allowed is 1 to 1e12")
    if not 1 <= dimensions <= 10_000 or dimensions != int(dimensions):
        raise ValueError(f"Invalid dimensions: {dimensions:g}; allowed is a whole number, 1 to 10000")
    if not 0 <= noise < 1e6:
        raise ValueError(f"Invalid noise: {noise:g}; allowed is 0 to 1e6")
    size = int(dimensions)
    given = {"condition": condition, "dimensions": size, "noise": noise}
    changed = [f"{name}={value:g}" for name, value in given.items() if value != DEFAULTS[name]]
    return Workload(
        ":".join(["quadratic", ",".join(changed)]) if changed else "quadratic",
        f"Noisy quadratic in {size} dimensions, condition number {condition:g}",
        partial(point, condition, size),
        partial(points, size, noise),
        half_square,
        minus_half_square,
        batch_size=10,
        targets=(-0.1, -0.01),
    )


DEFAULTS: dict[str, float] = {"condition": 100.0, "dimensions": 100, "noise": 0.1}
QUADRATIC = quadratic()
