"""A `steepest.schedules` schedule as a `torch.optim.lr_scheduler`, for any torch optimizer."""

from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler

from steepest.schedules import Schedule


class ScheduledLR(LRScheduler):
    """Sets each group's learning rate to ε_k = schedule.rate(k, ε_0), ε_0 being the rate that the group began with.

    optimizer: any torch optimizer.  schedule: a `steepest.schedules.Schedule`.
    last_epoch: the step to go on from; −1 begins anew.

    >>> from steepest.optim import SGD
    >>> from steepest.schedules import linear
    >>> optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    >>> scheduler = ScheduledLR(optimizer, linear(steps=100).after_warmup(10))
    >>> optimizer.step(); scheduler.step()
    >>> round(scheduler.get_last_lr()[0], 4)
    0.0182
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, last_epoch: int = -1) -> None:
        self.schedule = schedule
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rate of each group at the present step."""
        return [self.schedule.rate(self.last_epoch, float(base)) for base in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and the schedule, which holds functions: give the same one when loading."""
        return {key: value for key, value in super().state_dict().items() if key != "schedule"}
