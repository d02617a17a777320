"""Quasi-hyperbolic momentum: a step between the gradient and its mean; heavy ball in the form of a mean; QHAdam."""

from steepest.rules.adam import MOMENTS, moments
from steepest.rules.adam import prepare as prepare_adam
from steepest.rules.facts import (
    BETA2,
    FIRST_MOMENT,
    MOMENTUM,
    SECOND_MOMENT,
    decay_rate,
    learning_rate,
    share,
    small_constant,
    weight_decay,
)
from steepest.rules.rule import Rule, Slot
from steepest.rules.verbs import sqrt

GRADIENT_MEAN = Slot("momentum_buffer", "m", "running mean of the gradient")


def prepare_mean(lr, momentum):
    return {"rate": lr, "alpha": momentum, "new": 1 - momentum}


def prepare(lr, momentum, nu):
    return {**prepare_mean(lr, momentum), "nu": nu, "rest": 1 - nu}


def prepare_qhadam(t, lr, beta1, beta2, eps, nu1, nu2):
    constants = prepare_adam(t, lr, beta1, beta2, eps)
    return {**constants, "nu1": nu1, "rest1": 1 - nu1, "nu2": nu2, "rest2": 1 - nu2}


def update_mean(theta, g, m, rate, alpha, new):
    m = alpha * m + new * g
    return theta - rate * m, m


def update(theta, g, m, rate, alpha, new, nu, rest):
    m = alpha * m + new * g
    return theta - rate * (rest * g + nu * m), m


def update_qhadam(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta, nu1, rest1, nu2, rest2):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    step = rest1 * g + nu1 * (s * correct1)
    return theta - rate * step / (sqrt(rest2 * g * g + nu2 * (r * correct2)) + delta), s, r


MOMENTUM_MEAN = Rule(
    name="momentum_mean",
    title="momentum as a running mean",
    update=update_mean,
    prepare=prepare_mean,
    slots=(GRADIENT_MEAN,),
    hyperparameters=(learning_rate(1e-2, search=0.3), MOMENTUM, weight_decay()),
    equation=r"m \leftarrow \alpha m + (1-\alpha) g,\quad \theta \leftarrow \theta - \epsilon\, m",
    reference="Polyak (1964), the heavy ball with a normalised buffer",
    counts_steps=False,
)

QHM = Rule(
    name="qhm",
    title="quasi-hyperbolic momentum",
    update=update,
    prepare=prepare,
    slots=(GRADIENT_MEAN,),
    hyperparameters=(
        learning_rate(1.0, search=0.3),
        decay_rate("momentum", 0.999, "momentum α: the share of the mean that a step keeps"),
        share("nu", 0.7, "ν: the mean's share in the step"),
        weight_decay(),
    ),
    equation=r"m \leftarrow \alpha m + (1-\alpha) g,\quad "
    r"\theta \leftarrow \theta - \epsilon\, ((1-\nu) g + \nu m)",
    reference="Ma & Yarats (2019), equations 3 and 4",
    counts_steps=False,
)

QHADAM = Rule(
    name="qhadam",
    title="QHAdam",
    update=update_qhadam,
    prepare=prepare_qhadam,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=(
        learning_rate(1e-3, search=1e-3),
        decay_rate("beta1", 0.995, "decay rate ρ₁ of the first moment", "beta parameter at index 0"),
        BETA2,
        small_constant(1e-8),
        weight_decay(),
        share("nu1", 0.7, "ν₁: the first moment's share in the step"),
        share("nu2", 1.0, "ν₂: the second moment's share under the root"),
    ),
    equation=MOMENTS
    + r"\theta \leftarrow \theta - \epsilon \frac{(1-\nu_1) g + \nu_1 \hat{s}}"
    + r"{\sqrt{(1-\nu_2) g^2 + \nu_2 \hat{r}} + \delta}",
    reference="Ma & Yarats (2019), equations 8 to 10",
)
