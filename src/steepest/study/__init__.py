"""Studies: contenders race on a workload by fair rules, and every finished run is a line of a journal."""

from steepest.study.contenders import CONTENDERS, DEFAULT, Contender
from steepest.study.journal import FolderBusy, Journal, read
from steepest.study.outcome import Outcome
from steepest.study.plan import Study, plan
from steepest.study.protocol import Status, carry_out, race
from steepest.study.summary import Estimate, Row, summary

__all__ = [
    "CONTENDERS",
    "DEFAULT",
    "Contender",
    "Estimate",
    "FolderBusy",
    "Journal",
    "Outcome",
    "Row",
    "Status",
    "Study",
    "carry_out",
    "plan",
    "race",
    "read",
    "summary",
]
