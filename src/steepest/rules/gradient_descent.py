"""Gradient descent: the lecture's algorithms 1 (batch) and 2 (stochastic); only the gradient differs."""

from steepest.rules.facts import learning_rate, weight_decay
from steepest.rules.rule import Rule


def update(theta, g, rate):
    return theta - rate * g


def prepare(lr):
    return {"rate": lr}


GRADIENT_DESCENT = Rule(
    name="gradient_descent",
    title="gradient descent",
    update=update,
    prepare=prepare,
    slots=(),
    hyperparameters=(learning_rate(1e-3, search=0.3), weight_decay()),
    equation=r"\theta \leftarrow \theta - \epsilon\, g",
    reference="Cauchy (1847); Robbins & Monro (1951); lecture, algorithms 1 and 2",
    counts_steps=False,
    sparse="rows",
)
