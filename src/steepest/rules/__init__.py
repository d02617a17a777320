"""Every update rule once, as the mathematics: plain functions of numbers, and the facts about them.

>>> from steepest.rules import RULES
>>> momentum = RULES["momentum"]
>>> constants = momentum.constants(t=1, hyperparameters={"lr": 0.05, "momentum": 0.7})
>>> momentum.step(-2.8, -18.2944, [0.0], constants)
(-1.8852799999999998, 0.91472)
"""

from steepest.rules.adadelta import ADADELTA, ADADELTA_PUBLISHED
from steepest.rules.adagrad import ADAGRAD
from steepest.rules.adam import ADAM, ADAM_AS_PRINTED, ADAMW, AMSGRAD, AMSGRADW
from steepest.rules.gradient_descent import GRADIENT_DESCENT
from steepest.rules.momentum import MOMENTUM_LECTURE, MOMENTUM_TORCH, NESTEROV_TORCH
from steepest.rules.nesterov import NESTEROV
from steepest.rules.rmsprop import (
    RMSPROP,
    RMSPROP_CENTERED,
    RMSPROP_CENTERED_MOMENTUM,
    RMSPROP_GRAVES,
    RMSPROP_GRAVES_CENTERED,
    RMSPROP_MOMENTUM,
)
from steepest.rules.rule import Constants, Hyperparameter, Rule, Slot, variant

__all__ = ["RULES", "Constants", "Hyperparameter", "Rule", "Slot", "variant"]

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        GRADIENT_DESCENT,
        MOMENTUM_LECTURE,
        NESTEROV,
        ADAGRAD,
        RMSPROP,
        ADADELTA,
        ADAM,
        ADAM_AS_PRINTED,
        ADAMW,
        MOMENTUM_TORCH,
        NESTEROV_TORCH,
        RMSPROP_MOMENTUM,
        RMSPROP_CENTERED,
        RMSPROP_CENTERED_MOMENTUM,
        RMSPROP_GRAVES,
        RMSPROP_GRAVES_CENTERED,
        ADADELTA_PUBLISHED,
        AMSGRAD,
        AMSGRADW,
    )
}
