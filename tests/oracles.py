"""Every update rule again in 50-digit arithmetic: one number at a time, one line of the paper per line here.

Nothing is shared with `steepest.rules`, nor between the rules. An oracle takes the starting point, the gradient as a
function of the point and of k (from 0), the rates ε_k as a function of k, the number of steps and the rule's other
hyperparameters by the rule's names; it yields θ after each step.

At the end stand the random bits of stochastic rounding, in whole numbers.
"""

import inspect
import json
from functools import cache
from pathlib import Path

import numpy as np
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
    "beta3": "0.95",
    "momentum_decay": "0.03",
    "nu": "0.6",
    "nu1": "0.6",
    "nu2": "0.8",
    "lambd": "0.1",
    "t0": "20",
    "etaminus": "0.4",
    "etaplus": "1.3",
    "step_size_min": "0.02",
    "step_size_max": "0.09",
    "weight_decay": "0.02",
    "warmup_steps": "15",
    "nesterov": "0.4",
    "bias_correction": "0.7",
    "eps_in_sqrt": "0.6",
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


def rmsprop_switched(
    theta,
    gradient,
    rate,
    steps,
    alpha,
    eps,
    momentum,
    initial_scale,
    nesterov,
    bias_correction,
    eps_in_sqrt,
    weight_decay,
    centered=False,
):
    """optax.rmsprop: its scaling, its rate, its trace; a switch that is half on is half of both."""
    nu, mu, trace = initial_scale, mpf(0), mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        nu = alpha * nu + (1 - alpha) * g**2
        mu = alpha * mu + (1 - alpha) * g
        left = 1 - bias_correction * alpha ** (k + 1)
        variance = nu / left - (mu / left) ** 2 if centered else nu / left
        update = rate(k) * g / (sqrt(variance + eps_in_sqrt * eps) + (1 - eps_in_sqrt) * eps)
        trace = update + momentum * trace
        theta = theta - (1 - nesterov) * trace - nesterov * (update + momentum * trace)
        yield theta


def rmsprop_switched_centered(theta, gradient, rate, steps, **options):
    """Likewise."""
    yield from rmsprop_switched(theta, gradient, rate, steps, **options, centered=True)


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


def nadam(theta, gradient, rate, steps, beta1, beta2, eps, momentum_decay, weight_decay):
    """torch and Keras: Dozat's schedule of μ in the step, but a constant β₁ in the first moment."""
    m = v = mpf(0)
    product = mpf(1)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        mu = beta1 * (1 - mpf("0.5") * mpf("0.96") ** ((k + 1) * momentum_decay))
        mu_next = beta1 * (1 - mpf("0.5") * mpf("0.96") ** ((k + 2) * momentum_decay))
        product = product * mu
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_bar = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        theta = theta - rate(k) * m_bar / (sqrt(v / (1 - beta2 ** (k + 1))) + eps)
        yield theta


def nadam_constant(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """optax: the same with a constant μ."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_bar = beta1 * m / (1 - beta1 ** (k + 2)) + (1 - beta1) * g / (1 - beta1 ** (k + 1))
        theta = theta - rate(k) * m_bar / (sqrt(v / (1 - beta2 ** (k + 1))) + eps)
        yield theta


def nadam_as_published(theta, gradient, rate, steps, beta1, beta2, eps, momentum_decay, weight_decay):
    """Dozat (2016), algorithm 2, with μ_t = μ(1 − 0.5·0.96^(tψ)); ν is beta2."""
    m = n = mpf(0)
    product = mpf(1)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        mu = beta1 * (1 - mpf("0.5") * mpf("0.96") ** ((k + 1) * momentum_decay))
        mu_next = beta1 * (1 - mpf("0.5") * mpf("0.96") ** ((k + 2) * momentum_decay))
        product = product * mu
        m = mu * m + (1 - mu) * g
        n = beta2 * n + (1 - beta2) * g**2
        m_hat = mu_next * m / (1 - product * mu_next) + (1 - mu) * g / (1 - product)
        n_hat = beta2 * n / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / (sqrt(n_hat) + eps)
        yield theta


def adamax(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """torch and optax: δ inside the maximum."""
    m = u = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g) + eps)
        theta = theta - rate(k) / (1 - beta1 ** (k + 1)) * m / u
        yield theta


def adamax_outside(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Keras: δ beside the maximum."""
    m = u = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g))
        theta = theta - rate(k) / (1 - beta1 ** (k + 1)) * m / (u + eps)
        yield theta


def adamax_as_published(theta, gradient, rate, steps, beta1, beta2, weight_decay):
    """Kingma & Ba (2015), algorithm 2; 0/0 is no step."""
    m = u = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        u = max(beta2 * u, abs(g))
        theta = theta - (rate(k) / (1 - beta1 ** (k + 1)) * m / u if u else 0)
        yield theta


def radam_rectification(beta2, t):
    """Liu et al. (2020), algorithm 2: ρ_t and r_t."""
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    return rho, (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)


def radam(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """torch: δ beside the uncorrected root, the threshold at 5."""
    m = v = mpf(0)
    for k in range(steps):
        t = k + 1
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        rho, rectified = radam_rectification(beta2, t)
        adaptive = sqrt(1 - beta2**t) / (sqrt(v) + eps) * sqrt(rectified) if rho > 5 else 1
        theta = theta - rate(k) * m_hat * adaptive
        yield theta


def radam_corrected(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """optax: δ beside the corrected root."""
    m = v = mpf(0)
    for k in range(steps):
        t = k + 1
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        rho, rectified = radam_rectification(beta2, t)
        adaptive = sqrt(rectified) / (sqrt(v / (1 - beta2**t)) + eps) if rho > 5 else 1
        theta = theta - rate(k) * m_hat * adaptive
        yield theta


def radam_as_published(theta, gradient, rate, steps, beta1, beta2, weight_decay):
    """Liu et al. (2020), algorithm 2: no δ, the threshold at 4; 0/0 is no step."""
    m = v = mpf(0)
    for k in range(steps):
        t = k + 1
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        rho, rectified = radam_rectification(beta2, t)
        if rho > 4:
            theta = theta - (rate(k) * sqrt(rectified) * m_hat * sqrt((1 - beta2**t) / v) if v else 0)
        else:
            theta = theta - rate(k) * m_hat
        yield theta


def sign(x):
    return mpf((x > 0) - (x < 0))


def lion(theta, gradient, rate, steps, beta1, beta2, weight_decay):
    """Chen et al. (2023), algorithm 2."""
    m = mpf(0)
    for k in range(steps):
        g = gradient(theta, k)
        update = sign(beta1 * m + (1 - beta1) * g)
        theta = theta - rate(k) * (update + weight_decay * theta)
        m = beta2 * m + (1 - beta2) * g
        yield theta


def adan(theta, gradient, rate, steps, beta1, beta2, beta3, eps, weight_decay):
    """Xie et al. (2022), algorithm 1, β_i = 1 − beta_i, corrected, and with decoupled decay."""
    b1, b2, b3 = 1 - beta1, 1 - beta2, 1 - beta3
    m = v = n = mpf(0)
    before = None
    for k in range(steps):
        g = gradient(theta, k)
        change = g - (g if before is None else before)
        m = (1 - b1) * m + b1 * g
        v = (1 - b2) * v + b2 * change
        n = (1 - b3) * n + b3 * (g + (1 - b2) * change) ** 2
        m_hat = m / (1 - (1 - b1) ** (k + 1))
        v_hat = v / (1 - (1 - b2) ** (k + 1))
        n_hat = n / (1 - (1 - b3) ** (k + 1))
        eta = rate(k) / (sqrt(n_hat) + eps)
        theta = theta * (1 - rate(k) * weight_decay) - eta * (m_hat + (1 - b2) * v_hat)
        before = g
        yield theta


def adan_proximal(theta, gradient, rate, steps, beta1, beta2, beta3, eps, weight_decay):
    """Xie et al. (2022), algorithm 1: the step without decay, then θ/(1 + λη)."""
    path = adan(theta, lambda _, k: gradient(theta, k), rate, steps, beta1, beta2, beta3, eps, mpf(0))
    before = theta
    for k in range(steps):
        after = next(path)
        theta = (theta + after - before) / (1 + weight_decay * rate(k))
        before = after
        yield theta


def adan_root(theta, gradient, rate, steps, beta1, beta2, beta3, eps, eps_root, weight_decay):
    """optax: 1 − b2 in the place of b2, and a constant inside the root."""
    m = v = n = mpf(0)
    before = None
    for k in range(steps):
        g = gradient(theta, k)
        change = g - (g if before is None else before)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * change
        n = beta3 * n + (1 - beta3) * (g + (1 - beta2) * change) ** 2
        m_hat = m / (1 - beta1 ** (k + 1))
        v_hat = v / (1 - beta2 ** (k + 1))
        n_hat = n / (1 - beta3 ** (k + 1))
        u = (m_hat + (1 - beta2) * v_hat) / (sqrt(n_hat + eps_root) + eps)
        theta = theta - rate(k) * (u + weight_decay * theta)
        before = g
        yield theta


def yogi(theta, gradient, rate, steps, beta1, beta2, eps, initial_accumulator_value, weight_decay):
    """Zaheer et al. (2018), algorithm 2."""
    m, v = mpf(0), initial_accumulator_value
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * sign(v - g**2) * g**2
        theta = theta - rate(k) * m / (sqrt(v) + eps)
        yield theta


def yogi_corrected(theta, gradient, rate, steps, beta1, beta2, eps, initial_accumulator_value, weight_decay):
    """optax: both moments start from the same value and are corrected."""
    m = v = initial_accumulator_value
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * sign(v - g**2) * g**2
        m_hat, v_hat = m / (1 - beta1 ** (k + 1)), v / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / (sqrt(v_hat) + eps)
        yield theta


def adabelief(theta, gradient, rate, steps, beta1, beta2, eps, eps_root, weight_decay):
    """Zhuang et al. (2020), algorithm 2; its two ε are eps_root and eps here."""
    m = s = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps_root
        m_hat, s_hat = m / (1 - beta1 ** (k + 1)), s / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * m_hat / (sqrt(s_hat) + eps)
        yield theta


def momentum_mean(theta, gradient, rate, steps, momentum, weight_decay):
    m = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = momentum * m + (1 - momentum) * g
        theta = theta - rate(k) * m
        yield theta


def qhm(theta, gradient, rate, steps, momentum, nu, weight_decay):
    """Ma & Yarats (2019), equations 3 and 4."""
    buffer = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        buffer = momentum * buffer + (1 - momentum) * g
        theta = theta - rate(k) * ((1 - nu) * g + nu * buffer)
        yield theta


def qhadam(theta, gradient, rate, steps, beta1, beta2, eps, nu1, nu2, weight_decay):
    """Ma & Yarats (2019), equations 8 to 10."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1 ** (k + 1)), v / (1 - beta2 ** (k + 1))
        theta = theta - rate(k) * ((1 - nu1) * g + nu1 * m_hat) / (sqrt((1 - nu2) * g**2 + nu2 * v_hat) + eps)
        yield theta


def asgd(theta, gradient, rate, steps, lambd, alpha, t0, weight_decay):
    """Polyak & Juditsky (1992) as torch has it: the first rate is ε, later ones are made at the step before."""
    eta = rate(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        theta = (1 - lambd * eta) * theta - eta * g
        eta = rate(k) / (1 + lambd * rate(k) * (k + 1)) ** alpha
        yield theta


def rprop(theta, gradient, rate, steps, etaminus, etaplus, step_size_min, step_size_max, weight_decay):
    """Riedmiller & Braun (1993), without weight backtracking: a changed sign skips one step."""
    before, size = mpf(0), rate(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        if g * before > 0:
            size = size * etaplus
        elif g * before < 0:
            size = size * etaminus
        size = min(max(size, step_size_min), step_size_max)
        if g * before < 0:
            g = mpf(0)
        theta = theta - size * sign(g)
        before = g
        yield theta


def rprop_late(theta, gradient, rate, steps, etaminus, etaplus, step_size_min, step_size_max, weight_decay):
    """optax.rprop: the step of before is taken now, unless the gradient has turned."""
    before, size = mpf(0), rate(0)
    for k in range(steps):
        g = gradient(theta, k) + weight_decay * theta
        turned = g * before < 0
        if g * before != 0:
            size = min(max(size * (etaminus if turned else etaplus), step_size_min), step_size_max)
        theta = theta if turned else theta - before
        before = mpf(0) if turned else size * sign(g)
        yield theta


def rising(rate, warmup_steps, first):
    """The rate of step k = 0, 1, …, which begins with first/warmup_steps of itself."""
    return lambda k: rate(k) * min(mpf(1), (k + first) / warmup_steps) if warmup_steps else rate(k)


def schedule_free_sgd(theta, gradient, rate, steps, momentum, weight_decay, warmup_steps, first=1):
    """Defazio et al. (2024): x is the model, y where the gradient is taken; weights are squares of the largest rate."""
    moves, weighs = rising(rate, warmup_steps, first), rising(rate, warmup_steps, 1)
    z = x = theta
    largest = total = mpf(0)
    for k in range(steps):
        y = (1 - momentum) * z + momentum * x
        g = gradient(y, k) + weight_decay * y
        z = z - moves(k) * g
        largest = max(largest, weighs(k))
        total = total + largest**2
        c = largest**2 / total
        x = (1 - c) * x + c * z
        yield x


def schedule_free_sgd_late(theta, gradient, rate, steps, momentum, weight_decay, warmup_steps):
    """optax: z moves by a rate that rises from 0, whose weight in the mean is the next one's."""
    yield from schedule_free_sgd(theta, gradient, rate, steps, momentum, weight_decay, warmup_steps, first=0)


def schedule_free_adamw(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay, warmup_steps, first=1):
    """Defazio et al. (2024), algorithm 1."""
    moves, weighs = rising(rate, warmup_steps, first), rising(rate, warmup_steps, 1)
    z = x = theta
    v = largest = total = mpf(0)
    for k in range(steps):
        y = (1 - beta1) * z + beta1 * x
        g = gradient(y, k)
        v = beta2 * v + (1 - beta2) * g**2
        v_hat = v / (1 - beta2 ** (k + 1))
        z = z - moves(k) * (g / (sqrt(v_hat) + eps) + weight_decay * y)
        largest = max(largest, weighs(k))
        total = total + largest**2
        c = largest**2 / total
        x = (1 - c) * x + c * z
        yield x


def schedule_free_adamw_late(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay, warmup_steps):
    """optax: likewise."""
    given = (beta1, beta2, eps, weight_decay, warmup_steps)
    yield from schedule_free_adamw(theta, gradient, rate, steps, *given, first=0)


def schedule_free_adamw_even(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay, warmup_steps):
    """keras.optimizers.ScheduleFreeAdamW, which holds y and works x out of it; every Keras weight decay comes first."""
    moves = rising(rate, warmup_steps, 1)
    y = z = theta
    v = mpf(0)
    for k in range(steps):
        g = gradient(y, k)
        y = y - rate(k) * weight_decay * y
        v = beta2 * v + (1 - beta2) * g**2
        x = (y - (1 - beta1) * z) / beta1
        z = z - moves(k) * g / (sqrt(v / (1 - beta2 ** (k + 1))) + eps)
        x = (1 - mpf(1) / (k + 1)) * x + z / (k + 1)
        y = (1 - beta1) * z + beta1 * x
        yield x


def lamb(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """You et al. (2020), algorithm 2, for a tensor of one number."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1 ** (k + 1)), v / (1 - beta2 ** (k + 1))
        step = m_hat / (sqrt(v_hat) + eps) + weight_decay * theta
        ratio = abs(theta) / abs(step) if theta and step else 1
        theta = theta - rate(k) * ratio * step
        yield theta


def lamb_undecayed(theta, gradient, rate, steps, beta1, beta2, eps, weight_decay):
    """Keras: θ shrinks before, and the decay is no part of the step."""
    m = v = mpf(0)
    for k in range(steps):
        g = gradient(theta, k)
        theta = theta - rate(k) * weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1 ** (k + 1)), v / (1 - beta2 ** (k + 1))
        step = m_hat / (sqrt(v_hat) + eps)
        ratio = abs(theta) / abs(step) if theta and step else 1
        theta = theta - rate(k) * ratio * step
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


# ------------------------------------------------------------------------------------------------- stochastic rounding


def splitmix(x):
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def lowbias32(x):
    x = (x ^ x >> 16) * 0x7FEB352D % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    return x ^ x >> 16


def step_key(seed, t):
    return splitmix(splitmix(seed) + t) >> 11


def random_bits(key, weights, array):
    """The 16 bits of each weight, by the key of the step."""
    return [lowbias32(lowbias32((weight + key) % 2**32) ^ (key >> 32 | array << 24)) >> 16 for weight in weights]


def stochastically_rounded(x, bits):
    """Float32 numbers that bfloat16 holds: the bits are added, the lower half is cut off."""
    words = x.view(np.uint32).astype(np.uint64) + np.array(bits, dtype=np.uint64) & 0xFFFF0000
    return np.where(np.isnan(x), np.float32("nan"), words.astype(np.uint32).view(np.float32))
