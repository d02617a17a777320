"""A study as the report looks at it: its finished runs in order, what became of each contender, and the metric."""

from dataclasses import dataclass

from steepest.report import data
from steepest.report.metric import Metric, metric
from steepest.study.journal import Journal, Run
from steepest.study.summary import Row as Result
from steepest.study.summary import summary
from steepest.trial.specification import CONFIRM


@dataclass(frozen=True)
class View:
    """Everything that figures and words are made of."""

    runs: tuple[Run, ...]
    results: tuple[Result, ...]
    contenders: tuple[str, ...]
    targets: tuple[float, ...]
    metric: Metric

    @property
    def final(self) -> list[Run]:
        """The runs on fresh seeds."""
        return data.final_runs(self.runs)

    @property
    def tuning(self) -> list[Run]:
        """The runs that tried a value."""
        return data.tuning_runs(self.runs)

    @property
    def confirming(self) -> list[Run]:
        """The runs that tried a good value again, on a second seed."""
        return [run for run in self.runs if run["phase"] == CONFIRM]


def view(journal: Journal) -> View:
    """The study of a journal."""
    return View(
        runs=tuple(data.in_order(journal)),
        results=tuple(summary(journal)),
        contenders=tuple(contender["name"] for contender in journal.header["contenders"]),
        targets=tuple(data.targets(journal.header)),
        metric=metric(journal),
    )
