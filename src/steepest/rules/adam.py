"""Adam: a running mean of the gradient over the root of one of its square, both corrected for their start at 0.

As published, δ stands outside the root; as the lecture prints it, inside. AMSGrad keeps the largest second moment.
AdamW is Adam with weight decay beside the gradient instead of inside it.
"""

from steepest.rules.facts import (
    BETA1,
    BETA2,
    FIRST_MOMENT,
    SECOND_MOMENT,
    learning_rate,
    small_constant,
    weight_decay,
)
from steepest.rules.rule import Rule, Slot, variant
from steepest.rules.verbs import maximum, sqrt

HYPERPARAMETERS = (learning_rate(1e-3, search=1e-3), BETA1, BETA2, small_constant(1e-8), weight_decay())


def prepare(t, lr, beta1, beta2, eps):
    return {
        "rate": lr,
        "rho1": beta1,
        "new1": 1 - beta1,
        "rho2": beta2,
        "new2": 1 - beta2,
        "correct1": 1 / (1 - beta1**t),
        "correct2": 1 / (1 - beta2**t),
        "delta": eps,
    }


def update(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s = rho1 * s + new1 * g
    r = rho2 * r + new2 * g * g
    return theta - rate * (s * correct1) / (sqrt(r * correct2) + delta), s, r


def update_as_printed(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s = rho1 * s + new1 * g
    r = rho2 * r + new2 * g * g
    return theta - rate * (s * correct1) / sqrt(r * correct2 + delta), s, r


def update_amsgrad(theta, g, s, r, r_max, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s = rho1 * s + new1 * g
    r = rho2 * r + new2 * g * g
    r_max = maximum(r_max, r)
    return theta - rate * (s * correct1) / (sqrt(r_max * correct2) + delta), s, r, r_max


MOMENTS = (
    r"s \leftarrow \rho_1 s + (1-\rho_1) g,\quad r \leftarrow \rho_2 r + (1-\rho_2) g^2,\quad "
    r"\hat{s} = \frac{s}{1-\rho_1^t},\quad \hat{r} = \frac{r}{1-\rho_2^t},\quad "
)

ADAM = Rule(
    name="adam_as_published",
    title="Adam",
    update=update,
    prepare=prepare,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS + r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{\hat{r}} + \delta}",
    reference="Kingma & Ba (2015)",
)

ADAM_AS_PRINTED = Rule(
    name="adam_as_printed",
    title="Adam, δ inside the root",
    update=update_as_printed,
    prepare=prepare,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS + r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{\hat{r} + \delta}}",
    reference="lecture, Adam",
)

AMSGRAD = Rule(
    name="amsgrad",
    title="AMSGrad",
    update=update_amsgrad,
    prepare=prepare,
    slots=(FIRST_MOMENT, SECOND_MOMENT, Slot("max_exp_avg_sq", "r_max", "largest second moment so far")),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS.replace(
        r"\hat{r} = \frac{r}", r"r_{\max} \leftarrow \max(r_{\max}, r),\quad \hat{r} = \frac{r_{\max}}"
    )
    + r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{\hat{r}} + \delta}",
    reference="Reddi, Kale & Kumar (2018), corrected as in torch.optim.Adam(amsgrad=True)",
)


def with_decoupled_decay(rule: Rule, name: str, title: str) -> Rule:
    """The rule with AdamW's weight decay: θ shrinks by ελθ, and the gradient does not know of it."""
    return variant(
        rule,
        name=name,
        title=title,
        decay="decoupled",
        defaults={"weight_decay": 1e-2},
        equation=r"\theta \leftarrow \theta - \epsilon\lambda\theta,\quad " + rule.equation,
        reference="Loshchilov & Hutter (2019)",
    )


ADAMW = with_decoupled_decay(ADAM, "adamw", "AdamW")
AMSGRADW = with_decoupled_decay(AMSGRAD, "amsgradw", "AMSGrad with decoupled weight decay")
