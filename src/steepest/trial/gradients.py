"""Gradients and outputs of K models of one architecture at once, their parameters in stacks [K, …].

Two ways to the same numbers: `Vmapped` takes any model that `torch.func.vmap` understands; `ClassFirst` takes linear
layers in sequence and lays activations out as [K, width, batch], which makes the first layer one large matrix product
and gives the loss whole vectors to work on.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from steepest.kernels.stacked import NotStackable
from steepest.trial.judge import pieces
from steepest.workloads import Split, Workload, accuracy

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.Softplus, nn.Identity)
IGNORED = -100  # cross_entropy's mark of a row without a target

Function = Callable[[Tensor, Tensor], Tensor]


class Vmapped:
    """Any model: one model's forward pass, spread over the members by `torch.func.vmap`."""

    name = "vmap"

    def __init__(self, model: nn.Module, workload: Workload) -> None:
        if any(True for _ in model.buffers()):
            raise NotStackable("it keeps numbers beside its parameters, such as BatchNorm's running statistics")
        if not all(p.requires_grad for p in model.parameters()):
            raise NotStackable("some of its parameters do not train")
        self.model, self.workload = model, workload
        self.names = [name for name, _ in model.named_parameters()]

    def losses(self, stacks: Sequence[Tensor], piece: Split, share: float, gradients: Sequence[Tensor], adding: bool):
        """Each member's loss; `share` times its gradient is written, or added, to `gradients`."""
        losses = self._each(self.workload.loss, self._outputs(stacks, piece.inputs, training=True), piece.targets)
        found = torch.autograd.grad(losses, list(stacks), torch.full_like(losses, share), allow_unused=True)
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
        self.model.train(training)
        named = dict(zip(self.names, stacks, strict=True))
        call = vmap(lambda p, x: functional_call(self.model, p, (x,)), in_dims=(0, None), randomness="same")
        return call(named, inputs)

    def _each(self, function: Function, outputs: Tensor, targets: Tensor) -> Tensor:
        return each_member(function, outputs, targets)


class ClassFirst(Vmapped):
    """Linear layers with elementwise functions and dropout between them."""

    name = "layers"

    def __init__(self, model: nn.Module, workload: Workload) -> None:
        super().__init__(model, workload)
        self.layers = [layer for layer in model.modules() if not isinstance(layer, nn.Sequential)]
        self.places = {name: place for place, name in enumerate(self.names)}

    @staticmethod
    def takes(model: nn.Module, inputs: Tensor) -> bool:
        """Whether the model is such a sequence and its input a matrix."""
        modules = list(model.modules())
        layers = [m for m in modules if not isinstance(m, nn.Sequential)]
        known = (nn.Linear, nn.Dropout, nn.Flatten, *ELEMENTWISE)
        return (
            all(type(m) in (nn.Sequential, *known) for m in modules)
            and not any(getattr(m, "inplace", False) for m in layers)
            and all((m.start_dim, m.end_dim) == (1, -1) for m in layers if isinstance(m, nn.Flatten))
            and (inputs.dim() == 2 or isinstance(layers[0], nn.Flatten))
            and any(isinstance(m, nn.Linear) for m in layers)
            and sum(1 for _ in model.named_parameters(remove_duplicate=False)) == len(list(model.parameters()))
        )

    def losses(self, stacks: Sequence[Tensor], piece: Split, share: float, gradients: Sequence[Tensor], adding: bool):
        """Each member's loss; `share` times its gradient is written, or added, to `gradients`."""
        self.model.train()
        outputs = self._forward(stacks, piece.inputs, gradients, adding)
        losses = self._each(self.workload.loss, outputs, piece.targets)
        losses.backward(torch.full_like(losses, share))
        return losses.detach()

    def _outputs(self, stacks: Sequence[Tensor], inputs: Tensor, training: bool) -> Tensor:
        self.model.train(training)
        return self._forward(stacks, inputs, stacks, adding=False)

    def _forward(self, stacks: Sequence[Tensor], inputs: Tensor, gradients: Sequence[Tensor], adding: bool) -> Tensor:
        names = {layer: name for name, layer in self.model.named_modules()}
        # [batch, width] while all members see the same, [K, width, batch] from the first linear layer on
        x = inputs
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                prefix = f"{names[layer]}." if names[layer] else ""
                own = [self.places.get(prefix + name) for name in ("weight", "bias")]
                weight, bias = (None if place is None else stacks[place] for place in own)
                buffers = [None if place is None else gradients[place] for place in own]
                x = _Linear.apply(weight, bias, x.t() if x.dim() == 2 else x, buffers, adding)
            elif isinstance(layer, nn.Dropout) and x.dim() == 3:
                # one mask for all members, drawn as a model by itself draws it
                x = x * layer(torch.ones(x.shape[2], x.shape[1], dtype=x.dtype)).t()
            else:
                x = layer(x)
        return x

    def _each(self, function: Function, outputs: Tensor, targets: Tensor) -> Tensor:
        if function is nn.functional.cross_entropy and targets.dim() == 1 and not targets.is_floating_point():
            count = outputs.shape[0]
            each = nn.functional.cross_entropy(outputs, targets.expand(count, -1), reduction="none")
            return each.sum(1) / (targets != IGNORED).sum()
        if function is accuracy:
            return (outputs.max(1).indices == targets).double().mean(1)  # argmax takes seven times as long here
        return each_member(function, outputs.transpose(1, 2), targets)


class _Linear(torch.autograd.Function):
    """y = W x + b for every member; the gradients of W and b go straight to where the step reads them."""

    @staticmethod
    def forward(ctx, weight, bias, x, gradients, adding):
        ctx.save_for_backward(weight, x)
        ctx.gradients, ctx.adding = gradients, adding
        count, outputs, inputs = weight.shape
        if x.dim() == 3:
            return torch.bmm(weight, x) if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, x)
        rows = weight.view(count * outputs, inputs)
        y = torch.mm(rows, x) if bias is None else torch.addmm(bias.view(-1, 1), rows, x)
        return y.view(count, outputs, -1)

    @staticmethod
    def backward(ctx, *grad_outputs):
        (dy,) = grad_outputs
        weight, x = ctx.saved_tensors
        of_weight, of_bias = ctx.gradients
        dy, beta = dy.contiguous(), int(ctx.adding)
        if of_bias is not None:
            of_bias.add_(dy.sum(2)) if ctx.adding else torch.sum(dy, 2, out=of_bias)
        if x.dim() == 3:
            torch.baddbmm(of_weight, dy, x.transpose(1, 2), beta=beta, out=of_weight)
            return None, None, torch.bmm(weight.transpose(1, 2), dy), None, None
        rows = of_weight.view(-1, of_weight.shape[2])
        torch.addmm(rows, dy.view(len(rows), -1), x.t(), beta=beta, out=rows)
        return None, None, None, None, None


def each_member(function: Function, outputs: Tensor, targets: Tensor) -> Tensor:
    """A function of (outputs, targets) for each member's outputs."""
    try:
        return vmap(function, in_dims=(0, None))(outputs, targets)
    except (RuntimeError, ValueError):  # such as one that asks for a number
        return torch.stack([function(each, targets) for each in outputs])


def route(model: nn.Module, workload: Workload) -> Vmapped:
    """The way that suits the model; raises `NotStackable`."""
    inputs = workload.data().train.inputs
    if inputs.layout != torch.strided:
        raise NotStackable("its inputs are sparse")
    return (ClassFirst if ClassFirst.takes(model, inputs) else Vmapped)(model, workload)


@torch.no_grad()
def judge(way: Vmapped, stacks: Sequence[Tensor], split: Split) -> list[tuple[float, float]]:
    """Each member's mean loss and metric on a split."""
    sums = torch.zeros(2, len(stacks[0]), dtype=torch.float64)
    for piece, share in pieces(split):
        for total, each in zip(sums, way.judged(stacks, piece), strict=True):
            total += share * each.double()
    return [(float(loss), float(metric)) for loss, metric in sums.T]
