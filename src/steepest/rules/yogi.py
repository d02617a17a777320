"""Yogi: the second moment moves towards g² by at most its share, so it can shrink only slowly."""

from steepest.rules.facts import BETA1, BETA2, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot
from steepest.rules.verbs import sign, sqrt

START = "initial_accumulator_value"
HYPERPARAMETERS = (
    learning_rate(1e-2, search=1e-2),
    BETA1,
    BETA2,
    small_constant(1e-3),
    weight_decay(),
    Hyperparameter(START, 1e-6, "what the moments start from", phrase="initial_accumulator_value value"),
)
SECOND = Slot("exp_avg_sq", "r", "second moment of the gradient", initial=START)


def prepare(lr, beta1, beta2, eps):
    return {"rate": lr, "rho1": beta1, "new1": 1 - beta1, "new2": 1 - beta2, "delta": eps}


def prepare_corrected(t, lr, beta1, beta2, eps):
    corrections = {"correct1": 1 / (1 - beta1**t), "correct2": 1 / (1 - beta2**t)}
    return {**prepare(lr, beta1, beta2, eps), **corrections}


def moments(g, s, r, rho1, new1, new2):
    return rho1 * s + new1 * g, r - new2 * sign(r - g * g) * g * g


def update(theta, g, s, r, rate, rho1, new1, new2, delta):
    s, r = moments(g, s, r, rho1, new1, new2)
    return theta - rate * s / (sqrt(r) + delta), s, r


def update_corrected(theta, g, s, r, rate, rho1, new1, new2, correct1, correct2, delta):
    s, r = moments(g, s, r, rho1, new1, new2)
    return theta - rate * (s * correct1) / (sqrt(r * correct2) + delta), s, r


MOMENTS = (
    r"s \leftarrow \rho_1 s + (1-\rho_1) g,\quad r \leftarrow r - (1-\rho_2)\, \mathrm{sign}(r - g^2)\, g^2,\quad "
)

YOGI = Rule(
    name="yogi",
    title="Yogi",
    update=update,
    prepare=prepare,
    slots=(Slot("exp_avg", "s", "first moment: running mean of the gradient"), SECOND),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS + r"\theta \leftarrow \theta - \epsilon \frac{s}{\sqrt{r} + \delta}",
    reference="Zaheer et al. (2018), algorithm 2",
    counts_steps=False,
)

YOGI_CORRECTED = Rule(
    name="yogi_corrected",
    title="Yogi with corrected moments",
    update=update_corrected,
    prepare=prepare_corrected,
    slots=(Slot("exp_avg", "s", "first moment: running mean of the gradient", initial=START), SECOND),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS + r"\theta \leftarrow \theta - \epsilon \frac{s / (1-\rho_1^t)}{\sqrt{r / (1-\rho_2^t)} + \delta}",
    reference="optax.yogi, which starts both moments from the same value",
)
