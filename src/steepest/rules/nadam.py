"""NAdam: Adam that looks ahead. Four forms: torch's and Keras's schedule of μ, optax's constant μ, Dozat's own."""

from steepest.rules.adam import AVERAGES, moments
from steepest.rules.facts import (
    BETA1,
    BETA2,
    FIRST_MOMENT,
    SECOND_MOMENT,
    decay_rate,
    learning_rate,
    small_constant,
    weight_decay,
)
from steepest.rules.rule import Hyperparameter, Rule
from steepest.rules.verbs import sqrt

CONSTANT = (learning_rate(2e-3, search=1e-3), BETA1, BETA2, small_constant(1e-8), weight_decay())
SCHEDULED = (
    *CONSTANT,
    Hyperparameter("momentum_decay", 4e-3, "ψ: how fast μ rises to ρ₁", phrase="momentum_decay value"),
)


def scheduled_momentum(t, beta1, momentum_decay):
    return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))


def constants(t, lr, beta1, beta2, eps, mu, mu_next, mu_product):
    """The step is ahead · s + now · g over the root; `mu_product` reaches up to this step's μ."""
    return {
        "ahead": lr * mu_next / (1 - mu_product * mu_next),
        "now": lr * (1 - mu) / (1 - mu_product),
        "rho1": beta1,
        "new1": 1 - beta1,
        "rho2": beta2,
        "new2": 1 - beta2,
        "correct2": 1 / (1 - beta2**t),
        "delta": eps,
    }


def prepare(t, lr, beta1, beta2, eps, momentum_decay, mu_product):
    mu, mu_next = (scheduled_momentum(k, beta1, momentum_decay) for k in (t, t + 1))
    mu_product = mu_product * mu
    return {"mu_product": mu_product, **constants(t, lr, beta1, beta2, eps, mu, mu_next, mu_product)}


def prepare_constant(t, lr, beta1, beta2, eps):
    return constants(t, lr, beta1, beta2, eps, beta1, beta1, beta1**t)


def prepare_published(t, lr, beta1, beta2, eps, momentum_decay, mu_product):
    mu = scheduled_momentum(t, beta1, momentum_decay)
    scheduled = prepare(t, lr, beta1, beta2, eps, momentum_decay, mu_product)
    return {**scheduled, "rho1": mu, "new1": 1 - mu, "correct2": beta2 / (1 - beta2**t)}


def update(theta, g, s, r, ahead, now, rho1, new1, rho2, new2, correct2, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - (ahead * s + now * g) / (sqrt(r * correct2) + delta), s, r


SCHEDULE = r"\mu_t = \rho_1 (1 - \tfrac{1}{2} 0.96^{t\psi}),\quad "
STEP = (
    r"\theta \leftarrow \theta - \epsilon\left(\frac{\mu_{t+1} s}{1-\prod_{i=1}^{t+1}\mu_i} + "
    r"\frac{(1-\mu_t) g}{1-\prod_{i=1}^{t}\mu_i}\right) / (\sqrt{\hat{r}} + \delta)"
)

NADAM = Rule(
    name="nadam",
    title="NAdam",
    update=update,
    prepare=prepare,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=SCHEDULED,
    equation=SCHEDULE + AVERAGES + r"\hat{r} = \frac{r}{1-\rho_2^t},\quad " + STEP,
    reference="Dozat (2016), as torch.optim.NAdam and keras.optimizers.Nadam have it",
    memory={"mu_product": 1.0},
)

NADAM_CONSTANT = Rule(
    name="nadam_constant",
    title="NAdam with constant momentum",
    update=update,
    prepare=prepare_constant,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=CONSTANT,
    equation=AVERAGES
    + r"\hat{r} = \frac{r}{1-\rho_2^t},\quad \theta \leftarrow \theta - \epsilon\left("
    + r"\frac{\rho_1 s}{1-\rho_1^{t+1}} + \frac{(1-\rho_1) g}{1-\rho_1^t}\right) / (\sqrt{\hat{r}} + \delta)",
    reference="optax.nadam",
)

NADAM_PUBLISHED = Rule(
    name="nadam_as_published",
    title="NAdam as published",
    update=update,
    prepare=prepare_published,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=(
        learning_rate(2e-3, search=1e-3),
        decay_rate("beta1", 0.99, "momentum to which μ rises", "beta parameter at index 0"),
        *SCHEDULED[2:],
    ),
    equation=SCHEDULE
    + r"s \leftarrow \mu_t s + (1-\mu_t) g,\quad r \leftarrow \rho_2 r + (1-\rho_2) g^2,\quad "
    + r"\hat{r} = \frac{\rho_2 r}{1-\rho_2^t},\quad "
    + STEP,
    reference="Dozat (2016), algorithm 2",
    memory={"mu_product": 1.0},
)
