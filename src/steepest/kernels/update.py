"""One parameter's part in an optimizer step, as data."""

from dataclasses import dataclass

import torch

from steepest.rules.rule import Constants, Rule


@dataclass(frozen=True, slots=True)
class Update:
    """What a step does to one parameter.

    parameter  the tensor that the model computes with; rewritten
    gradient   of the same shape; only read
    slots      the rule's slots in its order; rewritten
    theta      where θ lives when the parameter holds another point (Nesterov's look-ahead); rewritten
    constants  the rule's constants for this parameter's step
    maximize   climb instead of descend
    """

    rule: Rule
    parameter: torch.Tensor
    gradient: torch.Tensor
    slots: tuple[torch.Tensor, ...]
    constants: Constants
    theta: torch.Tensor | None = None
    maximize: bool = False


def state_dtype(parameter: torch.dtype) -> torch.dtype:
    """The dtype in which a rule computes and remembers: float32 for 16-bit parameters, else the parameter's own."""
    return torch.float32 if parameter in (torch.bfloat16, torch.float16) else parameter
