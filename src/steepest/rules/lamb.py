"""LAMB: Adam's direction, for each tensor as long as the tensor itself."""

from steepest.rules.adam import MOMENTS, prepare
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
from steepest.rules.verbs import norm, sqrt, where

HYPERPARAMETERS = (learning_rate(1e-3, search=1e-3), BETA1, BETA2, small_constant(1e-6), weight_decay())


def prepare_decaying(t, lr, beta1, beta2, eps, weight_decay):
    return {**prepare(t, lr, beta1, beta2, eps), "decay": weight_decay}


def trust(theta, step):
    """‖θ‖/‖step‖; 1 where one of them is 0."""
    ours, of_step = norm(theta), norm(step)
    return where(ours * of_step == 0.0, 1.0, ours / where(of_step == 0.0, 1.0, of_step))


def update(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta, decay):
    s = rho1 * s + new1 * g
    r = rho2 * r + new2 * g * g
    step = (s * correct1) / (sqrt(r * correct2) + delta) + decay * theta
    return theta - rate * trust(theta, step) * step, s, r


def update_undecayed(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s = rho1 * s + new1 * g
    r = rho2 * r + new2 * g * g
    step = (s * correct1) / (sqrt(r * correct2) + delta)
    return theta - rate * trust(theta, step) * step, s, r


STEP = r"\theta \leftarrow \theta - \epsilon \frac{\lVert\theta\rVert}{\lVert d\rVert}\, d"

LAMB = Rule(
    name="lamb",
    title="LAMB",
    update=update,
    prepare=prepare_decaying,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS + r"d = \frac{\hat{s}}{\sqrt{\hat{r}} + \delta} + \lambda\theta,\quad " + STEP,
    reference="You et al. (2020), algorithm 2, with φ(z) = z",
    decay="own",
    depends_on="norms",
)

LAMB_UNDECAYED = Rule(
    name="lamb_undecayed",
    title="LAMB, weight decay outside the trusted step",
    update=update_undecayed,
    prepare=prepare,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS + r"d = \frac{\hat{s}}{\sqrt{\hat{r}} + \delta},\quad " + STEP,
    reference="keras.optimizers.Lamb",
    decay="decoupled",
    depends_on="norms",
)
