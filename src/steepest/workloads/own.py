"""A workload of one's own: made from plain functions, here or in a user's file, and checked before anything trains."""

import hashlib
import importlib.util
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steepest.stopping import criteria
from steepest.workloads.randomness import isolated, reseed
from steepest.workloads.splitting import Kept, as_data, kind
from steepest.workloads.workload import Data, Split, Workload, accuracy, from_source

FEW = 8  # examples with which a workload is tried
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

    >>> x = torch.linspace(-1, 1, 200).reshape(-1, 1)
    >>> line = workload(lambda: nn.Linear(1, 1), (x, 3 * x), loss=nn.functional.mse_loss, batch_size=10)
    >>> len(line.data().train)
    140

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
        targets=tuple(float(target) for target in targets),
        augment=augment,
    )


class MinusLoss:
    """Minus the loss, as something that is wanted high."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.loss = loss
        self.__name__ = f"minus_{getattr(loss, '__name__', 'loss').strip('<>').replace('lambda', 'loss')}"

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return -self.loss(outputs, targets)


def _made(given: Any) -> Data:
    with reproducible():
        return as_data(_called("data", given) if callable(given) and not isinstance(given, Data) else given)


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
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
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
    if hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] != digest:
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
    with reproducible():
        try:
            spec.loader.exec_module(module)
        except SyntaxError as error:
            raise ValueError(f"{error.filename}, line {error.lineno}: {error.msg}") from None
        except Exception as error:
            raise ValueError(_fault(file.name, error)) from error
    return module


# -------------------------------------------------------------------------------------------------- checked in advance


def check(what: Workload) -> None:
    """Try a workload with a few examples. Raises ValueError, in one line, for what would go wrong later."""
    data = _called("data", what.data)
    for name, split in data.splits.items():
        _check_split(name, split)
    with reproducible(), torch.enable_grad():
        model = _called("the model", what.build)
        if not isinstance(model, nn.Module):
            raise ValueError(f"the model's function returned {type(model).__name__}, not an nn.Module")
        if not any(p.requires_grad for p in model.parameters()):
            raise ValueError("the model has no parameters that train")
        few = _augmented(what)
        model.train()
        loss = _called("the loss", what.loss, _called(_on("the model", few), model, few.inputs), few.targets)
        _check_number("loss", loss)
        if not loss.requires_grad:
            raise ValueError("the loss does not depend on the model's parameters; nothing could be trained")
        if not torch.isfinite(loss):
            raise ValueError(f"the loss before the first step is {loss.item():g}; it must be finite")
        _called("the loss's gradient", loss.backward)
        model.eval()
        with torch.no_grad():
            few = data.validation[:FEW]
            _check_number("metric", _called("the metric", what.metric, model(few.inputs), few.targets))


def _augmented(what: Workload) -> Split:
    """A few training examples as a step sees them."""
    few = slice(0, FEW)
    one, two = (_called("augment", _pair, what, few) for _ in range(2))
    if len(one.inputs) != len(one.targets):
        shapes = f"inputs of shape {tuple(one.inputs.shape)} and targets of shape {tuple(one.targets.shape)}"
        raise ValueError(f"augment returned {shapes}; both need one row an example")
    if not (torch.equal(one.inputs, two.inputs) and torch.equal(one.targets, two.targets)):
        raise ValueError(
            "augment draws random numbers that torch's seed does not fix, so contenders would see different batches; "
            "draw them with torch.rand and the like, without a generator of its own"
        )
    return one


def _pair(what: Workload, rows: slice) -> Split:
    if what.augment is not None:
        found = what.augment(*(t[rows].clone() for t in (what.data().train.inputs, what.data().train.targets)))
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(t, Tensor) for t in found):
            raise ValueError(f"augment returned {kind(found)}; it must return a pair of tensors, (inputs, targets)")
    return what.batch(rows, seed=0, step=0)


def _check_split(name: str, split: Split) -> None:
    if not len(split):
        raise ValueError(f"the {name} split has no examples")
    for part, tensor in (("inputs", split.inputs), ("targets", split.targets)):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            row = int((~torch.isfinite(tensor.reshape(len(tensor), -1)).all(dim=1)).nonzero()[0])
            raise ValueError(f"the {part} of the {name} split hold NaN or ∞, first in row {row}")


def _check_number(what: str, value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"the {what} is {kind(value)}; it must be a tensor of one number")
    if value.ndim:
        raise ValueError(f"the {what} has shape {tuple(value.shape)}; it must be one number, a mean over the rows")


def _on(what: str, split: Split) -> str:
    return f"{what} on inputs of shape {tuple(split.inputs.shape)}"


def _called(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        if isinstance(error, OSError) or (isinstance(error, ValueError) and _ours(error)):
            raise
        raise ValueError(_fault(what, error)) from error


def _ours(error: Exception) -> bool:
    """Whether the error is one that this package raised on purpose."""
    return Path(traceback.extract_tb(error.__traceback__)[-1].filename).is_relative_to(Path(__file__).parents[1])


def _fault(what: str, error: Exception) -> str:
    """What failed, why, and the line of the user's that it comes from."""
    ours, libraries = str(Path(__file__).parents[1]), ("site-packages", "dist-packages", "<frozen", "/lib/python")
    frames = traceback.extract_tb(error.__traceback__)
    users = [f for f in frames if not f.filename.startswith(ours) and not any(part in f.filename for part in libraries)]
    where = f" ({Path(users[-1].filename).name}, line {users[-1].lineno})" if users else ""
    why = " ".join(str(error).split())
    return f"{what} failed{where}: {type(error).__name__}: {why[:300]}"
