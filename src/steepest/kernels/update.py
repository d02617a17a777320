"""One parameter's part in an optimizer step, as data, and the whole of it as one function of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from steepest.rules.rule import Constants, Rule

GRADIENT_SCALE, AVERAGE_RATE = "gradient_scale", "average_rate"


@dataclass(frozen=True)
class Update:
    """What a step does to one parameter; its constants come with each step.

    parameter  the tensor that the model computes with; rewritten
    gradient   of the same shape; only read, unless `zero_gradient`
    slots      the rule's slots in its order; rewritten
    row        which of the step's sets of constants is this parameter's
    theta      where θ lives when the parameter holds another point (Nesterov's look-ahead); rewritten
    average    where an exponential moving average of θ lives, if one is wanted; rewritten
    maximize   climb instead of descend
    scaled     multiply the gradient by the constant `gradient_scale` first (clipping, unscaling)
    first      the number of the first weight, if bfloat16 is rounded stochastically, by the constant `rounding_key`
    """

    rule: Rule
    parameter: torch.Tensor
    gradient: torch.Tensor
    slots: tuple[torch.Tensor, ...]
    row: int = 0
    theta: torch.Tensor | None = None
    average: torch.Tensor | None = None
    maximize: bool = False
    scaled: bool = False
    zero_gradient: bool = False
    first: int | None = None

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor that takes part, by its name in `whole_update`."""
        named = {"theta": self.parameter if self.theta is None else self.theta, "g": self.gradient}
        named |= {slot.symbol: tensor for slot, tensor in zip(self.rule.slots, self.slots, strict=True)}
        if self.theta is not None:
            named["point"] = self.parameter
        if self.average is not None:
            named["average"] = self.average
        return named


def whole_update(update: Update, x: Mapping[str, Any], c: Constants) -> dict[str, Any]:
    """All that happens to a weight in a step, written once for numbers of every kind: the new values by name.

    The gradient is scaled and turned, the rule makes its step, the point of the next gradient and the average follow.
    """
    g = x["g"] * c[GRADIENT_SCALE] if update.scaled else x["g"]
    rule, slots = update.rule, [x[slot.symbol] for slot in update.rule.slots]
    theta, *slots = rule.step(x["theta"], -g if update.maximize else g, slots, c)
    new = {"theta": theta, **{slot.symbol: value for slot, value in zip(rule.slots, slots, strict=True)}}
    if update.theta is not None:
        new["point"] = rule.point(rule.gradient_point, theta, slots, c)
    if update.average is not None:
        new["average"] = x["average"] + c[AVERAGE_RATE] * (theta - x["average"])
    if update.zero_gradient:
        new["g"] = 0.0
    return new


def state_dtype(parameter: torch.dtype) -> torch.dtype:
    """The dtype in which a rule computes, and remembers unless asked otherwise: float32 for 16 bits, else its own."""
    return torch.float32 if parameter in (torch.bfloat16, torch.float16) else parameter


def storage_dtypes(parameter: torch.dtype) -> tuple[torch.dtype, ...]:
    """The dtypes in which a rule's slots may lie in memory: the one in which it computes; for float32 bfloat16 too."""
    computed = state_dtype(parameter)
    return (computed, torch.bfloat16) if computed is torch.float32 else (computed,)
