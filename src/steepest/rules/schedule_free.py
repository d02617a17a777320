"""Schedule-free learning: the mean x of the iterates z is the model; the gradient is taken between the two.

θ is x. The weight of a step in the mean is the square of the largest rate so far; Keras weighs all steps alike, and its
weight decay shrinks the point of the gradient while z stays. With warm-up, optax's steps are one behind their weights:
the first has the rate 0.
"""

from steepest.rules.facts import BETA1, BETA2, MOMENTUM, SECOND_MOMENT, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot, variant
from steepest.rules.verbs import sqrt

ITERATE = Slot("z", "z", "the iterate that the gradients move", initial="theta", precise=True)
MEMORY = {"weight_sum": 0.0, "lr_max": 0.0}


def between(theta, z, beta):
    return beta * theta + (1 - beta) * z


def average(lr, weight_sum, lr_max):
    """The share of the new iterate in the mean, and what to remember."""
    lr_max = max(lr, lr_max)
    weight_sum = weight_sum + lr_max**2
    return {"share": lr_max**2 / weight_sum if weight_sum else 0.0, "weight_sum": weight_sum, "lr_max": lr_max}


def warmed(lr, step, warmup_steps):
    """The rate, which rises evenly over the first steps."""
    return lr * step / warmup_steps if step < warmup_steps else lr


def prepare_sgd(t, lr, momentum, warmup_steps, weight_sum, lr_max):
    lr = warmed(lr, t, warmup_steps)
    return {"rate": lr, "beta": momentum, **average(lr, weight_sum, lr_max)}


def prepare_adamw(t, lr, beta1, beta2, eps, weight_decay, warmup_steps, weight_sum, lr_max):
    lr = warmed(lr, t, warmup_steps)
    return {
        "rate": lr,
        "beta": beta1,
        "rho2": beta2,
        "new2": 1 - beta2,
        "correct2": 1 / (1 - beta2**t),
        "delta": eps,
        "decay": weight_decay,
        **average(lr, weight_sum, lr_max),
    }


def prepare_sgd_late(t, lr, momentum, warmup_steps, weight_sum, lr_max):
    constants = prepare_sgd(t, lr, momentum, warmup_steps, weight_sum, lr_max)
    return {**constants, "rate": warmed(lr, t - 1, warmup_steps)}


def prepare_adamw_late(t, lr, beta1, beta2, eps, weight_decay, warmup_steps, weight_sum, lr_max):
    constants = prepare_adamw(t, lr, beta1, beta2, eps, weight_decay, warmup_steps, weight_sum, lr_max)
    return {**constants, "rate": warmed(lr, t - 1, warmup_steps)}


def prepare_adamw_even(t, lr, beta1, beta2, eps, weight_decay, warmup_steps):
    return {
        "rate": warmed(lr, t, warmup_steps),
        "beta": beta1,
        "rho2": beta2,
        "new2": 1 - beta2,
        "correct2": 1 / (1 - beta2**t),
        "delta": eps,
        "shrink": lr * weight_decay / beta1 if beta1 else 0.0,  # at 0 the gradient is taken at z, which never shrinks
        "share": 1 / t,
    }


def update_sgd(theta, g, z, rate, share):
    z = z - rate * g
    return theta + share * (z - theta), z


def update_adamw(theta, g, z, r, rate, beta, rho2, new2, correct2, delta, decay, share):
    r = rho2 * r + new2 * g * g
    z = z - rate * (g / (sqrt(r * correct2) + delta) + decay * between(theta, z, beta))
    return theta + share * (z - theta), z, r


def update_adamw_even(theta, g, z, r, rate, beta, rho2, new2, correct2, delta, shrink, share):
    theta = theta - shrink * between(theta, z, beta)
    r = rho2 * r + new2 * g * g
    z = z - rate * g / (sqrt(r * correct2) + delta)
    return theta + share * (z - theta), z, r


WARMUP = Hyperparameter("warmup_steps", 0.0, "steps over which the rate rises", phrase="warmup_steps value")
MEAN = r"x \leftarrow (1-c_t) x + c_t z,\quad c_t = \frac{\epsilon_{\max}^2}{\sum \epsilon_{\max}^2}"

SCHEDULE_FREE_SGD = Rule(
    name="schedule_free_sgd",
    title="schedule-free gradient descent",
    update=update_sgd,
    prepare=prepare_sgd,
    slots=(ITERATE,),
    hyperparameters=(learning_rate(1.0, search=1.0), MOMENTUM, weight_decay(), WARMUP),
    equation=r"z \leftarrow z - \epsilon\, g(y),\quad " + MEAN + r",\quad y = (1-\alpha) z + \alpha x",
    reference="Defazio et al. (2024)",
    memory=MEMORY,
    gradient_point=between,
)

SCHEDULE_FREE_ADAMW = Rule(
    name="schedule_free_adamw",
    title="schedule-free AdamW",
    update=update_adamw,
    prepare=prepare_adamw,
    slots=(ITERATE, SECOND_MOMENT),
    hyperparameters=(learning_rate(2.5e-3, search=2.5e-3), BETA1, BETA2, small_constant(1e-8), weight_decay(), WARMUP),
    equation=r"r \leftarrow \rho_2 r + (1-\rho_2) g(y)^2,\quad "
    r"z \leftarrow z - \epsilon\left(\frac{g(y)}{\sqrt{\hat{r}} + \delta} + \lambda y\right),\quad "
    + MEAN
    + r",\quad y = (1-\rho_1) z + \rho_1 x",
    reference="Defazio et al. (2024), algorithm 1",
    memory=MEMORY,
    gradient_point=between,
    decay="own",
)

SCHEDULE_FREE_SGD_LATE = variant(
    SCHEDULE_FREE_SGD,
    name="schedule_free_sgd_late",
    title="schedule-free gradient descent, its warm-up one step late",
    prepare=prepare_sgd_late,
    reference="optax.contrib.schedule_free_sgd; z moves by the rate of the step before",
)

SCHEDULE_FREE_ADAMW_LATE = variant(
    SCHEDULE_FREE_ADAMW,
    name="schedule_free_adamw_late",
    title="schedule-free AdamW, its warm-up one step late",
    prepare=prepare_adamw_late,
    reference="optax.contrib.schedule_free_adamw; z moves by the rate of the step before",
)

SCHEDULE_FREE_ADAMW_EVEN = Rule(
    name="schedule_free_adamw_even",
    title="schedule-free AdamW, all steps weighed alike",
    update=update_adamw_even,
    prepare=prepare_adamw_even,
    slots=(ITERATE, SECOND_MOMENT),
    hyperparameters=SCHEDULE_FREE_ADAMW.hyperparameters,
    equation=r"x \leftarrow x - \frac{\epsilon\lambda}{\rho_1} y,\quad "
    r"r \leftarrow \rho_2 r + (1-\rho_2) g(y)^2,\quad "
    r"z \leftarrow z - \epsilon \frac{g(y)}{\sqrt{\hat{r}} + \delta},\quad "
    r"x \leftarrow (1-\tfrac{1}{t}) x + \tfrac{1}{t} z,\quad y = (1-\rho_1) z + \rho_1 x",
    reference="keras.optimizers.ScheduleFreeAdamW",
    gradient_point=between,
    decay="own",
)
