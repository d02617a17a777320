"""One training run: a pure function of its specification, the same bit for bit wherever it runs, timings aside.

>>> from steepest.stopping import criteria
>>> from steepest.workloads import workload
>>> result = run(Trial(workload("mnist-softmax"), "adam", "adam", {"lr": 1e-3}, seed=0, until=criteria(["steps=20"])))
>>> result.steps, result.stopped_by, result.diverged
(20, 'steps=20', False)
"""

from steepest.trial.alone import Alone, run, threads
from steepest.trial.decision import decide, recall
from steepest.trial.specification import Columns, Result, Trial
from steepest.trial.unit import Unit, carry_out, key_of, seconds_a_step, share_done

__all__ = [
    "Alone",
    "Columns",
    "Result",
    "Trial",
    "Unit",
    "carry_out",
    "decide",
    "key_of",
    "recall",
    "run",
    "seconds_a_step",
    "share_done",
    "threads",
]
