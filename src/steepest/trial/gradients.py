"""Gradients and outputs of K models of one architecture at once, their parameters in stacks [K, …].

Two ways to the same numbers: `Vmapped` takes any model that `torch.func.vmap` understands; `ClassFirst` takes linear
layers in sequence, and takes them faster.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from steepest.kernels.stacked import NotStackable
from steepest.trial.judge import pieces
from steepest.trial.layers import (
    KINDS,
    Dropout,
    Layer,
    Linear,
    RoundedLinear,
    Rows,
    WayBack,
    cross_entropy,
    of_each,
    sequence,
)
from steepest.trial.products import FLOAT32, full_precision, rounding
from steepest.trial.specification import Trial
from steepest.workloads import Split, accuracy

Function = Callable[[Tensor, Tensor], Tensor]
Seen = Sequence[tuple[slice, Split]]  # the members of each seed, and the examples that they see


class Vmapped:
    """Any model: one model's forward pass, spread over the members by `torch.func.vmap`."""

    name = "vmap"
    draws = True  # it may ask for random numbers: those of each seed go through it by themselves

    def __init__(self, model: nn.Module, trial: Trial) -> None:
        for layer in model.modules():
            if any(True for _ in layer.buffers(recurse=False)):
                name = type(layer).__name__
                raise NotStackable(f"{name} keeps numbers beside its parameters, such as running statistics")
        if not all(p.requires_grad for p in model.parameters()):
            raise NotStackable("some of its parameters do not train")
        self.model, self.workload, self.products = model, trial.workload, trial.products
        self.names = [name for name, _ in model.named_parameters()]

    def losses(self, stacks: Sequence[Tensor], seen: Seen, share: float, gradients: Sequence[Tensor], adding: bool):
        """Each member's loss; `share` times its gradient is written, or added, to `gradients`."""
        ((_, piece),) = seen
        with rounding(self.products):
            outputs = self._outputs(stacks, piece.inputs, training=True)
        losses = self._each(self.workload.loss, full_precision(outputs), piece.targets)
        found = torch.autograd.grad(share * losses.sum(), list(stacks), allow_unused=True)
        for buffer, gradient in zip(gradients, found, strict=True):
            if gradient is None:
                raise NotStackable("some of its parameters do not enter the loss")
            buffer.add_(gradient) if adding else buffer.copy_(gradient)
        return losses.detach()

    def judged(self, stacks: Sequence[Tensor], piece: Split) -> list[Tensor]:
        """Each member's mean loss, and its metric."""
        outputs = self._outputs(stacks, piece.inputs, training=False)
        return [self._each(f, outputs, piece.targets) for f in (self.workload.loss, self.workload.metric)]

    def _outputs(self, stacks: Sequence[Tensor], inputs: Tensor, training: bool) -> Tensor:
        self._switch(training)
        named = dict(zip(self.names, stacks, strict=True))
        call = vmap(lambda p, x: functional_call(self.model, p, (x,)), in_dims=(0, None), randomness="same")
        return call(named, inputs)

    def _switch(self, training: bool) -> None:
        if self.model.training != training:
            self.model.train(training)

    def _each(self, function: Function, outputs: Tensor, targets: Tensor) -> Tensor:
        return each_member(function, outputs, for_all(targets, len(outputs)))


class ClassFirst(Vmapped):
    """Linear layers with elementwise functions and dropout between them: see `steepest.trial.layers`."""

    name = "layers"

    def __init__(self, model: nn.Module, trial: Trial) -> None:
        super().__init__(model, trial)
        self.training = sequence(model, Linear if trial.products == FLOAT32 else RoundedLinear)
        self.judging = sequence(model, Linear)
        targets = trial.workload.data().train.targets
        self.classes = trial.workload.augment is None and is_cross_entropy(trial.workload.loss, targets)
        self.draws = not self.classes or any(isinstance(layer, Dropout) for layer in self.training)

    @staticmethod
    def takes(model: nn.Module, inputs: Tensor) -> bool:
        """Whether the model is such a sequence and its input a matrix."""
        modules = list(model.modules())
        layers = [m for m in modules if not isinstance(m, nn.Sequential)]
        return (
            all(type(m) in (nn.Sequential, *KINDS) for m in modules)
            and not any(map(_has_hooks, modules))
            and not any(getattr(m, "inplace", False) for m in layers)
            and all((m.start_dim, m.end_dim) == (1, -1) for m in layers if isinstance(m, nn.Flatten))
            and (inputs.dim() == 2 or isinstance(layers[0], nn.Flatten))
            and any(isinstance(m, nn.Linear) for m in layers)
            and sum(1 for _ in model.named_parameters(remove_duplicate=False)) == len(list(model.parameters()))
        )

    @torch.no_grad()
    def losses(self, stacks: Sequence[Tensor], seen: Seen, share: float, gradients: Sequence[Tensor], adding: bool):
        """Each member's loss; `share` times its gradient is written, or added, to `gradients`."""
        self._switch(training=True)
        ways_back: list[WayBack | None] = []
        inputs = [(members, piece.inputs) for members, piece in seen]
        outputs = self._forward(self.training, stacks, inputs, ways_back)
        targets = torch.cat([for_all(piece.targets, len(outputs[members])) for members, piece in seen])
        losses, d_outputs = self._loss_and_its_gradient(outputs, targets, share)
        for way_back in reversed(ways_back):
            if d_outputs is None or way_back is None:
                break
            d_outputs = way_back(d_outputs, gradients, adding)
        return losses

    def _outputs(self, stacks: Sequence[Tensor], inputs: Tensor, training: bool) -> Tensor:
        self._switch(training)
        return self._forward(self.judging, stacks, [(slice(None), inputs)], [])

    @staticmethod
    def _forward(
        layers: Sequence[Layer], stacks: Sequence[Tensor], inputs: Rows, ways_back: list[WayBack | None]
    ) -> Tensor:
        x = of_each(partial(torch.flatten, start_dim=1), inputs)
        for layer in layers:
            x, way_back = layer(stacks, x)
            ways_back.append(way_back)
        return cast("Tensor", x)  # one of them is linear

    def _loss_and_its_gradient(self, outputs: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
        if self.classes or is_cross_entropy(self.workload.loss, targets[0]):
            return cross_entropy(outputs, targets, share)
        with torch.enable_grad():
            outputs = outputs.requires_grad_()
            losses = each_member(self.workload.loss, outputs.transpose(1, 2), targets)
            (gradient,) = torch.autograd.grad(share * losses.sum(), outputs)
        return losses.detach(), gradient

    def _each(self, function: Function, outputs: Tensor, targets: Tensor) -> Tensor:
        if is_cross_entropy(function, targets):
            each = nn.functional.cross_entropy(outputs, for_all(targets, len(outputs)), reduction="none")
            return each.mean(1)
        if function is accuracy:
            return (outputs.max(1).indices == targets).double().mean(1)  # argmax takes seven times as long here
        return each_member(function, outputs.transpose(1, 2), for_all(targets, len(outputs)))


def _has_hooks(layer: nn.Module) -> bool:
    return any((layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks))


def is_cross_entropy(function: Function, targets: Tensor) -> bool:
    """Whether it is the cross-entropy of classes, one for each row."""
    classes = targets.dim() == 1 and not targets.is_floating_point()
    return function is nn.functional.cross_entropy and classes and bool((targets >= 0).all())


def each_member(function: Function, outputs: Tensor, targets: Tensor) -> Tensor:
    """A function of (outputs, targets) for each member's."""
    try:
        return vmap(function)(outputs, targets)
    except (RuntimeError, ValueError):  # such as one that asks for a number
        return torch.stack([function(*each) for each in zip(outputs, targets, strict=True)])


def for_all(targets: Tensor, members: int) -> Tensor:
    """The same for so many members."""
    return targets.expand(members, *targets.shape)


def route(model: nn.Module, trial: Trial) -> Vmapped:
    """The way that suits the model; raises `NotStackable`."""
    inputs = trial.workload.data().train.inputs
    if inputs.layout != torch.strided:
        raise NotStackable("its inputs are sparse")
    return (ClassFirst if ClassFirst.takes(model, inputs) else Vmapped)(model, trial)


@torch.no_grad()
def judge(way: Vmapped, stacks: Sequence[Tensor], split: Split) -> list[tuple[float, float]]:
    """Each member's mean loss and metric on a split."""
    sums = torch.zeros(2, len(stacks[0]), dtype=torch.float64)
    for piece, share in pieces(split):
        for total, each in zip(sums, way.judged(stacks, piece), strict=True):
            total += share * each.double()
    return [(float(loss), float(metric)) for loss, metric in sums.T]
