"""Adan: Adam with Nesterov's look-ahead written by the difference of gradients.

The paper's weight decay is a proximal step, which divides; its authors' program subtracts on request, as optax does.
optax weighs the difference by 1−ρ₂ where the paper, whose β₂ is 1−ρ₂, has ρ₂; and it has a second δ, inside the root.
"""

from steepest.rules.adam import EPS_ROOT
from steepest.rules.facts import FIRST_MOMENT, SECOND_MOMENT, decay_rate, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Rule, Slot, variant
from steepest.rules.verbs import sqrt


def prepare(t, lr, beta1, beta2, beta3, eps):
    return {
        "rate": lr,
        "rho1": beta1,
        "new1": 1 - beta1,
        "rho2": beta2,
        "new2": 1 - beta2,
        "rho3": beta3,
        "new3": 1 - beta3,
        "correct1": 1 / (1 - beta1**t),
        "correct2": beta2 / (1 - beta2**t),
        "correct3": 1 / (1 - beta3**t),
        "differs": 0.0 if t == 1 else 1.0,  # the first gradient has none before it
        "ahead": beta2,
        "delta": eps,
        "root": 0.0,
        "kept": 1.0,
    }


def prepare_proximal(t, lr, beta1, beta2, beta3, eps, weight_decay):
    return {**prepare(t, lr, beta1, beta2, beta3, eps), "kept": 1 / (1 + lr * weight_decay)}


def prepare_root(t, lr, beta1, beta2, beta3, eps, eps_root):
    constants = prepare(t, lr, beta1, beta2, beta3, eps)
    return {**constants, "correct2": (1 - beta2) / (1 - beta2**t), "ahead": 1 - beta2, "root": eps_root}


def update(theta, g, s, d, r, h, rate, rho1, new1, rho2, new2, rho3, new3, correct1, correct2, correct3, differs, ahead,
           delta, root, kept):  # fmt: skip
    change = differs * (g - h)
    s = rho1 * s + new1 * g
    d = rho2 * d + new2 * change
    expected = g + ahead * change
    r = rho3 * r + new3 * expected * expected
    return kept * (theta - rate * (s * correct1 + d * correct2) / (sqrt(r * correct3 + root) + delta)), s, d, r, g


SLOTS = (
    FIRST_MOMENT,
    Slot("exp_avg_diff", "d", "running mean of the gradient's change"),
    SECOND_MOMENT,
    Slot("pre_grad", "h", "the gradient before"),
)
HYPERPARAMETERS = (
    learning_rate(1e-3, search=1e-3),
    decay_rate("beta1", 0.98, "decay rate ρ₁ of the gradient's mean", "beta parameter at index 0"),
    decay_rate("beta2", 0.92, "decay rate ρ₂ of the change's mean", "beta parameter at index 1"),
    decay_rate("beta3", 0.99, "decay rate ρ₃ of the second moment", "beta parameter at index 2"),
    small_constant(1e-8),
    weight_decay(),
)


def equation(ahead, root):
    """Adan's without weight decay, with the weight of the change and what stands under the root."""
    return (
        r"s \leftarrow \rho_1 s + (1-\rho_1) g_t,\quad d \leftarrow \rho_2 d + (1-\rho_2)(g_t - g_{t-1}),\quad "
        rf"r \leftarrow \rho_3 r + (1-\rho_3)(g_t + {ahead}(g_t - g_{{t-1}}))^2,\quad "
        rf"\theta \leftarrow \theta - \epsilon \frac{{\hat{{s}} + {ahead}\hat{{d}}}}{{\sqrt{{{root}}} + \delta}}"
    )


ADAN = Rule(
    name="adan",
    title="Adan without the proximal step",
    update=update,
    prepare=prepare,
    slots=SLOTS,
    hyperparameters=HYPERPARAMETERS,
    equation=equation(r"\rho_2", r"\hat{r}"),
    reference="the program of Xie et al. (2022) with no_prox=True; 1−ρ is their β",
    decay="decoupled",
)

ADAN_PROXIMAL = variant(
    ADAN,
    name="adan_proximal",
    title="Adan",
    prepare=prepare_proximal,
    equation=ADAN.equation + r",\quad \theta \leftarrow \frac{\theta}{1 + \epsilon\lambda}",
    reference="Xie et al. (2022), algorithm 1, with the correction of the authors' program; 1−ρ is their β",
    decay="own",
)

ADAN_ROOT = Rule(
    name="adan_root",
    title="Adan as optax has it",
    update=update,
    prepare=prepare_root,
    slots=SLOTS,
    hyperparameters=(*HYPERPARAMETERS, EPS_ROOT),
    equation=equation(r"(1-\rho_2)", r"\hat{r} + \delta_0"),
    reference="optax.adan",
    decay="decoupled",
)
