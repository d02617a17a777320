"""All updates of a step, each by the best way that serves it."""

import math
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import torch

from steepest.kernels import fused, plain, sparse
from steepest.kernels.trace import NotTraceable
from steepest.kernels.update import Update, state_dtype, whole_update
from steepest.kernels.watch import Watch
from steepest.kernels.ways import preferred, way_of
from steepest.rules.rule import Constants


class Step:
    """The updates of a step, prepared: fused passes for most, the plain rule for the rest.

    updates: one for each parameter.  constants: a set for each row; only their names matter here.
    differentiable: autograd records the step, so all of it is tensor operations.
    """

    def __init__(self, updates: Sequence[Update], constants: Sequence[Constants], differentiable: bool = False) -> None:
        self.updates = list(updates)
        self.differentiable = differentiable
        self.plain: list[int] = []
        kinds: dict[Any, list[int]] = defaultdict(list)
        programs = {}
        sharing = _sharing_memory(self.updates)
        for index, update in enumerate(self.updates):
            way = None if differentiable or index in sharing else way_of(update)
            key = self._kind(way, update, constants[update.row]) if way else None
            if key is not None and key not in programs:
                programs[key] = _program(update, constants[update.row])
            if key is None or programs[key] is None:
                self.plain.append(index)
            else:
                kinds[key].append(index)
        self.passes = [
            (indices, key[0].Pass([self.updates[i] for i in indices], programs[key])) for key, indices in kinds.items()
        ]
        self._preferred = preferred()
        self._remember()
        self._taken: Sequence[int] = ()
        self.take(list(range(len(self.updates))))
        self.rows = np.array([u.row for u in self.updates], dtype=np.int64)

    @staticmethod
    def _kind(way: Any, update: Update, constants: Constants) -> tuple[Any, ...]:
        dtypes = tuple(tensor.dtype for tensor in update.tensors().values())
        flags = (update.theta is None, update.average is None, update.maximize, update.scaled, update.zero_gradient)
        flags = (*flags, update.first is None)
        return (way, update.parameter.device, id(update.rule), dtypes, flags, tuple(constants))

    def _remember(self) -> None:
        parameters = [u.parameter for u in self.updates]
        every = [tensor for u in self.updates for name, tensor in u.tensors().items() if name != "g"]
        slots = list(dict.fromkeys(every).keys() - dict.fromkeys(parameters).keys())
        fused_alone = not self.plain and all(isinstance(each, fused.Pass) for _, each in self.passes)
        self._watch = Watch(parameters, slots, [u.gradient for u in self.updates], together=fused_alone)
        # this step's gradients are not kept: each step brings its own
        self.updates = [replace(u, gradient=u.parameter) for u in self.updates]

    def fits(self, gradients: Sequence[torch.Tensor], slots_too: bool = True) -> bool:
        """Whether everything is still where and what it was when the step was prepared, gradients of the same kinds.

        slots_too: whether anybody but the steps can have moved the slots.
        """
        return self._preferred == preferred() and self._watch.sees_no_change(gradients, slots_too)

    def fits_in_part(self, present: Sequence[int], gradients: Sequence[torch.Tensor], slots_too: bool = True) -> bool:
        """The same for these updates alone, but for the slots of all."""
        return self._preferred == preferred() and self._watch.sees_no_change_of(present, gradients, slots_too)

    def like_its_gradient(self, index: int) -> torch.Tensor:
        """A tensor like the gradient that an update had, in no memory of its own."""
        return self._watch.like_its_gradient(index)

    def take(self, present: Sequence[int]) -> None:
        """Perform only these updates from now on, listed in ascending order; `assign_rows` comes next."""
        if present == self._taken:
            return
        self._taken, self.rows = present, np.empty(0, dtype=np.int64)
        place = dict(zip(present, range(len(present)), strict=True))
        self._plain = [(i, place[i]) for i in self.plain if i in place]
        found = []
        for indices, each in self.passes:
            taken = [k for k, i in enumerate(indices) if i in place]
            if taken:
                each.take(taken)
                found.append(([indices[k] for k in taken], [place[indices[k]] for k in taken], each))
        # in the order that they have in a step of these updates alone: it is that in which their norms are added up
        self._working = sorted(found, key=itemgetter(0))
        # autograd must learn that the parameters have changed
        self._fused = [self.updates[i].parameter for indices, _, _ in self._working for i in indices]

    def assign_rows(self, rows: np.ndarray) -> None:
        """Give each update that is performed another row of constants."""
        self.rows = rows
        for _, places, each in self._working:
            each.assign_rows(rows[places])
        for i, place in self._plain:
            self.updates[i] = replace(self.updates[i], row=int(rows[place]))

    def point_at(self, gradients: Sequence[torch.Tensor]) -> None:
        """Take these gradients for `norm` and `run`, one for each update that is performed."""
        self._gradients = gradients
        for _, places, each in self._working:
            whole = len(places) == len(gradients)
            each.point_at(gradients if whole else [gradients[i] for i in places])

    def norm(self) -> float:
        """The Euclidean norm of all gradients together, in double precision."""
        squares = [each.sum_of_squares() for _, _, each in self._working]
        squares += [_norm(sparse.numbers(self._gradients[place])) ** 2 for _, place in self._plain]
        return math.sqrt(sum(squares))

    def run(self, constants: Sequence[Constants]) -> None:
        """Perform every update with its gradient and its row's constants; a list given again has not changed."""
        for _, _, each in self._working:
            each.run(constants)
        torch.autograd.graph.increment_version(self._fused)
        if self._plain:
            with torch.set_grad_enabled(self.differentiable):
                self._run_plainly(constants)
        self._gradients = ()

    def _run_plainly(self, constants: Sequence[Constants]) -> None:
        for i, place in self._plain:
            gradient = self._gradients[place]
            perform = sparse.step if gradient.is_sparse else plain.step
            perform(replace(self.updates[i], gradient=gradient), constants)


def _sharing_memory(updates: Sequence[Update]) -> set[int]:
    """The updates that write where another one writes: they must come one after the other, as they are listed."""
    written = [(x, i) for i, u in enumerate(updates) for name, x in u.tensors().items() if name != "g" and x.numel()]
    found, end, last = set(), 0, 0
    for start, size, index in sorted((x.data_ptr(), x.numel() * x.element_size(), i) for x, i in written):
        if start < end and index != last:
            found |= {index, last}
        if start + size > end:
            end, last = start + size, index
    return found


def _norm(x: torch.Tensor) -> float:
    norm: Any = torch.linalg.vector_norm(x, dtype=torch.complex128 if x.is_complex() else torch.float64)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)  # a DTensor's is of this process's part


def _program(update: Update, constants: Constants) -> Any:
    try:
        return fused.program(update, constants)
    except NotTraceable as why:
        _try_on_tensors(update, constants)
        reason = _in_one_line(why)
        warnings.warn(f"{update.rule.name} runs as plain tensor operations, not as one pass: {reason}", stacklevel=2)
        return None


def _try_on_tensors(update: Update, constants: Constants) -> None:
    """Raises TypeError for a rule that does not run on tensors either, before any of them has changed."""
    several = 1 if update.parameter.numel() == 1 else 2  # of one weight an `if` can be asked
    x = torch.ones(several, dtype=state_dtype(update.parameter.dtype), device=update.parameter.device)
    try:
        whole_update(update, {name: x.clone() for name in update.tensors()}, constants)
    except (AttributeError, TypeError, ValueError, RuntimeError) as why:
        raise TypeError(
            f"{update.rule.name} does not run on tensors: {_in_one_line(why)}; a rule computes with "
            f"+ − × ÷ and the verbs of steepest.rules.verbs, and asks no `if` about a weight's numbers"
        ) from why


def _in_one_line(why: Exception) -> str:
    """What torch says of wrong arguments, without all the signatures that would be right."""
    return str(why).partition("\n")[0].removesuffix(", but expected one of:")
