"""What a step would get wrong is refused before anything changes."""

from collections.abc import Sequence
from typing import Any

import torch

from steepest.kernels import storage_dtypes
from steepest.optim.group import Followed


def refuse_several_bounds(groups: Sequence[Followed]) -> None:
    """Clipping bounds one norm, that of all gradients."""
    clip_norms = dict.fromkeys(followed.clip_norm for followed in groups)
    if len(clip_norms) > 1:
        raise ValueError(
            f"Invalid clip_norm value: {', '.join(map(str, clip_norms))} in different groups; it bounds the norm of "
            f"all gradients together, so it is the same in every group"
        )


def refuse_twins(params: Sequence[Any]) -> None:
    """Raises ValueError for a parameter that a group names twice: torch warns, and moves it twice a step."""
    if len(set(map(id, params))) < len(params):
        raise ValueError("a parameter stands in a group twice, so each step would move it twice; give it once")


def refuse_storage(followed: Followed, p: torch.Tensor) -> None:
    """A parameter's dtype must suit what its group asks for."""
    if followed.state_dtype is not None and followed.state_dtype not in storage_dtypes(p.dtype):
        raise ValueError(
            f"Invalid state_dtype value: {followed.state_dtype} for a parameter of {p.dtype}; it is for parameters of "
            f"float32, bfloat16 or float16; give the others a group with state_dtype=None"
        )
    if followed.rounding_seed is not None and p.dtype == torch.float16:
        raise ValueError(
            "stochastic_rounding rounds to bfloat16, and a parameter is of torch.float16; convert it with .bfloat16(), "
            "or give it a group with stochastic_rounding=False"
        )


def refuse_shards(followed: Followed, p: torch.Tensor) -> None:
    """Clipping needs the whole of each gradient; FSDP leaves every process a shard, marked as such."""
    if followed.clip_norm is not None and getattr(p, "_fsdp_flattened", False):
        raise ValueError(
            f"Invalid clip_norm value: {followed.clip_norm} under FSDP, where each process would clip by its own "
            f"shard's norm; leave clip_norm out and call model.clip_grad_norm_(…) before the step, or use fully_shard"
        )


def refuse_gradient(followed: Followed, p: torch.Tensor) -> None:
    """A parameter must be one that can be stepped, and its gradient one that the rule takes."""
    if p.layout != torch.strided:
        raise RuntimeError(f"parameters of layout {p.layout} are not supported; convert them with .to_dense()")
    if p.grad is not None and not (p.is_floating_point() or p.is_complex()):
        raise RuntimeError(
            f"a parameter is of {p.dtype}, in which no step lands where it should; convert it with .float()"
        )
    if any(stride == 0 and size > 1 for stride, size in zip(p.stride(), p.shape, strict=True)):
        raise RuntimeError(
            f"a parameter of shape {tuple(p.shape)} has elements that share memory (expand()), so one would be updated "
            f"as many; make it a tensor of its own with .clone()"
        )
    if p.grad is None or p.grad.layout == torch.strided:
        return
    if not (p.grad.is_sparse and followed.rule.sparse):
        raise RuntimeError(
            f"{followed.rule.title} does not support sparse gradients; pass p.grad.to_dense(), or sparse=False"
        )
    if followed.hyperparameters.get("weight_decay"):
        raise RuntimeError(
            "weight_decay is not compatible with sparse gradients, for it reaches every weight; give these parameters "
            "a group with weight_decay=0, or pass p.grad.to_dense()"
        )
