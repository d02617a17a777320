"""What a workload is: a model, data in three splits, a loss, a metric and a batch size."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Split:
    """Inputs and targets, one row an example."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows) -> "Split":
        return Split(self.inputs[rows], self.targets[rows])


@dataclass(frozen=True)
class Data:
    """Three splits: to train on, to choose by, and to look at once."""

    train: Split
    validation: Split
    test: Split


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of rows whose largest output is at the target.

    >>> import torch
    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor(0.5000, dtype=torch.float64)
    """
    return (outputs.argmax(dim=1) == targets).double().mean()


@dataclass(frozen=True)
class Workload:
    """What the contenders train on. Everything in it can be pickled.

    name, title  as commands and people call it
    build        the model, with fresh initial weights from torch's default generator
    data         the three splits; called once a process, so it keeps what it has loaded
    loss         (outputs, targets) → the mean loss over the rows
    metric       (outputs, targets) → the mean over the rows of what is wanted high
    batch_size   examples a step, unless a study says otherwise
    """

    name: str
    title: str
    build: Callable[[], nn.Module]
    data: Callable[[], Data]
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy
    metric: Callable[[Tensor, Tensor], Tensor] = accuracy
    batch_size: int = 128
