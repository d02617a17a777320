"""AdaGrad: each weight's rate shrinks with the root of all its squared gradients so far."""

from steepest.rules.facts import learning_rate, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot
from steepest.rules.verbs import sqrt


def update(theta, g, r, rate, delta):
    r = r + g * g
    return theta - rate / (delta + sqrt(r)) * g, r


def update_inside(theta, g, r, rate, delta):
    r = r + g * g
    return theta - rate / sqrt(r + delta) * g, r


def prepare(t, lr, lr_decay, eps):
    return {"rate": lr / (1 + (t - 1) * lr_decay), "delta": eps}


SUM = Slot("sum", "r", "sum of squared gradients", initial="initial_accumulator_value")
INITIAL_SUM = Hyperparameter(
    "initial_accumulator_value", 0.0, "what r starts from", phrase="initial_accumulator_value value"
)

ADAGRAD = Rule(
    name="adagrad",
    title="AdaGrad",
    update=update,
    prepare=prepare,
    slots=(SUM,),
    hyperparameters=(
        learning_rate(1e-2, search=0.03),
        Hyperparameter("lr_decay", 0.0, "the rate at step t is ε / (1 + (t−1)·lr_decay)", phrase="lr_decay value"),
        weight_decay(),
        INITIAL_SUM,
        small_constant(1e-10),
    ),
    equation=r"r \leftarrow r + g^2,\quad \theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r}}\, g",
    reference="Duchi, Hazan & Singer (2011); lecture, AdaGrad",
    sparse="rows",
)


def prepare_inside(lr, eps):
    return {"rate": lr, "delta": eps}


ADAGRAD_INSIDE = Rule(
    name="adagrad_inside",
    title="AdaGrad, δ inside the root",
    update=update_inside,
    prepare=prepare_inside,
    slots=(SUM,),
    hyperparameters=(learning_rate(1e-3, search=0.03), weight_decay(), INITIAL_SUM, small_constant(1e-7)),
    equation=r"r \leftarrow r + g^2,\quad \theta \leftarrow \theta - \epsilon \frac{g}{\sqrt{r + \delta}}",
    reference="keras.optimizers.Adagrad; optax.adagrad",
    counts_steps=False,
    sparse="rows",
)
