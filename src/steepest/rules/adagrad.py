"""AdaGrad: each weight's rate shrinks with the root of all its squared gradients so far."""

from steepest.rules.facts import learning_rate, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot
from steepest.rules.verbs import sqrt


def update(theta, g, r, rate, delta):
    r = r + g * g
    return theta - rate / (delta + sqrt(r)) * g, r


def prepare(t, lr, lr_decay, eps):
    return {"rate": lr / (1 + (t - 1) * lr_decay), "delta": eps}


ADAGRAD = Rule(
    name="adagrad",
    title="AdaGrad",
    update=update,
    prepare=prepare,
    slots=(Slot("sum", "r", "sum of squared gradients", initial="initial_accumulator_value"),),
    hyperparameters=(
        learning_rate(1e-2, search=0.03),
        Hyperparameter("lr_decay", 0.0, "the rate at step t is ε / (1 + (t−1)·lr_decay)", phrase="lr_decay value"),
        weight_decay(),
        Hyperparameter(
            "initial_accumulator_value", 0.0, "what r starts from", phrase="initial_accumulator_value value"
        ),
        small_constant(1e-10),
    ),
    equation=r"r \leftarrow r + g^2,\quad \theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r}}\, g",
    reference="Duchi, Hazan & Singer (2011); lecture, AdaGrad",
)
