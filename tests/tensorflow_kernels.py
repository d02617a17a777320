"""TensorFlow 1's training kernels in 50-digit arithmetic, one number at a time, from the documentation of its raw ops.

tf.raw_ops.ApplyMomentum     accum ← momentum·accum + grad; var -= lr · accum; Nesterov: lr · (grad + momentum·accum)
tf.raw_ops.ApplyAdagrad      accum += grad²; var -= lr · grad · (1 / √accum)
tf.raw_ops.ApplyRMSProp      ms ← ρ·ms + (1−ρ)·grad²; mom ← momentum·mom + lr · grad / √(ms + ε); var -= mom
tf.raw_ops.ApplyCenteredRMSProp
                             mg ← ρ·mg + (1−ρ)·grad; mom ← momentum·mom + lr · grad / √(ms − mg² + ε)
tf.raw_ops.ApplyAdadelta     accum ← ρ·accum + (1−ρ)·grad²; update = √(accum_update + ε) · rsqrt(accum + ε) · grad;
                             accum_update ← ρ·accum_update + (1−ρ)·update²; var -= lr · update
tf.raw_ops.ApplyAdam         lr_t = lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ); m, v; var -= lr_t · m / (√v + ε)

tf.compat.v1.train.RMSPropOptimizer starts ms from 1. None of them knows weight decay: it is the gradient of λ/2 · var²
in the loss.
"""

from mpmath import mp, mpf, sqrt

mp.dps = 50
START = mpf(1)


def momentum(grads, rates, weight_decay, momentum, nesterov=False, start=START):
    var, accum, path = start, mpf(0), []
    for grad, lr in zip(grads, rates, strict=True):
        grad = grad + weight_decay * var
        accum = momentum * accum + grad
        var = var - lr * (grad + momentum * accum if nesterov else accum)
        path.append(var)
    return path


def adagrad(grads, rates, weight_decay, initial_accumulator_value, eps, start=START):
    var, accum, path = start, initial_accumulator_value, []
    assert eps == 0
    for grad, lr in zip(grads, rates, strict=True):
        grad = grad + weight_decay * var
        accum = accum + grad**2
        var = var - lr * grad * (1 / sqrt(accum))
        path.append(var)
    return path


def rmsprop(grads, rates, weight_decay, alpha, eps, momentum, start=START):
    var, ms, mom, path = start, mpf(1), mpf(0), []
    for grad, lr in zip(grads, rates, strict=True):
        grad = grad + weight_decay * var
        ms = alpha * ms + (1 - alpha) * grad**2
        mom = momentum * mom + lr * grad / sqrt(ms + eps)
        var = var - mom
        path.append(var)
    return path


def centered_rmsprop(grads, rates, weight_decay, alpha, eps, momentum, start=START):
    var, ms, mg, mom, path = start, mpf(1), mpf(0), mpf(0), []
    for grad, lr in zip(grads, rates, strict=True):
        grad = grad + weight_decay * var
        ms = alpha * ms + (1 - alpha) * grad**2
        mg = alpha * mg + (1 - alpha) * grad
        mom = momentum * mom + lr * grad / sqrt(ms - mg**2 + eps)
        var = var - mom
        path.append(var)
    return path


def adadelta(grads, rates, weight_decay, rho, eps, start=START):
    var, accum, accum_update, path = start, mpf(0), mpf(0), []
    for grad, lr in zip(grads, rates, strict=True):
        grad = grad + weight_decay * var
        accum = rho * accum + (1 - rho) * grad**2
        update = sqrt(accum_update + eps) / sqrt(accum + eps) * grad
        accum_update = rho * accum_update + (1 - rho) * update**2
        var = var - lr * update
        path.append(var)
    return path


def adam(grads, rates, weight_decay, beta1, beta2, eps, start=START):
    var, m, v, path = start, mpf(0), mpf(0), []
    for t, (grad, lr) in enumerate(zip(grads, rates, strict=True), 1):
        grad = grad + weight_decay * var
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        var = var - lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)
        path.append(var)
    return path


KERNELS = {
    "ApplyMomentum": momentum,
    "ApplyAdagrad": adagrad,
    "ApplyRMSProp": rmsprop,
    "ApplyCenteredRMSProp": centered_rmsprop,
    "ApplyAdadelta": adadelta,
    "ApplyAdam": adam,
}
