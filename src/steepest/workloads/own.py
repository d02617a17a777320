"""A workload of one's own: made from plain functions, here or in a user's file."""

import importlib.util
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

from steepest.stopping import criteria
from steepest.workloads import sources
from steepest.workloads.faults import called, fault
from steepest.workloads.randomness import isolated, reseed
from steepest.workloads.splitting import Kept, as_data, kind
from steepest.workloads.workload import Data, Workload, accuracy, from_source

CURE = "steepest init my_model.py writes an example"


def workload(
    model: Callable[[], nn.Module],
    data: Any,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
    metric: Callable[[Tensor, Tensor], Tensor] | None = None,
    augment: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
    batch_size: int = 128,
    until: str = "",
    targets: Sequence[float] = (),
    name: str = "own",
    title: str = "",
) -> Workload:
    """A workload of your own, for `steepest.race` or, in a file, for `steepest race FILE`.

    model        a function that builds the nn.Module with fresh initial weights, or its class
    data         (inputs, targets), (train, test) or (train, validation, test), or a function that returns one of them;
                 a split is a pair of tensors or a Dataset, which is read into memory once, so that
                 what it draws at random is drawn once: for augmentation there is `augment`
    loss         (outputs, targets) → the mean loss of a batch
    metric       (outputs, targets) → the mean of what is wanted high; unless given, the accuracy for cross_entropy and
                 minus the loss for any other loss
    augment      (inputs, targets) → (inputs, targets): a training batch, changed at random for each step anew; what it
                 draws from torch's default generator is the same for all contenders of a seed
    batch_size   examples a step
    until        the budget of a final run, such as "passes=10", "steps=2000" or "seconds=60"
    targets      values of the metric on the validation split whose time is of interest
    name, title  as the folder and people call it

    >>> import torch
    >>> x = torch.linspace(-1, 1, 200).reshape(-1, 1)
    >>> line = workload(lambda: nn.Linear(1, 1), (x, 3 * x), loss=nn.functional.mse_loss, batch_size=10)
    >>> len(line.data().train)
    140

    What the functions print is seen while they are tried, and of the runs with one process, `--jobs 1`.

    Raises ValueError for anything that cannot be one, when it is first used.
    """
    if isinstance(model, nn.Module):
        raise ValueError("model is an nn.Module; give the function that builds one, so that each seed has weights")
    for what, function in {
        "model": model,
        "loss": loss,
        "metric": metric or accuracy,
        "augment": augment or accuracy,
    }.items():
        if not callable(function):
            raise ValueError(f"{what} is {kind(function)}; it must be a function")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"Invalid batch size: {batch_size!r}; allowed is a whole number, 1 or above")
    if not isinstance(until, str):
        raise ValueError(f"until is {kind(until)}; write it as text, as in 'passes=10'")
    criteria([until])
    return Workload(
        name=name,
        title=title or name,
        build=model,
        data=Kept(partial(_made, data)),
        loss=loss,
        metric=metric or (accuracy if loss is nn.functional.cross_entropy else MinusLoss(loss)),
        batch_size=batch_size,
        until=until,
        targets=_finite(targets),
        augment=augment,
    )


def _finite(targets: Any) -> tuple[float, ...]:
    try:
        found = tuple(map(float, targets))
    except (TypeError, ValueError):
        found = (math.nan,)
    if isinstance(targets, str) or not all(map(math.isfinite, found)):
        raise ValueError(f"Invalid targets: {targets!r}; allowed is a list of finite numbers")
    return found


class MinusLoss:
    """Minus the loss, as something that is wanted high."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.loss = loss
        self.__name__ = f"minus_{getattr(loss, '__name__', 'loss').strip('<>').replace('lambda', 'loss')}"

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return -self.loss(outputs, targets)


def _made(given: Any) -> Data:
    with reproducible():
        return as_data(called("data", given) if callable(given) and not isinstance(given, Data) else given)


@contextmanager
def reproducible() -> Iterator[None]:
    """Inside, the random numbers of Python, NumPy and torch are the same each time; afterwards they go on as before."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with isolated():
            random.seed(0)
            np.random.seed(0)
            reseed(0, "data")
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


# ------------------------------------------------------------------------------------------------------ a user's file


def is_a_file(name: str) -> bool:
    """Whether a workload's name means a file."""
    return name.endswith(".py") or (Path(name).is_file() and not name.isidentifier())


def from_file(path: str, name: str = "") -> Workload:
    """The workload in a file; with several, that of this name. Raises ValueError when there is none."""
    file = Path(path).resolve()
    try:
        digest = sources.digest(file)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); {CURE}") from None
    found = _workloads(file, digest)
    if not found:
        raise ValueError(f"{path} holds no workload; write workload = steepest.workload(model, data), or: {CURE}")
    if name and name not in found:
        raise ValueError(f"{path} holds no workload {name!r}; it holds {', '.join(found)}")
    if not name and len(found) > 1 and "workload" not in found:
        raise ValueError(f"{path} holds several workloads; choose one: " + ", ".join(f"{path}:{n}" for n in found))
    variable = name or ("workload" if "workload" in found else next(iter(found)))
    own = found[variable]
    if own.name == "own":
        called = file.stem if len(found) == 1 else f"{file.stem}-{variable}"
        own = replace(own, name=called, title=called if own.title == "own" else own.title)
    return from_source(own, _again, digest, str(file), variable, own.name, own.title, own.data)


def _again(digest: str, path: str, variable: str, name: str, title: str, data: Callable[[], Data]) -> Workload:
    """The workload in another process: its functions from the file, its data from the process that began."""
    if sources.digest(Path(path)) != digest:
        raise ValueError(f"{path} has changed since the race began; start the command again")
    again = replace(_workloads(Path(path), digest)[variable], name=name, title=title, data=data)
    return from_source(again, _again, digest, path, variable, name, title, data)


@cache
def _workloads(file: Path, digest: str) -> dict[str, Workload]:
    return {n: value for n, value in vars(_module(file, digest)).items() if isinstance(value, Workload)}


def _module(file: Path, digest: str) -> ModuleType:
    name = f"steepest_workload_{digest}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file; {CURE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # what lies beside the file can be imported
    with reproducible(), _reading(file):
        try:
            spec.loader.exec_module(module)
        except SyntaxError as error:
            line = f", line {error.lineno}" if error.lineno else ""
            raise ValueError(f"{error.filename or file}{line}: {error.msg}") from None
        except (Exception, SystemExit) as error:
            dot = "; write it without the dot" if "relative import" in str(error) else ""
            raise ValueError(fault(file.name, error) + dot) from error
    return module


_read: list[str] = []  # what is being read just now


def refuse_while_read() -> None:
    """Raises ValueError while a file is read: each process that trains reads it again, and would start a race."""
    if _read:
        raise ValueError(f'{_read[-1]} starts a race while it is read; put that below: if __name__ == "__main__":')


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    _read.append(file.name)
    try:
        yield
    finally:
        _read.pop()
