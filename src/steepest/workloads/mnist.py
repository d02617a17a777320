"""MNIST's digits, shipped with the package, and the networks that train on them."""

from functools import cache, partial
from importlib.resources import files
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from steepest.workloads import idx
from steepest.workloads.splitting import Kept
from steepest.workloads.workload import Data, Split, Workload

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TRAIN = 50_000  # of the 60,000 training images; the other 10,000 are the validation split
INCOMING = 15  # weights of a unit that start from something else than 0, in the autoencoder


def _digits() -> Data:
    """50,000 digits for training, 10,000 for validation, 10,000 for the test: float32 pixels in [0, 1], int64 labels.

    The split is fixed. Raises `idx.DamagedFile`, an OSError, when a shipped file is damaged.
    """
    return images(_bytes)


digits = Kept(_digits)


def images(read) -> Data:
    """The splits of MNIST, or of what has its form; `read(name)` gives the bytes of a file."""

    def split(prefix: str) -> Split:
        pixels = torch.tensor(read(f"{prefix}-images-idx3-ubyte")).float().div_(255)
        labels = torch.tensor(read(f"{prefix}-labels-idx1-ubyte")).long()
        return Split(pixels.reshape(len(labels), -1), labels)

    train = split("train")
    return Data(train=train[:TRAIN], validation=train[TRAIN:], test=split("t10k"))


def _bytes(name: str) -> np.ndarray:
    return idx.load(files("steepest.workloads").joinpath("data", "mnist", f"{name}.xz"), SHA256[name])


@cache
def pixels() -> Data:
    """The same digits, to be reproduced: the targets are the inputs."""
    data = digits()
    return Data(*(Split(split.inputs, split.inputs) for split in (data.train, data.validation, data.test)))


def layers(*widths: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers of these widths with ReLU, then dropout, between them.

    >>> [tuple(p.shape) for p in layers(4, 3, 2).parameters()]
    [(3, 4), (3,), (2, 3), (2,)]
    """
    pieces: list[nn.Module] = [nn.Linear(widths[0], widths[1])]
    for inputs, outputs in pairwise(widths[1:]):
        pieces += [nn.ReLU(), nn.Dropout(dropout), nn.Linear(inputs, outputs)]
    return nn.Sequential(*(p for p in pieces if dropout > 0 or not isinstance(p, nn.Dropout)))


def autoencoder(*widths: int) -> nn.Sequential:
    """An encoder of sigmoid layers with a linear code, and its mirror image as decoder.

    Each unit starts with 15 incoming weights from the normal distribution, all others 0 (Martens 2010; Sutskever,
    Martens, Dahl & Hinton 2013).
    """
    pieces: list[nn.Module] = []
    for inputs, outputs in pairwise((*widths, *widths[-2::-1])):
        linear = nn.Linear(inputs, outputs)
        _sparse(linear)
        is_code = outputs == widths[-1]
        pieces += [linear] if is_code else [linear, nn.Sigmoid()]
    return nn.Sequential(*pieces[:-1])  # the last layer's sigmoid is in the loss


@torch.no_grad()
def _sparse(linear: nn.Linear) -> None:
    linear.bias.zero_()
    linear.weight.zero_()
    for row in linear.weight:
        chosen = torch.randperm(linear.in_features)[:INCOMING]
        row[chosen] = torch.randn(len(chosen))


def convolutions() -> nn.Sequential:
    """Two convolutions and a linear layer."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 10),
    )


def cross_entropy_of_pixels(outputs: Tensor, targets: Tensor) -> Tensor:
    """The cross-entropy of an image, summed over its pixels."""
    return nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="sum") / len(targets)


def minus_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the squared error of an image, summed over its pixels: the measure of Sutskever et al. (2013)."""
    return -(outputs.sigmoid() - targets).square().sum() / len(targets)


MNIST = Workload("mnist", "MNIST, network 784-128-10", partial(layers, 784, 128, 10), digits, targets=(0.95, 0.97))
MNIST_SOFTMAX = Workload(
    "mnist-softmax", "MNIST, softmax regression", partial(layers, 784, 10), digits, targets=(0.90, 0.92)
)
MNIST_MLP = Workload(
    "mnist-mlp",
    "MNIST, network 784-1000-1000-10 with dropout",
    partial(layers, 784, 1000, 1000, 10, dropout=0.5),
    digits,
    targets=(0.97, 0.98),
)
MNIST_AUTOENCODER = Workload(
    "mnist-autoencoder",
    "MNIST, deep autoencoder 784-1000-500-250-30",
    partial(autoencoder, 784, 1000, 500, 250, 30),
    pixels,
    loss=cross_entropy_of_pixels,
    metric=minus_squared_error,
    targets=(-20.0, -10.0),
)
MNIST_CNN = Workload("mnist-cnn", "MNIST, two convolutions", convolutions, digits, targets=(0.97, 0.98))
