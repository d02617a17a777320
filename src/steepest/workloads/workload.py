"""What a workload is: a model, data in three splits, a loss, a metric and a batch size."""

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steepest.workloads.randomness import isolated, reseed

Source = tuple[Callable[..., "Workload"], tuple[Any, ...]]


@dataclass(frozen=True)
class Split:
    """Inputs and targets, one row an example."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows) -> "Split":
        if isinstance(rows, Tensor) and rows.dtype == torch.int64 and self.inputs.layout == torch.strided:
            # the same as below, in a fifth of the time
            return Split(self.inputs.index_select(0, rows), self.targets.index_select(0, rows))
        return Split(self.inputs[rows], self.targets[rows])


@dataclass(frozen=True)
class Data:
    """Three splits: to train on, to choose by, and to look at once."""

    train: Split
    validation: Split
    test: Split

    @property
    def splits(self) -> dict[str, Split]:
        """Each by its name."""
        return {"training": self.train, "validation": self.validation, "test": self.test}


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
    augment      (inputs, targets) → a training batch in their place, drawn from torch's default generator
    batch_size   examples a step, unless a study says otherwise
    until        the budget of a final run, such as "passes=10" or "seconds=60", unless a study says otherwise
    targets      values of the metric on the validation split whose time is of interest, fixed in advance
    source       how another process gets it where its functions cannot travel: a function and its arguments, of which
                 the first is a hash of the file that they come from
    """

    name: str
    title: str
    build: Callable[[], nn.Module]
    data: Callable[[], Data]
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy
    metric: Callable[[Tensor, Tensor], Tensor] = accuracy
    batch_size: int = 128
    until: str = ""
    targets: tuple[float, ...] = ()
    augment: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    # a changed copy is no longer what the source gives
    source: Source | None = field(default=None, init=False, compare=False, repr=False)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.source or super().__reduce_ex__(protocol)

    @property
    def measure(self) -> str:
        """The metric in words, after its function: accuracy, minus squared error; "metric" for one without a name."""
        name = getattr(self.metric, "__name__", "").strip("_").replace("_", " ")
        return name if name.replace(" ", "").isalnum() else "metric"

    def model(self, seed: int) -> nn.Module:
        """The model with the initial weights of this seed; use it inside `isolated`."""
        reseed(seed, "weights")
        model = self.build()
        if not isinstance(model, nn.Module):
            return model  # told when the workload is checked
        if any(map(is_lazy, chain(model.parameters(), model.buffers()))):
            with torch.no_grad():
                model.eval()(self.data().train[:2].inputs)  # lazy layers make their weights when they first see inputs
        return model.train()

    def batch(self, rows: slice | Tensor, seed: int, step: int) -> Split:
        """Training examples as step `step`, from 0, sees them; equal ones for all who share seed and step.

        With `augment`, torch's default generator is seeded: use it inside `isolated`.
        """
        examples = self.data().train[rows]
        if self.augment is None:
            return examples
        reseed(seed, "augmentation", step)
        # a slice is a view: what is changed in place would stay changed
        inputs, targets = (t.clone() if isinstance(rows, slice) else t for t in (examples.inputs, examples.targets))
        return Split(*self.augment(inputs, targets))

    def fingerprint(self) -> str:
        """A hash of the data, the code of its functions and the model's layers: equal ones train alike."""
        digest = hashlib.sha256()
        data = self.data()
        for split in data.splits.values():
            for tensor in (split.inputs, split.targets):
                digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
                digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        with isolated():
            layers = repr(self.build())
        file = self.source[1][:1] if self.source else ""
        functions = [f for f in (self.build, self.loss, self.metric, self.augment) if f is not None]
        for words in (layers, *map(_code, functions), repr(file)):
            digest.update(words.encode())
        return digest.hexdigest()[:16]


def from_source(workload: Workload, function: Callable[..., Workload], *arguments: Any) -> Workload:
    """The workload, to be made in another process by this call."""
    object.__setattr__(workload, "source", (function, arguments))
    return workload


def _code(function: Any) -> str:
    """The source of a function or class, with the arguments that are bound to it; other things as they are shown."""
    if isinstance(function, partial):
        return " ".join(map(_code, (function.func, *function.args, *chain(*sorted(function.keywords.items())))))
    if not callable(function):
        return repr(function)
    try:
        return inspect.getsource(function)
    except (TypeError, OSError):  # built in, or typed into an interpreter
        return getattr(function, "__qualname__", type(function).__qualname__)
