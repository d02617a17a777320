"""Every update rule again in 50-digit arithmetic: one number at a time, one line of the paper per line here.

Nothing is shared with `steepest.rules`, nor between the rules. An oracle takes the starting point, the gradient as a
function of the point and of k (from 0), the rates ε_k as a function of k, the number of steps and the rule's other
hyperparameters by the rule's names; it yields θ after each step.
"""

import inspect
import json
from functools import cache
from pathlib import Path

from mpmath import mp, mpf, sqrt

mp.dps = 50

ARGUMENTS = ["theta", "gradient", "rate", "steps"]  # with which every oracle begins

# Hyperparameters at which each one matters; a new rule's new names get a value here.
SETTINGS = {
    "lr": "0.05",
    "momentum": "0.7",
    "dampening": "0.3",
    "alpha": "0.9",
    "rho": "0.9",
    "beta1": "0.9",
    "beta2": "0.99",
    "eps": "1e-3",
    "lr_decay": "0.1",
    "initial_accumulator_value": "0.5",
    "initial_scale": "0.5",
    "eps_root": "2e-3",
    "weight_decay": "0.02",
}


def gradient_descent(theta, gradient, rate, steps, weight_decay):
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        theta = theta - rate(k) * g
        yield theta


def momentum(theta, gradient, rate, steps, momentum, weight_decay):
    """Lecture: the rate is inside the velocity."""
    v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        v = momentum * v - rate(k) * g
        theta = theta + v
        yield theta


def nesterov(theta, gradient, rate, steps, momentum, weight_decay):
    """Lecture: the gradient of the whole objective, L2 term included, at the look-ahead point."""
    v = mpf(0)
    for k in range(steps):
        ahead = theta + momentum * v
        g = gradient(ahead, k) + weight_decay * ahead
        v = momentum * v - rate(k) * g
        theta = theta + v
        yield theta


def momentum_torch(theta, gradient, rate, steps, momentum, dampening, weight_decay):
    """The first gradient enters the buffer undamped."""
    b = None
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        b = g if b is None else momentum * b + (1 - dampening) * g
        theta = theta - rate(k) * b
        yield theta


def nesterov_torch(theta, gradient, rate, steps, momentum, dampening, weight_decay):
    b = None
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        b = g if b is None else momentum * b + (1 - dampening) * g
        theta = theta - rate(k) * (g + momentum * b)
        yield theta


def adagrad(theta, gradient, rate, steps, lr_decay, initial_accumulator_value, eps, weight_decay):
    """Duchi, Hazan & Singer (2011), with torch's decay of the rate and start of the sum."""
    r = initial_accumulator_value
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = r + g**2
        theta = theta - rate(k) / (1 + k * lr_decay) * g / (eps + sqrt(r))
        yield theta


def rmsprop(theta, gradient, rate, steps, alpha, eps, weight_decay):
    r = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = alpha * r + (1 - alpha) * g**2
        theta = theta - rate(k) * g / (eps + sqrt(r))
        yield theta


def rmsprop_momentum(theta, gradient, rate, steps, alpha, eps, momentum, weight_decay):
    """torch: the buffer holds scaled gradients; the rate multiplies it afterwards."""
    r = b = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = alpha * r + (1 - alpha) * g**2
        b = momentum * b + g / (eps + sqrt(r))
        theta = theta - rate(k) * b
        yield theta


def rmsprop_centered(theta, gradient, rate, steps, alpha, eps, weight_decay):
    r = mean = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = alpha * r + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        theta = theta - rate(k) * g / (eps + sqrt(r - mean**2))
        yield theta


def rmsprop_centered_momentum(theta, gradient, rate, steps, alpha, eps, momentum, weight_decay):
    r = mean = b = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = alpha * r + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        b = momentum * b + g / (eps + sqrt(r - mean**2))
        theta = theta - rate(k) * b
        yield theta


def rmsprop_graves(theta, gradient, rate, steps, alpha, eps, momentum, initial_scale, weight_decay):
    n, step = initial_scale, mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        n = alpha * n + (1 - alpha) * g**2
        step = momentum * step - rate(k) * g / sqrt(n + eps)
        theta = theta + step
        yield theta


def rmsprop_graves_centered(theta, gradient, rate, steps, alpha, eps, momentum, initial_scale, weight_decay):
    """Graves (2013), equations 38 to 41: δ inside the root, the rate inside the velocity."""
    n, mean, step = initial_scale, mpf(0), mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        n = alpha * n + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        step = momentum * step - rate(k) * g / sqrt(n - mean**2 + eps)
        theta = theta + step
        yield theta


def adadelta(theta, gradient, rate, steps, rho, eps, weight_decay):
    """Lecture: δ outside the roots; d takes in the previous step before the new one is made."""
    r = d = step = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = rho * r + (1 - rho) * g**2
        d = rho * d + (1 - rho) * step**2
        step = -(eps + sqrt(d)) / (eps + sqrt(r)) * g
        theta = theta + rate(k) * step
        yield theta


def adadelta_published(theta, gradient, rate, steps, rho, eps, weight_decay):
    """Zeiler (2012), algorithm 1: RMS[x] = √(E[x²] + δ)."""
    r = d = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = rho * r + (1 - rho) * g**2
        step = -sqrt(d + eps) / sqrt(r + eps) * g
        d = rho * d + (1 - rho) * step**2
        theta = theta + rate(k) * step
        yield theta


def adam_as_published(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = v / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / (sqrt(v_hat) + eps)
        yield theta


def adam_as_printed(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Lecture: δ inside the root."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = v / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / sqrt(v_hat + eps)
        yield theta


def adamw(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Loshchilov & Hutter (2019), algorithm 2, with λ times the rate as in torch."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = v / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * (m_hat / (sqrt(v_hat) + eps) + weight_decay * theta)
        yield theta


def amsgrad(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Reddi, Kale & Kumar (2018), algorithm 2, with torch's correction of the largest second moment."""
    m = v = largest = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = max(largest, v)
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = largest / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / (sqrt(v_hat) + eps)
        yield theta


def amsgradw(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    m = v = largest = mpf(0)
    for k in range(steps):
        g = gradient(theta, k)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = max(largest, v)
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = largest / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * (m_hat / (sqrt(v_hat) + eps) + weight_decay * theta)
        yield theta


def nesterov_shifted(theta, gradient, rate, steps, momentum, weight_decay):
    """Keras: the stored weights are the look-ahead point; the rate is inside the velocity."""
    v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        v = momentum * v - rate(k) * g
        theta = theta + momentum * v - rate(k) * g
        yield theta


def adagrad_inside(theta, gradient, rate, steps, initial_accumulator_value, eps, weight_decay):
    r = initial_accumulator_value
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = r + g**2
        theta = theta - rate(k) * g / sqrt(r + eps)
        yield theta


def rmsprop_inside(theta, gradient, rate, steps, alpha, eps, initial_scale, weight_decay):
    r = initial_scale
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        r = alpha * r + (1 - alpha) * g**2
        theta = theta - rate(k) * g / sqrt(r + eps)
        yield theta


def adam_hat(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Kingma & Ba (2015), the paragraph before section 2.1: the corrections go into the rate, the constant is ε̂."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        alpha = rate(k) * sqrt(1 - beta2 ** (k + 1)) / (1 - beta1 ** (k + 1))
        theta = theta - alpha * m / (sqrt(v) + eps)
        yield theta


def adam_root(theta, gradient, rate, steps, beta1, beta2, eps, eps_root, weight_decay):
    """optax: one constant inside the root, one outside."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = v / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / (sqrt(v_hat + eps_root) + eps)
        yield theta


def amsgrad_hat(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Keras: the largest of the uncorrected second moments, with ε̂."""
    m = v = largest = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = max(largest, v)
        alpha = rate(k) * sqrt(1 - beta2 ** (k + 1)) / (1 - beta1 ** (k + 1))
        theta = theta - alpha * m / (sqrt(largest) + eps)
        yield theta


def amsgrad_corrected(theta, gradient, rate, steps, beta1, beta2, eps, eps_root, weight_decay):
    """optax: the largest of the corrected second moments."""
    m = v = largest = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** (k + 1))
        largest = max(largest, v / (1 - beta2 ** (k + 1)))
        theta = theta - rate(k) * m_hat / (sqrt(largest + eps_root) + eps)
        yield theta


def amsgrad_as_published(theta, gradient, rate, steps, beta1, beta2, weight_decay):
    """Reddi, Kale & Kumar (2018), algorithm 2 as printed; 0/0 is no step."""
    m = v = largest = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = max(largest, v)
        theta = theta - (rate(k) * m / sqrt(largest) if largest else 0)
        yield theta


ORACLES = {
    name: oracle
    for name, oracle in dict(globals()).items()
    if inspect.isfunction(oracle) and list(inspect.signature(oracle).parameters)[:4] == ARGUMENTS
}


@cache
def lecture():
    """The lecture's rules, worked out by another program in 50 digits."""
    return json.loads((Path(__file__).parent / "data" / "lecture_oracle.json").read_text())


def fixed_gradients():
    """60 rows of six gradients, whose sizes span nine orders of magnitude, as decimal strings."""
    return lecture()["fixed_gradients"]["gradients"]


def linear_decay(initial):
    """ε_k from ε_0 to 0.01 ε_0 at τ = 40, constant afterwards."""
    final = mpf("0.01") * initial

    def rate(k):
        a = min(mpf(k) / 40, mpf(1))
        return (1 - a) * initial + a * final

    return rate


@cache
def fixed_gradient_path(name, **hyperparameters):
    """θ after each of 60 steps from θ = 1 under the fixed gradients and linear decay: a list of rows of six."""
    exact = {key: mpf(value) for key, value in hyperparameters.items()}
    rows = [[mpf(g) for g in row] for row in fixed_gradients()]
    rate = linear_decay(exact.pop("lr"))
    columns = [
        ORACLES[name](mpf(1), lambda _, k, j=j: rows[k][j], rate, len(rows), **exact) for j in range(len(rows[0]))
    ]
    return [list(row) for row in zip(*columns, strict=True)]
