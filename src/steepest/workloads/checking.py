"""A workload is tried with a few examples before anything trains: each likely mistake is told in one line."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from steepest.workloads.faults import called
from steepest.workloads.own import refuse_while_read, reproducible
from steepest.workloads.randomness import reseed
from steepest.workloads.splitting import kind
from steepest.workloads.workload import Split, Workload

FEW = 8  # examples with which a workload is tried
SAME = 1e-4  # two losses that differ by less, relatively
LOW = {"loss", "error", "err", "mae", "mse", "rmse", "perplexity"}  # words for what is wanted low
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
UNSEEDED = (
    "{} draws random numbers that torch's seed does not fix, so contenders would not see the same; "
    "draw them with torch.rand and the like, without a generator of its own"
)


def check(what: Workload) -> None:
    """Try a workload with a few examples. Raises ValueError, in one line, for what would go wrong later."""
    refuse_while_read()
    _refuse_low_is_better(what)
    data = called("data", what.data)
    for name, split in data.splits.items():
        if not len(split):
            raise ValueError(f"the {name} split has no examples")
    with reproducible(), torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("error", "Using a target size")  # torch would pair each output with each target
        model = _fresh(what)
        few = _augmented(what)
        loss, again = (_trained_on(what, each, few) for each in (model, what.model(0)))
        if not loss.requires_grad:
            raise ValueError("the loss does not depend on the model's parameters; nothing could be trained")
        if not torch.isfinite(loss):
            raise ValueError(f"the loss before the first step is {loss.item():g}; it must be finite")
        if not torch.isclose(loss, again, rtol=SAME):
            raise ValueError(UNSEEDED.format("the model or the loss"))
        called("the loss's gradient", loss.backward)
        model.eval()
        with torch.no_grad():
            for name, split in data.splits.items():
                _check_judged(what, model, name, split)


def _fresh(what: Workload) -> nn.Module:
    """A model; refused when another one is not as new."""
    model = called("the model", what.model, 0)
    if not isinstance(model, nn.Module):
        raise ValueError(f"the model's function returned {kind(model)}, not an nn.Module")
    trained = [p for p in model.parameters() if p.requires_grad]
    if not trained:
        raise ValueError("the model has no parameters that train")
    after = torch.get_rng_state()
    other = called("the model", what.model, 1)
    if {id(p) for p in trained} & {id(p) for p in other.parameters()}:
        raise ValueError("the model's function returned the same parameters twice; it must make new ones each time")
    if torch.equal(after, torch.get_rng_state()):
        said = "the model's function sets torch's seed, so all seeds have the same initial weights"
        warnings.warn(f"{said}; leave torch.manual_seed out", SeedSet, stacklevel=2)
    return model


class SeedSet(UserWarning):
    """A model's initial weights are the same for every seed."""


def _trained_on(what: Workload, model: nn.Module, few: Split) -> Tensor:
    """The loss in training, the same each time."""
    reseed(0, "dropout")
    outputs = called(_on(few, model), model, few.inputs)
    return _number("loss", called(_judging("loss", outputs, few), what.loss, outputs, few.targets))


def _check_judged(what: Workload, model: nn.Module, name: str, split: Split) -> None:
    """Loss and metric of a few examples, the smallest and largest numbers among them, such as a label too many."""
    few = split[_telling(split)]
    outputs = called(f"{_on(few, model)}, of the {name} split,", model, few.inputs)
    for part, function in (("loss", what.loss), ("metric", what.metric)):
        judged = f"{_judging(part, outputs, few)}, of the {name} split,"
        value = _number(part, called(judged, function, outputs, few.targets))
        if not torch.isfinite(value):
            raise ValueError(f"{judged} is {value.item():g} before the first step; it must be finite")
        _check_mean(part, function, model, few)


def _telling(split: Split) -> Tensor:
    """The rows of a few examples, and of those with the smallest and the largest number."""
    rows = set(range(min(FEW, len(split))))
    for tensor in (split.inputs, split.targets):
        if tensor.layout == torch.strided and tensor.numel() and (tensor.is_floating_point() or tensor.dtype in WHOLE):
            a_row = tensor.numel() // len(tensor)
            rows |= {int(place) // a_row for place in (tensor.argmin(), tensor.argmax())}
    return torch.tensor(sorted(rows))


def _check_mean(part: str, function: Callable[..., Tensor], model: nn.Module, few: Split) -> None:
    """A sum over the rows would weigh more in a larger batch; outputs and targets of two shapes make all pairs."""
    half = len(few) // 2
    if not half:
        return
    both, one, two = (few[: 2 * half], few[:half], few[half : 2 * half])
    outputs = model(both.inputs)
    found = [called(f"the {part}", function, model(each.inputs), each.targets).double() for each in (one, two, both)]
    sums, whole = found[0] + found[1], found[2]
    if found[0] != 0 and found[1] != 0 and torch.isclose(whole, sums, rtol=SAME, atol=0.0):
        raise ValueError(
            f"the {part} of {2 * half} rows is the sum of that of its halves; it must be the mean over the rows: "
            "divide it by their number"
        )
    alike = not isinstance(outputs, Tensor) or outputs.numel() != both.targets.numel()
    if not alike and outputs.shape != both.targets.shape and not torch.isclose(whole, sums / 2, rtol=SAME):
        raise ValueError(f"{_judging(part, outputs, both)} pairs each with each; give both the same shape")


def _refuse_low_is_better(what: Workload) -> None:
    words = what.measure.lower().split()
    if LOW & set(words) and words[0] not in ("minus", "negative", "neg"):
        name = "_".join(words)
        raise ValueError(
            f"the metric is called {name}, which is wanted low; the metric is what is wanted high: "
            f"leave it out for minus the loss, or give a function minus_{name}"
        )


def _augmented(what: Workload) -> Split:
    """A few training examples as a step sees them."""
    rows = len(what.data().train)
    few = slice(0, min(FEW, rows % what.batch_size or rows))  # as few as the last batch of a pass
    one, two = (called("augment", _pair, what, few) for _ in range(2))
    if len(one.inputs) != len(one.targets):
        shapes = f"inputs of shape {tuple(one.inputs.shape)} and targets of shape {tuple(one.targets.shape)}"
        raise ValueError(f"augment returned {shapes}; both need one row an example")
    if not (torch.equal(one.inputs, two.inputs) and torch.equal(one.targets, two.targets)):
        raise ValueError(UNSEEDED.format("augment"))
    return one


def _pair(what: Workload, rows: slice) -> Split:
    if what.augment is not None:
        found = what.augment(*(t[rows].clone() for t in (what.data().train.inputs, what.data().train.targets)))
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(t, Tensor) for t in found):
            raise ValueError(f"augment returned {kind(found)}; it must return a pair of tensors, (inputs, targets)")
    return what.batch(rows, seed=0, step=0)


def _number(what: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise ValueError(f"the {what} is {kind(value)}; it must be a tensor of one number, as torch.tensor(0.5) is")
    if value.ndim:
        raise ValueError(f"the {what} has shape {tuple(value.shape)}; it must be one number, a mean over the rows")
    if value.is_complex():
        raise ValueError(f"the {what} is complex; it must be a real number")
    return value


def _on(split: Split, model: nn.Module) -> str:
    """The model with these inputs, and the precision of its weights where it is another one."""
    weights = next((p.dtype for p in model.parameters() if p.is_floating_point()), split.inputs.dtype)
    other = f" with {_short(weights)} weights" if weights != split.inputs.dtype else ""
    return f"the model{other} on {_shape('inputs', split.inputs)}"


def _judging(part: str, outputs: Any, split: Split) -> str:
    found = _shape("outputs", outputs) if isinstance(outputs, Tensor) else f"outputs that are {kind(outputs)}"
    return f"the {part} of {found} and {_shape('targets', split.targets)}"


def _shape(what: str, x: Tensor) -> str:
    return f"{_short(x.dtype)} {what} of shape {tuple(x.shape)}"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
