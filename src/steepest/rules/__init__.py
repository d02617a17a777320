"""Every update rule once, as the mathematics: plain functions of numbers, and the facts about them.

>>> from steepest.rules import RULES
>>> momentum = RULES["momentum"]
>>> constants = momentum.constants(t=1, hyperparameters={"lr": 0.05, "momentum": 0.7})
>>> momentum.step(-2.8, -18.2944, [0.0], constants)
(-1.8852799999999998, 0.91472)
"""

from steepest.rules.adabelief import ADABELIEF
from steepest.rules.adadelta import ADADELTA, ADADELTA_PUBLISHED
from steepest.rules.adagrad import ADAGRAD, ADAGRAD_INSIDE
from steepest.rules.adam import (
    ADAM,
    ADAM_AS_PRINTED,
    ADAM_HAT,
    ADAM_ROOT,
    ADAMW,
    AMSGRAD,
    AMSGRAD_CORRECTED,
    AMSGRAD_HAT,
    AMSGRAD_PUBLISHED,
    AMSGRADW,
)
from steepest.rules.adamax import ADAMAX, ADAMAX_OUTSIDE, ADAMAX_PUBLISHED
from steepest.rules.adan import ADAN, ADAN_PROXIMAL, ADAN_ROOT
from steepest.rules.averaged import ASGD
from steepest.rules.gradient_descent import GRADIENT_DESCENT
from steepest.rules.lamb import LAMB, LAMB_UNDECAYED
from steepest.rules.lion import LION
from steepest.rules.momentum import MOMENTUM_LECTURE, MOMENTUM_TORCH, NESTEROV_SHIFTED, NESTEROV_TORCH
from steepest.rules.muon import (
    MUON,
    MUON_CORRECTED,
    MUON_CORRECTED_PLAIN,
    MUON_PLAIN,
    MUON_PUBLISHED,
    MUON_PUBLISHED_PLAIN,
    MUON_SUM,
    MUON_SUM_PLAIN,
)
from steepest.rules.nadam import NADAM, NADAM_CONSTANT, NADAM_PUBLISHED
from steepest.rules.nesterov import NESTEROV
from steepest.rules.own import rule
from steepest.rules.quasi_hyperbolic import MOMENTUM_MEAN, QHADAM, QHM
from steepest.rules.radam import RADAM, RADAM_CORRECTED, RADAM_PUBLISHED
from steepest.rules.rmsprop import (
    RMSPROP,
    RMSPROP_CENTERED,
    RMSPROP_CENTERED_MOMENTUM,
    RMSPROP_GRAVES,
    RMSPROP_GRAVES_CENTERED,
    RMSPROP_INSIDE,
    RMSPROP_MOMENTUM,
    RMSPROP_SWITCHED,
    RMSPROP_SWITCHED_CENTERED,
)
from steepest.rules.rprop import RPROP, RPROP_LATE
from steepest.rules.rule import Constants, Hyperparameter, InvalidNumber, NotANumber, Rule, Slot, variant
from steepest.rules.schedule_free import (
    SCHEDULE_FREE_ADAMW,
    SCHEDULE_FREE_ADAMW_EVEN,
    SCHEDULE_FREE_ADAMW_LATE,
    SCHEDULE_FREE_SGD,
    SCHEDULE_FREE_SGD_LATE,
)
from steepest.rules.yogi import YOGI, YOGI_CORRECTED

__all__ = [
    "METHODS",
    "RULES",
    "Constants",
    "Hyperparameter",
    "InvalidNumber",
    "NotANumber",
    "Rule",
    "Slot",
    "rule",
    "variant",
]

RULES: dict[str, Rule] = {
    each.name: each
    for each in (
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
        RMSPROP_SWITCHED,
        RMSPROP_SWITCHED_CENTERED,
        ADADELTA_PUBLISHED,
        AMSGRAD,
        AMSGRADW,
        NESTEROV_SHIFTED,
        ADAGRAD_INSIDE,
        RMSPROP_INSIDE,
        ADAM_HAT,
        ADAM_ROOT,
        AMSGRAD_HAT,
        AMSGRAD_CORRECTED,
        AMSGRAD_PUBLISHED,
        ADABELIEF,
        ADAMAX,
        ADAMAX_OUTSIDE,
        ADAMAX_PUBLISHED,
        ADAN,
        ADAN_PROXIMAL,
        ADAN_ROOT,
        ASGD,
        LAMB,
        LAMB_UNDECAYED,
        LION,
        MUON,
        MUON_CORRECTED,
        MUON_CORRECTED_PLAIN,
        MUON_PLAIN,
        MUON_PUBLISHED,
        MUON_PUBLISHED_PLAIN,
        MUON_SUM,
        MUON_SUM_PLAIN,
        NADAM,
        NADAM_CONSTANT,
        NADAM_PUBLISHED,
        MOMENTUM_MEAN,
        QHADAM,
        QHM,
        RADAM,
        RADAM_CORRECTED,
        RADAM_PUBLISHED,
        RPROP,
        RPROP_LATE,
        SCHEDULE_FREE_ADAMW,
        SCHEDULE_FREE_ADAMW_EVEN,
        SCHEDULE_FREE_ADAMW_LATE,
        SCHEDULE_FREE_SGD,
        SCHEDULE_FREE_SGD_LATE,
        YOGI,
        YOGI_CORRECTED,
    )
}

# The lecture's methods under the names that commands know; each in the lecture's form, Adam as published.
METHODS: dict[str, Rule] = {
    "sgd": GRADIENT_DESCENT,
    "momentum": MOMENTUM_LECTURE,
    "nesterov": NESTEROV,
    "adagrad": ADAGRAD,
    "rmsprop": RMSPROP,
    "adadelta": ADADELTA,
    "adam": ADAM,
    "adam-printed": ADAM_AS_PRINTED,
    "adamw": ADAMW,
}
