"""Muon, for the matrices of a model; what is no matrix follows AdamW."""

from collections.abc import Iterator
from typing import Any, Unpack

import torch

from steepest.optim.form import form
from steepest.optim.optimizer import Optimizer
from steepest.optim.shell import Shell
from steepest.optim.signature import Number, Pair, Params, Triple, completed
from steepest.rules.adam import ADAM_HAT, ADAMW
from steepest.rules.muon import (
    MUON,
    MUON_CORRECTED,
    MUON_CORRECTED_PLAIN,
    MUON_PLAIN,
    MUON_PUBLISHED,
    MUON_PUBLISHED_PLAIN,
    MUON_SUM,
    MUON_SUM_PLAIN,
)
from steepest.rules.nadam import NADAM_CONSTANT

PUBLISHED = {"lr": 0.02, "weight_decay": 0.0}
OPTAX = {"weight_decay": 0.0, "eps": 1e-8}
KERAS = {"weight_decay": 4e-3, "rms_rate": 0.2}


@completed
class Muon(Optimizer):
    r"""Muon: for matrices, the momentum with its singular values driven towards 1 (Jordan et al. 2024).

    ==========  ==========================================================================
    "torch"     the iteration in bfloat16; what is no matrix is refused
    "paper"     the same, scaled by ‖d‖ + δ; what is no matrix follows AdamW
    "optax"     the mean corrected for its start, all in full precision; others follow AdamW with Nesterov's look-ahead
    "keras"     a decaying sum, the step 0.2√max(rows, columns) long; others follow Keras's AdamW
    ==========  ==========================================================================

    In the last three a group of matrices and others becomes two, the second with `adamw=True` and the defaults that
    the dialect has for it; a given `lr` holds for both. Give embeddings and the last layer a group of their own with
    `adamw=True`, as the authors ask. `adjust_lr_fn` is torch's, or in place of its "match_rms_adamw" the number κ of
    κ√max(rows, columns).

    A step needs whole matrices, so it runs as tensor operations, not in one pass.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    >>> last = {"params": model[1].parameters(), "adamw": True, "lr": 3e-4}
    >>> optimizer = Muon([{"params": model[0].parameters(), "lr": 0.02}, last], dialect="paper")
    >>> [(len(group["params"]), group["adamw"]) for group in optimizer.param_groups]
    [(1, False), (1, True), (2, True)]
    """

    forms = (
        form("torch", MUON, nesterov=True, adamw=False),
        form("torch", MUON_PLAIN, nesterov=False, adamw=False),
        form("paper", MUON_PUBLISHED, PUBLISHED, nesterov=True, adamw=False),
        form("paper", MUON_PUBLISHED_PLAIN, PUBLISHED, nesterov=False, adamw=False),
        form("paper", ADAMW, {"lr": 3e-4, "beta2": 0.95, "eps": 1e-10, "weight_decay": 0.0}, adamw=True),
        form("optax", MUON_CORRECTED, OPTAX, nesterov=True, adamw=False),
        form("optax", MUON_CORRECTED_PLAIN, OPTAX, nesterov=False, adamw=False),
        form("optax", NADAM_CONSTANT, {"lr": 1e-3}, "decoupled", nesterov=True, adamw=True),
        form("optax", ADAMW, {"weight_decay": 0.0}, nesterov=False, adamw=True),
        form("keras", MUON_SUM, KERAS, nesterov=True, adamw=False),
        form("keras", MUON_SUM_PLAIN, KERAS, nesterov=False, adamw=False),
        form("keras", ADAM_HAT, {"eps": 1e-7, "weight_decay": 4e-3}, "decoupled", adamw=True),
    )

    def __init__(
        self,
        params: Params,
        lr: Number = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: Triple = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | float | None = None,
        *,
        adamw: bool = False,
        betas: Pair = (0.9, 0.999),
        **shell: Unpack[Shell],
    ) -> None: ...

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; with what is no matrix in a group of its own, which follows AdamW.

        Raises ValueError, with nothing changed, for a parameter that is no matrix in dialect "torch".
        """
        before = len(self.param_groups)
        try:
            for group in _parted(param_group, self._written):
                super().add_param_group(group)
        except (ValueError, TypeError):
            del self.param_groups[before:]
            raise


def _parted(group: dict[str, Any], written: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The group itself, or its matrices and the rest."""
    options = {**written, **group} if isinstance(group, dict) else {}
    if not options or options["adamw"] or isinstance(options["params"], set):  # torch refuses what has no order
        yield group
        return
    params = options["params"]
    params = [params] if isinstance(params, torch.Tensor) else list(params)
    others = [each for each in params if not _is_matrix(each)]
    if others and options["dialect"] == "torch":
        p = others[0][1] if isinstance(others[0], tuple) else others[0]
        raise ValueError(
            f"Muon moves real matrices, but a parameter has the shape {tuple(p.shape)} and the dtype {p.dtype}; give "
            f"it to AdamW beside this one, or take dialect='paper', in which such parameters follow AdamW"
        )
    if matrices := [each for each in params if _is_matrix(each)]:
        yield {**group, "params": matrices}
    if others or not params:
        yield {**group, "params": others, "adamw": bool(others)}


def _is_matrix(each: Any) -> bool:
    p = each[1] if isinstance(each, tuple) else each
    return not isinstance(p, torch.Tensor) or (p.dim() == 2 and not p.is_complex())
