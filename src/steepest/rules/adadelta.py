"""AdaDelta: the running size of past steps takes the learning rate's place.

The lecture accumulates d from the previous step before it computes the new one; accumulating the new step afterwards,
for the next, is the same recurrence with one array fewer.
"""

from steepest.rules.facts import decay_rate, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Rule, Slot
from steepest.rules.verbs import sqrt

SLOTS = (
    Slot("square_avg", "r", "running mean of the squared gradient"),
    Slot("acc_delta", "d", "running mean of the squared step"),
)
HYPERPARAMETERS = (
    learning_rate(1.0, search=1.0),
    decay_rate("rho", 0.9, "decay rate ρ of both running means"),
    small_constant(1e-6, search=1e-3),
    weight_decay(),
)


def prepare(lr, rho, eps):
    return {"rate": lr, "rho": rho, "new": 1 - rho, "delta": eps}


def update(theta, g, r, d, rate, rho, new, delta):
    r = rho * r + new * g * g
    step = -(delta + sqrt(d)) / (delta + sqrt(r)) * g
    d = rho * d + new * step * step
    return theta + rate * step, r, d


def update_published(theta, g, r, d, rate, rho, new, delta):
    r = rho * r + new * g * g
    step = -sqrt(d + delta) / sqrt(r + delta) * g
    d = rho * d + new * step * step
    return theta + rate * step, r, d


ADADELTA = Rule(
    name="adadelta",
    title="AdaDelta",
    update=update,
    prepare=prepare,
    slots=SLOTS,
    hyperparameters=HYPERPARAMETERS,
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad "
    r"\Delta\theta = -\frac{\delta + \sqrt{d}}{\delta + \sqrt{r}}\, g,\quad "
    r"d \leftarrow \rho d + (1-\rho) \Delta\theta^2,\quad \theta \leftarrow \theta + \Delta\theta",
    reference="lecture, AdaDelta (δ outside the roots)",
)

ADADELTA_PUBLISHED = Rule(
    name="adadelta_published",
    title="AdaDelta as published",
    update=update_published,
    prepare=prepare,
    slots=SLOTS,
    hyperparameters=HYPERPARAMETERS,
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad "
    r"\Delta\theta = -\frac{\sqrt{d + \delta}}{\sqrt{r + \delta}}\, g,\quad "
    r"d \leftarrow \rho d + (1-\rho) \Delta\theta^2,\quad \theta \leftarrow \theta + \epsilon\,\Delta\theta",
    reference="Zeiler (2012); torch.optim.Adadelta",
)
