"""Muon: for whole matrices, the step is the momentum with its singular values driven towards 1.

Newton's and Schulz's iteration runs in bfloat16 in the authors' program and in torch, in full precision elsewhere.
"""

import math

from steepest.rules.facts import decay_rate, learning_rate, small_constant, weight_decay
from steepest.rules.rule import Hyperparameter, Rule, Slot, variant
from steepest.rules.verbs import addmm, coarse, fine, maximum, norm


def coefficient(name: str, default: float) -> Hyperparameter:
    """One of the three coefficients of the iteration's polynomial."""
    return Hyperparameter(name, default, f"coefficient {name[-1]} of NS", low=-math.inf, phrase="ns_coefficients")


HYPERPARAMETERS = (
    learning_rate(1e-3, search=1e-2),
    weight_decay(0.1),
    decay_rate("momentum", 0.95, "momentum α: the share of the mean that a step keeps"),
    coefficient("ns_a", 3.4445),
    coefficient("ns_b", -4.7750),
    coefficient("ns_c", 2.0315),
    small_constant(1e-7),
    Hyperparameter("ns_steps", 5.0, "steps of the iteration NS", high=100.0, whole=True, phrase="ns_steps value"),
    Hyperparameter(
        "rms_rate", 0.0, "κ: 0 for √max(1, rows/columns), else κ√max(rows, columns)", phrase="adjust_lr_fn value"
    ),
)
MOMENTUM = Slot("momentum_buffer", "m", "running mean of the gradient")


def looking_ahead(alpha, _):
    return 1 - alpha, alpha


def looking_ahead_corrected(alpha, t):
    return (1 - alpha) / (1 - alpha**t), alpha / (1 - alpha ** (t + 1))


def looking_ahead_of_the_sum(alpha, _):
    return 1.0, alpha


def itself(_, __):
    return 0.0, 1.0


def itself_corrected(alpha, t):
    return 0.0, 1 / (1 - alpha**t)


def preparing(weights, summed=False):
    """The constants of a mean, or of a sum; `weights` says how much of g and of it are flattened at step t."""

    def prepare(t, lr, momentum, ns_a, ns_b, ns_c, ns_steps, rms_rate, eps):
        of_gradient, of_mean = weights(momentum, t)
        return {
            "rate": lr,
            "alpha": momentum,
            "new": 1.0 if summed else 1 - momentum,
            "of_gradient": of_gradient,
            "of_mean": of_mean,
            "a": ns_a,
            "b": ns_b,
            "c": ns_c,
            "steps": ns_steps,
            "delta": eps,
            "kappa": rms_rate,
        }

    return prepare


def lying(x):
    """The matrix, or its transpose if it stands: XXᵀ is then the smaller product."""
    rows, columns = x.shape
    return x.T if rows > columns else x


def flattened(x, a, b, c, steps):
    """X with its singular values near 1, if they were at most 1, by X ← aX + (bA + cA²)X with A = XXᵀ."""
    y = lying(x)
    for _ in range(int(steps)):
        gram = y @ y.T
        y = addmm(y, addmm(gram, gram, gram, b, c), y, a, 1)
    return y.T if y.shape != x.shape else y


def length(theta, kappa):
    """By what the flattened matrix is multiplied."""
    rows, columns = theta.shape
    return kappa * math.sqrt(max(rows, columns)) if kappa else math.sqrt(max(1.0, rows / columns))


def clamped(d, delta):
    d = coarse(d)
    return d / maximum(norm(d), delta)


def added(d, delta):
    d = coarse(d)
    return d / (norm(d) + delta)


def added_in_full(d, delta):
    return d / (norm(d) + delta)


def flattening(scaled):
    """The update, with the way in which the matrix is made small enough for the iteration."""

    def update(theta, g, m, rate, alpha, new, of_gradient, of_mean, a, b, c, steps, delta, kappa):
        m = alpha * m + new * g
        x = flattened(scaled(of_gradient * g + of_mean * m, delta), a, b, c, steps)
        return theta - rate * length(theta, kappa) * fine(x, theta), m

    return update


update = flattening(clamped)
update_published = flattening(added)
update_in_full = flattening(added_in_full)

MEAN = r"m \leftarrow \alpha m + (1-\alpha) g,\quad "
SUM = r"m \leftarrow \alpha m + g,\quad "
CLAMPED = r"X_0 = \frac{d}{\max(\lVert d \rVert, \delta)}"
ADDED = r"X_0 = \frac{d}{\lVert d \rVert + \delta}"


def equation(buffer: str, direction: str, start: str) -> str:
    """Muon's lines; the mean, what is flattened, and how it is scaled before differ."""
    return (
        f"{buffer}d = {direction},\\quad {start},\\quad "
        r"X_{k+1} = a X_k + (b A + c A^2) X_k,\ A = X_k X_k^T,\quad "
        r"\theta \leftarrow \theta - \epsilon\, L X_n,\quad "
        r"L = \sqrt{\max(1, \text{rows}/\text{columns})} \text{ or } "
        r"\kappa \sqrt{\max(\text{rows}, \text{columns})}"
    )


MUON = Rule(
    name="muon",
    title="Muon",
    update=update,
    prepare=preparing(looking_ahead),
    slots=(MOMENTUM,),
    hyperparameters=HYPERPARAMETERS,
    equation=equation(MEAN, r"(1-\alpha) g + \alpha m", CLAMPED),
    reference="Jordan et al. (2024), as torch.optim.Muon has it",
    counts_steps=False,
    decay="decoupled",
    depends_on="matrix",
)

MUON_PLAIN = variant(
    MUON,
    name="muon_plain",
    title="Muon without Nesterov's look-ahead",
    prepare=preparing(itself),
    equation=equation(MEAN, "m", CLAMPED),
    reference="torch.optim.Muon(nesterov=False)",
)

MUON_PUBLISHED = variant(
    MUON,
    name="muon_published",
    title="Muon as its authors have it",
    update=update_published,
    equation=equation(MEAN, r"(1-\alpha) g + \alpha m", ADDED),
    reference="Jordan et al. (2024) and their program",
)

MUON_PUBLISHED_PLAIN = variant(
    MUON_PLAIN,
    name="muon_published_plain",
    title="Muon as its authors have it, without Nesterov's look-ahead",
    update=update_published,
    equation=equation(MEAN, "m", ADDED),
    reference="Jordan et al. (2024) and their program",
)

MUON_CORRECTED = variant(
    MUON,
    name="muon_corrected",
    title="Muon with a corrected mean, in full precision",
    update=update_in_full,
    prepare=preparing(looking_ahead_corrected),
    equation=equation(MEAN, r"(1-\alpha) \frac{g}{1-\alpha^t} + \alpha \frac{m}{1-\alpha^{t+1}}", ADDED),
    reference="optax.contrib.muon; rows and columns as torch counts them, the transpose of a kernel in flax",
    counts_steps=True,
)

MUON_CORRECTED_PLAIN = variant(
    MUON_CORRECTED,
    name="muon_corrected_plain",
    title="Muon with a corrected mean, without Nesterov's look-ahead, in full precision",
    prepare=preparing(itself_corrected),
    equation=equation(MEAN, r"\frac{m}{1-\alpha^t}", ADDED),
    reference="optax.contrib.muon(nesterov=False)",
)

MUON_SUM = variant(
    MUON,
    name="muon_sum",
    title="Muon of a decaying sum, in full precision",
    update=update_in_full,
    prepare=preparing(looking_ahead_of_the_sum, summed=True),
    equation=equation(SUM, r"g + \alpha m", ADDED),
    reference="keras.optimizers.Muon",
)

MUON_SUM_PLAIN = variant(
    MUON_SUM,
    name="muon_sum_plain",
    title="Muon of a decaying sum, without Nesterov's look-ahead, in full precision",
    prepare=preparing(itself, summed=True),
    equation=equation(SUM, "m", ADDED),
    reference="keras.optimizers.Muon(nesterov=False)",
)
