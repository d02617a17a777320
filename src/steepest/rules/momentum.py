"""Momentum, with ε inside the velocity (the lecture) or outside the buffer (torch).

Under a constant ε the two walk the same path; under a schedule they do not: the lecture's velocity remembers at which
rate each gradient came in.
"""

from steepest.rules.facts import DAMPENING, MOMENTUM, VELOCITY, learning_rate, weight_decay
from steepest.rules.rule import Rule, Slot


def update(theta, g, v, rate, alpha):
    v = alpha * v - rate * g
    return theta + v, v


def prepare(lr, momentum):
    return {"rate": lr, "alpha": momentum}


MOMENTUM_LECTURE = Rule(
    name="momentum",
    title="momentum",
    update=update,
    prepare=prepare,
    slots=(VELOCITY,),
    hyperparameters=(learning_rate(1e-3, search=0.03), MOMENTUM, weight_decay()),
    equation=r"v \leftarrow \alpha v - \epsilon\, g,\quad \theta \leftarrow \theta + v",
    reference="Polyak (1964); Sutskever et al. (2013); lecture, SGD with momentum",
    counts_steps=False,
)


def update_shifted_nesterov(theta, g, v, rate, alpha):
    v = alpha * v - rate * g
    return theta + alpha * v - rate * g, v


NESTEROV_SHIFTED = Rule(
    name="nesterov_shifted",
    title="Nesterov momentum, written for the look-ahead point, ε inside the velocity",
    update=update_shifted_nesterov,
    prepare=prepare,
    slots=(VELOCITY,),
    hyperparameters=(learning_rate(1e-2, search=0.03), MOMENTUM, weight_decay()),
    equation=r"v \leftarrow \alpha v - \epsilon\, g,\quad \theta \leftarrow \theta + \alpha v - \epsilon\, g",
    reference="keras.optimizers.SGD(nesterov=True)",
    counts_steps=False,
)


GRADIENT_SUM = Slot("momentum_buffer", "b", "decaying sum of past gradients")


def update_torch(theta, g, b, rate, alpha, new):
    b = alpha * b + new * g
    return theta - rate * b, b


def update_torch_nesterov(theta, g, b, rate, alpha, new):
    b = alpha * b + new * g
    return theta - rate * (g + alpha * b), b


def prepare_torch(t, lr, momentum, dampening):
    # torch's first step enters undamped
    return {"rate": lr, "alpha": momentum, "new": 1.0 if t == 1 else 1.0 - dampening}


MOMENTUM_TORCH = Rule(
    name="momentum_torch",
    title="momentum, ε outside the buffer",
    update=update_torch,
    prepare=prepare_torch,
    slots=(GRADIENT_SUM,),
    hyperparameters=(learning_rate(1e-3, search=0.03), MOMENTUM, DAMPENING, weight_decay()),
    equation=r"b \leftarrow \alpha b + (1-\tau)\, g,\quad \theta \leftarrow \theta - \epsilon\, b"
    r"\qquad (\tau = 0 \text{ at the first step})",
    reference="torch.optim.SGD",
    counts_steps=False,
    sparse="filled",
)

NESTEROV_TORCH = Rule(
    name="nesterov_torch",
    title="Nesterov momentum, written for the look-ahead point",
    update=update_torch_nesterov,
    prepare=prepare_torch,
    slots=(GRADIENT_SUM,),
    hyperparameters=(learning_rate(1e-3, search=0.03), MOMENTUM, DAMPENING, weight_decay()),
    equation=r"b \leftarrow \alpha b + (1-\tau)\, g,\quad \theta \leftarrow \theta - \epsilon\,(g + \alpha b)"
    r"\qquad (\tau = 0 \text{ at the first step})",
    reference="torch.optim.SGD(nesterov=True)",
    counts_steps=False,
    sparse="filled",
)
