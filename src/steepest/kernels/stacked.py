"""Many models at once: their parameters lie in stacks [K, …], and each member follows a rule of its own.

One fused pass for each rule serves all members that follow it. A step costs Python a few microseconds for each set of
hyperparameters, not for each member: those that differ in their learning rate alone are worked out together.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from steepest.kernels import fused
from steepest.kernels.table import COUNT, ROW
from steepest.kernels.trace import NotTraceable
from steepest.kernels.update import Update, state_dtype
from steepest.rules.rule import Constants, Rule, arguments


class NotStackable(TypeError):
    """These models cannot train as one stack; the message says why."""


@dataclass(frozen=True)
class Member:
    """What a member of a stack follows: its rule and hyperparameters; the learning rate comes with each step."""

    rule: Rule
    hyperparameters: Mapping[str, float]

    @property
    def kind(self) -> tuple[Any, ...]:
        """Members of one kind differ in their learning rate alone."""
        return (id(self.rule), tuple(sorted((k, v) for k, v in self.hyperparameters.items() if k != "lr")))


class StackedStep:
    """The steps of K members whose parameters are `stacks`, each of shape [K, …].

    `slots[i][j]` are the rule's slots of member i for stack j; `thetas[i][j]` is its θ where the stack holds another
    point (Nesterov's look-ahead). All of them are rewritten by `run`.

    Raises `NotStackable` when a rule or a tensor does not fit the fused pass.
    """

    def __init__(self, members: Sequence[Member], stacks: Sequence[torch.Tensor]) -> None:
        self.members, self.stacks = list(members), list(stacks)
        self.slots = [[_slots(m, stack[i]) for stack in stacks] for i, m in enumerate(members)]
        self.thetas = [
            [stack[i].clone() for stack in stacks] if m.rule.moves_the_gradient_point else None
            for i, m in enumerate(members)
        ]
        kinds: dict[Any, list[int]] = defaultdict(list)
        for i, m in enumerate(members):
            kinds[m.kind].append(i)
        self.kinds = [_Kind(members[who[0]], np.array(who)) for who in kinds.values()]
        self.gradients = [torch.empty_like(stack) for stack in stacks]
        self._prepare()

    def _prepare(self) -> None:
        together: dict[Any, list[_Kind]] = defaultdict(list)
        for kind in self.kinds:
            together[id(kind.rule), tuple(kind.constants(1, np.ones(len(self.members)), keep=False))].append(kind)
        self.passes = [self._pass(kinds, names) for (_, names), kinds in together.items()]

    def _pass(self, kinds: Sequence["_Kind"], names: Sequence[str]) -> "_Pass":
        who = sorted(i for kind in kinds for i in kind.members.tolist())
        updates = [self._update(i, j) for i in who for j in range(len(self.stacks))]
        if not all(map(fused.fits, updates)):
            raise NotStackable("the fused pass serves dense parameters of a floating dtype on the CPU")
        try:
            program = fused.program(updates[0], dict.fromkeys(names, 0.0))
        except NotTraceable as why:
            raise NotStackable(f"{kinds[0].rule.name} cannot run as one pass: {why}") from None
        return _Pass(kinds, fused.Pass(updates, program))

    def _update(self, i: int, j: int) -> Update:
        thetas = self.thetas[i]
        return Update(
            self.members[i].rule,
            self.stacks[j][i],
            self.gradients[j][i],
            self.slots[i][j],
            row=i,
            theta=None if thetas is None else thetas[j],
        )

    def run(self, t: int, rates: np.ndarray) -> None:
        """Step t, from 1, with each member's learning rate and the gradients that lie in `gradients`."""
        for each in self.passes:
            each.run(t, rates)
        torch.autograd.graph.increment_version(self.stacks)

    def freeze(self, members: Sequence[int]) -> None:
        """These members make no more steps; nothing of theirs changes."""
        for each in self.passes:
            each.freeze(members)

    def evaluation_points(self) -> list[torch.Tensor]:
        """The stacks with every member at the point where it is judged."""
        if all(thetas is None for thetas in self.thetas):
            return self.stacks
        stacks = [stack.clone() for stack in self.stacks]
        for kind in self.kinds:
            for place, i in enumerate(kind.members.tolist()):
                thetas = self.thetas[i]
                if thetas is not None:
                    constants = kind.latest(place)
                    for j, stack in enumerate(stacks):
                        stack[i] = kind.rule.point(kind.rule.evaluation_point, thetas[j], self.slots[i][j], constants)
        return stacks

    def state(self) -> list[Any]:
        """Everything that the next step depends on but the stacks, as tensors and numbers, to be given to `load`."""
        numbers = [[{name: _plain(x) for name, x in each.items()} for each in (k.memory, k.last)] for k in self.kinds]
        return [self.slots, self.thetas, numbers]

    @torch.no_grad()
    def load(self, state: Sequence[Any]) -> None:
        """Continue from a state of the same members."""
        slots, thetas, kinds = state
        for mine, theirs in ((self.slots, slots), (self.thetas, thetas)):
            for x, saved in zip(_flat(mine), _flat(theirs), strict=True):
                x.copy_(saved)
        for kind, numbers in zip(self.kinds, kinds, strict=True):
            kind.memory, kind.last = ({name: _columns(x) for name, x in each.items()} for each in numbers)


class _Kind:
    """Members with one rule and the same hyperparameters, the learning rate aside."""

    def __init__(self, first: Member, members: np.ndarray) -> None:
        self.rule, self.hyperparameters, self.members = first.rule, dict(first.hyperparameters), members
        self.memory: dict[str, Any] = dict(first.rule.memory)
        self.last: dict[str, Any] = {}
        self.asks_ifs = False
        self._asked: Any = None
        self._told_t = "t" in arguments(first.rule.prepare)

    def _step(self, t: int) -> int:
        """The step as far as the rule can tell: many only know the first one from the others, some not even that."""
        return 1 if not self._told_t else t if self.rule.counts_steps else min(t, 2)

    def stand(self, t: int, rates: np.ndarray) -> bool:
        """Whether the numbers of step t are those of the step before, because nothing that they follow from is new."""
        asked = (self._step(t), rates[self.members].tobytes())
        same, self._asked = asked == self._asked and not self.memory, asked
        return same

    def constants(self, t: int, rates: np.ndarray, keep: bool = True) -> dict[str, Any]:
        """The numbers of step t by name: one for all members, or an array with one for each.

        Only the learning rate is an array, and arrays add and multiply as numbers do, so the bits are those of each
        member by itself. A rule that asks an `if` of its rate is asked member by member.
        """
        t = self._step(t)
        constants = self._together(t, rates[self.members]) or self._one_by_one(t, rates[self.members])
        if keep:
            self.memory = {name: constants[name] for name in self.memory}
            self.last = constants
        return constants

    def _together(self, t: int, rates: np.ndarray) -> dict[str, Any]:
        if self.asks_ifs:
            return {}
        try:
            # a rule never learns whether it computes with numbers or with arrays
            return self.rule.constants(t, {**self.hyperparameters, "lr": rates}, self.memory)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            self.asks_ifs = True
            return {}

    def _one_by_one(self, t: int, rates: np.ndarray) -> dict[str, Any]:
        each = [
            self.rule.constants(t, {**self.hyperparameters, "lr": float(rate)}, _of(self.memory, place))
            for place, rate in enumerate(rates)
        ]
        return {name: np.array([c[name] for c in each]) for name in each[0]}

    def latest(self, place: int) -> Constants:
        """The numbers of the last step for one member."""
        return _of(self.last, place)


class _Pass:
    """The fused pass of one rule, its constants given as columns."""

    def __init__(self, kinds: Sequence[_Kind], fused_pass: fused.Pass) -> None:
        self.fused = fused_pass
        self.kinds = [(kind, np.searchsorted(fused_pass.rows, kind.members)) for kind in kinds]

    def run(self, t: int, rates: np.ndarray) -> None:
        table = self.fused.job.constants
        for kind, rows in self.kinds:
            if kind.stand(t, rates):
                continue
            constants = kind.constants(t, rates)
            for column, numbers in enumerate(self.fused.numbers(**constants)):
                table[rows, column] = numbers
        self.fused.work()

    def freeze(self, members: Sequence[int]) -> None:
        """A chunk of length 0 is nothing to do."""
        member_of = np.array(self.fused.rows)[self.fused.table[ROW]]
        self.fused.table[COUNT, np.isin(member_of, list(members))] = 0


def _slots(member: Member, parameter: torch.Tensor) -> tuple[torch.Tensor, ...]:
    theta, dtype = parameter.detach(), state_dtype(parameter.dtype)
    initial = member.rule.initial(member.hyperparameters, theta)
    # copies: a slot that starts from θ goes its own way, as does one of a stack that lies expanded
    return tuple(
        torch.full_like(theta, 0, dtype=dtype).copy_(torch.as_tensor(initial[s.symbol])) for s in member.rule.slots
    )


def _of(columns: Mapping[str, Any], place: int) -> Constants:
    return {name: float(x[place]) if isinstance(x, np.ndarray) else x for name, x in columns.items()}


def _plain(x: Any) -> Any:
    return x.tolist() if isinstance(x, np.ndarray) else x


def _columns(x: Any) -> Any:
    return np.array(x) if isinstance(x, list) else x


def _flat(nested: Any) -> list[torch.Tensor]:
    if isinstance(nested, torch.Tensor):
        return [nested]
    return [x for each in nested if each is not None for x in _flat(each)]
