"""A parameter group as it was read: what it asks for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from steepest.kernels import state_dtype
from steepest.rules import Constants, Rule, Slot


@dataclass(frozen=True)
class Followed:
    """A parameter group as it was read: its rule, its hyperparameters, and what happens beside the rule."""

    rule: Rule
    hyperparameters: Mapping[str, float]
    maximize: bool
    clip_norm: float | None
    average: float | None
    zero_gradient: bool
    state_dtype: torch.dtype | None = None
    rounding_seed: int | None = None
    added_to_norm: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether it asks for nothing beside the rule."""
        beside = self.clip_norm, self.average, self.state_dtype, self.rounding_seed
        return not (self.maximize or self.zero_gradient) and all(x is None for x in beside)

    def clipping(self, norm: float) -> float:
        """By what all gradients of this norm are multiplied; NaN where the norm is NaN."""
        bound = norm + self.added_to_norm
        if norm != norm:
            return norm
        return 1.0 if self.clip_norm is None or bound <= self.clip_norm else self.clip_norm / bound

    @property
    def counts_steps(self) -> bool:
        """Whether each parameter's state has a count of its steps."""
        return self.rule.counts_steps or self.rounding_seed is not None

    def stored_as(self, slot: Slot, parameter: torch.dtype) -> torch.dtype:
        """The dtype in which a slot lies in memory."""
        return state_dtype(parameter) if self.state_dtype is None or slot.precise else self.state_dtype

    @cached_property
    def constants(self) -> Callable[[int, Mapping[str, float]], Constants]:
        """The rule's constants as a function of t and memory."""
        return self.rule.bind(self.hyperparameters)

    @property
    def structure(self) -> tuple[Any, ...]:
        """What decides which kernel runs; all else is numbers."""
        decays = bool(self.hyperparameters.get("weight_decay"))
        stored = self.state_dtype, self.rounding_seed is None
        beside = self.clip_norm is None, self.average is None, self.zero_gradient
        return (id(self.rule), decays, self.maximize, *beside, *stored)
