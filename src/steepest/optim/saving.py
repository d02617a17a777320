"""Saved states: which are refused, what they may lack, and how their numbers are taken over."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from steepest.kernels import state_dtype
from steepest.optim.form import Form, facts, native
from steepest.optim.group import Followed
from steepest.optim.options import arguments_of
from steepest.optim.shell import OURS
from steepest.optim.state import THETA, States
from steepest.rules import Rule
from steepest.rules.rule import as_float

# what a torch.optim state_dict does not hold
OPTIONS_OF_OURS = {**{name: argument.default for name, argument in OURS.items()}, "train_mode": True}
OF_THE_STATE = ("dialect", "train_mode")  # of these, what a state was made under; the others stay the optimizer's own


def refuse_no_state_dict(given: Any) -> None:
    """What is loaded must be a state_dict of some optimizer."""
    if not isinstance(given, Mapping) or not {"state", "param_groups"} <= set(given):
        raise ValueError(
            f"this is no state_dict of an optimizer, which has 'state' and 'param_groups': {_summary(given)}"
        )


def refuse_other_kinds(loaded: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> None:
    """Saved numbers are of the kind of their parameter's; torch would convert them."""
    for value, p in _saved_tensors(loaded, groups):
        if value.shape == p.shape and value.dim() and value.dtype.is_floating_point != p.is_floating_point():
            raise ValueError(f"Invalid state: {_summary(value)} for a parameter of {p.dtype}")


def _saved_tensors(
    loaded: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Each tensor of a saved state with the parameter that it is for, as far as the two have equal lengths."""
    order = [index for group in loaded["param_groups"] for index in group["params"]]
    params = [p for group in groups for p in group["params"]]
    for index, p in zip(order, params, strict=False):
        state = loaded["state"].get(index, {})
        for value in state.values() if isinstance(state, Mapping) else ():
            if torch.is_tensor(value):
                yield value, p


def refuse_foreign_group(
    name: str, forms: Sequence[Form], group: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """A saved group has what the class of this name has saved into it, or its namesake in torch."""
    if not isinstance(group.get("train_mode", True), bool):
        raise ValueError(f"Invalid train_mode value: {group['train_mode']!r}; it is True or False")
    own = native(forms)
    flags = {flag for f in own for flag in f.flags} - {"decoupled_weight_decay", "adamw"}  # late in torch, or ours
    wanted = dict.fromkeys([*arguments_of(facts(own), defaults), *sorted(flags)])
    missing = [option for option in wanted if option in defaults and option not in group]
    if missing:
        raise ValueError(
            f"this state_dict is not of {name}: its parameter groups lack {', '.join(missing)}; "
            f"load it into the class that saved it"
        )


def complete(group: dict[str, Any], forms: Sequence[Form], defaults: Mapping[str, Any]) -> None:
    """Give a saved group what torch.optim, or an older version of it, did not save."""
    # flags that an older version of torch did not save are as this optimizer has them
    flags = {name: value for name, value in defaults.items() if isinstance(value, bool | None)}
    ours = {name: defaults[name] for name in _arguments_of_ours(forms, defaults) if name in defaults}
    ours |= {name: defaults[name] for name in OPTIONS_OF_OURS if name in defaults and name not in OF_THE_STATE}
    for key, value in {**OPTIONS_OF_OURS, **flags, **ours}.items():
        group.setdefault(key, value)


def _arguments_of_ours(forms: Sequence[Form], defaults: Mapping[str, Any]) -> set[str]:
    """Arguments that only other dialects than the class's own know; a torch.optim state_dict has none of them."""
    every, own = (set(arguments_of(facts(f), defaults)) for f in (forms, native(forms)))
    return every - own


def refuse_foreign_state(name: str, rule: Rule, p: torch.Tensor, state: Any) -> None:
    """A saved state has what the rule remembers, for a parameter of this shape."""
    if not isinstance(state, Mapping):
        raise ValueError(f"this state_dict is not of {name}: a parameter's state is a dict, but got {_summary(state)}")
    if not state:
        return
    wanted = [*(slot.name for slot in rule.slots), *(["step"] if rule.counts_steps else []), *rule.memory]
    if missing := [key for key in wanted if key not in state]:
        raise ValueError(
            f"this state_dict is not of {name} as its groups describe it ({rule.title}): a state has "
            f"{', '.join(map(str, state))}, but lacks {', '.join(missing)}"
        )
    for key in [slot.name for slot in rule.slots if state[slot.name] is not None]:
        value = state[key]
        if not torch.is_tensor(value) or value.is_floating_point() != p.is_floating_point():
            raise ValueError(f"Invalid {key}: {_summary(value)}; a slot is a tensor of numbers like its parameter's")
        if value.shape != p.shape:
            raise ValueError(
                f"this state_dict is of a model with other shapes: {key} is {tuple(value.shape)} for a parameter "
                f"of shape {tuple(p.shape)}; load it for the same parameters in the same order"
            )
    step = as_float(state.get("step", 0.0))
    if step is None or not (step >= 0 and step.is_integer()):
        raise ValueError(
            f"Invalid step: {_summary(state['step'])}; it counts steps, so it is a whole number, 0 or above"
        )


@torch.no_grad()
def take_copies(
    states: States, groups: Sequence[Mapping[str, Any]], every: Sequence[Followed], loaded: Mapping[str, Any]
) -> None:
    """Own what was loaded: slots as they were saved, not rounded to a 16-bit parameter's dtype, and not shared."""
    for group, followed, saved in zip(groups, every, loaded["param_groups"], strict=True):
        slots = {slot.name: slot for slot in followed.rule.slots}
        for p, index in zip(group["params"], saved["params"], strict=True):
            for key, value in loaded["state"].get(index, {}).items():
                if not torch.is_tensor(value):
                    continue
                dtype = states[p][key].dtype
                if key in followed.rule.memory:
                    dtype = torch.float64
                elif value.shape == p.shape and key not in (THETA, "step") and p.is_floating_point():
                    dtype = followed.stored_as(slots[key], p.dtype) if key in slots else state_dtype(p.dtype)
                value = value.to_dense()  # torch's momentum is sparse where its gradients are
                states[p][key] = value.to(device=states[p][key].device, dtype=dtype, copy=True)


def _summary(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
