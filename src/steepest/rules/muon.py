"""Muon: for whole matrices, the step is the momentum with its singular values driven towards 1.

Newton's and Schulz's iteration runs in bfloat16, as in the authors' program and in torch.
"""

import math

from steepest.rules.facts import decay_rate, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot
from steepest.rules.verbs import addmm, coarse, fine, maximum, norm


def coefficient(name: str, default: float) -> Hyperparameter:
    """One of the three coefficients of the iteration's polynomial."""
    return Hyperparameter(name, default, "of the iteration's polynomial", low=-math.inf, phrase="ns_coefficients")


HYPERPARAMETERS = (
    learning_rate(1e-3, search=1e-2),
    weight_decay(0.1),
    decay_rate("momentum", 0.95, "momentum α: the share of the mean that a step keeps"),
    coefficient("ns_a", 3.4445),
    coefficient("ns_b", -4.7750),
    coefficient("ns_c", 2.0315),
    small_constant(1e-7),
    Hyperparameter("ns_steps", 5.0, "steps of the iteration", high=100.0, phrase="ns_steps value"),
)
MOMENTUM = Slot("momentum_buffer", "m", "running mean of the gradient")


def prepare(lr, momentum, ns_a, ns_b, ns_c, ns_steps, eps):
    return {
        "rate": lr,
        "alpha": momentum,
        "new": 1 - momentum,
        "of_gradient": 1 - momentum,
        "of_mean": momentum,
        "a": ns_a,
        "b": ns_b,
        "c": ns_c,
        "steps": ns_steps,
        "delta": eps,
    }


def prepare_plain(lr, momentum, ns_a, ns_b, ns_c, ns_steps, eps):
    constants = prepare(lr, momentum, ns_a, ns_b, ns_c, ns_steps, eps)
    return {**constants, "of_gradient": 0.0, "of_mean": 1.0}


def orthogonal(x, a, b, c, steps, delta):
    """x with singular values near 1, by X ← aX + (bA + cA²)X with A = XXᵀ."""
    rows, columns = x.shape
    y = coarse(x).T if rows > columns else coarse(x)
    y = y / maximum(norm(y), delta)
    for _ in range(int(steps)):
        gram = y @ y.T
        y = addmm(y, addmm(gram, gram, gram, b, c), y, a, 1)
    return fine(y.T if rows > columns else y, x)


def update(theta, g, m, rate, alpha, new, of_gradient, of_mean, a, b, c, steps, delta):
    m = alpha * m + new * g
    step = orthogonal(of_gradient * g + of_mean * m, a, b, c, steps, delta)
    rows, columns = theta.shape
    return theta - rate * math.sqrt(max(1.0, rows / columns)) * step, m


ITERATION = (
    r"O = \mathrm{NS}(d),\quad X_0 = d / \lVert d \rVert,\quad X \leftarrow a X + (b A + c A^2) X,\ A = X X^\top,\quad "
    r"\theta \leftarrow \theta - \epsilon \sqrt{\max(1, \tfrac{\text{rows}}{\text{columns}})}\, O"
)

MUON = Rule(
    name="muon",
    title="Muon",
    update=update,
    prepare=prepare,
    slots=(MOMENTUM,),
    hyperparameters=HYPERPARAMETERS,
    equation=r"m \leftarrow \alpha m + (1-\alpha) g,\quad d = (1-\alpha) g + \alpha m,\quad " + ITERATION,
    reference="Jordan et al. (2024); torch.optim.Muon",
    counts_steps=False,
    decay="decoupled",
    elementwise=False,
)

MUON_PLAIN = Rule(
    name="muon_plain",
    title="Muon without Nesterov's look-ahead",
    update=update,
    prepare=prepare_plain,
    slots=(MOMENTUM,),
    hyperparameters=HYPERPARAMETERS,
    equation=r"m \leftarrow \alpha m + (1-\alpha) g,\quad d = m,\quad " + ITERATION,
    reference="torch.optim.Muon(nesterov=False)",
    counts_steps=False,
    decay="decoupled",
    elementwise=False,
)
