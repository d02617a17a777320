"""Layers of K models at once, their weights in stacks [K, …], with the chain rule written out.

Activations lie as [K, width, batch], which makes the first layer, that all members of a seed feed with the same rows,
one large matrix product and gives the loss whole vectors to work on. Before it there are the rows [batch, width] that
the members of each seed see. Autograd would take as long as the arithmetic of a small
model, so each layer returns its own way back: a function of (dy, gradients, whether to add) that puts the gradients
of its weights in their place and returns dx, or None where nothing before it has weights.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.Softplus)

Rows = Sequence[tuple[slice, Tensor]]  # members, and what all of them see
WayBack = Callable[[Tensor, Sequence[Tensor], bool], Tensor | None]


def of_each(function: Callable[[Tensor], Tensor], x: Rows) -> Rows:
    """The function of what the members of each seed see."""
    return [(members, function(rows)) for members, rows in x]


class Linear:
    """y = W x + b for every member; the gradients of W and b go straight to where the step reads them."""

    def __init__(self, weight: int, bias: int | None) -> None:
        self.weight, self.bias = weight, bias  # which stacks they are

    def __call__(self, stacks: Sequence[Tensor], x: Tensor | Rows) -> tuple[Tensor, WayBack]:
        weight = stacks[self.weight]
        bias = None if self.bias is None else stacks[self.bias].unsqueeze(2)
        if isinstance(x, Tensor):
            y = torch.bmm(weight, x) if bias is None else torch.baddbmm(bias, weight, x)
            return y, partial(self._back, weight, x)
        y = weight.new_empty(*weight.shape[:2], len(x[0][1]))
        for members, rows in x:
            flat, out = weight[members].flatten(0, 1), y[members].flatten(0, 1)
            if bias is None:
                torch.mm(flat, rows.t(), out=out)
            else:
                torch.addmm(bias[members].flatten(0, 1), flat, rows.t(), out=out)
        return y, partial(self._back_to_the_input, x)

    def _back(self, weight: Tensor, x: Tensor, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> Tensor:
        of_weight = gradients[self.weight]
        torch.baddbmm(of_weight, dy, x.transpose(1, 2), beta=int(adding), out=of_weight)
        self._to_bias(dy, gradients, adding)
        return torch.bmm(weight.transpose(1, 2), dy)

    def _back_to_the_input(self, x: Rows, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        for members, rows in x:
            of_weight = gradients[self.weight][members].flatten(0, 1)
            torch.addmm(of_weight, dy[members].flatten(0, 1), rows, beta=int(adding), out=of_weight)
        self._to_bias(dy, gradients, adding)

    def _to_bias(self, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        if self.bias is not None:
            of_bias = gradients[self.bias]
            of_bias.add_(dy.sum(2)) if adding else torch.sum(dy, 2, out=of_bias)


class RoundedLinear(Linear):
    """The same with the factors of each product, and the product, rounded to bfloat16."""

    def __call__(self, stacks: Sequence[Tensor], x: Tensor | Rows) -> tuple[Tensor, WayBack]:
        weight = stacks[self.weight].bfloat16()
        if isinstance(x, Tensor):
            x = x.bfloat16()
            y, back = torch.bmm(weight, x), partial(self._back, weight, x)
        else:
            x = [(members, rows.bfloat16()) for members, rows in x]
            products = [torch.mm(weight[members].flatten(0, 1), rows.t()) for members, rows in x]
            y, back = torch.cat(products).view(*weight.shape[:2], -1), partial(self._back_to_the_input, x)
        y = y.to(stacks[self.weight].dtype)
        if self.bias is not None:
            y += stacks[self.bias].unsqueeze(2)
        return y, back

    def _back(self, weight: Tensor, x: Tensor, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> Tensor:
        rounded = dy.bfloat16()
        self._to_weight(torch.bmm(rounded, x.transpose(1, 2)), gradients[self.weight], adding)
        self._to_bias(dy, gradients, adding)
        return torch.bmm(weight.transpose(1, 2), rounded).to(dy.dtype)

    def _back_to_the_input(self, x: Rows, dy: Tensor, gradients: Sequence[Tensor], adding: bool) -> None:
        for members, rows in x:
            product = torch.mm(dy[members].bfloat16().flatten(0, 1), rows)
            self._to_weight(product, gradients[self.weight][members], adding)
        self._to_bias(dy, gradients, adding)

    @staticmethod
    def _to_weight(product: Tensor, of_weight: Tensor, adding: bool) -> None:
        product = product.view_as(of_weight)
        of_weight.add_(product) if adding else of_weight.copy_(product)


class Elementwise:
    """A function of each number by itself; autograd knows its derivative."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __call__(self, _: Sequence[Tensor], x: Tensor | Rows) -> tuple[Tensor | Rows, WayBack | None]:
        if not isinstance(x, Tensor):
            return of_each(self.layer, x), None
        if not self.layer.training:
            return self.layer(x), None
        with torch.enable_grad():
            x = x.requires_grad_()
            y = self.layer(x)
        # autograd.grad would import a computer algebra system first, which takes longer than many a race's training
        return y.detach(), lambda dy, *_: y.grad_fn(dy)


class Dropout:
    """One mask for all members, which are of one seed, drawn as a model by itself draws it."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __call__(self, _: Sequence[Tensor], x: Tensor | Rows) -> tuple[Tensor | Rows, WayBack | None]:
        if not isinstance(x, Tensor):
            return of_each(self.layer, x), None
        if not self.layer.training:
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
    """Each member's mean cross-entropy, and `share` times its gradient: softmax minus one at the target.

    outputs  [K, classes, batch]
    targets  [K, batch]
    """
    logs = torch.log_softmax(outputs, 1)
    rows = targets.unsqueeze(1)
    losses = -logs.gather(1, rows).squeeze(1).mean(1)
    weight = share / targets.shape[1]
    gradient = torch.softmax(outputs, 1).mul_(weight)  # sooner than the exponential of the above
    gradient.scatter_(1, rows, -weight, reduce="add")
    return losses, gradient
