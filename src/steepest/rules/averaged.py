"""Averaged gradient descent (Polyak & Juditsky 1992): beside θ goes the mean of all θ from step t₀ on."""

from steepest.rules.facts import learning_rate, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot


def prepare(t, lr, lambd, alpha, t0, eta, mu):
    eta, mu = (lr, 1.0) if t == 1 else (eta, mu)
    return {
        "rate": eta,
        "shrink": 1 - lambd * eta,
        "weight": mu,
        "eta": lr / (1 + lambd * lr * t) ** alpha,  # for the next step
        "mu": 1 / max(1, t - t0),
    }


def update(theta, g, a, rate, shrink, weight):
    theta = shrink * theta - rate * g
    return theta, a + weight * (theta - a)


ASGD = Rule(
    name="asgd",
    title="averaged gradient descent",
    update=update,
    prepare=prepare,
    slots=(Slot("ax", "a", "mean of θ since step t₀", precise=True),),
    hyperparameters=(
        learning_rate(1e-2, search=0.1),
        Hyperparameter("lambd", 1e-4, "decay λ' of the weights and, with it, of the rate", phrase="lambd value"),
        Hyperparameter("alpha", 0.75, "power of the rate's decay", phrase="alpha value"),
        Hyperparameter("t0", 1e6, "step from which the mean is taken", phrase="t0 value"),
        weight_decay(),
    ),
    equation=r"\eta_t = \frac{\epsilon}{(1 + \lambda'\epsilon (t-1))^{\alpha}},\quad "
    r"\theta \leftarrow (1 - \lambda'\eta_t)\theta - \eta_t g,\quad "
    r"a \leftarrow a + \frac{\theta - a}{\max(1, t - 1 - t_0)}",
    reference="Polyak & Juditsky (1992); Bottou (2010); torch.optim.ASGD",
    memory={"eta": 0.0, "mu": 1.0},
)
