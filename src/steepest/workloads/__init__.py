"""What the contenders train on: models with data in three splits, and the randomness that all contenders share.

>>> from steepest.workloads import workload
>>> workload("mnist").batch_size, workload("quadratic:condition=1000").name
(128, 'quadratic:condition=1000')
"""

from steepest.names import unknown
from steepest.workloads import own
from steepest.workloads.fashion_mnist import FASHION_MNIST
from steepest.workloads.mnist import MNIST, MNIST_AUTOENCODER, MNIST_CNN, MNIST_MLP, MNIST_SOFTMAX
from steepest.workloads.quadratic import DEFAULTS, QUADRATIC, quadratic
from steepest.workloads.spam import SPAM, SPAM_DROPOUT
from steepest.workloads.workload import Data, Split, Workload, accuracy

__all__ = ["WORKLOADS", "Data", "Split", "Workload", "accuracy", "workload"]

BUILT_IN = (
    MNIST,
    MNIST_SOFTMAX,
    MNIST_MLP,
    MNIST_CNN,
    MNIST_AUTOENCODER,
    FASHION_MNIST,
    SPAM,
    SPAM_DROPOUT,
    QUADRATIC,
)
WORKLOADS: dict[str, Workload] = {w.name: w for w in BUILT_IN}


def workload(name: str) -> Workload:
    """The workload of this name, `quadratic` with settings, or what a user's file holds: "model.py", "model.py:name".

    Raises ValueError, with the nearest name, for an unknown one, and for a file without a sound workload.
    """
    if name in WORKLOADS:
        return WORKLOADS[name]
    kind, _, settings = name.partition(":")
    if own.is_a_file(kind):
        return own.from_file(kind, settings)
    if kind == "quadratic" and settings:
        return quadratic(**dict(_setting(word) for word in settings.split(",")))
    raise ValueError(unknown("workload", name, WORKLOADS) + ", or a Python file")


def _setting(word: str) -> tuple[str, float]:
    name, _, text = word.partition("=")
    if name.strip() not in DEFAULTS:
        raise ValueError(unknown("setting of quadratic", name.strip(), DEFAULTS))
    try:
        return name.strip(), float(text)
    except ValueError:
        raise ValueError(f"Invalid {name.strip()}: {text!r}; allowed is a number") from None
