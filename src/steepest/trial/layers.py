"""Layers of K models at once, their weights in stacks [K, …], with the chain rule written out.

Activations lie as [K, width, batch], which makes the first layer, that all members feed with the same rows, one large
matrix product and gives the loss whole vectors to work on. Autograd would take as long as the arithmetic of a small
model, so each layer returns its own way back: a function of (dy, gradients, whether to add) that puts the gradients
of its weights in their place and returns dx, or None where nothing before it has weights.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.Softplus)

WayBack = Callable[[Tensor, Sequence[Tensor], bool], Tensor | None]


class Linear:
    """y = W x + b for every member; the gradients of W and b go straight to where the step reads them."""

    def __init__(self, weight: int, bias: int | None) -> None:
        self.weight, self.bias = weight, bias  # which stacks they are

    def __call__(self, stacks: Sequence[Tensor], x: Tensor) -> tuple[Tensor, WayBack]:
        weight = stacks[self.weight]
        bias = None if self.bias is None else stacks[self.bias].unsqueeze(2)
        if x.dim() == 3:
            y = torch.bmm(weight, x) if bias is None else torch.baddbmm(bias, weight, x)
            return y, partial(self._back, weight, x)
        rows = weight.flatten(0, 1)
        y = torch.mm(rows, x.t()) if bias is None else torch.addmm(bias.flatten(0, 1), rows, x.t())
        return y.view(*weight.shape[:2], -1), partial(self._back_to_the_input, x)

    def _back(self, weight: Tensor, x: Tensor, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> Tensor:
        of_weight = gradients[self.weight]
        torch.baddbmm(of_weight, dy, x.transpose(1, 2), beta=int(adding), out=of_weight)
        self._to_bias(dy, gradients, adding)
        return torch.bmm(weight.transpose(1, 2), dy)

    def _back_to_the_input(self, x: Tensor, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        of_weight = gradients[self.weight]
        of_weight = of_weight.view(-1, of_weight.shape[2])
        torch.addmm(of_weight, dy.reshape(len(of_weight), -1), x, beta=int(adding), out=of_weight)
        self._to_bias(dy, gradients, adding)

    def _to_bias(self, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        if self.bias is not None:
            of_bias = gradients[self.bias]
            of_bias.add_(dy.sum(2)) if adding else torch.sum(dy, 2, out=of_bias)


class RoundedLinear(Linear):
    """The same with the factors of each product, and the product, rounded to bfloat16."""

    def __call__(self, stacks: Sequence[Tensor], x: Tensor) -> tuple[Tensor, WayBack]:
        weight, x = stacks[self.weight].bfloat16(), x.bfloat16()
        of_all = x.dim() == 3
        y = (torch.bmm(weight, x) if of_all else torch.mm(weight.flatten(0, 1), x.t())).to(stacks[self.weight].dtype)
        y = y.view(*weight.shape[:2], -1)
        if self.bias is not None:
            y += stacks[self.bias].unsqueeze(2)
        return y, partial(self._back, weight, x) if of_all else partial(self._back_to_the_input, x)

    def _back(self, weight: Tensor, x: Tensor, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> Tensor:
        rounded = dy.bfloat16()
        self._to_weight(torch.bmm(rounded, x.transpose(1, 2)), gradients, adding)
        self._to_bias(dy, gradients, adding)
        return torch.bmm(weight.transpose(1, 2), rounded).to(dy.dtype)

    def _back_to_the_input(self, x: Tensor, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        self._to_weight(torch.mm(dy.bfloat16().flatten(0, 1), x), gradients, adding)
        self._to_bias(dy, gradients, adding)

    def _to_weight(self, product: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        of_weight = gradients[self.weight]
        product = product.view_as(of_weight)
        of_weight.add_(product) if adding else of_weight.copy_(product)


class Elementwise:
    """A function of each number by itself; autograd knows its derivative."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __call__(self, _: Sequence[Tensor], x: Tensor) -> tuple[Tensor, WayBack | None]:
        if x.dim() == 2 or not self.layer.training:
            return self.layer(x), None
        with torch.enable_grad():
            x = x.requires_grad_()
            y = self.layer(x)
        # autograd.grad would import a computer algebra system first, which takes longer than many a race's training
        return y.detach(), lambda dy, *_: y.grad_fn(dy)


class Dropout:
    """One mask for all members, drawn as a model by itself draws it."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __call__(self, _: Sequence[Tensor], x: Tensor) -> tuple[Tensor, WayBack | None]:
        if x.dim() == 2 or not self.layer.training:
            return self.layer(x), None
        mask = self.layer(torch.ones(x.shape[2], x.shape[1], dtype=x.dtype)).t()
        return x * mask, lambda dy, *_: dy * mask


KINDS = (nn.Linear, nn.Dropout, nn.Flatten, nn.Identity, *ELEMENTWISE)


Layer = Linear | Elementwise | Dropout


def sequence(model: nn.Module, linear: type[Linear]) -> list[Layer]:
    """The layers of a model that is a sequence of `KINDS`, without those that leave a matrix as it is."""
    places = {name: place for place, (name, _) in enumerate(model.named_parameters())}
    found = []
    for name, layer in model.named_modules(remove_duplicate=False):  # an activation may stand in two places
        if isinstance(layer, nn.Linear):
            prefix = f"{name}." if name else ""
            found.append(linear(places[f"{prefix}weight"], places.get(f"{prefix}bias")))
        elif isinstance(layer, nn.Dropout):
            found.append(Dropout(layer))
        elif isinstance(layer, ELEMENTWISE):
            found.append(Elementwise(layer))
    return found


def cross_entropy(outputs: Tensor, targets: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Each member's mean cross-entropy, and `share` times its gradient: softmax minus one at the target."""
    logs = torch.log_softmax(outputs, 1)
    rows = targets.expand(len(outputs), 1, -1)
    losses = -logs.gather(1, rows).squeeze(1).mean(1)
    weight = share / len(targets)
    gradient = torch.softmax(outputs, 1).mul_(weight)  # sooner than the exponential of the above
    gradient.scatter_(1, rows, -weight, reduce="add")
    return losses, gradient
