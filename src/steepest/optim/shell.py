"""What every optimizer takes beside its rule's numbers, said once: type, default and meaning.

Signatures, checks, help() and what a state_dict of torch.optim lacks are read from here.
"""

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, get_args, get_origin, get_type_hints

import torch


class Ours(TypedDict, total=False):
    """What torch.optim lacks."""

    dialect: Annotated[str, "torch", "whose form of the method, and whose defaults for all that is not given"]
    clip_norm: Annotated[float | None, None, "scale this optimizer's gradients so that their norm is at most this"]
    ema: Annotated[float | None, None, "share of the average of the weights that a step keeps; see averaged()"]
    zero_grad_after_step: Annotated[bool, False, "set the gradients to 0 once they are used"]
    state_dtype: Annotated[torch.dtype | None, None, "torch.bfloat16 keeps the state in 16 bits"]
    stochastic_rounding: Annotated[bool, False, "round to bfloat16 up or down at random, right in the mean"]
    rounding_seed: Annotated[int, 0, "chooses the random bits of stochastic_rounding"]


class Shell(Ours, total=False):
    """All of it; a class that takes some of these by place writes them into its signature."""

    maximize: Annotated[bool, False, "ascend: the step follows −g"]
    differentiable: Annotated[bool, False, "autograd records the step"]


@dataclass(frozen=True)
class Argument:
    """One of the shell's arguments."""

    type: Any
    default: Any
    meaning: str


def arguments(shell: type) -> dict[str, Argument]:
    """The arguments that a TypedDict of the shell describes, by name."""
    hints = get_type_hints(shell, include_extras=True)
    return {name: Argument(*get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Annotated}


OURS = arguments(Ours)
SHELL = arguments(Shell)

# the flags that only some classes have
OWN_FLAGS = {
    "nesterov": "Nesterov's form of the momentum",
    "amsgrad": "divide by the largest second moment so far",
    "centered": "divide by the deviation from the mean gradient",
    "decoupled_weight_decay": "shrink θ beside the gradient, as AdamW does",
    "no_prox": "decoupled weight decay in the place of the paper's proximal step",
    "adamw": "follow AdamW: for a group of embeddings or the last layer",
    "bias_correction": "correct the running means for their start",
    "capturable": "accepted and without effect",
}
FLAGS = (*OWN_FLAGS, *(name for name, argument in SHELL.items() if argument.type is bool))
FLAGS_OR_NONE = {
    "foreach": "accepted and without effect: one implementation serves all",
    "fused": "True lets GradScaler leave the unscaling to the step; else without effect",
    "eps_in_sqrt": "δ inside the root, or outside; None: as the dialect has it",
}
