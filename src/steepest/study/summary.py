"""The result of a study, computed from its journal alone: a row a contender, the best first."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any

from steepest.study.journal import Journal, Run
from steepest.trial.specification import PHASES

TOO_FEW_FOR_AN_EDGE = 2
CONFIRMED = 3  # of the values that each contender tried


@dataclass(frozen=True)
class Estimate:
    """Mean and standard deviation over n seeds; the deviation of a single seed is unknown."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Row:
    """What became of one contender; what is not known yet is None.

    tunes       the hyperparameter that was chosen, and `value` what it is
    edge        "low" or "high" when the value chosen lies at that end of the values tried
    train_loss, val_acc, test_acc   of the final runs, over the seeds
    best        the best accuracy on the validation split while tuning
    tried       how many runs tried a value; `confirmed` how many tried a good one again, `finals` how many count
    diverged    how many of its `runs` did
    """

    name: str
    title: str
    tunes: str
    value: float | None
    hyperparameters: Mapping[str, float]
    edge: str | None
    best: float | None
    train_loss: Estimate | None
    val_acc: Estimate | None
    test_acc: Estimate | None
    ms_per_step: float | None
    tried: int
    confirmed: int
    finals: int
    diverged: int

    @property
    def lr(self) -> float | None:
        """The learning rate chosen; None for a contender that has none."""
        return self.value if self.tunes == "lr" else None

    @property
    def runs(self) -> int:
        """Finished runs."""
        return self.tried + self.confirmed + self.finals

    @property
    def columns(self) -> dict[str, Any]:
        """The row as plain data."""
        return {
            "name": self.name,
            "title": self.title,
            "lr": self.lr,
            "tuned": {"name": self.tunes, "value": self.value, "edge": self.edge},
            "hyperparameters": dict(self.hyperparameters),
            "train_loss": self.train_loss and self.train_loss.mean,
            "val_acc": self.val_acc and self.val_acc.mean,
            "test_acc": self.test_acc and vars(self.test_acc),
            "ms_per_step": self.ms_per_step,
            "diverged": self.diverged,
            "runs": self.runs,
        }


def summary(journal: Journal) -> list[Row]:
    """A row for each contender of the study, the highest mean test accuracy first; those without final runs last."""
    rows = [_row(who, journal.runs) for who in journal.header["contenders"]]
    return sorted(rows, key=_rank, reverse=True)


def _rank(row: Row) -> tuple[float, float]:
    return (row.test_acc.mean if row.test_acc else -math.inf, row.best if row.best is not None else -math.inf)


def _row(contender: Mapping[str, Any], runs: Iterable[Run]) -> Row:
    own = [run for run in runs if run["contender"] == contender["name"]]
    tried, confirmed, finals = ([run for run in own if run["phase"] == phase] for phase in PHASES)
    best = leaders(tried, contender["tunes"])[0] if tried else None
    chosen = finals[0] if finals else choice(tried, confirmed, contender["tunes"]) if tried else None
    return Row(
        name=contender["name"],
        title=contender["title"],
        tunes=contender["tunes"],
        value=chosen["hyperparameters"][contender["tunes"]] if chosen else None,
        hyperparameters=chosen["hyperparameters"] if chosen else {},
        edge=edge(tried, contender["tunes"], chosen) if chosen else None,
        best=best["val_acc"] if best else None,
        train_loss=estimate(run["train_loss"] for run in finals),
        val_acc=estimate(run["val_acc"] for run in finals),
        test_acc=estimate(run["test_acc"] for run in finals),
        ms_per_step=median(run["ms_per_step"] for run in finals or own) if own else None,
        tried=len(tried),
        confirmed=len(confirmed),
        finals=len(finals),
        diverged=sum(run["diverged"] for run in own),
    )


def leaders(tried: Sequence[Run], tunes: str) -> list[Run]:
    """The runs that tried a value, the best first: see `_merit`."""
    return sorted(tried, key=lambda run: _merit([run], tunes), reverse=True)


def to_confirm(tried: Sequence[Run], tunes: str) -> list[Run]:
    """The best of those that tried a value, to be run again on another seed; none where there is nothing to choose."""
    return leaders(tried, tunes)[:CONFIRMED] if len(tried) > 1 else []


def choice(tried: Sequence[Run], confirmed: Sequence[Run], tunes: str) -> Run:
    """The run whose value goes on to the fresh seeds: the best over all its seeds of those that were confirmed."""
    both = [(run, again) for run in tried for again in confirmed if run["hyperparameters"] == again["hyperparameters"]]
    return max(both or [(run,) for run in tried], key=lambda runs: _merit(runs, tunes))[0]


def _merit(runs: Sequence[Run], tunes: str) -> tuple[Any, ...]:
    """What is better is larger: the mean metric on the validation split, then the loss, then the smaller value.

    A diverged run wins only when all have diverged.
    """
    value = runs[0]["hyperparameters"][tunes]
    metric, loss = (fmean(run[name] for run in runs) for name in ("val_acc", "val_loss"))
    return (-sum(run["diverged"] for run in runs), metric, -loss, -value)


def edge(tried: Sequence[Run], tunes: str, chosen: Run) -> str | None:
    """The end of the values tried at which the chosen one lies, if it does: then better ones may lie beyond."""
    values = [run["hyperparameters"][tunes] for run in tried]
    if len(values) <= TOO_FEW_FOR_AN_EDGE:
        return None
    ends = {min(values): "low", max(values): "high"}
    return ends.get(chosen["hyperparameters"][tunes])


def estimate(values: Iterable[float]) -> Estimate | None:
    """Mean, sample standard deviation and number.

    >>> estimate([1.0, 3.0])
    Estimate(mean=2.0, sd=1.4142135623730951, n=2)
    """
    known = list(values)
    if not known:
        return None
    return Estimate(fmean(known), stdev(known) if len(known) > 1 else None, len(known))
