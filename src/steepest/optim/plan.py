"""What a step can know before it begins: which parameters take part, by which rule, and where everything lies.

A plan is made for one set of parameters that have gradients, and serves every later step with the same set, as long as
nothing has been exchanged behind its back; then a step has hardly anything left to do in Python.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import is_
from typing import Any

import numpy as np
import torch

from steepest import kernels
from steepest.kernels import AVERAGE_RATE, GRADIENT_SCALE, ROUNDING_KEY, Update, step_key
from steepest.optim.counts import Counts, EqualCounts
from steepest.optim.group import Followed
from steepest.optim.state import AVERAGE, THETA
from steepest.rules import Constants


@dataclass(frozen=True)
class Member:
    """A parameter that takes part: its group's number, its state, its slots, and whether they are new."""

    parameter: torch.Tensor
    group: int
    state: dict[str, Any]
    slots: tuple[torch.Tensor, ...]
    is_new: bool


class Plan:
    """The prepared step of these members."""

    def __init__(
        self,
        params: Sequence[torch.Tensor],
        sizes: Sequence[int],
        groups: Sequence[Followed],
        members: Sequence[Member],
        every_state: Sequence[dict[str, Any]],
        counts: Counts,
        unscaling: bool,
        differentiable: bool,
    ) -> None:
        self.params, self.sizes, self.groups, self.members = params, sizes, groups, members
        self.differentiable = differentiable
        self.unscaling, self.scaled = unscaling, unscaling or groups[0].clip_norm is not None
        taking_part = {id(m.parameter) for m in members}
        self._present = [i for i, p in enumerate(params) if id(p) in taking_part]
        before = [0, *accumulate(p.numel() for p in params)]
        self._firsts = [before[i] for i in self._present]
        self._absent = [i for i, p in enumerate(params) if id(p) not in taking_part]
        rules = [groups[m.group].rule for m in members]
        self._counting = np.array([groups[m.group].counts_steps for m in members], dtype=bool)
        self._all_count, self._none_counts = bool(self._counting.all()), not self._counting.any()
        self._fresh = np.array([m.is_new for m in members], dtype=bool)
        self._counts = counts
        self._places = _as_slice(
            counts.places([m.state for m, counting in zip(members, self._counting, strict=True) if counting])
        )
        self._remembering = any(rule.memory for rule in rules)
        self._states = [m.state for m in members]
        self._every_state = every_state
        self._values = list(chain.from_iterable(map(dict.values, self._states)))
        self._pattern: bytes | None = None
        self._row_of = np.empty(0, dtype=np.int64)
        self._equal: EqualCounts | None = None
        self._settled: list[tuple[int, int, list[int]]] = []  # the rows of every later step, once they stay as they are
        self._steady: list[Constants] = []  # and their constants, once they do
        self._step: kernels.Step | None = None

    def follow(self, groups: Sequence[Followed], options: list[Any], can_change: bool) -> None:
        """Step by these groups' numbers from now on.

        options: the objects from which they were read.  can_change: whether one of these can change in place.
        """
        self.groups, self._options, self._options_can_change = groups, options, can_change
        self._steady = []

    def has_read(self, options: list[Any]) -> bool:
        """Whether these are the very options that were read, and none that can change in place."""
        return (
            not self._options_can_change
            and len(options) == len(self._options)
            and all(map(is_, options, self._options))
        )

    def needs_other_kernels(self, groups: Sequence[Followed]) -> bool:
        """Whether these groups ask for more than other numbers."""
        return [g.structure for g in groups] != [g.structure for g in self.groups]

    def gradients(
        self,
        params: Sequence[torch.Tensor],
        sizes: Sequence[int],
        every: Sequence[torch.Tensor | None],
        states: Collection[dict[str, Any]] | None,
    ) -> Sequence[torch.Tensor] | None:
        """The members' gradients, if parameters, states and memory are still those that the plan was made for.

        every: the gradient of each parameter, None where it has none.
        states: every parameter's state; None when nobody can have exchanged any of it.
        """
        if sizes != self.sizes or not all(map(is_, params, self.params)):
            return None
        gradients: Any = every
        if self._absent:
            if any(every[i] is not None for i in self._absent):
                return None
            gradients = [every[i] for i in self._present]
        if states is not None and not self._has_kept(states):
            return None
        step = self._step
        return gradients if step is None or step.fits(gradients, slots_too=states is not None) else None

    def _has_kept(self, states: Collection[dict[str, Any]]) -> bool:
        values = list(chain.from_iterable(map(dict.values, self._states)))
        return (
            len(states) == len(self._every_state)
            and all(map(is_, states, self._every_state))
            and len(values) == len(self._values)
            and all(map(is_, values, self._values))
        )

    def run(self, gradients: Sequence[torch.Tensor], gradient_scale: float = 1.0) -> None:
        """One step: count, work out each row's constants, and let the kernels do the rest."""
        constants = self._steady or self._constants_of_rows()
        if self._step is None:
            members = zip(self.members, gradients, self._row_of, self._firsts, strict=True)
            updates = [self._update(m, gradient, int(row), first) for m, gradient, row, first in members]
            try:
                self._step = kernels.Step(updates, constants, self.differentiable)
            except TypeError:
                self._counts.array[self._places] -= 1  # a rule that is none changes nothing
                raise
        self._step.point_at(gradients)
        first = self.groups[0]  # the norm's bound is the same in every group
        if first.clip_norm is not None:
            gradient_scale *= first.clipping(self._step.norm() * gradient_scale)
        if self.scaled:
            for each in constants:
                each[GRADIENT_SCALE] = gradient_scale
        self._step.run(constants)

    def _count(self) -> np.ndarray:
        """The number of this step for each member; a rule that does not count is told 1, then 2 for ever."""
        if self._none_counts:
            return np.where(self._fresh, 1.0, 2.0)
        self._counts.array[self._places] += 1
        if self._all_count:
            return self._counts.array[self._places]
        t = np.where(self._fresh, 1.0, 2.0)
        t[self._counting] = self._counts.array[self._places]
        return t

    def _rows(self) -> list[tuple[int, int, list[int]]]:
        """Members of one group at the same step, with the same memory, share a row: (group, t, members)."""
        if self._settled:
            return self._settled
        if self._equal and (next_t := self._equal.next()):
            return [(group, next_t, members) for group, members in self._shared]
        t = self._count()
        pattern = (t - t[0]).tobytes()
        if pattern != self._pattern or self._remembering:
            self._pattern = pattern
            self._share_rows(t)
            self._fresh[:] = False
        rows = [(group, int(t[members[0]]), members) for group, members in self._shared]
        if self._none_counts and t.min() > 1 and not self._remembering:
            self._settled = rows
        equal = self._all_count and isinstance(self._places, slice) and not self._remembering and (t == t[0]).all()
        self._equal = EqualCounts(self._counts.array[self._places]) if equal else None
        return rows

    def _share_rows(self, t: np.ndarray) -> None:
        rows: dict[Any, list[int]] = {}
        for index, m in enumerate(self.members):
            memory = tuple(float(m.state[name]) for name in self.groups[m.group].rule.memory)
            rows.setdefault((m.group, float(t[index]), memory), []).append(index)
        self._shared = [(key[0], members) for key, members in rows.items()]
        before, self._row_of = self._row_of, np.empty(len(self.members), dtype=np.int64)
        for row, (_, members) in enumerate(self._shared):
            self._row_of[members] = row
        if self._step is not None and not np.array_equal(before, self._row_of):
            self._step.assign_rows(self._row_of)

    def _constants_of_rows(self) -> list[Constants]:
        rows = self._rows()
        constants = [self._constants(row) for row in rows]
        if rows is self._settled and not (self.scaled or any(g.rule.reads_outside for g in self.groups)):
            self._steady = constants
        return constants

    def _constants(self, row: tuple[int, int, list[int]]) -> Constants:
        group, t, members = row
        followed = self.groups[group]
        memory = {}
        if followed.rule.memory:
            first = self.members[members[0]].state
            memory = {name: float(first[name]) for name in followed.rule.memory}
        constants = followed.constants(t if followed.rule.counts_steps else min(t, 2), memory)
        for name in memory:
            for index in members:
                self.members[index].state[name].fill_(constants[name])
        if self.scaled:
            constants[GRADIENT_SCALE] = 1.0
        if followed.average is not None:
            constants[AVERAGE_RATE] = 1 - followed.average
        if followed.rounding_seed is not None:
            constants[ROUNDING_KEY] = step_key(followed.rounding_seed, t)
        return constants

    def _update(self, m: Member, gradient: torch.Tensor, row: int, first: int) -> Update:
        followed = self.groups[m.group]
        in_bfloat16 = any(x.dtype == torch.bfloat16 for x in (m.parameter, *m.slots))
        return Update(
            followed.rule,
            m.parameter,
            gradient,
            m.slots,
            row,
            theta=m.state.get(THETA) if followed.rule.moves_the_gradient_point else None,
            average=None if followed.average is None else m.state[AVERAGE],
            maximize=followed.maximize,
            scaled=self.scaled,
            zero_gradient=followed.zero_gradient,
            first=first if in_bfloat16 and followed.rounding_seed is not None else None,
        )


def _as_slice(places: np.ndarray) -> Any:
    """Neighbouring places as a slice, which NumPy reaches faster."""
    first = int(places[0]) if len(places) else 0
    together = np.array_equal(places, np.arange(first, first + len(places)))
    return slice(first, first + len(places)) if together else places
