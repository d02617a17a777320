"""The lecture's optimizers, exact and fast: as rules, as drop-in classes for PyTorch, and in a fair race.

    steepest.optim       the classes of torch.optim, with dialects
    steepest.rules       every update rule once, as a function of numbers
    steepest.schedules   learning-rate schedules
    steepest.explain     a method in each library's dialect, and what maps to what
    steepest.translate   an optimizer of one library in the words of another
    steepest.race        a race between optimizers on a workload     (needs steepest[lab])
    steepest.workload    a workload of one's own
    steepest.descend     the path of one optimizer on a function     (needs steepest[lab])

Each is loaded when it is first asked for.

>>> import steepest
>>> [run.optimizer for run in steepest.descend("quartic", "momentum").runs]
['momentum']
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest import optim, rules, schedules
    from steepest.descent import descend
    from steepest.dialects import explain, translate
    from steepest.report.notebook import race
    from steepest.workloads.own import workload

__version__ = "0.1.0"
__all__ = ["descend", "explain", "optim", "race", "rules", "schedules", "translate", "workload"]

_HOMES = {
    "descend": "steepest.descent",
    "explain": "steepest.dialects",
    "race": "steepest.report.notebook",
    "translate": "steepest.dialects",
    "workload": "steepest.workloads.own",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        try:
            return getattr(importlib.import_module(_HOMES[name]), name)
        except ModuleNotFoundError as missing:
            missing.msg = f"steepest.{name} needs {missing.name}; pip install 'steepest[lab]'"
            raise
    if name in __all__:
        return importlib.import_module(f"steepest.{name}")
    raise AttributeError(f"module 'steepest' has no attribute {name!r}")
