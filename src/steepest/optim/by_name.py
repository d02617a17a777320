"""Saved states find their parameters by name, where both sides have names."""

from collections.abc import Mapping
from typing import Any

import torch

NAMES = "param_names"  # where torch keeps them, when it was given named parameters


def by_name(optimizer: torch.optim.Optimizer, state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """The state_dict in the order of the optimizer's parameters, which their names say.

    The optimizers here do so by themselves when both sides have names. One of torch.optim, which goes by order, does so
    with `optimizer.register_load_state_dict_pre_hook(by_name)`. Where a side has no names the order stays.

    Raises ValueError where a name is missing on a side, or one group's parameters come from saved groups that differ.

    >>> a, b = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(2))
    >>> saved = torch.optim.SGD([("a", a), ("b", b)]).state_dict()
    >>> by_name(torch.optim.SGD([("b", b), ("a", a)]), saved)["param_groups"][0]["params"]
    [1, 0]
    """
    saved, own = state_dict["param_groups"], optimizer.param_groups
    if not all(NAMES in group for group in (*saved, *own)):
        return dict(state_dict)
    home = {name: (group, index) for group in saved for name, index in zip(group[NAMES], group["params"], strict=True)}
    _refuse_other_names(list(home), [name for group in own for name in group[NAMES]])
    return {**state_dict, "param_groups": [_regrouped(group[NAMES], home) for group in own]}


def _regrouped(names: list[str], home: Mapping[str, tuple[dict[str, Any], int]]) -> dict[str, Any]:
    """A saved group as it is, of the named parameters."""
    options = [{k: v for k, v in home[name][0].items() if k not in ("params", NAMES)} for name in names]
    differing = [key for each in options for key, value in each.items() if options[0].get(key) != value]
    if differing:
        other = next(name for name, each in zip(names, options, strict=True) if each != options[0])
        raise ValueError(
            f"{names[0]!r} and {other!r} share a group, but were saved in groups with different {differing[0]}; group "
            f"the parameters as they were, and change the options after loading"
        )
    return {**(options[0] if options else {}), "params": [home[name][1] for name in names], NAMES: list(names)}


def _refuse_other_names(saved: list[str], own: list[str]) -> None:
    known, wanted = set(saved), set(own)
    missing, extra = [n for n in own if n not in known], [n for n in saved if n not in wanted]
    if missing or extra:
        faults = [
            *([f"has no state for {_listed(missing)}"] if missing else []),
            *([f"has one for {_listed(extra)}, which this optimizer does not know"] if extra else []),
        ]
        raise ValueError(
            f"this state_dict {' and '.join(faults)}; make the optimizer of the same parameters, or delete "
            f"{NAMES!r} from the saved groups to go by order"
        )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
