"""What the contenders train on: models with data in three splits, and the randomness that all contenders share.

>>> from steepest.workloads import workload
>>> workload("mnist").batch_size
128
"""

from steepest.names import unknown
from steepest.workloads.mnist import MNIST, MNIST_MLP, MNIST_SOFTMAX
from steepest.workloads.workload import Data, Split, Workload, accuracy

__all__ = ["WORKLOADS", "Data", "Split", "Workload", "accuracy", "workload"]

WORKLOADS: dict[str, Workload] = {w.name: w for w in (MNIST, MNIST_SOFTMAX, MNIST_MLP)}


def workload(name: str) -> Workload:
    """The workload of this name; raises ValueError, with the nearest name, for an unknown one."""
    if name not in WORKLOADS:
        raise ValueError(unknown("workload", name, WORKLOADS))
    return WORKLOADS[name]
