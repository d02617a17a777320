"""Hyperparameters and slots that several rules share, each described once."""

import math

from steepest.rules.rule import Hyperparameter, Slot


def learning_rate(default: float, search: float) -> Hyperparameter:
    """ε, with the centre of the rates worth trying."""
    return Hyperparameter("lr", default, "learning rate ε", search=search, phrase="learning rate")


def decay_rate(name: str, default: float, meaning: str, phrase: str = "") -> Hyperparameter:
    """A share in [0, 1) that the past keeps at each step."""
    return Hyperparameter(name, default, meaning, high=1.0, phrase=phrase or f"{name} value")


def share(name: str, default: float, meaning: str) -> Hyperparameter:
    """How much of a term is there, from 0 (nothing) to 1 (all of it)."""
    return Hyperparameter(name, default, meaning, high=1.0, below_high=False, phrase=f"{name} value")


def small_constant(default: float, search: float | None = None) -> Hyperparameter:
    """δ, which keeps a quotient finite."""
    return Hyperparameter(
        "eps", default, "small constant δ that keeps the quotient finite", search=search, phrase="epsilon value"
    )


def weight_decay(default: float = 0.0) -> Hyperparameter:
    """λ; 0 leaves the term out."""
    return Hyperparameter("weight_decay", default, "weight decay λ; 0 leaves the term out", phrase="weight_decay value")


MOMENTUM = decay_rate("momentum", 0.9, "momentum α: the share of the velocity that a step keeps")
DAMPENING = Hyperparameter(
    "dampening", 0.0, "dampening τ: the share of a new gradient left out", low=-math.inf, phrase="dampening value"
)
BETA1 = decay_rate("beta1", 0.9, "decay rate ρ₁ of the first moment", "beta parameter at index 0")
BETA2 = decay_rate("beta2", 0.999, "decay rate ρ₂ of the second moment", "beta parameter at index 1")

VELOCITY = Slot("momentum_buffer", "v", "velocity: a decaying sum of past steps")
FIRST_MOMENT = Slot("exp_avg", "s", "first moment: running mean of the gradient")
SECOND_MOMENT = Slot("exp_avg_sq", "r", "second moment: running mean of the squared gradient")
