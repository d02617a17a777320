"""AdaMax: Adam with the largest gradient of late in the place of the root mean square."""

from steepest.rules.facts import (
    BETA1,
    BETA2,
    FIRST_MOMENT,
    learning_rate,
    small_constant,
    weight_decay,
)
from steepest.rules.rule import Rule, Slot
from steepest.rules.verbs import absolute, maximum, where

LARGEST = Slot("exp_inf", "u", "decaying maximum of the gradient's magnitude")
SLOTS = (FIRST_MOMENT, LARGEST)
HYPERPARAMETERS = (learning_rate(2e-3, search=1e-3), BETA1, BETA2, small_constant(1e-8), weight_decay())


def prepare_published(t, lr, beta1, beta2):
    return {"rate": lr / (1 - beta1**t), "rho1": beta1, "new1": 1 - beta1, "rho2": beta2}


def prepare(t, lr, beta1, beta2, eps):
    return {**prepare_published(t, lr, beta1, beta2), "delta": eps}


def update(theta, g, s, u, rate, rho1, new1, rho2, delta):
    s = rho1 * s + new1 * g
    u = maximum(rho2 * u, absolute(g) + delta)
    return theta - rate * s / u, s, u


def update_outside(theta, g, s, u, rate, rho1, new1, rho2, delta):
    s = rho1 * s + new1 * g
    u = maximum(rho2 * u, absolute(g))
    return theta - rate * s / (u + delta), s, u


def update_published(theta, g, s, u, rate, rho1, new1, rho2):
    s = rho1 * s + new1 * g
    u = maximum(rho2 * u, absolute(g))
    return theta - rate * s / where(u == 0.0, 1.0, u), s, u


FIRST = r"s \leftarrow \rho_1 s + (1-\rho_1) g,\quad "

ADAMAX = Rule(
    name="adamax",
    title="AdaMax",
    update=update,
    prepare=prepare,
    slots=SLOTS,
    hyperparameters=HYPERPARAMETERS,
    equation=FIRST
    + r"u \leftarrow \max(\rho_2 u, |g| + \delta),\quad "
    + r"\theta \leftarrow \theta - \frac{\epsilon}{1-\rho_1^t} \frac{s}{u}",
    reference="Kingma & Ba (2015), with δ as torch.optim.Adamax and optax.adamax have it",
)

ADAMAX_OUTSIDE = Rule(
    name="adamax_outside",
    title="AdaMax, δ outside the maximum",
    update=update_outside,
    prepare=prepare,
    slots=SLOTS,
    hyperparameters=HYPERPARAMETERS,
    equation=FIRST
    + r"u \leftarrow \max(\rho_2 u, |g|),\quad "
    + r"\theta \leftarrow \theta - \frac{\epsilon}{1-\rho_1^t} \frac{s}{u + \delta}",
    reference="keras.optimizers.Adamax",
)

ADAMAX_PUBLISHED = Rule(
    name="adamax_as_published",
    title="AdaMax as published",
    update=update_published,
    prepare=prepare_published,
    slots=SLOTS,
    hyperparameters=(learning_rate(2e-3, search=1e-3), BETA1, BETA2, weight_decay()),
    equation=FIRST
    + r"u \leftarrow \max(\rho_2 u, |g|),\quad "
    + r"\theta \leftarrow \theta - \frac{\epsilon}{1-\rho_1^t} \frac{s}{u}\qquad (0/0 = 0)",
    reference="Kingma & Ba (2015), algorithm 2",
)
