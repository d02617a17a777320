"""What a step can know before it begins: which parameters take part, by which rule, and where everything lies.

A plan is made for the parameters that have gradients and those that had some before. It serves every later step, as
long as nothing has been exchanged behind its back; then a step has hardly anything left to do in Python. Where only
some have gradients, the plan performs a part of itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import is_
from typing import Any

import numpy as np
import torch

from steepest import kernels
from steepest.kernels import AVERAGE_RATE, GRADIENT_SCALE, ROUNDING_KEY, Update, step_key
from steepest.optim.counts import COUNT, Numbers
from steepest.optim.group import Followed
from steepest.optim.part import Part
from steepest.optim.state import AVERAGE, THETA
from steepest.rules import Constants


@dataclass(frozen=True)
class Member:
    """A parameter that takes part: its group's number, its state, its slots, and whether they are new.

    gradient: the one that it has now, or one like that which it had.
    """

    parameter: torch.Tensor
    group: int
    state: dict[str, Any]
    slots: tuple[torch.Tensor, ...]
    is_new: bool
    gradient: torch.Tensor


class Plan:
    """The prepared step of these members.

    numbers: what each member's state counts and remembers, by name.
    """

    def __init__(
        self,
        params: Sequence[torch.Tensor],
        sizes: Sequence[int],
        groups: Sequence[Followed],
        members: Sequence[Member],
        every_state: Sequence[dict[str, Any]],
        numbers: Mapping[str, Numbers],
        unscaling: bool,
        differentiable: bool,
    ) -> None:
        self.params, self.sizes, self.groups, self.numbers = params, sizes, groups, numbers
        self.unscaling, self.scaled = unscaling, unscaling or groups[0].clip_norm is not None
        taking_part = {id(m.parameter) for m in members}
        self._present = [i for i, p in enumerate(params) if id(p) in taking_part]
        self._absent = [i for i, p in enumerate(params) if id(p) not in taking_part]
        self.group_of = np.array([m.group for m in members], dtype=np.int64)
        self.fresh = np.array([m.is_new for m in members], dtype=bool)
        places = {name: each.places(self._keeping(name, members)) for name, each in numbers.items()}
        self.places = {name: each for name, each in places.items() if (each >= 0).any()}
        self._states = [m.state for m in members]
        self._every_state = every_state
        self._values = list(chain.from_iterable(map(dict.values, self._states)))
        self._part: Part | None = None
        before = [0, *accumulate(p.numel() for p in params)]
        updates = [self._update(m, before[i]) for m, i in zip(members, self._present, strict=True)]
        # only their names matter yet
        named: list[Constants] = [{} for _ in groups]
        for group in {m.group for m in members}:
            named[group] = self.constants(group, 1, groups[group].rule.memory)
        self.members = [(m.parameter, m.group, m.state, m.slots) for m in members]
        self._step = kernels.Step(updates, named, differentiable)

    def _keeping(self, name: str, members: Sequence[Member]) -> list[dict[str, Any] | None]:
        """The states of the members that keep this number; None for others."""
        keeping = [g.counts_steps if name == COUNT else name in g.rule.memory for g in self.groups]
        return [m.state if keeping[m.group] else None for m in members]

    def follow(self, groups: Sequence[Followed], options: list[Any], can_change: bool) -> None:
        """Step by these groups' numbers from now on.

        options: the objects from which they were read.  can_change: whether one of these can change in place.
        """
        self.groups, self._options, self._options_can_change = groups, options, can_change
        if self._part:
            self._part.forget_constants()

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

    def holds(
        self, params: Sequence[torch.Tensor], sizes: Sequence[int], states: Collection[dict[str, Any]] | None
    ) -> bool:
        """Whether parameters and states are still those that the plan was made for.

        states: every parameter's state; None when nobody can have exchanged any of it.
        """
        same = sizes == self.sizes and all(map(is_, params, self.params))
        return same and (states is None or self._has_kept(states))

    def _has_kept(self, states: Collection[dict[str, Any]]) -> bool:
        values = list(chain.from_iterable(map(dict.values, self._states)))
        return (
            len(states) == len(self._every_state)
            and all(map(is_, states, self._every_state))
            and len(values) == len(self._values)
            and all(map(is_, values, self._values))
        )

    def gradients(self, every: Sequence[torch.Tensor | None], slots_too: bool) -> Sequence[torch.Tensor] | None:
        """The members' gradients of now; None if another has one, or if one is not where or what it was.

        every: the gradient of each parameter, None where it has none.
        slots_too: whether anybody but the steps can have moved the slots.
        """
        gradients: Any = every
        if self._absent:
            if any(every[i] is not None for i in self._absent):
                return None
            gradients = [every[i] for i in self._present]
        # most often it is all of them in every step, and then the look at their kinds and places tells that too
        if self._part and self._part.is_whole and self._step.fits(gradients, slots_too):
            return gradients
        present: Sequence[int] = [i for i, g in enumerate(gradients) if g is not None]
        if len(present) == len(gradients):
            fits = self._step.fits(gradients, slots_too)
        else:
            gradients = [gradients[i] for i in present]
            fits = self._step.fits_in_part(present, gradients, slots_too)
        if not fits:
            return None
        if gradients and (self._part is None or self._part.members != present):
            self._part = Part(self, self._step, present)
        return gradients

    def run(self, gradients: Sequence[torch.Tensor], gradient_scale: float = 1.0) -> None:
        """One step of those that have gradients."""
        assert self._part is not None
        self._part.run(gradients, gradient_scale)

    def carried(self, every: Sequence[torch.Tensor | None]) -> dict[torch.Tensor, Member]:
        """The members that have no gradient now, for a plan that has others too; none where anything has changed."""
        present = [n for n, i in enumerate(self._present) if every[i] is not None]
        gradients: Any = [every[self._present[n]] for n in present]
        if not self._step.fits_in_part(present, gradients):
            return {}
        absent = [n for n, i in enumerate(self._present) if every[i] is None]
        likes = [self._step.like_its_gradient(n) for n in absent]
        return {
            self.members[n][0]: Member(*self.members[n], is_new=bool(self.fresh[n]), gradient=like)
            for n, like in zip(absent, likes, strict=True)
        }

    def constants(self, group: int, t: int, memory: Mapping[str, float]) -> Constants:
        """The numbers of a group's step t, the same for all weights."""
        followed = self.groups[group]
        constants = followed.constants(t if followed.rule.counts_steps else min(t, 2), memory)
        if self.scaled:
            constants[GRADIENT_SCALE] = 1.0
        if followed.average is not None:
            constants[AVERAGE_RATE] = 1 - followed.average
        if followed.rounding_seed is not None:
            constants[ROUNDING_KEY] = step_key(followed.rounding_seed, t)
        return constants

    def _update(self, m: Member, first: int) -> Update:
        followed = self.groups[m.group]
        in_bfloat16 = any(x.dtype == torch.bfloat16 for x in (m.parameter, *m.slots))
        return Update(
            followed.rule,
            m.parameter,
            m.gradient,
            m.slots,
            m.group,
            theta=m.state.get(THETA) if followed.rule.moves_the_gradient_point else None,
            average=None if followed.average is None else m.state[AVERAGE],
            maximize=followed.maximize,
            scaled=self.scaled,
            zero_gradient=followed.zero_gradient,
            first=first if in_bfloat16 and followed.rounding_seed is not None else None,
        )
