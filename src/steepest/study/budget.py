"""How long the runs of a study are: passes, steps or seconds, and what of it a tuning run has.

A time budget is turned into steps once, before anything else: each contender's step is timed alone, one contender
after the other, and the journal keeps the times. From then on the clock decides nothing, so a run can be repeated,
continued and trained in a stack, whatever else the machine does meanwhile.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

from steepest.stopping import Criterion, criteria
from steepest.trial import Trial, seconds_a_step
from steepest.workloads import Workload

PASSES = 10
TUNING_SHARE = 0.5  # of a final run's budget
ROUNDS = 5  # of timing


def ends(what: Workload, until: Iterable[str], **given: float | None) -> tuple[Criterion, ...]:
    """When a final run ends: at the first of these. Without a budget among them, the workload's own or PASSES joins.

    >>> from steepest.workloads import workload
    >>> [str(c) for c in ends(workload("mnist"), ["loss=0.1"], passes=2, seconds=None)]
    ['passes=2', 'loss=0.1']
    """
    found = _asked(until, given)
    if any(c.is_budget for c in found):
        return found
    own = criteria([what.until])
    return (*(() if any(c.is_budget for c in own) else [Criterion("passes", PASSES)]), *own, *found)


def limited(until: Iterable[str], **given: float | None) -> bool:
    """Whether these have a budget."""
    return any(c.is_budget for c in _asked(until, given))


def _asked(until: Iterable[str], given: Mapping[str, float | None]) -> tuple[Criterion, ...]:
    budgets = (Criterion(quantity, limit) for quantity, limit in given.items() if limit is not None)
    return (*budgets, *criteria(until))


def while_tuning(until: Iterable[Criterion]) -> tuple[Criterion, ...]:
    """The stopping criteria while tuning: the targets stay, the budget is a share."""
    return tuple(replace(c, limit=_share(c)) if c.is_budget else c for c in until)


def _share(budget: Criterion) -> float:
    share = budget.limit * TUNING_SHARE
    return share if budget.quantity == "seconds" else min(budget.limit, float(math.ceil(share)))


def is_timed(until: Iterable[Criterion]) -> bool:
    """Whether the clock sets the budget."""
    return any(c.quantity == "seconds" for c in until)


def times(trials: Sequence[Trial]) -> Mapping[str, float]:
    """The seconds that a step of each contender takes alone: the median of rounds in which they take turns."""
    rounds = [[seconds_a_step(trial) for trial in trials] for _ in range(ROUNDS)]
    return {trial.contender: median(each) for trial, each in zip(trials, zip(*rounds, strict=True), strict=True)}
