"""Nesterov momentum as the lecture has it: the gradient is taken where the velocity is about to lead."""

from steepest.rules import momentum
from steepest.rules.facts import MOMENTUM, VELOCITY, learning_rate, weight_decay
from steepest.rules.rule import Rule


def look_ahead(theta, v, alpha):
    return theta + alpha * v


NESTEROV = Rule(
    name="nesterov",
    title="Nesterov momentum",
    update=momentum.update,
    prepare=momentum.prepare,
    gradient_point=look_ahead,
    slots=(VELOCITY,),
    hyperparameters=(learning_rate(1e-3, search=0.03), MOMENTUM, weight_decay()),
    equation=r"v \leftarrow \alpha v - \epsilon\, g(\theta + \alpha v),\quad \theta \leftarrow \theta + v",
    reference="Nesterov (1983); Sutskever et al. (2013); lecture, SGD with Nesterov momentum",
    counts_steps=False,
)
