"""AdaBelief: Adam that divides by how far the gradient strays from its mean."""

from dataclasses import replace

from steepest.rules.adam import EPS_ROOT, prepare_root
from steepest.rules.facts import BETA1, BETA2, FIRST_MOMENT, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Rule, Slot
from steepest.rules.verbs import sqrt


def update(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta, root):
    s = rho1 * s + new1 * g
    r = rho2 * r + new2 * (g - s) * (g - s) + root
    return theta - rate * (s * correct1) / (sqrt(r * correct2) + delta), s, r


HYPERPARAMETERS = (learning_rate(1e-3, search=1e-3), BETA1, BETA2, small_constant(1e-8), weight_decay())

ADABELIEF = Rule(
    name="adabelief",
    title="AdaBelief",
    update=update,
    prepare=prepare_root,
    slots=(FIRST_MOMENT, Slot("exp_avg_var", "r", "running mean of the squared deviation from the mean")),
    hyperparameters=(*HYPERPARAMETERS, replace(EPS_ROOT, default=1e-8)),
    equation=r"s \leftarrow \rho_1 s + (1-\rho_1) g,\quad "
    r"r \leftarrow \rho_2 r + (1-\rho_2)(g - s)^2 + \delta_0,\quad "
    r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{\hat{r}} + \delta}",
    reference="Zhuang et al. (2020), algorithm 2, where δ₀ = δ; optax.adabelief",
)
