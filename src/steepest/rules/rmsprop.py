"""RMSProp: AdaGrad with a memory that fades. Centered, it divides by the deviation instead of the root mean square.

torch's momentum gathers the scaled gradients and multiplies by ε afterwards; Graves (2013) has δ inside the root and ε
inside the velocity. optax has three switches beside, which are numbers from 0 to 1 here.
"""

from dataclasses import replace

from steepest.rules.facts import MOMENTUM, VELOCITY, decay_rate, learning_rate, share, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot
from steepest.rules.verbs import sqrt

MEAN_SQUARE = Slot("square_avg", "r", "running mean of the squared gradient")
STARTED_MEAN_SQUARE = Slot("square_avg", "r", "running mean of the squared gradient", initial="initial_scale")
MEAN = Slot("grad_avg", "m", "running mean of the gradient", precise=True)  # r − m² is less than their rounding
MEAN_SQUARE_BESIDE_MEAN = replace(MEAN_SQUARE, precise=True)
STARTED_BESIDE_MEAN = replace(STARTED_MEAN_SQUARE, precise=True)
SCALED_SUM = Slot("momentum_buffer", "b", "decaying sum of past scaled gradients")

PLAIN = (
    learning_rate(1e-2, search=1e-3),
    decay_rate("alpha", 0.99, "decay rate ρ of the squared gradient's mean"),
    small_constant(1e-8),
    weight_decay(),
)
WITH_MOMENTUM = (*PLAIN, MOMENTUM)
INITIAL_SCALE = Hyperparameter("initial_scale", 0.0, "what r starts from", phrase="initial_scale value")
SWITCHES = (
    share("nesterov", 0.0, "1 steps on to where the velocity leads"),
    share("bias_correction", 0.0, "1 corrects the means for their start"),
    share("eps_in_sqrt", 1.0, "1 has δ inside the root, 0 outside"),
)


def average(mean, x, rho, new):
    return rho * mean + new * x


def prepare(lr, alpha, eps):
    return {"rate": lr, "rho": alpha, "new": 1 - alpha, "delta": eps}


def prepare_momentum(lr, alpha, eps, momentum):
    return {**prepare(lr, alpha, eps), "alpha": momentum}


def prepare_switched(t, lr, alpha, eps, momentum, nesterov, bias_correction, eps_in_sqrt):
    return {
        **prepare_momentum(lr, alpha, eps, momentum),
        "correct": 1 / (1 - bias_correction * alpha**t),
        "inside": eps_in_sqrt * eps,
        "outside": (1 - eps_in_sqrt) * eps,
        "of_velocity": 1 - nesterov + nesterov * momentum,
        "of_step": nesterov * lr,
    }


def update(theta, g, r, rate, rho, new, delta):
    r = average(r, g * g, rho, new)
    return theta - rate / (delta + sqrt(r)) * g, r


def update_inside(theta, g, r, rate, rho, new, delta):
    r = average(r, g * g, rho, new)
    return theta - rate / sqrt(r + delta) * g, r


def update_momentum(theta, g, r, b, rate, rho, new, delta, alpha):
    r = average(r, g * g, rho, new)
    b = alpha * b + g / (delta + sqrt(r))
    return theta - rate * b, r, b


def update_centered(theta, g, r, m, rate, rho, new, delta):
    r = average(r, g * g, rho, new)
    m = average(m, g, rho, new)
    return theta - rate / (delta + sqrt(r - m * m)) * g, r, m


def update_centered_momentum(theta, g, r, m, b, rate, rho, new, delta, alpha):
    r = average(r, g * g, rho, new)
    m = average(m, g, rho, new)
    b = alpha * b + g / (delta + sqrt(r - m * m))
    return theta - rate * b, r, m, b


def update_graves(theta, g, r, v, rate, rho, new, delta, alpha):
    r = average(r, g * g, rho, new)
    v = alpha * v - rate * g / sqrt(r + delta)
    return theta + v, r, v


def update_graves_centered(theta, g, r, m, v, rate, rho, new, delta, alpha):
    r = average(r, g * g, rho, new)
    m = average(m, g, rho, new)
    v = alpha * v - rate * g / sqrt(r - m * m + delta)
    return theta + v, r, m, v


def update_switched(theta, g, r, v, rate, rho, new, alpha, correct, inside, outside, of_velocity, of_step):
    r = average(r, g * g, rho, new)
    scaled = g / (sqrt(r * correct + inside) + outside)
    v = alpha * v - rate * scaled
    return theta + of_velocity * v - of_step * scaled, r, v


def update_switched_centered(theta, g, r, m, v, rate, rho, new, alpha, correct, inside, outside, of_velocity, of_step):
    r = average(r, g * g, rho, new)
    m = average(m, g, rho, new)
    mean = m * correct
    scaled = g / (sqrt(r * correct - mean * mean + inside) + outside)
    v = alpha * v - rate * scaled
    return theta + of_velocity * v - of_step * scaled, r, m, v


RMSPROP = Rule(
    name="rmsprop",
    title="RMSProp",
    update=update,
    prepare=prepare,
    slots=(MEAN_SQUARE,),
    hyperparameters=PLAIN,
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad "
    r"\theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r}}\, g",
    reference="Tieleman & Hinton (2012); lecture, RMSProp",
)

RMSPROP_INSIDE = Rule(
    name="rmsprop_inside",
    title="RMSProp, δ inside the root",
    update=update_inside,
    prepare=prepare,
    slots=(STARTED_MEAN_SQUARE,),
    hyperparameters=(*PLAIN, INITIAL_SCALE),
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad "
    r"\theta \leftarrow \theta - \epsilon \frac{g}{\sqrt{r + \delta}}",
    reference="keras.optimizers.RMSprop; optax.rmsprop; TensorFlow 1",
    counts_steps=False,
)

RMSPROP_MOMENTUM = Rule(
    name="rmsprop_momentum",
    title="RMSProp with momentum",
    update=update_momentum,
    prepare=prepare_momentum,
    slots=(MEAN_SQUARE, SCALED_SUM),
    hyperparameters=WITH_MOMENTUM,
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad b \leftarrow \alpha b + \frac{g}{\delta + \sqrt{r}},\quad "
    r"\theta \leftarrow \theta - \epsilon\, b",
    reference="torch.optim.RMSprop(momentum=…)",
)

RMSPROP_CENTERED = Rule(
    name="rmsprop_centered",
    title="centered RMSProp",
    update=update_centered,
    prepare=prepare,
    slots=(MEAN_SQUARE_BESIDE_MEAN, MEAN),
    hyperparameters=PLAIN,
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad m \leftarrow \rho m + (1-\rho) g,\quad "
    r"\theta \leftarrow \theta - \frac{\epsilon}{\delta + \sqrt{r - m^2}}\, g",
    reference="torch.optim.RMSprop(centered=True)",
)

RMSPROP_CENTERED_MOMENTUM = Rule(
    name="rmsprop_centered_momentum",
    title="centered RMSProp with momentum",
    update=update_centered_momentum,
    prepare=prepare_momentum,
    slots=(MEAN_SQUARE_BESIDE_MEAN, MEAN, SCALED_SUM),
    hyperparameters=WITH_MOMENTUM,
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad m \leftarrow \rho m + (1-\rho) g,\quad "
    r"b \leftarrow \alpha b + \frac{g}{\delta + \sqrt{r - m^2}},\quad \theta \leftarrow \theta - \epsilon\, b",
    reference="torch.optim.RMSprop(centered=True, momentum=…)",
)

RMSPROP_GRAVES = Rule(
    name="rmsprop_graves",
    title="RMSProp after Graves, not centered",
    update=update_graves,
    prepare=prepare_momentum,
    slots=(STARTED_MEAN_SQUARE, VELOCITY),
    hyperparameters=(*WITH_MOMENTUM, INITIAL_SCALE),
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad "
    r"v \leftarrow \alpha v - \epsilon \frac{g}{\sqrt{r + \delta}},\quad "
    r"\theta \leftarrow \theta + v",
    reference="Graves (2013), equations 38 to 41, without the mean",
)

RMSPROP_GRAVES_CENTERED = Rule(
    name="rmsprop_graves_centered",
    title="RMSProp after Graves",
    update=update_graves_centered,
    prepare=prepare_momentum,
    slots=(STARTED_BESIDE_MEAN, MEAN, VELOCITY),
    hyperparameters=(*WITH_MOMENTUM, INITIAL_SCALE),
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad m \leftarrow \rho m + (1-\rho) g,\quad "
    r"v \leftarrow \alpha v - \epsilon \frac{g}{\sqrt{r - m^2 + \delta}},\quad \theta \leftarrow \theta + v",
    reference="Graves (2013), equations 38 to 41",
)


def switched(deviation: str) -> str:
    """optax's lines; what stands under the root differs."""
    return (
        r"\hat{r} = r \text{ or } \frac{r}{1-\rho^t},\quad "
        rf"d = \sqrt{{{deviation} + \delta}} \text{{ or }} \sqrt{{{deviation}}} + \delta,\quad "
        r"v \leftarrow \alpha v - \epsilon \frac{g}{d},\quad "
        r"\theta \leftarrow \theta + v \text{ or } \theta + \alpha v - \epsilon \frac{g}{d}"
    )


RMSPROP_SWITCHED = Rule(
    name="rmsprop_switched",
    title="RMSProp with optax's switches",
    update=update_switched,
    prepare=prepare_switched,
    slots=(STARTED_MEAN_SQUARE, VELOCITY),
    hyperparameters=(*WITH_MOMENTUM, INITIAL_SCALE, *SWITCHES),
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad " + switched(r"\hat{r}"),
    reference="optax.rmsprop(nesterov=…, bias_correction=…, eps_in_sqrt=…)",
)

RMSPROP_SWITCHED_CENTERED = Rule(
    name="rmsprop_switched_centered",
    title="centered RMSProp with optax's switches",
    update=update_switched_centered,
    prepare=prepare_switched,
    slots=(STARTED_BESIDE_MEAN, MEAN, VELOCITY),
    hyperparameters=(*WITH_MOMENTUM, INITIAL_SCALE, *SWITCHES),
    equation=r"r \leftarrow \rho r + (1-\rho) g^2,\quad m \leftarrow \rho m + (1-\rho) g,\quad "
    r"\hat{m} = m \text{ or } \frac{m}{1-\rho^t},\quad " + switched(r"\hat{r} - \hat{m}^2"),
    reference="optax.rmsprop(centered=True, nesterov=…, bias_correction=…, eps_in_sqrt=…)",
)
