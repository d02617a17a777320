"""The members of a plan that have gradients now: what they count, their constants, and their step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from steepest import kernels
from steepest.kernels import GRADIENT_SCALE
from steepest.optim.counts import COUNT, Column
from steepest.rules import Constants

if TYPE_CHECKING:
    from steepest.optim.plan import Plan


@dataclass
class Row:
    """Members of one group that are at the same step, with the same memory; `t` is the number of the step to come."""

    group: int
    counts: bool
    t: int
    memory: Mapping[str, float]


class Part:
    """These members of a plan, in its order."""

    def __init__(self, plan: "Plan", step: kernels.Step, members: Sequence[int]) -> None:
        step.take(members)
        self.members = members
        self._plan, self._step, self._members = plan, step, np.array(members, dtype=np.int64)
        self._group_of = plan.group_of[self._members]
        self.is_whole = len(members) == len(plan.group_of)
        self._columns: dict[str, Column] = {}
        self._inside: dict[str, np.ndarray] = {}  # whose number each column's are
        for name, of_all in plan.places.items():
            places = of_all[self._members]
            inside = np.flatnonzero(places >= 0)
            if len(inside):
                self._columns[name], self._inside[name] = Column(plan.numbers[name].array, places[inside]), inside
        self._count, self._memory = self._columns.get(COUNT), {n: c for n, c in self._columns.items() if n != COUNT}
        self._rows: list[Row] = []
        self._steady: list[Constants] = []  # the constants of every later step, once they stay as they are

    def forget_constants(self) -> None:
        """Ask the rules again: hyperparameters have changed."""
        self._steady = []

    def run(self, gradients: Sequence[torch.Tensor], gradient_scale: float = 1.0) -> None:
        """One step: count, work out each row's constants, and let the kernels do the rest."""
        constants = self._steady or self._next_constants()
        plan, step = self._plan, self._step
        step.point_at(gradients)
        first = plan.groups[0]  # the norm's bound is the same in every group
        if first.clip_norm is not None:
            gradient_scale *= first.clipping(step.norm() * gradient_scale)
        if plan.scaled:
            for each in constants:
                each[GRADIENT_SCALE] = gradient_scale
        step.run(constants)

    def _next_constants(self) -> list[Constants]:
        """The constants of this step's rows; what is counted and remembered is written when all are known."""
        plan = self._plan
        count = self._count
        if not (self._rows and (count is None or count.is_as_written())) or self._memory_has_changed():
            self._deal()
        rows = self._rows
        constants = [plan.constants(row.group, row.t, row.memory) for row in rows]
        if count is not None:
            count.write([row.t for row in rows], self._row_of_inside[COUNT])
        for name, column in self._memory.items():
            column.write([each.get(name, 0.0) for each in constants], self._row_of_inside[name])
        for row, each in zip(rows, constants, strict=True):
            row.t = row.t + 1 if row.counts else 2
            if self._memory:
                row.memory = {name: each.get(name, 0.0) for name in row.memory}
        if self._begins:  # for them the next step is another one
            plan.fresh[self._members] = False
            self._rows = []
        elif not (count or self._memory or plan.scaled or any(g.rule.reads_outside for g in plan.groups)):
            self._steady = constants
        return constants

    def _memory_has_changed(self) -> bool:
        return bool(self._memory) and not all(map(Column.is_as_written, self._memory.values()))

    def _deal(self) -> None:
        """Members of one group at the same step, with the same memory, share a row of constants."""
        fresh = self._plan.fresh[self._members]
        t, self._begins = np.where(fresh, 1, 2), bool(fresh.any())
        kept = {name: np.zeros(len(t)) for name in self._columns}
        for name, column in self._columns.items():
            kept[name][self._inside[name]] = column.read()
        if COUNT in kept:
            t[self._inside[COUNT]] = kept.pop(COUNT)[self._inside[COUNT]] + 1
        keys = list(zip(self._group_of.tolist(), t.tolist(), *(x.tolist() for x in kept.values()), strict=True))
        place = {key: row for row, key in enumerate(dict.fromkeys(keys))}
        row_of = np.array([place[key] for key in keys], dtype=np.int64)
        groups = self._plan.groups
        self._rows = [
            Row(group, groups[group].counts_steps, t, dict(zip(kept, memory, strict=True)))
            for group, t, *memory in place
        ]
        if not np.array_equal(row_of, self._step.rows):
            self._step.assign_rows(row_of)
        self._row_of_inside = {name: row_of[inside] for name, inside in self._inside.items()}
