"""Lion: the sign of a mixture of the gradient and its mean."""

from steepest.rules.facts import BETA1, FIRST_MOMENT, decay_rate, learning_rate, weight_decay
from steepest.rules.rule import Rule
from steepest.rules.verbs import sign


def prepare(lr, beta1, beta2):
    return {"rate": lr, "rho1": beta1, "new1": 1 - beta1, "rho2": beta2, "new2": 1 - beta2}


def update(theta, g, s, rate, rho1, new1, rho2, new2):
    step = sign(rho1 * s + new1 * g)
    return theta - rate * step, rho2 * s + new2 * g


LION = Rule(
    name="lion",
    title="Lion",
    update=update,
    prepare=prepare,
    slots=(FIRST_MOMENT,),
    hyperparameters=(
        learning_rate(1e-4, search=1e-4),
        BETA1,
        decay_rate("beta2", 0.99, "decay rate ρ₂ of the mean that is kept", "beta parameter at index 1"),
        weight_decay(),
    ),
    equation=r"\theta \leftarrow \theta - \epsilon\, \mathrm{sign}(\rho_1 s + (1-\rho_1) g),\quad "
    r"s \leftarrow \rho_2 s + (1-\rho_2) g",
    reference="Chen et al. (2023), algorithm 2",
    counts_steps=False,
    decay="decoupled",
)
