"""MNIST's digits, shipped with the package, and the three networks that train on them."""

from functools import cache, partial
from importlib.resources import files
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from steepest.workloads import idx
from steepest.workloads.workload import Data, Split, Workload

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
TRAIN = 50_000  # of the 60,000 training digits; the other 10,000 are the validation split


@cache
def digits() -> Data:
    """50,000 digits for training, 10,000 for validation, 10,000 for the test: float32 pixels in [0, 1], int64 labels.

    The split is fixed. Raises `idx.DamagedFile`, an OSError, when a shipped file is damaged.
    """
    train = _split("train")
    return Data(train=train[:TRAIN], validation=train[TRAIN:], test=_split("t10k"))


def _split(prefix: str) -> Split:
    pixels = torch.from_numpy(_bytes(f"{prefix}-images-idx3-ubyte").astype(np.float32)).div_(255)
    labels = torch.from_numpy(_bytes(f"{prefix}-labels-idx1-ubyte").astype(np.int64))
    return Split(pixels.reshape(len(labels), -1), labels)


def _bytes(name: str) -> np.ndarray:
    return idx.load(files("steepest.workloads").joinpath("data", "mnist", f"{name}.xz"), SHA256[name])


def layers(*widths: int, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers of these widths with ReLU, then dropout, between them.

    >>> [tuple(p.shape) for p in layers(4, 3, 2).parameters()]
    [(3, 4), (3,), (2, 3), (2,)]
    """
    pieces: list[nn.Module] = [nn.Linear(widths[0], widths[1])]
    for inputs, outputs in pairwise(widths[1:]):
        pieces += [nn.ReLU(), nn.Dropout(dropout), nn.Linear(inputs, outputs)]
    return nn.Sequential(*(p for p in pieces if dropout > 0 or not isinstance(p, nn.Dropout)))


MNIST = Workload("mnist", "MNIST, network 784-128-10", partial(layers, 784, 128, 10), digits)
MNIST_SOFTMAX = Workload("mnist-softmax", "MNIST, softmax regression", partial(layers, 784, 10), digits)
MNIST_MLP = Workload(
    "mnist-mlp",
    "MNIST, network 784-1000-1000-10 with dropout",
    partial(layers, 784, 1000, 1000, 10, dropout=0.5),
    digits,
)
