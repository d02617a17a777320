"""Adam: a running mean of the gradient over the root of one of its square, both corrected for their start at 0.

As published, δ stands outside the root; as the lecture prints it, inside. AMSGrad keeps the largest second moment.
AdamW is Adam with weight decay beside the gradient instead of inside it.
"""

import math

from steepest.rules.facts import (
    BETA1,
    BETA2,
    FIRST_MOMENT,
    SECOND_MOMENT,
    learning_rate,
    small_constant,
    weight_decay,
)
from steepest.rules.rule import Hyperparameter, Rule, Slot, variant
from steepest.rules.verbs import maximum, sqrt, where

MAXIMUM = Slot("max_exp_avg_sq", "r_max", "largest second moment so far")
EPS_ROOT = Hyperparameter("eps_root", 0.0, "small constant δ₀ inside the root", phrase="eps_root value")
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


def prepare_hat(t, lr, beta1, beta2, eps):
    constants = prepare(t, lr, beta1, beta2, eps)
    rate = lr * constants.pop("correct1") / math.sqrt(constants.pop("correct2"))
    return {**constants, "rate": rate}


def prepare_root(t, lr, beta1, beta2, eps, eps_root):
    return {**prepare(t, lr, beta1, beta2, eps), "root": eps_root}


def prepare_uncorrected(lr, beta1, beta2):
    return {"rate": lr, "rho1": beta1, "new1": 1 - beta1, "rho2": beta2, "new2": 1 - beta2}


def moments(g, s, r, rho1, new1, rho2, new2):
    """The running means of the gradient and of its square."""
    return rho1 * s + new1 * g, rho2 * r + new2 * g * g


def update(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - rate * (s * correct1) / (sqrt(r * correct2) + delta), s, r


def update_as_printed(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - rate * (s * correct1) / sqrt(r * correct2 + delta), s, r


def update_amsgrad(theta, g, s, r, r_max, rate, rho1, new1, rho2, new2, correct1, correct2, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    r_max = maximum(r_max, r)
    return theta - rate * (s * correct1) / (sqrt(r_max * correct2) + delta), s, r, r_max


def update_hat(theta, g, s, r, rate, rho1, new1, rho2, new2, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - rate * s / (sqrt(r) + delta), s, r


def update_root(theta, g, s, r, rate, rho1, new1, rho2, new2, correct1, correct2, delta, root):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    return theta - rate * (s * correct1) / (sqrt(r * correct2 + root) + delta), s, r


def update_amsgrad_hat(theta, g, s, r, r_max, rate, rho1, new1, rho2, new2, delta):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    r_max = maximum(r_max, r)
    return theta - rate * s / (sqrt(r_max) + delta), s, r, r_max


def update_amsgrad_corrected(theta, g, s, r, r_max, rate, rho1, new1, rho2, new2, correct1, correct2, delta, root):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    r_max = maximum(r_max, r * correct2)
    return theta - rate * (s * correct1) / (sqrt(r_max + root) + delta), s, r, r_max


def update_amsgrad_published(theta, g, s, r, r_max, rate, rho1, new1, rho2, new2):
    s, r = moments(g, s, r, rho1, new1, rho2, new2)
    r_max = maximum(r_max, r)
    return theta - rate * s / where(r_max == 0.0, 1.0, sqrt(r_max)), s, r, r_max


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
    slots=(FIRST_MOMENT, SECOND_MOMENT, MAXIMUM),
    hyperparameters=HYPERPARAMETERS,
    equation=MOMENTS.replace(
        r"\hat{r} = \frac{r}", r"r_{\max} \leftarrow \max(r_{\max}, r),\quad \hat{r} = \frac{r_{\max}}"
    )
    + r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{\hat{r}} + \delta}",
    reference="Reddi, Kale & Kumar (2018), corrected as in torch.optim.Adam(amsgrad=True)",
)


AVERAGES = r"s \leftarrow \rho_1 s + (1-\rho_1) g,\quad r \leftarrow \rho_2 r + (1-\rho_2) g^2,\quad "
LARGEST = r"r_{\max} \leftarrow \max(r_{\max}, r),\quad "
HAT_RATE = r"\epsilon \frac{\sqrt{1-\rho_2^t}}{1-\rho_1^t}"

ADAM_HAT = Rule(
    name="adam_hat",
    title="Adam, δ beside the uncorrected root",
    update=update_hat,
    prepare=prepare_hat,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=HYPERPARAMETERS,
    equation=AVERAGES + rf"\theta \leftarrow \theta - {HAT_RATE} \frac{{s}}{{\sqrt{{r}} + \delta}}",
    reference="Kingma & Ba (2015), the form before section 2.1; keras.optimizers.Adam; TensorFlow 1",
)

ADAM_ROOT = Rule(
    name="adam_root",
    title="Adam with a constant inside the root too",
    update=update_root,
    prepare=prepare_root,
    slots=(FIRST_MOMENT, SECOND_MOMENT),
    hyperparameters=(*HYPERPARAMETERS, EPS_ROOT),
    equation=MOMENTS + r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{\hat{r} + \delta_0} + \delta}",
    reference="optax.adam(eps_root=…)",
)

AMSGRAD_HAT = Rule(
    name="amsgrad_hat",
    title="AMSGrad, δ beside the uncorrected root",
    update=update_amsgrad_hat,
    prepare=prepare_hat,
    slots=(FIRST_MOMENT, SECOND_MOMENT, MAXIMUM),
    hyperparameters=HYPERPARAMETERS,
    equation=AVERAGES + LARGEST + rf"\theta \leftarrow \theta - {HAT_RATE} \frac{{s}}{{\sqrt{{r_{{\max}}}} + \delta}}",
    reference="keras.optimizers.Adam(amsgrad=True)",
)

AMSGRAD_CORRECTED = Rule(
    name="amsgrad_corrected",
    title="AMSGrad, the largest of the corrected second moments",
    update=update_amsgrad_corrected,
    prepare=prepare_root,
    slots=(FIRST_MOMENT, SECOND_MOMENT, MAXIMUM),
    hyperparameters=(*HYPERPARAMETERS, EPS_ROOT),
    equation=MOMENTS
    + r"r_{\max} \leftarrow \max(r_{\max}, \hat{r}),\quad "
    + r"\theta \leftarrow \theta - \epsilon \frac{\hat{s}}{\sqrt{r_{\max} + \delta_0} + \delta}",
    reference="optax.amsgrad",
)

AMSGRAD_PUBLISHED = Rule(
    name="amsgrad_as_published",
    title="AMSGrad as published",
    update=update_amsgrad_published,
    prepare=prepare_uncorrected,
    slots=(FIRST_MOMENT, SECOND_MOMENT, MAXIMUM),
    hyperparameters=(learning_rate(1e-3, search=1e-3), BETA1, BETA2, weight_decay()),
    equation=AVERAGES + LARGEST + r"\theta \leftarrow \theta - \epsilon \frac{s}{\sqrt{r_{\max}}}\qquad (0/0 = 0)",
    reference="Reddi, Kale & Kumar (2018), algorithm 2: no correction and no δ",
    counts_steps=False,
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
