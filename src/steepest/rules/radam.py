"""RAdam: Adam whose adaptive rate waits until the second moment's variance is bearable.

r_t is the paper's rectification; the moments alone make the first steps. torch has δ beside the uncorrected root and
rectifies from ρ_t > 5 on, optax has δ beside the corrected root, the paper has no δ and ρ_t > 4.
"""

import math

from steepest.rules.adam import AVERAGES, moments
from steepest.rules.facts import (
    BETA1,
    BETA2,
    FIRST_MOMENT,
    SECOND_MOMENT,
    learning_rate,
    small_constant,
    weight_decay,
)
from steepest.rules.rule import Rule
from steepest.rules.verbs import sqrt, where

PUBLISHED = (learning_rate(1e-3, search=1e-3), BETA1, BETA2, weight_decay())
HYPERPARAMETERS = (*PUBLISHED[:3], small_constant(1e-8), weight_decay())


def rectification(t, beta2, threshold):
    """r_t, or None while ρ_t does not exceed the threshold."""
    at_last = 2 / (1 - beta2) - 1
    now = at_last - 2 * t * beta2**t / (1 - beta2**t)
    if now <= threshold:
        return None
    return math.sqrt((now - 4) * (now - 2) * at_last / ((at_last - 4) * (at_last - 2) * now))


def constants(t, lr, beta1, beta2, threshold):
    """The step is rate · s · (adaptive / root + plain); one of the two is 0."""
    rectified = rectification(t, beta2, threshold)
    return {
        "rate": lr / (1 - beta1**t),
        "rho1": beta1,
        "new1": 1 - beta1,
        "rho2": beta2,
        "new2": 1 - beta2,
        "adaptive": 0.0 if rectified is None else rectified * math.sqrt(1 - beta2**t),
        "plain": 1.0 if rectified is None else 0.0,
    }


def prepare(t, lr, beta1, beta2, eps):
    return with_delta(constants(t, lr, beta1, beta2, 5), eps)


def prepare_corrected(t, lr, beta1, beta2, eps):
    return with_delta(constants(t, lr, beta1, beta2, 5), eps * math.sqrt(1 - beta2**t))


def with_delta(found, delta):
    """δ beside the root; 1 while the root is not divided by, where 0/0 would enter."""
    return {**found, "delta": delta if found["adaptive"] else 1.0}


def prepare_published(t, lr, beta1, beta2):
    return constants(t, lr, beta1, beta2, 4)


def update(theta, g, s, r, rate, rho1, new1, rho2, new2, adaptive, plain, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - rate * s * (adaptive / (sqrt(r) + delta) + plain), s, r


def update_published(theta, g, s, r, rate, rho1, new1, rho2, new2, adaptive, plain):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - rate * s * (adaptive / where(r == 0.0, 1.0, sqrt(r)) + plain), s, r


RECTIFIED = (
    r"\rho_\infty = \frac{2}{1-\rho_2} - 1,\quad \rho_t = \rho_\infty - \frac{2t\rho_2^t}{1-\rho_2^t},\quad "
    r"r_t = \sqrt{\frac{(\rho_t-4)(\rho_t-2)\rho_\infty}{(\rho_\infty-4)(\rho_\infty-2)\rho_t}},\quad " + AVERAGES
)
STEP = r"\theta \leftarrow \theta - \frac{\epsilon s}{1-\rho_1^t} \cdot "

RADAM = Rule(
    name="radam",
    title="RAdam",
    update=update,
    prepare=prepare,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=RECTIFIED + STEP + r"\left(r_t \frac{\sqrt{1-\rho_2^t}}{\sqrt{r} + \delta} \text{ if } \rho_t > 5 "
    r"\text{ else } 1\right)",
    reference="Liu et al. (2020), as torch.optim.RAdam has it",
)

RADAM_CORRECTED = Rule(
    name="radam_corrected",
    title="RAdam, δ beside the corrected root",
    update=update,
    prepare=prepare_corrected,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=RECTIFIED + STEP + r"\left(\frac{r_t}{\sqrt{r / (1-\rho_2^t)} + \delta} \text{ if } \rho_t > 5 "
    r"\text{ else } 1\right)",
    reference="optax.radam",
)

RADAM_PUBLISHED = Rule(
    name="radam_as_published",
    title="RAdam as published",
    update=update_published,
    prepare=prepare_published,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=PUBLISHED,
    equation=RECTIFIED + STEP + r"\left(r_t \sqrt{\frac{1-\rho_2^t}{r}} \text{ if } \rho_t > 4 "
    r"\text{ else } 1\right)\qquad (0/0 = 0)",
    reference="Liu et al. (2020), algorithm 2",
)
