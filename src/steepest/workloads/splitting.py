"""A user's data, in whatever form it comes, as three splits of tensors."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from steepest.workloads.randomness import derive
from steepest.workloads.workload import Data, Split

SHARES = (0.7, 0.15)  # of the examples, to train on and to validate; the rest is for the test
FROM_TRAINING = 1 / 6  # of the training split, to validate, where only training and test split are given
LARGEST = 0.5  # of the machine's memory
REREAD = 8  # examples; a flip with probability ½ stays hidden once in 256 times
OBJECT = 1000  # bytes that an example takes in Python beside its numbers
FORMS = "allowed are (inputs, targets), (train, test) or (train, validation, test), each a pair of tensors or a Dataset"


def as_data(given: Any) -> Data:
    """Three splits of tensors.

    given: `Data`; a mapping with "train", "validation" and "test"; (inputs, targets), which is shuffled once and split
    70:15:15; (train, test), where a sixth of the training split becomes the validation split; or
    (train, validation, test). A split is a pair of tensors or arrays, or a Dataset, which is read once into memory.

    >>> data = as_data((torch.zeros(100, 2), torch.zeros(100)))
    >>> [len(split) for split in data.splits.values()]
    [70, 15, 15]

    Raises ValueError for anything else.
    """
    if isinstance(given, Data):
        for name, split in given.splits.items():
            _refuse_not_finite(f"the {name} split", split)
        return given
    if isinstance(given, Mapping):
        if set(given) != {"train", "validation", "test"}:
            raise ValueError(f"data has the splits {', '.join(map(str, given))}; needed are train, validation and test")
        given = (given["train"], given["validation"], given["test"])
    if isinstance(given, Dataset):
        return _split_up(_split("", given))
    if not isinstance(given, tuple | list) or not 2 <= len(given) <= 3:
        raise ValueError(f"data is {kind(given)}; {FORMS}{_of_a_loader(given)}")
    if len(given) == 2 and all(isinstance(part, Tensor | np.ndarray) for part in given):
        return _split_up(_split("", given))
    names = ("training", "validation", "test") if len(given) == 3 else ("training", "test")
    parts = [_split(name, part) for name, part in zip(names, given, strict=True)]
    if len(parts) == 3:
        return Data(*parts)
    train, validation = _parted(parts[0], round(len(parts[0]) * (1 - FROM_TRAINING)))
    return Data(train, validation, parts[1])


def _split_up(everything: Split) -> Data:
    train, rest = _parted(everything, round(SHARES[0] * len(everything)))
    cut = round(SHARES[1] * len(everything))
    return Data(train, rest[:cut], rest[cut:])


def _parted(split: Split, first: int) -> tuple[Split, Split]:
    """So many examples and the rest, after a shuffle that is always the same."""
    generator = torch.Generator().manual_seed(derive(0, "splits"))
    rows = torch.randperm(len(split), generator=generator)
    return split[rows[:first]], split[rows[first:]]


def _split(name: str, given: Any) -> Split:
    about = f"the {name} split" if name else "data"
    if isinstance(given, Split):
        return _refuse_not_finite(about, given)
    if isinstance(given, TensorDataset):
        given = given.tensors
    if isinstance(given, Dataset):
        given = _read(about, given)
    if not isinstance(given, tuple | list) or len(given) != 2:
        forms = "a split is a pair of tensors or arrays, (inputs, targets), or a Dataset of such pairs"
        raise ValueError(f"{about} is {kind(given)}; {forms}{_of_a_loader(given)}")
    inputs, targets = (_tensor(about, part) for part in given)
    if not inputs.ndim or not targets.ndim or len(inputs) != len(targets):
        shapes = f"inputs of shape {tuple(inputs.shape)} and targets of shape {tuple(targets.shape)}"
        raise ValueError(f"{about} has {shapes}; both need one row an example")
    return _refuse_not_finite(about, Split(inputs, targets))


def _refuse_not_finite(about: str, split: Split) -> Split:
    for part, tensor in (("inputs", split.inputs), ("targets", split.targets)):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            row = int((~torch.isfinite(tensor.reshape(len(tensor), -1)).all(dim=1)).nonzero()[0])
            raise ValueError(f"the {part} of {about} hold NaN or ∞, first in row {row}")
    return split


def _of_a_loader(given: Any) -> str:
    """The cure for a DataLoader."""
    return "; give its .dataset: the race makes the batches" if isinstance(given, DataLoader) else ""


def _read(about: str, dataset: Any) -> tuple[Tensor, Tensor]:
    """All examples of a Dataset; it has to fit into half of the machine's memory."""
    items = iter(dataset) if isinstance(dataset, IterableDataset) else (dataset[i] for i in range(len(dataset)))
    inputs, targets, limit = [], [], LARGEST * memory()
    size = 0
    for item in items:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise ValueError(f"{about} yields {kind(item)}; each example is a pair (input, target)")
        x, y = (_tensor(about, part) for part in item)
        inputs.append(x)
        targets.append(y)
        size += x.nbytes + y.nbytes + OBJECT
        if size > limit:
            part = f"the first {len(inputs) // 2} that it yields"
            if not isinstance(dataset, IterableDataset):
                part = f"torch.utils.data.Subset(dataset, range({len(inputs) // 2}))"
            raise ValueError(
                f"{about} is read into memory as a whole, and {len(inputs)} examples already take half of it "
                f"({size / 2**30:.3g} GiB); race on a part, such as {part}"
            )
    if not inputs:
        raise ValueError(f"{about} has no examples")
    for part, tensors in (("inputs", inputs), ("targets", targets)):
        shapes = list(dict.fromkeys(tuple(x.shape) for x in tensors))[:2]
        if len(shapes) > 1:
            raise ValueError(f"{about} has {part} of shapes {shapes[0]} and {shapes[1]}; all need the same")
    if not isinstance(dataset, IterableDataset):
        _tell_what_is_drawn(about, dataset, inputs[:REREAD])
    return torch.stack(inputs), torch.stack(targets)


class DrawnOnce(UserWarning):
    """A Dataset draws at random, and has been read once."""


def _tell_what_is_drawn(about: str, dataset: Any, first: Sequence[Tensor]) -> None:
    if all(torch.equal(_tensor(about, dataset[i][0]), x) for i, x in enumerate(first)):
        return
    warnings.warn(
        f"{about} gives other inputs when it is read again: it is read once, so its augmentation stays as drawn; "
        "for a new draw at each step: steepest.workload(…, augment=FUNCTION)",
        DrawnOnce,
        stacklevel=2,
    )


def memory() -> int:
    """Bytes that the machine has; 8 GiB where it does not tell."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 8 << 30


def _tensor(about: str, values: Any) -> Tensor:
    try:
        found = torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        cure = "; give the Dataset a transform that makes tensors of images" if hasattr(values, "getpixel") else ""
        raise ValueError(f"{about} holds {kind(values)}; allowed are tensors, arrays and numbers{cure}") from None
    if found.layout != torch.strided:
        raise ValueError(f"{about} holds a sparse tensor; give it as .to_dense()")
    return found


def kind(given: Any) -> str:
    """What somebody gave, in words."""
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    if isinstance(given, np.ndarray):
        return f"an array of {given.dtype}"
    return f"{'an' if type(given).__name__[0] in 'AEIOUaeiou' else 'a'} {type(given).__name__}"


class Kept:
    """Data that is made once. It travels as arrays, which joblib puts where all processes read the same memory."""

    def __init__(self, make: Callable[[], Data]) -> None:
        self.make = make
        self.made: Data | None = None
        self.parts: Any = None

    def __call__(self) -> Data:
        if self.made is None:
            self.made = self.make()
        return self.made

    def __reduce__(self) -> Any:
        if self.parts is None:  # the same arrays each time, or joblib would write them again for each unit of work
            self.parts = [(_array(split.inputs), _array(split.targets)) for split in self().splits.values()]
        return _kept, (self.parts,)


def _array(x: Tensor) -> Any:
    """The numbers of a tensor, if NumPy has the like; else itself."""
    try:
        return x.numpy()
    except (TypeError, RuntimeError):  # sparse, bfloat16
        return x


def _kept(parts: Any) -> Kept:
    data = Data(*(Split(*map(torch.as_tensor, pair)) for pair in parts))
    return Kept(lambda: data)
